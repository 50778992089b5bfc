"""One partition's state in Python's hands: it makes room before a batch and hands the kernel its arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from domain import events
from domain.contracts import NO_CAP
from domain.dispositions import VERSIONS
from domain.errors import RecordError
from domain.mcc import known_mccs
from domain.timestamps import DAY_MS
from domain.trade_words import likely_trade
from engine.control_kinds.registry import INSTALLED, KINDS, version_0
from engine.decoding.columns import MISSING, pack
from engine.decoding.hashing import hash_of
from engine.features.blindness import Blind, Blindness
from engine.features.event import CONTRACT, MASTER_DATA, MAX_MCCS, PRICE_LINE, REFERENCE
from engine.features.rows import MOVED, Rows
from engine.features.scoring import Models
from engine.features.sets import AgedSet
from engine.features.state import MAX_FEEDS, PENDING, Limits, State
from engine.features.zones import Zones, changes, zone_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from engine.features.compose import Composition
    from models.anomaly.model import Model
    from models.trade.model import TradeModel

    InForce = tuple[int, tuple[Any, ...]]
    """What the kinds of `INSTALLED` say, and the row's clock from which on that is in force, UTC milliseconds."""

_MODEL, _TRADE = INSTALLED.index("model"), INSTALLED.index("trade")
EARLIER_TURN_S = {"duplicates": 3_600, "undone": 7 * 86_400}
"""Turns of a merchant's clock in which repeats and reversals were remembered before identities were keyed: of a turn
it was known until the end of the next."""
REVERSAL_MS = DAY_MS
FORGET_MS = 400 * DAY_MS
LEAST_PENDING = 65_536
"""Reversals that may wait at once in a partition, or as many as `capacity` where that is more."""
VERSIONS_A_MERCHANT = 8
"""Versions of master data a partition holds, and as many of contracts, times `capacity`."""
LINES_A_MERCHANT = 32
"""Prices of contracts a partition holds, times `capacity`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorConfig:
    """What a monitor is told of its acquirer. Validated.

    Attributes:
        capacity: most merchants of a partition; the transactions of more are dead letters (`capacity`).
        time_zone: IANA zone of merchants whose master data names none.
        controls: version 0 of controls, by kind; what is not named says what the product has.
        foreign: whether the events are an acquirer's own topic, to which nobody adds clock records. Then the clock that
            fires deadlines is the partition's greatest accepted event time, 30 minutes behind, in whole minutes, and
            one for all of its feeds.
    """

    capacity: int = 1_000_000
    time_zone: str = "Asia/Shanghai"
    controls: Mapping[str, Any] = field(default_factory=dict)
    foreign: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.capacity <= 2**31 - 1:
            raise ValueError(f"capacity must be 1 to {2**31 - 1}, got {self.capacity}")
        changes(self.time_zone)


class Full(RecordError):
    """There is no room for one more."""


class PartitionState:
    """Rows and side tables of one partition.

    Attributes:
        families: the families in force.
        moved: by field of rows, where earlier versions of the families stored it.
        blindness: which columns are null where a family started anew.
        starts: the families that did, in the order they did, and on how many merchants each.
        start_ms: these merchants' clocks at that moment, one start after the other, UTC milliseconds; `MISSING` of a
            merchant that had no transaction by then.
        models: the anomaly models by time.
        trade_models: the trade models by time.
    """

    def __init__(
        self, config: MonitorConfig, composition: Composition, partition: int, partitions: int, *, journals: bool
    ) -> None:
        if not 0 <= partition < partitions:
            raise ValueError(f"partition must be 0 to {partitions - 1}, got {partition}")
        self.rows = Rows(composition.dtype, config.capacity, composition.blocks)
        self.duplicates = AgedSet(journals=journals)
        self.undone = AgedSet(journals=journals)
        self.pending = np.zeros(1024, PENDING)
        self.pending_free = np.zeros(2, np.int64)
        self.master_data = np.zeros(1024, MASTER_DATA)
        self.master_data["zone"][0] = -1
        self.master_data_next = np.zeros(1024, np.int32)
        self.master_data_count = 1
        self.contracts = np.zeros(1024, CONTRACT)
        self.contract_next = np.zeros(1024, np.int32)
        self.contract_count = 1
        self.price_lines = np.zeros(1024, PRICE_LINE)
        self.line_count = 0
        self.zone_names = [config.time_zone]
        self._zones: Zones = zone_table(self.zone_names)
        self.feed_hash = np.zeros(MAX_FEEDS, np.uint64)
        self.feed_clock_ms = np.full(MAX_FEEDS, -1, np.int64)
        self.feed_count = np.zeros(1, np.int64)
        self.limits = Limits(
            events.FUTURE_MS, FORGET_MS, REVERSAL_MS, 0,
            config.capacity, max(LEAST_PENDING, config.capacity), partition, partitions, composition.keep_bytes,
            config.foreign,
        )  # fmt: skip
        self.families = composition.families
        self.moved = MOVED | {
            name: each for family in self.families for name, each in getattr(family, "MOVED", {}).items()
        }
        self.blindness = Blindness(composition.families, composition.columns)
        self.starts: list[tuple[str, int]] = []
        self.start_ms = np.zeros(1024, np.int64)
        self.set_in_force(((0, tuple(version_0(config.controls).values())),))
        self.known = _known_mccs()
        self.roles = np.array([events.ROLES[name] for name in events.TXN_TYPES], np.int64)

    def set_in_force(self, in_force: tuple[InForce, ...]) -> None:
        """Set what is in force by the rows' clocks, ascending; the first is in force from the beginning."""
        self.references = _references(in_force)
        since_ms = np.array([ms for ms, _ in in_force], np.int64)
        self.models: Models[Model] = Models(since_ms, [values[_MODEL] for _, values in in_force])
        self.trade_models: Models[TradeModel] = Models(since_ms, [values[_TRADE] for _, values in in_force])

    def reference_at(self, clock_ms: int) -> Any:
        """The record of `REFERENCE` that is in force at a row's clock."""
        return self.references[max(0, int(np.searchsorted(self.references["since_ms"], clock_ms, "right")) - 1)]

    @property
    def start_count(self) -> int:
        """Entries of `start_ms` in use."""
        return sum(merchants for _, merchants in self.starts)

    def start_anew(self, families: list[str]) -> list[Blind]:
        """Note that these families start anew on every merchant there is, and be blind where any family did.

        For when all rows are restored: the families' fields of them are zero.

        Returns:
            The families that are blind to merchants, these and those that started earlier.
        """
        clock_ms = self.clock_ms()
        for family in families:
            at = self.start_count
            if at + len(clock_ms) > len(self.start_ms):
                self.start_ms = grown(self.start_ms, at + len(clock_ms))
            self.start_ms[at : at + len(clock_ms)] = clock_ms
            self.starts.append((family, len(clock_ms)))
        self.blindness.go_on(self.starts, self.start_ms, clock_ms)
        return self.blindness.told(clock_ms)

    def clock_ms(self) -> NDArray[np.int64]:
        """(merchants,) the merchants' clocks, UTC milliseconds; `MISSING` of one that had no transaction."""
        rows = self.rows.rows[: int(self.rows.count[0])]
        return np.where(rows["started"] != 0, rows["clock_ms"], MISSING)

    def know_earlier(self, until_s: int) -> None:
        """Have what was remembered before identities were keyed looked up until a second of the merchants' clocks."""
        self.limits = self.limits._replace(earlier_until_s=max(until_s, self.limits.earlier_until_s))

    def make_room(self, more: int) -> None:
        """Make room for a batch of `more` records, so that no table grows while the kernel runs."""
        self.rows.make_room(more)
        self.duplicates.make_room(2 * more, self.rows.rows)
        self.undone.make_room(2 * more, self.rows.rows)
        used = int(self.pending_free[1])
        if used + more > len(self.pending):
            self.pending = grown(self.pending, used + more)

    def state(self) -> State:
        """The arrays the kernel reads and writes."""
        rows = self.rows
        return State(
            rows.rows, rows.row_bytes, rows.blocks, rows.deadlines, rows.soonest, rows.count, rows.index,
            self.duplicates.table, self.undone.table, self.pending, self.pending_free, self.master_data,
            self.master_data_next, self.contracts, self.contract_next, self.price_lines, self._zones, self.rows.secret,
            self.feed_hash, self.feed_clock_ms, self.feed_count, rows.dirty,
        )  # fmt: skip

    def add_master_data(self, event: dict[str, Any]) -> int:
        """Hold a version of a merchant's master data; its place, for the kernel to enter.

        Raises:
            Full: the partition holds as many versions as it may.
        """
        most = VERSIONS_A_MERCHANT * self.limits.capacity
        if self.master_data_count > most:
            raise Full(VERSIONS.words(most=most, what="versions of master data", got=f"{self.master_data_count}"))
        zone = -1
        if "time_zone" in event:
            zone = self._zone(event["time_zone"])
        if self.master_data_count >= len(self.master_data):
            self.master_data = grown(self.master_data, self.master_data_count + 1)
        if self.master_data_count >= len(self.master_data_next):
            self.master_data_next = grown(self.master_data_next, self.master_data_count + 1)
        entry = self.master_data[self.master_data_count]
        entry["effective_ms"] = event["effective_from"]
        entry["zone"] = zone
        entry["name_mcc"] = int(likely_trade(event.get("name") or event.get("short_name", "")) or 0)
        entry["currency"] = pack(event["currency"]) if "currency" in event else 0
        entry["licence_ms"] = event.get("licence_expires_at", 0)
        for name, count, values in (
            ("mccs", "mcc_count", _mccs(event, "mccs")),
            ("channel_mccs", "channel_count", _mccs(event, "approved_channel_mccs")),
            ("fee_types", "fee_type_count", event.get("special_fee_types", ())),
        ):
            entry[count] = len(values)
            entry[name][: len(values)] = [int(each) for each in values[:MAX_MCCS]]
        self.master_data_count += 1
        return self.master_data_count - 1

    def add_contract(self, event: dict[str, Any]) -> int:
        """Hold a version of what a merchant pays; its place, for the kernel to enter.

        Raises:
            Full: the partition holds as many versions, or prices, as it may.
        """
        prices = event["prices"]
        for name, held, more, most in (
            ("versions of contracts", self.contract_count - 1, 1, VERSIONS_A_MERCHANT * self.limits.capacity),
            ("prices of contracts", self.line_count, len(prices), LINES_A_MERCHANT * self.limits.capacity),
        ):
            if held + more > most:
                raise Full(VERSIONS.words(most=most, what=name, got=held + more))
        for name, need in (("contracts", self.contract_count + 1), ("contract_next", self.contract_count + 1),
                           ("price_lines", self.line_count + len(prices))):  # fmt: skip
            if need > len(getattr(self, name)):
                setattr(self, name, grown(getattr(self, name), need))
        version = self.contracts[self.contract_count]
        version["effective_ms"], version["notice_ms"] = event["effective_from"], event.get("notice_from", MISSING)
        version["line"], version["lines"] = self.line_count, len(prices)
        version["months"] = any("month_from" in price for price in prices)
        for price in prices:
            self.price_lines[self.line_count] = _line(price)
            self.line_count += 1
        self.contract_count += 1
        return self.contract_count - 1

    def _zone(self, name: str) -> int:
        if name not in self.zone_names:
            changes(name)
            self.set_zones([*self.zone_names, name])
        return self.zone_names.index(name)

    def set_zones(self, names: list[str]) -> None:
        """Number the time zones in this order."""
        self.zone_names = names
        self._zones = zone_table(names)


def _mccs(event: dict[str, Any], name: str) -> list[str]:
    """MCCs of an event; 0000 and 9999 stand for none."""
    return [each for each in event.get(name, ()) if each not in {"0000", "9999"}]


def _line(price: dict[str, Any]) -> tuple[int, ...]:
    """A price as `PRICE_LINE` holds it."""
    keys = ("scheme", "card_kind", "channel", "settlement_mode", "fee_class")
    scheme, kind, fee_class = price.get("scheme"), price.get("card_kind"), price.get("fee_class")
    known = events.SCHEMES.index(scheme) if scheme in events.SCHEMES else len(events.SCHEMES) - 1
    return (
        hash_of(price["settlement_mode"]) if "settlement_mode" in price else 0,
        hash_of(price["channel"]) if "channel" in price else 0,
        price.get("amount_from", 0), price.get("month_from", 0),
        price.get("cap", NO_CAP), price.get("minimum", 0), price.get("fixed", 0),
        price["rate_ppm"], known if scheme else -1, events.CARD_KINDS.index(kind) if kind else -1,
        sum(key in price for key in keys), events.FEE_CLASSES.index(fee_class) + 1 if fee_class else 0,
    )  # fmt: skip


@lru_cache(maxsize=4)
def _references(in_force: tuple[InForce, ...]) -> NDArray[np.void]:
    """The tables that kernel and families read, a record for each of `in_force`. The partitions of a process share
    them.
    """
    references = np.zeros(len(in_force), REFERENCE)
    for k, (since_ms, values) in enumerate(in_force):
        references["since_ms"][k] = since_ms
        by_kind = dict(zip(INSTALLED, values, strict=True))
        for name in INSTALLED:
            install = KINDS[name].install
            assert install is not None, name
            install(references[k : k + 1], by_kind)
    return references


@cache
def _known_mccs() -> NDArray[np.bool_]:
    """(10000,): whether an MCC exists."""
    known = np.zeros(10_000, np.bool_)
    known[[int(code) for code in known_mccs()]] = True
    return known


def grown(array: NDArray[Any], need: int) -> NDArray[Any]:
    """The same entries in an array at least twice as long."""
    larger = np.zeros(max(2 * len(array), need), array.dtype)
    larger[: len(array)] = array
    return larger
