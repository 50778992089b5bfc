"""The reader of causes on both logs: nothing lost, nothing twice, wherever it ends."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from causes.collection import Causes
from causes.reader import CauseReader, LogReader
from domain.alerts import Alert
from domain.causes import Cause
from streams.errors import Fenced
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, create_topics
from tests.causes.world import FIRST, ZONE, alert, profile
from tests.seeds import seeds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from domain.readings import Profile
    from streams.log import Log
    from tests.streams.conftest import LogBackend

DAY = FIRST + timedelta(days=60)
PARTITIONS = 2


def merchants() -> Iterator[Profile]:
    for i in range(900):
        agent = {"agent_id": f"A{i // 100}"} if i < 400 else {}
        agent |= {"channel": "agent" if agent else "direct"}
        yield profile(f"m{i}", FIRST - timedelta(days=400), rep_id=f"r{i % 9}", city=f"c{i % 5}", **agent)


def story(i: int, day: date, revision: int = 1, **more: object) -> Alert:
    return alert(f"fee_over-{i}-{day}", f"m{i}", "fee_over", day, revision=revision, **more)


def days_of_alerts(days: int, seed: int = 1) -> list[list[Alert]]:
    """Day by day; on the days 3 and 5 agent A0, on the day 40 agent A1."""
    draw, found = random.Random(seed), []
    for k in range(days):
        there = set(draw.sample(range(400, 900), 1))
        there |= {3: set(range(12)), 5: set(range(20, 26)), 40: set(range(100, 115))}.get(k, set())
        found.append([story(i, DAY + timedelta(days=k)) for i in sorted(there)])
    return found


def write(log: Log, topic: str, records: Sequence[tuple[str, str, bytes]]) -> None:
    """Append records of merchants, keys and values, each to its merchant's partition."""
    for partition in range(PARTITIONS):
        mine = [each for each in records if int(each[0][1:]) % PARTITIONS == partition]
        log.append(topic, partition, [each[2] for each in mine], keys=[each[1].encode() for each in mine])


def write_merchants(log: Log) -> None:
    create_topics(log, PARTITIONS)
    encode = msgspec.json.encode
    write(log, "merchant-profiles", [(each.merchant_id, each.key, encode(each)) for each in merchants()])


def write_alerts(log: Log, alerts: Sequence[Alert]) -> None:
    write(log, "alerts", [(each.merchant_id, each.alert_id, msgspec.json.encode(each)) for each in alerts])


def published(log: Log) -> list[Cause]:
    """Every record of the topic, taken-back ones left out."""
    return [
        msgspec.json.decode(each.value, type=Cause)
        for each in log.read_keyed("causes", 0, log.first_offset("causes", 0))
        if each.value
    ]


def in_force(log: Log) -> dict[str, Cause]:
    return {each.cause_id: msgspec.structs.replace(each, revision=0, epoch=0) for each in published(log)}


def expected(alerts: Sequence[Alert]) -> dict[str, Cause]:
    causes = Causes(ZONE)
    for each in merchants():
        causes.learn(each)
    for each in alerts:
        causes.take(each)
    return {each.cause_id: each for each in causes.causes()}


def test_causes_are_published_with_revisions_and_again_only_where_they_changed(backend: LogBackend) -> None:
    with backend.address.open(TOPICS) as log:
        write_merchants(log)
        reader = CauseReader(log, ZONE)
        assert reader.publish() == []
        days = days_of_alerts(7)
        write_alerts(log, days[3])
        (first,) = reader.publish()
        assert (first.kind, first.key, first.count, first.revision, first.epoch) == ("agent", "A0", 12, 1, 1)
        assert reader.publish() == []
        write_alerts(log, days[3])  # a later owner writes the same
        assert reader.publish() == []
        write_alerts(log, days[5])
        (second,) = reader.publish()
        assert (second.cause_id, second.revision, second.count) == (first.cause_id, 2, 18)
        assert published(log) == [first, second]


def test_a_reader_that_is_started_anew_publishes_what_the_topic_lacks_and_no_more(backend: LogBackend) -> None:
    with backend.address.open(TOPICS) as log:
        write_merchants(log)
        days = days_of_alerts(45)
        for first in range(0, 45, 5):  # each reader lives for five days
            reader = CauseReader(log, ZONE)
            write_alerts(log, [each for day in days[first : first + 5] for each in day])
            reader.publish()
        told = published(log)
        assert len({(each.cause_id, each.revision) for each in told}) == len(told)
        assert in_force(log) == expected([each for day in days for each in day])
        assert sorted((each.key, each.count, each.closed) for each in in_force(log).values()) == [
            ("A0", 18, True), ("A1", 15, False),
        ]  # fmt: skip
        assert CauseReader(log, ZONE).publish() == []


def test_an_earlier_reader_ends_when_a_later_one_begins(backend: LogBackend) -> None:
    with backend.address.open(TOPICS) as log, backend.address.open(TOPICS) as other:
        write_merchants(log)
        earlier = CauseReader(log, ZONE)
        later = CauseReader(other, ZONE)
        write_alerts(log, days_of_alerts(4)[3])
        with pytest.raises(Fenced):
            earlier.publish()
        assert [each.epoch for each in later.publish()] == [2]


class Killed(Exception):
    """The reader's process ended."""


def publish(log: Log, reader: CauseReader, *, dies: bool) -> None:
    """Have a reader publish; who dies does so before the commit."""
    with log.transaction():
        reader.publish()
        if dies:
            raise Killed


@pytest.mark.parametrize("seed", seeds(4, quick=2))
def test_wherever_a_reader_is_killed_the_causes_in_force_are_the_same(tmp_path: Path, seed: int) -> None:
    draw, days = random.Random(seed), days_of_alerts(60)
    with SqliteLog(tmp_path / "log.db", durable=False) as log:
        write_merchants(log)
        reader = CauseReader(log, ZONE)
        for day in days:
            write_alerts(log, draw.sample(day, len(day)))
            for _ in range(draw.randint(0, 2)):
                try:
                    publish(log, reader, dies=draw.random() < 0.4)
                except Killed:
                    reader = CauseReader(log, ZONE)
        reader.publish()
        assert in_force(log) == expected([each for day in days for each in day])


def test_what_the_rest_of_a_day_makes_usual_is_taken_back(embedded: LogBackend) -> None:
    with embedded.address.open(TOPICS) as log:
        write_merchants(log)
        reader = CauseReader(log, ZONE)
        write_alerts(log, [story(i, DAY) for i in range(12)])
        assert [each.key for each in reader.publish()] == ["A0"]
        write_alerts(log, [story(i, DAY) for i in range(100, 900, 8)])
        assert reader.publish() == []
        (told,) = published(log)
        log.compact("causes")
        records = log.read_keyed("causes", 0, log.first_offset("causes", 0))
        assert [(each.key.decode(), each.value) for each in records] == [(told.cause_id, b"")]
        assert CauseReader(log, ZONE).publish() == []


def test_a_reader_begins_again_where_its_oldest_alert_lies(embedded: LogBackend) -> None:
    with embedded.address.open(TOPICS) as log:
        write_merchants(log)
        days = days_of_alerts(150)
        for first in (0, 75, 100, 125):
            write_alerts(log, [each for day in days[first : first + 75] for each in day])
            CauseReader(log, ZONE).publish()
        starts = log.read_positions([":causes:alerts:0", ":causes:alerts:1"])
        kept = [each for k in range(PARTITIONS) for each in log.read_keyed("alerts", k, starts[f":causes:alerts:{k}"])]
        first = min(msgspec.json.decode(each.value, type=Alert).first_time[:10] for each in kept)
        assert str(DAY + timedelta(days=90)) <= first <= str(DAY + timedelta(days=100))


def test_the_causes_of_a_log_can_be_had_without_writing_to_it(embedded: LogBackend) -> None:
    with embedded.address.open(TOPICS) as log:
        write_merchants(log)
        write_alerts(log, days_of_alerts(4)[3])
        reader = LogReader(log, ZONE)
        assert reader.read()
        assert [each.key for each in reader.causes.causes()] == ["A0"]
        assert not reader.read()
        assert published(log) == []
