"""Profiles and merchant-days as they are published, made of accepted events and of the rows of closed days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.cards import mask
from domain.events import EVENTS, Kind
from domain.feature_codes import NULL
from domain.readings import MerchantDays, Profile
from domain.timestamps import iso
from engine.decoding.columns import unpack
from engine.features.families.registry import closing_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from engine.features.families import Column
    from engine.features.feature_rows import FeatureRows, TermsEvent

_TEXTS = {kind: frozenset(field.name for field in fields if field.kind is Kind.TEXT) for kind, fields in EVENTS.items()}
_CLOSING = closing_columns()[1:]
_DECADES_DIGITS = 2
"""Digits of what is told in decades: its model is no finer."""
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
    closed = rows.closings
    if not len(closed):
        return None
    columns = [
        (each.name, _told(each, rows.columns[each.name][closed])) for each in _CLOSING if each.name in rows.columns
    ]
    return MerchantDays(
        merchant_id=rows.merchant_ids(closed), day=_each(rows.local_ms[closed], _date),
        currency=_each(rows.currencies[closed], unpack),
        score=[scores.get(j) for j in closed.tolist()] if scores else [None] * len(closed),
        columns={name: _values(column) for name, column in columns},
    )  # fmt: skip


def _each(values: NDArray[np.int64], text: Callable[[int], str]) -> list[str]:
    """The text of each value, made once for each that differs: there are few."""
    few, which = np.unique(values, return_inverse=True)
    texts = [text(each) for each in few.tolist()]
    return [texts[k] for k in which.tolist()]


def _told(declared: Column, column: NDArray[Any]) -> NDArray[Any]:
    """A column with no more digits than mean something."""
    return np.round(column, _DECADES_DIGITS) if declared.unit == "decades" else column


def _values(column: NDArray[Any]) -> list[int | float | None]:
    """A column as JSON has it: None where it is null."""
    there = np.flatnonzero(~np.isnan(column) if column.dtype.kind == "f" else column != NULL)
    if len(there) == len(column):
        whole: list[int | float | None] = column.tolist()
        return whole
    values: list[int | float | None] = [None] * len(column)
    for k, value in zip(there.tolist(), column[there].tolist(), strict=True):
        values[k] = value
    return values


def _date(local_ms: int) -> str:
    return datetime.fromtimestamp(local_ms / 1000, UTC).date().isoformat()
