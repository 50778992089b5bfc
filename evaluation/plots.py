"""Small plots as SVG text. Colours are left to the page's style sheet: series k has the class `s<k>`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from domain.visible import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH, HEIGHT = 480, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 46
_ROW, _NAME, _WORDS = 26, 240, 90


class Point(NamedTuple):
    """A value with its interval, and what is said of it when it is pointed at."""

    x: float
    y: float
    low: float
    high: float
    note: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Values `low` to `high`, `low` < `high`, put onto pixels `start` to `stop`; `log` wants `low` above 0."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def at(self, value: float) -> float:
        """A value's pixel; values beyond an end are put on it.

        >>> Axis(1, 100, 0, 10, log=True).at(10)
        5.0
        """
        value = min(max(value, self.low), self.high)
        if self.log:
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Round values within it, about five.

        >>> Axis(0, 1, 0, 1).ticks()
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        >>> Axis(0.03, 4, 0, 1, log=True).ticks()
        [0.05, 0.1, 0.2, 0.5, 1.0, 2.0]
        """
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            heads = (1,) if last - first > 3 else (1, 2, 5)
            every = (float(f"{head}e{k}") for k in range(first, last + 1) for head in heads)
            return [each for each in every if self.low <= each <= self.high]
        step = _round_step((self.high - self.low) / 5)
        first = math.ceil(self.low / step - 1e-9)
        return [round(k * step, 9) for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def number(value: float) -> str:
    """A figure of at most three digits that count.

    >>> [number(each) for each in (0.0316, 2.0, 12_345.6)]
    ['0.0316', '2', '12,346']
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def intervals(
    points: Sequence[Point], *, x_label: str, y_label: str, mark: tuple[float, str] | None = None, target: float
) -> str:
    """Shares over a logarithmic axis, each with its interval; every `x` above 0.

    Args:
        points: in order of `x`; at least one.
        x_label: what `x` is.
        y_label: what `y` is.
        mark: an `x` to mark, and its words.
        target: a share to draw a line at.
    """
    x = Axis(points[0].x / 1.5, points[-1].x * 1.5, _LEFT, WIDTH - _RIGHT, log=True)
    y = Axis(0, 1, HEIGHT - _BOTTOM, _TOP)
    parts = [_axes(x, y, x_label, y_label, percent=True), _level(x, y.at(target))]
    path = " ".join(f"{x.at(each.x):.1f},{y.at(each.y):.1f}" for each in points)
    parts.append(f'<polyline class="line s0" points="{path}"/>')
    for each in points:
        px, top, bottom = x.at(each.x), y.at(each.high), y.at(each.low)
        parts.append(
            f'<g class="s0"><title>{escape(each.note)}</title><path class="whisker" d="M{px:.1f} {top:.1f}V{bottom:.1f}'
            f'M{px - 4:.1f} {top:.1f}h8M{px - 4:.1f} {bottom:.1f}h8"/>'
            f'<circle cx="{px:.1f}" cy="{y.at(each.y):.1f}" r="4"/></g>'
        )
    if mark is not None:
        parts.append(_mark(x.at(mark[0]), mark[1]))
    return _svg(parts, f"{y_label} by {x_label}")


def curves(
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]], *, x_label: str, mark: tuple[float, str]
) -> str:
    """Shares as lines over a logarithmic axis; a legend names them.

    Args:
        series: names, and points in order of `x`, every `x` above 0; at least one point in all.
        x_label: what `x` is.
        mark: an `x` to mark, and its words.
    """
    every = [px for _, points in series for px, _ in points] + [mark[0]]
    x = Axis(min(every) / 1.2, max(every) * 1.2, _LEFT, WIDTH - _RIGHT, log=True)
    y = Axis(0, 1, HEIGHT - _BOTTOM, _TOP)
    parts = [_axes(x, y, x_label, "share", percent=True), _mark(x.at(mark[0]), mark[1])]
    for k, (name, points) in enumerate(series):
        path = " ".join(f"{x.at(px):.1f},{y.at(py):.1f}" for px, py in points)
        parts.append(f'<polyline class="line s{k}" points="{path}"><title>{escape(name)}</title></polyline>')
    return _svg(parts, f"shares by {x_label}") + _legend([name for name, _ in series])


def shares(series: Sequence[tuple[str, Sequence[Point]]], *, x_label: str, y_label: str) -> str:
    """Shares with their intervals over values of 0 to 1, a line for each series; a legend names them.

    Args:
        series: names, and points in order of `x`.
        x_label: what `x` is.
        y_label: what `y` is.
    """
    x, y = Axis(0, 1, _LEFT, WIDTH - _RIGHT), Axis(0, 1, HEIGHT - _BOTTOM, _TOP)
    parts = [_axes(x, y, x_label, y_label, percent=True)]
    for k, (_, points) in enumerate(series):
        path = " ".join(f"{x.at(each.x):.1f},{y.at(each.y):.1f}" for each in points)
        parts.append(f'<polyline class="line s{k}" points="{path}"/>')
        parts += (
            f'<g class="s{k}"><title>{escape(each.note)}</title><path class="whisker" '
            f'd="M{x.at(each.x):.1f} {y.at(each.high):.1f}V{y.at(each.low):.1f}"/>'
            f'<circle cx="{x.at(each.x):.1f}" cy="{y.at(each.y):.1f}" r="3"/></g>'
            for each in points
        )
    return _svg(parts, f"{y_label} by {x_label}") + _legend([name for name, _ in series])


def columns(labels: Sequence[str], series: Sequence[tuple[str, Sequence[int]]], *, x_label: str, y_label: str) -> str:
    """Counts as stacked columns; a legend names the series.

    Args:
        labels: one for each column.
        series: names, and as many counts as labels.
        x_label: what the labels are.
        y_label: what is counted.
    """
    totals = [sum(each) for each in zip(*(counts for _, counts in series), strict=True)]
    x, y = Axis(0, len(labels), _LEFT, WIDTH - _RIGHT), Axis(0, max(1, *totals) * 1.05, HEIGHT - _BOTTOM, _TOP)
    parts = [_axes(x, y, x_label, y_label, names=labels)]
    width, below = (x.stop - x.start) / len(labels), [0] * len(labels)
    for k, (name, counts) in enumerate(series):
        for i, count in enumerate(counts):
            if count:
                top, bottom = y.at(below[i] + count), y.at(below[i])
                parts.append(
                    f'<rect class="s{k}" x="{x.at(i) + 0.1 * width:.1f}" y="{top:.1f}" width="{0.8 * width:.1f}" '
                    f'height="{bottom - top:.1f}"><title>{escape(f"{name}, {labels[i]}: {count:,}")}</title></rect>'
                )
                below[i] += count
    return _svg(parts, f"{y_label} by {x_label}") + _legend([name for name, _ in series])


def bars(rows: Sequence[tuple[str, float, str]]) -> str:
    """Horizontal bars: name, value from 0, and the words behind the bar; at least one row."""
    height = _ROW * len(rows) + 8
    x = Axis(0, max(1e-9, *(value for _, value, _ in rows)), _NAME, WIDTH - _WORDS)
    parts = []
    for k, (name, value, words) in enumerate(rows):
        top, middle, width = 4 + _ROW * k, 4 + _ROW * k + _ROW / 2 + 4, x.at(value) - _NAME
        parts.append(
            f'<text class="name" x="{_NAME - 8}" y="{middle:.1f}">{escape(name)}</text>'
            f'<rect class="s1" x="{_NAME}" y="{top + 5}" width="{width:.1f}" height="{_ROW - 10}"/>'
            f'<text x="{x.at(value) + 7:.1f}" y="{middle:.1f}">{escape(words)}</text>'
        )
    return _svg(parts, "bars", height)


def _round_step(step: float) -> float:
    """The nearest round step at or above it.

    >>> _round_step(0.2), _round_step(37.0)
    (0.2, 50.0)
    """
    power = 10.0 ** math.floor(math.log10(step) + 1e-9)
    return next(head * power for head in (1, 2, 5, 10) if head * power >= step * (1 - 1e-9))


def _axes(
    x: Axis, y: Axis, x_label: str, y_label: str, *, percent: bool = False, names: Sequence[str] | None = None
) -> str:
    """Grid, ticks and words; `names` stand under columns in place of the ticks of `x`."""
    bottom = y.start
    parts = []
    for each in y.ticks():
        words = f"{each:.0%}" if percent else number(each)
        parts.append(
            f'<path class="grid" d="M{x.start} {y.at(each):.1f}H{x.stop}"/>'
            f'<text class="y" x="{x.start - 7}" y="{y.at(each) + 4:.1f}">{words}</text>'
        )
    if names is None:
        marks = [(x.at(each), number(each)) for each in x.ticks()]
    else:
        every = max(1, math.ceil(len(names) / 10))
        marks = [(x.at(i + 0.5), name) for i, name in enumerate(names) if i % every == 0]
    parts += [f'<text class="x" x="{px:.1f}" y="{bottom + 17}">{escape(words)}</text>' for px, words in marks]
    middle = (x.start + x.stop) / 2
    parts.append(f'<path class="axis" d="M{x.start} {bottom}H{x.stop}"/>')
    parts.append(f'<text class="x label" x="{middle:.1f}" y="{HEIGHT - 8}">{escape(x_label)}</text>')
    turned = f'transform="translate(13 {(y.start + y.stop) / 2:.1f}) rotate(-90)"'
    parts.append(f'<text class="x label" {turned}>{escape(y_label)}</text>')
    return "".join(parts)


def _level(x: Axis, py: float) -> str:
    return f'<path class="mark" d="M{x.start} {py:.1f}H{x.stop}"/>'


def _mark(px: float, words: str) -> str:
    """An upright line with words beside it, on the side with more room."""
    left = px > (_LEFT + WIDTH) / 2
    place = f'x="{px - 6:.1f}" text-anchor="end"' if left else f'x="{px + 6:.1f}"'
    bottom = HEIGHT - _BOTTOM
    return f'<path class="mark" d="M{px:.1f} {_TOP}V{bottom}"/><text {place} y="{bottom - 10}">{escape(words)}</text>'


def _legend(names: Iterable[str]) -> str:
    items = (f'<span><i class="s{k}"></i>{escape(name)}</span>' for k, name in enumerate(names))
    return f'<p class="legend">{"".join(items)}</p>'


def _svg(parts: Iterable[str], title: str, height: float = HEIGHT) -> str:
    body = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}">{body}</svg>'
