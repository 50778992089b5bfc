"""Reads alerts and verdicts of a log, or of files, into `evaluation.verdicts.Answers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.decoding.decode import Refused, check, parse
from evaluation.verdicts import AlertRevision
from streams.mentions import mentioning

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evaluation.verdicts import Answers
    from streams.log import Log

_WORD = b'"verdict"'
_AT_A_TIME = 1_000
_decode = msgspec.json.Decoder(AlertRevision).decode


def read_log(log: Log, answers: Answers) -> None:
    """Take the alerts and verdicts that a log has by now; every event that it has kept is looked at."""
    topic = log.topics.alerts.name
    for partition in range(log.partitions(topic)):
        offset, end = log.first_offset(topic, partition), log.end_offset(topic, partition, committed=False)
        while offset < end and (records := log.read_keyed(topic, partition, offset, _AT_A_TIME, committed=False)):
            offset = records[-1].offset + 1
            for each in records:
                if each.value:
                    answers.take_alert(_decode(each.value))
                else:
                    answers.forget_alert(each.key.decode())
    for partition in range(log.partitions(log.topics.events.name)):
        _take_verdicts(mentioning(log, log.topics.events.name, partition, _WORD), answers)


def read_alerts(lines: Iterable[bytes], answers: Answers) -> None:
    """Take alerts, one JSON object a line, as `tillwatch replay --alerts-out` writes them; empty lines are passed over.

    Raises:
        ValueError: a line is no alert; the message has its number.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            answers.take_alert(_decode(line))
        except (msgspec.DecodeError, ValueError) as error:
            raise ValueError(f"line {number} must be an alert: {error}") from error


def read_events(lines: Iterable[bytes], answers: Answers) -> None:
    """Take the verdicts among events, one JSON object a line; lines that are no events are passed over."""
    _take_verdicts((each for each in lines if _WORD in each), answers)


def _take_verdicts(records: Iterable[bytes], answers: Answers) -> None:
    for raw in records:
        try:
            name, event = check(parse(raw))
        except Refused:
            continue
        if name == "verdict":
            answers.take_verdict(event["alert_id"], event["merchant_id"], event["verdict"])
