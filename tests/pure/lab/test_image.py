import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from quorate.lab import image, recipe
from quorate.lab.command import LabError
from quorate.lab.image import Image
from quorate.lab.recipe import BASE

COMMANDS = {
    "podman": """\
        echo "$*" | head -n 1 >> {here}/said
        case $1 in
            images) cat {here}/images ;;
            ps) cat {here}/used ;;
            mount) echo {here}/root ;;
            import) cat > {here}/imported ;;
            unshare) shift; exec "$@" ;;
        esac
    """,
    "unshare": 'shift; exec "$@"',
    "mmdebstrap": """\
        for argument; do printf '%s\\0' "$argument"; done > {here}/asked
        echo "I: nothing to download -- skipping..." >&2
        echo archive
        if [ -e {here}/fails ]; then echo "E: no such package" >&2; exit 1; fi
    """,
    "apt-config": "",
    "apt-get": "echo 'http://mirror.example/debian/|main|Debian|Debian'",
}


@dataclass(frozen=True)
class Here:
    """A machine whose podman has images and mounts `root`; what was asked of its commands."""

    path: Path

    @property
    def podman(self) -> tuple[str, ...]:
        return (str(self.path / "bin/podman"),)

    @property
    def root(self) -> Path:
        return self.path / "root"

    def has(self, *images: Image, used: str = "") -> None:
        entries = [
            {
                "Names": [image.name],
                "Created": -age,
                "Labels": {
                    "quorate.recipe": image.recipe,
                    "quorate.packages": ",".join(image.packages),
                    "quorate.below": image.below,
                },
            }
            for age, image in enumerate(images)
        ]
        (self.path / "images").write_text(json.dumps(entries[::-1]))
        (self.path / "used").write_text(used)

    def said(self, verb: str) -> list[str]:
        lines = (self.path / "said").read_text().splitlines()
        return [line for line in lines if line.split()[0] == verb]

    def asked(self) -> list[str]:
        return (self.path / "asked").read_text().split("\0")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, script in COMMANDS.items():
        program = programs / name
        program.write_text("#!/bin/sh\n" + script.format(here=tmp_path))
        program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    here = Here(tmp_path)
    for path in ("dev/null", "etc/apt/sources.list", "etc/dpkg/dpkg.cfg.d/99mmdebstrap", "etc/apt/kept"):
        (here.root / path).parent.mkdir(parents=True, exist_ok=True)
        (here.root / path).touch()
    here.has()
    return here


def of(*packages: str, made_by: str = recipe.fingerprint(), below: str = "") -> Image:
    return Image(image.tag(packages), made_by, frozenset((*BASE, *packages)), below)


def test_the_same_packages_are_the_same_image_whatever_their_order():
    assert image.tag(["a", "b"]) == image.tag(["b", "a", "b", BASE[0]])
    assert image.tag(["a", "b"]) != image.tag(["a"])


def test_the_largest_that_has_nothing_else_is_added_to():
    small, middle, other = of("a"), of("a", "b"), of("a", "b", "x")
    assert image.base([small, middle, other], ["a", "b", "c"]) == middle
    assert image.base([other], ["a", "b", "c"]) is None


def test_an_image_of_another_recipe_is_not_added_to():
    assert image.base([of("a", made_by="0"), Image("old", "", frozenset({""}), "")], ["a", "b"]) is None


def test_an_image_that_is_there_is_not_built(here):
    here.has(of("a"))
    assert image.ensure(here.podman, ["a"], pytest.fail) == of("a").name
    assert not (here.path / "asked").exists()


def test_where_none_can_be_added_to_it_is_built_from_nothing(here):
    reports: list[str] = []
    image.ensure(here.podman, ["a"], reports.append)
    assert reports[0] == f"host image: building it with {len(BASE) + 1} packages, once; takes minutes"
    assert here.asked()[0] == "--variant=minbase"
    assert (here.path / "imported").read_text() == "archive\n"
    (imported,) = here.said("import")
    assert f"LABEL quorate.recipe={recipe.fingerprint()} " in imported
    assert f"LABEL quorate.packages={','.join(sorted((*BASE, 'a')))} " in imported
    assert imported.endswith(f" - {of('a').name}")


def test_only_what_is_missing_is_added_as_one_more_layer(here):
    small, wanted = of("a"), of("a", "b", "c")
    here.has(small)
    reports: list[str] = []
    assert image.ensure(here.podman, ["c", "a", "b"], reports.append) == wanted.name
    assert reports == [
        f"host image: adding 2 packages to {small.name}, once; takes minutes",
        "host image: downloading and installing packages",
        "host image: handing it to podman",
    ]
    assert any(argument.endswith(" install b c\n") for argument in here.asked())
    assert here.asked()[-4:-1] == ["trixie", str(here.root), "http://mirror.example/debian/"]
    (committed,) = here.said("commit")
    assert f"LABEL quorate.packages={','.join(sorted(wanted.packages))} " in committed
    assert f"LABEL quorate.below={small.name} " in committed
    assert committed.endswith(f" {wanted.name}")
    assert len(here.said("rm")) == 2


def test_what_mmdebstrap_would_keep_is_made_anew(here):
    here.has(of("a"))
    image.ensure(here.podman, ["a", "b"], lambda _line: None)
    assert [path.relative_to(here.root).as_posix() for path in here.root.rglob("*") if path.is_file()] == [
        "etc/apt/kept"
    ]


@pytest.mark.parametrize("there", [(), (of("a"),)])
def test_of_a_failed_build_the_end_of_the_log_is_said_and_nothing_stays(here, there):
    here.has(*there)
    (here.path / "fails").touch()
    with pytest.raises(LabError, match=r"the end of the log:\n(.*\n)*E: no such package"):
        image.ensure(here.podman, ["a", "b"], lambda _line: None)
    said = (here.path / "said").read_text()
    assert "commit" not in said
    assert not there or said.splitlines()[-1].startswith("rm --force")


def test_outdated_images_go_but_for_those_that_something_stands_on(here):
    bottom, top = of("a"), of("a", "b", below=of("a").name)
    unused, used, old = of("x"), of("y"), of("z")
    here.has(of("1"), of("2"), top, unused, used, bottom, old, used=used.name)
    image.ensure(here.podman, ["new"], lambda _line: None)
    assert here.said("rmi") == [f"rmi {unused.name}", f"rmi {old.name}"]


def test_what_an_image_in_use_stands_on_stays_too(here):
    bottom, top = of("a"), of("a", "b", below=of("a").name)
    here.has(of("1"), of("2"), of("3"), top, bottom, used=top.name)
    image.ensure(here.podman, ["new"], lambda _line: None)
    assert here.said("rmi") == []
    here.has(of("1"), of("2"), of("3"), top, bottom)
    image.ensure(here.podman, ["new"], lambda _line: None)
    assert here.said("rmi") == [f"rmi {top.name}", f"rmi {bottom.name}"]
