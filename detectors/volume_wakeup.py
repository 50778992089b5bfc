"""Dormancy and wake-up (长期未交易、休眠后恢复交易): no sale for months, and much at once after it.

What it finds, where its figures come from, what it cannot see: `docs/detectors/volume_wakeup.md`.
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
    own_minor,
    turnover_e7,
)
from domain.alerts import Evidence, Text
from domain.feature_codes import NULL, ROW_CLOSING

if TYPE_CHECKING:
    from detectors.contract import Features, Values

REVERIFY_D, STOP_D = 90, 365
"""Three months without a transaction: verify the identity anew, else stop; twelve: stop (PCAC's inspection guide)."""
_ASK = (("verify its identity anew", "应重新核验身份"), ("stop the merchant", "应停止收单服务"))


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeWakeup:
    """Sales that come at once after a long sleep, and the ends of the days on which a sleep passes 90 and 365 days.

    Args:
        dormant_d: least whole days without a sale before, 1 to 400.
        ratio: least ratio of the day's sum or number to what was usual before the sleep, 1 to 100.
        decades: least surprise of the day where that is known, 0 to 100.
        least_minor: least sum of the day, minor units of the home currency, 0 to 10^12.
        unknown_minor: the same where nothing is known of before, 0 to 10^12.
        base: severity of a wake-up before money, 0 to 1.
        per_decade: what each tenfold of the day's excess above 1,000.00 adds, 0 to 1.
        unverified: what a sleep of 90 days or more adds, 0 to 1.
        dormant: severity of a sleep that passes 90 days, 0 to 1.
        dormant_year: severity of one that passes 365, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    dormant_d: float = 30
    ratio: float = 2.5
    decades: float = 2.0
    least_minor: float = 100_000
    unknown_minor: float = 2_000_000
    base: float = 0.4
    per_decade: float = 0.15
    unverified: float = 0.1
    dormant: float = 0.2
    dormant_year: float = 0.3
    quiet_gap_s: int = 86_400
    max_age_s: int = 7 * 86_400

    name = "volume_wakeup"
    risk_group = "volume"
    version = 2
    title = Text("Dormancy or wake-up", "长期未交易或休眠后恢复交易")
    risk_code = "12"
    bearer = ""
    needs = ("amount",)
    columns = (
        "row_kind", "dormancy_d", "sales_1d", "sales_minor_1d", "expected_1d", "expected_minor_1d", "day_surprise",
        "excess_minor", "idle_d",
        *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 1, 400, "dormant_d")
        check_range(self, 1, 100, "ratio")
        check_range(self, 0, 100, "decades")
        check_range(self, 0, 10**12, "least_minor", "unknown_minor")
        check_range(self, 0, 1, "base", "per_decade", "unverified", "dormant", "dormant_year")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """Wake-ups by the money of the day, and the two days on which the rules ask for something."""
        row_kind, idle = features["row_kind"], features["idle_d"]
        passed = (row_kind == ROW_CLOSING) & ((idle == REVERIFY_D) | (idle == STOP_D))
        index = np.flatnonzero(passed | ((row_kind == 0) & (features["dormancy_d"] >= self.dormant_d)))
        if len(index) == 0:
            return NOTHING
        f = {name: features[name][index] for name in self.columns}
        closing, day = f["row_kind"] == ROW_CLOSING, f["sales_minor_1d"]
        known, usual = ~np.isnan(f["expected_1d"]), np.maximum(f["expected_minor_1d"], 0)
        much = (day >= self.ratio * usual) | (f["sales_1d"] >= self.ratio * f["expected_1d"])
        least, unknown = (own_minor(features, index, each) for each in (self.least_minor, self.unknown_minor))
        much = np.where(known, much & (f["day_surprise"] >= self.decades), day >= unknown)
        excess = np.maximum(day - np.where(known, usual, 0), 0).astype(np.float64)
        severity = self.base + self.per_decade * np.log10(1 + home_minor(features, index, excess) / 100_000)
        severity = severity + self.unverified * (f["dormancy_d"] >= REVERIFY_D)
        of_sleep = np.where(f["idle_d"] == STOP_D, self.dormant_year, self.dormant)
        severity = np.clip(np.where(closing, of_sleep, severity), 0, 1)
        turnover = turnover_e7(np.where(closing, NULL, f["excess_minor"]).astype(np.int64))
        found = closing | (much & (day >= least))
        return Findings(index[found], severity[found], turnover_e7=turnover[found])

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """How long it slept, and what came then."""
        if values["row_kind"] == ROW_CLOSING:
            due = STOP_D if (values["idle_d"] or 0) >= STOP_D else REVERIFY_D
            return (Evidence("idle_d", "silence", values["idle_d"], due, None, "days"),)
        expected, usual_minor = values["expected_1d"], values["expected_minor_1d"]
        usual = None if expected is None else round(expected, 1)
        return (
            Evidence("dormancy_d", "silence", values["dormancy_d"], self.dormant_d, None, "days"),
            Evidence("sales_1d", "1d", values["sales_1d"], None, usual, "transactions"),
            Evidence("sales_minor_1d", "1d", values["sales_minor_1d"], None, usual_minor, "minor units"),
        )

    def reason(self, values: Values, hits: int, at_stake_minor: int, currency: str) -> Text:
        """For how long, and what came after it or what the rules ask for."""
        stake = money(at_stake_minor, currency) if at_stake_minor else ""
        if values["row_kind"] == ROW_CLOSING:
            idle = int(values["idle_d"] or 0)
            ask_en, ask_zh = _ASK[idle >= STOP_D]
            return Text(
                f"No sale for {idle} days: {ask_en}" + (f", {stake}" if stake else ""),
                f"已{idle}天无交易：{ask_zh}" + (f"，{stake}" if stake else ""),
            )
        slept, sales = int(values["dormancy_d"] or 0), int(values["sales_1d"] or 0)
        day, usual = float(values["sales_minor_1d"] or 0), values["expected_minor_1d"]
        slept_en, slept_zh = (f"{slept}", f"{slept}") if slept < 400 else ("400 or more", "400以上")
        before_en = "" if usual is None else f", usual before {amount(usual, currency)} a day"
        before_zh = "" if usual is None else f"（此前通常每天{amount(usual, currency)}）"
        return Text(
            f"{money(day, currency)} in {sales} sales in a day after {slept_en} days without one{before_en}; "
            f"{hits} sale{'s' if hits > 1 else ''} reported" + (f", {stake} above the usual" if stake else ""),
            f"休眠{slept_zh}天后单日{sales}笔共{money(day, currency)}{before_zh}，异常交易{hits}笔"
            + (f"，超出平时{stake}" if stake else ""),
        )
