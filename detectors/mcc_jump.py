"""MCC code-jumping (跳码): sales that settle under an MCC the merchant is not registered for.

What it finds, where its figures come from, what it cannot see: `docs/detectors/mcc_jump.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.contract import (
    E7,
    HOME,
    NOTHING,
    Findings,
    Tuned,
    check_episode,
    check_range,
    code,
    home_minor,
    minor_of,
    rounded,
    turnover_e7,
    whole,
)
from detectors.words import mcc_jump as words
from domain.alerts import Evidence
from domain.feature_codes import (
    MCC_LEARNED,
    NULL,
    SOURCE_ACCEPTOR,
    SOURCE_CHANNEL,
    SOURCE_FEE_TYPE,
    SOURCE_PRESENTED,
    SOURCE_SETTLEMENT,
)
from domain.mcc import fee_class
from domain.mcc_risk import HIGH_RISK_MCCS, is_high_risk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.contract import Features, Story, Values

_HIGH_RISK = np.zeros(10_000, np.bool_)
_HIGH_RISK[[int(each) for each in HIGH_RISK_MCCS]] = True
"""By MCC."""
_CLASSES = tuple(words.CLASSES)
_PLACES = tuple(zip(
    (SOURCE_PRESENTED, SOURCE_ACCEPTOR, SOURCE_CHANNEL, SOURCE_FEE_TYPE, SOURCE_SETTLEMENT), words.PLACES, strict=True
))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MccJump(Tuned):
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
    title = words.TITLE
    sentence = staticmethod(words.sentence)
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
        risky = _are_high_risk(features["mcc_used"][index]) & ~_are_high_risk(features["mcc_expected"][index])
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
            used = words.CLASSES[_CLASSES[int(values["fee_class_used"])]].en
            found.append(Evidence("fee_class_used", "txn", used, None, None, "class"))
        sources = int(values["mcc_sources"] or 0)
        names = ", ".join(words.PLACES[name].en for bit, name in _PLACES if sources & bit)
        found.append(Evidence("mcc_sources", "txn", names, None, None, "places"))
        for name in ("leakage_e7", "leakage_1d_e7"):
            if values[name] is not None:
                window = "txn" if name == "leakage_e7" else "1d"
                found.append(Evidence(name.removesuffix("_e7"), window, minor_of(values[name]), 0, 0, "minor units"))
        found.append(Evidence("mcc_off_1d", "1d", values["mcc_off_1d"], 0, values["mcc_judged_1d"], "transactions"))
        found.append(Evidence("mcc_off_share_28d", "28d", rounded(values["mcc_off_share_28d"], 4), 0, 0, "share"))
        if values["mcc_basis"] == MCC_LEARNED:
            share = rounded(values["mcc_learned_share"], 4)
            found.append(Evidence("mcc_learned_share", "history", share, 0.9, None, "share"))
        if values.get("mcc_history") is not None:
            found.append(Evidence("mcc_history", "history", values["mcc_history"], 30, 0, "transactions"))
            found.append(Evidence("mcc_history_d", "history", values["mcc_history_d"], 30, None, "days"))
        return tuple(found)

    def facts(self, values: Values, story: Story) -> words.Facts:
        """What is off at the latest hit, and what it comes to."""
        used, sources = _text(values["mcc_used"]), int(values["mcc_sources"] or 0)
        return words.Facts(
            hits=story.hits, turnover_minor=story.turnover_minor, loss_minor=story.loss_minor,
            expected=_text(values["mcc_expected"]), learned=values["mcc_basis"] == MCC_LEARNED, used=used,
            used_class=_class_of(values), fee_type=_text(values["fee_type_used"], 2),
            places=tuple(name for bit, name in _PLACES if sources & bit),
            high_risk=used is not None and _enters_high_risk(values), history=whole(values.get("mcc_history")),
            history_d=whole(values.get("mcc_history_d")),
        )  # fmt: skip


def _text(value: float | None, digits: int = 4) -> str | None:
    return None if value is None else code(value, digits)


def _class_of(values: Values) -> str | None:
    """The fee class of what was used: a settlement's, or that of a cheaper MCC; None where it is not sure."""
    if values["fee_class_used"] is not None:
        return _CLASSES[int(values["fee_class_used"])]
    if values["mcc_used"] is None or (values["mcc_class_drop"] or 0) <= 0:
        return None
    used, expected = fee_class(code(values["mcc_used"])), fee_class(code(values["mcc_expected"]))
    # The acquirer may class MCCs otherwise than the notice does.
    return _CLASSES[used] if used - expected == values["mcc_class_drop"] else None


def _are_high_risk(mccs: NDArray[Any]) -> NDArray[np.bool_]:
    """Which MCCs are of a high-risk trade; null is of none. A look-up, for `np.isin` sorts."""
    return np.asarray(_HIGH_RISK[np.maximum(mccs, 0)])


def _enters_high_risk(values: Values) -> bool:
    return is_high_risk(code(values["mcc_used"])) and not is_high_risk(code(values["mcc_expected"]))
