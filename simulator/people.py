"""Who looks after a simulation's merchants: agents, reps and supervisors, and where each shop is.

Nothing here moves a transaction. People and streets have invented names; a likeness to a real one is chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from domain.timestamps import DAY_MS, HOUR_MS
from simulator.names import NAMES
from simulator.render import terminal_id
from simulator.table import FEED, Draws, mixed
from simulator.trades import CITIES, TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.config import SimulationConfig

MERCHANTS_PER_REP = 120
"""Merchants that a rep looks after, on average: an assumption."""
MERCHANTS_PER_AGENT = 400
"""Merchants of the whole run for each agent: an assumption."""
_AGENT_SHARE = 0.6
_ANALYSTS = 3
_ABSENT_SHARE = 0.15
_REASSIGNED_SHARE = 0.05
_CHAIN_SHARE = 0.03
_MOBILE_MCCS = frozenset({4111})
_COUNTRIES = {"Asia/Bangkok": "TH", "Asia/Tokyo": "JP"}
_AGENT, _BY_AGENT, _STREET, _DOOR, _REASSIGNED, _CHAIN, _OWNER, _ACCOUNT = range(700, 708)


class Keyed(NamedTuple):
    """A record and its key, by which its partition is chosen."""

    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Territories:
    """Who looks after whom.

    Attributes:
        rep: by merchant, its rep's number within the city, shape (merchants,).
        reps: by city, how many there are; 0 where there are no merchants.
        agent: by merchant, the number of its agent, -1 of one that was won without, shape (merchants,).
        agents: how many there are.
        before: by merchant, the rep's number before the present one; the same for most, shape (merchants,).
        street, door: by merchant, where the shop is: a place in `NAMES`, and a number.
        owner, account: by merchant, keyed hashes as two words each, shape (merchants, 2); chains have one owner.
    """

    rep: NDArray[np.int64]
    reps: NDArray[np.int64]
    agent: NDArray[np.int64]
    agents: int
    before: NDArray[np.int64]
    street: NDArray[np.int64]
    door: NDArray[np.int64]
    owner: NDArray[np.uint64]
    account: NDArray[np.uint64]


def plan_territories(table: NDArray[np.void], draws: Draws) -> Territories:
    """Share the merchants of each city among its reps, by the direction in which they lie from its centre."""
    n, city = len(table), table["city"].astype(np.int64)
    in_city = np.bincount(city, minlength=len(CITIES))
    reps = np.where(in_city > 0, np.maximum(1, np.round(in_city / MERCHANTS_PER_REP)), 0).astype(np.int64)
    centre = [np.array([getattr(each, axis) for each in CITIES])[city] for axis in ("lat", "lon")]
    angle = np.arctan2(table["lat"] / 1e5 - centre[0], table["lon"] / 1e5 - centre[1]) / (2 * np.pi) + 0.5
    rep = np.minimum(np.floor(angle * reps[city]).astype(np.int64), reps[city] - 1)
    agents = max(1, round(n / MERCHANTS_PER_AGENT))
    agent = np.floor(draws.uniform(_AGENT) * agents).astype(np.int64)
    moved = draws.uniform(_REASSIGNED) < _REASSIGNED_SHARE
    owner = np.stack([mixed(draws.keys + np.uint64(_OWNER + 100 * k)) for k in range(2)], axis=1)
    chained = np.flatnonzero(draws.uniform(_CHAIN)[1:] < _CHAIN_SHARE) + 1
    owner[chained] = owner[chained - 1]
    return Territories(
        rep, reps, np.where(draws.uniform(_BY_AGENT) < _AGENT_SHARE, agent, -1), agents,
        np.where(moved, (rep + 1) % reps[city], rep),
        np.floor(draws.uniform(_STREET) * len(NAMES)).astype(np.int64),
        1 + np.floor(draws.uniform(_DOOR) * 480).astype(np.int64), owner,
        np.stack([mixed(draws.keys + np.uint64(_ACCOUNT + 100 * k)) for k in range(2)], axis=1),
    )  # fmt: skip


def details_of(territories: Territories, row: np.void, i: int, opened_ms: int) -> dict[str, Any]:
    """What master data say of merchant `i` besides, where people are simulated."""
    city, trade = CITIES[row["city"]], TRADES[row["trade"]]
    agent = int(territories.agent[i])
    found: dict[str, Any] = {
        "short_name": f"{NAMES[int(row['name'])][0]}{trade.word}",
        "status": "active",
        "country": _COUNTRIES.get(city.time_zone, "CN"),
        "currency": "CNY",
        "city": city.zh,
        "address": f"{NAMES[int(territories.street[i])][0]}路{int(territories.door[i])}号",
        "lat": int(row["lat"]) / 1e5,
        "lon": int(row["lon"]) / 1e5,
        "coord_sys": "wgs84",
        "premises": "mobile" if trade.mcc in _MOBILE_MCCS else "fixed",
        "channel": "agent" if agent >= 0 else "direct",
        "rep_id": rep_id(int(row["city"]), int(territories.rep[i])),
        "opened_at": opened_ms,
        "licence_expires_at": opened_ms + 3652 * DAY_MS,
        "settlement_account_key": _hash(territories.account[i]),
        "owner_key": _hash(territories.owner[i]),
    }
    return found | ({"agent_id": agent_id(agent)} if agent >= 0 else {})


def _hash(words: NDArray[np.uint64]) -> str:
    """32 hexadecimal digits, the first of them a letter, as a keyed hash may not be digits alone."""
    return f"a{int(words[0]):016x}{int(words[1]):016x}"[:32]


def rep_id(city: int, number: int) -> str:
    """The `person_id` of a city's rep."""
    return f"rep-{CITIES[city].code}-{number:02}"


def agent_id(number: int) -> str:
    """The `person_id` of an agent."""
    return f"agent-{number:03}"


def people_records(
    territories: Territories, merchant_ids: list[str], table: NDArray[np.void], config: SimulationConfig
) -> list[Keyed]:  # fmt: skip
    """The people, who is assigned to each merchant, then the terminals; received before the start."""
    city = table["city"]
    return [
        *_people(territories, config),
        *_assignments(territories, merchant_ids, city, config),
        *_terminals(merchant_ids, table, config),
    ]


def _people(territories: Territories, config: SimulationConfig) -> list[Keyed]:
    names = _Names(config.seed)
    out = [_person(f"analyst-{k}", "analyst", names.next(), config) for k in range(_ANALYSTS)]
    out += [_person(agent_id(k), "agent", names.next(), config) for k in range(territories.agents)]
    for c, count in enumerate(territories.reps.tolist()):
        if not count:
            continue
        city = CITIES[c]
        where = {"region": city.name, "time_zone": city.time_zone}
        head = f"sup-{city.code}"
        out.append(_person(head, "supervisor", names.next(), config, **where, wecom_id=head))
        for k in range(count):
            away = _absence(config, names.chance()) if count > 1 else {}
            deputy = {"deputy_id": rep_id(c, (k + 1) % count)} if count > 1 else {}
            own = rep_id(c, k)
            more = where | {"supervisor_id": head, "wecom_id": own} | deputy | away
            out.append(_person(own, "rep", names.next(), config, **more))
    return out


def _absence(config: SimulationConfig, chance: float) -> dict[str, int]:
    """A week away within the run, for some."""
    if chance >= _ABSENT_SHARE:
        return {}
    begin = config.start_ms + int(chance / _ABSENT_SHARE * config.days) * DAY_MS
    return {"absent_from": begin, "absent_until": begin + 7 * DAY_MS}


def _person(person_id: str, role: str, name: str, config: SimulationConfig, **more: Any) -> Keyed:
    person = {
        "type": "person", "person_id": person_id, "effective_from": config.start_ms - 900 * DAY_MS, "role": role,
        "name": name, **more, "language": "zh", "received_at": config.start_ms - HOUR_MS, "feed": FEED,
    }  # fmt: skip
    return Keyed(person_id, msgspec.json.encode(person))


def _assignments(
    territories: Territories, merchant_ids: list[str], city: NDArray[np.int8], config: SimulationConfig
) -> list[Keyed]:  # fmt: skip
    out = []
    for i, merchant_id in enumerate(merchant_ids):
        versions = [(900, int(territories.before[i])), (20, int(territories.rep[i]))]
        for days, number in versions if versions[0][1] != versions[1][1] else versions[:1]:
            agent = int(territories.agent[i])
            assignment = {
                "type": "assignment", "merchant_id": merchant_id, "effective_from": config.start_ms - days * DAY_MS,
                "rep_id": rep_id(int(city[i]), number), "received_at": config.start_ms - HOUR_MS, "feed": FEED,
            }  # fmt: skip
            assignment |= {"agent_id": agent_id(agent)} if agent >= 0 else {}
            out.append(Keyed(merchant_id, msgspec.json.encode(assignment)))
    return out


def _terminals(merchant_ids: list[str], table: NDArray[np.void], config: SimulationConfig) -> list[Keyed]:
    """The terminals of each merchant, where its shop is, installed on the day on which it became a merchant."""
    out = []
    for i, merchant_id in enumerate(merchant_ids):
        for k in range(int(table["terminals"][i])):
            number = terminal_id(i, k)
            terminal = {
                "type": "terminal", "merchant_id": merchant_id, "terminal_id": number, "terminal_sn": f"SN{number}",
                "effective_from": opened_since_ms(i, config), "terminal_status": "active",
                "lat": int(table["lat"][i]) / 1e5, "lon": int(table["lon"][i]) / 1e5,
                "region": CITIES[table["city"][i]].name, "received_at": config.start_ms - HOUR_MS, "feed": FEED,
            }  # fmt: skip
            out.append(Keyed(merchant_id, msgspec.json.encode(terminal)))
    return out


def opened_since_ms(i: int, config: SimulationConfig) -> int:
    """Since when merchant `i` has been one, UTC milliseconds."""
    return config.start_ms - (30 + i * 7919 % 870) * DAY_MS


class _Names:
    """Invented names of people, and chances, in an order of their own for each seed."""

    def __init__(self, seed: int) -> None:
        self._state = mixed(np.array([seed], np.uint64) + np.uint64(709))

    def chance(self) -> float:
        """Uniform in [0, 1)."""
        self._state = mixed(self._state + np.uint64(0x9E3779B97F4A7C15))
        return float((self._state >> np.uint64(11)).astype(np.float64)[0] * 2.0**-53)

    def next(self) -> str:
        """A name of two or three rare characters."""
        first, second = (NAMES[int(self.chance() * len(NAMES))][0] for _ in range(2))
        return first[1] + second[: 1 + (self.chance() < 0.5)]
