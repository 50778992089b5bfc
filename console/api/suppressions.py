"""Suppressions: alerts of a kind of a merchant, kept out of the queue for a while."""

from typing import Annotated

from fastapi import APIRouter, Response

from casework import pauses
from casework.people import LEADS
from casework.tokens import CASES_WRITE
from console.api import PREFIX
from console.api.bodies import Suppressing
from console.api.caller import Caller, writes
from console.api.models import NumberInPath, Suppressed
from console.api.problems import responses

router = APIRouter(prefix=PREFIX, tags=["suppressions"])
Leads = Annotated[Caller, writes(CASES_WRITE, LEADS)]


@router.post("/suppressions", responses=responses(400, 409, 413), response_model=Suppressed, status_code=201)
def suppress(caller: Leads, asked: Suppressing) -> Response:
    """Keep a detector's alerts of a merchant out of the queue until a time."""

    def work() -> Suppressed:
        made = pauses.suppress(
            caller.store, caller.actor, asked.detector, asked.merchant_id, asked.until_ms, asked.reason, caller.now_ms,
            of_aml=asked.of_aml,
        )  # fmt: skip
        return Suppressed(suppression_id=made)

    return caller.once(asked, work, 201)


@router.post("/suppressions/{suppression_id}/lift", responses=responses(400, 404, 409, 413), response_model=Suppressed)
def lift_suppression(caller: Leads, suppression_id: NumberInPath) -> Response:
    """End a suppression before its time."""

    def work() -> Suppressed:
        pauses.lift(caller.store, caller.actor, suppression_id, caller.now_ms)
        return Suppressed(suppression_id=suppression_id)

    return caller.once(None, work)
