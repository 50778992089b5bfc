"""A desk whose cases have tasks in the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from casework.people import Actor
from casework.schema import task_photos
from casework.tasks import answering, making
from casework.tasks.answering import Given
from tests.casework.desk import DAY_MS, LI, REP, Desk
from tests.casework.world import NOW_MS

if TYPE_CHECKING:
    from casework.store import Store

OTHER_REP = Actor("rep-2", REP.roles)
DUE_MS = NOW_MS + 3 * DAY_MS


def give(desk: Desk, actor: Actor = LI, **more: Any) -> int:
    """A task of rep-1 at m1, of the case of its alerts."""
    given: dict[str, Any] = {
        "merchant_id": "m1", "rep_id": "rep-1", "kind": "visit", "due_ms": DUE_MS, "case_id": desk.case_of("a"),
        "now_ms": NOW_MS,
    } | more  # fmt: skip
    return making.give(desk.store, actor, **given)


def said(outcome: str = "as_registered", **more: Any) -> Given:
    given: dict[str, Any] = {
        "key": "k-12345678", "outcome": outcome, "checks": {"sign": "ok", "payer": "differs"}, "text": "open as usual",
    } | more  # fmt: skip
    return Given(**given)


def answer(desk: Desk, task_id: int, now_ms: int = NOW_MS, actor: Actor = REP, **more: Any) -> int:
    return answering.answer(desk.store, actor, task_id, said(**more), now_ms)


def add_photo(store: Store, task_id: int, slot: str = "shop_front", digest: str = "ab") -> None:
    """A photo's row, without bytes."""
    row = {
        "task_id": task_id, "slot": slot, "sha256": digest, "size": 10, "media_type": "image/jpeg",
        "shown_sha256": digest, "shown_size": 9, "width": 1, "height": 1, "exif": "{}", "by": "rep-1",
        "received_ms": NOW_MS, "erased_why": "",
    }  # fmt: skip
    with store.writing() as connection:
        connection.execute(insert(task_photos), row)
