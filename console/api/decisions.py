"""Decisions that wait for a second person."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from casework import agreement, listing
from casework.people import LEADS
from casework.tokens import CASES_WRITE
from console.api import PREFIX
from console.api.bodies import Answering
from console.api.caller import Caller, writes
from console.api.models import Decision, NumberInPath
from console.api.problems import responses

router = APIRouter(prefix=PREFIX, tags=["decisions"])
Leads = Annotated[Caller, writes(CASES_WRITE, LEADS)]
_CHANGE: dict[str, Any] = {"responses": responses(400, 404, 409, 413), "response_model": Decision}


def _answer(caller: Caller, decision_id: int, asked: Answering, *, agrees: bool) -> Response:
    def work() -> Decision:
        answer = agreement.agree if agrees else agreement.decline
        answer(caller.store, caller.actor, decision_id, asked.text, caller.now_ms)
        return Decision.model_validate(listing.decision_of(caller.store, caller.actor, decision_id, caller.now_ms))

    return caller.once(asked, work)


@router.post("/decisions/{decision_id}/agree", **_CHANGE)
def agree_to_decision(caller: Leads, decision_id: NumberInPath, asked: Answering) -> Response:
    """Agree to another's decision, which stands from then on."""
    return _answer(caller, decision_id, asked, agrees=True)


@router.post("/decisions/{decision_id}/decline", **_CHANGE)
def decline_decision(caller: Leads, decision_id: NumberInPath, asked: Answering) -> Response:
    """Do not agree to one: its alerts stay open."""
    return _answer(caller, decision_id, asked, agrees=False)
