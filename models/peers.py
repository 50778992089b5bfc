"""Peers: what merchants of each trade usually do, learned from an acquirer's own events, and their artefact."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from domain.peers import GENERIC, GROUPS, NO_PEERS, RAMP_WEEKS, Peer, Peers

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

LEAST_MERCHANTS = 20
"""Fewer merchants speak for no group of their own."""
LEAST_DAYS = 28
"""Days of a merchant's run from which its weekdays and spread are taken."""
LEAST_SALES_A_DAY = 3.0
"""The same, of its median days."""
QUIET_DAYS = 14
"""A merchant whose first sale comes so many days after the events' begin is new."""
_CHI2_MEDIAN = 0.455
"""Median of the square of a standard normal number."""


class _Group(msgspec.Struct, forbid_unknown_fields=True):
    """`domain.peers.Peer` in the artefact."""

    mccs: tuple[str, ...]
    week: tuple[float, ...]
    hours: tuple[float, ...]
    spread: float
    new_minor: tuple[float, ...]
    new_sd: float


class _Artefact(msgspec.Struct, forbid_unknown_fields=True):
    """The artefact's JSON."""

    format: Literal[1]
    groups: list[_Group]


def load_peers(path: Path) -> Peers:
    """The peers of an artefact.

    Raises:
        ValueError: it is none, or holds what cannot be; the message names the file.
        OSError: it cannot be read.
    """
    return decode_peers(path.read_bytes(), str(path))


def decode_peers(raw: bytes, name: str = "peers") -> Peers:
    """The peers of an artefact's bytes.

    Raises:
        ValueError: they are none, or hold what cannot be; the message names them by `name`.
    """
    try:
        held = msgspec.json.decode(raw, type=_Artefact)
        return Peers((GENERIC, *(Peer(**msgspec.structs.asdict(each)) for each in held.groups)))
    except ValueError as error:  # msgspec's errors are some, too
        raise ValueError(f"{name} must be an artefact of `tillwatch peers build`: {error}") from error


def dump_peers(peers: Peers) -> bytes:
    """The artefact of `peers`; the generic prior is not in it."""
    groups = [_Group(**dataclasses.asdict(each)) for each in peers.groups[1:]]
    return msgspec.json.format(msgspec.json.encode(_Artefact(1, groups)), indent=2) + b"\n"


def build_peers(sales: pd.DataFrame) -> Peers:
    """The peers that approved sales show: a group for each MCC of at least `LEAST_MERCHANTS` merchants.

    Args:
        sales: columns `merchant`, `mcc` (text, "" where unknown), `day` (local, since 1970), `hour` (0 to 23) and
            `minor`; one row each, in any order.
    """
    if sales.empty:
        return NO_PEERS
    commonest = sales.groupby("merchant")["mcc"].agg(lambda mccs: mccs.mode().iloc[0])
    sales = sales.assign(mcc=sales["merchant"].map(commonest))
    begin = int(sales["day"].min())
    merchants = sales.groupby("mcc")["merchant"].nunique().sort_values(ascending=False, kind="stable")
    chosen = [str(mcc) for mcc, count in merchants.items() if mcc and count >= LEAST_MERCHANTS]
    groups = [_group(mcc, sales[sales["mcc"] == mcc], begin) for mcc in chosen[: GROUPS - 1]]
    return Peers((GENERIC, *groups))


def _group(mcc: str, sales: pd.DataFrame, begin: int) -> Peer:
    days = sales.groupby(["merchant", "day"])["minor"].agg(["count", "sum"]).reset_index()
    week, spread = _week(days)
    # Every hour keeps a little of the generic one: no hour is impossible.
    hours = np.bincount(sales["hour"], minlength=24) + 0.02 * len(sales) * np.array(GENERIC.hours)
    new_minor, new_sd = _new(days, begin)
    return Peer(
        mccs=(mcc,),
        week=week,
        hours=tuple((hours / hours.sum()).round(5).tolist()),
        spread=spread,
        new_minor=new_minor,
        new_sd=new_sd,
    )


def _week(days: pd.DataFrame) -> tuple[tuple[float, ...], float]:
    """The median merchant's weekday factors, Monday first, and its variance beyond chance."""
    factors: list[Any] = []
    spreads: list[float] = []
    for _, mine in days.groupby("merchant"):
        first, last = int(mine["day"].min()), int(mine["day"].max())
        if last - first + 1 < LEAST_DAYS:
            continue
        counts = np.zeros(last - first + 1)
        counts[mine["day"].to_numpy() - first] = mine["count"]
        weekday = (np.arange(first, last + 1) + 3) % 7
        usual = np.array([np.median(counts[weekday == k]) for k in range(7)])
        if usual.mean() < LEAST_SALES_A_DAY:
            continue
        factors.append((usual + 0.5) / (usual.mean() + 0.5))
        expected = np.maximum(usual[weekday], 0.5)
        beyond = (counts - expected) ** 2 / _CHI2_MEDIAN - expected
        spreads.append(float(np.median(beyond / expected**2)))
    if len(factors) < LEAST_MERCHANTS // 2:
        return GENERIC.week, GENERIC.spread
    week = np.median(np.array(factors), axis=0)
    spread = min(max(float(np.median(spreads)), 0.02), 1.0)
    return tuple((week / week.mean()).round(4).tolist()), round(spread, 4)


def _new(days: pd.DataFrame, begin: int) -> tuple[tuple[float, ...], float]:
    """Median sum of a new shop's day by week since its first sale, and the deviation of its logarithm."""
    age = days["day"] - days.groupby("merchant")["day"].transform("min")
    new = days[(days["day"] - age >= begin + QUIET_DAYS) & (age < 7 * RAMP_WEEKS) & (days["sum"] > 0)]
    if new["merchant"].nunique() < LEAST_MERCHANTS:
        return GENERIC.new_minor, GENERIC.new_sd
    logs = np.log(new["sum"].to_numpy(np.float64))
    week = (age[new.index] // 7).to_numpy()
    every = float(np.median(logs))
    medians = np.array([np.median(logs[week == k]) if (week == k).any() else every for k in range(RAMP_WEEKS)])
    deviation = float(np.std(logs - medians[week]))
    return tuple(round(math.exp(each)) for each in medians), round(max(deviation, 0.3), 3)
