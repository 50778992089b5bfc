"""The control kind `layouts`: where acceptor numbers hide the acquirer, the region and the MCC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from domain.events import SCHEMES
from domain.layouts import LAYOUTS, Layout
from engine.control_kinds.kind import ControlKind
from engine.control_kinds.limits import MAX_ACQUIRERS, MAX_LAYOUTS

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALL_SCHEMES = -1


def _decode(body: bytes) -> tuple[Layout, ...]:
    try:
        layouts = msgspec.json.decode(body, type=tuple[Layout, ...])
    except msgspec.DecodeError as error:
        raise ValueError(f"layouts must be a list, each with name, length and spans of its parts: {error}") from error
    if len(layouts) > MAX_LAYOUTS:
        raise ValueError(f"layouts must be at most {MAX_LAYOUTS}, got {len(layouts)}")
    for each in layouts:
        if unknown := each.schemes.difference(SCHEMES):
            raise ValueError(
                f"schemes of layout {each.name} must be among {', '.join(SCHEMES)}, got {', '.join(sorted(unknown))}"
            )
        if len(each.acquirers) > MAX_ACQUIRERS:
            raise ValueError(
                f"acquirers of layout {each.name} must be at most {MAX_ACQUIRERS}, got {len(each.acquirers)}"
            )
    return layouts


def _install(reference: Any, in_force: Mapping[str, Any]) -> None:
    from engine.decoding.hashing import hash_of  # noqa: PLC0415  it loads the compiler, which only a monitor needs

    layouts: tuple[Layout, ...] = in_force["layouts"]
    reference["layouts"] = len(layouts)
    for k, each in enumerate(layouts):
        acquirers = [hash_of(code) for code in sorted(each.acquirers)]
        for name, value in (
            ("length", each.length), ("mcc_from", each.mcc[0]), ("acquirer_from", each.acquirer[0]),
            ("acquirer_to", each.acquirer[1]), ("region_from", each.region[0]), ("region_to", each.region[1]),
            ("schemes", sum(1 << SCHEMES.index(name) for name in each.schemes) if each.schemes else _ALL_SCHEMES),
            ("acquirers", len(acquirers)),
        ):  # fmt: skip
            reference[f"layout_{name}"][0, k] = value
        reference["layout_acquirer"][0, k, : len(acquirers)] = acquirers


KIND = ControlKind(
    name="layouts", name_zh="商户号编码规则", decode=_decode,
    default=lambda _: msgspec.json.encode(LAYOUTS, order="deterministic"), install=_install,
)  # fmt: skip
