"""Actions: what people recommend and approve, read by the systems that do it, which record what came of it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from casework import actions, listing
from casework.people import LEADS, ROLES, WORKS
from casework.tokens import ACTIONS_WRITE, CASES_READ
from console.api import PREFIX
from console.api.bodies import Recommending, Recording, RecordingMany
from console.api.caller import Caller, reads, writes
from console.api.models import Action, ActionsToExecute, NotRecorded, NumberInPath, Recorded, ToExecute
from console.api.paging import Cursor, Limit, Listed, paged
from console.api.problems import responses

router = APIRouter(prefix=PREFIX, tags=["actions"])
Reads = Annotated[Caller, reads(CASES_READ, ROLES)]
Works = Annotated[Caller, writes(ACTIONS_WRITE, WORKS)]
Approves = Annotated[Caller, writes(ACTIONS_WRITE, LEADS)]
_MOST_MS = 2**53
_CHANGE: dict[str, Any] = {"responses": responses(400, 404, 409, 413), "response_model": Action}


@router.get("/actions", responses=responses(), response_model=Listed[Action])
def list_actions(
    caller: Reads, cursor: Cursor = None, limit: Limit = 100,
    status: Literal[actions.RECOMMENDED, actions.APPROVED, actions.RECORDED] | None = None,  # type: ignore[valid-type]
) -> Any:  # fmt: skip
    """Actions in the order in which they were recommended."""
    return paged(
        cursor, limit, (int,),
        lambda after, most: listing.list_actions(
            caller.store, caller.actor, caller.now_ms, after, most, {"status": status}
        ),
        lambda row: (row.action_id,), Action.model_validate,
    )  # fmt: skip


@router.get("/actions/to-execute", responses=responses(), response_model=ActionsToExecute)
def actions_to_execute(caller: Reads, for_ms: Annotated[int, Query(ge=0, le=_MOST_MS)] = 0) -> Any:
    """Actions that may be executed and are not recorded; with `for_ms` those that have waited for longer."""
    found = actions.to_execute(caller.store, caller.actor, caller.now_ms, for_ms=for_ms)
    return ActionsToExecute(items=[ToExecute.model_validate(each) for each in found])


@router.post("/actions/record", responses=responses(400, 409, 413), response_model=Recorded)
def record_actions(caller: Works, asked: RecordingMany) -> Response:
    """Record what another system has executed; what is refused keeps none of the others back."""

    def work() -> Recorded:
        executed = [actions.Executed(each.action_id, each.outcome) for each in asked.executed]
        refused = actions.record_executed(caller.store, caller.actor, executed, caller.now_ms)
        return Recorded(
            recorded=[each.action_id for place, each in enumerate(executed) if place not in refused],
            refused=[NotRecorded(action_id=executed[i].action_id, reason=why) for i, why in refused.items()],
        )

    return caller.once(asked, work)


@router.post("/cases/{case_id}/actions", **_CHANGE, status_code=201)
def recommend_action(caller: Works, case_id: NumberInPath, asked: Recommending) -> Response:
    """Recommend an action."""

    def work() -> Action:
        made = actions.recommend(
            caller.store, caller.actor, case_id, asked.kind, asked.text, caller.now_ms,
            approved_by_two=asked.approved_by_two,
        )  # fmt: skip
        return _shown(caller, made)

    return caller.once(asked, work, 201)


@router.post("/actions/{action_id}/approve", **_CHANGE)
def approve_action(caller: Approves, action_id: NumberInPath) -> Response:
    """Approve an action that another has recommended."""

    def work() -> Action:
        actions.approve(caller.store, caller.actor, action_id, caller.now_ms)
        return _shown(caller, action_id)

    return caller.once(None, work)


@router.post("/actions/{action_id}/record", **_CHANGE)
def record_action(caller: Works, action_id: NumberInPath, asked: Recording) -> Response:
    """Record that an action was done, and what came of it."""

    def work() -> Action:
        actions.record(caller.store, caller.actor, action_id, asked.outcome, caller.now_ms)
        return _shown(caller, action_id)

    return caller.once(asked, work)


def _shown(caller: Caller, action_id: int) -> Action:
    return Action.model_validate(listing.action_of(caller.store, caller.actor, action_id, caller.now_ms))
