"""Unusual habits (经营特征异常): a merchant whose last weeks are unlike those of its peers, or its own of before.

What it finds, where its figures come from, what it cannot see: `docs/detectors/anomaly.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.contract import HOME, NOTHING, Findings, Tuned, check_episode, check_range, iso_day, rounded, turnover_e7
from detectors.words import anomaly as words
from domain.alerts import Evidence
from domain.feature_codes import ROW_CLOSING
from domain.habits import HABITS

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values
    from domain.habits import Habit

_REASONS = range(1, words.REASONS + 1)
_FIGURES = ("value", "usual", "low", "high")
_WINDOW = "4w"
"""Of a habit: sixteen seventeenths of its weight lie in its last four weeks."""
_DECADES = 2
"""Tenfold rarer than the setting, twice: from there on severity stays."""
_MOST = 0.6
"""Greatest severity: what is odd alone is never urgent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly(Tuned):
    """Ends of days at which a merchant's habits are as odd as few are by the anomaly model in force.

    Args:
        alerts_per_1000: new alerts per 1,000 days of merchants that the team takes, by the days that the model learned
            from; 0.001 to 100.
        base: severity where just so many are given, 0 to 0.6.
        per_decade: what each tenfold fewer adds, 0 to 0.3; of more than two tenfolds, as much as of two.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    alerts_per_1000: float = 0.5
    base: float = 0.3
    per_decade: float = 0.15
    quiet_gap_s: int = 14 * 86_400
    max_age_s: int = 100 * 86_400

    name = "anomaly"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "model"
    risk_code = ""
    bearer = ""
    needs = ("amount",)
    artefact = "model"
    columns = (
        "row_kind", "model_score", "model_percentile", "model_load", "closed_minor",
        *(f"model_{name}_{k}" for k in _REASONS for name in ("reason", *_FIGURES)),
        "local_day", *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 0.001, 100, "alerts_per_1000")
        check_range(self, 0, 0.6, "base")
        check_range(self, 0, 0.3, "per_decade")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The ends of days that are odd enough; the sum of the day's sales is their turnover."""
        odd = features["model_load"] <= self.alerts_per_1000  # null is never
        index = np.flatnonzero((features["row_kind"] == ROW_CLOSING) & odd)
        if len(index) == 0:
            return NOTHING
        rarer = self.alerts_per_1000 / np.maximum(features["model_load"][index], 1e-9)
        severity = self.base + self.per_decade * np.minimum(np.log10(rarer), _DECADES)
        sold = turnover_e7(features["closed_minor"][index].astype(np.int64))
        return Findings(index, np.clip(severity, 0, _MOST), turnover_e7=sold)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """How odd the habits are, and those that say so most, each against the end of the peers' range beyond which it
        lies, and the merchant's own.
        """
        found = [
            Evidence("model_score", _WINDOW, rounded(values["model_score"], 4), None, None, "share"),
            Evidence("model_percentile", _WINDOW, rounded(values["model_percentile"], 3), None, None, "percent"),
            Evidence("model_load", _WINDOW, rounded(values["model_load"], 4), self.alerts_per_1000, None, "alerts"),
        ]
        for k in _REASONS:
            if (habit := _habit(values, k)) is None:
                continue
            value, usual, low, high = (_figure(values, habit, f"model_{name}_{k}") for name in _FIGURES)
            found += [
                Evidence(f"model_reason_{k}", _WINDOW, habit.name, None, None, "code"),
                Evidence(f"model_value_{k}", _WINDOW, value, _passed(value, low, high), usual, habit.unit),
            ]
        return tuple(found)

    def facts(self, values: Values, story: Story) -> words.Facts:
        """The habits that say so most, and what was sold on such days."""
        told: dict[str, Any] = {}
        habits = [(k, each) for k in _REASONS if (each := _habit(values, k)) is not None]
        for k, habit in habits:
            told[f"habit_{k}"] = habit.name
            told |= {f"{name}_{k}": _figure(values, habit, f"model_{name}_{k}") for name in _FIGURES}
        return words.Facts(
            **told, percentile=round(values["model_percentile"] or 0, 3), first_day=story.first_day,
            day=iso_day(values), hits=story.hits, turnover_minor=story.turnover_minor,
        )  # fmt: skip


def _habit(values: Values, k: int) -> Habit | None:
    """The habit that is number `k` of those that say most; None where there is none."""
    place = values[f"model_reason_{k}"]
    return None if place is None or not 0 <= place < len(HABITS) else HABITS[int(place)]


def _figure(values: Values, habit: Habit, name: str) -> float | None:
    """A habit's figure to four digits, money in the merchant's currency; None where it is null."""
    value = values[name]
    if value is None:
        return None
    if habit.unit == "minor units":
        up, down = (values.get(each) or 1 for each in HOME)
        value = value * down / up
    return float(f"{value:.4g}")


def _passed(value: float | None, low: float | None, high: float | None) -> float | None:
    """The end of a range that a value lies beyond; None where it lies within."""
    if value is None or low is None or high is None or low <= value <= high:
        return None
    return high if value > high else low
