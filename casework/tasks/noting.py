"""Entries of the audit about tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casework import audit

if TYPE_CHECKING:
    from casework.change import Change


def note(change: Change, kind: str, case_id: int | None, **detail: Any) -> None:
    """Enter what was done about a task, with the case that it is of: never one of money laundering."""
    audit.append(
        change.connection, time_ms=change.now_ms, actor=change.actor.user_id, kind=kind, case_id=case_id, detail=detail
    )
