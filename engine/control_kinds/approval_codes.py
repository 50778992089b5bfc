"""The control kind `approval_codes`: the response codes with which a transaction is approved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from domain.events import APPROVED_CODES
from engine.control_kinds.kind import ControlKind
from engine.control_kinds.limits import MAX_APPROVAL_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping


def _decode(body: bytes) -> tuple[str, ...]:
    try:
        codes = msgspec.json.decode(body, type=tuple[str, ...])
    except msgspec.DecodeError as error:
        raise ValueError(f'approval_codes must be a list such as ["00", "10", "11"]: {error}') from error
    for each in codes:
        if not re.fullmatch("[0-9A-Z]{2}", each):
            raise ValueError(f"approval_codes must be two digits or capital letters each, got {each!r}")
    if not 1 <= len(set(codes)) == len(codes) <= MAX_APPROVAL_CODES:
        raise ValueError(f"approval_codes must be 1 to {MAX_APPROVAL_CODES} different ones, got {', '.join(codes)}")
    return codes


def _install(reference: Any, in_force: Mapping[str, Any]) -> None:
    from engine.decoding.columns import pack  # noqa: PLC0415  it loads the compiler, which only a monitor needs

    codes = in_force["approval_codes"]
    reference["approval_codes"] = len(codes)
    reference["approval_code"][0, : len(codes)] = [pack(each) for each in codes]


KIND = ControlKind(
    name="approval_codes", name_zh="批准应答码", decode=_decode,
    default=lambda _: msgspec.json.encode(APPROVED_CODES), install=_install,
)  # fmt: skip
