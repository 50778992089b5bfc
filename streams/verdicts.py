"""Which days of which merchants analysts have confirmed an alert on."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from domain.alerts import Alert
from streams.mentions import mentioning
from streams.revisions import RevisionReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.log import Log

CONFIRMED = "confirmed"
_MARK = b'"verdict"'
_EPOCH = date(1970, 1, 1).toordinal()


class Span(NamedTuple):
    """Days on which a confirmed alert had hits, both inclusive, since 1970-01-01."""

    from_day: int
    to_day: int


class _Event(msgspec.Struct):
    type: str = "transaction"
    merchant_id: str = ""
    alert_id: str = ""
    verdict: str = ""


class Confirmed:
    """Collects verdicts and alerts, in any order, and finds the days of the alerts that were confirmed.

    The last verdict on an alert counts. A verdict on an alert that is not heard of concerns no day.

    Args:
        zone: the acquirer's time zone, an IANA name: days of hits are by it.
    """

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._verdicts: dict[str, str] = {}
        self._hits: dict[str, tuple[str, Span]] = {}
        self._decode = msgspec.json.Decoder(_Event).decode

    def hear(self, event: bytes) -> None:
        """Take an event that may be a verdict."""
        if _MARK not in event:
            return
        try:
            found = self._decode(event)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if found.type == "verdict":
            self._verdicts[found.alert_id] = found.verdict

    def take(self, alerts: Iterable[Alert]) -> None:
        """Take alerts, of each the newest last."""
        for each in alerts:
            span = Span(self._day(each.first_time), self._day(each.last_time))
            self._hits[each.alert_id] = each.merchant_id, span

    def _day(self, time: str) -> int:
        return datetime.fromisoformat(time).astimezone(self._zone).toordinal() - _EPOCH

    def spans(self) -> dict[str, list[Span]]:
        """By merchant, the days of each confirmed alert from its first to its last hit."""
        found: dict[str, list[Span]] = {}
        for alert_id, verdict in self._verdicts.items():
            if verdict == CONFIRMED and alert_id in self._hits:
                merchant_id, span = self._hits[alert_id]
                found.setdefault(merchant_id, []).append(span)
        return found

    @property
    def verdicts(self) -> int:
        """Alerts with a verdict."""
        return len(self._verdicts)


def read_confirmed(log: Log, zone: str) -> Confirmed:
    """The verdicts in a log's events, and its alerts.

    Events are searched for the word, and only those that have it are decoded.
    """
    found = Confirmed(zone)
    topic = log.topics.events.name
    for partition in range(log.partitions(topic)):
        for event in mentioning(log, topic, partition, _MARK):
            found.hear(event)
    if found.verdicts:
        alerts = RevisionReader(log, log.topics.alerts.name, Alert, committed=True)
        found.take(each.value for each in alerts.read_all() if each.value is not None)
    return found
