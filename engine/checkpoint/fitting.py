"""Reads what another version of Tillwatch stored: structured arrays by the names of their fields.

A field that this version has not is forgotten, one that the state has not is zero, which means "nothing seen". A field
of the same name must have the same type, unless its family says how its values are taken over (`MOVED`): a family of
features whose fields change their meaning raises its `VERSION`, and then starts anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.errors import TillwatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from numpy.typing import NDArray

_EARLIER = {"contract": "master_data", "pricing": "contract", "heard_day": "first_received_day"}
"""Fields of a row by the names they had before states carried a format; they are told by a field `pricing`."""


class Moved(NamedTuple):
    """Where the values of a field are that an earlier version stored under another name, or as another type.

    Attributes:
        name: of the field in the state.
        values: what the field of today holds, by what that one holds, (entries, ...).
    """

    name: str
    values: Callable[[NDArray[Any]], NDArray[Any]]


class OtherState(TillwatchError):
    """The state was written by a version or with settings that this monitor cannot go on from."""


def fitted(
    held: NDArray[Any], dtype: np.dtype[Any], forgotten: Collection[str] = (), moved: Mapping[str, Moved] | None = None
) -> NDArray[Any]:
    """The entries of `held` with the fields of `dtype`.

    Args:
        held: structured, 1-D, as a page has it.
        dtype: structured.
        forgotten: fields that are left at zero although the state has them.
        moved: by field, where an earlier version stored it, for states that have it not as it is today.

    Raises:
        OtherState: a field has another type.
    """
    held = _renamed(held)
    names, theirs = dtype.names or (), dict(held.dtype.fields or {})
    if held.dtype == dtype and not any(name in forgotten for name in names):
        return held
    found = np.zeros(len(held), dtype)
    for name in names:
        if name in forgotten:
            continue
        was = (moved or {}).get(name)
        if was and was.name in theirs and (name not in theirs or theirs[name][0] != dtype[name]):
            found[name] = was.values(held[was.name])
            continue
        if name not in theirs:
            continue
        if theirs[name][0] != dtype[name]:
            raise OtherState(f"field {name} must be of type {theirs[name][0]} as in the state, got {dtype[name]}")
        found[name] = held[name]
    return found


def _renamed(rows: NDArray[Any]) -> NDArray[Any]:
    """Rows as a state holds them, their fields by the names of today."""
    names = rows.dtype.names or ()
    if "pricing" not in names:
        return rows
    renamed = rows.view()
    renamed.dtype.names = tuple(_EARLIER.get(name, name) for name in names)
    return renamed
