"""Fee rise by history (费率上调): without a contract, payments dearer than the merchant's own established tariff.

What it finds, where its figures come from, what it cannot see: `docs/detectors/fee_rise.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import HOME, amount, check_episode, check_range, check_whole
from detectors.fee_over import UP, evidence, findings, percent, totals
from domain.alerts import Evidence, Text
from domain.events import MAX_AMOUNT_MINOR
from domain.feature_codes import FEE_LEARNED, FEE_ROUGH

if TYPE_CHECKING:
    from detectors.contract import Features, Findings, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRise:
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
    title = Text("Fee rise against own history", "费率上调（对比历史费率）")
    risk_group = "fee"
    risk_code = "21"
    bearer = "merchant"
    needs = ("fee",)
    columns = (
        "fee_basis", "fee_charged", "fee_due", "fee_over", "fee_rate_ppm", "fee_due_ppm", "fee_due_fixed",
        "fee_new_ppm", "fee_new_fixed", "fee_dearer_run", "fee_over_1d", "fee_over_count_1d", "fee_judged_1d",
        "fee_over_4w", "fee_over_share_28d", "sale_minor", *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "base", "per_decade", "relative")
        check_whole(self, 0, MAX_AMOUNT_MINOR, "rounding_minor")
        check_whole(self, 1, 250, "least_run", "least_run_rough")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The payments dearer than the own tariff, once dearer ones prevail; severity by the money overcharged."""
        prevail = prevailing(features, "fee_dearer_run", self.least_run, self.least_run_rough)
        index = np.flatnonzero(prevail & (features["fee_over"] > self.rounding_minor))
        return findings(features, index, UP, self.base, self.per_decade, self.relative)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """What was charged and what was due, and by which tariffs."""
        least = self.least_run_rough if values["fee_basis"] == FEE_ROUGH else self.least_run
        figures = evidence(values, UP, self.rounding_minor)
        return (*figures, *of_tariffs(values, "fee_dearer_run", least))

    def reason(self, values: Values, hits: int, at_stake_minor: int, currency: str) -> Text:
        """The tariffs before and after, a payment as an example, and what it comes to."""
        before, after = before_and_after(values, currency)
        total_en, total_zh = totals(hits, at_stake_minor, currency)
        charged, due = amount(values["fee_charged"], currency), amount(values["fee_due"], currency)
        return Text(
            f"fee up from {before} to {after} without a contract on file: charged {charged} where {due} was "
            f"usual; {total_en}",
            f"费率由{before}升至{after}（无签约记录）：其中一笔实扣手续费{charged}，按原费率应扣{due}；{total_zh}".replace(
                " %", "%"
            ),
        )


def prevailing(features: Features, run: str, least_run: int, least_run_rough: int) -> np.ndarray:
    """Of which payments those that are off the merchant's own history prevail, by the column `run`."""
    basis, runs = features["fee_basis"], features[run]
    exact, rough = (basis == FEE_LEARNED) & (runs >= least_run), (basis == FEE_ROUGH) & (runs >= least_run_rough)
    return np.asarray(exact | rough)


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


def before_and_after(values: Values, currency: str) -> tuple[str, str]:
    """The tariff that was the merchant's own, and the one that the payment fits, or else its rate."""
    before = percent(values["fee_due_ppm"], values["fee_due_fixed"], currency)
    if values["fee_new_ppm"] is None:
        return before, percent(values["fee_rate_ppm"])
    return before, percent(values["fee_new_ppm"], values["fee_new_fixed"], currency)
