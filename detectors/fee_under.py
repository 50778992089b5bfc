"""Charged below the contract (低于签约费率扣费): payments whose fee is less than the merchant's contract says.

What it finds, where its figures come from, what it cannot see: `docs/detectors/fee_under.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from detectors.contract import HOME, Tuned, check_episode, check_range, check_whole, whole
from detectors.fee_over import ADDS_UP_MINOR, ADDS_UP_SCORE, DOWN, beyond_rounding, evidence, findings, of_small
from detectors.words import fee_under as words
from domain.events import MAX_AMOUNT_MINOR

if TYPE_CHECKING:
    from detectors.contract import Features, Findings, Story, Values
    from domain.alerts import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeUnder(Tuned):
    """Payments charged less than the contract in force at their time says.

    Args:
        rounding_minor: a difference of at most this is rounding, minor units, 0 or above.
        adds_up_minor: what differences within 2 basis points must add up to before they count, minor units of the home
            currency, 0 or above.
        adds_up_score: how many times the root of the sum of their squares that must be, 0 to 1,000.
        base: severity of any payment that was charged less, 0 to 1.
        per_decade: what each tenfold of the money not charged a day above 10.00 adds, 0 to 1.
        relative: what a fee of 0 adds, 0 to 1; less in proportion.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.

    >>> FeeUnder(base=2)
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

    name = "fee_under"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "fee"
    risk_code = ""
    bearer = "acquirer"
    needs = ("fee",)
    columns = (
        "fee_basis", "fee_charged", "fee_due", "fee_over", "fee_rate_ppm", "fee_due_ppm", "fee_under_1d",
        "fee_under_count_1d", "fee_judged_1d", "fee_under_4w", "fee_rounding", "fee_small_28d", "fee_small_score",
        "sale_minor", *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "base", "per_decade", "relative")
        check_range(self, 0, 1000, "adds_up_score")
        check_whole(self, 0, MAX_AMOUNT_MINOR, "rounding_minor", "adds_up_minor")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The payments charged below their contract; severity by the money not charged and by how much cheaper."""
        index = beyond_rounding(features, DOWN, self.rounding_minor, self.adds_up_minor, self.adds_up_score)
        return findings(features, index, DOWN, self.base, self.per_decade, self.relative)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """What was charged and what was due, and what it comes to."""
        return (*evidence(values, DOWN, self.rounding_minor), *of_small(values, DOWN, self.adds_up_minor))

    def facts(self, values: Values, story: Story) -> words.Facts:
        """What was charged and what was due, and what it comes to."""
        return words.Facts(
            hits=story.hits, loss_minor=story.loss_minor, charged_minor=whole(values["fee_charged"]),
            due_minor=whole(values["fee_due"]), due_ppm=whole(values["fee_due_ppm"]),
        )  # fmt: skip
