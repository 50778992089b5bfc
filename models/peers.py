"""Peers: what merchants of each trade usually do, learned from an acquirer's own events, and their artefact."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from domain.peers import GENERIC, GROUPS, RAMP_WEEKS, Peer, Peers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

LEAST_MERCHANTS = 20
"""Fewer merchants speak for no group of their own."""
LEAST_DAYS = 28
"""Days of a merchant's run from which its weekdays and spread are taken."""
LEAST_NEW = 20
"""Fewer new merchants leave a group with the generic prior for new shops."""
QUIET_DAYS = 14
"""A merchant whose first sale comes so many days after the events' begin is new."""


class Sale(NamedTuple):
    """One approved sale, in its merchant's local time."""

    merchant_id: str
    mcc: str
    day: int
    """Since 1970."""
    hour: int
    minor: int


class _Artefact(msgspec.Struct, forbid_unknown_fields=True):
    """The artefact's JSON."""

    format: Literal[1]
    groups: list[dict[str, tuple[str | float, ...] | float]]


def load_peers(path: Path) -> Peers:
    """The peers of an artefact.

    Raises:
        ValueError: it is none, or holds what cannot be; the message names the file.
        OSError: it cannot be read.
    """
    try:
        held = msgspec.json.decode(path.read_bytes(), type=_Artefact)
        return Peers((GENERIC, *(Peer(**each) for each in held.groups)))
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise ValueError(f"peers must be an artefact of `tillwatch peers build`, {path} is none: {error}") from error


def dump_peers(peers: Peers) -> bytes:
    """The artefact of `peers`; the generic prior is not in it."""
    groups = [dataclasses.asdict(each) for each in peers.groups[1:]]
    return msgspec.json.format(msgspec.json.encode({"format": 1, "groups": groups}), indent=2) + b"\n"


def build_peers(sales: Iterable[Sale]) -> Peers:
    """The peers that `sales` show: one group for each MCC with enough merchants, the commonest first.

    Memory: about 60 bytes a sale.
    """
    import pandas as pd  # noqa: PLC0415  (half a second, for those who build)

    table = pd.DataFrame(list(sales), columns=list(Sale._fields))
    if table.empty:
        return Peers()
    table["mcc"] = table.groupby("merchant_id")["mcc"].transform(lambda mccs: mccs.mode().iloc[0])
    begin = int(table["day"].min())
    merchants = table.groupby("mcc")["merchant_id"].nunique().sort_values(ascending=False)
    chosen = [str(mcc) for mcc in merchants.index if mcc and merchants[mcc] >= LEAST_MERCHANTS]
    groups = [_group(mcc, table[table["mcc"] == mcc], begin) for mcc in chosen[: GROUPS - 1]]
    return Peers((GENERIC, *groups))


def _group(mcc: str, sales: pd.DataFrame, begin: int) -> Peer:
    days = sales.groupby(["merchant_id", "day"])["minor"].agg(["count", "sum"]).reset_index()
    week, spread = _week(days)
    counts = np.bincount(sales["hour"], minlength=24) + len(sales) * 0.02 * np.array(GENERIC.hours)
    new_minor, new_sd = _new(days, begin)
    return Peer(
        mccs=(mcc,),
        week=tuple(round(float(each), 4) for each in week),
        hours=tuple(round(float(each), 5) for each in counts / counts.sum()),
        spread=round(spread, 4),
        new_minor=new_minor,
        new_sd=new_sd,
    )


def _week(days: pd.DataFrame) -> tuple[Any, float]:
    """Weekday factors, Monday first, and the median merchant's variance beyond chance."""
    factors, spreads = [], []
    for _, mine in days.groupby("merchant_id"):
        first, last = int(mine["day"].min()), int(mine["day"].max())
        if last - first + 1 < LEAST_DAYS:
            continue
        counts = np.zeros(last - first + 1)
        counts[mine["day"].to_numpy() - first] = mine["count"]
        weekday = (np.arange(first, last + 1) + 3) % 7
        means = np.array([np.median(counts[weekday == k]) for k in range(7)])
        if means.mean() < 3:
            continue
        factors.append((means + 0.5) / (means.mean() + 0.5))
        expected = np.maximum(means[weekday], 0.5)
        spreads.append(float(np.median((counts - expected) ** 2 / 0.455 - expected) / np.mean(expected) ** 2))
    if len(factors) < LEAST_MERCHANTS // 2:
        return GENERIC.week, GENERIC.spread
    week = np.median(np.array(factors), axis=0)
    return week / week.mean(), float(np.clip(np.median(spreads), 0.02, 1.0))


def _new(days: pd.DataFrame, begin: int) -> tuple[tuple[float, ...], float]:
    """Median sum of a new shop's day by week since its first sale, and the deviation of its logarithm."""
    first = days.groupby("merchant_id")["day"].transform("min")
    new = days[(first >= begin + QUIET_DAYS) & (days["day"] - first < 7 * RAMP_WEEKS) & (days["sum"] > 0)]
    if new["merchant_id"].nunique() < LEAST_NEW:
        return GENERIC.new_minor, GENERIC.new_sd
    logs = np.log(new["sum"].to_numpy(np.float64))
    week = ((new["day"] - first[new.index]) // 7).to_numpy()
    medians = [float(np.median(logs[week == k])) if (week == k).any() else math.nan for k in range(RAMP_WEEKS)]
    known = float(np.nanmedian(medians))
    medians = [known if math.isnan(each) else each for each in medians]
    deviation = float(np.std(logs - np.array(medians)[week]))
    return tuple(round(math.exp(each)) for each in medians), round(max(deviation, 0.3), 3)
