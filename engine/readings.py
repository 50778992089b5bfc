"""Profiles and merchant-days as they are published, made of accepted events and of the rows of closed days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.cards import mask
from domain.events import EVENTS, Kind
from domain.feature_codes import NULL, ROW_CLOSING
from domain.readings import MerchantDays, Profile
from domain.timestamps import iso
from engine.features.families.registry import closing_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from engine.features.feature_rows import FeatureRows, TermsEvent

_TEXTS = {kind: frozenset(field.name for field in fields if field.kind is Kind.TEXT) for kind, fields in EVENTS.items()}
_CLOSING = closing_columns()[1:]
_OF_INTAKE = frozenset({"type", "merchant_id", "received_at", "feed"})


def profile_of(each: TermsEvent, merchant_id: str) -> Profile:
    """An accepted version of master data, of a contract or of an assignment, as it is published."""
    kind, event = each.event["type"], each.event
    texts = _TEXTS[kind]
    fields: dict[str, Any] = {
        name: mask(value) if name in texts else value for name, value in event.items() if name not in _OF_INTAKE
    }
    return Profile(
        merchant_id=merchant_id, kind=kind, effective_from=iso(event["effective_from"]), fields=fields,
    )  # fmt: skip


def days_of(rows: FeatureRows, scores: Mapping[int, float]) -> MerchantDays | None:
    """The days that rows of features close, as they are published; None where they close none.

    Args:
        rows: of features.
        scores: by row of features, the merchant's risk score after its day was closed.
    """
    closed = np.flatnonzero(rows.kind == ROW_CLOSING)
    if not len(closed):
        return None
    at = closed.tolist()
    columns = [(each.name, rows.columns[each.name][closed]) for each in _CLOSING if each.name in rows.columns]
    return MerchantDays(
        merchant_id=[rows.merchant_id(row) for row in rows.merchant_row[closed].tolist()],
        day=[_date(each) for each in rows.local_ms[closed].tolist()], currency=[rows.currency(j) for j in at],
        score=[scores.get(j) for j in at], columns={name: _values(column) for name, column in columns},
    )  # fmt: skip


def _values(column: NDArray[Any]) -> list[int | float | None]:
    """A column as JSON has it: None where it is null."""
    null = np.isnan(column) if column.dtype.kind == "f" else column == NULL
    values: list[int | float | None] = column.tolist()
    if not null.any():
        return values
    return [None if gone else value for gone, value in zip(null.tolist(), values, strict=True)]


def _date(local_ms: int) -> str:
    return datetime.fromtimestamp(local_ms / 1000, UTC).date().isoformat()
