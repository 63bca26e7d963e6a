"""What is rendered is what was agreed on, byte for byte.

A change that is meant: `pytest tests/pure/design/test_golden.py --update-golden`, and read the difference.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quorate.cli.main import main
from quorate.model.design import Design

GOLDEN = Path(__file__).parents[2] / "golden" / "lab"


@pytest.fixture
def rendered(tmp_path: Path, lab_text: str) -> Path:
    file, out = tmp_path / "quorate.yaml", tmp_path / "rendered"
    file.write_text(lab_text)
    assert main(["render", "-f", str(file), "-d", str(out)]) == 0
    return out


def tree(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_the_labs_files_are_the_golden_ones(rendered: Path, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        shutil.rmtree(GOLDEN, ignore_errors=True)
        shutil.copytree(rendered, GOLDEN)
    new, old = tree(rendered), tree(GOLDEN)
    assert {"control.cib", "control.pcs", "control.crm"} <= set(new)
    hint = "if this is meant: pytest tests/pure/design/test_golden.py --update-golden"
    assert sorted(new) == sorted(old), hint
    assert [path for path in sorted(new) if new[path] != old[path]] == [], hint


def test_another_interpreter_writes_the_same_bytes(tmp_path: Path, rendered: Path) -> None:
    """Neither the order of sets nor hash values reach a file."""
    script = (
        "import sys; from pathlib import Path; from quorate.cli.main import main\n"
        "file, out = map(Path, sys.argv[1:]); assert main(['render', '-f', str(file), '-d', str(out)]) == 0\n"
        "print(hash('quorate'))"
    )
    hashes, digests = set(), set()
    for seed in ("1", "2"):
        out = tmp_path / seed
        done = subprocess.run(
            [sys.executable, "-c", script, tmp_path / "quorate.yaml", out],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        hashes.add(done.stdout)
        digests.add(digest(out))
    assert len(hashes) == 2
    assert digests == {digest(rendered)}


def digest(directory: Path) -> str:
    parts = sorted(tree(directory).items())
    return hashlib.sha256(b"\0".join(path.encode() + b"\0" + content for path, content in parts)).hexdigest()


def test_a_nodes_files_differ_from_anothers_only_where_it_is_meant(lab: Design) -> None:
    """So that what a checker says of the first node's files holds for all."""
    first, *others = lab.cloud.topology.nodes
    for other in others:
        for mine, its in zip(lab.files[first.name], lab.files[other.name], strict=True):
            pairs = zip(mine.content.splitlines(), its.content.splitlines(), strict=True)
            for my_line, its_line in pairs:
                if my_line != its_line and "wsrep_sst_donor" not in my_line:
                    moved = re.sub(rf"\b{first.name}\b", other.name, my_line)
                    assert moved.replace(first.address, other.address, 1) == its_line
