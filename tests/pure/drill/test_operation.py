"""Histories as they are written, and as they are read."""

import io

import pytest

from quorate.drill.operation import Ending, Operation, Recorder, read


def test_what_is_written_is_read() -> None:
    stream = io.StringIO()
    recorder = Recorder(stream)
    first = recorder.began(1, "add", 7, 0.5)
    second = recorder.began(2, "read", None, 0.6)
    recorder.ended(second, Ending.OK, 0.7, result=[])
    recorder.ended(first, Ending.FAIL, 0.8, error="deadlock")
    assert read(stream.getvalue().splitlines(keepends=True)) == (
        Operation(1, 1, "add", 7, 0.5, 0.8, Ending.FAIL, None, "deadlock"),
        Operation(2, 2, "read", None, 0.6, 0.7, Ending.OK, []),
    )


def test_what_has_no_end_may_have_happened() -> None:
    stream = io.StringIO()
    Recorder(stream).began(1, "add", 7, 0.5)
    (found,) = read(stream.getvalue().splitlines(keepends=True))
    assert (found.ending, found.ended_s) == (Ending.UNKNOWN, None)


def test_a_line_cut_short_is_left_out() -> None:
    stream = io.StringIO()
    recorder = Recorder(stream)
    recorder.ended(recorder.began(1, "add", 7, 0.5), Ending.OK, 0.6)
    cut = stream.getvalue()[:-3].splitlines(keepends=True)
    (found,) = read(cut)
    assert found.ending is Ending.UNKNOWN


@pytest.mark.parametrize(
    "line", ["[]\n", "{\n", '{"id": 9, "ending": "ok", "at_s": 1}\n', '{"id": 1, "at_s": 1}\n']
)
def test_what_is_no_history_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"^line 2: "):
        read(['{"id": 1, "client": 1, "does": "add", "value": 7, "at_s": 0.5}\n', line])
