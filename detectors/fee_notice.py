"""Dearer contract without due notice (费率上调未按规定公示): a dearer version of the contract, announced too late.

What it finds, where its figures come from, what it cannot see: `docs/detectors/fee_notice.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import NOTHING, Findings, check_episode, check_range, check_whole, money
from domain.alerts import Evidence, Text
from domain.contracts import NOTICE_DAYS
from domain.feature_codes import NULL

if TYPE_CHECKING:
    from detectors.contract import Features, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeNotice:
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
    title = Text("Dearer contract without notice", "费率上调未按规定公示")
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

    def reason(self, values: Values, hits: int, at_stake_minor: int, currency: str) -> Text:
        """How much dearer, after how many days' notice."""
        rise, notice, lead = values["contract_rise_ppm"], values["contract_notice_d"], values["contract_lead_d"]
        up = "?" if rise is None else f"{rise / 10_000:,.1f} %"
        told_en, told_zh = "without any notice", "未作公示"
        if notice is not None:
            told_en, told_zh = f"with {int(notice)} days' notice", f"仅提前{int(notice)}天公示"
        back_en = back_zh = ""
        if lead is not None and lead < 0:
            back_en, back_zh = f", entered {-int(lead)} days after it took effect", f"，生效{-int(lead)}天后才录入"
        more_en = f"; {hits} such versions" if hits > 1 else ""
        more_zh = f"，共{hits}个版本" if hits > 1 else ""
        cost = money(at_stake_minor, currency) if at_stake_minor else ""
        return Text(
            f"contract up to {up} dearer {told_en}{back_en}; {self.notice_days} days are required{more_en}"
            + (f"; {cost} at stake" if cost else ""),
            f"签约费率最多上调{up.replace(' ', '')}，{told_zh}{back_zh}（规定不少于{self.notice_days}天）{more_zh}"
            + (f"，涉及{cost}" if cost else ""),
        )
