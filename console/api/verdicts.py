"""Verdicts on alerts, as they were given."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from casework import listing
from casework.people import ROLES
from casework.tokens import CASES_READ
from console.api import PREFIX
from console.api.caller import Caller, reads
from console.api.models import Verdict
from console.api.paging import Cursor, Limit, Listed, paged
from console.api.problems import responses

router = APIRouter(prefix=PREFIX, tags=["verdicts"])
Reads = Annotated[Caller, reads(CASES_READ, ROLES)]
Name = Annotated[str | None, Query(max_length=64)]


@router.get("/verdicts", responses=responses(), response_model=Listed[Verdict])
def list_verdicts(
    caller: Reads, cursor: Cursor = None, limit: Limit = 100, merchant_id: Name = None, detector: Name = None
) -> Any:
    """Verdicts in the order in which they were given; of one that was undone `undone_ms` says when."""
    chosen = {"merchant_id": merchant_id, "detector": detector}
    return paged(
        cursor, limit, (int, str),
        lambda after, most: listing.list_verdicts(caller.store, caller.actor, caller.now_ms, after, most, chosen),
        lambda row: (row.decision_id, row.alert_id), Verdict.model_validate,
    )  # fmt: skip
