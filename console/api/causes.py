"""Causes: what many merchants of one agent, rep, channel or city show within days."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from casework import listing, operations
from casework.people import OFFICE_ROLES, WORKS
from casework.tokens import ALERTS_READ, CASES_WRITE
from console.api import PREFIX
from console.api.caller import Caller, reads, writes
from console.api.models import CauseHead, CauseInFull, Changed, IdInPath
from console.api.paging import Cursor, Limit, Listed, paged
from console.api.problems import responses
from console.api.shown import as_dict, changed

router = APIRouter(prefix=PREFIX, tags=["causes"])
Reads = Annotated[Caller, reads(ALERTS_READ, OFFICE_ROLES)]
Works = Annotated[Caller, writes(CASES_WRITE, WORKS)]


@router.get("/causes", responses=responses(), response_model=Listed[CauseHead])
def list_causes(caller: Reads, cursor: Cursor = None, limit: Limit = 100, *, closed: bool | None = None) -> Any:
    """Causes by their ids."""
    return paged(
        cursor, limit, (str,),
        lambda after, most: listing.list_causes(
            caller.store, caller.actor, caller.now_ms, after, most, {"closed": closed}
        ),
        lambda row: (row.cause_id,), CauseHead.model_validate,
    )  # fmt: skip


@router.get("/causes/{cause_id}", responses=responses(404), response_model=CauseInFull)
def get_cause(caller: Reads, cause_id: IdInPath) -> Any:
    """A cause with its members."""
    row, cause = listing.cause_of(caller.store, caller.actor, cause_id)
    return CauseInFull(**CauseHead.model_validate(row).model_dump(), body=as_dict(cause))


@router.post(
    "/causes/{cause_id}/case", responses=responses(400, 404, 409, 413), response_model=Changed, status_code=201
)
def open_cause_case(caller: Works, cause_id: IdInPath) -> Response:
    """Open a case for a cause, with the undecided alerts of its members."""

    def work() -> Changed:
        return changed(caller, operations.open_cause_case(caller.store, caller.actor, cause_id, caller.now_ms))

    return caller.once(None, work, 201)
