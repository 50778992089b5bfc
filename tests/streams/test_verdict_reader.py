"""Reading alerts and verdicts from either log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from domain.alerts import Text
from domain.events import VERDICTS
from evaluation.verdict_reader import read_alerts, read_events, read_log
from evaluation.verdicts import Answers
from streams.topics import TOPICS, create_topics
from tests.causes.world import FIRST, alert, ms

if TYPE_CHECKING:
    from domain.alerts import Alert
    from evaluation.verdicts import Standing
    from tests.streams.conftest import LogBackend

DETECTORS = {"fee_over": Text("", "")}


def verdict(alert_id: str, given: str, **more: Any) -> bytes:
    event = {
        "type": "verdict", "merchant_id": f"m-{alert_id}", "event_time": ms(FIRST), "alert_id": alert_id,
        "verdict": given,
    }  # fmt: skip
    return json.dumps(event | more).encode()


def of_each_kind() -> tuple[list[Alert], list[bytes]]:
    """Alerts of two revisions, one for each kind of verdict and one without any, and verdicts among other events."""
    names = [*VERDICTS, "none"]
    alerts = [
        alert(name, f"m-{name}", "fee_over", FIRST, revision=k, severity=0.3 + 0.1 * k)
        for name in names
        for k in (1, 2)
    ]
    sale = (
        b'{"txn_id":"1","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000,"channel":"verdict"}'
    )
    events = [sale, b'"verdict"?', verdict("confirmed", "open"), verdict("open", "no such verdict")]
    return alerts, [*events, *(verdict(each, each) for each in VERDICTS), sale]


def check(answers: Answers) -> None:
    found: Standing = answers.standings(DETECTORS, {})[0]
    assert found.alerts == len(VERDICTS) + 1
    assert found.verdicts == dict.fromkeys(VERDICTS, 1)
    assert (found.confirmed.part, found.confirmed.whole) == (1, 4)


def test_verdicts_of_each_kind_are_read_from_a_log(backend: LogBackend) -> None:
    alerts, events = of_each_kind()
    with backend.address.open(TOPICS) as log:
        create_topics(log, 2)
        for partition in range(2):
            mine = alerts[partition::2]
            log.append(
                "alerts", partition, [*map(msgspec.json.encode, mine)], keys=[each.alert_id.encode() for each in mine]
            )
        gone = alert("gone", "m", "fee_over", FIRST)
        log.append("alerts", 0, [msgspec.json.encode(gone), b""], keys=[b"gone"] * 2)
        log.append("events", 1, events)
        answers = Answers(90)
        read_log(log, answers)
    check(answers)


def test_verdicts_of_each_kind_are_read_from_files() -> None:
    alerts, events = of_each_kind()
    answers = Answers(90)
    read_events(events, answers)
    read_alerts([b"\n", *map(msgspec.json.encode, alerts)], answers)
    check(answers)


@pytest.mark.parametrize("line", [b"?", b"{}", b"\xff"])
def test_a_line_that_is_no_alert_is_refused_with_its_number(line: bytes) -> None:
    with pytest.raises(ValueError, match="line 2 must be an alert"):
        read_alerts([b"", line], Answers(90))
    broken = msgspec.json.encode(alert("a", "m", "fee_over", FIRST, last_time="yesterday"))
    with pytest.raises(ValueError, match="line 1 must be an alert"):
        read_alerts([broken], Answers(90))
