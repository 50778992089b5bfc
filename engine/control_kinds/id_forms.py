"""The control kind `id_forms`: forms of identifiers that are not taken for card numbers."""

from __future__ import annotations

import msgspec

from domain.id_forms import IdForm, check
from engine.control_kinds.kind import ControlKind

MOST_FORMS = 64


def _decode(body: bytes) -> tuple[IdForm, ...]:
    try:
        forms = msgspec.json.decode(body, type=tuple[IdForm, ...])
    except msgspec.DecodeError as error:
        raise ValueError(
            f'id_forms must be a list such as [{{"field": "txn_id", "form": "{{YYMMDD}}{{10}}"}}]: {error}'
        ) from error
    if len(forms) > MOST_FORMS:
        raise ValueError(f"id_forms must be at most {MOST_FORMS}, got {len(forms)}")
    for each in forms:
        check(each)
    return forms


KIND = ControlKind(name="id_forms", name_zh="编号格式", decode=_decode, default=lambda _: b"[]")
