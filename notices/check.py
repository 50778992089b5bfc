"""What a routing file would have done in the last month: who would have got what, by casework as it was filed then.

Time runs through again in memory, with the alerts as they were filed and decided, the territory and the people as they
stood, quiet hours and the tasks of a day. Grades are those of now. What is not known of the past is left out: silences,
snoozes and suppressions that have ended, and what visits kept quiet.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from casework.bodies import ms_of
from casework.days import day_of
from casework.persons import persons_at
from casework.rep_view import grade_for_rep
from casework.schema import alerts, decisions, merchants
from casework.states import CONFIRMED, OPEN
from casework.tasks.shop import shops
from casework.territory import Territory
from domain.timestamps import DAY_MS
from notices.composing import compose
from notices.culprit_rules import rules_of
from notices.dispatch import Batch, Members, dispatch, sorted_into, waits_of
from notices.quiet import release_ms
from notices.recipients import Chooser
from notices.signals import CONFIRMED_D, CONFIRMED_VERDICT, Signal, causes_of, labels_of
from notices.writing import reader_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from casework.store import Store
    from notices.composing import Made
    from notices.recipients import Recipient
    from notices.routing.routes import Routing
    from notices.timing import Group

DAYS = 30
"""How far back is looked, unless something else is said."""


class Told(NamedTuple):
    """A notice that would have been made.

    Attributes:
        at_ms: when, UTC milliseconds.
        made: the notice.
    """

    at_ms: int
    made: Made


class Checked(NamedTuple):
    """What a routing file would have done.

    Attributes:
        alerts: how many were filed, or confirmed, in that time.
        told: how many of them somebody would have been told of.
        notices: in the order in which they would have been made.
    """

    alerts: int
    told: int
    notices: tuple[Told, ...]


class Sum(NamedTuple):
    """What one recipient would have got.

    Attributes:
        recipient: a person or a desk.
        is_desk: whether it is a desk.
        notices: messages.
        tasks: shops to see to.
        listed: shops in lists.
        most_a_day: the most messages on one day of UTC.
    """

    recipient: str
    is_desk: bool
    notices: int
    tasks: int
    listed: int
    most_a_day: int


def sums(found: Iterable[Told]) -> list[Sum]:
    """By recipient, what each would have got; who would have got most comes first."""
    by_recipient: dict[tuple[str, bool], list[Told]] = defaultdict(list)
    for each in found:
        by_recipient[each.made.recipient.name, each.made.recipient.is_desk].append(each)
    listed = []
    for (name, is_desk), told in by_recipient.items():
        days: dict[int, int] = defaultdict(int)
        for each in told:
            days[each.at_ms // DAY_MS] += 1
        entries = [entry for each in told for entry in each.made.body.entries]
        tasks = sum(each.is_task for each in entries)
        listed.append(Sum(name, is_desk, len(told), tasks, len(entries) - tasks, max(days.values())))
    return sorted(listed, key=lambda each: (-each.notices, each.recipient))


def check(store: Store, routing: Routing, now_ms: int, days: int = DAYS, lang: str = "zh") -> Checked:
    """What a routing would have done in the days before a moment, UTC milliseconds."""
    with store.reading() as connection:
        return _Past(store, connection, routing, now_ms, days, lang).run()


class _Past:
    """The time that runs through again."""

    def __init__(
        self, store: Store, connection: Connection, routing: Routing, now_ms: int, days: int, lang: str
    ) -> None:  # fmt: skip
        self._store, self._connection, self._routing, self._lang = store, connection, routing, lang
        self._from_ms, self._until_ms = now_ms - days * DAY_MS, now_ms
        self._zone = store.working_days.time_zone
        self._rules, self._agents_of = rules_of(connection)
        self._members: dict[str, Members] = {}
        self._where: dict[str, set[str]] = {}
        self._groups: dict[str, Group] = {}
        self._held: list[tuple[int, int, Batch]] = []
        self._tasks: dict[tuple[str, str], int] = defaultdict(int)
        self._told: list[Told] = []

    def run(self) -> Checked:
        rows = self._rows()
        changes = self._changes(rows)
        self._shops = shops(self._connection, {each.merchant_id for each in rows}, self._until_ms)
        waits: list[int] = [each[0] for each in changes]
        heapq.heapify(waits)
        k = 0
        while waits:
            at_ms = heapq.heappop(waits)
            while waits and waits[0] == at_ms:
                heapq.heappop(waits)
            if at_ms > self._until_ms:
                break
            touched = set[str]()
            while k < len(changes) and changes[k][0] <= at_ms:
                touched |= self._change(*changes[k])
                k += 1
            for next_ms in self._step(touched, at_ms):
                heapq.heappush(waits, next_ms)
        told = {one for each in self._told for ids in each.made.alert_ids for one in ids}
        return Checked(len(rows), len(told), tuple(self._told))

    # -- what was filed

    def _rows(self) -> Sequence[Any]:
        statement = (
            select(alerts, decisions.c.decided_ms, merchants.c.region, merchants.c.city)
            .outerjoin(decisions, decisions.c.decision_id == alerts.c.decision_id)
            .outerjoin(merchants, merchants.c.merchant_id == alerts.c.merchant_id)
            .where(~alerts.c.is_aml, alerts.c.state == CONFIRMED)
            .where((alerts.c.filed_ms > self._from_ms) | (decisions.c.decided_ms > self._from_ms))
        )
        return self._connection.execute(statement.order_by(alerts.c.filed_ms, alerts.c.alert_id)).all()

    def _changes(self, rows: Sequence[Any]) -> list[tuple[int, str, Signal | None]]:
        """When what began to stand, by alert, and when it ceased to."""
        territory = Territory(self._connection, (each.merchant_id for each in rows))
        kinds = causes_of(self._connection, {each.alert_id for each in rows})
        grades = grade_for_rep(self._connection, {each.merchant_id for each in rows})
        found: list[tuple[int, str, Signal | None]] = []
        for each in rows:
            then = territory.at(each.merchant_id, ms_of(each.first_time))
            labels = labels_of(each, then, kinds.get(each.alert_id, ""), grades.get(each.merchant_id, ""))
            holder = territory.at(each.merchant_id, each.filed_ms)
            signal = Signal(
                each.alert_id, each.merchant_id, labels | {"verdict": OPEN}, each.loss_minor,
                max(each.filed_ms, self._from_ms), each.duty_ms, then, holder,
            )  # fmt: skip
            found.append((signal.since_ms, each.alert_id, signal))
            if each.verdict is not None and each.decided_ms is not None:
                is_confirmed = each.verdict == CONFIRMED_VERDICT
                after = signal._replace(labels=labels, since_ms=each.decided_ms) if is_confirmed else None
                found.append((max(each.decided_ms, signal.since_ms), each.alert_id, after))
                if is_confirmed:
                    found.append((each.decided_ms + CONFIRMED_D * DAY_MS, each.alert_id, None))
        return sorted(found, key=lambda each: each[0])

    def _change(self, at_ms: int, alert_id: str, signal: Signal | None) -> set[str]:
        """Take an alert out of its groups and put it into others; which they are."""
        touched = self._where.pop(alert_id, set())
        for key in touched:
            mine = self._members[key].signals
            mine[:] = [one for one in mine if one.alert_id != alert_id]
        if signal is None:
            return touched
        found = sorted_into(self._routing, self._chooser(at_ms).of, [signal])
        for key, each in found.items():
            kept = self._members.setdefault(key, Members(each.route, each.recipient, each.labels, []))
            kept.signals.append(signal)
        self._where[alert_id] = {*found}
        return touched | {*found}

    def _chooser(self, at_ms: int) -> Chooser:
        return Chooser(self._routing, self._people(at_ms), self._rules, self._agents_of, at_ms)

    def _people(self, at_ms: int) -> Mapping[str, Any]:
        day = at_ms // DAY_MS
        if getattr(self, "_day", None) != day:
            self._day, self._of_day = day, persons_at(self._connection, at_ms)
        return self._of_day

    # -- what would have been told

    def _step(self, touched: set[str], at_ms: int) -> Iterable[int]:
        """Look at what is due or was touched; when to look again."""
        due = {key for key, each in self._groups.items() if each.next_ms is not None and each.next_ms <= at_ms}
        members = {key: self._members[key] for key in touched | due if self._members[key].signals}
        groups = {key: self._groups[key] for key in touched | due if key in self._groups}
        waits = {key: waits_of(self._members[key].route) for key in groups}
        changed, batches = dispatch(members, groups, lambda _: False, waits, at_ms)
        for key, group in changed.items():
            if group is None:
                del self._groups[key]
                continue
            self._groups[key] = group
            if group.next_ms is not None:
                yield group.next_ms
        now = list[Batch]()
        for batch in batches:
            opens_ms = self._opens_ms(batch, at_ms)
            if opens_ms <= at_ms:
                now.append(batch)
            else:
                heapq.heappush(self._held, (opens_ms, len(self._told) + len(self._held), batch))
                yield opens_ms
        while self._held and self._held[0][0] <= at_ms:
            now.append(heapq.heappop(self._held)[2])
        self._tell([each for each in map(self._still, now) if each.signals], at_ms)

    def _still(self, batch: Batch) -> Batch:
        """What of a batch still stands."""
        ids = {each.alert_id for each in self._members[batch.key].signals}
        return batch._replace(signals=tuple(each for each in batch.signals if each.alert_id in ids))

    def _opens_ms(self, batch: Batch, at_ms: int) -> int:
        if batch.recipient.is_desk or batch.route.urgent:
            return at_ms
        zone = reader_of(self._people(at_ms), batch.recipient, self._routing, self._lang, self._zone).zone
        return release_ms(batch.route.quiet, zone, self._store.working_days, at_ms)

    def _tell(self, batches: Sequence[Batch], at_ms: int) -> None:
        by_recipient: dict[str, list[Batch]] = defaultdict(list)
        for each in batches:
            by_recipient[each.recipient.name].append(each)
        for name, found in sorted(by_recipient.items()):
            recipient: Recipient = found[0].recipient
            reader = reader_of(self._people(at_ms), recipient, self._routing, self._lang, self._zone)
            today = (name, day_of(at_ms, reader.zone).isoformat())
            left = self._routing.most_tasks - self._tasks[today]
            made = compose(
                recipient, found, self._shops, reader, self._store.working_days, tasks_left=left,
                has_task=frozenset(), now_ms=at_ms,
            )  # fmt: skip
            self._tasks[today] += sum(each.is_task for each in made.body.entries)
            self._told.append(Told(at_ms, made))
