"""Planning: one look at casework, after which everybody who is to be told has a notice in the outbox.

A look is one transaction. What it makes follows from casework, from what earlier looks have kept, and from the time
that it is given, and from nothing else: after a crash the next look makes what the last one could not, once.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import delete, func, select

from casework.bodies import text as json_text
from casework.chunks import chunks
from casework.days import day_of, midnights_ms
from casework.persons import persons_at
from casework.schema import (
    audit,
    audit_head,
    facts,
    notice_entries,
    notice_groups,
    notice_held,
    notices,
)
from casework.tasks.shop import shops
from notices.composing import compose, of_tasks, reminder
from notices.culprit_rules import rules_of
from notices.dispatch import Batch, dispatch, sorted_into, waits_of
from notices.escalation import Escalation
from notices.inhibition import Inhibitor
from notices.quiet import release_ms
from notices.recipients import Chooser, Recipient
from notices.reminding import due_soon
from notices.signals import Standing
from notices.silences import Silencer, in_force
from notices.tasking import follow, give, open_tasks, untold
from notices.timing import Group
from notices.writing import reader_of, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from casework.store import Store
    from notices.composing import Made, Reader
    from notices.dispatch import Members
    from notices.routing.routes import Routing

LOOK_EVERY_MS = 10_000
"""How often a look is taken where casework has not changed: absences, snoozes and assignments begin and end by time."""
_PLANNED = "notices_planned"
_OF_LINKS = ("make_task_link", "use_task_link", "refuse_task_link")
"""Entries of the audit that change nothing of what is told; each notice that is sent makes one."""


class _Planned(msgspec.Struct):
    """What the last look saw: the audit's last entry, and when it was."""

    entry_id: int = -1
    now_ms: int = 0


class Planner:
    """Plans notices.

    Args:
        store: of cases.
        routing: who hears of what.
        lang: what a recipient reads who has not said.
    """

    def __init__(self, store: Store, routing: Routing, lang: str = "zh") -> None:
        self._store, self._routing, self._lang = store, routing, lang
        self._waits = {each.key: waits_of(each) for each in routing.every_route()}
        self._standing = Standing()

    def look(self, now_ms: int) -> list[Made]:
        """Make the notices that are due at a moment, UTC milliseconds; none where nothing can have changed."""
        with self._store.reading() as connection:
            if not self._is_wanted(connection, now_ms):
                return []
        with self._store.writing() as connection:
            look = _Look(self._store, connection, self._routing, self._waits, self._standing, self._lang, now_ms)
            made = look.take()
            seen = _Planned(connection.execute(select(audit_head.c.entry_id)).scalar_one(), now_ms)
            value = msgspec.json.encode(seen).decode()
            self._store.upsert(connection, facts, [{"name": _PLANNED, "value": value}])
            return made

    def _is_wanted(self, connection: Connection, now_ms: int) -> bool:
        kept = connection.execute(select(facts.c.value).where(facts.c.name == _PLANNED)).scalar()
        last = msgspec.json.decode(kept, type=_Planned) if kept else _Planned()
        new = select(audit.c.entry_id).where(audit.c.entry_id > last.entry_id, audit.c.kind.not_in(_OF_LINKS)).limit(1)
        has_new = connection.execute(new).first() is not None
        if has_new or not last.now_ms <= now_ms < last.now_ms + LOOK_EVERY_MS:
            return True
        due = [
            select(func.min(notice_groups.c.next_ms)), select(func.min(notice_held.c.release_ms)),
            select(func.min(notices.c.escalate_ms)),
        ]  # fmt: skip
        times = [connection.execute(each).scalar() for each in due]
        return any(each is not None and each <= now_ms for each in times)


class _Look:
    """One look, inside its transaction."""

    def __init__(
        self, store: Store, connection: Connection, routing: Routing, waits: Mapping[str, Any], standing: Standing,
        lang: str, now_ms: int,
    ) -> None:  # fmt: skip
        self._store, self._connection, self._routing = store, connection, routing
        self._waits, self._standing, self._lang, self._now_ms = waits, standing, lang, now_ms
        self._people = persons_at(connection, now_ms)

    def take(self) -> list[Made]:
        follow(self._connection, self._now_ms)
        silencer = Silencer(in_force(self._connection, self._now_ms))
        signals = self._standing.read(self._connection, self._now_ms, self._wants_grade(silencer))
        self._open = open_tasks(self._connection)
        visits = [{"kind": "visit", "merchant": each.merchant_id, "rep": each.rep_id} for each in self._open]
        silencer.note(self._connection, signals, self._now_ms)
        inhibitor = Inhibitor(self._routing.inhibitions, [*visits, *(each.labels for each in signals)])
        quiet = {e.alert_id for e in signals if silencer.is_silent(e.labels) or inhibitor.is_quiet(e.labels)}
        members = sorted_into(self._routing, self._chooser().of, signals)
        batches = self._dispatch(members, quiet)
        told = self._released(members, quiet, self._held_back(batches))
        made = [self._make(recipient, found) for recipient, found in _by_recipient(told).items()]
        made += self._of_tasks(untold(self._connection), of_tasks) + self._reminders()
        escalation = Escalation(
            self._store, self._connection, self._routing, self._people, self._lang, self._now_ms
        )  # fmt: skip
        return made + escalation.escalate()

    def _wants_grade(self, silencer: Silencer) -> Callable[[Mapping[str, str]], bool]:
        """Whether anything depends on an alert's grade, by its other labels."""
        if silencer.names("grade") or any(each.names("grade") for each in self._routing.inhibitions):
            return lambda _: True
        if not any(each.names("grade") for each in self._routing.every_route()):
            return lambda _: False
        return lambda labels: self._routing.route.reads("grade", labels)

    def _chooser(self) -> Chooser:
        rules, agents_of = rules_of(self._connection)
        return Chooser(self._routing, self._people, rules, agents_of, self._now_ms)

    def _dispatch(self, members: Mapping[str, Members], quiet: set[str]) -> list[Batch]:
        rows = {each.group_key: each for each in self._connection.execute(select(notice_groups))}
        groups = {
            key: Group(each.next_ms, each.flushed, each.told_ms, frozenset(msgspec.json.decode(each.told)))
            for key, each in rows.items()
        }
        waits = {key: self._waits[each.route] for key, each in rows.items() if each.route in self._waits}
        changed, batches = dispatch(members, groups, lambda each: each.alert_id in quiet, waits, self._now_ms)
        over = [key for key, group in changed.items() if group is None]
        for some in chunks(over):
            self._connection.execute(delete(notice_groups).where(notice_groups.c.group_key.in_(some)))
        self._keep({key: group for key, group in changed.items() if group is not None}, rows, members)
        return batches

    def _keep(self, groups: Mapping[str, Group], rows: Mapping[str, Any], members: Mapping[str, Members]) -> None:
        kept = []
        for key, group in groups.items():
            mine = members.get(key)
            named = (
                (mine.route.key, mine.recipient.name, json_text(mine.labels))
                if mine is not None
                else (rows[key].route, rows[key].recipient, rows[key].labels)
            )
            kept.append(
                {
                    "group_key": key, "route": named[0], "recipient": named[1], "labels": named[2],
                    "next_ms": group.next_ms, "flushed": group.flushed, "told_ms": group.told_ms,
                    "told": json_text(sorted(group.told)),
                }
            )  # fmt: skip
        self._store.upsert(self._connection, notice_groups, kept)

    # -- quiet hours

    def _held_back(self, batches: Iterable[Batch]) -> list[Batch]:
        """What may be told now; the rest is held until its recipient's quiet hours are over."""
        now, rows = [], []
        for batch in batches:
            opens_ms = self._opens_ms(batch)
            if opens_ms <= self._now_ms:
                now.append(batch)
                continue
            rows += [
                {
                    "recipient": batch.recipient.name, "alert_id": each.alert_id, "group_key": batch.key,
                    "route": batch.route.key, "held_ms": self._now_ms, "release_ms": opens_ms,
                }
                for each in batch.signals
            ]  # fmt: skip
        self._store.upsert(self._connection, notice_held, rows)
        return now

    def _opens_ms(self, batch: Batch) -> int:
        if batch.recipient.is_desk or batch.route.urgent:
            return self._now_ms
        zone = self._reader(batch.recipient).zone
        return release_ms(batch.route.quiet, zone, self._store.working_days, self._now_ms)

    def _released(self, members: Mapping[str, Members], quiet: set[str], now: list[Batch]) -> list[Batch]:
        """What is told now, with what was held until now.

        What does not stand any more is dropped. What is kept quiet at that moment stays held, so that it is told once
        nothing keeps it quiet.
        """
        table = notice_held
        rows = self._connection.execute(select(table).order_by(table.c.recipient, table.c.alert_id)).all()
        due: dict[str, set[str]] = defaultdict(set)
        gone = []
        for each in rows:
            mine = members.get(each.group_key)
            stands = mine is not None and any(one.alert_id == each.alert_id for one in mine.signals)
            if stands and (each.release_ms > self._now_ms or each.alert_id in quiet):
                continue
            gone.append(each)
            if stands:
                due[each.group_key].add(each.alert_id)
        for each in gone:
            is_it = (table.c.recipient == each.recipient) & (table.c.alert_id == each.alert_id)
            self._connection.execute(delete(table).where(is_it))
        held = [(key, members[key], ids) for key, ids in sorted(due.items())]
        return now + [
            Batch(key, mine.route, mine.recipient, tuple(one for one in mine.signals if one.alert_id in ids))
            for key, mine, ids in held
        ]

    # -- notices

    def _reader(self, recipient: Recipient) -> Reader:
        zone = self._store.working_days.time_zone
        return reader_of(self._people, recipient, self._routing, self._lang, zone)

    def _make(self, recipient: Recipient, batches: Sequence[Batch]) -> Made:
        reader = self._reader(recipient)
        found = shops(self._connection, {one.merchant_id for each in batches for one in each.signals}, self._now_ms)
        made = compose(
            recipient, batches, found, reader, self._store.working_days,
            tasks_left=self._routing.most_tasks - self._tasks_today(recipient, reader.zone), now_ms=self._now_ms,
            has_task={each.merchant_id for each in self._open if each.rep_id == recipient.name},
        )  # fmt: skip
        made = give(self._store, self._connection, made, self._now_ms)
        write(self._connection, made, self._now_ms)
        return made

    def _reminders(self) -> list[Made]:
        before_ms = self._routing.remind_before_ms
        if before_ms is None:
            return []
        return self._of_tasks(due_soon(self._connection, before_ms, self._now_ms), reminder)

    def _of_tasks(self, by_rep: Mapping[str, Sequence[Any]], put: Callable[..., Made]) -> list[Made]:
        """Tasks, told to whom they were given: those that people have given, and those that are due soon."""
        receiver, route = self._routing.of_tasks()
        made = []
        for rep_id, rows in sorted(by_rep.items()):
            recipient = Recipient(rep_id, is_desk=False, channels=receiver.channels)
            reader = self._reader(recipient)
            found = shops(self._connection, {each.merchant_id for each in rows}, self._now_ms)
            notice = put(recipient, rows, found, reader, route, self._now_ms)
            opens_ms = release_ms(route.quiet, reader.zone, self._store.working_days, self._now_ms)
            write(self._connection, notice, self._now_ms, not_before_ms=opens_ms)
            made.append(notice)
        return made

    def _tasks_today(self, recipient: Recipient, zone: str) -> int:
        midnight_ms, _ = midnights_ms(day_of(self._now_ms, zone), zone)
        given = (
            select(func.count())
            .select_from(notice_entries.join(notices, notices.c.notice_id == notice_entries.c.notice_id))
            .where(notices.c.recipient == recipient.name, notices.c.made_ms >= midnight_ms, notice_entries.c.is_task)
        )
        return int(self._connection.execute(given).scalar_one())


def _by_recipient(batches: Iterable[Batch]) -> dict[Recipient, list[Batch]]:
    """What each is told, in one notice; for somebody is told by several routes, by the channels of the first."""
    found: dict[str, list[Batch]] = defaultdict(list)
    for each in batches:
        found[each.recipient.name].append(each)
    return {each[0].recipient: each for _, each in sorted(found.items())}
