from ipaddress import IPv4Network

import pytest

from quorate import design as designs
from quorate import spec
from quorate.spec import template


@pytest.fixture(scope="session")
def design(tmp_path_factory):
    """Three controllers, ctl1 to ctl3, at 10.77.1.11 and up; the internal virtual IP is 10.77.1.10."""
    path = tmp_path_factory.mktemp("cloud") / "quorate.yaml"
    path.write_text(template.lab("lab", IPv4Network("10.77.1.0/24"), 3))
    return designs.build(spec.load(path))
