import pytest

from quorate.lab import recipe
from quorate.lab.command import LabError

INDEXES = """\
http://mirror.example/debian-security/|main|Debian|Debian-Security
http://mirror.example/other/|main|Somebody|Debian
http://mirror.example/debian/|contrib|Debian|Debian
http://mirror.example/debian/|main|Debian|Debian
"""

DUMP = """\
Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3142";
Acquire::https::Verify-Peer "false";
Acquire::Check-Valid-Until "false";
Acquire::Languages:: "none";
APT::Install-Recommends "1";
Acquire::httpx "no";
"""


def test_the_mirror_is_where_apt_has_debian_main():
    assert recipe.mirror(INDEXES) == "http://mirror.example/debian/"


def test_without_an_index_the_remedy_is_said():
    with pytest.raises(LabError, match="run `apt-get update`"):
        recipe.mirror(INDEXES.replace("main", "contrib"))


def test_proxies_and_certificates_are_handed_on_and_nothing_else():
    assert recipe.apt_settings(DUMP) == (
        'Acquire::http::Proxy "http://proxy.example:3142";',
        'Acquire::https::Verify-Peer "false";',
        'Acquire::Check-Valid-Until "false";',
    )
