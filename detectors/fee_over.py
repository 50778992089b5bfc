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
    Tuned,
    check_episode,
    check_range,
    check_whole,
    home_minor,
    own_minor,
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

UP, DOWN = 1, -1
"""Ways in which a fee may be off: dearer or cheaper than what was due."""
_NAMES = {UP: "fee_over", DOWN: "fee_under"}
ADDS_UP_MINOR = 5_000
"""50.00: what small differences must add up to within some weeks. Our own default; no source states any."""
ADDS_UP_SCORE = 6.0
"""Small differences that are as often above as below, whatever their sizes, reach this with a chance of at most
exp(-6^2 / 2), one in 65 million (Hoeffding's inequality)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeOver(Tuned):
    """Payments charged more than the contract in force at their time says.

    Args:
        rounding_minor: a difference of at most this is rounding, minor units, 0 or above.
        adds_up_minor: what differences within 2 basis points must add up to before they count, minor units of the home
            currency, 0 or above.
        adds_up_score: how many times the root of the sum of their squares that must be, 0 to 1,000.
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
    adds_up_minor: int = ADDS_UP_MINOR
    adds_up_score: float = ADDS_UP_SCORE
    base: float = 0.3
    per_decade: float = 0.18
    relative: float = 0.1
    quiet_gap_s: int = 7 * 86_400
    max_age_s: int = 28 * 86_400

    name = "fee_over"
    version = 2
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "fee"
    risk_code = "21"
    bearer = "merchant"
    needs = ("fee",)
    columns = (
        "fee_basis", "fee_charged", "fee_due", "fee_over", "fee_rate_ppm", "fee_due_ppm", "fee_over_1d",
        "fee_over_count_1d", "fee_judged_1d", "fee_over_4w", "fee_over_share_28d", "fee_rounding", "fee_small_28d",
        "fee_small_score", "fee_complaints_90d", "sale_minor", *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "base", "per_decade", "relative")
        check_range(self, 0, 1000, "adds_up_score")
        check_whole(self, 0, MAX_AMOUNT_MINOR, "rounding_minor", "adds_up_minor")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The payments charged above their contract; severity by the money overcharged and by how much dearer."""
        index = beyond_rounding(features, UP, self.rounding_minor, self.adds_up_minor, self.adds_up_score)
        return findings(features, index, UP, self.base, self.per_decade, self.relative)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """What was charged and what was due, and what it comes to."""
        return (*evidence(values, UP, self.rounding_minor), *of_small(values, UP, self.adds_up_minor))

    def facts(self, values: Values, story: Story) -> words.Facts:
        """What was charged and what was due, and what it comes to."""
        return words.Facts(
            hits=story.hits, turnover_minor=story.turnover_minor, loss_minor=story.loss_minor,
            charged_minor=whole(values["fee_charged"]), due_minor=whole(values["fee_due"]),
            due_ppm=whole(values["fee_due_ppm"]),
        )  # fmt: skip


def beyond_rounding(
    features: Features, way: int, rounding_minor: int, adds_up_minor: int, adds_up_score: float
) -> np.ndarray:
    """Which payments are off what was due by contract by more than rounding; dearer for `UP`, cheaper for `DOWN`.

    What may be another host's rounding of the rate counts once such differences have added up to money, and to more
    than differences that are as often above as below ever would.
    """
    index = np.flatnonzero(features["fee_over"] * way > rounding_minor)
    index = np.asarray(index[features["fee_basis"][index] == FEE_BY_CONTRACT])
    if len(index) == 0:
        return index
    plain = features["fee_over"][index] * way > features["fee_rounding"][index]
    sums, scores = features["fee_small_28d"][index] * way, features["fee_small_score"][index] * way
    adds_up = (sums >= own_minor(features, index, adds_up_minor)) & (scores >= adds_up_score)
    return np.asarray(index[plain | adds_up])


def findings(
    features: Features, index: np.ndarray, way: int, base: float, per_decade: float, relative: float
) -> Findings:
    """Severity of payments charged too much (`UP`) or too little (`DOWN`): `base`, what the day's money adds, or of a
    mean day of the four weeks where it is more, and what the difference per due fee adds.
    """
    if len(index) == 0:
        return NOTHING
    name = _NAMES[way]
    off = np.maximum(features["fee_over"][index].astype(np.int64) * way, 0)
    day = np.maximum(np.maximum(features[f"{name}_1d"][index], off), features[f"{name}_4w"][index] / 28)
    share = off / np.maximum(features["fee_due"][index], 1)
    day = home_minor(features, index, day)
    severity = base + per_decade * np.log10(1 + day / 1000) + relative * np.minimum(1, share)
    turnover = turnover_e7(features["sale_minor"][index].astype(np.int64))
    return Findings(index, np.clip(severity, 0, 1), np.minimum(off, np.iinfo(np.int64).max // E7) * E7, turnover)


def evidence(values: Values, way: int, rounding_minor: int) -> tuple[Evidence, ...]:
    """The figures of a fee that is off."""
    name = _NAMES[way]
    found = [
        Evidence("fee_charged", "txn", values["fee_charged"], None, values["fee_due"], "minor units"),
        Evidence("fee_over", "txn", values["fee_over"], way * rounding_minor, 0, "minor units"),
        Evidence("fee_rate_ppm", "txn", values["fee_rate_ppm"], None, values["fee_due_ppm"], "parts per million"),
        Evidence(f"{name}_1d", "1d", values[f"{name}_1d"], 0, 0, "minor units"),
        Evidence(f"{name}_count_1d", "1d", values[f"{name}_count_1d"], 0, values["fee_judged_1d"], "payments"),
        Evidence(f"{name}_4w", "4w", values[f"{name}_4w"], 0, 0, "minor units"),
    ]
    if way == UP:
        found.append(Evidence("fee_over_share_28d", "28d", rounded(values["fee_over_share_28d"], 4), 0, 0, "share"))
    if complaints := values.get("fee_complaints_90d"):
        found.append(Evidence("fee_complaints_90d", "90d", complaints, None, 0, "complaints"))
    return tuple(found)


def of_small(values: Values, way: int, adds_up_minor: int) -> tuple[Evidence, ...]:
    """What small differences came to, where the payment has one; alerts of before say nothing of them."""
    off, rounding = values["fee_over"], values.get("fee_rounding")
    if off is None or rounding is None or abs(off) > rounding:
        return ()
    come_to = rounded(values["fee_small_28d"], 0)
    return (Evidence("fee_small_28d", "28d", come_to, way * adds_up_minor, 0, "minor units"),)
