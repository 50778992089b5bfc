"""Fee fall by history (费率下调): without a contract, payments cheaper than the merchant's own established tariff.

What it finds, where its figures come from, what it cannot see: `docs/detectors/fee_fall.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from detectors.contract import HOME, Tuned, check_episode, check_range, check_whole
from detectors.fee_over import DOWN, evidence, findings
from detectors.fee_rise import facts_of, of_tariffs, prevailing
from detectors.words import fee_fall as words
from domain.events import MAX_AMOUNT_MINOR
from domain.feature_codes import FEE_ROUGH

if TYPE_CHECKING:
    from detectors.contract import Features, Findings, Story, Values
    from domain.alerts import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeFall(Tuned):
    """Payments charged less than the merchant's own tariff, where no contract says what is due.

    Args:
        rounding_minor: a difference of at most this is rounding, minor units, 0 or above.
        least_run: cheaper payments in a row, others taken off, before history accuses, 1 to 250.
        least_run_rough: the same where fees follow no tariff and only their mean rate is known, 1 to 250.
        base: severity of any payment that was charged less, 0 to 1.
        per_decade: what each tenfold of the money not charged a day above 10.00 adds, 0 to 1.
        relative: what a fee of 0 adds, 0 to 1; less in proportion.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    rounding_minor: int = 1
    least_run: int = 20
    least_run_rough: int = 20
    base: float = 0.3
    per_decade: float = 0.15
    relative: float = 0.1
    quiet_gap_s: int = 7 * 86_400
    max_age_s: int = 28 * 86_400

    name = "fee_fall"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "fee"
    risk_code = ""
    bearer = "acquirer"
    needs = ("fee",)
    columns = (
        "fee_basis", "fee_charged", "fee_due", "fee_over", "fee_rate_ppm", "fee_due_ppm", "fee_due_fixed",
        "fee_new_ppm", "fee_new_fixed", "fee_cheaper_run", "fee_under_1d", "fee_under_count_1d", "fee_judged_1d",
        "fee_under_4w", "sale_minor", *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "base", "per_decade", "relative")
        check_whole(self, 0, MAX_AMOUNT_MINOR, "rounding_minor")
        check_whole(self, 1, 250, "least_run", "least_run_rough")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The payments cheaper than the own tariff, once cheaper ones prevail; severity by the money not charged."""
        index = prevailing(features, "fee_cheaper_run", self.least_run, self.least_run_rough)
        index = index[features["fee_over"][index] * DOWN > self.rounding_minor]
        return findings(features, index, DOWN, self.base, self.per_decade, self.relative)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """What was charged and what was due, and by which tariffs."""
        least = self.least_run_rough if values["fee_basis"] == FEE_ROUGH else self.least_run
        figures = evidence(values, DOWN, self.rounding_minor)
        return (*figures, *of_tariffs(values, "fee_cheaper_run", least))

    def facts(self, values: Values, story: Story) -> words.Facts:
        """The tariffs before and after, a payment as an example, and what it comes to."""
        return facts_of(values, story)
