"""Reminders: what somebody wants to be told of a case at a time."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from casework import reminders
from casework.people import WORKS
from casework.tokens import CASES_READ, CASES_WRITE
from console.api import PREFIX
from console.api.bodies import Reminding
from console.api.caller import Caller, reads, writes
from console.api.models import Changed, NumberInPath, Reminder, Reminders
from console.api.problems import responses
from console.api.shown import changed

router = APIRouter(prefix=PREFIX, tags=["reminders"])
Reads = Annotated[Caller, reads(CASES_READ, WORKS)]
Works = Annotated[Caller, writes(CASES_WRITE, WORKS)]


def _mine(caller: Caller) -> Reminders:
    found = reminders.mine(caller.store, caller.actor, caller.now_ms)
    return Reminders(items=[Reminder.model_validate(each) for each in found])


@router.get("/reminders", responses=responses(), response_model=Reminders)
def my_reminders(caller: Reads) -> Any:
    """Reminders of the token's user that are not done, those due first at the head."""
    return _mine(caller)


@router.post(
    "/cases/{case_id}/reminders", responses=responses(400, 404, 409, 413), response_model=Changed, status_code=201
)
def remind_of_case(caller: Works, case_id: NumberInPath, asked: Reminding) -> Response:
    """Set a reminder of a case."""

    def work() -> Changed:
        made = reminders.remind(
            caller.store, caller.actor, case_id, asked.due_ms, asked.text, caller.now_ms, whom=asked.whom or ""
        )
        return changed(caller, case_id, made)

    return caller.once(asked, work, 201)


@router.post("/reminders/{reminder_id}/done", responses=responses(400, 404, 409, 413), response_model=Reminders)
def end_reminder(caller: Works, reminder_id: NumberInPath) -> Response:
    """End a reminder of the token's user; those that are left are answered."""

    def work() -> Reminders:
        reminders.done(caller.store, caller.actor, reminder_id, caller.now_ms)
        return _mine(caller)

    return caller.once(None, work)
