"""Charged above the contract (超签约费率扣费): payments whose fee is more than the merchant's contract says.

What it finds, where its figures come from, what it cannot see: `docs/detectors/fee_over.md`.
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
    check_whole,
    home_minor,
    rounded,
    turnover_e7,
    whole,
)
from detectors.words import fee_over as words
from domain.alerts import Evidence
from domain.events import MAX_AMOUNT_MINOR
from domain.feature_codes import FEE_BY_CONTRACT

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeOver:
    """Payments charged more than the contract in force at their time says.

    Args:
        rounding_minor: a difference of at most this is rounding, minor units, 0 or above.
        base: severity of any payment that was charged more, 0 to 1.
        per_decade: what each tenfold of the money overcharged a day above 10.00 adds, 0 to 1.
        relative: what a fee of twice the due one or more adds, 0 to 1; less in proportion.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.

    >>> FeeOver(base=2)
    Traceback (most recent call last):
    ValueError: base must be 0 to 1, got 2
    """

    rounding_minor: int = 1
    base: float = 0.3
    per_decade: float = 0.18
    relative: float = 0.1
    quiet_gap_s: int = 7 * 86_400
    max_age_s: int = 28 * 86_400

    name = "fee_over"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "fee"
    risk_code = "21"
    bearer = "merchant"
    needs = ("fee",)
    columns = (
        "fee_basis", "fee_charged", "fee_due", "fee_over", "fee_rate_ppm", "fee_due_ppm", "fee_over_1d",
        "fee_over_count_1d", "fee_judged_1d", "fee_over_4w", "fee_over_share_28d", "fee_complaints_90d", "sale_minor",
        *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "base", "per_decade", "relative")
        check_whole(self, 0, MAX_AMOUNT_MINOR, "rounding_minor")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The payments charged above their contract; severity by the money overcharged and by how much dearer."""
        over = features["fee_over"]
        index = np.flatnonzero((features["fee_basis"] == FEE_BY_CONTRACT) & (over > self.rounding_minor))
        return findings(features, index, self.base, self.per_decade, self.relative)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """What was charged and what was due, and what it comes to."""
        return evidence(values, self.rounding_minor)

    def facts(self, values: Values, story: Story) -> words.Facts:
        """What was charged and what was due, and what it comes to."""
        return words.Facts(
            hits=story.hits, turnover_minor=story.turnover_minor, loss_minor=story.loss_minor,
            charged_minor=whole(values["fee_charged"]), due_minor=whole(values["fee_due"]),
            due_ppm=whole(values["fee_due_ppm"]),
        )  # fmt: skip


def findings(features: Features, index: np.ndarray, base: float, per_decade: float, relative: float) -> Findings:
    """Severity of overcharged payments: `base`, what the day's money adds, or of a mean day of the four weeks where
    it is more, and what the fee's part above the due one adds.
    """
    if len(index) == 0:
        return NOTHING
    over = np.maximum(features["fee_over"][index].astype(np.int64), 0)
    day = np.maximum(np.maximum(features["fee_over_1d"][index], over), features["fee_over_4w"][index] / 28)
    rise = over / np.maximum(features["fee_due"][index], 1)
    day = home_minor(features, index, day)
    severity = base + per_decade * np.log10(1 + day / 1000) + relative * np.minimum(1, rise)
    turnover = turnover_e7(features["sale_minor"][index].astype(np.int64))
    return Findings(index, np.clip(severity, 0, 1), np.minimum(over, np.iinfo(np.int64).max // E7) * E7, turnover)


def evidence(values: Values, rounding_minor: int) -> tuple[Evidence, ...]:
    """The figures of an overcharge."""
    share, complaints = values["fee_over_share_28d"], values.get("fee_complaints_90d")
    found = (
        Evidence("fee_charged", "txn", values["fee_charged"], None, values["fee_due"], "minor units"),
        Evidence("fee_over", "txn", values["fee_over"], rounding_minor, 0, "minor units"),
        Evidence("fee_rate_ppm", "txn", values["fee_rate_ppm"], None, values["fee_due_ppm"], "parts per million"),
        Evidence("fee_over_1d", "1d", values["fee_over_1d"], 0, 0, "minor units"),
        Evidence("fee_over_count_1d", "1d", values["fee_over_count_1d"], 0, values["fee_judged_1d"], "payments"),
        Evidence("fee_over_4w", "4w", values["fee_over_4w"], 0, 0, "minor units"),
        Evidence("fee_over_share_28d", "28d", rounded(share, 4), 0, 0, "share"),
    )
    return (*found, Evidence("fee_complaints_90d", "90d", complaints, None, 0, "complaints")) if complaints else found
