"""Putting together what one recipient is told at one moment: shops with deadlines, at most so many tasks a day."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid5

import msgspec

from casework.states import DUTY as LANE_OF_DUTIES
from casework.states import OPEN
from notices.bodies import ACT, DECIDE, DESK, DIGEST, DUTY, KIND_OF_TASK, REMINDER, Body, Entry
from notices.recipients import CROSS_WAY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from casework.tasks.shop import Shop
    from casework.working_days import WorkingDays
    from notices.dispatch import Batch
    from notices.recipients import Recipient
    from notices.routing.routes import Due, Route
    from notices.signals import Signal

_SPACE = UUID("1f0c6a0e-2b1c-5c63-9d0e-6f6e6f746963")
_HOUR_MS = 3_600_000


class Reader(NamedTuple):
    """How a recipient is spoken to.

    Attributes:
        name: what they are called.
        lang: what they read.
        zone: their time zone.
    """

    name: str
    lang: str
    zone: str


class Made(NamedTuple):
    """A notice that was put together.

    Attributes:
        notice_id: the same for the same recipient, moment and alerts.
        kind: as templates call it.
        recipient: who is told.
        urgent: whether it goes out at once.
        body: what it says.
        alert_ids: of each entry, sorted.
        route: what its first entry came by.
    """

    notice_id: str
    kind: str
    recipient: Recipient
    urgent: bool
    body: Body
    alert_ids: tuple[tuple[str, ...], ...]
    route: str


class _Wanted(NamedTuple):
    """A shop before it is known whether it is a task today; in the order in which tasks are given."""

    is_later: bool
    due_ms: int
    gain_minor: int
    merchant_id: str
    task: str
    alert_ids: tuple[str, ...]


def due_ms(due: Due, signals: Collection[Signal], days: WorkingDays, now_ms: int) -> int:
    """By when something is to be answered: as the route has it, or sooner where a rule wants it."""
    own = now_ms + due.hours * _HOUR_MS if due.hours else days.after(now_ms, due.working_days)
    return min([own, *(each.duty_ms for each in signals if each.duty_ms is not None and each.duty_ms > now_ms)])


def compose(
    recipient: Recipient, batches: Sequence[Batch], shops: Mapping[str, Shop], reader: Reader, days: WorkingDays, *,
    tasks_left: int, has_task: Collection[str], now_ms: int,
) -> Made:  # fmt: skip
    """Put together one notice.

    Args:
        recipient: who is told.
        batches: of this recipient, at least one.
        shops: by merchant.
        reader: how the recipient is spoken to.
        days: the working days.
        tasks_left: how many new tasks the recipient may get today; what is urgent is a task beyond that too.
        has_task: merchants at which the recipient has an open task: they get no second one.
        now_ms: UTC milliseconds.
    """
    entries, ids = [], []
    for each in sorted(_wanted(batches, days, now_ms)):
        may = bool(each.task) and not recipient.is_desk and each.merchant_id not in has_task
        may = may and (tasks_left > 0 or not each.is_later)
        tasks_left -= may
        shop = shops[each.merchant_id]
        entries.append(
            Entry(
                merchant_id=each.merchant_id, shop=shop.name, address=shop.address, task=each.task, due_ms=each.due_ms,
                is_task=may,
            )
        )  # fmt: skip
        ids.append(each.alert_ids)
    first = batches[0].route
    head_ms = _least([each.route.supervisor_after_ms for each in batches])
    desk_ms = _least([each.route.desk_after_ms for each in batches])
    if any(each.recipient.way == CROSS_WAY for each in batches):  # whom both report to may be the one behind it
        head_ms, desk_ms = None, _least([head_ms, desk_ms])
    body = Body(
        name=reader.name, lang=reader.lang, zone=reader.zone, entries=tuple(entries), supervisor_after_ms=head_ms,
        desk_after_ms=desk_ms,
    )  # fmt: skip
    kind = DESK if recipient.is_desk else KIND_OF_TASK[entries[0].task] if len(entries) == 1 else DIGEST
    urgent = any(each.route.urgent for each in batches)
    return Made(named(recipient.name, now_ms, ids), kind, recipient, urgent, body, tuple(ids), first.key)


def of_tasks(
    recipient: Recipient, rows: Sequence[Any], shops: Mapping[str, Shop], reader: Reader, route: Route, now_ms: int
) -> Made:  # fmt: skip
    """Put together a notice of tasks that people have given.

    Args:
        recipient: whose they are.
        rows: of `tasks`, the soonest due first, at least one.
        shops: by merchant.
        reader: how the recipient is spoken to.
        route: how it goes on where nobody opens or answers it.
        now_ms: UTC milliseconds.
    """
    entries = tuple(
        Entry(
            merchant_id=each.merchant_id, shop=shops[each.merchant_id].name, address=shops[each.merchant_id].address,
            task=each.kind, due_ms=each.due_ms, is_task=True, task_id=each.task_id,
        )
        for each in rows
    )  # fmt: skip
    body = Body(
        name=reader.name, lang=reader.lang, zone=reader.zone, entries=entries,
        supervisor_after_ms=route.supervisor_after_ms, desk_after_ms=route.desk_after_ms,
    )  # fmt: skip
    kind = KIND_OF_TASK[entries[0].task] if len(entries) == 1 else DIGEST
    notice_id = named(recipient.name, now_ms, [[f"task {each.task_id}" for each in rows]])
    return Made(notice_id, kind, recipient, False, body, ((),) * len(rows), route.key)  # noqa: FBT003


def reminder(
    recipient: Recipient, rows: Sequence[Any], shops: Mapping[str, Shop], reader: Reader, route: Route, now_ms: int
) -> Made:  # fmt: skip
    """Put together a reminder of tasks; the arguments are those of `of_tasks`. It goes on to nobody."""
    made = of_tasks(recipient, rows, shops, reader, route, now_ms)
    entries = tuple(msgspec.structs.replace(each, is_task=False) for each in made.body.entries)
    body = Body(name=reader.name, lang=reader.lang, zone=reader.zone, entries=entries)
    notice_id = named(recipient.name, now_ms, [[f"reminder {each.task_id}" for each in rows]])
    return made._replace(notice_id=notice_id, kind=REMINDER, body=body)


def named(recipient: str, now_ms: int, alert_ids: Sequence[Sequence[str]]) -> str:
    """The id of a notice, by whom it is for, when it was made and of what."""
    listed = ",".join(sorted(each for some in alert_ids for each in some))
    return str(uuid5(_SPACE, f"{recipient}|{now_ms}|{listed}"))


def _wanted(batches: Sequence[Batch], days: WorkingDays, now_ms: int) -> list[_Wanted]:
    """By merchant, what is wanted there; of two routes the more urgent counts."""
    found: dict[str, list[_Wanted]] = defaultdict(list)
    for batch in batches:
        by_merchant: dict[str, list[Signal]] = defaultdict(list)
        for each in batch.signals:
            by_merchant[each.merchant_id].append(each)
        for merchant_id, signals in by_merchant.items():
            task = _of_desk(signals) if batch.recipient.is_desk else batch.route.task
            found[merchant_id].append(
                _Wanted(
                    not batch.route.urgent, due_ms(batch.route.due, signals, days, now_ms),
                    -sum(each.loss_minor or 0 for each in signals), merchant_id, task,
                    tuple(sorted(each.alert_id for each in signals)),
                )
            )  # fmt: skip
    joined = []
    for wanted in found.values():
        task = next((each.task for each in sorted(wanted) if each.task), "")
        ids = tuple(sorted({each for one in wanted for each in one.alert_ids}))
        joined.append(min(wanted)._replace(task=task, alert_ids=ids))
    return joined


def _of_desk(signals: Collection[Signal]) -> str:
    """What a desk is to do about a shop: what is undecided comes first."""
    found = {
        DUTY if each.labels["lane"] == LANE_OF_DUTIES else DECIDE if each.labels["verdict"] == OPEN else ACT
        for each in signals
    }
    return next(each for each in (DECIDE, ACT, DUTY) if each in found)


def _least(waits: Sequence[int | None]) -> int | None:
    return min((each for each in waits if each is not None), default=None)
