"""Onsets: when a story of one detector on one merchant began. A cause is made of many."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from detectors.registry import DETECTORS

if TYPE_CHECKING:
    from causes.population import Days
    from domain.alerts import Alert

FALL = "volume_fall"
"""The group of detectors that find less volume; the others of their risk group find more."""
_FALLS = frozenset({"volume_collapse", "volume_decline"})
GROUPS: dict[str, str] = {each.name: FALL if each.name in _FALLS else each.risk_group for each in DETECTORS}
"""By detector, the group whose findings are counted together: the risk group, but falls of volume apart."""


class Onset(NamedTuple):
    """An alert as causes see it; the newest revision's, which may still grow.

    Attributes:
        alert_id: the alert.
        merchant_id: whose.
        detector: by which.
        group: of `GROUPS`.
        day: local day of its first hit, an ordinal.
        time: of its first hit, ISO 8601 UTC.
        pair: `registered>used`, the MCCs of most of its transactions that are sent under one that is not registered;
            "" where there is none.
        severity: 0 to 1.
        currency, bearer, turnover, loss: as the alert has them.
        risk_code: likewise.
    """

    alert_id: str
    merchant_id: str
    detector: str
    group: str
    day: int
    time: str
    pair: str
    severity: float
    currency: str
    bearer: str | None
    turnover: int | None
    loss: int | None
    risk_code: str

    @property
    def place(self) -> tuple[str, str, int, str]:
        """What decides where it counts: merchant, group, day and pair of MCCs."""
        return self.merchant_id, self.group, self.day, self.pair


def onset_of(alert: Alert, days: Days) -> Onset | None:
    """An alert's onset; None of a detector that is no more."""
    group = GROUPS.get(alert.detector)
    if group is None:
        return None
    return Onset(
        alert.alert_id, alert.merchant_id, alert.detector, group, days.of_iso(alert.first_time), alert.first_time,
        _pair(alert) if group == "mcc" else "", alert.severity, alert.currency, alert.bearer, alert.turnover,
        alert.loss, alert.risk_code,
    )  # fmt: skip


def _pair(alert: Alert) -> str:
    pairs = Counter(
        f"{each.registered[0]}>{each.mcc}"
        for each in alert.transactions
        if each.registered and each.mcc and each.mcc not in each.registered
    )
    return min(pairs, key=lambda each: (-pairs[each], each), default="")
