"""Compromised point (伪卡集中点): payments reported as fraud that gather at a merchant, or at one of its terminals.

What it finds, where its figures come from, what it cannot see: `docs/detectors/compromised_point.md`.
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
    check_whole,
    home_minor,
    rounded,
    turnover_e7,
)
from detectors.words import compromised_point as words
from domain.alerts import Evidence
from domain.feature_codes import POINT_TERMINAL, ROW_REPORT, terminal_text

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class CompromisedPoint(Tuned):
    """Reports of fraud that come where far fewer are to be expected.

    Args:
        decades: least rarity of so many reports by chance, 1 to 20.
        times: least ratio of the share reported to what is to be expected, 1 to 1000.
        least_reports: least payments reported, 2 to 1000.
        least_days: least days on which they were made, 1 to 64; reports on the payments of one card are not many.
        base: severity before money, 0 to 1.
        per_decade: what each tenfold of the money reported above 1,000.00 adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    decades: float = 5.0
    times: float = 5.0
    least_reports: int = 4
    least_days: int = 3
    base: float = 0.5
    per_decade: float = 0.1
    quiet_gap_s: int = 14 * 86_400
    max_age_s: int = 120 * 86_400

    name = "compromised_point"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "card"
    risk_code = "07"
    bearer = "issuer_network"
    needs = ("fraud_report", "chargeback")
    columns = (
        "row_kind", "report_loss_minor", "report_terminal", "point_form", "point_evidence", "point_reports",
        "point_sales", "point_days", "point_weeks", "point_base_ppm", "reported_minor", "charged_back_minor",
        *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 1, 20, "decades")
        check_range(self, 1, 1000, "times")
        check_range(self, 0, 1, "base", "per_decade")
        check_whole(self, 2, 1000, "least_reports")
        check_whole(self, 1, 64, "least_days")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The reports from the one on that makes them too many; its payment's amount is lost by the issuer."""
        index = np.flatnonzero((features["row_kind"] == ROW_REPORT) & (features["point_evidence"] >= self.decades))
        if len(index) == 0:
            return NOTHING
        reports, sales = features["point_reports"][index], features["point_sales"][index]
        share = reports / np.maximum(sales, 1) * 1e6
        enough = (reports >= self.least_reports) & (features["point_days"][index] >= self.least_days)
        index = index[enough & (share >= self.times * features["point_base_ppm"][index])]
        reported = np.maximum(features["reported_minor"][index], 0).astype(np.float64)
        severity = self.base + self.per_decade * np.log10(1 + home_minor(features, index, reported) / 100_000)
        lost = turnover_e7(features["report_loss_minor"][index].astype(np.int64))
        return Findings(index, np.clip(severity, 0, 1), lost)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """How many reports there are, of how many payments, and what was to be expected; who bears what so far."""
        weeks = f"{int(values['point_weeks'] or 0)}w"
        base, sales = float(values["point_base_ppm"] or 0), float(values["point_sales"] or 0)
        found = [
            Evidence("point_evidence", weeks, rounded(values["point_evidence"], 2), self.decades, 0, "decades"),
            Evidence("point_reports", weeks, values["point_reports"], self.least_reports,
                     rounded(base * sales / 1e6, 2), "transactions"),
            Evidence("point_sales", weeks, values["point_sales"], None, None, "transactions"),
            Evidence("point_days", weeks, values["point_days"], self.least_days, None, "days"),
            Evidence("reported_minor", "history", values["reported_minor"], None, None, "minor units"),
            Evidence("charged_back_minor", "history", values["charged_back_minor"], None, None, "minor units"),
        ]  # fmt: skip
        if terminal := _terminal(values):
            found.append(Evidence("report_terminal", "txn", terminal, None, None, "code"))
        return tuple(found)

    def facts(self, values: Values, story: Story) -> words.Facts:
        """Where, how many of how many, against what, and what it comes to by who bears it."""
        reports, sales = int(values["point_reports"] or 0), int(values["point_sales"] or 0)
        return words.Facts(
            reports=reports, sales=sales, usual=round(float(values["point_base_ppm"] or 0) * sales / 1e6, 2),
            weeks=int(values["point_weeks"] or 0), loss_minor=story.loss_minor,
            charged_back_minor=int(values["charged_back_minor"] or 0),
            terminal_id=_terminal(values) if values["point_form"] == POINT_TERMINAL else "",
        )  # fmt: skip


def _terminal(values: Values) -> str:
    """The number of the report's terminal; "" where it is not known."""
    code = values["report_terminal"]
    return "" if code is None else terminal_text(int(code))
