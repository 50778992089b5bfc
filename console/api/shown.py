"""How things of casework are given to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from casework.reading.case import row_of
from console.api.models import Case, Changed

if TYPE_CHECKING:
    from console.api.caller import Caller


def as_dict(value: msgspec.Struct) -> dict[str, Any]:
    """What the log says, as JSON has it."""
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found


def changed(caller: Caller, case_id: int, created_id: int | None = None) -> Changed:
    """A case as it is after a change."""
    row = row_of(caller.store, caller.actor, case_id, caller.now_ms)
    return Changed(case=Case.model_validate(row), created_id=created_id)
