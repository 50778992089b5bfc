"""Flags: cases that a second pair of eyes is to look at."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from casework import flags
from casework.people import WORKS
from casework.tokens import CASES_WRITE
from console.api import PREFIX
from console.api.bodies import Flagging, Lifting
from console.api.caller import Caller, writes
from console.api.models import Changed, NumberInPath
from console.api.problems import responses
from console.api.shown import changed

router = APIRouter(prefix=PREFIX, tags=["flags"])
Works = Annotated[Caller, writes(CASES_WRITE, WORKS)]
_CHANGE: dict[str, Any] = {"responses": responses(400, 404, 409, 413), "response_model": Changed}


@router.post("/cases/{case_id}/flags", **_CHANGE, status_code=201)
def flag_case(caller: Works, case_id: NumberInPath, asked: Flagging) -> Response:
    """Ask for a second pair of eyes."""

    def work() -> Changed:
        return changed(caller, case_id, flags.flag(caller.store, caller.actor, case_id, asked.why, caller.now_ms))

    return caller.once(asked, work, 201)


@router.post("/flags/{flag_id}/lift", **_CHANGE)
def lift_flag(caller: Works, flag_id: NumberInPath, asked: Lifting) -> Response:
    """Lift a flag of another's, with what was found; the case is answered."""

    def work() -> Changed:
        case_id = flags.lift(caller.store, caller.actor, flag_id, asked.found, caller.now_ms)
        return changed(caller, case_id)

    return caller.once(asked, work)
