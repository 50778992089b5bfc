"""Files that belong together: rows of another file by a key."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from streams.files.cells import clean, text_of
from streams.files.errors import BadRow, FileRefused
from streams.files.unpacking import unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.files.rules import Join

_MOST_ROWS = 20_000_000


def joined_of(join: Join, columns: Sequence[str]) -> Callable[[str], Sequence[object]]:
    """What finds the cells of some columns by a key; blank ones where no row has it.

    Raises:
        FileRefused: the file is not there, cannot be read, or lacks a column.
    """
    from streams.files.reading import rows_of  # noqa: PLC0415  which joins files itself

    wanted = [join.key, *columns]
    held: dict[str, tuple[object, ...] | None] = {}
    try:
        stream = join.file.open("rb")
    except OSError as error:
        raise FileRefused(f"file of the join {join.name} must be readable: {join.file}: {error.strerror}") from error
    with stream, ExitStack() as opened:
        rows = rows_of(unpacked(stream, join.file.name, opened, join.layout.member), join.layout, wanted)
        at = [rows.header.index(each) for each in wanted]
        for row in rows.rows:
            if row.bad or len(row.cells) < len(rows.header):
                continue
            key = clean(text_of(row.cells[at[0]]))
            cells = tuple(row.cells[each] for each in at[1:])
            if key:
                held[key] = cells if held.setdefault(key, cells) == cells else None
            if len(held) > _MOST_ROWS:
                raise FileRefused(f"{join.file.name} must have at most {_MOST_ROWS:,} keys to be joined, it has more")
    blank = ("",) * len(columns)

    def find(key: str) -> Sequence[object]:
        found = held.get(key, blank)
        if found is None:
            raise BadRow("", f"{join.on} must stand once in {join.file.name}, it stands in several rows that differ")
        return found

    return find
