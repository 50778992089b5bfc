"""Figures of an evaluation as table cells, for the terminal and the page alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluation.plots import number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evaluation.metrics import Delay, Precision, Recall, Size
    from evaluation.queue import FalseRate
    from evaluation.shares import Share
    from evaluation.stories import PerStory


UNKNOWN = "\u2013"
"""What stands for money of which nothing is known."""


def percent(it: Share) -> str:
    """A share with its interval and counts.

    >>> from evaluation.shares import share
    >>> percent(share(9, 10)), percent(share(0, 0))
    ('90.0 % (60-98) 9/10', '-')
    """
    if it.value is None:
        return "-"
    return f"{it.value:.1%} ({100 * it.low:.0f}-{100 * it.high:.0f}) {it.part:,}/{it.whole:,}".replace("%", " %")


def size(it: Size | None) -> str:
    """An effect size with the recall from there on."""
    return "none" if it is None else f"{number(it.effect)}: {percent(it.recall)}"


def delay(it: Delay) -> str:
    """Median and 90 % quantile.

    >>> from evaluation.metrics import Delay
    >>> delay(Delay(3, 1.25, 30.0)), delay(Delay(0, None, None))
    ('1.2 / 30.0', '-')
    """
    if it.median is None or it.p90 is None:
        return "-"
    return f"{it.median:,} / {it.p90:,}" if isinstance(it.median, int) else f"{it.median:,.1f} / {it.p90:,.1f}"


def minor(figure: int | None) -> str:
    """Minor units, a dash where none are known.

    >>> minor(12_345)
    '12,345'
    """
    return UNKNOWN if figure is None else f"{figure:,}"


def kind(it: Recall) -> str:
    """A kind's name; that of all kinds where it has none."""
    return it.kind or "all kinds"


def rows(it: Iterable[Precision]) -> list[tuple[str, str, str, str, str, str, str, str]]:
    """Cells of precision: category, alerts, rate, true, false, of those on look-alikes, neither, precision."""
    return [
        (
            each.category or "all", f"{each.alerts:,}", f"{each.per_unit:,.1f}", f"{each.true:,}", f"{each.false:,}",
            f"{each.on_look_alikes:,}", f"{each.other + each.excused:,}", percent(each.precision),
        )
        for each in it
    ]  # fmt: skip


def stories(it: Iterable[PerStory]) -> list[tuple[str, str, str, str, str]]:
    """Cells of alerts by merchant-story: detector, alerts, of them reopened, stories, alerts a story."""
    return [
        (
            each.detector or "all", f"{each.alerts:,}", f"{each.reopened:,}", f"{each.stories:,}",
            "-" if each.alerts_a_story is None else f"{each.alerts_a_story:.2f}",
        )
        for each in it
    ]  # fmt: skip


def rates(it: FalseRate) -> list[str]:
    """Rates of false alerts with their counts, of each severity; dashes where there are no lawful days.

    >>> from evaluation.queue import FalseRate
    >>> rates(FalseRate(category="fee", detector="", alerts=(3, 0), per_unit=(0.3, 0.0)))
    ['0.300 (3)', '0.000 (0)']
    """
    if it.per_unit is None:
        return ["-" for _ in it.alerts]
    return [f"{rate:.3f} ({alerts:,})" for rate, alerts in zip(it.per_unit, it.alerts, strict=True)]
