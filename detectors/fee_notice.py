"""Dearer contract without due notice (费率上调公示期不足): a dearer version of the contract, announced too late.

What it finds, where its figures come from, what it cannot see: `docs/detectors/fee_notice.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import NOTHING, Findings, Tuned, check_episode, check_range, check_whole, whole
from detectors.words import fee_notice as words
from domain.alerts import Evidence
from domain.contracts import NOTICE_DAYS
from domain.feature_codes import NULL

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeNotice(Tuned):
    """Versions of a contract that are dearer than the one before, and were not told long enough before.

    Args:
        notice_days: least whole days from the notice to its effect, 0 to 400.
        base: severity of any dearer version, 0 to 1.
        per_decade: what each tenfold of the rise above 1 % adds, 0 to 1.
        untold: what it adds that nobody was told, or only after it took effect, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    notice_days: int = NOTICE_DAYS
    base: float = 0.3
    per_decade: float = 0.15
    untold: float = 0.1
    quiet_gap_s: int = 86_400
    max_age_s: int = 7 * 86_400

    name = "fee_notice"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "fee"
    risk_code = "21"
    bearer = "merchant"
    needs = ("contract",)
    columns = ("contract_rise_ppm", "contract_notice_d", "contract_lead_d")

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "base", "per_decade", "untold")
        check_whole(self, 0, 400, "notice_days")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The dearer versions told too late; severity by how much dearer, and by whether anybody was told."""
        rise, notice = features["contract_rise_ppm"], features["contract_notice_d"]
        index = np.flatnonzero((rise > 0) & ((notice == NULL) | (notice < self.notice_days)))
        if len(index) == 0:
            return NOTHING
        told = notice[index]
        severity = self.base + self.per_decade * np.log10(1 + rise[index] / 10_000)
        severity = severity + self.untold * ((told == NULL) | (told < 0))
        return Findings(index, np.clip(severity, 0, 1))

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """How much dearer it is, and when it was told and received."""
        return (
            Evidence("contract_rise_ppm", "revision", values["contract_rise_ppm"], 0, 0, "parts per million"),
            Evidence("contract_notice_d", "revision", values["contract_notice_d"], self.notice_days, None, "days"),
            Evidence("contract_lead_d", "revision", values["contract_lead_d"], None, None, "days"),
        )

    def facts(self, values: Values, story: Story) -> words.Facts:
        """How much dearer, after how many days' notice."""
        return words.Facts(
            hits=story.hits,
            rise_ppm=whole(values["contract_rise_ppm"]),
            notice_d=whole(values["contract_notice_d"]),
            lead_d=whole(values["contract_lead_d"]),
            required_d=self.notice_days,
        )
