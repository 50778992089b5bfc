"""Plots and tables as HTML text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.visible import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def plots(made: Iterable[tuple[str, str, str]]) -> str:
    """Titles, drawings and notes."""
    figures = "".join(
        f"<figure><h3>{escape(title)}</h3>{drawing}<figcaption>{escape(note)}</figcaption></figure>"
        for title, drawing, note in made
    )
    return f'<div class="plots">{figures}</div>' if figures else '<p class="none">None.</p>'


def html_table(
    headings: Sequence[str], cells: Sequence[Sequence[str]], numbers: Iterable[int] = (), words: int = -1
) -> str:
    """A table; rows whose first cell ends in "*" are bold, `words` is the column with sentences."""
    if not cells:
        return '<p class="none">None.</p>'
    classes = ["n" if k in set(numbers) else "words" if k == words else "" for k in range(len(headings))]
    head = "".join(f'<th class="{css}">{escape(name)}</th>' for css, name in zip(classes, headings, strict=True))
    body = "".join(
        f'<tr class="{"all" if row[0].endswith("*") else ""}">'
        + "".join(
            f'<td class="{css}">{escape(cell.removesuffix("*"))}</td>' for css, cell in zip(classes, row, strict=True)
        )
        + "</tr>"
        for row in cells
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
