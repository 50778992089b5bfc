"""Overrides: grades set by hand, drafted by one and approved by another, who sends them to the monitor."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Response

from casework import drafts, listing
from casework.drafts import APPROVED, DRAFTED, OVERRIDE, REJECTED
from casework.people import LEADS, WORKS
from casework.tokens import OVERRIDE_WRITE, RISK_READ
from console.api import PREFIX
from console.api.bodies import Answering, Overriding
from console.api.caller import Caller, reads, writes
from console.api.models import IdInPath, NumberInPath, Override
from console.api.paging import Cursor, Limit, Listed, paged
from console.api.problems import responses

router = APIRouter(prefix=PREFIX, tags=["overrides"])
Reads = Annotated[Caller, reads(RISK_READ, WORKS)]
Works = Annotated[Caller, writes(OVERRIDE_WRITE, WORKS)]
Approves = Annotated[Caller, writes(OVERRIDE_WRITE, LEADS)]
_CHANGE: dict[str, Any] = {"responses": responses(400, 404, 409, 413), "response_model": Override}


@router.get("/overrides", responses=responses(), response_model=Listed[Override])
def list_overrides(
    caller: Reads, cursor: Cursor = None, limit: Limit = 100,
    merchant_id: Annotated[str | None, Query(max_length=64)] = None,
    status: Literal[DRAFTED, APPROVED, REJECTED] | None = None,  # type: ignore[valid-type]
) -> Any:  # fmt: skip
    """Drafts of overrides in the order in which they were written."""
    chosen = {"merchant_id": merchant_id, "status": status, "kind": OVERRIDE}
    return paged(
        cursor, limit, (int,),
        lambda after, most: listing.list_drafts(caller.store, caller.actor, caller.now_ms, after, most, chosen),
        lambda row: (row.draft_id,), _override,
    )  # fmt: skip


@router.get("/overrides/{draft_id}", responses=responses(404), response_model=Override)
def get_override(caller: Reads, draft_id: NumberInPath) -> Any:
    """A draft of an override."""
    return _shown(caller, draft_id)


@router.put("/merchants/{merchant_id}/override", **_CHANGE, status_code=201)
def draft_override(caller: Works, merchant_id: IdInPath, asked: Overriding) -> Response:
    """Draft an override, which counts once another than its writer has approved it."""

    def work() -> Override:
        made = drafts.draft(
            caller.store, caller.actor, OVERRIDE, merchant_id, {"grade": asked.grade}, asked.reason, caller.now_ms,
            until_ms=asked.until_ms,
        )  # fmt: skip
        return _shown(caller, made)

    return caller.once(asked, work, 201)


@router.post("/overrides/{draft_id}/approve", **_CHANGE)
def approve_override(caller: Approves, draft_id: NumberInPath) -> Response:
    """Approve another's draft, which goes to the monitor then."""

    def work() -> Override:
        _shown(caller, draft_id)  # of no other kind
        drafts.approve(caller.store, caller.actor, draft_id, caller.now_ms)
        return _shown(caller, draft_id)

    return caller.once(None, work)


@router.post("/overrides/{draft_id}/reject", **_CHANGE)
def reject_override(caller: Approves, draft_id: NumberInPath, asked: Answering) -> Response:
    """Reject another's draft."""

    def work() -> Override:
        _shown(caller, draft_id)
        drafts.reject(caller.store, caller.actor, draft_id, asked.text, caller.now_ms)
        return _shown(caller, draft_id)

    return caller.once(asked, work)


def _shown(caller: Caller, draft_id: int) -> Override:
    return _override(listing.draft_of(caller.store, caller.actor, draft_id, OVERRIDE, caller.now_ms))


def _override(row: Any) -> Override:
    return Override(
        draft_id=row.draft_id, merchant_id=row.merchant_id, grade=msgspec.json.decode(row.changes)["grade"],
        until_ms=row.until_ms, reason=row.why, status=row.status, by=row.by, drafted_ms=row.drafted_ms,
        answered_by=row.answered_by, answered_ms=row.answered_ms, answer=row.answer,
    )  # fmt: skip
