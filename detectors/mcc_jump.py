"""MCC code-jumping (跳码): sales that settle under an MCC the merchant is not registered for.

What it finds, where its figures come from, what it cannot see: `docs/detectors/mcc_jump.md`.
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
    code,
    home_minor,
    losers,
    money,
    rounded,
    turnover_e7,
)
from domain.alerts import Evidence, Text
from domain.feature_codes import (
    MCC_LEARNED,
    NULL,
    SOURCE_ACCEPTOR,
    SOURCE_CHANNEL,
    SOURCE_FEE_TYPE,
    SOURCE_PRESENTED,
    SOURCE_SETTLEMENT,
)
from domain.mcc_names import mcc_short_name
from domain.mcc_risk import HIGH_RISK_MCCS, is_high_risk

if TYPE_CHECKING:
    from detectors.contract import Features, Values

_HIGH_RISK = np.array([int(each) for each in HIGH_RISK_MCCS], np.int64)
_CLASSES = (("standard class", "标准类"), ("concession class", "优惠类"), ("exempt class", "减免类"))
_SOURCES = (
    (SOURCE_PRESENTED, "presented MCC", "上送MCC"),
    (SOURCE_ACCEPTOR, "acceptor number", "受理商户编号内MCC"),
    (SOURCE_CHANNEL, "channel", "通道MCC"),
    (SOURCE_FEE_TYPE, "special-fee type", "特殊计费类型"),
    (SOURCE_SETTLEMENT, "settlement", "清算"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MccJump:
    """Approved sales, and settlements, whose MCC, special-fee type or fee class is not the merchant's.

    Args:
        base: severity of a sale that is off but in no cheaper class, 0 to 1.
        per_class: what each class cheaper adds, 0 to 1.
        high_risk: what a move into a high-risk trade adds, 0 to 1.
        fee_type: what leaving the registered special-fee type adds, 0 to 1.
        per_decade: what each tenfold of the day's leakage above 10.00 adds, 0 to 1.
        per_sales: what each tenfold of the day's sales that are off adds where a sale's leakage is not known, 0 to 1.
        learned_factor: what severity is multiplied with where history stands for master data, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.

    >>> MccJump(per_class=2)
    Traceback (most recent call last):
    ValueError: per_class must be 0 to 1, got 2
    """

    base: float = 0.3
    per_class: float = 0.075
    high_risk: float = 0.2
    fee_type: float = 0.15
    per_decade: float = 0.2
    per_sales: float = 0.05
    learned_factor: float = 0.85
    quiet_gap_s: int = 7 * 86_400
    max_age_s: int = 28 * 86_400

    name = "mcc_jump"
    version = 4
    title = Text("MCC code-jumping", "跳码")
    risk_group = "mcc"
    risk_code = "26"
    bearer = "issuer_network"
    needs = ("mcc", "acceptor_id", "channel_mcc", "special_fee_type")
    columns = (
        "mcc_sources", "mcc_basis", "mcc_expected", "mcc_used", "mcc_class_drop", "fee_type_used", "fee_class_used",
        "leakage_e7", "leakage_1d_e7", "mcc_off_1d", "mcc_judged_1d", "mcc_off_share_28d", "mcc_learned_share",
        "mcc_history", "mcc_history_d", "sale_minor",
        *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(
            self, 0, 1, "base", "per_class", "high_risk", "fee_type", "per_decade", "per_sales", "learned_factor"
        )
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The sales with something off; severity by class, trade and the money lost that day, or else the sales off."""
        index = np.flatnonzero(features["mcc_sources"] > 0)
        if len(index) == 0:
            return NOTHING
        drop = features["mcc_class_drop"][index]
        leak = features["leakage_e7"][index].astype(np.int64)
        lost = np.where(leak == NULL, 0, np.maximum(leak, 0))
        day = home_minor(features, index, np.maximum(features["leakage_1d_e7"][index], lost)) / (1000 * E7)
        severity = self.base + self.per_class * np.where(drop == NULL, 0, np.maximum(drop, 0))
        risky = np.isin(features["mcc_used"][index], _HIGH_RISK) & ~np.isin(features["mcc_expected"][index], _HIGH_RISK)
        severity = severity + self.high_risk * risky
        severity = severity + self.fee_type * ((features["mcc_sources"][index].astype(np.int64) & SOURCE_FEE_TYPE) > 0)
        severity = severity + self.per_decade * np.log10(1 + day)
        off = np.maximum(features["mcc_off_1d"][index], 1)  # null is the least
        severity = severity + self.per_sales * np.log10(off) * (leak == NULL)
        severity = severity * np.where(features["mcc_basis"][index] == MCC_LEARNED, self.learned_factor, 1.0)
        loss = np.where(leak == NULL, NULL, lost)
        return Findings(
            index, np.clip(severity, 0, 1), loss, turnover_e7(features["sale_minor"][index].astype(np.int64))
        )

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """What was used and what was expected, and what it cost."""
        found = []
        if values["mcc_used"] is not None:
            expected = code(values["mcc_expected"])
            found += [
                Evidence("mcc_used", "txn", code(values["mcc_used"]), None, expected, "MCC"),
                Evidence("mcc_class_drop", "txn", values["mcc_class_drop"], 1, 0, "classes"),
            ]
            if _enters_high_risk(values):
                found.append(Evidence("mcc_high_risk", "txn", code(values["mcc_used"]), None, expected, "MCC"))
        if values["fee_type_used"] is not None:
            found.append(Evidence("fee_type_used", "txn", code(values["fee_type_used"], 2), None, None, "code"))
        if values["fee_class_used"] is not None:
            used = _CLASSES[int(values["fee_class_used"])][0]
            found.append(Evidence("fee_class_used", "txn", used, None, None, "class"))
        sources = int(values["mcc_sources"] or 0)
        names = ", ".join(name for bit, name, _ in _SOURCES if sources & bit)
        found.append(Evidence("mcc_sources", "txn", names, None, None, "places"))
        for name in ("leakage_e7", "leakage_1d_e7"):
            if values[name] is not None:
                window = "txn" if name == "leakage_e7" else "1d"
                found.append(Evidence(name.removesuffix("_e7"), window, _minor(values[name]), 0, 0, "minor units"))
        found.append(Evidence("mcc_off_1d", "1d", values["mcc_off_1d"], 0, values["mcc_judged_1d"], "transactions"))
        found.append(Evidence("mcc_off_share_28d", "28d", rounded(values["mcc_off_share_28d"], 4), 0, 0, "share"))
        if values["mcc_basis"] == MCC_LEARNED:
            share = rounded(values["mcc_learned_share"], 4)
            found.append(Evidence("mcc_learned_share", "history", share, 0.9, None, "share"))
        if values["mcc_history"] is not None:
            found.append(Evidence("mcc_history", "history", values["mcc_history"], 30, 0, "transactions"))
            found.append(Evidence("mcc_history_d", "history", values["mcc_history_d"], 30, None, "days"))
        return tuple(found)

    def reason(self, values: Values, hits: int, at_stake_minor: int, currency: str) -> Text:
        """What was used where, instead of what, how often, at what cost."""
        sources = int(values["mcc_sources"] or 0)
        where_en = ", ".join(en for bit, en, _ in _SOURCES if sources & bit)
        where_zh = "、".join(zh for bit, _, zh in _SOURCES if sources & bit)
        used_en, used_zh, instead_en, instead_zh = _used(values)
        sent_zh = "清算" if sources == SOURCE_SETTLEMENT else "上送"
        never_en, never_zh = _never_seen(values)
        lost = money(at_stake_minor, currency) if at_stake_minor else ""
        who_en, who_zh = losers(currency)
        cost_en = f"; {who_en} underpaid {lost}" if lost else ""
        cost_zh = f"，{who_zh}少收{lost}" if lost else ""
        return Text(
            f"{hits} sale{'s' if hits > 1 else ''} under {used_en}{instead_en} by {where_en}{never_en}{cost_en}",
            f"{hits}笔交易按{used_zh}{sent_zh}{instead_zh}，来源：{where_zh}{never_zh}{cost_zh}",
        )


def _used(values: Values) -> tuple[str, str, str, str]:
    """What was used and, where an MCC was, instead of what: each in English and Chinese."""
    if values["mcc_used"] is not None:
        used, expected = code(values["mcc_used"]), code(values["mcc_expected"])
        by_en, by_zh = ("usual", "惯用") if values["mcc_basis"] == MCC_LEARNED else ("registered", "登记")
        instead_en = f" instead of the {by_en} {expected} ({mcc_short_name(expected).en})"
        instead_zh = f"，{by_zh}为{expected}（{mcc_short_name(expected).zh}）"
        return f"{used} ({mcc_short_name(used).en})", f"{used}（{mcc_short_name(used).zh}）", instead_en, instead_zh
    if values["fee_class_used"] is not None:
        return *_CLASSES[int(values["fee_class_used"])], "", ""
    used = code(values["fee_type_used"], 2)
    return f"type {used}", f"类型{used}", "", ""


def _enters_high_risk(values: Values) -> bool:
    return is_high_risk(code(values["mcc_used"])) and not is_high_risk(code(values["mcc_expected"]))


def _never_seen(values: Values) -> tuple[str, str]:
    """That the MCC is of a high-risk trade, and after how long a history without it it came."""
    en, zh = "", ""
    if values["mcc_used"] is not None and _enters_high_risk(values):
        en, zh = "; a high-risk trade", "，属高风险行业"
    if values["mcc_history"] is not None:
        days, sales = int(values["mcc_history_d"] or 0), int(values["mcc_history"])
        en += f"; new after {days} days without it ({sales} sales)"
        zh += f"，此前{days}天（{sales}笔）从未出现"
    return en, zh


def _minor(value: float | None) -> int:
    """Ten-millionths of a minor unit to minor units, rounded half up."""
    return (int(value or 0) + E7 // 2) // E7
