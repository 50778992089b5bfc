"""A simulation: labelled traffic that depends on its settings alone."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from domain.timestamps import HOUR_MS, MINUTE_MS
from simulator import draw
from simulator.fees import fee_look_alikes, plan_falls
from simulator.figures import worlds_of
from simulator.habits import HabitPlan
from simulator.lawful import plan_undisturbed
from simulator.ledger import LEDGER, fold
from simulator.manners import NO_MANNERS
from simulator.mccs import mcc_look_alikes
from simulator.merchants import Merchants, build_merchants, change_records, opening_records
from simulator.oddities import LEAST_SALES_A_DAY, odd_violation
from simulator.people import people_records
from simulator.render import MAX_RECORD, Style, Words, fill_id, render, style, words
from simulator.reports import ReportPlan
from simulator.rhythm import SEGMENT, Rhythms, local_days
from simulator.service import service_cases, service_look_alikes
from simulator.stories import cast
from simulator.table import FEED
from simulator.truth import LookAlike, Violation
from simulator.violations import fee_violation, mcc_violation
from simulator.visits import visit_records
from simulator.volume import VolumePlan
from simulator.volume_truth import sums_of, volume_look_alikes, volume_violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from simulator.config import SimulationConfig
    from simulator.people import Keyed
    from simulator.rhythm import Rhythm
    from simulator.table import PlannedLookAlike


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
        worlds = worlds_of(config, table)
        undisturbed = plan_undisturbed(table, worlds, *local_days(config)) if config.calendar else None
        self._undisturbed = undisturbed.steadied(cast(config)) if undisturbed else None
        self._plan = VolumePlan(config, table, self._undisturbed)
        busy = np.zeros(len(table), np.bool_)
        busy[[each.merchant for each in self._plan.departures]] = True
        busy[cast(config)] = True
        plan_falls(table, busy, config)
        self._habits = HabitPlan(config, table, self._odd_able(busy)) if config.has_habits else None
        self._manners = self._habits.manners if self._habits else NO_MANNERS
        segments, pulses = self._plan.segments, self._plan.pulses()
        self._rhythms = Rhythms(config, table, self._undisturbed, segments, pulses, self._manners)
        self._everyone = np.arange(config.merchants, dtype=np.int64)
        self._changes = change_records(self.merchants, config)
        self._reports = ReportPlan(config, table) if config.reports else None
        self._leaked = np.empty(0, draw.EVENT)
        if self._reports:
            self._report(self._reports)

    def _odd_able(self, busy: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Who may do what no rule describes: honest otherwise, and there all the time."""
        table = self.merchants.table
        honest = (table["jump_kind"] == 0) & (table["fee_kind"] == 0) & (table["ill_kind"] == 0)
        still = self._undisturbed.steady() if self._undisturbed else np.ones(len(table), np.bool_)
        return np.asarray(honest & still & ~busy & (table["rate"] >= LEAST_SALES_A_DAY))

    def _report(self, plan: ReportPlan) -> None:
        """Draw the run, and add what will be reported of it to the records that come between the transactions."""
        told = []
        for hour in self._hours(self.config.end_ms):
            sales = self._sales(hour, self._everyone)
            told.append(sales[plan.told(sales)])
        sales = np.concatenate(told)
        self._leaked = sales[plan.leaking(sales)]
        reports = plan.records(sales, self._txn_ids(sales["id"]), self.merchant_id)
        self._changes = sorted([*self._changes, *reports])

    def merchant_id(self, index: int) -> str:
        """The `merchant_id` of merchant `index`, 0 ≤ index < merchants."""
        return self.merchants.merchant_id(index)

    def master_records(self) -> list[bytes]:
        """The `merchant` and `contract` events to append before everything else; may be none.

        Record i is merchant i % merchants': all master data come first, then all contracts.
        """
        return opening_records(self.merchants, self.config)

    def people_records(self) -> list[Keyed]:
        """The `person`, `assignment`, `terminal` and `visit` events to append first; none without `people`."""
        if not (territories := self.merchants.territories):
            return []
        ids = [self.merchant_id(i) for i in range(self.config.merchants)]
        found = people_records(territories, ids, self.merchants.table, self.config)
        if self.config.visits_until_ms:
            found += visit_records(territories, ids, self.merchants.table["city"], self.config)
        return found

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
        settled = self._settled(hour, chosen, rhythm)
        due = range(*(bisect_left(self._changes, (each * HOUR_MS,)) for each in (hour, hour + 1)))
        changes = [(number, *self._changes[number][:2]) for number in due]
        out = np.empty(int(sales.sum()) * draw.MAX_RECORDS_PER_SALE + len(changes), draw.EVENT)
        n = draw.draw(table, self.merchants.prices, chosen, sales, self._trades, rhythm, self._knobs, hour, out)
        for number, received_ms, merchant in changes:
            out[n] = np.zeros((), draw.EVENT)
            out[n]["id"], out[n]["merchant"], out[n]["flags"] = number, merchant, draw.MASTER
            out[n]["received_ms"] = out[n]["event_ms"] = received_ms
            n += 1
        events = np.concatenate([out[:n], *settled]) if settled else out[:n]
        order = np.argsort(events["received_ms"], kind="stable")
        end = np.searchsorted(events["received_ms"][order], self.config.end_ms)
        return _Hour(events, order[:end])

    def _settled(self, hour: int, chosen: NDArray[np.int64], rhythm: Rhythm) -> list[NDArray[np.void]]:
        """Settlements of the chosen merchants received in `hour`."""
        if self.config.fees != "settlement":
            return []
        table, prices = self.merchants.table, self.merchants.prices
        mine = chosen[draw.settling(table, chosen, hour)]
        first = max(hour - 24 - draw.SETTLED_AT - draw.SETTLED_WITHIN, self.config.start_ms // HOUR_MS)
        out = []
        for sold in range(first, hour if len(mine) else first):
            sales = draw.counts(table, mine, self._trades, rhythm, sold)
            events = np.empty(int(sales.sum()), draw.EVENT)
            n = draw.settle(table, prices, mine, sales, self._trades, rhythm, self._knobs, hour, sold, events)
            out.append(events[:n])
        return out

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

    def violations(self) -> list[Violation]:
        """The violations, by category and merchant; draws the run of those that deviate again."""
        table = self.merchants.table
        chosen = np.flatnonzero((table["jump_kind"] > 0) | (table["fee_kind"] > 0))
        parts = [self._sales(hour, chosen) for hour in self._hours(self.config.end_ms)]
        if self.config.fees == "settlement":
            parts += [self._sales(hour, chosen, flag=draw.SETTLEMENT) for hour in self._hours(self.config.end_ms)]
        events = np.concatenate(parts) if parts else np.empty(0, draw.EVENT)
        events = events[np.argsort(events["merchant"], kind="stable")]
        starts = np.searchsorted(events["merchant"], chosen)
        stops = np.searchsorted(events["merchant"], chosen, side="right")
        out = []
        for i, start, stop in zip(chosen.tolist(), starts, stops, strict=True):
            made = mcc_violation if table["jump_kind"][i] else fee_violation
            out.append(made(self.merchants, i, events[start:stop], self._txn_ids))
        found = sorted(out, key=lambda each: each.category, reverse=True) + self._volume_violations()
        return found + self._card_violations() + self._service() + self._odd_violations()

    def _odd_violations(self) -> list[Violation]:
        """What no rule describes, from the purchases and refunds that are marked as odd."""
        if self._habits is None or not self._habits.oddities:
            return []
        chosen = np.array([each.merchant for each in self._habits.oddities])
        first = min(each.onset_ms for each in self._habits.oddities) // HOUR_MS
        parts = []
        for hour in range(first, self._hours(self.config.end_ms).stop):
            drawn = self._draw(hour, chosen)
            events = drawn.events[drawn.order]
            once = events["flags"] & (draw.ODD | draw.DUPLICATE) == draw.ODD
            told = np.isin(events["txn_type"], (draw.PURCHASE, draw.REFUND)) & (events["response"] < draw.APPROVING)
            parts.append(events[once & told])
        events = np.concatenate(parts)
        return [
            odd_violation(each, self.merchants, events[events["merchant"] == each.merchant], self._txn_ids)
            for each in self._habits.oddities
        ]

    def _card_violations(self) -> list[Violation]:
        if self._reports is None:
            return []
        return self._reports.violations(self._leaked, self._txn_ids, self.merchant_id)

    def rhythm(self, *, disturbed: bool = True) -> Rhythms:
        """The factors of the run, or what they were without departures of volume."""
        if disturbed:
            return self._rhythms
        pulses = self._plan.pulses(disturbed=False)
        none = np.zeros(0, SEGMENT)
        return Rhythms(self.config, self.merchants.table, self._undisturbed, none, pulses, self._manners)

    def _service(self) -> list[Violation]:
        return service_cases(self.merchants.table, self.merchant_id, self.config)

    def _volume_violations(self) -> list[Violation]:
        """What departs from the usual volume, and the sums of its time as they are and as they would have been."""
        departures = self._plan.departures
        if not departures:
            return []
        chosen = np.unique([each.merchant for each in departures])
        first = min(each.onset_ms for each in departures) // HOUR_MS
        sums = []
        for rhythms in (self._rhythms, self.rhythm(disturbed=False)):
            hours = [self._sales(hour, chosen, rhythms) for hour in self._hours(self.config.end_ms) if hour >= first]
            columns = [events[["merchant", "event_ms", "amount"]] for events in hours]
            sums.append(sums_of(departures, np.concatenate(columns)))
        return volume_violations(self._plan, self.merchant_id, *sums)

    def _sales(
        self, hour: int, chosen: NDArray[np.int64], rhythms: Rhythms | None = None, *, flag: int = 0
    ) -> NDArray[np.void]:
        """Approved purchases received in `hour`, each once; settlements with that `flag`."""
        drawn = self._draw(hour, chosen, rhythms)
        events, order = drawn.events, drawn.order
        approved = (events["txn_type"] == draw.PURCHASE) & (events["response"] < draw.APPROVING)
        once = events["flags"] & (draw.DUPLICATE | draw.MASTER | draw.SETTLEMENT) == flag
        return np.asarray(events[order[(approved & once)[order]]])

    def _txn_ids(self, identities: NDArray[np.uint64]) -> tuple[str, ...]:
        text, out = np.empty(13, np.uint8), []
        for identity in identities:
            fill_id(text, 0, identity, self._knobs["seed"][0])
            out.append(bytes(text).decode())
        return tuple(out)

    def look_alikes(self) -> list[LookAlike]:
        """What resembles a violation and is none, by category, kind and merchant."""
        table = self.merchants.table
        out = [self._look_alike("mcc", each) for each in mcc_look_alikes(table, self.config)]
        out += [self._look_alike("fee", each) for each in fee_look_alikes(table, self.merchants.prices, self.config)]
        out += [self._look_alike("service", each) for each in service_look_alikes(table)]
        out += self._volume_look_alikes() + (self._habits.look_alikes(self.merchant_id) if self._habits else [])
        return out + (self._reports.look_alikes(self.merchant_id) if self._reports else [])

    def _volume_look_alikes(self) -> list[LookAlike]:
        if self._undisturbed is None:
            return []
        return volume_look_alikes(self._plan, self._undisturbed, self.merchant_id)

    def _look_alike(self, category: str, lawful: PlannedLookAlike) -> LookAlike:
        return LookAlike(
            merchant_id=self.merchant_id(lawful.merchant),
            merchant_index=lawful.merchant,
            category=category,
            kind=lawful.kind,
            from_ms=lawful.from_ms,
            until_ms=self.config.end_ms,
            told_ms=lawful.told_ms,
        )


def simulate(config: SimulationConfig) -> Simulation:
    """The simulation `config` describes."""
    return Simulation(config)
