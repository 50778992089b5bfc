"""Escalations: cases given upwards, and what is answered."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from casework import escalation
from casework.people import WORKS
from casework.tokens import CASES_READ, CASES_WRITE
from console.api import PREFIX
from console.api.bodies import Answering, Escalating
from console.api.caller import Caller, reads, writes
from console.api.models import Changed, Escalation, Escalations, NumberInPath
from console.api.problems import responses
from console.api.shown import changed

router = APIRouter(prefix=PREFIX, tags=["escalations"])
Reads = Annotated[Caller, reads(CASES_READ, WORKS)]
Works = Annotated[Caller, writes(CASES_WRITE, WORKS)]
_CHANGE: dict[str, Any] = {"responses": responses(400, 404, 409, 413), "response_model": Changed}


@router.get("/escalations", responses=responses(), response_model=Escalations)
def waiting_escalations(caller: Reads) -> Any:
    """Escalations that wait for the token's user, by name or by role."""
    found = escalation.open_to(caller.store, caller.actor, caller.now_ms)
    return Escalations(items=[Escalation.model_validate(each) for each in found])


@router.post("/cases/{case_id}/escalations", **_CHANGE, status_code=201)
def escalate_case(caller: Works, case_id: NumberInPath, asked: Escalating) -> Response:
    """Give a case upwards, to a role or to a person."""

    def work() -> Changed:
        made = escalation.escalate(
            caller.store, caller.actor, case_id, asked.reason, caller.now_ms, to_role=asked.to_role or "",
            to_user=asked.to_user or "",
        )  # fmt: skip
        return changed(caller, case_id, made)

    return caller.once(asked, work, 201)


@router.post("/escalations/{escalation_id}/answer", **_CHANGE)
def answer_escalation(caller: Works, escalation_id: NumberInPath, asked: Answering) -> Response:
    """Answer an escalation to the token's user, which ends it; the case is answered."""

    def work() -> Changed:
        case_id = escalation.answer(caller.store, caller.actor, escalation_id, asked.text, caller.now_ms)
        return changed(caller, case_id)

    return caller.once(asked, work)
