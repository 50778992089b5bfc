"""Days of confirmed alerts, from verdicts and alerts in the log."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest

from streams.topics import TOPICS, create_topics
from streams.verdicts import Span, read_confirmed
from tests.causes.world import ZONE, alert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.alerts import Alert
    from streams.log import Log
    from tests.streams.conftest import LogBackend

DAY = date(2025, 3, 1)
NUMBER = DAY.toordinal() - date(1970, 1, 1).toordinal()


@pytest.fixture
def log(backend: LogBackend) -> Iterator[Log]:
    with backend.address.open(TOPICS) as opened:
        create_topics(opened, 2)
        yield opened


def raise_alerts(log: Log, *alerts: Alert) -> None:
    log.append("alerts", 0, [*map(msgspec.json.encode, alerts)], keys=[each.alert_id.encode() for each in alerts])


def answer(log: Log, alert_id: str, verdict: str, partition: int = 0) -> None:
    sale = {"txn_id": "t", "merchant_id": "m", "amount": 5}
    event = {"type": "verdict", "merchant_id": "m", "alert_id": alert_id, "verdict": verdict, "event_time": 5}
    log.append("events", partition, [msgspec.json.encode(each) for each in (sale, event, sale)])


def test_a_confirmed_alert_has_the_local_days_from_its_first_to_its_last_hit(log: Log) -> None:
    # 23:30 UTC on 3 March is the 4th in Shanghai.
    raise_alerts(log, alert("a", "m", "fee_over", DAY, last_time="2025-03-03T23:30:00.000Z"))
    answer(log, "a", "confirmed")
    assert read_confirmed(log, ZONE).spans() == {"m": [Span(NUMBER, NUMBER + 3)]}


@pytest.mark.parametrize("verdict", ["lawful_change", "data_error", "false_alarm", "duplicate", "open"])
def test_an_alert_that_was_answered_otherwise_has_none(log: Log, verdict: str) -> None:
    raise_alerts(log, alert("a", "m", "fee_over", DAY))
    answer(log, "a", verdict)
    found = read_confirmed(log, ZONE)
    assert found.spans() == {}
    assert found.verdicts == 1


def test_the_last_verdict_on_an_alert_counts(log: Log) -> None:
    raise_alerts(log, alert("a", "m", "fee_over", DAY), alert("b", "m", "fee_over", DAY))
    answer(log, "a", "confirmed")
    answer(log, "a", "false_alarm")
    answer(log, "b", "open", partition=1)
    answer(log, "b", "confirmed", partition=1)
    assert list(read_confirmed(log, ZONE).spans().values()) == [[Span(NUMBER, NUMBER)]]


def test_a_verdict_on_an_alert_that_is_gone_and_a_record_that_is_no_event_concern_no_day(log: Log) -> None:
    answer(log, "gone", "confirmed")
    log.append("events", 0, [b'{"type":"verdict"', b'["verdict"]', b'{"name":"a \\"verdict\\""}'])
    assert read_confirmed(log, ZONE).spans() == {}
