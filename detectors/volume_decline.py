"""Decline of business (经营下滑预警): a merchant that sells less from week to week, before it collapses.

What it finds, where its figures come from, what it cannot see: `docs/detectors/volume_decline.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import (
    HOME,
    NOTHING,
    Findings,
    Tuned,
    check_episode,
    check_range,
    home_minor,
    iso_day,
    rounded,
    whole,
)
from detectors.words import volume_decline as words
from domain.alerts import Evidence
from domain.feature_codes import ROW_CLOSING

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDecline(Tuned):
    """Ends of days at which two weeks of sales lie far below those of three months.

    Args:
        decades: least rarity of such a fall of the level among lawful ones: 3 is one shop-day in 1,000; 1 to 20.
        ratio: most ratio of the level of two weeks to that of three months, 0 to 1.
        least_a_day: least sales to be expected of the day, 0 to 1000.
        base: severity before money, 0 to 1.
        per_decade: what each tenfold of a usual day's sum above 1,000.00 adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    decades: float = 3.25
    ratio: float = 0.8
    least_a_day: float = 1.0
    base: float = 0.3
    per_decade: float = 0.05
    quiet_gap_s: int = 14 * 86_400
    max_age_s: int = 100 * 86_400

    name = "volume_decline"
    risk_group = "volume"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_code = ""
    bearer = ""
    needs = ("amount",)
    columns = (
        "row_kind", "decline_score", "decline_ratio", "closed_sales", "expected_1d", "expected_minor_1d",
        "week_minor_1d",
        "local_day", *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 1, 20, "decades")
        check_range(self, 0, 1, "ratio", "base", "per_decade")
        check_range(self, 0, 1000, "least_a_day")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The ends of days within a decline; severity by the money of a usual day. It finds no money."""
        index = np.flatnonzero((features["row_kind"] == ROW_CLOSING) & (features["decline_score"] >= self.decades))
        if len(index) == 0:
            return NOTHING
        low = (features["decline_ratio"][index] <= self.ratio) & (features["closed_sales"][index] > 0)
        index = index[low & (features["expected_1d"][index] >= self.least_a_day)]
        usual = np.maximum(features["expected_minor_1d"][index], 0).astype(np.float64)
        severity = self.base + self.per_decade * np.log10(1 + home_minor(features, index, usual) / 100_000)
        return Findings(index, np.clip(severity, 0, 1))

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """The level of two weeks against that of three months, and how rare that is."""
        return (
            Evidence("decline_score", "14d", rounded(values["decline_score"], 2), self.decades, 0, "decades"),
            Evidence("decline_ratio", "14d", rounded(values["decline_ratio"], 2), self.ratio, 1, "ratio"),
            Evidence("week_minor_1d", "7d", values["week_minor_1d"], None, None, "minor units"),
            Evidence(
                "closed_sales", "1d", values["closed_sales"], None, rounded(values["expected_1d"], 1), "transactions"
            ),
        )

    def facts(self, values: Values, story: Story) -> words.Facts:
        """How far the level fell, and what a day brings now."""
        return words.Facts(
            day=iso_day(values),
            first_day=story.first_day,
            hits=story.hits,
            level_share=round(values["decline_ratio"] or 0, 4),
            week_minor=whole(values["week_minor_1d"]),
        )
