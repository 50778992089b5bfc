"""Profiles and merchant-days as they are published, made of accepted events and of the rows of closed days."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.cards import mask
from domain.events import EVENT_KINDS, EVENTS, Kind
from domain.feature_codes import NULL
from domain.readings import MerchantDays, Profile
from domain.timestamps import iso
from engine.decoding.columns import unpack
from engine.features.families import habits, oddity
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
_PERCENTS = frozenset(each.name for each in _CLOSING if each.unit == "percent")
_PERCENTS_DIGITS = 3
"""Digits of percentiles: beyond, a model of some 100,000 days cannot tell."""
_HABITS = frozenset({*habits.CLOSES, *oddity.CLOSES}) - _PERCENTS
_HABITS_DIGITS = 4
"""Significant digits of habits and of what a model says of them: their sums are of some hundred sales, so that
chance moves the second."""
_POWERS = np.array([float(f"1e{k}") for k in range(-12, 19)])
_OF_INTAKE = frozenset({"type", "merchant_id", "received_at", "feed"})


def profile_of(each: TermsEvent, merchant_id: str) -> Profile:
    """An accepted version of master data, of a contract or of an assignment, as it is published."""
    kind, event = each.event["type"], each.event
    return Profile(
        merchant_id=merchant_id, kind=kind, effective_from=iso(event["effective_from"]), fields=_fields_of(event),
    )  # fmt: skip


def profile_passed_on(offset: int, event: dict[str, Any]) -> Profile:
    """An accepted version of a person or of a terminal, a visit or a complaint, as it is published.

    Args:
        offset: of its record in `events`.
        event: as it was checked.
    """
    kind = event["type"]
    time_ms: int = event["effective_from" if "effective_from" in event else "event_time"]
    return Profile(
        merchant_id=event[EVENT_KINDS[kind].key], kind=kind, effective_from=iso(time_ms), fields=_fields_of(event),
        offset=None if kind == "person" else offset,
    )  # fmt: skip


def _fields_of(event: dict[str, Any]) -> dict[str, Any]:
    texts = _TEXTS[event["type"]]
    return {name: mask(value) if name in texts else value for name, value in event.items() if name not in _OF_INTAKE}


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


class _Told(NamedTuple):
    """What is told of a closing, of columns in their order: names, places among all columns, and places of the floats
    among these that are rounded alike.
    """

    names: tuple[str, ...]
    floats: tuple[str, ...]
    whole: tuple[str, ...]
    float_places: NDArray[np.int64]
    whole_places: NDArray[np.int64]
    decades: list[int]
    percents: list[int]
    habits: list[int]


@lru_cache(maxsize=8)
def _told_of(columns: tuple[str, ...]) -> _Told:
    declared = [each for each in _CLOSING if each.name in columns]
    floats = tuple(each.name for each in declared if each.kind == "float")
    whole = tuple(each.name for each in declared if each.kind == "int")
    float_places, whole_places = (
        np.array([columns.index(name) for name in each], np.int64) for each in (floats, whole)
    )
    decades, percents, of_habits = (
        [k for k, name in enumerate(floats) if name in alike] for alike in (_DECADES, _PERCENTS, _HABITS)
    )
    names = tuple(each.name for each in declared)
    return _Told(names, floats, whole, float_places, whole_places, decades, percents, of_habits)


def _told(rows: FeatureRows, closed: NDArray[np.int64]) -> dict[str, list[int | float | None]]:
    """The columns of a closing as JSON has them: None where one is null, no more digits than mean something."""
    it = _told_of(tuple(rows.columns))
    of_floats = rows.at(it.float_places, closed).view(np.float64)
    of_floats[it.decades] = np.round(of_floats[it.decades], _DECADES_DIGITS)
    of_floats[it.percents] = np.round(of_floats[it.percents], _PERCENTS_DIGITS)
    of_floats[it.habits] = _significant(of_floats[it.habits], _HABITS_DIGITS)
    of_whole = rows.at(it.whole_places, closed)
    told = dict(zip(it.floats, _values(of_floats, np.isnan(of_floats)), strict=True))
    told |= zip(it.whole, _values(of_whole, of_whole == NULL), strict=True)
    return {name: told[name] for name in it.names}


def _significant(values: NDArray[np.float64], digits: int) -> NDArray[np.float64]:
    """Values with so many significant digits, of 1e-12 to 1e18; smaller ones are 0, NaN stays NaN.

    Powers of ten are looked up and not computed, so that a value's last digit depends on no other value.
    """
    exponent = np.searchsorted(_POWERS, np.abs(values), side="right") - 13
    places = np.clip(digits - 1 - exponent, -15, 12)
    scale = _POWERS[np.abs(places) + 12]
    found: NDArray[np.float64] = np.where(
        places >= 0, np.round(values * scale) / scale, np.round(values / scale) * scale
    )
    return found + 0.0  # no -0.0


def _values(columns: NDArray[Any], null: NDArray[np.bool_]) -> list[list[int | float | None]]:
    """Columns as lists, None where `null`; both (columns, rows)."""
    values: list[list[int | float | None]] = columns.tolist()
    for k, at in zip(*(each.tolist() for each in np.nonzero(null)), strict=True):
        values[k][at] = None
    return values


def _date(local_ms: int) -> str:
    return datetime.fromtimestamp(local_ms / 1000, UTC).date().isoformat()
