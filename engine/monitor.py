"""The monitor of one partition: raw records in, alerts, scores and dead letters out. No Faust, no clock, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from detectors.registry import make_detectors
from domain.events import KIND_CLOCK, KIND_DEAD, Reason
from domain.feature_codes import ROW_CLOSING
from engine.checkpoint.checkpoints import Checkpoints
from engine.controls import Controls, detect
from engine.decoding.columns import MISSING, NUMBERS, STRINGS
from engine.decoding.decode import Decoded, Decoder, dead_letter
from engine.decoding.hashing import partition_of
from engine.decoding.records import Records
from engine.decoding.scan import DEAD as UNREADABLE
from engine.episodes import Batch, Episodes, Risen
from engine.features.compose import compose
from engine.features.event import HOUR_MS
from engine.features.families.registry import FAMILIES
from engine.features.partition import Full, MonitorConfig, PartitionState
from engine.features.state import (
    ACCEPTED,
    CAPACITY,
    CURRENCY,
    DUPLICATE,
    FEEDS,
    FUTURE,
    LATE,
    MAX_FEEDS,
    OTHER,
    WRONG_PARTITION,
    Into,
)
from engine.merchant_snapshot import Look, look, probe
from engine.outputs import Counts, Outputs
from engine.risk.analyst_decisions import answers_of
from engine.risk.ledger import Change, Closing, Effect, Rise, RiskLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from detectors.contract import Detector
    from domain.alerts import DeadLetter
    from domain.controls import Control
    from engine.checkpoint.checkpoints import Checkpoint
    from engine.checkpoint.pages import Page
    from engine.controls import Known
    from engine.decoding.columns import Columns

__all__ = ["Coverage", "Look", "Monitor", "MonitorConfig", "Totals"]

_TXN, _TIME = STRINGS.index("txn_id"), NUMBERS.index("event_time")
_RECEIVED, _FEED = NUMBERS.index("received_at"), STRINGS.index("feed")
_SPARE_ROWS = 4096
"""Rows of features that a batch has room for beyond one for each record; where there are more it goes in parts."""


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
        artefact: what it needs besides and the monitor was not given, "" where nothing is wanting.
    """

    detector: str
    needs: tuple[str, ...]
    transactions: int = 0
    present: dict[str, int] = field(default_factory=dict)
    artefact: str = ""

    @property
    def silent(self) -> bool:
        """Whether none of its fields ever came, or what it needs besides is wanting."""
        return bool(self.artefact) or not any(self.present.values())


class _Features(Mapping[str, Any]):
    """The first rows of columns by name, cut when they are asked for: most are not."""

    def __init__(self, columns: Mapping[str, NDArray[Any]], count: int) -> None:
        self._columns, self._count = columns, count

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name][: self._count]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class _Walk(NamedTuple):
    """Part of a batch after the kernel: rows of features, and what episodes need of them.

    It holds until the next part, which takes the same memory.
    """

    answers: Sequence[tuple[int, Change]]
    """Verdicts and overrides, each with how many rows of features came before."""
    features: Mapping[str, Any]
    clock_ms: NDArray[np.int64]
    batch: Batch


class Monitor:
    """One partition's monitor.

    Args:
        config: the acquirer's settings.
        partition: which partition, 0 to `partitions` - 1.
        partitions: how many there are; a record whose merchant belongs to another is a dead letter.
        detectors: the detectors to run, all with their defaults if None; so, and with the artefacts of `config`, until
            `learn` says otherwise.
        historic: whether a record without `received_at` was received when it happened, not when it was appended.
        checkpoints: whether checkpoints are taken; then what changes is noted, and `checkpoint` must be called now and
            again.
        families: what is kept of a merchant; all that there are, unless the detectors need no more.

    >>> from engine.decoding.records import Records
    >>> sale = b'{"txn_id":"1","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000}'
    >>> monitor = Monitor(MonitorConfig(capacity=10))
    >>> outputs = monitor.process(Records.of([sale, b"?"], appended_ms=1700000000000))
    >>> outputs.counts.transactions, outputs.dead_letters[0].reason
    (1, 'not-json')

    Attributes:
        counts: records by what became of them, since the partition's first.
        controls: versions of the controls in force, by time.
        feeds: by feed, the latest time that a clock record of it told.
    """

    def __init__(
        self, config: MonitorConfig, partition: int = 0, partitions: int = 1, *,
        detectors: Sequence[Detector] | None = None, historic: bool = False, checkpoints: bool = False,
        families: tuple[ModuleType, ...] = FAMILIES,
    ) -> None:  # fmt: skip
        self._composition = compose(families)
        self._state = PartitionState(config, self._composition, partition, partitions, journals=checkpoints)
        self._decoder = Decoder()
        self._into = self._composition.outputs(0)
        self._detectors = tuple(make_detectors() if detectors is None else detectors)
        self.controls = Controls(self._detectors, config.peers, config.profiles)
        self._episodes = Episodes(journals=checkpoints)
        groups = {each.name: each.risk_group for each in self._detectors}
        self._risk = RiskLedger(groups, self._state.rows.id_of, journals=checkpoints)
        self._checkpoints = Checkpoints(self._state, self._episodes, self._risk, self.controls) if checkpoints else None
        self._coverage = [Coverage(each.name, each.needs) for each in self._detectors]
        self._note_artefacts()
        self._late_s = config.late_s
        self._historic = historic
        self._foreign = config.foreign
        self.counts = Counts()
        self.feeds: dict[str, int] = {}

    def learn(self, known: Sequence[Known]) -> list[Control]:
        """Know these versions of controls, all there are; between batches, and before the first and a `restore`.

        Returns:
            Those that came too late and are counted as such: merchants' clocks had passed what they are in force from.
        """
        late = self.controls.learn(known)
        if late is None:
            return []
        self._state.set_artefacts(self.controls.artefacts())
        self._note_artefacts()
        self.counts.controls_late += len(late)
        return late

    def _note_artefacts(self) -> None:
        """Say of each detector whether it wants an artefact."""
        for each, detector in zip(self._coverage, self._detectors, strict=True):
            name: str = getattr(detector, "artefact", "")
            each.artefact = name if name and self.controls.newest(name) is None else ""

    def process(self, records: Records) -> Outputs:
        """Take the next records of the partition in, and return what follows from them."""
        outputs = Outputs()
        if len(records) == 0:
            return outputs
        decoded = self._decoder.decode(records)
        verdicts = np.empty(len(records), np.uint8)
        for part in self._walk(records, decoded, verdicts):
            self._detect(part, outputs)
        outputs.dead_letters = list(self._dead_letters(records, decoded, verdicts))
        self._count(outputs, decoded, verdicts)
        return outputs

    def _walk(self, records: Records, decoded: Decoded, verdicts: NDArray[np.uint8]) -> Iterator[_Walk]:
        """Walk the kernel over decoded records, in as many parts as their rows of features need."""
        n = len(records)
        kinds, places = self._stage(records, decoded)
        state = self._state
        state.make_room(n)
        cursor = np.zeros(2, np.int64)
        if n + _SPARE_ROWS > len(self._into[1].record_of):
            self._into = self._composition.outputs(n + _SPARE_ROWS)
        scratch, into, columns = self._into
        while (first := int(cursor[0])) < n:
            count = self._composition.run(
                decoded.data, decoded.columns, kinds, places, state.state(), state.references, state.layouts,
                state.known, state.roles, state.limits, scratch, into, verdicts, cursor,
            )  # fmt: skip
            features = _Features(columns, count)
            answers = list(answers_of(decoded.others, first, int(cursor[0]), verdicts, into))
            yield _Walk(answers, features, into.clock_ms[:count], self._batch(decoded, into, count, features))

    def _batch(self, decoded: Decoded, into: Into, count: int, features: Mapping[str, Any]) -> Batch:
        record_of, time_ms, clock_ms, controls = into.record_of, into.time_ms, into.clock_ms, self.controls
        return Batch(
            into.row_of[:count], time_ms[:count], into.watermark_ms[:count], into.currency[:count],
            lambda j: _text(decoded, _TXN, int(record_of[j])),
            self._state.rows.id_of,
            lambda names, j: {name: _value(features[name][j]) for name in names},
            lambda j: controls.at(int(clock_ms[j])),
            lambda detector, j: controls.detector_at(detector.name, int(clock_ms[j])),
        )  # fmt: skip

    def checkpoint(self) -> Checkpoint:
        """Begin a checkpoint: everything remembered, as it is after the records processed so far.

        Raises:
            RuntimeError: the monitor was made without `checkpoints`, or the checkpoint before is not done with.
        """
        if self._checkpoints is None:
            raise RuntimeError("a monitor must be made with checkpoints=True to be checkpointed")
        coverage = [(each.transactions, dict(each.present)) for each in self._coverage]
        return self._checkpoints.begin(asdict(self.counts), coverage, dict(self.feeds))

    def restore(self, notes: bytes, pages: Iterable[tuple[int, Page]]) -> None:
        """Go on as a checkpoint has it; before the first record is processed.

        Args:
            notes: the checkpoint's.
            pages: by number, in order: the checkpoint's fresh ones and those of earlier checkpoints that it did not
                drop.

        Raises:
            OtherState: the checkpoint was taken by a version or with settings that this monitor cannot go on from.
        """
        if self._checkpoints is None:
            raise RuntimeError("a monitor must be made with checkpoints=True to be restored")
        found = self._checkpoints.restore(notes, pages)
        self.counts = Counts(**found.counts)
        self.feeds = dict(found.feed_names)
        for each, (transactions, present) in zip(self._coverage, found.coverage, strict=True):
            each.transactions, each.present = transactions, dict(present)

    def look(self, merchant_id: str) -> Look | None:
        """Everything remembered of a merchant; None for one that is unknown.

        It shows the monitor a declined void of the merchant at its clock, so process nothing after it.
        """
        r = self._state.rows.find(merchant_id)
        if r < 0:
            return None
        seen = look(self._state, self._episodes, self._risk, r)
        if seen.clock_ms is None:
            return seen
        records = Records.of([probe(seen)], source="look")
        part = list(self._walk(records, self._decoder.decode(records), np.empty(1, np.uint8)))[-1]
        features = {name: _value(column[-1]) for name, column in part.features.items()}
        return replace(seen, columns=tuple((each, features[each.name]) for each in self._composition.columns))

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
        """What each record is, and where merchants' versions are held; receipt where a record has none.

        The feeds of a foreign topic become one, whose clock is the partition's.
        """
        kinds = decoded.columns.kind
        places = np.zeros(len(records), np.int32)
        for i in np.flatnonzero(kinds == KIND_CLOCK).tolist():
            self._note_feed(_text(decoded, _FEED, i), int(decoded.columns.number[_TIME, i]))
        for i, event in decoded.others:
            kind = event["type"]
            if kind in {"merchant", "contract"} and self._is_mine(event["merchant_id"]):
                hold = self._state.add_master_data if kind == "merchant" else self._state.add_contract
                try:
                    places[i] = hold(event)
                except ValueError as error:
                    kinds[i] = KIND_DEAD
                    decoded.columns.status[i] = UNREADABLE
                    full = isinstance(error, Full)
                    why = (Reason.CAPACITY, "merchant_id") if full else (Reason.OUT_OF_RANGE, "time_zone")
                    decoded.dead.append((i, dead_letter(records, i, *why, str(error))))
        if self._foreign:
            decoded.columns.hash[_FEED] = 0
        received = decoded.columns.number[_RECEIVED]
        receipt = decoded.columns.number[_TIME] if self._historic else records.appended_ms
        np.copyto(received, receipt, where=(received == MISSING) & (kinds != KIND_DEAD))
        return kinds, places

    def _note_feed(self, feed: str, clock_ms: int) -> None:
        if feed in self.feeds or len(self.feeds) < MAX_FEEDS:
            self.feeds[feed] = max(clock_ms, self.feeds.get(feed, clock_ms))

    def _is_mine(self, merchant_id: str) -> bool:
        """Whether the merchant belongs to this partition; the kernel refuses the others' records."""
        limits = self._state.limits
        return partition_of(merchant_id.encode(), limits.partitions) == limits.partition

    def _detect(self, walked: _Walk, outputs: Outputs) -> None:
        batch = walked.batch
        changes: list[tuple[int, int, Change]] = [(j, -1, change) for j, change in walked.answers]
        parts = self.controls.parts(walked.clock_ms, walked.features)
        for k, detector in enumerate(self._detectors):
            alerts, rises = self._episodes.take(detector, detect(parts, k), batch)
            outputs.alerts += alerts
            changes += ((each.j, k, _rise(each, detector.name, walked.features)) for each in rises)
        risen = {change.row for _, _, change in changes}
        changes += ((j, len(self._detectors), each) for j, each in self._closings(walked, risen))
        rows = self._state.rows.rows
        outputs.alerts += self._episodes.close_due(rows["watermark_ms"], rows["feed"], self._state.feed_clock_ms)
        self._score(changes, outputs)

    def _closings(self, walked: _Walk, risen: set[int]) -> Iterator[tuple[int, Closing]]:
        """The ends of days of merchants that have an account, or will by these changes, with their rows of features."""
        found = np.flatnonzero(walked.features["row_kind"] == ROW_CLOSING) if "row_kind" in walked.features else ()
        for j in found:
            row = int(walked.batch.row[j])
            if row in risen or self._risk.known(row):
                yield int(j), Closing(row, int(walked.batch.watermark_ms[j]))

    def _score(self, changes: list[tuple[int, int, Change]], outputs: Outputs) -> None:
        """Take changes of risk in: each with the row of features that it came with or before, and its rank there."""
        touched: dict[int, None] = {}
        for _, _, change in sorted(changes, key=lambda each: each[:2]):
            effect = self._risk.apply(change)
            if effect is Effect.PUBLISH:
                touched[change.row] = None
            outputs.counts.unmatched_verdicts += effect is Effect.UNMATCHED
        outputs.scores += [self._risk.score(row) for row in touched]

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

    def _count(self, outputs: Outputs, decoded: Decoded, verdicts: Any) -> None:
        counts = outputs.counts
        accepted = verdicts == ACCEPTED
        counts.records = len(verdicts)
        counts.transactions = int(np.count_nonzero(accepted))
        counts.duplicates = int(np.count_nonzero(verdicts == DUPLICATE))
        counts.other = int(np.count_nonzero(verdicts == OTHER))
        counts.dead_letters = len(outputs.dead_letters)
        self.counts.add(counts)
        present = _presence(decoded.columns, accepted)
        for each in self._coverage:
            each.transactions += counts.transactions
            for name in each.needs:
                each.present[name] = each.present.get(name, 0) + present(name)


def _presence(columns: Columns, accepted: NDArray[np.bool_]) -> Callable[[str], int]:
    """How many accepted records have a field, each counted once."""

    @cache
    def count(name: str) -> int:
        if name in NUMBERS:
            there = columns.number[NUMBERS.index(name)] != MISSING
        else:
            there = columns.hash[STRINGS.index(name)] != 0
        return int(np.count_nonzero(there & accepted))

    return count


def _rise(risen: Risen, detector: str, features: Mapping[str, Any]) -> Rise:
    """An episode's rise, with what its transaction tells of the merchant."""
    age_h = int(features["age_h"][risen.j]) if "age_h" in features else MISSING
    mcc = int(features["mcc_expected"][risen.j]) if "mcc_expected" in features else MISSING
    return Rise(
        risen.row, risen.at_ms, detector, risen.alert_id, risen.severity, risen.rise,
        0 if age_h == MISSING else risen.at_ms - age_h * HOUR_MS, "" if mcc == MISSING else f"{mcc:04d}",
    )  # fmt: skip


def _text(decoded: Decoded, slot: int, i: int) -> str:
    """A text of record `i`, "" where it has none or there is no record."""
    if i < 0 or decoded.columns.hash[slot, i] == 0:
        return ""
    start, length = int(decoded.columns.start[slot, i]), int(decoded.columns.length[slot, i])
    return decoded.data[start : start + length].tobytes().decode()


def _value(value: Any) -> int | float | None:
    """A feature as Python's number, None where it is null."""
    if isinstance(value, np.integer):
        return None if value == MISSING else int(value)
    return None if np.isnan(value) else float(value)
