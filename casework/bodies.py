"""What the log says, as rows of the store."""

from __future__ import annotations

import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from casework.schema import DAY_FIGURES
from domain.risk_codes import RISK_CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.alerts import Alert, Score
    from domain.causes import Cause
    from domain.readings import MerchantDays, Profile

AML = frozenset(code for code, each in RISK_CODES.items() if each.is_aml)
"""PCAC's risk types of which nobody but `aml` may hear: money laundering and gambling (29, 42, 46)."""


def alert_row(alert: Alert) -> dict[str, Any]:
    """What `alerts` has of a revision."""
    return {
        "alert_id": alert.alert_id, "merchant_id": alert.merchant_id, "detector": alert.detector,
        "risk_code": alert.risk_code, "revision": alert.revision, "epoch": alert.epoch,
        "severity": alert.severity, "currency": alert.currency,
        "turnover_minor": alert.turnover, "loss_minor": alert.loss, "first_time": alert.first_time,
        "last_time": alert.last_time, "closed": alert.closed, "reopened": alert.reopened, "bearer": alert.bearer,
        "duty_rule": None if alert.duty is None else alert.duty.rule,
        "duty_ms": None if alert.duty is None else ms_of(alert.duty.due),
    }  # fmt: skip


def registered_mcc(alert: Alert) -> str:
    """The first MCC of the master data in force at its transactions; "" where they have none."""
    return next((each.registered[0] for each in alert.transactions if each.registered), "")


def transaction_rows(alert: Alert) -> Iterator[dict[str, Any]]:
    """The transactions that an alert lists."""
    for each in alert.transactions:
        yield {
            "alert_id": alert.alert_id, "txn_id": each.txn_id, "txn_type": each.txn_type, "time": each.time,
            "amount_minor": each.amount, "currency": each.currency, "mcc": each.mcc, "terminal_id": each.terminal_id,
            "rrn": each.rrn, "stan": each.stan, "card_last4": each.card_last4, "response_code": each.response_code,
            "fee_minor": each.fee,
        }  # fmt: skip


def score_row(score: Score) -> dict[str, Any]:
    """A merchant's risk."""
    return {
        "merchant_id": score.merchant_id, "score": score.score, "grade": score.grade,
        "score_revision": score.revision, "score_epoch": score.epoch, "score_body": text(score),
    }  # fmt: skip


def history_row(score: Score) -> dict[str, Any]:
    """A merchant's risk on a day (UTC) at a grade."""
    return {
        "merchant_id": score.merchant_id, "day": score.time[:10], "grade": score.grade, "score": score.score,
        "score_revision": score.revision, "score_epoch": score.epoch, "time": score.time, "body": text(score),
    }  # fmt: skip


def profile_row(profile: Profile) -> dict[str, Any]:
    """A version of master data, a contract or an assignment."""
    fields = profile.fields
    return {
        "merchant_id": profile.merchant_id, "kind": profile.kind,
        "effective_from_ms": ms_of(profile.effective_from), "epoch": profile.epoch,
        "rep_id": fields.get("rep_id"), "agent_id": fields.get("agent_id"), "until_ms": fields.get("until"),
        "body": text(fields),
    }  # fmt: skip


def day_rows(days: MerchantDays) -> Iterator[dict[str, Any]]:
    """The days of a record; what is null in a day is left out of its body."""
    names = [*days.columns]
    cells = zip(*days.columns.values(), strict=True) if names else iter(() for _ in days.day)
    heads = zip(days.merchant_id, days.day, days.currency, days.score, cells, strict=True)
    for merchant_id, day, currency, score, values in heads:
        known = {name: each for name, each in zip(names, values, strict=True) if each is not None}
        body = zlib.compress(msgspec.json.encode(known), 1)
        yield {
            "merchant_id": merchant_id, "day": day, "currency": currency, "score": score, "epoch": days.epoch,
            "body": body, **{name: known.get(column) for name, column in DAY_FIGURES.items()},
        }  # fmt: skip


def day_columns(body: bytes) -> dict[str, int | float]:
    """The columns of a day that are not null, of `merchant_days.body`."""
    found: dict[str, int | float] = msgspec.json.decode(zlib.decompress(body))
    return found


def cause_row(cause: Cause) -> dict[str, Any]:
    """A cause."""
    return {
        "cause_id": cause.cause_id, "revision": cause.revision, "epoch": cause.epoch, "severity": cause.severity,
        "is_aml": cause.risk_code in AML, "closed": cause.closed, "withdrawn": False, "body": text(cause),
    }  # fmt: skip


def text(value: Any) -> str:
    """Something as JSON."""
    return msgspec.json.encode(value).decode()


def ms_of(time: str) -> int:
    """A time in ISO 8601 as UTC milliseconds."""
    return round(datetime.fromisoformat(time).timestamp() * 1000)
