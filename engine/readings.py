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

    from engine.features.feature_rows import FeatureRows, TermsEvent

_TEXTS = {kind: frozenset(field.name for field in fields if field.kind is Kind.TEXT) for kind, fields in EVENTS.items()}
_CLOSING = closing_columns()[1:]
_DECADES = frozenset(each.name for each in _CLOSING if each.unit == "decades")
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
    return MerchantDays(
        merchant_id=rows.merchant_ids(closed), day=_each(rows.local_ms[closed], _date),
        currency=_each(rows.currencies[closed], unpack),
        score=[scores.get(j) for j in closed.tolist()] if scores else [None] * len(closed),
        columns=_told(rows, closed),
    )  # fmt: skip


def _each(values: NDArray[np.int64], text: Callable[[int], str]) -> list[str]:
    """The text of each value, made once for each that differs: there are few."""
    few, which = np.unique(values, return_inverse=True)
    texts = [text(each) for each in few.tolist()]
    return [texts[k] for k in which.tolist()]


def _told(rows: FeatureRows, closed: NDArray[np.int64]) -> dict[str, list[int | float | None]]:
    """The columns of a closing as JSON has them: None where one is null, no more digits than mean something."""
    declared = [each for each in _CLOSING if each.name in rows.columns]
    floats = [each.name for each in declared if each.kind == "float"]
    of_floats = rows.at(floats, closed).view(np.float64)
    decades = [k for k, each in enumerate(floats) if each in _DECADES]
    of_floats[decades] = np.round(of_floats[decades], _DECADES_DIGITS)
    whole = [each.name for each in declared if each.kind == "int"]
    of_whole = rows.at(whole, closed)
    told = dict(zip(floats, _values(of_floats, np.isnan(of_floats)), strict=True))
    told |= zip(whole, _values(of_whole, of_whole == NULL), strict=True)
    return {each.name: told[each.name] for each in declared}


def _values(columns: NDArray[Any], null: NDArray[np.bool_]) -> list[list[int | float | None]]:
    """Columns as lists, None where `null`; both (columns, rows)."""
    values: list[list[int | float | None]] = columns.tolist()
    for k, at in zip(*(each.tolist() for each in np.nonzero(null)), strict=True):
        values[k][at] = None
    return values


def _date(local_ms: int) -> str:
    return datetime.fromtimestamp(local_ms / 1000, UTC).date().isoformat()
