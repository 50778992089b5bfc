"""A simulation: labelled traffic that depends on its settings alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from simulator import draw
from simulator.config import HOUR_MS, SimulationConfig
from simulator.ledger import LEDGER, fold
from simulator.merchants import (
    FEED,
    JUMP_KINDS,
    NEVER_MS,
    Merchants,
    build_merchants,
    change_records,
    opening_records,
)
from simulator.render import MAX_RECORD, Style, Words, fill_id, render, style, words
from simulator.rhythm import SEGMENT, Rhythms, local_days, plan_undisturbed
from simulator.truth import Control, Label, leakage_minor

from simulator.volume import Plan
from simulator.volume_truth import sums_of, volume_controls, volume_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class SimBatch:
    """A run of records in order of receipt.

    Attributes:
        data: the records, joined.
        ends: where each ends in `data`, int64, shape (records,).
        merchant_index: whose each is, int32.
        event_ms: when each happened, UTC milliseconds, int64.
        received_ms: when each was received, ascending, UTC milliseconds, int64.
        truth: what each is, uint16: `VIOLATION`, `DUPLICATE`, `MASTER` … of `simulator.draw`, or-ed.
        clock_at: where clock records belong: before the record of that number (len: behind the last), int64.
        clock_ms: the times they carry, int64.
    """

    data: bytes
    ends: NDArray[np.int64]
    merchant_index: NDArray[np.int32]
    event_ms: NDArray[np.int64]
    received_ms: NDArray[np.int64]
    truth: NDArray[np.uint16]
    clock_at: NDArray[np.int64]
    clock_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ends)

    def values(self) -> list[bytes]:
        """The records one by one."""
        starts = [0, *self.ends[:-1].tolist()]
        return [self.data[a:b] for a, b in zip(starts, self.ends.tolist(), strict=False)]


def clock_record(event_ms: int) -> bytes:
    """The record that tells a partition up to when this feed has forwarded everything.

    >>> clock_record(1_736_092_800_000)
    b'{"type":"clock","feed":"sim","event_time":1736092800000}'
    """
    return msgspec.json.encode({"type": "clock", "feed": FEED, "event_time": event_ms})


@dataclass(frozen=True, slots=True)
class _Hour:
    """What one hour of receipt holds: events, and their order."""

    events: NDArray[np.void]
    order: NDArray[np.int64]


class Simulation:
    """Labelled traffic. Any part can be drawn at any time, and comes out the same."""

    def __init__(self, config: SimulationConfig) -> None:
        self.config = config
        self.merchants: Merchants = build_merchants(config)
        self._trades = draw.trades()
        self._knobs = draw.knobs(config)
        table = self.merchants.table
        self._undisturbed = plan_undisturbed(table, *local_days(config)) if config.calendar else None
        self._plan = Plan(config, table, self._undisturbed)
        self._rhythms = Rhythms(config, table, self._undisturbed, self._plan.segments, self._plan.pulses())
        self._everyone = np.arange(config.merchants, dtype=np.int64)
        self._changes = change_records(self.merchants)

    def merchant_id(self, index: int) -> str:
        """The `merchant_id` of merchant `index`, 0 ≤ index < merchants."""
        return self.merchants.merchant_id(index)

    def master_records(self) -> list[bytes]:
        """The `merchant` events to append before everything else; record i is merchant i's. May be none."""
        return opening_records(self.merchants, self.config)

    @cached_property
    def clock_lag_ms(self) -> int:
        """How far clock records stay behind receipt, so that only late records come after them."""
        widest_s = self.config.disorder_s + self.config.clock_skew_s + 3
        return math.ceil(widest_s / 60) * MINUTE_MS

    def batches(
        self, max_records: int = 5000, *, from_ms: int | None = None, newline: bool = False
    ) -> Iterator[SimBatch]:
        """All records received from `from_ms` (default: the start) on, in order of receipt.

        Joined, the batches are the same however they are cut; none crosses an hour, and one without records
        may bring clock records alone. With `newline`, each record ends in one.
        """
        if max_records < 1:
            raise ValueError(f"max_records must be at least 1, got {max_records}")
        begin = self.config.start_ms if from_ms is None else max(from_ms, self.config.start_ms)
        how = style(self.config, newline=newline)
        master = words([record for _, _, record in self._changes])
        buffer = np.empty(max_records * MAX_RECORD, np.uint8)
        for hour in range(begin // HOUR_MS, math.ceil(self.config.end_ms / HOUR_MS)):
            yield from self._hour_batches(hour, begin, max_records, how, master, buffer)

    def _hour_batches(
        self, hour: int, begin: int, max_records: int, how: Style, master: Words, buffer: NDArray[np.uint8]
    ) -> Iterator[SimBatch]:
        drawn = self._draw(hour, self._everyone)
        received = drawn.events["received_ms"][drawn.order]
        order = drawn.order[np.searchsorted(received, begin) :]
        received = received[len(received) - len(order) :]
        first_minute = max(hour * HOUR_MS, begin) // MINUTE_MS + 1
        marks = np.arange(first_minute, (hour + 1) * HOUR_MS // MINUTE_MS + 1) * MINUTE_MS
        marks = marks[marks <= self.config.end_ms]
        places = np.searchsorted(received, marks)
        times = marks - self.clock_lag_ms
        if (hour + 1) * HOUR_MS >= self.config.end_ms:
            places, times = np.append(places, len(order)), np.append(times, self.config.end_ms)
        for first in range(0, max(len(order), 1), max_records):
            last = first + max_records >= len(order)
            part = order[first : first + max_records]
            due = (places >= first) & (last | (places < first + max_records))
            yield self._write(drawn.events, part, places[due] - first, times[due], how, master, buffer)

    def _write(
        self,
        events: NDArray[np.void],
        order: NDArray[np.int64],
        clock_at: NDArray[np.int64],
        clock_ms: NDArray[np.int64],
        how: Style,
        master: Words,
        buffer: NDArray[np.uint8],
    ) -> SimBatch:
        ends = np.empty(len(order), np.int64)
        table, numbers = self.merchants.table, self.merchants.numbers
        length = render(events, order, table, numbers, master, how, buffer, ends)
        return SimBatch(
            buffer[:length].tobytes(),
            ends,
            events["merchant"][order],
            events["event_ms"][order],
            events["received_ms"][order],
            events["flags"][order],
            clock_at,
            clock_ms,
        )

    def _draw(self, hour: int, chosen: NDArray[np.int64], rhythms: Rhythms | None = None) -> _Hour:
        """The records of the chosen merchants received in `hour` (since 1970), before the end of the run."""
        table = self.merchants.table
        rhythm = (rhythms or self._rhythms).at(hour)
        sales = draw.counts(table, chosen, self._trades, rhythm, hour)
        changes = [(number, *change[:2]) for number, change in enumerate(self._changes) if change[0] // HOUR_MS == hour]
        out = np.empty(int(sales.sum()) * draw.MAX_RECORDS_PER_SALE + len(changes), draw.EVENT)
        n = draw.draw(table, chosen, sales, self._trades, rhythm, self._knobs, hour, out)
        for number, received_ms, merchant in changes:
            out[n] = np.zeros((), draw.EVENT)
            out[n]["id"], out[n]["merchant"], out[n]["flags"] = number, merchant, draw.MASTER
            out[n]["received_ms"] = out[n]["event_ms"] = received_ms
            n += 1
        events = out[:n]
        order = np.argsort(events["received_ms"], kind="stable")
        end = np.searchsorted(events["received_ms"][order], self.config.end_ms)
        return _Hour(events, order[:end])

    def _hours(self, until_ms: int) -> range:
        return range(self.config.start_ms // HOUR_MS, math.ceil(until_ms / HOUR_MS))

    def ledger(self, until_ms: int | None = None) -> NDArray[np.void]:
        """Each merchant's sums over the records received before `until_ms` (default: all).

        Shape (merchants,), of `simulator.ledger.LEDGER`. Draws the run again without writing it.
        """
        until = self.config.end_ms if until_ms is None else min(until_ms, self.config.end_ms)
        ledger = np.zeros(self.config.merchants, LEDGER)
        for hour in self._hours(until):
            drawn = self._draw(hour, self._everyone)
            end = np.searchsorted(drawn.events["received_ms"][drawn.order], until)
            fold(drawn.events, drawn.order[:end], ledger)
        return ledger

    def labels(self) -> list[Label]:
        """The violations, by merchant; draws the jumping merchants' run again."""
        jumpers = np.flatnonzero(self.merchants.table["jump_kind"] > 0)
        sales = [self._sales(hour, jumpers) for hour in self._hours(self.config.end_ms)]
        events = np.concatenate(sales) if sales else np.empty(0, draw.EVENT)
        events = events[np.argsort(events["merchant"], kind="stable")]
        starts = np.searchsorted(events["merchant"], jumpers)
        stops = np.searchsorted(events["merchant"], jumpers, side="right")
        jumped = [self._label(int(i), events[a:b]) for i, a, b in zip(jumpers, starts, stops, strict=True)]
        return jumped + self._volume_labels()

    def _volume_labels(self) -> list[Label]:
        """What departs from the usual volume, and the sums of its time as they are and as they would have been."""
        departures = self._plan.departures
        if not departures:
            return []
        config, table = self.config, self.merchants.table
        none = np.zeros(0, SEGMENT)
        usual = Rhythms(config, table, self._undisturbed, none, self._plan.pulses(disturbed=False))
        chosen = np.unique([each.merchant for each in departures])
        first = min(each.onset_ms for each in departures) // HOUR_MS
        sums = []
        for rhythms in (self._rhythms, usual):
            hours = [self._sales(hour, chosen, rhythms) for hour in self._hours(config.end_ms) if hour >= first]
            columns = [events[["merchant", "event_ms", "amount"]] for events in hours]
            sums.append(sums_of(departures, np.concatenate(columns)))
        return volume_labels(self._plan, self.merchant_id, *sums)

    def _sales(self, hour: int, chosen: NDArray[np.int64], rhythms: Rhythms | None = None) -> NDArray[np.void]:
        """Approved purchases received in `hour`, each once."""
        drawn = self._draw(hour, chosen, rhythms)
        events = drawn.events[drawn.order]
        approved = (events["txn_type"] == draw.PURCHASE) & (events["response"] < draw.APPROVING)
        once = events["flags"] & (draw.DUPLICATE | draw.MASTER) == 0
        return np.asarray(events[approved & once])

    def _label(self, i: int, sales: NDArray[np.void]) -> Label:
        row = self.merchants.table[i]
        special = JUMP_KINDS[row["jump_kind"]] == "special_fee_type"
        within = (sales["event_ms"] >= row["jump_onset_ms"]) & (sales["event_ms"] < row["jump_end_ms"])
        hits = sales[sales["flags"] & draw.VIOLATION > 0]
        return Label(
            merchant_id=self.merchant_id(i),
            merchant_index=i,
            family="mcc",
            kind=JUMP_KINDS[row["jump_kind"]],
            onset_ms=int(row["jump_onset_ms"]),
            end_ms=int(row["jump_end_ms"]),
            effect=float(row["jump_share"]),
            effect_unit="share of sales",
            txn_ids=tuple(self._txn_id(identity) for identity in hits["id"]),
            transactions=len(hits),
            amount_minor=int(hits["amount"].sum()),
            money_minor=None if special else leakage_minor(hits, int(row["mcc0"]), int(row["jump_mcc"])),
            details={
                "registered": "00" if special else f"{row['mcc0']:04}",
                "presented": "03" if special else f"{row['jump_mcc']:04}",
                "approved": int(within.sum()),
            },
        )

    def _txn_id(self, identity: np.uint64) -> str:
        text = np.empty(13, np.uint8)
        fill_id(text, 0, identity, self._knobs["seed"][0])
        return bytes(text).decode()

    def controls(self) -> list[Control]:
        """What resembles a violation and is none, by kind and merchant; empty without master data."""
        return self._mcc_controls() + self._volume_controls()

    def _volume_controls(self) -> list[Control]:
        if self._undisturbed is None:
            return []
        return volume_controls(self._plan, self._undisturbed, self.merchant_id)

    def _mcc_controls(self) -> list[Control]:
        if not self.config.master_data:
            return []
        table, start = self.merchants.table, self.config.start_ms
        honest = table["jump_kind"] == 0
        out = []
        for i in np.flatnonzero(table["change_ms"] != NEVER_MS):
            effective, told = int(table["change_ms"][i]), int(table["change_received_ms"][i])
            kind = "mcc_change_told_late" if told > effective else "mcc_change"
            out.append(self._control(int(i), kind, effective, told))
        several, approved = honest & (table["mccs"] > 1), honest & (table["channel_mcc"] > 0)
        out += [self._control(int(i), "several_mccs", start, start) for i in np.flatnonzero(several)]
        out += [self._control(int(i), "approved_channel", start, start) for i in np.flatnonzero(approved)]
        return out

    def _control(self, i: int, kind: str, from_ms: int, told_ms: int) -> Control:
        return Control(
            merchant_id=self.merchant_id(i),
            merchant_index=i,
            family="mcc",
            kind=kind,
            from_ms=from_ms,
            until_ms=self.config.end_ms,
            told_ms=told_ms,
        )


def simulate(config: SimulationConfig) -> Simulation:
    """The simulation `config` describes."""
    return Simulation(config)
