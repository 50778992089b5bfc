"""Cases: read, and worked on as people do, by the same functions."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from casework import decisions, escalation, listing, operations, pauses
from casework.people import COMMENTS, LEADS, ROLES, WORKS
from casework.reading.case import row_of
from casework.states import DECIDED, MERGED, OPEN
from casework.tokens import CASES_READ, CASES_WRITE
from console.api import PREFIX
from console.api.bodies import Assigning, Commenting, Deciding, Expecting, Merging, Snoozing
from console.api.caller import Caller, reads, writes
from console.api.models import (
    Action,
    Alert,
    Case,
    CaseInFull,
    Changed,
    Comment,
    Decision,
    Escalation,
    Flag,
    NumberInPath,
)
from console.api.paging import Cursor, Limit, Listed, paged
from console.api.problems import responses
from console.api.shown import changed

router = APIRouter(prefix=PREFIX, tags=["cases"])
Reads = Annotated[Caller, reads(CASES_READ, ROLES)]
Works = Annotated[Caller, writes(CASES_WRITE, WORKS)]
Leads = Annotated[Caller, writes(CASES_WRITE, LEADS)]
Comments = Annotated[Caller, writes(CASES_WRITE, COMMENTS)]
Name = Annotated[str | None, Query(max_length=64)]
_CHANGE: dict[str, Any] = {"responses": responses(400, 404, 409, 413), "response_model": Changed}


@router.get("/cases", responses=responses(), response_model=Listed[Case])
def list_cases(
    caller: Reads, cursor: Cursor = None, limit: Limit = 100, merchant_id: Name = None, holder: Name = None,
    status: Literal[OPEN, DECIDED, MERGED] | None = None,  # type: ignore[valid-type]
) -> Any:  # fmt: skip
    """Cases in the order in which they were opened."""
    chosen = {"merchant_id": merchant_id, "holder": holder, "status": status}
    return paged(
        cursor, limit, (int,),
        lambda after, most: listing.list_cases(caller.store, caller.actor, caller.now_ms, after, most, chosen),
        lambda row: (row.case_id,), Case.model_validate,
    )  # fmt: skip


@router.get("/cases/{case_id}", responses=responses(404), response_model=CaseInFull)
def get_case(caller: Reads, case_id: NumberInPath) -> Any:
    """A case with its alerts, comments, decisions, actions, flags and escalations."""
    row = row_of(caller.store, caller.actor, case_id, caller.now_ms)
    parts = listing.parts_of(caller.store, caller.actor, case_id, caller.now_ms)
    upwards = escalation.of_case(caller.store, caller.actor, case_id, caller.now_ms)
    return CaseInFull(
        **Case.model_validate(row).model_dump(),
        alerts=[Alert.model_validate(each) for each in parts["alerts"]],
        comments=[Comment.model_validate(each) for each in parts["comments"]],
        decisions=[Decision.model_validate(each) for each in parts["decisions"]],
        actions=[Action.model_validate(each._asdict() | {"merchant_id": row.merchant_id}) for each in parts["actions"]],
        flags=[Flag.model_validate(each) for each in parts["flags"]],
        escalations=[Escalation.model_validate(each) for each in upwards],
    )


def _do(
    caller: Caller, asked: BaseModel | None, case_id: int, work: Callable[[], int | None], status: int = 200
) -> Response:
    """Do something to a case, and answer with the case; what the work returns is the number of what was made."""
    return caller.once(asked, lambda: changed(caller, case_id, work()), status)


@router.post("/cases/{case_id}/take", **_CHANGE)
def take_case(caller: Works, case_id: NumberInPath, asked: Expecting) -> Response:
    """Take a case, so that it is the token's user's."""

    def work() -> None:
        operations.take(caller.store, caller.actor, case_id, asked.expected_version, caller.now_ms)

    return _do(caller, asked, case_id, work)


@router.post("/cases/{case_id}/release", **_CHANGE)
def release_case(caller: Works, case_id: NumberInPath) -> Response:
    """Give a case back."""
    return _do(caller, None, case_id, lambda: operations.release(caller.store, caller.actor, case_id, caller.now_ms))


@router.post("/cases/{case_id}/assign", **_CHANGE)
def assign_case(caller: Leads, case_id: NumberInPath, asked: Assigning) -> Response:
    """Give a case to somebody who works on cases and sees it."""

    def work() -> None:
        operations.assign(caller.store, caller.actor, case_id, asked.to, asked.expected_version, caller.now_ms)

    return _do(caller, asked, case_id, work)


@router.post("/cases/{case_id}/comments", **_CHANGE, status_code=201)
def comment_on_case(caller: Comments, case_id: NumberInPath, asked: Commenting) -> Response:
    """Write a comment on a case."""
    return _do(
        caller, asked, case_id,
        lambda: operations.comment(caller.store, caller.actor, case_id, asked.text, caller.now_ms), 201,
    )  # fmt: skip


@router.post("/cases/{case_id}/decisions", **_CHANGE, status_code=201)
def decide_case(caller: Works, case_id: NumberInPath, asked: Deciding) -> Response:
    """Give a verdict on alerts of a case."""
    return _do(
        caller, asked, case_id,
        lambda: decisions.decide(
            caller.store, caller.actor, case_id, asked.expected_version, asked.verdict, asked.reason_code,
            asked.comment, caller.now_ms, alert_ids=asked.alert_ids,
        ), 201,
    )  # fmt: skip


@router.post("/decisions/{decision_id}/undo", responses=responses(400, 404, 409, 413), response_model=Decision)
def undo_decision(caller: Works, decision_id: NumberInPath) -> Response:
    """Take a decision back within ten seconds."""

    def work() -> Decision:
        decisions.undo(caller.store, caller.actor, decision_id, caller.now_ms)
        return Decision.model_validate(listing.decision_of(caller.store, caller.actor, decision_id, caller.now_ms))

    return caller.once(None, work)


@router.post("/cases/{case_id}/snoozes", **_CHANGE, status_code=201)
def snooze_case(caller: Works, case_id: NumberInPath, asked: Snoozing) -> Response:
    """Put a case off."""
    return _do(
        caller, asked, case_id,
        lambda: pauses.snooze(caller.store, caller.actor, case_id, asked.until_ms, asked.reason, caller.now_ms), 201,
    )  # fmt: skip


@router.post("/cases/{case_id}/end-snooze", **_CHANGE)
def end_snooze(caller: Works, case_id: NumberInPath) -> Response:
    """Put a snoozed case back into the queue."""
    return _do(caller, None, case_id, lambda: pauses.end_snooze(caller.store, caller.actor, case_id, caller.now_ms))


@router.post("/cases/{case_id}/merge", **_CHANGE)
def merge_case(caller: Works, case_id: NumberInPath, asked: Merging) -> Response:
    """Move all alerts of a case into another one, which is answered."""
    return _do(
        caller, asked, asked.into,
        lambda: operations.merge(caller.store, caller.actor, case_id, asked.into, caller.now_ms),
    )  # fmt: skip
