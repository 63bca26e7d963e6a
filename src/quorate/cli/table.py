"""Columns of text, as wide as they need to be."""

from collections.abc import Iterable, Iterator, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Left-aligned columns under a head; the last is as long as it is."""
    return "\n".join(_lined(_columns(head, rows)))


def tables(head: Sequence[str], rows: Iterable[Sequence[object]], width: int) -> str:
    """The same, no wider than that if it can be: columns that do not fit follow below, beside the first again."""
    first, *others = _columns(head, rows)
    parts = [[first]]
    for each in others:
        if len(parts[-1]) > 1 and sum(len(column[0]) + len(_GAP) for column in parts[-1]) + len(each[0]) > width:
            parts.append([first])
        parts[-1].append(each)
    return "\n\n".join("\n".join(_lined(part)) for part in parts)


_GAP = "  "


def _columns(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[list[str]]:
    """Every cell as wide as its column."""
    columns = [[str(cell) for cell in column] for column in zip(head, *rows, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    return [[cell.ljust(width) for cell in column] for column, width in zip(columns, widths, strict=True)]


def _lined(columns: Iterable[Sequence[str]]) -> Iterator[str]:
    return (_GAP.join(line).rstrip() for line in zip(*columns, strict=True))
