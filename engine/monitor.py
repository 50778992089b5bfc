"""The monitor of one partition: raw records in, alerts, scores and dead letters out. No Faust, no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.registry import make_detectors
from domain.events import Reason
from engine.columns import MISSING, NUMBERS, STRINGS
from engine.compose import compose
from engine.decode import Decoded, Decoder, dead_letter
from engine.episodes import Batch, Episodes
from engine.outputs import Counts, Outputs
from engine.partition import MonitorConfig, PartitionState
from engine.risk import RiskLedger
from engine.scan import DEAD as UNREADABLE
from engine.state import (
    CAPACITY,
    CLOCK,
    CURRENCY,
    DEAD,
    DUPLICATE,
    EVENT,
    FEEDS,
    FUTURE,
    LATE,
    MAX_FEEDS,
    MERCHANT,
    OTHER,
    WRONG_PARTITION,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from detectors.contract import Detector
    from domain.alerts import DeadLetter
    from engine.records import Records

__all__ = ["Coverage", "Monitor", "MonitorConfig", "Totals"]

_TXN, _TIME, _CURRENCY = STRINGS.index("txn_id"), NUMBERS.index("event_time"), NUMBERS.index("currency")
_RECEIVED = NUMBERS.index("received_at")


@dataclass(frozen=True, slots=True)
class Totals:
    """A merchant's sums since its first transaction, in minor units; sales are net of what was reversed."""

    merchant_id: str
    attempts: int
    sales: int
    sales_minor: int
    refunds: int
    refunds_minor: int
    reversed: int
    reversed_minor: int


@dataclass(slots=True)
class Coverage:
    """How much of the stream a detector could judge.

    Attributes:
        detector: its name.
        needs: fields of which it needs at least one.
        transactions: accepted transactions.
        present: how many of them had each field.
    """

    detector: str
    needs: tuple[str, ...]
    transactions: int = 0
    present: dict[str, int] = field(default_factory=dict)

    @property
    def silent(self) -> bool:
        """Whether none of its fields ever came."""
        return not any(self.present.values())


class Monitor:
    """One partition's monitor.

    Args:
        config: the acquirer's settings.
        partition: which partition, 0 to `partitions` - 1.
        partitions: how many there are; a record whose merchant belongs to another is a dead letter.
        detectors: the detectors to run, all with their defaults if None.
        historic: whether a record without `received_at` was received when it happened, not when it was appended.

    >>> from engine.records import Records
    >>> sale = b'{"txn_id":"1","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000}'
    >>> monitor = Monitor(MonitorConfig(capacity=10))
    >>> outputs = monitor.process(Records.of([sale, b"?"], appended_ms=1700000000000))
    >>> outputs.counts.transactions, outputs.dead_letters[0].reason
    (1, 'not-json')
    """

    def __init__(
        self, config: MonitorConfig, partition: int = 0, partitions: int = 1, *,
        detectors: Sequence[Detector] | None = None, historic: bool = False,
    ) -> None:  # fmt: skip
        self._composition = compose()
        self._state = PartitionState(config, self._composition, partition, partitions)
        self._decoder = Decoder()
        self._detectors = tuple(make_detectors() if detectors is None else detectors)
        self._episodes = Episodes()
        self._risk = RiskLedger(each.name for each in self._detectors)
        self._coverage = [Coverage(each.name, each.needs) for each in self._detectors]
        self._late_s = config.late_s
        self._historic = historic
        self.counts = Counts()

    def process(self, records: Records) -> Outputs:
        """Take the next records of the partition in, and return what follows from them."""
        n = len(records)
        outputs = Outputs()
        if n == 0:
            return outputs
        decoded = self._decoder.decode(records)
        kinds, places = self._stage(records, decoded)
        arrays, features = self._composition.outputs(n)
        verdicts = np.empty(n, np.uint8)
        record_of, row_of, watermark_ms = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int64)
        state = self._state
        state.make_room(n)
        count = self._composition.run(
            decoded.data, decoded.columns, kinds, places, state.state(), state.sides, state.layouts, state.known,
            state.roles, state.limits, arrays, verdicts, record_of, row_of, watermark_ms,
        )  # fmt: skip
        record_of = record_of[:count]
        features = {name: column[:count] for name, column in features.items()}
        numbers = decoded.columns.number
        batch = Batch(
            row_of[:count], numbers[_TIME, record_of], watermark_ms[:count], numbers[_CURRENCY, record_of],
            lambda j: _text(decoded, _TXN, int(record_of[j])), state.rows.id_of,
            lambda names, j: {name: _value(features[name][j]) for name in names},
        )  # fmt: skip
        self._detect(features, batch, outputs)
        outputs.dead_letters = list(self._dead_letters(records, decoded, verdicts))
        self._count(outputs, decoded, record_of, verdicts)
        return outputs

    def totals(self) -> Iterator[Totals]:
        """Every merchant's sums, in the order they first came."""
        names = ("attempts", "sales", "sales_minor", "refunds", "refunds_minor", "reversed", "reversed_minor")
        for r in range(int(self._state.rows.count[0])):
            row = self._state.rows.rows[r]
            yield Totals(self._state.rows.id_of(r), *(int(row[name]) for name in names))

    def coverage(self) -> list[Coverage]:
        """How much of the stream each detector could judge so far."""
        return self._coverage

    def _stage(self, records: Records, decoded: Decoded) -> tuple[Any, Any]:
        """What each record is, and where merchants' versions are held; receipt where a record has none."""
        kinds = np.zeros(len(records), np.uint8)
        places = np.zeros(len(records), np.int32)
        kinds[decoded.columns.status == UNREADABLE] = DEAD
        for i, event in decoded.others:
            kind = event["type"]
            kinds[i] = {"clock": CLOCK, "merchant": MERCHANT}.get(kind, EVENT)
            if kind == "merchant":
                try:
                    places[i] = self._state.add_contract(event)
                except ValueError as error:
                    kinds[i] = DEAD
                    decoded.columns.status[i] = UNREADABLE
                    letter = dead_letter(records, i, Reason.OUT_OF_RANGE, "time_zone", str(error))
                    decoded.dead.append((i, letter))
        received = decoded.columns.number[_RECEIVED]
        receipt = decoded.columns.number[_TIME] if self._historic else records.appended_ms
        np.copyto(received, receipt, where=(received == MISSING) & (kinds != DEAD))
        return kinds, places

    def _detect(self, features: Mapping[str, Any], batch: Batch, outputs: Outputs) -> None:
        touched: dict[int, int] = {}
        for detector in self._detectors:
            findings = detector.detect(features)
            alerts, rises = self._episodes.take(detector, findings, batch)
            outputs.alerts += alerts
            for row, at_ms, rise in rises:
                self._risk.add(row, detector.name, at_ms, rise)
                touched[row] = max(at_ms, touched.get(row, at_ms))
        rows = self._state.rows.rows
        outputs.alerts += self._episodes.close_due(rows["watermark_ms"], rows["feed"], self._state.feed_clock_ms)
        outputs.scores = [self._risk.score(row, batch.merchant_id(row), at_ms) for row, at_ms in touched.items()]

    def _dead_letters(self, records: Records, decoded: Decoded, verdicts: Any) -> Iterator[DeadLetter]:
        """The batch's dead letters in the records' order."""
        letters = dict(decoded.dead)
        for i in np.flatnonzero(verdicts >= LATE).tolist():
            letters[i] = dead_letter(records, i, *self._why(decoded, i, int(verdicts[i])))
        return (letters[i] for i in sorted(letters))

    def _why(self, decoded: Decoded, i: int, verdict: int) -> tuple[str, str, str]:
        """Reason, field and words of what the kernel refused."""
        number = decoded.columns.number[:, i]
        if verdict == FUTURE:
            ahead_s = (int(number[_TIME]) - int(number[_RECEIVED])) // 1000
            return Reason.FUTURE, "event_time", f"event_time must be at most 600 s after received_at, got {ahead_s} s"
        if verdict == LATE:
            return Reason.LATE, "event_time", (
                f"event_time must be at most {self._late_s} s behind the merchant's latest transaction, it is further"
            )  # fmt: skip
        if verdict == CURRENCY:
            return (
                Reason.CURRENCY,
                "currency",
                "currency must be that of the merchant's first transaction, it is another",
            )
        if verdict == WRONG_PARTITION:
            limits = self._state.limits
            return Reason.WRONG_PARTITION, "merchant_id", (
                f"merchant_id must belong to partition {limits.partition} of {limits.partitions} by murmur2, "
                "it belongs to another: was it produced with another partitioner?"
            )  # fmt: skip
        if verdict == FEEDS:
            return Reason.CAPACITY, "feed", f"a partition must hear from at most {MAX_FEEDS} feeds, this is one more"
        assert verdict == CAPACITY
        return Reason.CAPACITY, "merchant_id", (
            f"a partition must hold at most {self._state.limits.capacity} merchants, this one would be one more"
        )  # fmt: skip

    def _count(self, outputs: Outputs, decoded: Decoded, record_of: Any, verdicts: Any) -> None:
        counts = outputs.counts
        counts.records = len(verdicts)
        counts.transactions = len(record_of)
        counts.duplicates = int(np.count_nonzero(verdicts == DUPLICATE))
        counts.other = int(np.count_nonzero(verdicts == OTHER))
        counts.dead_letters = len(outputs.dead_letters)
        self.counts.add(counts)
        for each in self._coverage:
            each.transactions += counts.transactions
            for name in each.needs:
                if name in NUMBERS:
                    seen = np.count_nonzero(decoded.columns.number[NUMBERS.index(name), record_of] != MISSING)
                else:
                    seen = np.count_nonzero(decoded.columns.hash[STRINGS.index(name), record_of])
                each.present[name] = each.present.get(name, 0) + int(seen)


def _text(decoded: Decoded, slot: int, i: int) -> str:
    start, length = int(decoded.columns.start[slot, i]), int(decoded.columns.length[slot, i])
    return decoded.data[start : start + length].tobytes().decode()


def _value(value: Any) -> int | float | None:
    """A feature as Python's number, None where it is null."""
    if isinstance(value, np.integer):
        return None if value == MISSING else int(value)
    return None if np.isnan(value) else float(value)
