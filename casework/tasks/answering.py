"""What a rep does about a task: it says that it knows, and answers; the answer lands in the case.

When the phone says that something happened proves nothing: an answer is of the time at which the server received it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from casework import deadlines, retrieval
from casework.bodies import text as json_text
from casework.change import Change, changing
from casework.errors import NotAllowed, Refused
from casework.notes import checked_visit, enter_visit
from casework.operations import MOST_TEXT, checked_text
from casework.people import REP, WORKS
from casework.schema import cases, task_answers, task_photos, tasks
from casework.states import OPEN as CASE_OPEN
from casework.tasks.kinds import DOCUMENTS, RECHECK
from casework.tasks.making import enter
from casework.tasks.noting import note as _note
from casework.tasks.place import Position, apart, checked
from casework.tasks.reading import seen_task
from casework.tasks.shop import shops
from casework.tasks.words import ANSWERED, CHECKS, OPEN, SAID, STANDARD, VISIT_KINDS
from domain.events import VISIT_OUTCOMES
from domain.masking import mask_text
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from casework.people import Actor
    from casework.store import Store

MOST_NOTE = 200
"""Characters beside an item of a checklist."""
MOST_NOTE_OF_VISIT = 1_024
LONGEST_FINDING_MS = 90 * DAY_MS
"""How far off the end of a rectification may be: our own default."""
RECHECK_WORKING_DAYS = 3
"""Working days after the end of a rectification in which the re-check is due: our own default."""
_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True, kw_only=True)
class Given:
    """An answer as it was given.

    Attributes:
        key: the page's own, 8 to 64 of `A-Za-z0-9_-`: who sends the same answer again, sends the same key.
        outcome: of `domain.events.VISIT_OUTCOMES`.
        checks: by item of the checklist, what was seen, of `casework.tasks.words.SAID`.
        notes: by item, at most 200 characters.
        text: at most 4,000 characters.
        position: where the phone says that it is, if the rep has agreed to its being sent; else None.
        phone_ms: when the phone says that it is, UTC milliseconds; None where it does not.
        finding_until_ms: by when the merchant is to put right what was found; None for nothing.
    """

    key: str
    outcome: str
    checks: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    position: Position | None = None
    phone_ms: int | None = None
    finding_until_ms: int | None = None


def acknowledge(store: Store, actor: Actor, task_id: int, now_ms: int) -> None:
    """Note that the rep has read a task and knows of it, once; raises as `answer` does."""
    with changing(store, actor, now_ms, {REP}, "to acknowledge a task") as change:
        row = own_task(change, task_id)
        if row.opened_ms is None:
            _open(change, row)


def _open(change: Change, row: Any) -> None:
    change.connection.execute(update(tasks).where(tasks.c.task_id == row.task_id).values(opened_ms=change.now_ms))
    _note(change, "acknowledge_task", row.case_id, task_id=row.task_id)


def answer(store: Store, actor: Actor, task_id: int, given: Given, now_ms: int) -> int:
    """Answer a task; the answer's number. The same answer sent again changes nothing.

    An answer to a task that was withdrawn meanwhile is kept, and the task stays withdrawn.

    A visit becomes a `visit` event; documents become those of the retrieval; the case's deadline follows; where the
    merchant is to put something right, the rep gets a task to check it.

    Raises:
        NotFound: there is no such task, or it is not the actor's.
        NotAllowed: the actor is no rep.
        Refused: it is answered already; a value cannot be; neither photo nor text came.
    """
    with changing(store, actor, now_ms, {REP}, "to answer a task") as change:
        row = own_task(change, task_id)
        known = change.connection.execute(select(task_answers).where(task_answers.c.task_id == task_id)).first()
        if known is not None and known.key == given.key:
            return int(known.answer_id)
        if row.answered_ms is not None:
            raise Refused(f"task {task_id} must have no answer yet, it has one")
        checks = _checked(change, row, given)
        if row.opened_ms is None:
            _open(change, row)
        answer_id = _insert(change, row, given, checks)
        stands = ANSWERED if row.status == OPEN else row.status
        closed = {"status": stands, "answered_ms": now_ms, "finding_until_ms": given.finding_until_ms}
        change.connection.execute(update(tasks).where(tasks.c.task_id == task_id).values(closed))
        _note(
            change, "answer_task", row.case_id, task_id=task_id, outcome=given.outcome, answer_id=answer_id,
            photos=_photos(change, task_id),
        )  # fmt: skip
        if given.finding_until_ms is not None:
            _order_recheck(change, row, given.finding_until_ms)
        _reach_case(change, row)
        return answer_id


def set_finding(store: Store, actor: Actor, task_id: int, until_ms: int, text: str, now_ms: int) -> int:
    """Have the merchant put right what an answered task has found; the number of the re-check that its rep gets.

    Raises:
        NotFound, NotAllowed: the task is not seen; the actor does not work on cases.
        Refused: it is not answered, or has a time already; the time is over or too far off.
    """
    with changing(store, actor, now_ms, WORKS, "to set a time for rectification") as change:
        row = seen_task(change.connection, actor, task_id, now_ms)
        if row.status != ANSWERED or row.finding_until_ms is not None:
            raise Refused(f"task {task_id} must be answered and have no time for rectification yet")
        _check_finding(change, until_ms)
        is_it = tasks.c.task_id == task_id
        change.connection.execute(update(tasks).where(is_it).values(finding_until_ms=until_ms))
        made = _order_recheck(change, row, until_ms, checked_text(text, "what is to be put right"))
        _reach_case(change, row)
        return made


def own_task(change: Change, task_id: int) -> Any:
    """The row of a task that was given to the actor; raises NotFound for another's, and NotAllowed to no rep."""
    change.actor.need({REP}, "a task")
    row = seen_task(change.connection, change.actor, task_id, change.now_ms)
    if row.rep_id != change.actor.user_id:
        raise NotAllowed(f"task {task_id} must be answered by {row.rep_id}, whose it is")
    return row


def _checked(change: Change, row: Any, given: Given) -> dict[str, dict[str, str]]:
    """The answered checklist as it is kept."""
    if not _KEY.fullmatch(given.key):
        raise Refused(f"key must be 8 to 64 of A-Z a-z 0-9 _ -, got {given.key[:64]!r}")
    if given.outcome not in VISIT_OUTCOMES:
        raise Refused(f"outcome must be one of {', '.join(VISIT_OUTCOMES)}, got {given.outcome[:32]!r}")
    if len(given.text) > MOST_TEXT:
        raise Refused(f"the text of an answer must have at most {MOST_TEXT} characters, got {len(given.text)}")
    for item, said in given.checks.items():
        if item not in CHECKS or said not in SAID:
            raise Refused(f"checks must be of {', '.join(CHECKS)} by {', '.join(SAID)}, got {item[:32]}: {said[:32]}")
    for item, said in given.notes.items():
        if item not in CHECKS or len(said) > MOST_NOTE:
            raise Refused(f"a note must be of a check and have at most {MOST_NOTE} characters, got {len(said)}")
    if given.finding_until_ms is not None:
        _check_finding(change, given.finding_until_ms)
    if not _photos(change, row.task_id) and not given.text.strip():
        raise Refused("an answer must have a photo, or a text that says why there is none")
    items = {*given.checks, *given.notes}
    return {
        each: {"said": given.checks.get(each, "unseen"), "note": mask_text(given.notes.get(each, "").strip())}
        for each in CHECKS if each in items
    }  # fmt: skip


def _check_finding(change: Change, until_ms: int) -> None:
    if not change.now_ms < until_ms <= change.now_ms + LONGEST_FINDING_MS:
        raise Refused(f"finding_until_ms must be within {LONGEST_FINDING_MS} ms after {change.now_ms}, got {until_ms}")


def _photos(change: Change, task_id: int) -> int:
    of_it = select(func.count()).select_from(task_photos).where(task_photos.c.task_id == task_id)
    return int(change.connection.execute(of_it).scalar_one())


def _insert(change: Change, row: Any, given: Given, checks: dict[str, dict[str, str]]) -> int:
    said = mask_text(given.text.strip())
    made = {
        "task_id": row.task_id, "key": given.key, "by": change.actor.user_id, "answered_ms": change.now_ms,
        "outcome": given.outcome, "checks": json_text(checks), "text": said, "phone_ms": given.phone_ms,
        "visit_id": _enter_visit(change, row, given, checks, said), **_place(change, row, given.position),
    }  # fmt: skip
    added = insert(task_answers).returning(task_answers.c.answer_id)
    return int(change.connection.execute(added, made).scalar_one())


def _place(change: Change, row: Any, position: Position | None) -> dict[str, Any]:
    """Where the phone says that it was, and how far that is from the registered address."""
    if position is None:
        return {"coord_sys": ""}
    told = checked(position)
    shop = shops(change.connection, [row.merchant_id], change.now_ms)[row.merchant_id]
    found: dict[str, Any] = {**told._asdict(), "position_agreed_ms": change.now_ms}
    if shop.lat is None or shop.lon is None:
        return found
    far = apart(told, Position(shop.lat, shop.lon, shop.coord_sys))
    return found | {"distance_m": far.distance_m, "radius_m": far.radius_m}


def _enter_visit(
    change: Change, row: Any, given: Given, checks: dict[str, dict[str, str]], said: str
) -> int | None:  # fmt: skip
    """Have the log hear of what was done at the shop; the position stays here, where it can be erased."""
    if (kind := VISIT_KINDS.get(row.kind)) is None:
        return None
    differing = [CHECKS[each].question.zh for each, found in checks.items() if found["said"] == "differs"]
    note = "；".join([f"task {row.task_id}", *(f"{each}：否" for each in differing), *([said] if said else [])])
    event = checked_visit(
        change.actor, row.merchant_id, change.now_ms, kind, given.outcome, note[:MOST_NOTE_OF_VISIT], change.now_ms
    )
    if row.case_id is not None:
        event["case_id"] = str(row.case_id)
    return enter_visit(change, event, change.now_ms)


def _order_recheck(change: Change, row: Any, until_ms: int, text: str = "") -> int:
    """Give the rep of a task another one, to check what was found, of the same case while that is open."""
    is_open = row.case_id is not None and _case(change, row.case_id).status == CASE_OPEN
    return enter(change, {
        "case_id": row.case_id if is_open and row.kind != DOCUMENTS else None, "merchant_id": row.merchant_id,
        "kind": RECHECK, "rep_id": row.rep_id, "is_own": row.is_own,
        "due_ms": change.store.working_days.after(until_ms, RECHECK_WORKING_DAYS),
        "checklist": json_text(STANDARD[RECHECK]), "text": text, "after_task_id": row.task_id,
    })  # fmt: skip


def _case(change: Change, case_id: int) -> Any:
    return change.connection.execute(select(cases).where(cases.c.case_id == case_id)).one()


def _reach_case(change: Change, row: Any) -> None:
    """Have the case of a task follow from what came of it."""
    if row.case_id is None:
        return
    case = _case(change, row.case_id)
    if row.kind == DOCUMENTS:
        photos = select(task_photos).where(task_photos.c.task_id == row.task_id, task_photos.c.erased_ms.is_(None))
        for each in change.connection.execute(photos.order_by(task_photos.c.photo_id)).all():
            retrieval.receive_photo(change, case, each)
    change.change_case(case)
    deadlines.refresh(change.connection, change.store.working_days, [row.case_id])
