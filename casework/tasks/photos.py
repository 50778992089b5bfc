"""Photos of tasks: taken in whole or part by part, kept as they came and as they are shown, erased.

What was sent is kept under its SHA-256, and is what is evidence: it came no later than the server noted. What is shown
is a copy of the picture alone. What the phone has written into it, its time and place, is kept apart and proves
nothing. The bytes are written first, then the row that makes them a photo.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, func, insert, or_, select, update

from casework import audit
from casework.attachments import is_kept
from casework.bodies import text as json_text
from casework.change import Change, changing
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.people import LEADS, REP
from casework.schema import task_answers, task_chunks, task_photos, tasks
from casework.tasks.answering import own_task
from casework.tasks.noting import note as _note
from casework.tasks.pictures import looked_into
from casework.tasks.reading import sees_task
from casework.tasks.words import OPEN, SLOTS
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from casework.files import Files
    from casework.people import Actor
    from casework.store import Store

MOST_BYTES = 15 << 20
"""Longest photo: our own default, beyond what phones take."""
MOST_OF_TASK = 20
CHUNK_BYTES = 256 << 10
"""Of a photo that comes part by part, each part but the last."""
MOST_CHUNKS = MOST_BYTES // CHUNK_BYTES
MOST_WAITING = 4 * MOST_CHUNKS
"""Parts of photos that are on their way, of a task."""
CHUNKS_KEPT_MS = DAY_MS
POSITIONS_DAYS, PHOTOS_DAYS = 90, 1_096
"""How long positions are kept after an answer, and photos after they came: our own defaults, three years of photos."""
_HASH = re.compile("[0-9a-f]{64}")
_AGENT = "casework"


class Shown(NamedTuple):
    """A photo with the bytes of its copy, a JPEG, or of what was sent."""

    row: Any
    data: bytes


def put(
    store: Store, files: Files, actor: Actor, task_id: int, slot: str, data: bytes, now_ms: int, *,
    phone_ms: int | None = None,
) -> int:  # fmt: skip
    """Take a photo in; its number. The same bytes for the same slot are the same photo.

    Args:
        store: the store.
        files: where bytes are kept.
        actor: the rep whose task it is.
        task_id: the task, which must be open.
        slot: what it is of, of `casework.tasks.words.SLOTS`.
        data: a JPEG, PNG or WebP.
        now_ms: when the server received it, UTC milliseconds.
        phone_ms: when the phone says that it was taken; None where it does not.

    Raises:
        NotFound, NotAllowed: there is no such task, or it is another's.
        Refused: the task is not open or has too many photos; the bytes are none or too many.
    """
    if slot not in SLOTS:
        raise Refused(f"slot must be one of {', '.join(SLOTS)}, got {slot[:32]!r}")
    if not 1 <= len(data) <= MOST_BYTES:
        raise Refused(f"a photo must have 1 to {MOST_BYTES} bytes, got {len(data)}")
    _check(store, actor, task_id, now_ms)
    picture = looked_into(data)
    digest, shown = files.put(data), files.put(picture.shown)
    row = {
        "task_id": task_id, "slot": slot, "sha256": digest, "size": len(data), "media_type": picture.media_type,
        "shown_sha256": shown, "shown_size": len(picture.shown), "width": picture.width, "height": picture.height,
        "exif": json_text(picture.exif), "by": actor.user_id, "received_ms": now_ms, "phone_ms": phone_ms,
        "erased_why": "",
    }  # fmt: skip
    with changing(store, actor, now_ms, {REP}, "to send a photo") as change:
        task = _open_task(change, task_id)
        of_it = (task_photos.c.task_id == task_id) & (task_photos.c.slot == slot) & (task_photos.c.sha256 == digest)
        known = change.connection.execute(select(task_photos.c.photo_id).where(of_it)).scalar()
        if known is not None:
            return int(known)
        count = select(func.count()).select_from(task_photos).where(task_photos.c.task_id == task_id)
        if change.connection.execute(count).scalar_one() >= MOST_OF_TASK:
            raise Refused(f"task {task_id} must have at most {MOST_OF_TASK} photos, got one more")
        for each, kept in ((digest, data), (shown, picture.shown)):
            if not files.has(each):  # a sweep came between
                files.put(kept)
        added = insert(task_photos).returning(task_photos.c.photo_id)
        photo_id = int(change.connection.execute(added, row).scalar_one())
        _note(change, "add_photo", task.case_id, task_id=task_id, photo_id=photo_id, slot=slot, sha256=digest,
              size=len(data))  # fmt: skip
        return photo_id


# -- part by part, for bad connections


def put_chunk(store: Store, actor: Actor, task_id: int, digest: str, number: int, data: bytes, now_ms: int) -> None:
    """Take in a part of a photo; the same again changes nothing.

    Args:
        store: the store.
        actor: the rep whose task it is.
        task_id: the task, which must be open.
        digest: SHA-256 of the whole photo, in hexadecimal.
        number: which part, from 0 on.
        data: `CHUNK_BYTES`, or fewer of the last part.
        now_ms: UTC milliseconds.

    Raises:
        NotFound, NotAllowed: there is no such task, or it is another's.
        Refused: the part cannot be one.
    """
    if not _HASH.fullmatch(digest) or not 0 <= number < MOST_CHUNKS or not 1 <= len(data) <= CHUNK_BYTES:
        raise Refused(
            f"a part must be of a SHA-256, number 0 to {MOST_CHUNKS - 1}, and 1 to {CHUNK_BYTES} bytes,"
            f" got {digest[:16]!r}, {number}, {len(data)}"
        )
    with changing(store, actor, now_ms, {REP}, "to send a photo") as change:
        _open_task(change, task_id)
        waiting = select(func.count()).select_from(task_chunks).where(task_chunks.c.task_id == task_id)
        if change.connection.execute(waiting).scalar_one() >= MOST_WAITING:
            raise Refused(f"task {task_id} must have at most {MOST_WAITING} parts on their way, got one more")
        row = {"task_id": task_id, "sha256": digest, "number": number, "data": data, "received_ms": now_ms}
        store.upsert(change.connection, task_chunks, [row])


def chunks_of(store: Store, actor: Actor, task_id: int, digest: str, now_ms: int) -> list[int]:
    """Which parts of a photo have come, by number, so that only the others are sent again; raises NotFound."""
    _check(store, actor, task_id, now_ms)
    with store.reading() as connection:
        of_it = (task_chunks.c.task_id == task_id) & (task_chunks.c.sha256 == digest)
        return [*connection.execute(select(task_chunks.c.number).where(of_it).order_by(task_chunks.c.number)).scalars()]


def finish(
    store: Store, files: Files, actor: Actor, task_id: int, slot: str, digest: str, now_ms: int, *,
    phone_ms: int | None = None,
) -> int:  # fmt: skip
    """Make a photo of the parts that have come; its number. Raises as `put`, and Refused where a part is missing."""
    of_it = (task_chunks.c.task_id == task_id) & (task_chunks.c.sha256 == digest)
    _check(store, actor, task_id, now_ms)
    with store.reading() as connection:
        parts = connection.execute(select(task_chunks.c.data).where(of_it).order_by(task_chunks.c.number)).scalars()
        data = b"".join(parts)
        theirs = (task_photos.c.task_id == task_id) & (task_photos.c.sha256 == digest) & (task_photos.c.slot == slot)
        known = connection.execute(select(task_photos.c.photo_id).where(theirs)).scalar()
    if known is not None:
        return int(known)
    if sha256(data).hexdigest() != digest:
        raise Refused(f"the parts of photo {digest[:16]} must make it up, {len(data)} bytes that have come do not")
    made = put(store, files, actor, task_id, slot, data, now_ms, phone_ms=phone_ms)
    with store.writing() as connection:
        connection.execute(delete(task_chunks).where(of_it))
    return made


def _check(store: Store, actor: Actor, task_id: int, now_ms: int) -> None:
    with store.reading() as connection:
        _open_task(Change(store, connection, actor, now_ms), task_id)


def _open_task(change: Change, task_id: int) -> Any:
    row = own_task(change, task_id)
    if row.answered_ms is not None:
        raise Refused(f"task {task_id} must have no answer yet, it has one")
    return row


# -- looking and erasing


def read(store: Store, files: Files, actor: Actor, photo_id: int, now_ms: int, *, as_sent: bool = False) -> Shown:
    """A photo of a task that the actor sees, or is to check again: its copy, or for leads what was sent.

    Raises:
        NotFound: there is none, or it was erased.
        NotAllowed: the actor is no lead and wants what was sent.
    """
    if as_sent:
        actor.need(LEADS, "to have a photo as it was sent")
    whole = select(task_photos).join(tasks, tasks.c.task_id == task_photos.c.task_id)
    again = tasks.alias()
    checked = select(again.c.after_task_id).where(again.c.rep_id == actor.user_id, again.c.status == OPEN)
    seen = or_(sees_task(actor, now_ms), tasks.c.task_id.in_(checked.where(again.c.after_task_id.is_not(None))))
    with store.reading() as connection:
        row = connection.execute(whole.where(task_photos.c.photo_id == photo_id, seen)).first()
    if row is None or row.erased_ms is not None:
        raise NotFound(f"there is no photo {photo_id}")
    return Shown(row, files.read(row.sha256 if as_sent else row.shown_sha256))


def erase(store: Store, files: Files, actor: Actor, photo_id: int, why: str, now_ms: int) -> None:
    """Erase a photo, as a lead: what was sent, its copy, and what the phone wrote into it. Its SHA-256 stays.

    Raises:
        NotFound: there is none that is not erased.
        NotAllowed: the actor is no lead.
    """
    said = checked_text(why, "why a photo is erased")
    with changing(store, actor, now_ms, LEADS, "to erase a photo") as change:
        found = select(task_photos, tasks.c.case_id).join(tasks, tasks.c.task_id == task_photos.c.task_id)
        found = found.where(task_photos.c.photo_id == photo_id, task_photos.c.erased_ms.is_(None))
        row = change.connection.execute(found).first()
        if row is None:
            raise NotFound(f"there is no photo {photo_id}")
        _strip(change.connection, [photo_id], said, now_ms)
        _note(change, "erase_photo", row.case_id, photo_id=photo_id, task_id=row.task_id, reason=said)
    _delete_unused(store, files, (row.sha256, row.shown_sha256))


def erase_position(store: Store, actor: Actor, task_id: int, now_ms: int) -> None:
    """Erase where the phone said that it was, as the rep itself or as a lead; raises NotFound where nothing is kept."""
    with changing(store, actor, now_ms, LEADS | {REP}, "to erase a position") as change:
        seen = tasks.c.task_id.in_(select(tasks.c.task_id).where(tasks.c.task_id == task_id, sees_task(actor, now_ms)))
        found = change.connection.execute(select(tasks.c.case_id, tasks.c.rep_id).where(seen)).first()
        of_it = (task_answers.c.task_id == task_id) & task_answers.c.lat.is_not(None)
        is_theirs = found is not None and (found.rep_id == actor.user_id or bool(actor.roles & LEADS))
        gone = update(task_answers).where(of_it).values(_NOWHERE | {"position_erased_ms": now_ms})
        if not is_theirs or not change.connection.execute(gone).rowcount:
            raise NotFound(f"there is no position of task {task_id}")
        assert found is not None
        _note(change, "erase_position", found.case_id, task_id=task_id)


_NOWHERE: dict[str, Any] = {"lat": None, "lon": None, "accuracy_m": None, "coord_sys": ""}
"""What is left of a position that was erased: how far it was from the shop, no more."""


def drop_old(store: Store, files: Files, now_ms: int, photos_days: int = PHOTOS_DAYS) -> dict[str, int]:
    """Erase what is kept no longer, with its entry in the audit; how much of what there was.

    Args:
        store: the store.
        files: where bytes are.
        now_ms: UTC milliseconds.
        photos_days: how long photos are kept.
    """
    with store.writing() as connection:
        old = (task_answers.c.answered_ms < now_ms - POSITIONS_DAYS * DAY_MS) & task_answers.c.lat.is_not(None)
        gone = _NOWHERE | {"position_erased_ms": now_ms}
        positions = connection.execute(update(task_answers).where(old).values(gone)).rowcount
        aged = (task_photos.c.received_ms < now_ms - photos_days * DAY_MS) & task_photos.c.erased_ms.is_(None)
        photos = connection.execute(select(task_photos).where(aged).limit(1_000)).all()
        _strip(connection, [each.photo_id for each in photos], f"older than {photos_days} days", now_ms)
        late = task_chunks.c.received_ms < now_ms - CHUNKS_KEPT_MS
        parts = connection.execute(delete(task_chunks).where(late)).rowcount
        dropped = {"photos": len(photos), "positions": positions, "parts": parts}
        if any(dropped.values()):
            audit.append(connection, time_ms=now_ms, actor=_AGENT, kind="drop_photos", detail=dropped)
    for each in photos:
        _delete_unused(store, files, (each.sha256, each.shown_sha256))
    return dropped


def _strip(connection: Any, photo_ids: list[int], why: str, now_ms: int) -> None:
    gone = {"erased_ms": now_ms, "erased_why": why, "exif": "{}", "phone_ms": None}
    connection.execute(update(task_photos).where(task_photos.c.photo_id.in_(photo_ids)).values(gone))


def _delete_unused(store: Store, files: Files, digests: tuple[str, ...]) -> None:
    """Delete bytes that nothing is of any more; an attachment of a retrieval keeps its own."""
    with store.writing() as connection:
        for each in digests:
            if not is_kept(connection, each):
                files.delete(each)
