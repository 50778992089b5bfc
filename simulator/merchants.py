"""The merchants of a simulation: who they are, and their master data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from domain.timestamps import DAY_MS, HOUR_MS
from simulator.fees import contract_record, plan_fees
from simulator.figures import CALM, WORLDS, sizes, worlds_of
from simulator.manners import tills
from simulator.mccs import plan_mccs
from simulator.names import NAMES, shop_name
from simulator.peculiar import HOURS_MOVED, moves, plan_peculiar
from simulator.people import details_of, opened_since_ms, plan_territories
from simulator.rhythm import local_days
from simulator.service import plan_service, service_records
from simulator.stories import act, cast, introduce
from simulator.table import FEED, MERCHANT, NEVER_MS, SAME_CHANNEL, Draws
from simulator.trades import ACQUIRERS, CHEAPER, CITIES, RIYADH, RIYADH_SHARE, TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.config import SimulationConfig
    from simulator.people import Territories

LAYOUT = {"acquirer": (0, 3), "region": (3, 7), "mcc": (7, 11), "serial": (11, 15)}
"""Where the parts of an acceptor number lie."""


@dataclass(frozen=True, slots=True)
class Merchants:
    """All merchants of a simulation.

    Attributes:
        table: one `MERCHANT` row each, shape (merchants,).
        prices: the first and the second version of their contracts, `PRICES`, shape (merchants, 2).
        numbers: their acceptor numbers (= `merchant_id`), shape (merchants, 15), uint8.
        territories: who looks after them; None where people are not simulated.
    """

    table: NDArray[np.void]
    prices: NDArray[np.void]
    numbers: NDArray[np.uint8]
    territories: Territories | None = None

    def merchant_id(self, index: int) -> str:
        """The `merchant_id` of merchant `index`."""
        return bytes(self.numbers[index]).decode()


def build_merchants(config: SimulationConfig) -> Merchants:
    """The merchants `config` describes."""
    n = config.merchants
    draws = Draws(config.seed, n)
    table = np.zeros(n, MERCHANT)
    table["key"] = draws.keys
    table["trade"] = draws.choice(1, [trade.share for trade in TRADES])
    table["city"] = draws.choice(2, [city.share for city in CITIES])
    if config.world != "calm" and config.calendar:
        table["city"][draws.uniform(15) < RIYADH_SHARE] = RIYADH
    table["offset_h"] = np.array([city.offset_h for city in CITIES])[table["city"]]
    table["acquirer"] = draws.choice(3, [1.0] * len(ACQUIRERS))
    table["shift_h"] = draws.choice(4, [1, 3, 1]) - 1
    table["scale"] = np.exp(0.25 * draws.normal(5))
    world = WORLDS.get(config.world)
    table["rate"] = config.tx_per_merchant_day * (sizes(world, draws) if world else _zipf(draws.uniform(6)))
    table["name"] = draws.choice(12, [1.0] * len(NAMES))
    table["mode"] = np.where(draws.uniform(10) < 0.4, draws.choice(11, [6, 4]), -1)
    introduce(table, config)
    table["pool"] = np.maximum(30, table["rate"] * 20)
    for axis, question in (("lat", 7), ("lon", 8)):
        centre = np.array([getattr(city, axis) for city in CITIES])[table["city"]]
        table[axis] = np.round((centre + 0.3 * (draws.uniform(question) - 0.5)) * 1e5)
    table["located"] = draws.uniform(9) < 0.5
    _register(table, draws, config)
    plan_mccs(table, draws, config)
    prices = plan_fees(table, draws, config)
    act(table, prices, config)
    _move_hours(table, config)
    wanted = np.ceil(table["rate"] / 80).astype(np.int64)
    if config.has_habits:
        wanted = tills(table, draws)
    table["terminals"] = np.clip(wanted, table["mccs"], 1000)
    plan_service(table, draws, config)
    territories = plan_territories(table, draws) if config.people else None
    return Merchants(table, prices, _numbers(table), territories)


def _move_hours(table: NDArray[np.void], config: SimulationConfig) -> None:
    """Of the merchants whose opening hours move, from when and by how much."""
    worlds = worlds_of(config, table)
    worlds[cast(config)] = CALM
    mine = plan_peculiar(table["key"], worlds, table["city"]) == HOURS_MOVED
    day, hours = moves(table["key"], *local_days(config))
    table["moved_day"], table["moved_h"] = day, np.where(mine, hours, 0)


def _zipf(uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights 1 / (rank + 10) in random order of ranks, mean 1."""
    weights = np.empty(len(uniform))
    weights[np.argsort(uniform, kind="stable")] = 1.0 / (np.arange(len(uniform)) + 10)
    return np.asarray(weights / weights.mean(), np.float64)


def _register(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
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
    """What is in force and received before the start: each merchant's master data, then each one's contract."""
    out, received_ms = [], config.start_ms - HOUR_MS
    since = [opened_since_ms(i, config) for i in range(config.merchants)]
    if config.master_data:
        for i, row in enumerate(merchants.table):
            mccs = _mccs_of(row)
            out.append(
                _version(merchants, i, effective_ms=since[i], received_ms=received_ms, mccs=mccs, opened_ms=since[i])
            )
    if config.contracts:
        for i, prices in enumerate(merchants.prices[:, 0]):
            number = merchants.merchant_id(i)
            out.append(contract_record(number, prices, effective_ms=since[i], received_ms=received_ms))
    return out


def change_records(merchants: Merchants, config: SimulationConfig) -> list[tuple[int, int, bytes]]:
    """Changes of MCC and contract: when each is received, of which merchant, and the record; by time of receipt."""
    table, out = merchants.table, []
    for i in map(int, np.flatnonzero(table["change_ms"] != NEVER_MS)):
        effective, received = int(table["change_ms"][i]), int(table["change_received_ms"][i])
        mccs = [int(table["changed_mcc"][i])]
        version = _version(
            merchants, i, effective_ms=effective, received_ms=received, mccs=mccs, opened_ms=opened_since_ms(i, config)
        )
        out.append((received, i, version))
    for i in map(int, np.flatnonzero(table["contract_ms"] != NEVER_MS)):
        effective, received, notice = (
            int(table[name][i]) for name in ("contract_ms", "contract_received_ms", "notice_ms")
        )
        record = contract_record(
            merchants.merchant_id(i), merchants.prices[i, 1],
            effective_ms=effective, received_ms=received, notice_ms=notice,
        )  # fmt: skip
        out.append((received, i, record))
    for i in map(int, np.flatnonzero(table["licence_renewed_ms"])):
        at_ms, opened_ms = int(table["licence_renewed_ms"][i]), opened_since_ms(i, config)
        mccs = _mccs_of(table[i])
        version = _version(merchants, i, effective_ms=at_ms, received_ms=at_ms, mccs=mccs, opened_ms=opened_ms)
        out.append((at_ms, i, version))
    numbers = [merchants.merchant_id(i) for i in range(config.merchants)]
    return sorted([*out, *service_records(table, numbers, Draws(config.seed, config.merchants), config)])


def _mccs_of(row: np.void) -> list[int]:
    return [int(row[place]) for place in ("mcc0", "mcc1", "mcc2")[: row["mccs"]]]


def _version(
    merchants: Merchants, i: int, *, effective_ms: int, received_ms: int, mccs: list[int], opened_ms: int
) -> bytes:  # fmt: skip
    row = merchants.table[i]
    city, trade = CITIES[row["city"]], TRADES[row["trade"]]
    version: dict[str, Any] = {
        "type": "merchant",
        "merchant_id": merchants.merchant_id(i),
        "effective_from": effective_ms,
        "name": shop_name(int(row["name"]), (city.name, city.zh), (trade.word_en, trade.word)),
        "mccs": [f"{mcc:04}" for mcc in mccs],
        "special_fee_types": ["00"],
        "time_zone": city.time_zone,
        "region": city.name,
        "received_at": received_ms,
        "feed": FEED,
    }
    if row["channel_mcc"] > 0:
        version["approved_channel_mccs"] = [f"{row['channel_mcc']:04}"]
    if merchants.territories:
        version |= details_of(merchants.territories, row, i, opened_ms)
    if row["licence_ms"]:
        renewed = 0 < row["licence_renewed_ms"] <= effective_ms
        version["licence_expires_at"] = int(row["licence_ms"]) + (3652 * DAY_MS if renewed else 0)
    return msgspec.json.encode(version)
