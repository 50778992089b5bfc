"""Courses over time as SVG: lines, areas, bars, thresholds, states."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from html import escape
from typing import TYPE_CHECKING, Any

from tools.drawing.units import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tools.drawing.asking import Mark, Prometheus
    from tools.drawing.panels import Named

LEFT, BOTTOM, LEGEND = 62.0, 20.0, 24.0
ZONE = timezone(timedelta(hours=8))
_TICKS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def chart(
    panel: dict[str, Any], series: list[Named], source: Prometheus, marks: Sequence[Mark], width: float, height: float,
    step_s: int,
) -> str:  # fmt: skip
    """A time series panel."""
    own = panel["fieldConfig"]["defaults"]
    custom = own.get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    bars = custom.get("drawStyle") == "bars"
    rows = legend_rows([each.name for each in series], width)
    tall = height - BOTTOM - LEGEND * rows
    levels = _stacked(series) if stacked else [dict(each.points) for each in series]
    most = max((value for level in levels for value in level.values() if math.isfinite(value)), default=1.0)
    lines = _lines_to_draw(own, custom, most)
    top = own.get("max") or nice(max([most * 1.05, *(value for value, _ in lines)]) or 1.0, own["unit"])
    place = _Place(source.start, source.end, top, width, tall)
    made = [*_marks(place, marks), *_axes(place, own["unit"], own.get("decimals"))]
    floor: dict[float, float] = {}
    for each, level in zip(series, levels, strict=True):
        draw = _bars if bars else _area
        made += draw(place, each, level, floor if stacked else {}, step_s, custom.get("fillOpacity", 8) / 100)
        floor = level
    made += [
        f'<line x1="{LEFT}" x2="{width}" y1="{place.y(value):.1f}" y2="{place.y(value):.1f}" stroke="{colour}"'
        ' stroke-width="1.5" stroke-dasharray="8 6"/>'
        for value, colour in lines
    ]
    drawn = f'<svg width="{width}" height="{tall + BOTTOM}">{"".join(made)}</svg>'
    return drawn + legend([(each.name, each.colour) for each in series])


def timeline(panel: dict[str, Any], series: list[Named], source: Prometheus, width: float, height: float) -> str:
    """A state timeline panel."""
    options = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    names, tall = 150.0, height - BOTTOM - LEGEND
    row = min(tall / max(len(series), 1), 42.0)
    place = _Place(source.start, source.end, 1, width, row * len(series), left=names)
    made = [*_times(place)]
    for k, each in enumerate(series):
        y = k * row
        made.append(f'<text x="{names - 8}" y="{y + row / 2 + 4}" text-anchor="end">{escape(each.name)}</text>')
        for start, end, value in _stretches(each.points, (source.end - source.start) / max(width, 1) * 2 + 60):
            colour, x = options.get(f"{value:g}", {}).get("color", "#8E8E8E"), place.x(start)
            wide = max(place.x(end) - x, 1)
            made.append(f'<rect x="{x:.1f}" y="{y + 3}" width="{wide:.1f}" height="{row - 6}" fill="{colour}"/>')
    words = [(each["text"], each["color"]) for each in options.values()]
    return f'<svg width="{width}" height="{row * len(series) + BOTTOM}">{"".join(made)}</svg>' + legend(words)


class _Place:
    """Where a time and a figure lie in the drawing."""

    def __init__(self, start: float, end: float, top: float, width: float, tall: float, left: float = LEFT) -> None:
        self.start, self.end, self.top, self.width, self.tall, self.left = start, end, top, width, tall, left

    def x(self, time: float) -> float:
        share = (time - self.start) / (self.end - self.start)
        return self.left + min(max(share, 0.0), 1.0) * (self.width - self.left)

    def y(self, value: float) -> float:
        return 6 + (1 - min(value / self.top, 1.05)) * (self.tall - 6)


def nice(value: float, unit: str = "short") -> float:
    """The next round figure, of which a quarter is round too.

    >>> nice(7.3), nice(130), nice(0.02), nice(400, "s"), nice(5e9, "bytes") / 2**30
    (8.0, 160.0, 0.02, 480.0, 6.0)
    """
    sizes = {"s": (60.0, 3_600.0, 86_400.0), "bytes": (2.0**10, 2.0**20, 2.0**30)}.get(unit, ())
    size = max((each for each in sizes if value >= each), default=1.0)
    power = 10.0 ** math.floor(math.log10(value / size)) if value > 0 else 1.0
    steps = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10)
    return float(next(step for step in steps if step * power * size >= value * 0.999) * power * size)


def legend_rows(names: Sequence[str], width: float) -> int:
    """How many rows a legend takes."""
    rows, used = 1, 0.0
    for each in names:
        wide = sum(13 if ord(letter) > 0x2E80 else 7 for letter in each) + 34
        if used + wide > width and used:
            rows, used = rows + 1, 0.0
        used += wide
    return min(rows, 3)


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """The names below a chart."""
    made = "".join(f'<span><i style="background:{colour}"></i>{escape(name)}</span>' for name, colour in entries)
    return f'<div class="legend">{made}</div>'


def _stacked(series: list[Named]) -> list[dict[float, float]]:
    total: dict[float, float] = {}
    levels = []
    for each in series:
        for time, value in each.points:
            total[time] = total.get(time, 0.0) + value
        levels.append(dict(total))
    return levels


def _lines_to_draw(own: dict[str, Any], custom: dict[str, Any], most: float) -> list[tuple[float, str]]:
    if custom.get("thresholdsStyle", {}).get("mode") != "dashed":
        return []
    steps = [(each["value"], each["color"]) for each in own["thresholds"]["steps"] if each["value"] is not None]
    return [step for step in steps if step[0] <= max(most * 4, min(value for value, _ in steps))]


def _stretches(points: Sequence[tuple[float, float]], gap: float) -> Iterator[tuple[float, float, float]]:
    """From when to when a series had the same figure."""
    start: float | None = None
    for k, (time, value) in enumerate(points):
        start = time if start is None else start
        following = points[k + 1] if k + 1 < len(points) else (time + gap, float("nan"))
        if following[1] != value or following[0] - time > gap:
            yield start, min(following[0], time + gap), value
            start = None


def _marks(place: _Place, marks: Sequence[Mark]) -> Iterator[str]:
    for each in marks:
        x, wide = place.x(each.start), place.x(each.end) - place.x(each.start)
        if each.end - each.start > 1800:
            yield f'<rect x="{x:.1f}" y="6" width="{wide:.1f}" height="{place.tall - 6:.1f}" fill="{each.colour}22"/>'
        else:
            yield (
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{place.tall:.1f}" stroke="{each.colour}"'
                f' stroke-dasharray="3 3"/><path d="M{x - 5:.1f} {place.tall + 6:.1f}h10l-5 -7z" fill="{each.colour}"/>'
            )


def _axes(place: _Place, unit: str, decimals: int | None) -> Iterator[str]:
    parts = 4 if place.tall > 110 else 2
    for k in range(parts + 1):
        value = place.top * k / parts
        y = place.y(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{place.width}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(shown(value, unit, decimals))}</text>'
    yield from _times(place)


def _times(place: _Place) -> Iterator[str]:
    span = place.end - place.start
    every = next((each for each in _TICKS if span / each <= max(place.width / 90, 2)), 86_400 * math.ceil(span / 8e5))
    offset = 8 * 3600
    time = math.ceil((place.start + offset) / every) * every - offset
    while time <= place.end:
        x = place.x(time)
        local = datetime.fromtimestamp(time, ZONE)
        text = local.strftime("%m/%d" if every >= 86_400 or (local.hour == 0 and every >= 10800) else "%H:%M")
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="6" y2="{place.tall:.1f}"/>'
        if x < place.width - 16:
            yield f'<text x="{x:.1f}" y="{place.tall + 16:.1f}" text-anchor="middle">{text}</text>'
        time += every


def _area(
    place: _Place, each: Named, level: dict[float, float], floor: dict[float, float], step_s: int, opacity: float
) -> Iterator[str]:
    for run in _runs(sorted(level), step_s):
        above = [(place.x(time), place.y(level[time])) for time in run if math.isfinite(level[time])]
        if not above:
            continue
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in above)
        below = "L".join(f"{place.x(time):.1f} {place.y(floor.get(time, 0.0)):.1f}" for time in reversed(run))
        yield f'<path d="M{path}L{below}Z" fill="{each.colour}" fill-opacity="{opacity}"/>'
        yield f'<path d="M{path}" fill="none" stroke="{each.colour}" stroke-width="2"/>'


def _bars(
    place: _Place, each: Named, level: dict[float, float], floor: dict[float, float], step_s: int, opacity: float
) -> Iterator[str]:
    wide = (place.width - place.left) * step_s / (place.end - place.start) * 0.85
    for time, value in each.points:
        if value > 0:
            y, base = place.y(level[time]), place.y(floor.get(time, 0.0))
            yield (
                f'<rect x="{place.x(time) - wide / 2:.1f}" y="{y:.1f}" width="{max(wide, 1.2):.1f}"'
                f' height="{max(base - y, 0.5):.1f}" fill="{each.colour}" fill-opacity="{opacity}"/>'
            )


def _runs(times: list[float], step_s: int) -> Iterator[list[float]]:
    """Stretches without a gap: between them there was no data, and no line is drawn."""
    run: list[float] = []
    for time in times:
        if run and time - run[-1] > step_s * 1.5:
            yield run
            run = []
        run.append(time)
    if run:
        yield run
