"""The daily drift of habits as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.habits import HABITS
from domain.visible import escape
from models.anomaly.drift import FAR, MOVED
from tillwatch.language import said, speaker

if TYPE_CHECKING:
    from tillwatch.model.drift import Measured

_LEFT, _TOP, _ROW, _RIGHT, _LEGEND = 230, 34, 17, 14, 40
_WIDTH = 900
_STEPS = (("#e8f3ec", 0.0), ("#9fd3b0", MOVED / 2), ("#f2cc0c", MOVED), ("#ff9830", FAR), ("#e02f44", 2 * FAR))
"""Colours, and the index from which each is."""
_STYLE = "text{font:11px sans-serif;fill:#333}.name{text-anchor:end}.day{text-anchor:middle}"


def picture(made: Measured, version: str, lang: str) -> str:
    """An SVG file: a row for the scores and each habit, a column for each day."""
    say = speaker(lang)
    rows: list[tuple[str, list[float | None]]] = [
        (say("scores", "评分"), [None if each is None else each.score for each in made.daily])
    ]
    for habit in HABITS:
        daily = [None if each is None else each.habits[habit.name] for each in made.daily]
        rows.append((said(habit.title, lang), daily))
    width, height = (_WIDTH - _LEFT - _RIGHT) / len(made.days), _TOP + _ROW * len(rows) + _LEGEND
    title = say(f"Daily drift from model {version} (PSI)", f"较模型{version}的逐日偏移（PSI）")
    parts = [f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/><text x="8" y="18">{escape(title)}</text>']
    for k, (name, daily) in enumerate(rows):
        y = _TOP + _ROW * k
        parts.append(f'<text class="name" x="{_LEFT - 8}" y="{y + 12}">{escape(name)}</text>')
        parts += [_cell(_LEFT + width * i, y, width, value, made.days[i]) for i, value in enumerate(daily)]
    below = _TOP + _ROW * len(rows) + 14
    every = max(1, len(made.days) // 8)
    for i in range(0, len(made.days), every):
        parts.append(f'<text class="day" x="{_LEFT + width * (i + 0.5):.1f}" y="{below}">{made.days[i][5:]}</text>')
    parts += _legend(below + 18)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)}"><style>{_STYLE}</style>{"".join(parts)}</svg>\n'
    )


def _cell(x: float, y: float, width: float, value: float | None, day: str) -> str:
    if value is None:
        return ""
    colour = [each for each, least in _STEPS if value >= least or least == 0.0][-1]
    return (
        f'<rect x="{x + 0.5:.1f}" y="{y + 0.5}" width="{width - 1:.1f}" height="{_ROW - 1}" fill="{colour}">'
        f"<title>{day}: {value:.3f}</title></rect>"
    )


def _legend(y: float) -> list[str]:
    parts = []
    for k, (colour, least) in enumerate(_STEPS):
        x = _LEFT + 90 * k
        parts.append(f'<rect x="{x}" y="{y - 10}" width="14" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 20}" y="{y}">{"≥ " if least else "&lt; "}{least or MOVED / 2:g}</text>')
    return parts
