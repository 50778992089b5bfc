"""Rise of volume (交易量突增): a day, some days, a week or two or a return from a closure, far above the usual.

What it finds, where its figures come from, what it cannot see: `docs/detectors/volume_rise.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
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
    own_minor,
    rounded,
    turnover_e7,
    whole,
)
from detectors.dormancy import REVERIFY_D
from detectors.words import volume_rise as words
from domain.alerts import Evidence
from domain.feature_codes import NULL, RISE_LASTING, RISE_THREE_DAYS, ROW_CLOSING, ROW_TRANSACTION
from domain.timestamps import day_iso

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.contract import Features, Story, Values

REGULATORY_RATIO = 7.0
"""More than 600 % above the mean of the 90 days before: the trade's own indicator."""
WAKE_D = 7
"""Whole days without a sale after which a day is told as a return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRise(Tuned):
    """Approved sales beyond what a day or an hour lawfully holds, and ends of days that are so with those before them.

    Args:
        decades: least rarity of the day, of three days or of one or two weeks among lawful ones: 3 is one shop-day in
            1,000; 1 to 20.
        hour_decades: least surprise of an hour, minus the tenth power of ten of its likelihood ratio, 1 to 100.
        ratio: least ratio of number or sum to the expectation of the day, or of the busiest hour, 1 to 100.
        week_ratio: least ratio of the last week to the level before a lasting rise, 1 to 100.
        least_minor: least sum of a day that is told as a return, minor units of the home currency, 0 to 10^12.
        unknown_d: whole days without a sale after which a return is told although nothing is known of before, 1 to 400.
        unknown_minor: its least sum, minor units of the home currency, 0 to 10^12.
        base: severity before evidence and money, 0 to 1.
        per_rarity: what each decade of rarity beyond `decades` adds, up to 3, 0 to 1.
        per_decade: what each tenfold of the excess above 1,000.00 adds, 0 to 1.
        regulatory: what a day above 7 times the mean of 90 days adds, 0 to 1.
        unverified: what a return after 90 days or more adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    decades: float = 3.15
    hour_decades: float = 6.0
    ratio: float = 1.5
    week_ratio: float = 1.3
    least_minor: float = 100_000
    unknown_d: float = 30
    unknown_minor: float = 2_000_000
    base: float = 0.3
    per_rarity: float = 0.05
    per_decade: float = 0.12
    regulatory: float = 0.1
    unverified: float = 0.1
    quiet_gap_s: int = 3 * 86_400
    max_age_s: int = 28 * 86_400

    name = "volume_rise"
    risk_group = "volume"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_code = "12"
    bearer = ""
    needs = ("amount",)
    columns = (
        "row_kind", "sales_1d", "sales_minor_1d", "expected_1d", "expected_minor_1d", "day_surprise", "sales_1h",
        "sales_minor_1h", "expected_1h", "hour_surprise", "excess_minor", "ratio_90d", "new_d", "dormancy_d",
        "rise_score", "rise_form", "closed_surprise", "rise_d", "rise_before_minor", "week_minor_1d", "closed_sales",
        "closed_minor",
        "local_day", *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 1, 20, "decades")
        check_range(self, 1, 100, "hour_decades", "ratio", "week_ratio")
        check_range(self, 1, 400, "unknown_d")
        check_range(self, 0, 10**12, "least_minor", "unknown_minor")
        check_range(self, 0, 1, "base", "per_rarity", "per_decade", "regulatory", "unverified")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The sales beyond what the day or the hour can lawfully hold, and the days that are so with those before."""
        far = (features["day_surprise"] >= self.decades) | (features["hour_surprise"] >= self.hour_decades)
        far |= (features["dormancy_d"] >= self.unknown_d) | (features["rise_score"] >= self.decades)
        index = np.flatnonzero(far)  # few: all else is looked at of these alone
        if len(index) == 0:
            return NOTHING
        f = {name: features[name][index] for name in self.columns}
        judged = (f["row_kind"] == ROW_TRANSACTION) & (f["new_d"] == NULL)
        found = np.where(
            f["row_kind"] == ROW_CLOSING,
            (f["rise_score"] >= self.decades) & self._days(f),
            judged & (self._sales(features, index, f) | self._returns(features, index, f)),
        )
        index, f = index[found], {name: column[found] for name, column in f.items()}
        excess = _excess(f)
        rarity = np.fmax(np.fmax(f["day_surprise"], f["rise_score"]), 0.0)
        severity = self.base + self.per_rarity * np.clip(rarity - self.decades, 0, 3)
        severity = severity + self.per_decade * np.log10(1 + home_minor(features, index, excess) / 100_000)
        severity = severity + self.regulatory * (f["ratio_90d"] > REGULATORY_RATIO)
        severity = severity + self.unverified * (f["dormancy_d"] >= REVERIFY_D)
        turnover = turnover_e7(f["excess_minor"].astype(np.int64))
        return Findings(index, np.clip(severity, 0, 1), turnover_e7=turnover)

    def _sales(self, features: Features, index: NDArray[np.int64], f: Features) -> NDArray[np.bool_]:
        """Sales of a day, or an hour, that is far above the usual."""
        usual = np.maximum(f["expected_minor_1d"], 1).astype(np.float64)
        day = np.maximum(f["sales_1d"] / np.fmax(f["expected_1d"], 0.1), f["sales_minor_1d"] / usual)
        hourly = np.fmax(f["expected_1h"], 0.2)
        of_sum = f["sales_minor_1h"] / np.maximum(usual * hourly / np.fmax(f["expected_1d"], 0.1), 1)
        hour = np.maximum(f["sales_1h"] / hourly, of_sum)
        by_day = (f["day_surprise"] >= self.decades) & (day >= self.ratio)
        by_hour = (f["hour_surprise"] >= self.hour_decades) & (hour >= self.ratio)
        returns = (f["dormancy_d"] >= WAKE_D) & (f["sales_minor_1d"] < own_minor(features, index, self.least_minor))
        return np.asarray((by_day | by_hour) & ~returns, np.bool_)

    def _returns(self, features: Features, index: NDArray[np.int64], f: Features) -> NDArray[np.bool_]:
        """Sales after a long closure of a merchant of which nothing is known from before."""
        much = f["sales_minor_1d"] >= own_minor(features, index, self.unknown_minor)
        return np.asarray(np.isnan(f["expected_1d"]) & (f["dormancy_d"] >= self.unknown_d) & much, np.bool_)

    def _days(self, f: Features) -> NDArray[np.bool_]:
        """Ends of days that are no more than usual alone, but with the days before them; sales tell of the others."""
        before = np.maximum(np.where(f["rise_before_minor"] == NULL, 0, f["rise_before_minor"]), 1)
        lasting = (f["rise_form"] == RISE_LASTING) & (f["week_minor_1d"] >= self.week_ratio * before)
        three = f["rise_form"] == RISE_THREE_DAYS
        alone = f["closed_surprise"] >= self.decades
        return np.asarray((three | lasting) & ~alone & (f["closed_sales"] > 0), np.bool_)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """The day and the hour against what was expected, or the days together against the level before."""
        usual, usual_minor = rounded(values["expected_1d"], 1), values["expected_minor_1d"]
        if values["row_kind"] == ROW_CLOSING:
            return (
                Evidence("rise_score", "rise", rounded(values["rise_score"], 2), self.decades, 0, "decades"),
                Evidence("rise_form", "rise", values["rise_form"], None, None, "code"),
                Evidence("rise_d", "rise", values["rise_d"], None, None, "days"),
                Evidence(
                    "week_minor_1d", "7d", values["week_minor_1d"], None, values["rise_before_minor"], "minor units"
                ),
                Evidence("closed_sales", "1d", values["closed_sales"], None, usual, "transactions"),
                Evidence("closed_minor", "1d", values["closed_minor"], None, usual_minor, "minor units"),
            )
        found = [
            Evidence("sales_1d", "1d", values["sales_1d"], None, usual, "transactions"),
            Evidence("sales_minor_1d", "1d", values["sales_minor_1d"], None, usual_minor, "minor units"),
            Evidence("day_surprise", "1d", rounded(values["day_surprise"], 2), self.decades, 0, "decades"),
            Evidence("sales_1h", "1h", values["sales_1h"], None, rounded(values["expected_1h"], 1), "transactions"),
            Evidence("hour_surprise", "1h", rounded(values["hour_surprise"], 2), self.hour_decades, 0, "decades"),
        ]
        if (values["dormancy_d"] or 0) >= WAKE_D:
            found.append(Evidence("dormancy_d", "silence", values["dormancy_d"], WAKE_D, None, "days"))
        if values["ratio_90d"] is not None:
            found.append(Evidence("ratio_90d", "1d", rounded(values["ratio_90d"], 2), REGULATORY_RATIO, 1, "ratio"))
        return tuple(found)

    def facts(self, values: Values, story: Story) -> words.Facts:
        """The form of the rise with the merchant's figures; the hour where it is the hour."""
        idle_d = int(values["dormancy_d"] or 0)
        if values["row_kind"] == ROW_CLOSING:
            seen = _lasting(values) if values["rise_form"] == RISE_LASTING else _three_days(values)
        elif (values["hour_surprise"] or 0) >= self.hour_decades and (values["day_surprise"] or 0) < self.decades:
            seen = _hour(values)
        else:
            seen = _day(values)
        return msgspec.structs.replace(
            seen, day=iso_day(values), idle_d=idle_d if idle_d >= WAKE_D else None, above_minor=story.turnover_minor,
            first_day=story.first_day,
        )  # fmt: skip


def _excess(f: Features) -> NDArray[np.float64]:
    """What the day, or a day of the week, brings above the usual."""
    usual = np.maximum(f["expected_minor_1d"], 0)
    before = np.where(f["rise_before_minor"] == NULL, usual, f["rise_before_minor"])
    of_days = np.where(f["rise_form"] == RISE_LASTING, f["week_minor_1d"] - before, f["closed_minor"] - usual)
    of_sales = np.maximum(f["sales_minor_1d"] - usual, 0)
    return np.maximum(np.where(f["row_kind"] == ROW_CLOSING, of_days, of_sales), 0).astype(np.float64)


def _day(values: Values) -> words.Facts:
    usual = values["expected_1d"]
    return words.Facts(
        form="return" if usual is None else "day", sales=int(values["sales_1d"] or 0),
        sales_minor=int(values["sales_minor_1d"] or 0), usual_sales=rounded(usual, 2),
        usual_minor=whole(values["expected_minor_1d"]),
    )  # fmt: skip


def _hour(values: Values) -> words.Facts:
    """An hour; of the usual sum it has the share that it has of the usual sales."""
    share = (values["expected_1h"] or 0) / max(values["expected_1d"] or 0, 0.1)
    return words.Facts(
        form="hour", sales=int(values["sales_1h"] or 0), sales_minor=int(values["sales_minor_1h"] or 0),
        usual_sales=rounded(values["expected_1h"], 2), usual_minor=round((values["expected_minor_1d"] or 0) * share),
    )  # fmt: skip


def _three_days(values: Values) -> words.Facts:
    return words.Facts(
        form="three_days", sales=int(values["closed_sales"] or 0), sales_minor=int(values["closed_minor"] or 0),
        usual_sales=rounded(values["expected_1d"], 2), usual_minor=whole(values["expected_minor_1d"]),
    )  # fmt: skip


def _lasting(values: Values) -> words.Facts:
    day, began = values.get("local_day"), int(values["rise_d"] or 0)
    return words.Facts(
        form="lasting", sales_minor=int(values["week_minor_1d"] or 0), usual_minor=whole(values["rise_before_minor"]),
        rise_day=None if day is None or began < 1 else day_iso(int(day) - began + 1),
    )  # fmt: skip
