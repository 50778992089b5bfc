"""Fee rise by history (费率上调): without a contract, payments dearer than the merchant's own established tariff.

What it finds, where its figures come from, what it cannot see: `docs/detectors/fee_rise.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import HOME, Tuned, check_episode, check_range, check_whole, whole
from detectors.fee_over import UP, evidence, findings
from detectors.words import fee_rise as words
from domain.alerts import Evidence
from domain.events import MAX_AMOUNT_MINOR
from domain.feature_codes import FEE_LEARNED, FEE_ROUGH

if TYPE_CHECKING:
    from detectors.contract import Features, Findings, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRise(Tuned):
    """Payments charged more than the merchant's own tariff, where no contract says what is due.

    Args:
        rounding_minor: a difference of at most this is rounding, minor units, 0 or above.
        least_run: dearer payments in a row, others taken off, before history accuses, 1 to 250.
        least_run_rough: the same where fees follow no tariff and only their mean rate is known, 1 to 250.
        base: severity of any payment that was charged more, 0 to 1.
        per_decade: what each tenfold of the money overcharged a day above 10.00 adds, 0 to 1.
        relative: what a fee of twice the due one or more adds, 0 to 1; less in proportion.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    rounding_minor: int = 1
    least_run: int = 8
    least_run_rough: int = 20
    base: float = 0.3
    per_decade: float = 0.15
    relative: float = 0.1
    quiet_gap_s: int = 7 * 86_400
    max_age_s: int = 28 * 86_400

    name = "fee_rise"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "fee"
    risk_code = "21"
    bearer = "merchant"
    needs = ("fee",)
    columns = (
        "fee_basis", "fee_charged", "fee_due", "fee_over", "fee_rate_ppm", "fee_due_ppm", "fee_due_fixed",
        "fee_new_ppm", "fee_new_fixed", "fee_dearer_run", "fee_over_1d", "fee_over_count_1d", "fee_judged_1d",
        "fee_over_4w", "fee_over_share_28d", "fee_complaints_90d", "sale_minor", *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "base", "per_decade", "relative")
        check_whole(self, 0, MAX_AMOUNT_MINOR, "rounding_minor")
        check_whole(self, 1, 250, "least_run", "least_run_rough")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The payments dearer than the own tariff, once dearer ones prevail; severity by the money overcharged."""
        index = prevailing(features, "fee_dearer_run", self.least_run, self.least_run_rough)
        index = index[features["fee_over"][index] > self.rounding_minor]
        return findings(features, index, UP, self.base, self.per_decade, self.relative)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """What was charged and what was due, and by which tariffs."""
        least = self.least_run_rough if values["fee_basis"] == FEE_ROUGH else self.least_run
        figures = evidence(values, UP, self.rounding_minor)
        return (*figures, *of_tariffs(values, "fee_dearer_run", least))

    def facts(self, values: Values, story: Story) -> words.Facts:
        """The tariffs before and after, a payment as an example, and what it comes to."""
        return facts_of(values, story)


def prevailing(features: Features, run: str, least_run: int, least_run_rough: int) -> np.ndarray:
    """Which payments those prevail with that are off the merchant's own history, by the column `run`."""
    index = np.flatnonzero(features[run] >= min(least_run, least_run_rough))
    basis, runs = features["fee_basis"][index], features[run][index]
    exact, rough = (basis == FEE_LEARNED) & (runs >= least_run), (basis == FEE_ROUGH) & (runs >= least_run_rough)
    return np.asarray(index[exact | rough])


def of_tariffs(values: Values, run: str, least: int) -> tuple[Evidence, ...]:
    """By how many payments a change prevails, and the tariff that they fit."""
    found = (Evidence(run, "history", values[run], least, 0, "payments"),)
    if values["fee_new_ppm"] is None:
        return found
    rate, fixed = values["fee_new_ppm"], values["fee_new_fixed"]
    return (
        *found,
        Evidence("fee_new_ppm", "history", rate, None, values["fee_due_ppm"], "parts per million"),
        Evidence("fee_new_fixed", "history", fixed, None, values["fee_due_fixed"], "minor units"),
    )


def facts_of(values: Values, story: Story) -> words.Facts:
    """The tariffs before and after, a payment as an example, and what it comes to."""
    return words.Facts(
        hits=story.hits, loss_minor=story.loss_minor, charged_minor=whole(values["fee_charged"]),
        usual_minor=whole(values["fee_due"]), before_ppm=whole(values["fee_due_ppm"]),
        before_fixed_minor=whole(values["fee_due_fixed"]), after_ppm=whole(values["fee_new_ppm"]),
        after_fixed_minor=whole(values["fee_new_fixed"]),
    )  # fmt: skip
