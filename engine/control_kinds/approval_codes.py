"""The control kind `approval_codes`: the response codes with which a transaction is approved, by scheme."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from domain.approvals import APPROVED
from domain.events import SCHEMES
from engine.control_kinds.kind import ControlKind
from engine.control_kinds.limits import MAX_APPROVAL_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping

    Codes = tuple[tuple[str, tuple[str, ...]], ...]
    """By scheme, "" for none; ascending."""


def _decode(body: bytes) -> Codes:
    """The codes; a list alone is of every scheme."""
    try:
        held: dict[str, tuple[str, ...]] | tuple[str, ...] = msgspec.json.decode(
            body, type=dict[str, tuple[str, ...]] | tuple[str, ...]
        )
    except msgspec.DecodeError as error:
        raise ValueError(f'approval_codes must be lists by scheme such as {{"visa": ["00"]}}: {error}') from error
    by_scheme = held if isinstance(held, dict) else {scheme: held for scheme in APPROVED}  # noqa: C420  for the types
    for scheme, codes in by_scheme.items():
        _check(scheme, codes)
    return tuple(sorted({**APPROVED, **by_scheme}.items()))


def _check(scheme: str, codes: tuple[str, ...]) -> None:
    if scheme and scheme not in SCHEMES:
        raise ValueError(f"approval_codes must be by {', '.join(SCHEMES)}, or by nothing, got {scheme!r}")
    for each in codes:
        if not re.fullmatch("[0-9A-Z]{2}", each):
            raise ValueError(f"approval_codes must be two digits or capital letters each, got {each!r}")
    if not 1 <= len(set(codes)) == len(codes) <= MAX_APPROVAL_CODES:
        raise ValueError(f"approval_codes must be 1 to {MAX_APPROVAL_CODES} different ones, got {', '.join(codes)}")


def _install(reference: Any, in_force: Mapping[str, Any]) -> None:
    from engine.decoding.columns import pack  # noqa: PLC0415  it loads the compiler, which only a monitor needs

    reference["approval_code"] = 0
    for scheme, codes in in_force["approval_codes"]:
        place = SCHEMES.index(scheme) + 1 if scheme else 0
        reference["approval_code"][0, place, : len(codes)] = [pack(each) for each in codes]


KIND = ControlKind(
    name="approval_codes", name_zh="批准应答码", decode=_decode,
    default=lambda _: msgspec.json.encode(APPROVED), install=_install,
)  # fmt: skip
