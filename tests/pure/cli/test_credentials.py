"""`quorate credentials`: what it writes is the official client's, private, and never in place of another file."""

import json
import stat

import pytest
from openstack.config import OpenStackConfig

from quorate.cli.main import main


@pytest.mark.filterwarnings("ignore:Support for InfluxDB")
def test_the_official_client_reads_what_is_written(tmp_path, monkeypatch, capsys, lab_text):
    file = tmp_path / "quorate.yaml"
    file.write_text(lab_text)
    monkeypatch.setenv("QUORATE_FILE", str(file))
    assert main(["secrets", "init"]) == 0
    assert main(["credentials"]) == 0
    path = tmp_path / "clouds.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    password = json.loads((tmp_path / "quorate.secrets.json").read_text())["values"]["keystone/admin"]
    region = OpenStackConfig(config_files=[str(path)]).get_one("lab")
    assert region.config["auth"]["password"] == password
    assert region.config["auth"]["auth_url"] == "http://10.77.0.10:5000/v3"
    assert (region.get_region_name(), region.get_interface()) == ("RegionOne", "public")
    assert password not in "".join(capsys.readouterr())


def test_another_file_is_left_as_it_is(tmp_path, monkeypatch, capsys, lab_text):
    file = tmp_path / "quorate.yaml"
    file.write_text(lab_text)
    monkeypatch.setenv("QUORATE_FILE", str(file))
    main(["secrets", "init"])
    assert main(["credentials"]) == 0
    assert main(["credentials"]) == 0
    assert "is as it should be" in capsys.readouterr().out
    path = tmp_path / "clouds.yaml"
    path.write_text("clouds: {}\n")
    assert main(["credentials"]) == 2
    assert "is left as it is; name another: --to PATH" in capsys.readouterr().err
    assert path.read_text() == "clouds: {}\n"
    assert main(["credentials", "--to", str(tmp_path / "mine.yaml")]) == 0
