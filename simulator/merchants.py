"""The merchants of a simulation: who they are, who will jump and whose MCC changes lawfully."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from simulator.config import DAY_MS, HOUR_MS
from simulator.trades import ACQUIRERS, CHEAPER, CITIES, FEE_CLASS_OF, TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.config import SimulationConfig

FEED = "sim"
NEVER_MS = 2**62
LAYOUT = {"acquirer": (0, 3), "region": (3, 7), "mcc": (7, 11), "serial": (11, 15)}
"""Where the parts of an acceptor number lie."""
JUMP_KINDS = ("", "mcc", "acceptor_id", "channel_mcc", "special_fee_type")
"""How a violation shows, by `jump_kind`; 0 is none."""
SAME_CHANNEL = -1
"""`channel_mcc` of a merchant whose channel presents the MCC of the transaction."""

MERCHANT = np.dtype([
    ("key", "u8"),  # of its random draws
    ("change_ms", "i8"), ("change_received_ms", "i8"), ("jump_onset_ms", "i8"), ("jump_end_ms", "i8"),
    ("rate", "f8"),  # transactions a day
    ("scale", "f8"),  # of its tickets, against its trade's
    ("jump_share", "f8"),
    ("lat", "i4"), ("lon", "i4"),  # 1e-5 degrees
    ("terminals", "i4"), ("pool", "i4"),
    ("trade", "i2"), ("mcc0", "i2"), ("mcc1", "i2"), ("mcc2", "i2"), ("changed_mcc", "i2"),
    ("channel_mcc", "i2"), ("jump_mcc", "i2"),
    ("mccs", "i1"), ("special_fee", "i1"), ("jump_kind", "i1"), ("offset_h", "i1"), ("shift_h", "i1"),
    ("acquirer", "i1"), ("city", "i1"), ("located", "i1"), ("mode", "i1"),
])  # fmt: skip
"""One merchant. Without one, `mcc1`, `mcc2`, `changed_mcc`, `channel_mcc` are 0, `special_fee`, `mode` -1."""


@dataclass(frozen=True, slots=True)
class Merchants:
    """All merchants of a simulation.

    Attributes:
        table: one `MERCHANT` row each, shape (merchants,).
        numbers: their acceptor numbers (= `merchant_id`), shape (merchants, 15), uint8.
    """

    table: NDArray[np.void]
    numbers: NDArray[np.uint8]

    def merchant_id(self, index: int) -> str:
        """The `merchant_id` of merchant `index`."""
        return bytes(self.numbers[index]).decode()


def mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread the bits of each element (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class _Draws:
    """Independent uniform numbers in [0, 1), one per merchant and question."""

    def __init__(self, seed: int, merchants: int) -> None:
        base = mixed(np.array([seed], np.uint64))
        self.keys = mixed(base + np.arange(1, merchants + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))

    def uniform(self, question: int) -> NDArray[np.float64]:
        salt = mixed(np.array([question + 1_000_003], np.uint64))
        return (mixed(self.keys ^ salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def choice(self, question: int, weights: list[float]) -> NDArray[np.int64]:
        edges = np.cumsum(weights) / np.sum(weights)
        return np.asarray(np.searchsorted(edges[:-1], self.uniform(question), side="right"), np.int64)

    def normal(self, question: int) -> NDArray[np.float64]:
        radius = np.sqrt(-2 * np.log1p(-self.uniform(question)))
        return np.asarray(radius * np.cos(2 * np.pi * self.uniform(question + 500)), np.float64)

    def smallest(self, question: int, eligible: NDArray[np.bool_], share: float) -> NDArray[np.int64]:
        """Of the eligible, `share` at random (at least one, where both are above 0), ascending."""
        among = np.flatnonzero(eligible)
        if not len(among) or share <= 0:
            return among[:0]
        count = max(1, round(share * len(among)))
        return np.sort(among[np.argsort(self.uniform(question)[among], kind="stable")[:count]])


def build_merchants(config: SimulationConfig) -> Merchants:
    """The merchants `config` describes."""
    n = config.merchants
    draws = _Draws(config.seed, n)
    table = np.zeros(n, MERCHANT)
    table["key"] = draws.keys
    table["trade"] = draws.choice(1, [trade.share for trade in TRADES])
    table["city"] = draws.choice(2, [city.share for city in CITIES])
    table["offset_h"] = np.array([city.offset_h for city in CITIES])[table["city"]]
    table["acquirer"] = draws.choice(3, [1.0] * len(ACQUIRERS))
    table["shift_h"] = draws.choice(4, [1, 3, 1]) - 1
    table["scale"] = np.exp(0.25 * draws.normal(5))
    table["rate"] = config.tx_per_merchant_day * _zipf(draws.uniform(6))
    table["pool"] = np.maximum(30, table["rate"] * 20)
    for axis, question in (("lat", 7), ("lon", 8)):
        centre = np.array([getattr(city, axis) for city in CITIES])[table["city"]]
        table[axis] = np.round((centre + 0.3 * (draws.uniform(question) - 0.5)) * 1e5)
    table["located"] = draws.uniform(9) < 0.5
    table["mode"] = np.where(draws.uniform(10) < 0.4, draws.choice(11, [8, 2]), -1)
    _register(table, draws, config)
    _plan_jumps(table, draws, config)
    _plan_changes(table, draws, config)
    wanted = np.ceil(table["rate"] / 80).astype(np.int64)
    table["terminals"] = np.clip(wanted, table["mccs"], 1000)
    return Merchants(table, _numbers(table))


def _zipf(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights 1 / (rank + 10) in random order of ranks, mean 1."""
    weights = np.empty(len(uniform))
    weights[np.argsort(uniform, kind="stable")] = 1.0 / (np.arange(len(uniform)) + 10)
    return np.asarray(weights / weights.mean(), np.float64)


def _register(table: NDArray[np.void], draws: _Draws, config: SimulationConfig) -> None:
    """Give each merchant its MCCs, its channel and its special fee type."""
    several = draws.uniform(20)
    for number, trade in enumerate(TRADES):
        mine = table["trade"] == number
        sets = 1 + (several < 0.2).astype(np.int8) + (several < 0.05)
        table["mccs"][mine] = np.minimum(sets, 1 + len(trade.companions))[mine]
        table["mcc0"][mine] = trade.mcc
        for place, mcc in zip(("mcc1", "mcc2"), trade.companions, strict=False):
            table[place][mine] = mcc
        cheaper = CHEAPER[trade.fee_class]
        if cheaper:
            approved = np.array(cheaper)[draws.choice(21, [1.0] * len(cheaper))]
            table["channel_mcc"][mine] = np.where(draws.uniform(22) < 0.05, approved, 0)[mine]
    table["mcc1"][table["mccs"] < 2] = 0
    table["mcc2"][table["mccs"] < 3] = 0
    everything = config.record_size == "all"
    same = (draws.uniform(23) < (0.3 if everything else 0.0)) & (table["channel_mcc"] == 0)
    table["channel_mcc"][same] = SAME_CHANNEL
    table["special_fee"] = np.where(draws.uniform(24) < (0.4 if everything else 0.05), 0, -1)


def _plan_jumps(table: NDArray[np.void], draws: _Draws, config: SimulationConfig) -> None:
    """Choose who jumps, how, from when to when, how often and to what."""
    gains = np.array([trade.fee_class for trade in TRADES])[table["trade"]] < 2
    span = config.end_ms - config.start_ms
    onset, length, ends = draws.uniform(30), draws.uniform(31), draws.uniform(32)
    share, target = draws.uniform(33), draws.uniform(34)
    kinds = draws.choice(35, [4, 2, 2, 2]) + 1
    table["jump_onset_ms"] = table["jump_end_ms"] = NEVER_MS
    for i in draws.smallest(36, gains, config.jump_share):
        row = table[i]
        row["jump_kind"] = kinds[i]
        row["jump_share"] = 0.02 * 40.0 ** share[i]
        row["jump_onset_ms"] = config.start_ms + int(span * (0.1 + 0.5 * onset[i]))
        rest = config.end_ms - int(row["jump_onset_ms"])
        row["jump_end_ms"] = config.end_ms if ends[i] < 0.7 else config.end_ms - int(0.6 * rest * length[i])
        own = {int(row["mcc0"]), int(row["mcc1"]), int(row["mcc2"]), int(row["channel_mcc"])}
        choices = [mcc for mcc in CHEAPER[TRADES[row["trade"]].fee_class] if mcc not in own]
        row["jump_mcc"] = choices[int(target[i] * len(choices))]
        if row["jump_kind"] == JUMP_KINDS.index("channel_mcc"):
            row["channel_mcc"] = SAME_CHANNEL
        if row["jump_kind"] == JUMP_KINDS.index("special_fee_type"):
            row["special_fee"], row["jump_mcc"] = 0, 0


def _plan_changes(table: NDArray[np.void], draws: _Draws, config: SimulationConfig) -> None:
    """Choose whose MCC changes lawfully; three in ten changes are told after they took effect."""
    table["change_ms"] = table["change_received_ms"] = NEVER_MS
    if not config.master_data:
        return
    span = config.end_ms - config.start_ms
    when, told, cheaper, target = (draws.uniform(question) for question in (40, 41, 42, 43))
    for i in draws.smallest(44, (table["jump_kind"] == 0) & (table["mccs"] == 1), config.mcc_change_share):
        row = table[i]
        mcc = int(row["mcc0"])
        gain = CHEAPER[FEE_CLASS_OF[mcc]] if cheaper[i] < 0.5 else ()
        choices = [each for each in gain or [trade.mcc for trade in TRADES] if each != mcc]
        row["changed_mcc"] = choices[int(target[i] * len(choices))]
        row["change_ms"] = config.start_ms + int(span * (0.2 + 0.5 * when[i]))
        lead = -0.15 if told[i] < 0.7 else 0.05
        row["change_received_ms"] = int(row["change_ms"]) + int(lead * span * (0.1 + 0.9 * when[i]))


def _numbers(table: NDArray[np.void]) -> NDArray[np.uint8]:
    """Acceptor numbers by `LAYOUT`; the serial alone tells merchants apart."""
    n = len(table)
    numbers = np.empty((n, 15), np.uint8)
    for part, names in (("acquirer", ACQUIRERS), ("region", [city.code for city in CITIES])):
        start, end = LAYOUT[part]
        letters = np.frombuffer("".join(names).encode(), np.uint8).reshape(-1, end - start)
        numbers[:, start:end] = letters[table["city" if part == "region" else part]]
    start, end = LAYOUT["mcc"]
    for place in range(start, end):
        numbers[:, place] = 48 + table["mcc0"] // 10 ** (end - 1 - place) % 10
    start, end = LAYOUT["serial"]
    letters = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", np.uint8)
    index = np.arange(n)
    # Four digits while they last, then a letter first: 58D7-like serials exist.
    beyond = np.maximum(index - 10_000, 0)
    for place in range(start, end):
        power = end - 1 - place
        digit = index // 10**power % 10
        letter = beyond // 36**power + (10 if power == 3 else 0)
        numbers[:, place] = letters[np.where(index < 10_000, digit, letter % 36)]
    return numbers


def opening_records(merchants: Merchants, config: SimulationConfig) -> list[bytes]:
    """The first version of each merchant's master data, in force and received before the start."""
    if not config.master_data:
        return []
    rows = enumerate(merchants.table)
    return [
        _version(
            merchants,
            i,
            effective_ms=config.start_ms - (30 + i * 7919 % 870) * DAY_MS,
            received_ms=config.start_ms - HOUR_MS,
            mccs=[int(row[place]) for place in ("mcc0", "mcc1", "mcc2")[: row["mccs"]]],
        )
        for i, row in rows
    ]


def change_records(merchants: Merchants) -> list[tuple[int, int, bytes]]:
    """Lawful changes: when each is received, of which merchant, and the record; by time of receipt."""
    changed = np.flatnonzero(merchants.table["change_ms"] != NEVER_MS)
    changed = changed[np.argsort(merchants.table["change_received_ms"][changed], kind="stable")]
    out = []
    for i in map(int, changed):
        row = merchants.table[i]
        effective, received = int(row["change_ms"]), int(row["change_received_ms"])
        mccs = [int(row["changed_mcc"])]
        record = _version(merchants, i, effective_ms=effective, received_ms=received, mccs=mccs)
        out.append((received, i, record))
    return out


def _version(merchants: Merchants, i: int, *, effective_ms: int, received_ms: int, mccs: list[int]) -> bytes:
    row = merchants.table[i]
    city = CITIES[row["city"]]
    number = merchants.merchant_id(i)
    version: dict[str, Any] = {
        "type": "merchant",
        "merchant_id": number,
        "effective_from": effective_ms,
        "name": f"{city.zh}{TRADES[row['trade']].word}{number[slice(*LAYOUT['serial'])]}",
        "mccs": [f"{mcc:04}" for mcc in mccs],
        "special_fee_types": ["00"],
        "time_zone": city.time_zone,
        "region": city.name,
        "received_at": received_ms,
        "feed": FEED,
    }
    if row["channel_mcc"] > 0:
        version["approved_channel_mccs"] = [f"{row['channel_mcc']:04}"]
    return msgspec.json.encode(version)
