"""Collapse and silence (交易骤降、停止交易): a merchant that sells far less than usual for days, or nothing at all.

What it finds, where its figures come from, what it cannot see: `docs/detectors/volume_collapse.md`.
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
from detectors.words import volume_collapse as words
from domain.alerts import Evidence
from domain.feature_codes import ROW_CLOSING

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeCollapse(Tuned):
    """Ends of days far below the usual or without a sale.

    Args:
        decades: least rarity of so low three days, or one or two weeks, among lawful ones, 1 to 20: 3 is what a lawful
            shop comes to once in 1,000 days.
        silent_decades: the same of a run of days without a sale, 1 to 20.
        ratio: most ratio of the day that ended to its expectation, where it is not silence, 0 to 1.
        least_a_day: least sales to be expected of the day that ended, 0 to 1000; below, chance is silent for days.
        base: severity before money, 0 to 1.
        per_decade: what each tenfold of a usual day's sum above 1,000.00 adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    decades: float = 3.5
    silent_decades: float = 3.1
    ratio: float = 0.6
    least_a_day: float = 2.0
    base: float = 0.3
    per_decade: float = 0.1
    quiet_gap_s: int = 7 * 86_400
    max_age_s: int = 100 * 86_400

    name = "volume_collapse"
    risk_group = "volume"
    version = 4
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_code = ""
    bearer = ""
    needs = ("amount",)
    columns = (
        "row_kind", "fall_score", "silence_score", "quiet_d", "quiet_longest_d", "missed_sales", "idle_d",
        "closed_sales", "closed_minor", "expected_1d", "expected_minor_1d",
        "local_day", *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 1, 20, "decades", "silent_decades")
        check_range(self, 0, 1000, "least_a_day")
        check_range(self, 0, 1, "ratio", "base", "per_decade")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The days that end in silence or far below; severity by the money of a usual day. It finds no money."""
        index = np.flatnonzero(features["row_kind"] == ROW_CLOSING)
        if len(index) == 0:
            return NOTHING
        f = {name: features[name][index] for name in self.columns}
        known = f["expected_1d"] >= self.least_a_day
        silent = known & (f["closed_sales"] == 0) & (f["silence_score"] >= self.silent_decades)
        low = (f["closed_sales"] > 0) & (f["closed_sales"] <= self.ratio * f["expected_1d"])
        fallen = known & low & (f["fall_score"] >= self.decades)
        found = silent | fallen
        index, f = index[found], {name: column[found] for name, column in f.items()}
        usual = np.maximum(f["expected_minor_1d"], 0).astype(np.float64)
        severity = self.base + self.per_decade * np.log10(1 + home_minor(features, index, usual) / 100_000)
        return Findings(index, np.clip(severity, 0, 1))

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """The day against its expectation, how long nothing came, and how sure it is."""
        expected, missed = values["expected_1d"], values["missed_sales"]
        fall, silence = (rounded(values[name], 2) for name in ("fall_score", "silence_score"))
        return (
            Evidence("closed_sales", "1d", values["closed_sales"], None, rounded(expected, 2), "transactions"),
            Evidence("closed_minor", "1d", values["closed_minor"], None, values["expected_minor_1d"], "minor units"),
            Evidence("fall_score", "fall", fall, self.decades, 0, "decades"),
            Evidence("silence_score", "silence", silence, self.silent_decades, 0, "decades"),
            Evidence("missed_sales", "silence", rounded(missed, 2), None, 0, "transactions"),
            Evidence("quiet_d", "silence", values["quiet_d"], None, values["quiet_longest_d"], "days"),
            Evidence("idle_d", "silence", values["idle_d"], None, None, "days"),
        )

    def facts(self, values: Values, story: Story) -> words.Facts:
        """For how long nothing came, or how little came, where how much was to be expected."""
        sales = int(values["closed_sales"] or 0)
        return words.Facts(
            form="low" if sales else "silent", day=iso_day(values), first_day=story.first_day, hits=story.hits,
            sales=sales, sales_minor=int(values["closed_minor"] or 0), usual_sales=rounded(values["expected_1d"], 1),
            usual_minor=whole(values["expected_minor_1d"]), idle_d=int(values["idle_d"] or 0),
            quiet_d=whole(values["quiet_d"]), missed_sales=rounded(values["missed_sales"], 1),
        )  # fmt: skip
