"""All kinds of controls. A new kind is a module beside this one and its line here."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from engine.control_kinds import (
    approval_codes,
    calendar,
    detectors,
    engine,
    id_forms,
    layouts,
    model,
    peers,
    prices,
    profiles,
    rates,
    trade,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.control_kinds.kind import ControlKind

KINDS: dict[str, ControlKind] = {
    each.KIND.name: each.KIND
    for each in (
        detectors, peers, profiles, model, trade, calendar, engine, prices, layouts, approval_codes, rates, id_forms,
    )
}  # fmt: skip
"""By name."""
DETECTORS = detectors.KIND.name
"""The kind that is judged by; the others take effect on rows of features, but for `ID_FORMS`."""
ID_FORMS = id_forms.KIND.name
"""The kind that records are read by, before anything is computed of them."""
INSTALLED = tuple(name for name, each in KINDS.items() if each.install is not None)
"""The kinds that rows of features depend on."""


def kind_of(name: str) -> ControlKind:
    """The kind of a name.

    Raises:
        ValueError: there is none.
    """
    if name not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {name!r}")
    return KINDS[name]


def version_0(given: Mapping[str, Any]) -> dict[str, Any]:
    """What each kind that rows of features depend on says as version 0: as given, else what the product has."""
    return {name: given[name] if name in given else _of_the_product(name) for name in INSTALLED}


@cache
def _of_the_product(name: str) -> Any:
    kind = KINDS[name]
    return kind.decode(kind.default({}))
