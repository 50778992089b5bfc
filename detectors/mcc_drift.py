"""Drift to the cheaper of a merchant's own registered MCCs.

What it finds, where its figures come from, what it cannot see: `docs/detectors/mcc_drift.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import (
    E7,
    HOME,
    NOTHING,
    Findings,
    check_episode,
    check_range,
    code,
    home_minor,
    losers,
    money,
    own_minor,
    own_threshold,
    rounded,
)
from domain.alerts import Evidence, Text
from domain.feature_codes import NULL
from domain.mcc_names import mcc_short_name

if TYPE_CHECKING:
    from detectors.contract import Features, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class MccDrift:
    """Days on which a merchant, or a terminal, uses the cheaper of its registered MCCs more than it used to.

    Args:
        evidence_nats: least evidence that accuses, in nats, 1 to 100.
        least_excess_minor: least the day's cheap sales cost beyond the usual, minor units of the home currency, 0 to
            1,000,000.
        base: severity where that is all that is known, 0 to 1.
        per_decade: what each tenfold of the day's excess above 10.00 adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    evidence_nats: float = 10.0
    least_excess_minor: int = 10
    base: float = 0.3
    per_decade: float = 0.2
    quiet_gap_s: int = 3 * 86_400
    max_age_s: int = 28 * 86_400

    name = "mcc_drift"
    risk_group = "mcc"
    version = 1
    title = Text("Drift to a cheaper registered MCC", "低费率MCC占比上升")
    risk_code = "26"
    bearer = "issuer_network"
    needs = ("mcc", "acceptor_id", "channel_mcc")
    columns = (
        "set_evidence", "set_terminal_evidence", "set_share_1d", "set_share_usual", "set_amount_share_1d",
        "set_amount_share_usual", "set_cheap_1d", "set_sales_1d", "set_excess_1d_e7", "set_mcc_cheap", "set_mcc_dear",
        *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 1, 100, "evidence_nats")
        check_range(self, 0, 1_000_000, "least_excess_minor")
        check_range(self, 0, 1, "base", "per_decade")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The days with evidence enough; severity by the money lost beyond the usual."""
        evidence = np.fmax(features["set_evidence"], features["set_terminal_evidence"])  # NaN where both are
        index = np.flatnonzero(evidence >= self.evidence_nats)
        if len(index) == 0:
            return NOTHING
        excess = features["set_excess_1d_e7"][index].astype(np.int64)
        enough = (excess != NULL) & (excess >= own_minor(features, index, self.least_excess_minor * E7))
        enough &= features["set_mcc_cheap"][index] != NULL
        index, lost = index[enough], excess[enough]
        lost = np.maximum(lost, 0)
        severity = self.base + self.per_decade * np.log10(1 + home_minor(features, index, lost) / (1000 * E7))
        return Findings(index, np.clip(severity, 0, 1), lost)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """How much more than usual, and what it cost."""
        least = self.evidence_nats
        excess = (int(values["set_excess_1d_e7"] or 0) + E7 // 2) // E7
        least_minor = own_threshold(values, self.least_excess_minor)
        return (
            Evidence("set_mcc_cheap", "txn", code(values["set_mcc_cheap"]), None,
                     code(values["set_mcc_dear"]), "MCC"),
            Evidence("set_share_1d", "1d", rounded(values["set_share_1d"], 4), None,
                     rounded(values["set_share_usual"], 4), "share"),
            Evidence("set_amount_share_1d", "1d", rounded(values["set_amount_share_1d"], 4), None,
                     rounded(values["set_amount_share_usual"], 4), "share"),
            Evidence("set_cheap_1d", "1d", values["set_cheap_1d"], None, values["set_sales_1d"], "transactions"),
            Evidence("set_evidence", "days", rounded(values["set_evidence"], 4), least, 0, "nats"),
            Evidence("set_terminal_evidence", "days", rounded(values["set_terminal_evidence"], 4), least, 0, "nats"),
            Evidence("set_excess_1d", "1d", excess, least_minor, 0, "minor units"),
        )  # fmt: skip

    def reason(self, values: Values, hits: int, at_stake_minor: int, currency: str) -> Text:
        """Which MCC, how much of the sales, how much usually, at what cost."""
        cheap, dear = code(values["set_mcc_cheap"]), code(values["set_mcc_dear"])
        cheap_name, dear_name = mcc_short_name(cheap), mcc_short_name(dear)
        now, usual = _percent(values["set_share_1d"]), _percent(values["set_share_usual"])
        terminal = (values["set_terminal_evidence"] or 0) > (values["set_evidence"] or 0)
        where_en, where_zh = (" at one terminal", "其中一台终端") if terminal else ("", "该商户")
        lost = money(at_stake_minor, currency) if at_stake_minor else ""
        who_en, who_zh = losers(currency)
        cost_en = f"; {who_en} underpaid {lost}" if lost else ""
        cost_zh = f"，{who_zh}少收{lost}" if lost else ""
        return Text(
            f"{now} of the day's sales{where_en} under {cheap} ({cheap_name.en}), usually {usual}, instead of {dear} "
            f"({dear_name.en}); {hits} such day{'s' if hits > 1 else ''}{cost_en}",
            f"{where_zh}当日{now}的交易按{cheap}（{cheap_name.zh}）上送（平时{usual}），登记MCC中费率较高的为{dear}（{dear_name.zh}）；"
            f"累计{hits}天{cost_zh}",
        )


def _percent(value: float | None) -> str:
    return "?" if value is None else f"{value:.0%}"
