"""A year of an acquirer's alerts without an engine: merchants of agents and reps, and what chance and weather bring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from domain.alerts import Alert, Text
from domain.readings import Profile, TransactionRow
from domain.timestamps import iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from causes.collection import Causes

ZONE = "Asia/Shanghai"
FIRST = date(2025, 1, 1)
DAILY = {
    "mcc_jump": 4e-4, "mcc_static": 1e-4, "fee_over": 3e-4, "fee_rise": 2e-4, "volume_rise": 1e-3,
    "volume_collapse": 8e-4, "volume_decline": 2e-4, "volume_burst": 2e-3, "stan_reuse": 1e-4,
}  # fmt: skip
"""New stories of a detector, by merchant and day; those of `volume_burst` on new merchants only."""
NEW_YEAR = (date(2025, 1, 26), date(2025, 1, 27), date(2025, 1, 28))


def ms(day: date, hour: float = 12.0) -> int:
    """A local time of a day, UTC milliseconds."""
    return round((datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour - 8)).timestamp() * 1000)


def alert(alert_id: str, merchant_id: str, detector: str, day: date, **more: object) -> Alert:
    """An alert with its first hit on a day."""
    time = iso(ms(day, float(more.pop("hour", 12.0))))  # type: ignore[arg-type]
    given = {
        "alert_id": alert_id, "revision": 1, "detector": detector, "version": 1, "merchant_id": merchant_id,
        "subject": f"merchant:{merchant_id}", "severity": 0.5, "hits": 1, "first_time": time, "last_time": time,
        "at_stake": 0, "currency": "CNY", "title": Text("", ""), "reason": Text("", ""), "evidence": (), "txn_ids": (),
        "risk_code": "",
    } | more  # fmt: skip
    return Alert(**given)  # type: ignore[arg-type]


def sent_as(registered: str, mcc: str) -> tuple[TransactionRow, ...]:
    """A transaction under another MCC than the registered one."""
    return (TransactionRow(txn_id="t", time="", amount=1, currency="CNY", mcc=mcc, registered=(registered,)),)


def profile(merchant_id: str, since: date, **fields: object) -> Profile:
    """A merchant's master data."""
    at = ms(since, 0.0)
    return Profile(
        merchant_id=merchant_id, kind="merchant", effective_from=iso(at),
        fields={"effective_from": at, "opened_at": at, "status": "active"} | fields,
    )  # fmt: skip


@dataclass(frozen=True)
class World:
    """An acquirer's merchants.

    Attributes:
        ids: merchants.
        agent, rep, city, trade, owner: numbers by merchant; agent -1 of those won without.
        opened: by merchant, the day of the year it opened; below 0 for before.
        risk: by merchant, how many times the usual rate its agent's and trade's shops have.
    """

    ids: list[str]
    agent: NDArray[np.int64]
    rep: NDArray[np.int64]
    city: NDArray[np.int64]
    trade: NDArray[np.int64]
    owner: NDArray[np.int64]
    opened: NDArray[np.int64]
    risk: NDArray[np.float64]

    def profiles(self) -> Iterator[Profile]:
        """Everybody's master data."""
        for i, merchant_id in enumerate(self.ids):
            agent = int(self.agent[i])
            yield profile(
                merchant_id, FIRST + timedelta(days=int(self.opened[i])), mccs=[f"{5000 + self.trade[i]}"],
                city=f"city-{self.city[i]}", rep_id=f"rep-{self.rep[i]}", owner_key=f"owner-{self.owner[i]}",
                channel="agent" if agent >= 0 else "direct", **({"agent_id": f"agent-{agent}"} if agent >= 0 else {}),
            )  # fmt: skip


def world(sizes: Sequence[int], direct: int, seed: int, *, spread: float = 0.3) -> World:
    """Agents of given sizes, each with most of its merchants in one city and of few trades, and merchants without.

    Args:
        sizes: merchants by agent.
        direct: merchants without an agent.
        seed: of the draws.
        spread: standard deviation of the logarithm of how risky an agent's merchants are.
    """
    draw = np.random.default_rng(seed)
    agent = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(direct, -1)])
    n = len(agent)
    cities = max(4, n // 1_500)
    home, focus = draw.integers(cities, size=len(sizes) + 1), draw.integers(40, size=len(sizes) + 1)
    city = np.where((draw.random(n) < 0.8) & (agent >= 0), home[agent], draw.integers(cities, size=n))
    trade = np.where((draw.random(n) < 0.4) & (agent >= 0), focus[agent], draw.integers(40, size=n))
    reps = np.maximum(1, np.bincount(city, minlength=cities) // 120)
    rep = city * 1_000 + (draw.random(n) * reps[city]).astype(np.int64)
    owner = np.arange(n)
    for i in np.flatnonzero(draw.random(n) < 0.02):  # chains of up to ten shops of one agent
        last = min(n, i + int(draw.integers(2, 11)))
        owner[i:last] = np.where(agent[i:last] == agent[i], i, owner[i:last])
    risk = np.exp(spread * draw.standard_normal(len(sizes) + 1))[agent] * np.exp(0.4 * draw.standard_normal(40))[trade]
    opened = np.where(draw.random(n) < 0.2, draw.integers(0, 365, size=n), -draw.integers(91, 900, size=n))
    return World([f"m{i:06}" for i in range(n)], agent, rep, city, trade, owner, opened, risk)


def honest_days(it: World, days: int, seed: int) -> Iterator[tuple[date, list[tuple[int, str]]]]:
    """By day, the merchants and detectors of honest stories.

    Storms and outages silence a city's shops, New Year those of each trade in a measure of its own, a promotion lifts a
    trade's, and what a chain changes all its shops show.
    """
    draw = np.random.default_rng(seed)
    closes = draw.uniform(0.0, 0.3, size=40)
    for k in range(days):
        day = FIRST + timedelta(days=k)
        there, new = it.opened <= k, (it.opened <= k) & (it.opened > k - 90)
        found = []
        for detector, rate in DAILY.items():
            chance = rate * it.risk * (new if detector == "volume_burst" else there)
            hit = draw.random(len(it.ids)) < chance
            if detector != "volume_burst":
                hit = _whole_chains(hit, it.owner, draw) & there
            found += [(int(i), detector) for i in np.flatnonzero(hit)]
        if draw.random() < 0.08:
            city, share = int(draw.integers(it.city.max() + 1)), draw.uniform(0.02, 0.5)
            found += _struck((it.city == city) & there, share, "volume_collapse", draw)
        if draw.random() < 0.05:
            trade, share = int(draw.integers(40)), draw.uniform(0.02, 0.3)
            found += _struck((it.trade == trade) & there, share, "volume_rise", draw)
        if day in NEW_YEAR:
            found += _struck(there, closes[it.trade], "volume_collapse", draw)
        yield day, found


def _whole_chains(hit: NDArray[np.bool_], owner: NDArray[np.int64], draw: Generator) -> NDArray[np.bool_]:
    """Of one in two of the chains with a shop among them, every shop."""
    owners = np.unique(owner[hit])
    return hit | np.isin(owner, owners[draw.random(len(owners)) < 0.5])


def _struck(
    among: NDArray[np.bool_], share: float | NDArray[np.float64], detector: str, draw: Generator
) -> list[tuple[int, str]]:  # fmt: skip
    return [(int(i), detector) for i in np.flatnonzero(among & (draw.random(len(among)) < share))]


def feed(causes: Causes, it: World, day: date, found: Sequence[tuple[int, str]]) -> None:
    """Give alerts of merchants and detectors on a day, over its hours."""
    for i, detector in found:
        registered = f"{5000 + it.trade[i]}"
        more = {"transactions": sent_as(registered, "8062")} if detector == "mcc_jump" else {}
        causes.take(alert(f"{detector}-{day}-{i}", it.ids[i], detector, day, hour=9 + i % 12, **more))
