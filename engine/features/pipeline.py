"""From the raw records of one partition to rows of features: the one way that everybody takes who needs features.

The monitor judges the rows; `replay` and `evaluate` run a monitor; `peers build` and `profiles build` read sales from
the rows; `state inspect` and `explain` read the features of one merchant.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.dispositions import FUTURE, VERSIONS
from domain.events import (
    FUTURE_MS,
    KIND_CLOCK,
    KIND_COMPLAINT,
    KIND_CONTRACT,
    KIND_DEAD,
    KIND_MASTER_DATA,
    KIND_TERMINAL,
    TERMINAL_STATUSES,
)
from engine.decoding.columns import MISSING, NUMBERS, STRINGS, empty_columns
from engine.decoding.decode import Decoded, Decoder, dead_letter
from engine.decoding.hashing import partition_of
from engine.decoding.records import Records
from engine.features.blocks import copy_of
from engine.features.compose import compose
from engine.features.families.complaints import ABOUT_FEES, ABOUT_OTHER
from engine.features.families.registry import FAMILIES
from engine.features.feature_rows import FeatureRows, Walked, value_of
from engine.features.identity import empty_identity, identify
from engine.features.partition import Full, PartitionState
from engine.features.scoring import Scoring
from engine.features.state import MAX_FEEDS
from engine.features.trade_scoring import TradeScoring
from engine.features.zones import is_zone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from numpy.typing import NDArray

    from domain.id_forms import IdForms
    from engine.features.families import Column
    from engine.features.partition import MonitorConfig

_TIME, _RECEIVED = NUMBERS.index("event_time"), NUMBERS.index("received_at")
_FEED = STRINGS.index("feed")
FEES = "fee"
"""What the reason of a complaint about fees begins with, in small letters or capitals."""
MOST_CLOCK_AHEAD_MS = 2 * FUTURE_MS
"""How far ahead of its append a clock record may lie."""
_SPARE_ROWS = 4096
"""Rows of features that a batch has room for beyond one for each record; where there are more it goes in parts."""


class FeaturePipeline:
    """Reads the records of one partition and makes rows of features.

    Args:
        config: the acquirer's settings.
        partition: which partition, 0 to `partitions` - 1.
        partitions: how many there are; a record whose merchant belongs to another is a dead letter.
        historic: whether a record without `received_at` was received when it happened, not when it was appended.
        journals: whether changes are noted for checkpoints, which must then be taken now and again.
        families: what is kept of a merchant; all that there are, unless whoever reads the rows needs no more.

    >>> from engine.decoding.records import Records
    >>> from engine.features.partition import MonitorConfig
    >>> sale = b'{"txn_id":"1","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000}'
    >>> pipeline = FeaturePipeline(MonitorConfig(capacity=10))
    >>> for rows in pipeline.rows(Records.of([sale, b"?"], appended_ms=1700000000000)):
    ...     print(rows.columns["sales_minor"].tolist(), rows.txn_id(0), [each.reason for each in rows.dead_letters()])
    [100] 1 ['not-json']

    Attributes:
        state: everything remembered of the partition's merchants.
        feeds: by feed, the latest time that a clock record of it carried, UTC milliseconds.
        columns: every feature column, in order.
        fields_dropped: of the last records, by name, how many an optional field was left out of because of its value.
        scoring_s: seconds that the anomaly model and the trade model took for the last records.
    """

    def __init__(
        self, config: MonitorConfig, partition: int = 0, partitions: int = 1, *, historic: bool = False,
        journals: bool = False, families: tuple[ModuleType, ...] = FAMILIES,
    ) -> None:  # fmt: skip
        self._composition = compose(families)
        self.state = PartitionState(config, self._composition, partition, partitions, journals=journals)
        self.feeds: dict[str, int] = {}
        self._decoder = Decoder()
        self.fields_dropped: Counter[str] = Counter()
        self.scoring_s = 0.0
        self._scoring = Scoring(self._composition.columns)
        self._trade_scoring = TradeScoring(self._composition.columns)
        self._into = self._composition.outputs(0)
        self._identity = empty_identity(0)
        self._historic, self._foreign = historic, config.foreign

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every feature column, in order."""
        return self._composition.columns

    def rows(self, records: Records) -> Iterator[FeatureRows]:
        """The rows of features that the partition's next records give, in as many parts as there is room for.

        The parts must all be taken, in order. Every record is in exactly one of them.
        """
        self.fields_dropped, self.scoring_s = Counter(), 0.0
        if len(records):
            decoded = self._decoder.decode(records)
            self.fields_dropped = decoded.dropped
            yield from self._walk(records, decoded, self._stage(records, decoded))

    @property
    def id_forms(self) -> IdForms:
        """Forms of identifiers that are no card numbers."""
        return self._decoder.id_forms

    def set_id_forms(self, forms: IdForms) -> None:
        """Take identifiers of these forms for no card numbers, from the next records on."""
        self._decoder.id_forms = forms

    def snapshot(self, merchant_row: int) -> dict[str, int | float | None]:
        """Every feature of a merchant at its clock, None where one is null. Nothing that is remembered changes.

        What belongs to a single transaction is null, or as a declined void of no amount would have it.
        """
        rows, features = self.state.rows, self._composition.nulls.copy()
        row = rows.rows[merchant_row : merchant_row + 1].copy()
        blocks = copy_of(rows.kinds, rows.blocks, row)
        self._composition.snapshot(row, blocks, self.state.state(), self.state.references, features)
        blind = self.state.blindness.hidden(merchant_row, int(row["clock_ms"][0]))
        for k in self.state.blindness.columns_of(blind).tolist():
            name = self.columns[k].name
            features[name] = self._composition.nulls[name]
        return {each.name: value_of(features[each.name], 0) for each in self.columns}

    def compile_kernel(self) -> None:
        """Compile the kernel, or load it from its cache, without the scanner. Nothing that is remembered changes."""
        decoded = Decoded(Records.of([]).data, empty_columns(0), [], [], Counter())
        self._identity = empty_identity(0)
        identify(decoded.data, decoded.columns, self.state.rows.secret, self._identity)
        self._run(decoded, np.zeros(0, np.int32), np.empty(0, np.uint8), np.zeros(2, np.int64))
        self.snapshot(0)
        self.state.rows.find("m")

    def registered_mccs(self) -> dict[int, tuple[str, ...]]:
        """By merchant's row, the MCCs of its newest master data; merchants without any are left out."""
        state = self.state
        versions = state.rows.rows["master_data"][: int(state.rows.count[0])]
        return {
            int(row): tuple(f"{mcc:04d}" for mcc in version["mccs"][: version["mcc_count"]].tolist())
            for row in np.flatnonzero(versions)
            if (version := state.master_data[versions[row]])["mcc_count"]
        }

    def _walk(self, records: Records, decoded: Decoded, places: NDArray[np.int32]) -> Iterator[FeatureRows]:
        """Run the kernel over decoded records."""
        n, state = len(records), self.state
        state.make_room(n)
        cursor = np.zeros(2, np.int64)
        if n + _SPARE_ROWS > len(self._into[1].record_of):
            self._into = self._composition.outputs(n + _SPARE_ROWS)
        _, into, columns = self._into
        self._identity = empty_identity(n)
        identify(decoded.data, decoded.columns, state.rows.secret, self._identity)
        walked = Walked(records, decoded, np.empty(n, np.uint8), into, columns, state)
        while (first := int(cursor[0])) < n:
            count = self._run(decoded, places, walked.dispositions, cursor)
            state.blindness.hide(into, count)
            began = time.perf_counter()
            self._scoring.score(into, count, state.models)
            self._trade_scoring.score(into, count, state.trade_models, state.references, state.master_data)
            self.scoring_s += time.perf_counter() - began
            end = int(cursor[0])
            for i, code, _ in decoded.dead:
                if first <= i < end:
                    walked.dispositions[i] = code
            yield FeatureRows(walked, count, first, end)

    def _run(
        self, decoded: Decoded, places: NDArray[np.int32], dispositions: NDArray[np.uint8], cursor: NDArray[np.int64]
    ) -> int:
        state, (scratch, into, _) = self.state, self._into
        return self._composition.run(
            decoded.data, decoded.columns, places, self._identity, state.state(), state.references, state.known,
            state.roles, state.limits, scratch, into, dispositions, cursor,
        )  # fmt: skip

    def _stage(self, records: Records, decoded: Decoded) -> NDArray[np.int32]:
        """Where merchants' versions are held, statuses of terminals, and what complaints are about, by record as the
        kernel takes them; writes the receipt of records that have none.

        The feeds of a foreign topic become one, whose clock is the partition's.
        """
        kinds = decoded.columns.kind
        places = np.zeros(len(records), np.int32)
        for i in np.flatnonzero(kinds == KIND_CLOCK).tolist():
            self._take_clock(records, decoded, i)
        for i, event in decoded.others:
            if kinds[i] in {KIND_MASTER_DATA, KIND_CONTRACT} and self._is_mine(event["merchant_id"]):
                places[i] = self._hold(records, decoded, i, event)
                if places[i] == 0:
                    kinds[i] = KIND_DEAD
            elif kinds[i] == KIND_TERMINAL and "terminal_status" in event:
                places[i] = TERMINAL_STATUSES.index(event["terminal_status"]) + 1
            elif kinds[i] == KIND_COMPLAINT:
                about_fees = event.get("reason_code", "").lower().startswith(FEES)
                places[i] = ABOUT_FEES if about_fees else ABOUT_OTHER
        if self._foreign:
            decoded.columns.hash[_FEED] = 0
        received = decoded.columns.number[_RECEIVED]
        receipt = decoded.columns.number[_TIME] if self._historic else records.appended_ms
        if not self._historic:  # whatever it says, it was received before it was appended
            appended = records.appended_ms
            np.minimum(received, appended + FUTURE_MS, out=received, where=(received != MISSING) & (appended > 0))
        np.copyto(received, receipt, where=(received == MISSING) & (kinds != KIND_DEAD))
        return places

    def _hold(self, records: Records, decoded: Decoded, i: int, event: dict[str, Any]) -> int:
        """Hold a version of master data or of a contract; its place, 0 where it is refused."""
        if event["type"] == "merchant" and "time_zone" in event and not is_zone(event["time_zone"]):
            del event["time_zone"]
            decoded.dropped["time_zone"] += 1
        hold = self.state.add_master_data if event["type"] == "merchant" else self.state.add_contract
        try:
            return hold(event)
        except Full as full:
            letter = dead_letter(records, i, VERSIONS.reason, VERSIONS.field, str(full))
            decoded.dead.append((i, VERSIONS.code, letter))
            return 0

    def _take_clock(self, records: Records, decoded: Decoded, i: int) -> None:
        """Note a clock record, or refuse one that lies further ahead than any transaction: it would end what is open.

        A transaction may lie `FUTURE_MS` ahead of its receipt, and that as much ahead of its append.
        """
        clock_ms, appended_ms = int(decoded.columns.number[_TIME, i]), int(records.appended_ms[i])
        ahead_ms = clock_ms - appended_ms
        if self._historic or appended_ms <= 0 or ahead_ms <= MOST_CLOCK_AHEAD_MS:
            self._note_feed(decoded.text("feed", i), clock_ms)
            return
        why = f"event_time must be at most {MOST_CLOCK_AHEAD_MS // 1000} s after the append, got {ahead_ms // 1000} s"
        decoded.dead.append((i, FUTURE.code, dead_letter(records, i, FUTURE.reason, FUTURE.field, why)))
        decoded.columns.kind[i] = KIND_DEAD

    def _note_feed(self, feed: str, clock_ms: int) -> None:
        if feed in self.feeds or len(self.feeds) < MAX_FEEDS:
            self.feeds[feed] = max(clock_ms, self.feeds.get(feed, clock_ms))

    def _is_mine(self, merchant_id: str) -> bool:
        """Whether the merchant belongs to this partition; the kernel refuses the others' records."""
        limits = self.state.limits
        return partition_of(merchant_id.encode(), limits.partitions) == limits.partition
