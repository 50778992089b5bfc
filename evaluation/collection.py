"""Collects, while a stream is replayed, the alerts, the grades and the times of labelled transactions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from domain.events import TRANSACTION
from engine.control_kinds.registry import DETECTORS
from engine.controls import Controls
from engine.decoding.decode import Refused, to_ms
from evaluation.matching import AlertRevision, Found

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detectors.contract import Detector
    from domain.alerts import Alert, Score

_EVENT_TIME = next(each for each in TRANSACTION if each.name == "event_time")


class _EventLine(msgspec.Struct):
    """What is read of an event beside the monitor."""

    type: str = "transaction"
    txn_id: str = ""
    event_time: str | int = 0


class Sieve:
    """Leaves out events of some types, and notes when the transactions that the truth names happened.

    Args:
        types: of events to leave out.
        txn_ids: those to note.

    Attributes:
        txn_ms: event times of those that came, UTC milliseconds.
    """

    def __init__(self, types: Iterable[str], txn_ids: Iterable[str]) -> None:
        self._types, self._wanted = frozenset(types), frozenset(txn_ids)
        self.txn_ms: dict[str, int] = {}
        self._decoder = msgspec.json.Decoder(_EventLine)

    def __call__(self, lines: list[bytes]) -> list[bytes]:
        """The lines that are left; what is no event is left for the monitor to refuse."""
        return [line for line in lines if self._keeps(line)]

    def _keeps(self, line: bytes) -> bool:
        try:
            event = self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return True
        if event.txn_id in self._wanted and event.txn_id not in self.txn_ms:
            try:
                self.txn_ms[event.txn_id] = to_ms(_EVENT_TIME, event.event_time)
            except Refused:
                return True
        return event.type not in self._types


@dataclass(slots=True)
class Collector:
    """Gathers each alert's revisions, and merchants' grades.

    Attributes:
        detectors: the monitor's detectors.
        controls: the monitor's, where versions were published.
        last: each alert's last revision.
        revisions: each alert's revisions in order.
        grades: the highest computed grade of each merchant with a score.
    """

    detectors: tuple[Detector, ...]
    controls: Controls | None = None
    last: dict[str, Alert] = field(default_factory=dict)
    revisions: dict[str, list[AlertRevision]] = field(default_factory=dict)
    grades: dict[str, str] = field(default_factory=dict)

    def take(self, alerts: Iterable[Alert]) -> None:
        """Add revisions, in the order in which they were emitted."""
        for each in alerts:
            # A closing revision follows the quiet gap behind the last hit.
            last_ms = _ms(each.last_time)
            emitted_ms = last_ms + (self._gap_ms(each) if each.closed else 0)
            self.revisions.setdefault(each.alert_id, []).append(AlertRevision(emitted_ms, each.severity, last_ms))
            self.last[each.alert_id] = each

    def take_scores(self, scores: Iterable[Score]) -> None:
        """Add scores."""
        for each in scores:
            self.grades[each.merchant_id] = max(self.grades.get(each.merchant_id, "A"), each.computed_grade)

    def _gap_ms(self, alert: Alert) -> int:
        """The quiet gap of an alert's detector by the version that set it."""
        controls = self.controls or Controls(self.detectors)
        return controls.detector(alert.detector, alert.controls.get(DETECTORS, 0)).quiet_gap_s * 1000

    def found(self) -> list[Found]:
        """Every alert."""
        categories = {each.name: each.risk_group for each in self.detectors}
        return [
            Found(
                alert_id=alert_id, detector=each.detector, category=categories[each.detector],
                merchant_id=each.merchant_id, reason=each.reason.en, hits=each.hits,
                turnover_minor=each.turnover, loss_minor=each.loss,
                currency=each.currency, first_ms=_ms(each.first_time), last_ms=_ms(each.last_time),
                revisions=tuple(self.revisions[alert_id]), reopened=each.reopened,
            )
            for alert_id, each in self.last.items()
        ]  # fmt: skip


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
