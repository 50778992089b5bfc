"""Builds the profiles of MCCs from events: what the merchants of each sell, when, and how they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from domain import profiles
from domain.profiles import FORMAT, MAX_PROFILES, STATISTICS, Profile, Profiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

MIN_MERCHANTS = 8
"""Fewest merchants of an MCC that make a profile."""
MIN_SALES = 100
"""Fewest approved sales of a merchant that is counted."""
MIN_SHARE = 0.9
"""Least share of a merchant's sales under its MCC, where no master data names it."""
_TO_SIGMA = 1.4826
"""From a median absolute deviation to a normal's standard deviation."""
_POOLED_WEIGHT = 5.0
"""How many merchants the mean deviation of all MCCs counts for beside an MCC's own."""
_LEAST_DEVIATION = (0.25, 0.15, *[0.02] * (STATISTICS - 2))
"""Of tickets and their spread in octaves, of the square roots of shares."""
_THURSDAY, _SATURDAY = 3, 5
"""Weekday of 1970-01-01, and the first of the weekend, Monday being 0."""
_RANGES = ((profiles.TICKET_BINS, "octave"), (profiles.BLOCKS, "block"))
_FLAGS = ("weekend", "known", "credit", "round")
_COUNTS = [*(f"{name}{k}" for size, name in _RANGES for k in range(size)), *_FLAGS, "cards", "returned", "sales"]
_LOW = 2**32 - 1


@dataclass(frozen=True, slots=True)
class _Counted:
    """Approved sales of all merchants.

    Attributes:
        by_merchant: a row for each merchant: octaves 0 to 17, blocks, flags and sales, in the order of `COUNTS`.
        by_mcc: sales by merchant (row) and presented MCC (column).
        registered: the MCCs of each merchant's newest master data.
    """

    by_merchant: pd.DataFrame
    by_mcc: pd.DataFrame
    registered: Mapping[int, tuple[str, ...]]


def build_profiles(sales: pd.DataFrame, registered: Mapping[int, tuple[str, ...]], source: str) -> Profiles:
    """The profiles of the MCCs of which there are merchants enough.

    A merchant counts to the MCC of its master data where that names one alone, else to the one that 90 % of its
    sales present. Medians and median deviations stand for means and deviations, so that a few miscoded merchants do
    not move a profile.

    Args:
        sales: a row for each approved sale: `merchant`, `mcc` ("" where none was presented), `ms` (UTC), local `day`
            since 1970 and `hour`, `minor`, `card_kind` ("" where unknown), `card` (a hash, 0 where unknown); in the
            merchants' order.
        registered: by merchant, the MCCs of its newest master data.
        source: what the sales are, in words, for the artefact.

    Raises:
        ValueError: no MCC has merchants enough.
    """
    found = _profiles(_counted(sales, registered)) if len(sales) else ()
    if not found:
        raise ValueError(f"an MCC must have {MIN_MERCHANTS} merchants of {MIN_SALES} sales for a profile, none has")
    from_ms, to_ms = int(sales["ms"].min()), int(sales["ms"].max())
    made = Profiles(format=FORMAT, source=source, from_ms=from_ms, to_ms=to_ms, profiles=found)
    return Profiles.decoded(made.encoded())


def _counted(sales: pd.DataFrame, registered: Mapping[int, tuple[str, ...]]) -> _Counted:
    """Count approved sales by merchant."""
    amounts = sales["minor"].to_numpy()
    frame = pd.DataFrame({"merchant": sales["merchant"], "mcc": sales["mcc"]})
    frame["octave"] = [profiles.octave(amount) for amount in amounts.tolist()]
    frame["block"] = sales["hour"].map({hour: profiles.block(hour) for hour in range(24)})
    frame["weekend"] = (sales["day"] + _THURSDAY) % 7 >= _SATURDAY
    frame["known"] = sales["card_kind"] != ""
    frame["credit"] = sales["card_kind"].isin(["credit", "semi_credit"])
    frame["round"] = (amounts > 0) & (amounts % profiles.ROUND_MINOR == 0)
    parts = [_spread_out(frame, name, range(size)) for size, name in _RANGES]
    flags = frame.groupby("merchant")[list(_FLAGS)].sum().astype(np.int64)
    flags["cards"], flags["returned"] = zip(*_followed(sales, flags.index), strict=True)
    flags["sales"] = frame.groupby("merchant").size()
    by_merchant = pd.concat([*parts, flags], axis=1)[_COUNTS]
    return _Counted(by_merchant, _spread_out(frame[frame["mcc"] != ""], "mcc"), registered)


def _followed(sales: pd.DataFrame, merchants: Iterable[int]) -> list[tuple[int, int]]:
    """Of each merchant, how many cards were followed to the end, and how many of them came again."""
    carded = sales[(sales["card"].to_numpy() & np.uint64(_LOW)) > 0]
    by_merchant = {merchant: group for merchant, group in carded.groupby("merchant")[["card", "day"]]}  # noqa: C416
    found = []
    for merchant in merchants:
        record = np.zeros(1, np.dtype([*profiles.COUNTS, *profiles.CARDS])).view(np.recarray)[0]
        if merchant in by_merchant:
            cards, days = (by_merchant[merchant][name].to_numpy().tolist() for name in ("card", "day"))
            for card, day in zip(cards, days, strict=True):
                profiles.follow(record, card & _LOW, day)
        found.append((int(record.trade_cards), int(record.trade_returned)))
    return found


def _spread_out(frame: pd.DataFrame, name: str, values: Iterable[int] | None = None) -> pd.DataFrame:
    """Sales by merchant (row) and value (column)."""
    table = frame.groupby(["merchant", name]).size().unstack(fill_value=0)  # noqa: PD010  sizes, no table yet
    if values is None:
        return table
    table = table.reindex(columns=list(values), fill_value=0)
    return table.set_axis([f"{name}{value}" for value in values], axis=1)


def _mcc_of(counted: _Counted, merchant: int) -> str:
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
    (record.trade_weekend, record.trade_known, record.trade_credit, record.trade_round, record.trade_cards,
     record.trade_returned, record.trade_sales) = scaled[ends[1] :]  # fmt: skip
    record.trade_sales = record.trade_ticket.sum()
    return [profiles.statistic(record, k) for k in range(STATISTICS)]


def _profiles(counted: _Counted) -> tuple[Profile, ...]:
    enough = counted.by_merchant[counted.by_merchant["sales"] >= MIN_SALES]
    mccs = pd.Series({merchant: _mcc_of(counted, merchant) for merchant in enough.index}, dtype=object)
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
