"""Shift of level (交易量持续上升): a ramp or a lasting rise of a merchant's daily volume, judged as days end.

What it finds, where its figures come from, what it cannot see: `docs/detectors/volume_shift.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import (
    HOME,
    NOTHING,
    Findings,
    amount,
    check_episode,
    check_range,
    home_minor,
    money,
    turnover_e7,
)
from domain.alerts import Evidence, Text
from domain.feature_codes import ROW_CLOSING

if TYPE_CHECKING:
    from detectors.contract import Features, Values

REGULATORY_RATIO = 1.5
"""Weekly volume at 150 % of the normal week: Visa's and Mastercard's monitoring minimum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeShift:
    """Ends of days at which the evidence for a lasting rise stands high.

    Args:
        score: least evidence for 1.6 times the usual level, natural logarithm of a likelihood ratio, 1 to 30.
        ratio: least ratio of the last seven days to the level before the rise, 1 to 100.
        base: severity before money, 0 to 1.
        per_decade: what each tenfold of the day's excess above 1,000.00 adds, 0 to 1.
        regulatory: what a week above 150 % of the mean of 13 weeks adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    score: float = 9.0
    ratio: float = 1.4
    base: float = 0.3
    per_decade: float = 0.15
    regulatory: float = 0.05
    quiet_gap_s: int = 3 * 86_400
    max_age_s: int = 28 * 86_400

    name = "volume_shift"
    risk_group = "volume"
    version = 1
    title = Text("Lasting rise of volume", "交易量持续上升")
    risk_code = "12"
    bearer = ""
    needs = ("amount",)
    columns = (
        "row_kind", "rise_score", "rise_d", "rise_before_minor", "week_minor_1d", "closed_sales", "closed_minor",
        "expected_minor_1d", "excess_minor", "ratio_week_13w",
        *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 1, 30, "score")
        check_range(self, 1, 100, "ratio")
        check_range(self, 0, 1, "base", "per_decade", "regulatory")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The days that end within a lasting rise; severity by what a day of it brings above the level before."""
        index = np.flatnonzero((features["rise_score"] >= self.score) & (features["row_kind"] == ROW_CLOSING))
        if len(index) == 0:
            return NOTHING
        before = np.maximum(features["rise_before_minor"][index], 1).astype(np.float64)
        week = np.maximum(features["week_minor_1d"][index], 0)
        keep = (week >= self.ratio * before) & (features["closed_sales"][index] > 0)
        index, excess = index[keep], np.maximum(week - before, 0)[keep]
        severity = self.base + self.per_decade * np.log10(1 + home_minor(features, index, excess) / 100_000)
        severity = severity + self.regulatory * (features["ratio_week_13w"][index] >= REGULATORY_RATIO)
        return Findings(index, np.clip(severity, 0, 1), turnover_e7=turnover_e7(excess.astype(np.int64)))

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """The week against the level before, and how sure it is."""
        score, before = values["rise_score"], values["rise_before_minor"]
        found = [
            Evidence("week_minor_1d", "7d", values["week_minor_1d"], None, before, "minor units"),
            Evidence("closed_minor", "1d", values["closed_minor"], None, values["expected_minor_1d"], "minor units"),
            Evidence("rise_score", "rise", None if score is None else round(score, 2), self.score, 0, "nats"),
            Evidence("rise_d", "rise", values["rise_d"], None, None, "days"),
        ]
        if values["ratio_week_13w"] is not None:
            ratio = round(values["ratio_week_13w"], 2)
            found.append(Evidence("ratio_week_13w", "7d", ratio, REGULATORY_RATIO, 1, "ratio"))
        return tuple(found)

    def reason(self, values: Values, hits: int, at_stake_minor: int, currency: str) -> Text:
        """What a day brings now, what it brought before, and since when."""
        now, before = float(values["week_minor_1d"] or 0), float(values["rise_before_minor"] or 0)
        usual = amount(before, currency)
        days, times = int(values["rise_d"] or 0), now / max(before, 1)
        stake = money(at_stake_minor, currency) if at_stake_minor else ""
        return Text(
            f"{money(now, currency)} a day over the last week against {usual} before the rise of {days} days: "
            f"{times:.1f}x; {hits} such day{'s' if hits > 1 else ''}" + (f", {stake} above the usual" if stake else ""),
            f"近一周日均{money(now, currency)}，为{days}天前开始上升之前日均{usual}的{times:.1f}倍，"
            f"累计{hits}天" + (f"，超出平时共{stake}" if stake else ""),
        )
