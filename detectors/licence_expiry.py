"""Expiring licences (营业执照到期): a business licence that runs out within weeks, or has run out.

What it finds, where its figures come from, what it cannot see: `docs/detectors/licence_expiry.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import NOTHING, DutyRule, Findings, Tuned, check_episode, check_range, check_whole, iso_day
from detectors.words import licence_expiry as words
from domain.alerts import Evidence
from domain.feature_codes import ROW_CLOSING

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values

RULE = "Business licence in force (营业执照有效期)"


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceExpiry(Tuned):
    """Ends of days not long before or after the one on which the licence expires, by the master data in force.

    Args:
        ahead_d: so many days before it expires, 1 to 365.
        soon_d: from so many days before on it is severer, 0 to 365.
        after_d: up to so many days after it expired, 0 to 365.
        ahead: severity from `ahead_d` days before on, 0 to 1.
        soon: from `soon_d` days before on, 0 to 1.
        expired: once it has expired, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    ahead_d: int = 60
    soon_d: int = 15
    after_d: int = 30
    ahead: float = 0.15
    soon: float = 0.3
    expired: float = 0.45
    quiet_gap_s: int = 3 * 86_400
    max_age_s: int = 200 * 86_400

    name = "licence_expiry"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "service"
    risk_code = ""
    bearer = ""
    needs = ("merchant",)
    columns = ("row_kind", "licence_left_d", "licence_expires_s", "local_day")

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "ahead", "soon", "expired")
        check_whole(self, 1, 365, "ahead_d")
        check_whole(self, 0, 365, "soon_d", "after_d")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The closings from `ahead_d` days before to `after_d` days after."""
        left = features["licence_left_d"]
        index = np.flatnonzero((features["row_kind"] == ROW_CLOSING) & (left <= self.ahead_d) & (left >= -self.after_d))
        if len(index) == 0:
            return NOTHING
        left = left[index]
        return Findings(index, np.where(left <= 0, self.expired, np.where(left <= self.soon_d, self.soon, self.ahead)))

    def duty_of(self, values: Values) -> DutyRule:
        """The licence is to be renewed, and sent, by the moment at which it expires."""
        return DutyRule(RULE, due_ms=int(values["licence_expires_s"] or 0) * 1000)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """How many days are left."""
        return (Evidence("licence_left_d", "1d", values["licence_left_d"], self.ahead_d, None, "days"),)

    def facts(self, values: Values, story: Story) -> words.Facts:  # noqa: ARG002
        """In how many days the licence expires."""
        return words.Facts(left_d=int(values["licence_left_d"] or 0), day=iso_day(values))
