"""Failing terminals (终端故障): one whose payments fail technically while the merchant's others work, or all for days.

What it finds, where its figures come from, what it cannot see: `docs/detectors/terminal_failing.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import NOTHING, Findings, Tuned, check_episode, check_range, check_whole, iso_day, rounded
from detectors.words import terminal_failing as words
from domain.alerts import Evidence
from domain.feature_codes import ROW_CLOSING, ROW_TRANSACTION, terminal_text

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalFailing(Tuned):
    """Technical failures (91, 96, 98) at one terminal while others work, and days on which most attempts failed so.

    Args:
        at_least: technical failures at the terminal on a local day, 2 to 10,000.
        share: least share of its attempts from the first of them on, 0 to 1.
        times: least ratio of that share to the terminal's usual one, 1 to 100.
        others_at_least: attempts at the merchant's other terminals in that time, 1 to 10,000.
        others_share: most share of them that failed technically, 0 to 1: above, the host fails, not a terminal.
        days: days running on which most of the merchant's attempts failed technically, 2 to 60; a host is not down for
            so long.
        base: severity at `at_least`, 0 to 1.
        per_decade: what each tenfold beyond adds, 0 to 1.
        whole: severity where all terminals fail for days, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    at_least: int = 5
    share: float = 0.5
    times: float = 3.0
    others_at_least: int = 10
    others_share: float = 0.1
    days: int = 3
    base: float = 0.3
    per_decade: float = 0.2
    whole: float = 0.45
    quiet_gap_s: int = 3 * 86_400
    max_age_s: int = 28 * 86_400

    name = "terminal_failing"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "service"
    risk_code = ""
    bearer = ""
    needs = ("response_code",)
    columns = (
        "row_kind", "terminal_code", "terminal_failures_1d", "terminal_attempts_1d", "terminal_failing_usual",
        "others_attempts_1d", "others_failures_1d", "technical_d", "closed_technical", "closed_declined",
        "closed_sales", "local_day",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "share", "others_share", "base", "per_decade", "whole")
        check_range(self, 1, 100, "times")
        check_whole(self, 2, 10_000, "at_least")
        check_whole(self, 1, 10_000, "others_at_least")
        check_whole(self, 2, 60, "days")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The failures from the one on that is the day's `at_least`-th, and the days on which all fail."""
        kind, failures = features["row_kind"], features["terminal_failures_1d"]
        of_one = (kind == ROW_TRANSACTION) & (failures >= self.at_least)
        of_all = (kind == ROW_CLOSING) & (features["technical_d"] >= self.days) & (features["closed_technical"] > 0)
        index = np.flatnonzero(of_one | of_all)
        if len(index) == 0:
            return NOTHING
        f = {name: features[name][index] for name in self.columns}
        failed = f["terminal_failures_1d"].astype(np.float64)
        share = failed / np.maximum(f["terminal_attempts_1d"], 1)
        usual = np.nan_to_num(f["terminal_failing_usual"])
        others = f["others_failures_1d"] <= self.others_share * f["others_attempts_1d"]
        alone = others & (f["others_attempts_1d"] >= self.others_at_least)
        found = of_all[index] | (alone & (share >= self.share) & (share >= self.times * usual))
        severity = self.base + self.per_decade * np.log10(np.maximum(failed, 1) / self.at_least)
        severity = np.where(of_all[index], self.whole, severity)
        return Findings(index[found], np.clip(severity[found], 0, 1))

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """How the terminal and the others did, or for how many days all failed."""
        if values["row_kind"] == ROW_CLOSING:
            attempts = (values["closed_sales"] or 0) + (values["closed_declined"] or 0)
            return (
                Evidence("technical_d", "days", values["technical_d"], self.days, 0, "days"),
                Evidence("closed_technical", "1d", values["closed_technical"], None, attempts, "transactions"),
            )
        code, failures, usual = (
            values[name] for name in ("terminal_code", "terminal_failures_1d", "terminal_failing_usual")
        )
        return (
            Evidence("terminal_code", "txn", terminal_text(int(code or 0)) or None, None, None, "code"),
            Evidence("terminal_failures_1d", "1d", failures, self.at_least, 0, "transactions"),
            Evidence("terminal_attempts_1d", "1d", values["terminal_attempts_1d"], None, None, "transactions"),
            Evidence("terminal_failing_usual", "28d", rounded(usual, 4), None, None, "share"),
            Evidence("others_attempts_1d", "1d", values["others_attempts_1d"], self.others_at_least, None,
                     "transactions"),
            Evidence("others_failures_1d", "1d", values["others_failures_1d"], None, 0, "transactions"),
        )  # fmt: skip

    def facts(self, values: Values, story: Story) -> words.Facts:  # noqa: ARG002
        """How the terminal and the others did, or for how many days all failed."""
        day, (failed, attempts, others, others_failed, of_all, sales, declined) = iso_day(values), (
            int(values[name] or 0)
            for name in (
                "terminal_failures_1d", "terminal_attempts_1d", "others_attempts_1d", "others_failures_1d",
                "closed_technical", "closed_sales", "closed_declined",
            )
        )  # fmt: skip
        if values["row_kind"] == ROW_CLOSING:
            days = int(values["technical_d"] or 0)
            return words.Facts(failed=of_all, attempts=sales + declined, day=day, days=days)
        return words.Facts(
            failed=failed, attempts=attempts, day=day, terminal_id=terminal_text(int(values["terminal_code"] or 0)),
            others_failed=others_failed, others_attempts=others,
        )  # fmt: skip
