"""Bulks: many cases are decided, taken or put off at once, in one transaction and one entry of the audit."""

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Response

from casework import bulk
from casework.errors import Refused
from casework.people import WORKS
from casework.tokens import CASES_WRITE
from console.api import PREFIX
from console.api.bodies import DecidingMany, SnoozingMany, TakingMany
from console.api.caller import Caller, writes
from console.api.models import Bulk, NumberInPath, Skipped, Sums, Undone
from console.api.problems import responses

router = APIRouter(prefix=PREFIX, tags=["bulks"])
Works = Annotated[Caller, writes(CASES_WRITE, WORKS)]


@router.post("/bulks", responses=responses(400, 409, 413), response_model=Bulk, status_code=201)
def decide_many(caller: Works, asked: DecidingMany) -> Response:
    """Give one verdict on many cases; those that it cannot be given on are skipped, with the reason."""
    return _do(
        caller, asked,
        lambda versions: bulk.decide(
            caller.store, caller.actor, versions, asked.verdict, asked.reason_code, asked.comment, caller.now_ms
        ),
    )  # fmt: skip


@router.post("/bulks/take", responses=responses(400, 409, 413), response_model=Bulk, status_code=201)
def take_many(caller: Works, asked: TakingMany) -> Response:
    """Take many cases; those that somebody holds or that have changed are skipped."""
    return _do(caller, asked, lambda versions: bulk.take(caller.store, caller.actor, versions, caller.now_ms))


@router.post("/bulks/snooze", responses=responses(400, 409, 413), response_model=Bulk, status_code=201)
def snooze_many(caller: Works, asked: SnoozingMany) -> Response:
    """Put many cases off; those that have changed are skipped."""
    return _do(
        caller, asked,
        lambda versions: bulk.snooze(
            caller.store, caller.actor, versions, asked.until_ms, asked.reason, caller.now_ms
        ),
    )  # fmt: skip


def _do(
    caller: Caller, asked: DecidingMany | TakingMany, act: Callable[[Mapping[int, int]], bulk.Bulk]
) -> Response:  # fmt: skip
    def work() -> Bulk:
        versions = {each.case_id: each.expected_version for each in asked.cases}
        if len(versions) < len(asked.cases):
            raise Refused("cases must be named once each")
        made = act(versions)
        return Bulk(
            bulk_id=made.bulk_id, case_ids=[*made.case_ids], proposed=[*made.proposed],
            skipped=[Skipped.model_validate(each) for each in made.skipped], alerts=made.alerts,
            money={name: Sums.model_validate(each) for name, each in made.money.items()},
        )  # fmt: skip

    return caller.once(asked, work, 201)


@router.post("/bulks/{bulk_id}/undo", responses=responses(400, 404, 409, 413), response_model=Undone)
def undo_many(caller: Works, bulk_id: NumberInPath) -> Response:
    """Take all decisions of a bulk back within ten seconds, or none."""

    def work() -> Undone:
        bulk.undo(caller.store, caller.actor, bulk_id, caller.now_ms)
        return Undone(bulk_id=bulk_id)

    return caller.once(None, work)
