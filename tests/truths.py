"""Hand-made truths and alerts; a run of 40 days from time 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evaluation.matching import AlertRevision, Found
from simulator.truth import LookAlike, Truth, Violation

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY, HOUR = 86_400_000, 3_600_000


def violation(**given: Any) -> Violation:
    """One of merchant m, category mcc, from day 10 to 20."""
    usual: dict[str, Any] = {
        "merchant_id": "m", "merchant_index": 0, "category": "mcc", "kind": "mcc", "onset_ms": 10 * DAY,
        "end_ms": 20 * DAY, "effect": 0.2, "effect_unit": "share of sales", "txn_ids": (), "transactions": 5,
        "amount_minor": 1000, "money_minor": None, "details": {},
    }  # fmt: skip
    return Violation(**(usual | given))


def look_alike(**given: Any) -> LookAlike:
    """One of merchant m, category mcc, from day 0 to 40."""
    usual: dict[str, Any] = {
        "merchant_id": "m", "merchant_index": 0, "category": "mcc", "kind": "several_mccs", "from_ms": 0,
        "until_ms": 40 * DAY, "told_ms": 0,
    }  # fmt: skip
    return LookAlike(**(usual | given))


def truth(*violations: Violation, look_alikes: Sequence[LookAlike] = (), merchants: int = 1000) -> Truth:
    return Truth(
        violations=violations, look_alikes=tuple(look_alikes), start_ms=0, end_ms=40 * DAY, merchants=merchants
    )  # fmt: skip


def found(
    alert_id: str = "a", *, merchant_id: str = "m", category: str = "mcc", first_ms: int = 15 * DAY,
    last_ms: int | None = None, severity: float = 0.5, revisions: Sequence[tuple[int, float]] = (),
    loss: int | None = None,
) -> Found:  # fmt: skip
    """An alert; without `revisions` it was told once, at its last hit. Each was emitted at its own latest hit."""
    last = first_ms if last_ms is None else last_ms
    return Found(
        alert_id=alert_id, detector=f"{category}_x", category=category, merchant_id=merchant_id, reason="because",
        hits=1, turnover_minor=None, loss_minor=loss, currency="CNY", first_ms=first_ms, last_ms=last,
        revisions=tuple(AlertRevision(at_ms, told, at_ms) for at_ms, told in revisions or [(last, severity)]),
    )  # fmt: skip
