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
    Tuned,
    check_episode,
    check_range,
    code,
    home_minor,
    iso_day,
    minor_of,
    own_minor,
    own_threshold,
    rounded,
)
from detectors.words import mcc_drift as words
from domain.alerts import Evidence
from domain.feature_codes import NULL

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class MccDrift(Tuned):
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
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_code = "26"
    bearer = "issuer_network"
    needs = ("mcc", "acceptor_id", "channel_mcc")
    columns = (
        "set_evidence", "set_terminal_evidence", "set_share_1d", "set_share_usual", "set_amount_share_1d",
        "set_amount_share_usual", "set_cheap_1d", "set_sales_1d", "set_excess_1d_e7", "set_mcc_cheap", "set_mcc_dear",
        "local_day", *HOME,
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
        excess = minor_of(values["set_excess_1d_e7"] or 0)
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

    def facts(self, values: Values, story: Story) -> words.Facts:
        """Which MCC is used how much, and how much usually; of a terminal where that says more."""
        return words.Facts(
            hits=story.hits, loss_minor=story.loss_minor, first_day=story.first_day, day=iso_day(values),
            cheap=code(values["set_mcc_cheap"]), dear=code(values["set_mcc_dear"]),
            share=rounded(values["set_share_1d"], 4), usual_share=rounded(values["set_share_usual"], 4),
            at_terminal=(values["set_terminal_evidence"] or 0) > (values["set_evidence"] or 0),
        )  # fmt: skip
