"""Rows as readers give them, before any mapping, and names of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from streams.files.cells import clean, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_PREAMBLE = 500
"""Rows in which the header is looked for."""


class RawRow(NamedTuple):
    """A row of a file.

    Attributes:
        line: of the file where it begins, or the row's number where there are no lines; from 1.
        cells: in the order of the header.
        raw: the row as text, for dead letters of bad ones; "" where none can be bad as a whole.
        bad: what is wrong with it as a whole; "" where nothing is.
        json: whether it is no JSON, where it should be.
    """

    line: int
    cells: Sequence[object]
    raw: str
    bad: str = ""
    json: bool = False


class Rows(NamedTuple):
    """A file's rows.

    Attributes:
        header: the names of its columns.
        rows: what follows the header.
        preamble: rows before it.
    """

    header: list[str]
    rows: Iterator[RawRow]
    preamble: int = 0


def column_name(text: object) -> str:
    r"""A column's name as it is compared: cleaned, with single blanks.

    >>> column_name(" 交易  时间\t"), column_name("金额（元）")
    ('交易 时间', '金额(元)')
    """
    return " ".join(clean(text_of(text)).split())


def has_column(header: Sequence[str], name: str) -> bool:
    """Whether a header has a name; `name#2` is a second of it.

    >>> has_column(["id", "fee", "fee"], "fee#2"), has_column(["id", "fee"], "fee#2")
    (True, False)
    """
    base, mark, count = name.rpartition("#")
    return name in header or (bool(mark) and count.isdigit() and header.count(base) >= int(count))


def is_blank(cells: Sequence[object]) -> bool:
    """Whether no cell has anything."""
    return not any(clean(text_of(each)) for each in cells)
