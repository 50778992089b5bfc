"""Dormancy (长期未交易): a merchant without a sale for three months or for twelve, after which a rule wants something.

What it finds, where its figures come from, what it cannot see: `docs/detectors/dormancy.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import NOTHING, DutyRule, Findings, Tuned, check_episode, check_range, check_whole
from detectors.words import dormancy as words
from domain.alerts import Evidence
from domain.feature_codes import ROW_CLOSING

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values

REVERIFY_D, STOP_D = 90, 365
"""Three months without a transaction: verify the identity anew, else stop; twelve: stop (PCAC's inspection guide)."""
REVERIFY = "中支协发〔2021〕161 (PCAC inspection guide): 3 months, verify the identity anew"
STOP = "中支协发〔2021〕161 (PCAC inspection guide): 12 months, stop the service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dormancy(Tuned):
    """Ends of the days on which a silence passes 90 and 365 days.

    Args:
        reverify_within_d: days to verify the identity in from the 90th day on, 0 to 275: after these the merchant is to
            be stopped.
        reverify: severity at 90 days, 0 to 1.
        stop: severity at 365, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    reverify_within_d: int = 30
    reverify: float = 0.2
    stop: float = 0.3
    quiet_gap_s: int = 30 * 86_400
    max_age_s: int = 100 * 86_400

    name = "dormancy"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "service"
    risk_code = ""
    bearer = ""
    needs = ("amount",)
    columns = ("row_kind", "idle_d")

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "reverify", "stop")
        check_whole(self, 0, STOP_D - REVERIFY_D, "reverify_within_d")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The closings at which a silence has lasted 90 days, or a year."""
        # A year may be told some days late: closings go by the last transaction, not by the last sale.
        idle = features["idle_d"]
        index = np.flatnonzero((features["row_kind"] == ROW_CLOSING) & ((idle == REVERIFY_D) | (idle >= STOP_D)))
        if len(index) == 0:
            return NOTHING
        return Findings(index, np.where(idle[index] >= STOP_D, self.stop, self.reverify))

    def duty_of(self, values: Values) -> DutyRule:
        """Three months: verify within `reverify_within_d` days; twelve: stop at once."""
        if (values["idle_d"] or 0) >= STOP_D:
            return DutyRule(STOP)
        return DutyRule(REVERIFY, within_s=self.reverify_within_d * 86_400)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """For how long nothing was sold."""
        due = STOP_D if (values["idle_d"] or 0) >= STOP_D else REVERIFY_D
        return (Evidence("idle_d", "silence", values["idle_d"], due, None, "days"),)

    def facts(self, values: Values, story: Story) -> words.Facts:  # noqa: ARG002
        """For how long nothing was sold, and what the rule asks for."""
        idle_d = int(values["idle_d"] or 0)
        form = "stop" if idle_d >= STOP_D else "verify"
        return words.Facts(form=form, idle_d=idle_d, verify_within_d=self.reverify_within_d)
