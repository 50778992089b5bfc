"""Surge (交易量突增): a day, or an hour, far above what the merchant usually sells, found while it happens.

What it finds, where its figures come from, what it cannot see: `docs/detectors/volume_surge.md`.
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
    rounded,
    turnover_e7,
)
from domain.alerts import Evidence, Text
from domain.feature_codes import NULL, ROW_TRANSACTION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.contract import Features, Values

REGULATORY_RATIO = 7.0
"""More than 600 % above the mean of the 90 days before: the trade's own indicator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSurge:
    """Approved sales that take the day, or the hour, far above the merchant's expectation of all of it.

    Args:
        day_decades: least surprise of a day: minus the tenth power of ten of its likelihood ratio, 1 to 100.
        hour_decades: the same of an hour, 1 to 100; there are more hours than days.
        ratio: least ratio of number or sum to the expectation, 1 to 100.
        over_peak: least ratio to the highest lawful day of the last weeks, 1 to 100.
        base: severity before money, 0 to 1.
        per_decade: what each tenfold of the excess above 1,000.00 adds, 0 to 1.
        regulatory: what a day above 7 times the mean of 90 days adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    day_decades: float = 4.0
    hour_decades: float = 6.0
    ratio: float = 2.6
    over_peak: float = 1.25
    base: float = 0.3
    per_decade: float = 0.15
    regulatory: float = 0.1
    quiet_gap_s: int = 86_400
    max_age_s: int = 3 * 86_400

    name = "volume_surge"
    risk_group = "volume"
    version = 1
    title = Text("Surge of volume", "交易量突增")
    risk_code = "12"
    bearer = ""
    needs = ("amount",)
    columns = (
        "row_kind", "sales_1d", "sales_minor_1d", "expected_1d", "expected_minor_1d", "day_share", "day_surprise",
        "sales_1h", "sales_minor_1h", "expected_1h", "hour_surprise", "excess_minor", "peak_ratio", "ratio_90d",
        "new_d",
        *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 1, 100, "day_decades", "hour_decades", "ratio", "over_peak")
        check_range(self, 0, 1, "base", "per_decade", "regulatory")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The sales beyond what the day or the hour can lawfully hold; severity by the day's excess in money."""
        sure = (features["day_surprise"] >= self.day_decades) | (features["hour_surprise"] >= self.hour_decades)
        index = np.flatnonzero(sure & (features["row_kind"] == ROW_TRANSACTION) & (features["new_d"] == NULL))
        if len(index) == 0:
            return NOTHING
        day, hour, excess = _ratios({name: features[name][index] for name in self.columns})
        gate = np.fmax(self.ratio, self.over_peak * features["peak_ratio"][index])
        by_day = (features["day_surprise"][index] >= self.day_decades) & (day >= gate)
        by_hour = (features["hour_surprise"][index] >= self.hour_decades) & (hour >= gate)
        keep = by_day | by_hour
        index, excess = index[keep], excess[keep]
        severity = self.base + self.per_decade * np.log10(1 + home_minor(features, index, excess) / 100_000)
        severity = severity + self.regulatory * (features["ratio_90d"][index] > REGULATORY_RATIO)
        turnover = turnover_e7(features["excess_minor"][index].astype(np.int64))
        return Findings(index, np.clip(severity, 0, 1), turnover_e7=turnover)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """The day and the hour against what was expected, and the ratio the rules name."""
        usual_minor = values["expected_minor_1d"]
        found = [
            Evidence("sales_1d", "1d", values["sales_1d"], None, rounded(values["expected_1d"], 1), "transactions"),
            Evidence("sales_minor_1d", "1d", values["sales_minor_1d"], None, usual_minor, "minor units"),
            Evidence("day_surprise", "1d", rounded(values["day_surprise"], 2), self.day_decades, 0, "decades"),
            Evidence("day_share", "1d", rounded(values["day_share"], 2), None, None, "share"),
            Evidence("sales_1h", "1h", values["sales_1h"], None, rounded(values["expected_1h"], 1), "transactions"),
            Evidence("hour_surprise", "1h", rounded(values["hour_surprise"], 2), self.hour_decades, 0, "decades"),
        ]
        if values["ratio_90d"] is not None:
            ratio = rounded(values["ratio_90d"], 2)
            found.append(Evidence("ratio_90d", "1d", ratio, REGULATORY_RATIO, 1, "ratio"))
        return tuple(found)

    def reason(self, values: Values, hits: int, at_stake_minor: int, currency: str) -> Text:
        """The day against the usual of such a day; the hour where it is the hour."""
        sum_minor, usual = float(values["sales_minor_1d"] or 0), float(values["expected_minor_1d"] or 0)
        sales, expected = int(values["sales_1d"] or 0), float(values["expected_1d"] or 0)
        of_number, of_sum = sales / max(expected, 0.1), sum_minor / max(usual, 1)
        en = (
            f"That day {sales} sales ({of_number:.1f}x) of {money(sum_minor, currency)} ({of_sum:.1f}x) against the "
            f"usual {expected:.1f} sales of {amount(usual, currency)} on such a day"
        )
        zh = (
            f"当日{sales}笔（为平时的{of_number:.1f}倍）、{money(sum_minor, currency)}（为平时的{of_sum:.1f}倍），"
            f"同类日期通常约{expected:.1f}笔、{amount(usual, currency)}"
        )
        if (values["hour_surprise"] or 0) >= self.hour_decades:
            hourly, of_hour = int(values["sales_1h"] or 0), float(values["expected_1h"] or 0)
            en += f"; {hourly} sales within the hour against {of_hour:.1f}"
            zh += f"，本小时{hourly}笔，通常约{of_hour:.1f}笔"
        stake = money(at_stake_minor, currency) if at_stake_minor else ""
        return Text(
            f"{en}; {hits} sale{'s' if hits > 1 else ''} reported" + (f", {stake} above the usual" if stake else ""),
            f"{zh}；异常交易{hits}笔" + (f"，超出平时{stake}" if stake else ""),
        )


def _ratios(f: Features) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Ratio of the day and of the hour to their expectation (the greater of number and sum), and the excess in money.

    What is not known counts for nothing.
    """
    usual = np.maximum(f["expected_minor_1d"], 1).astype(np.float64)
    expected = np.fmax(f["expected_1d"], 0.1)
    hourly = np.fmax(f["expected_1h"], 0.2)
    hourly_minor = np.maximum(usual * hourly / expected, 1)
    day = np.maximum(f["sales_1d"] / expected, f["sales_minor_1d"] / usual)
    hour = np.maximum(f["sales_1h"] / hourly, f["sales_minor_1h"] / hourly_minor)
    excess = np.maximum(f["sales_minor_1d"] - usual, f["sales_minor_1h"] - hourly_minor)
    return day, hour, np.maximum(excess, 0)
