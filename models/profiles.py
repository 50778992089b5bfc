"""Builds the profiles of MCCs from events: what the merchants of each sell, when, and how they differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd

from domain import profiles
from domain.events import APPROVED_CODES, ROLES, Role
from domain.profiles import FORMAT, MAX_PROFILES, STATISTICS, Profile, Profiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

MIN_MERCHANTS = 8
"""Fewest merchants of an MCC that make a profile."""
MIN_SALES = 100
"""Fewest approved sales of a merchant that is counted."""
MIN_SHARE = 0.9
"""Least share of a merchant's sales under its MCC, where no master data names it."""
_CHUNK = 50_000
_TO_SIGMA = 1.4826
"""From a median absolute deviation to a normal's standard deviation."""
_POOLED_WEIGHT = 5.0
"""How many merchants the mean deviation of all MCCs counts for beside an MCC's own."""
_LEAST_DEVIATION = (0.25, 0.15, *[0.02] * (STATISTICS - 2))
"""Of tickets and their spread in octaves, of the square roots of shares."""
_SALES = sorted(name for name, role in ROLES.items() if role is Role.SALE)
_RANGES = ((profiles.TICKET_BINS, "octave"), (profiles.BLOCKS, "block"))
_FLAGS = ("weekend", "known", "credit", "round")
_COUNTS = [*(f"{name}{k}" for size, name in _RANGES for k in range(size)), *_FLAGS, "sales"]


class _Line(msgspec.Struct):
    """What is read of an event."""

    merchant_id: str = ""
    type: str | None = "transaction"
    txn_type: str | None = "purchase"
    response_code: str | None = "00"
    amount: int | None = None
    event_time: int | str | None = None
    mcc: str | None = None
    card_kind: str | None = None
    mccs: list[str] | None = None
    time_zone: str | None = None


@dataclass(slots=True)
class Counted:
    """Approved sales of all merchants so far.

    Attributes:
        by_merchant: a row for each merchant: octaves 0 to 17, blocks, flags and sales, in the order of `COUNTS`.
        by_mcc: sales by merchant (row) and presented MCC (column).
        registered: the MCCs of each merchant's latest master data.
        zones: its time zone.
        unread: lines that were no event.
    """

    by_merchant: pd.DataFrame = field(default_factory=pd.DataFrame)
    by_mcc: pd.DataFrame = field(default_factory=pd.DataFrame)
    registered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)
    from_ms: int = 2**62
    to_ms: int = 0
    unread: int = 0


def build(lines: Iterable[bytes], source: str, time_zone: str = "Asia/Shanghai") -> tuple[Profiles, Counted]:
    """The profiles of the MCCs of which there are merchants enough, and what they were built from.

    A merchant counts to the MCC of its master data where that names one alone, else to the one that 90 % of its
    sales present. Medians and median deviations stand for means and deviations, so that a few miscoded merchants do
    not move a profile.

    Args:
        lines: events, one JSON object each; other lines are counted and passed over.
        source: what they are, in words, for the artefact.
        time_zone: of merchants whose master data names none.

    Raises:
        ValueError: no MCC has merchants enough.
    """
    counted = Counted()
    iterator = iter(lines)
    while chunk := list(islice(iterator, _CHUNK)):
        _take(counted, list(_read(counted, chunk)), time_zone)
    found = _profiles(counted)
    if not found:
        raise ValueError(f"an MCC must have {MIN_MERCHANTS} merchants of {MIN_SALES} sales for a profile, none has")
    made = Profiles(format=FORMAT, source=source, from_ms=counted.from_ms, to_ms=counted.to_ms, profiles=found)
    return Profiles.decoded(made.encoded()), counted


def _read(counted: Counted, chunk: list[bytes]) -> Iterator[_Line]:
    """The approved sales among `chunk`; master data is noted."""
    decoder = msgspec.json.Decoder(_Line)
    for raw in chunk:
        try:
            line = decoder.decode(raw)
        except msgspec.DecodeError:
            counted.unread += 1
            continue
        if line.type == "merchant":
            counted.registered[line.merchant_id] = tuple(line.mccs or ())
            if line.time_zone:
                counted.zones[line.merchant_id] = line.time_zone
        approved = line.response_code in {None, "", *APPROVED_CODES} and (line.txn_type or "purchase") in _SALES
        if line.type in {None, "", "transaction"} and approved and line.amount is not None and line.event_time:
            yield line


def _take(counted: Counted, sales: list[_Line], time_zone: str) -> None:
    """Count approved sales."""
    if not sales:
        return
    names = ("merchant_id", "amount", "event_time", "mcc", "card_kind")
    frame = pd.DataFrame({name: [getattr(each, name) for each in sales] for name in names})
    at = _utc(frame["event_time"])
    counted.from_ms = min(counted.from_ms, at.min().value // 1_000_000)
    counted.to_ms = max(counted.to_ms, at.max().value // 1_000_000)
    zones = frame["merchant_id"].map(lambda merchant: counted.zones.get(str(merchant), time_zone))
    for zone, part in at.groupby(zones):
        local = part.dt.tz_convert(str(zone))
        frame.loc[part.index, "hour"] = local.dt.hour
        frame.loc[part.index, "weekend"] = (local.dt.day_of_week >= 5).astype(int)
    frame["octave"] = [profiles.octave(amount) for amount in frame["amount"]]
    frame["block"] = [profiles.block(int(hour)) for hour in frame["hour"]]
    frame["known"] = frame["card_kind"].notna() & (frame["card_kind"] != "")
    frame["credit"] = frame["card_kind"].isin(["credit", "semi_credit"])
    frame["round"] = (frame["amount"] > 0) & (frame["amount"] % profiles.ROUND_MINOR == 0)
    parts = [_spread_out(frame, name, range(size)) for size, name in _RANGES]
    flags = frame.groupby("merchant_id")[list(_FLAGS)].sum().astype(np.int64)
    flags["sales"] = frame.groupby("merchant_id").size()
    counted.by_merchant = counted.by_merchant.add(pd.concat([*parts, flags], axis=1), fill_value=0)[_COUNTS]
    counted.by_mcc = counted.by_mcc.add(_spread_out(frame.dropna(subset=["mcc"]), "mcc"), fill_value=0)


def _utc(times: pd.Series[Any]) -> pd.Series[Any]:
    """Times as events write them, as UTC."""
    numbers = times.map(lambda each: isinstance(each, int))
    found = pd.Series(pd.NaT, index=times.index, dtype="datetime64[ns, UTC]")
    found[numbers] = pd.to_datetime(times[numbers].astype("int64"), unit="ms", utc=True)
    found[~numbers] = pd.to_datetime(times[~numbers].astype(str), format="ISO8601", utc=True)
    return found


def _spread_out(frame: pd.DataFrame, name: str, values: Iterable[int] | None = None) -> pd.DataFrame:
    """Sales by merchant (row) and value (column)."""
    table = frame.groupby(["merchant_id", name]).size().unstack(fill_value=0)  # noqa: PD010  sizes, no table yet
    if values is None:
        return table
    table = table.reindex(columns=list(values), fill_value=0)
    return table.set_axis([f"{name}{value}" for value in values], axis=1)


def _mcc_of(counted: Counted, merchant: str) -> str:
    """The one MCC of a merchant, "" where it is not known to have one."""
    registered = counted.registered.get(merchant, ())
    if registered:
        return registered[0] if len(set(registered)) == 1 else ""
    if merchant not in counted.by_mcc.index:
        return ""
    presented = counted.by_mcc.loc[merchant].to_numpy(float)
    enough = presented.max() >= MIN_SHARE * float(counted.by_merchant["sales"][merchant])
    return str(counted.by_mcc.columns[int(presented.argmax())]) if enough else ""


def _statistics(counts: NDArray[np.int64]) -> list[float]:
    """Every statistic of a merchant's counts, in the order of `COUNTS`."""
    # Statistics are shares: what does not fit into the record's numbers is scaled down.
    scaled = counts * min(1.0, 60_000 / counts[-1])
    record = np.zeros(1, np.dtype(list(profiles.COUNTS))).view(np.recarray)[0]
    ends = profiles.TICKET_BINS, profiles.TICKET_BINS + profiles.BLOCKS
    record.trade_ticket, record.trade_hour = scaled[: ends[0]], scaled[ends[0] : ends[1]]
    (record.trade_weekend, record.trade_known, record.trade_credit, record.trade_round,
     record.trade_sales) = scaled[ends[1] :]  # fmt: skip
    record.trade_sales = record.trade_ticket.sum()
    return [profiles.statistic(record, k) for k in range(STATISTICS)]


def _profiles(counted: Counted) -> tuple[Profile, ...]:
    if counted.by_merchant.empty:
        return ()
    enough = counted.by_merchant[counted.by_merchant["sales"] >= MIN_SALES]
    mccs = pd.Series({merchant: _mcc_of(counted, str(merchant)) for merchant in enough.index}, dtype=object)
    mine = enough[mccs != ""]
    if mine.empty:
        return ()
    figures = pd.DataFrame([_statistics(row) for row in mine.to_numpy(np.int64)], index=mine.index)
    groups = figures.groupby(mccs[mccs != ""])
    sizes = groups.size()
    kept = sizes[sizes >= MIN_MERCHANTS].sort_values(ascending=False, kind="stable").index[:MAX_PROFILES]
    overall = figures.median().fillna(0.0)
    residuals = figures - groups.transform("median")
    pooled = (_TO_SIGMA * residuals.abs().median()).fillna(1.0)
    sales = mine["sales"].groupby(mccs[mccs != ""]).sum()
    return tuple(_profile(str(mcc), groups.get_group(mcc), int(sales[mcc]), overall, pooled) for mcc in sorted(kept))


def _profile(
    mcc: str, figures: pd.DataFrame, sales: int, overall: pd.Series[float], pooled: pd.Series[float]
) -> Profile:
    """The profile of an MCC from its merchants' figures; a figure that none has is that of all MCCs."""
    mean = figures.median().fillna(overall)
    own = (_TO_SIGMA * (figures - mean).abs().median()).fillna(pooled)
    n = len(figures)
    deviation = np.sqrt((n * own**2 + _POOLED_WEIGHT * pooled**2) / (n + _POOLED_WEIGHT))
    deviation = np.maximum(deviation, _LEAST_DEVIATION)
    return Profile(
        mcc=mcc, merchants=n, sales=sales, mean=tuple(round(float(each), 6) for each in mean),
        deviation=tuple(round(float(each), 6) for each in deviation),
    )  # fmt: skip
