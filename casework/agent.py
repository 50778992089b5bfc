"""The filing agent: reads a log's results, and files them with the positions that it has read up to, as one change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec
from sqlalchemy import select, update

from casework import deadlines, declines, filing, inspections, months, shops, summary
from casework.errors import AgentSuperseded
from casework.field_events import file_field_events
from casework.filing import AlertFiling, Filed
from casework.fit import LOG, check_fit
from casework.outbox import Delivery
from casework.pauses import wake
from casework.retention import DAYS_KEPT, drop_old
from casework.schema import facts, positions
from domain.alerts import Alert, Score
from domain.causes import Cause
from domain.readings import MerchantDays, Profile
from domain.timestamps import iso
from streams.log import now_utc_ms
from streams.revisions import RevisionReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from casework.store import Store
    from streams.log import Log
    from streams.revisions import Revision

T = TypeVar("T")
_RECORDS = 1_000
_RECORDS_OF_DAYS = 50


class _Place:
    """How far a topic was read, in the store and in memory.

    Raises:
        AgentSuperseded: on `move`, another agent has moved on from there.
    """

    def __init__(self, store: Store, log: Log, topic: str) -> None:
        self.topic, partitions = topic, range(log.partitions(topic))
        with store.writing() as connection:
            rows = [{"topic": topic, "partition": each, "next_offset": 0} for each in partitions]
            store.insert_missing(connection, positions, rows)
            kept = connection.execute(select(positions).where(positions.c.topic == topic))
            self.kept = {each.partition: each.next_offset for each in kept}

    def move(self, connection: Connection, to: dict[int, int]) -> None:
        """Note the offsets to read on from, in the transaction of what was read; `moved` follows its commit."""
        for partition, offset in to.items():
            before = self.kept[partition]
            if offset == before:
                continue
            is_it = (positions.c.topic == self.topic) & (positions.c.partition == partition)
            changed = connection.execute(
                update(positions).where(is_it, positions.c.next_offset == before).values(next_offset=offset)
            )
            if changed.rowcount != 1:
                raise AgentSuperseded("another filing agent works on this casework store; this one ends")

    def moved(self, to: dict[int, int]) -> None:
        """Go on from there in memory too."""
        self.kept |= to


class _Feed(Generic[T]):
    """Reads a topic of records that are filed as they are.

    Args:
        store: keeps the positions.
        log: has the topic.
        topic: which.
        decode: makes of key and value what is filed; None passes a record over.
        most: records at a time, of each partition.
    """

    def __init__(
        self, store: Store, log: Log, topic: str, decode: Callable[[bytes, bytes], T | None], most: int = _RECORDS
    ) -> None:
        self.place = _Place(store, log, topic)
        self._log, self._topic, self._decode, self._most = log, topic, decode, most
        self._keyed = log.compacted(topic)

    def read(self) -> tuple[list[T], dict[int, int]]:
        """What comes next, and the offsets to read on from after it; the same until the place has moved."""
        found: list[T] = []
        after = dict(self.place.kept)
        for partition, kept in self.place.kept.items():
            offset = max(kept, self._log.first_offset(self._topic, partition))
            for at, key, value in self._records(partition, offset):
                after[partition] = at + 1
                made = self._decode(key, value)
                if made is not None:
                    found.append(made)
        return found, after

    def _records(self, partition: int, offset: int) -> Sequence[tuple[int, bytes, bytes]]:
        if self._keyed:
            keyed = self._log.read_keyed(self._topic, partition, offset, self._most)
            return [(each.offset, each.key, each.value) for each in keyed]
        records = self._log.read(self._topic, partition, offset, self._most)
        return [(int(records.offsets[i]), b"", records.value(i)) for i in range(len(records))]


class FilingAgent:
    """Files a log's alerts, scores, profiles, days and causes in a store.

    What is committed is read from the positions that the store keeps; they move in the transaction that files, so
    that wherever the agent is killed nothing is lost and nothing is twice. What the log has not committed yet is read
    beyond them, and filed as provisional.

    Args:
        store: of the newest version.
        log: with its topics.
        now_ms: the clock, UTC milliseconds.
        keep_transactions_d: days that an alert's transactions are kept after its last hit.

    Raises:
        UnfitStore: the store was filed from another log, or is newer than its log; the message says what to do.
    """

    def __init__(
        self, store: Store, log: Log, now_ms: Callable[[], int] = now_utc_ms, *, keep_transactions_d: int = DAYS_KEPT
    ) -> None:
        self._store, self._log, self._now_ms = store, log, now_ms
        self._know_log()
        check_fit(store, log)
        with store.writing() as connection:
            deadlines.refresh_all(connection, store.working_days)
        self._delivery = Delivery(store, log)
        topics = log.topics
        self._alerts_place = _Place(store, log, topics.alerts.name)
        self._scores_place = _Place(store, log, topics.merchant_risk.name)
        kept = self._alerts_place.kept
        self._alerts = RevisionReader(log, topics.alerts.name, Alert, positions=kept, committed=True)
        self._tail = RevisionReader(log, topics.alerts.name, Alert, positions=kept, committed=False)
        scores = self._scores_place.kept
        self._scores = RevisionReader(log, topics.merchant_risk.name, Score, positions=scores, committed=True)
        self._profiles = _Feed(store, log, topics.merchant_profiles.name, _profile)
        self._causes = _Feed(store, log, topics.causes.name, _cause)
        self._days = _Feed(store, log, topics.merchant_days.name, _days, _RECORDS_OF_DAYS)
        self._keep_transactions_d = keep_transactions_d
        self._last_day = self._dropped_day = self._ordered_day = ""

    def _know_log(self) -> None:
        with self._store.writing() as connection:
            self._store.insert_missing(connection, facts, [{"name": LOG, "value": self._log.identity}])

    def file(self) -> Filed:
        """File all that is there, wake snoozed cases that it makes worse, and send the verdicts that are due.

        Raises:
            AgentSuperseded: another agent works on the store; nothing was filed twice.
            StoreFailed: the database failed; what was filed stays, and the agent is to be made anew.
        """
        self._order_anew()
        self._file_feed(self._profiles, self._file_profiles)
        self._refresh_shops()
        self._file_scores()
        filed = self._file_alerts() + self._file_tail()
        self._file_feed(self._causes, filing.file_causes)
        self._file_feed(self._days, self._file_days)
        self._drop_old()
        wake(self._store, self._now_ms())
        self._delivery.deliver(self._now_ms())
        return filed

    def _order_anew(self) -> None:
        """Once a day, order the queue anew: records of detectors and ages have changed."""
        today = iso(self._now_ms())[:10]
        if today != self._ordered_day:
            summary.refresh_daily(self._store, today, self._now_ms())
            inspections.refresh_dormant(self._store, today, self._now_ms())
            declines.refresh_daily(self._store, today, self._now_ms())
            self._ordered_day = today

    def _drop_old(self) -> None:
        """Once a day, drop what is too old."""
        if self._last_day > self._dropped_day:
            drop_old(self._store, self._last_day, self._keep_transactions_d, self._now_ms())
            self._dropped_day = self._last_day

    def _file_alerts(self) -> Filed:
        topic, filed = self._log.topics.alerts.name, Filed()
        passed = {each: self._log.end_offset(topic, each, committed=True) for each in self._alerts.positions}
        while True:
            found = self._alerts.read(_RECORDS)
            after = self._alerts.positions
            if after == self._alerts_place.kept:
                break
            with self._store.writing() as connection:
                self._alerts_place.move(connection, after)
                filed += self._file_some(connection, found, committed=True)
            self._alerts_place.moved(after)
        with self._store.reading() as connection:
            waiting = filing.has_provisional(connection)
        if waiting:
            with self._store.writing() as connection:
                filing.withdraw(self._store, connection, passed, self._now_ms())
        return filed

    def _file_some(self, connection: Connection, found: Sequence[Revision[Alert]], *, committed: bool) -> Filed:
        now_ms = self._now_ms()
        filed = AlertFiling(self._store, connection, now_ms, committed=committed).file(found)
        filing.note(connection, filed, now_ms)
        return filed

    def _file_tail(self) -> Filed:
        """File what the log has not committed yet."""
        filed = Filed()
        self._tail.skip_to(self._alerts.positions)
        while found := self._tail.read(_RECORDS):
            with self._store.writing() as connection:
                filed += self._file_some(connection, found, committed=False)
        return filed

    def _file_scores(self) -> None:
        while True:
            found = self._scores.read(_RECORDS)
            after = self._scores.positions
            if after == self._scores_place.kept:
                return
            values = [each.value for each in found if each.value is not None]
            with self._store.writing() as connection:
                self._scores_place.move(connection, after)
                filing.file_scores(self._store, connection, values, self._now_ms())
            self._scores_place.moved(after)

    def _file_feed(self, feed: _Feed[T], file: Callable[[Store, Connection, Sequence[T]], None]) -> None:
        while True:
            found, after = feed.read()
            if after == feed.place.kept:
                return
            with self._store.writing() as connection:
                feed.place.move(connection, after)
                file(self._store, connection, found)
            feed.place.moved(after)

    def _file_profiles(self, store: Store, connection: Connection, found: Sequence[Profile]) -> None:
        filing.file_profiles(store, connection, found, self._now_ms())
        visited = file_field_events(store, connection, found, self._now_ms())
        known = {each.merchant_id for each in found if each.kind in {"merchant", "assignment"}}
        months.refresh_merchants(store, connection, known, self._now_ms())
        inspections.refresh(store, connection, visited | known, self._now_ms())

    def _refresh_shops(self) -> None:
        """Have merchants show what has come into force of what was filed before."""
        while True:
            with self._store.reading() as connection:
                found = shops.due(connection, self._now_ms())
            if not found:
                return
            with self._store.writing() as connection:
                shops.refresh(self._store, connection, found, self._now_ms())
                months.refresh_merchants(self._store, connection, found, self._now_ms())
                inspections.refresh(self._store, connection, found, self._now_ms())

    def _file_days(self, store: Store, connection: Connection, found: Sequence[MerchantDays]) -> None:
        filing.file_days(store, connection, found)
        closed = months.months_of(pair for each in found for pair in zip(each.merchant_id, each.day, strict=True))
        months.refresh(store, connection, closed, self._now_ms())
        again = inspections.sold_again(connection, {merchant_id for merchant_id, _ in closed})
        inspections.refresh(store, connection, again, self._now_ms())
        last = max((day for each in found for day in each.day), default="")
        last = min(last, iso(self._now_ms())[:10])  # a clock that goes wrong costs no days
        self._last_day = max(self._last_day, last)


_decode_profile = msgspec.json.Decoder(Profile).decode
_decode_cause = msgspec.json.Decoder(Cause).decode
_decode_days = msgspec.json.Decoder(MerchantDays).decode


def _profile(_: bytes, value: bytes) -> Profile | None:
    return _decode_profile(value) if value else None


def _cause(key: bytes, value: bytes) -> tuple[str, Cause | None]:
    return key.decode(), _decode_cause(value) if value else None


def _days(_: bytes, value: bytes) -> MerchantDays:
    return _decode_days(value)
