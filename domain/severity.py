"""The ladder of severities: what a figure from 0 to 1 is called. Every page and command takes its words from here."""

from __future__ import annotations

from typing import NamedTuple

from domain.alerts import Text


class Level(NamedTuple):
    """A rung of the ladder.

    Attributes:
        least: the least severity that is called so, 0 to 1.
        word: what it is called.
        meaning: what it asks for.
    """

    least: float
    word: Text
    meaning: Text


LOW, MEDIUM, HIGH, CRITICAL = (
    Level(0.0, Text("low", "低"), Text("seldom worth a look", "一般无需查看")),
    Level(0.3, Text("medium", "中"), Text("worth knowing", "值得关注")),
    Level(0.6, Text("high", "高"), Text("to be worked", "需核查")),
    Level(0.85, Text("critical", "紧急"), Text("to be worked today", "当日核查")),
)
LEVELS = (LOW, MEDIUM, HIGH, CRITICAL)
"""Mildest first. The figures are defaults of our own, which severities are calibrated to."""


def level_of(severity: float) -> Level:
    """The rung of a severity, 0 to 1.

    >>> [level_of(each).word.en for each in (0.0, 0.29, 0.3, 0.6, 0.85, 1.0)]
    ['low', 'low', 'medium', 'high', 'critical', 'critical']
    """
    return next((level for level in reversed(LEVELS) if severity >= level.least), LOW)
