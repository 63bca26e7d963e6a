"""Names in a sentence."""

import pytest

from quorate.prove.words import listed


@pytest.mark.parametrize(
    ("names", "most", "said"),
    [
        ("", None, ""),
        ("a", None, "a"),
        ("ab", None, "a and b"),
        ("abc", None, "a, b and c"),
        ("abc", 3, "a, b and c"),
        ("abcde", 3, "a, b, c and 2 more"),
        ("ab", 1, "a and 1 more"),
    ],
)
def test_names_are_listed(names: str, most: int | None, said: str) -> None:
    assert listed(tuple(names), most) == said
