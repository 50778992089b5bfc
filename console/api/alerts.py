"""Alerts: read, moved to another case, detached into one of their own."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from casework import listing, operations
from casework.people import ROLES, WORKS
from casework.states import CONFIRMED, PROVISIONAL, WITHDRAWN
from casework.tokens import ALERTS_READ, CASES_WRITE
from console.api import PREFIX
from console.api.bodies import Detaching, Moving
from console.api.caller import Caller, reads, writes
from console.api.models import Alert, AlertInFull, Changed, IdInPath
from console.api.paging import Cursor, Limit, Listed, paged
from console.api.problems import responses
from console.api.shown import as_dict, changed

router = APIRouter(prefix=PREFIX, tags=["alerts"])
Reads = Annotated[Caller, reads(ALERTS_READ, ROLES)]
Works = Annotated[Caller, writes(CASES_WRITE, WORKS)]
Name = Annotated[str | None, Query(max_length=64)]


@router.get("/alerts", responses=responses(), response_model=Listed[Alert])
def list_alerts(
    caller: Reads, cursor: Cursor = None, limit: Limit = 100, merchant_id: Name = None, detector: Name = None,
    verdict: Name = None, state: Literal[PROVISIONAL, CONFIRMED, WITHDRAWN] | None = None,  # type: ignore[valid-type]
) -> Any:  # fmt: skip
    """Alerts in the order in which they were filed."""
    chosen = {"merchant_id": merchant_id, "detector": detector, "verdict": verdict, "state": state}
    return paged(
        cursor, limit, (int, str),
        lambda after, most: listing.list_alerts(caller.store, caller.actor, caller.now_ms, after, most, chosen),
        lambda row: (row.filed_ms, row.alert_id), Alert.model_validate,
    )  # fmt: skip


@router.get("/alerts/{alert_id}", responses=responses(404), response_model=AlertInFull)
def get_alert(caller: Reads, alert_id: IdInPath) -> Any:
    """An alert with the revision in force."""
    row, alert = listing.alert_of(caller.store, caller.actor, alert_id, caller.now_ms)
    return AlertInFull(**Alert.model_validate(row).model_dump(), body=as_dict(alert))


@router.post("/alerts/move", responses=responses(400, 404, 409, 413), response_model=Changed)
def move_alerts(caller: Works, asked: Moving) -> Response:
    """Move alerts into another open case."""

    def work() -> Changed:
        operations.move(caller.store, caller.actor, asked.alert_ids, asked.into, caller.now_ms)
        return changed(caller, asked.into)

    return caller.once(asked, work)


@router.post("/alerts/detach", responses=responses(400, 404, 409, 413), response_model=Changed, status_code=201)
def detach_alerts(caller: Works, asked: Detaching) -> Response:
    """Move alerts of one merchant into a new case of theirs."""

    def work() -> Changed:
        case_id = operations.detach(caller.store, caller.actor, asked.alert_ids, caller.now_ms)
        return changed(caller, case_id)

    return caller.once(asked, work, 201)
