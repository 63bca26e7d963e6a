"""A cloud for drills, on addresses that no machine has (RFC 5737)."""

from pathlib import Path

import pytest

from quorate import design
from quorate.model.design import Design
from quorate.spec import template
from quorate.spec.file import read


@pytest.fixture(scope="session")
def cloud() -> Design:
    """The lab's design, with ctl1 to ctl3 at 192.0.2.11 and up, and the virtual IP at 192.0.2.10."""
    text = template.lab("lab", template.LAB_NETWORKS[0], 3).replace("10.77.0.", "192.0.2.")
    return design.build(read(text, "quorate.yaml", Path("/cloud")))
