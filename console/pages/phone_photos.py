"""Photos of the rep's pages: part by part, so that a bad connection costs no more than the part that it cut."""

from typing import Any

from fastapi import APIRouter, Response

from casework.tasks import photos
from casework.tasks.words import SLOTS
from console.phone.forms import phone_ms
from console.phone.page import Bytes, Fields, RepPage
from console.security import ALONE

router = APIRouter(prefix="/phone")


@router.get("/tasks/{task_id}/photos/{digest}")
def have(page: RepPage, task_id: int, digest: str) -> dict[str, Any]:
    """Which parts of a photo have come."""
    store = page.console.store
    return {"have": photos.chunks_of(store, page.actor, task_id, digest, page.now_ms)}


@router.post("/tasks/{task_id}/photos/{digest}/{number}")
def take(page: RepPage, task_id: int, digest: str, number: int, data: Bytes) -> Response:
    """Take in a part of a photo."""
    photos.put_chunk(page.console.store, page.actor, task_id, digest, number, data, page.now_ms)
    return Response(status_code=204)


@router.post("/tasks/{task_id}/photos/{digest}")
def finish(page: RepPage, task_id: int, digest: str, form: Fields) -> dict[str, Any]:
    """Make a photo of its parts."""
    slot = str(form.get("slot", ""))
    made = photos.finish(
        page.console.store, page.console.files, page.actor, task_id, slot, digest, page.now_ms,
        phone_ms=phone_ms(form),
    )  # fmt: skip
    return {"photo_id": made, "slot": page.say(SLOTS[slot])}


@router.get("/photos/{photo_id}")
def show(page: RepPage, photo_id: int) -> Response:
    """A photo of one of the rep's tasks, or of the task that it checks again, as it is shown."""
    found = photos.read(page.console.store, page.console.files, page.actor, photo_id, page.now_ms)
    return Response(found.data, media_type="image/jpeg", headers=ALONE)
