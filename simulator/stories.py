"""Merchants that are told beforehand, not drawn: what each is, and the one thing it does.

A demonstration wants each kind of violation once, large and plain. Nothing else of the merchant deviates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from domain.timestamps import DAY_MS, HOUR_MS
from simulator.table import FEE_KINDS, FEE_SCOPES, JUMP_KINDS, NEVER_MS
from simulator.trades import CITIES, TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.config import SimulationConfig

_DEBIT_PPM, _DEBIT_CAP, _WALLET_PPM = 5_000, 2_000, 3_800
"""What a story's contract has beside its credit rate: 0.5 % up to 20 yuan, and 0.38 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """It presents MCC `mcc` in `share` (0 to 1) of its sales, of large ones on credit twice as often."""

    mcc: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overcharge:
    """It is charged `charged_ppm` and `fixed_minor` for credit cards, where the contract says `due_ppm`."""

    due_ppm: int
    charged_ppm: int
    fixed_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surge:
    """It sells `times` as much as usual for `days` local days from the day of the onset on."""

    times: float
    days: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One merchant and its deed.

    Attributes:
        trade_mcc: the MCC of its trade, under which it is registered, one of `simulator.trades.TRADES`.
        city: the English name of one of `simulator.trades.CITIES`.
        sales_a_day: mean number of sales, above 0.
        ticket_yuan: median ticket, above 0.
        onset_h: hours from the start of the run to the deed, at least 0.
        deed: what it does from then on.

    Raises:
        ValueError: an argument is out of range.
    """

    trade_mcc: int
    city: str
    sales_a_day: float
    ticket_yuan: float
    onset_h: float
    deed: Jump | Overcharge | Surge

    def __post_init__(self) -> None:
        for name, value, known in (
            ("trade_mcc", self.trade_mcc, [trade.mcc for trade in TRADES]),
            ("city", self.city, [city.name for city in CITIES]),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, got {value!r}")
        for name in ("sales_a_day", "ticket_yuan"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)!r}")
        if not self.onset_h >= 0:
            raise ValueError(f"onset_h must be at least 0, got {self.onset_h!r}")


def cast(config: SimulationConfig) -> NDArray[np.int64]:
    """Indices of the merchants that the config's stories are of, in their order: spread over all merchants."""
    return np.arange(len(config.stories), dtype=np.int64) * config.merchants // max(1, len(config.stories))


def introduce(table: NDArray[np.void], config: SimulationConfig) -> None:
    """Fill in who the stories' merchants are: trade, city, number of sales and tickets."""
    for i, story in zip(map(int, cast(config)), config.stories, strict=True):
        row = table[i]
        row["trade"] = next(k for k, trade in enumerate(TRADES) if trade.mcc == story.trade_mcc)
        row["city"] = next(k for k, city in enumerate(CITIES) if city.name == story.city)
        row["offset_h"] = CITIES[row["city"]].offset_h
        row["rate"] = story.sales_a_day
        row["scale"] = story.ticket_yuan / TRADES[row["trade"]].median_yuan
        row["mode"] = -1


def act(table: NDArray[np.void], prices: NDArray[np.void], config: SimulationConfig) -> None:
    """Take back what was drawn of the stories' merchants, and fill in what they do to MCC or fee."""
    for i, story in zip(map(int, cast(config)), config.stories, strict=True):
        row, onset_ms = table[i], config.start_ms + round(story.onset_h * HOUR_MS)
        _be_honest(row)
        for version in prices[i]:
            _agree(version, story.deed.due_ppm if isinstance(story.deed, Overcharge) else 6_000, story.trade_mcc)
        if isinstance(story.deed, Jump):
            row["jump_kind"], row["jump_share"] = JUMP_KINDS.index("mcc"), story.deed.share
            row["jump_mcc"] = story.deed.mcc
            row["jump_onset_ms"], row["jump_end_ms"] = onset_ms, config.end_ms
        elif isinstance(story.deed, Overcharge):
            row["fee_kind"], row["fee_scope"] = FEE_KINDS.index("rate_rise"), FEE_SCOPES.index("credit")
            row["fee_size"] = story.deed.charged_ppm / story.deed.due_ppm - 1.0
            row["fee_fixed"] = story.deed.fixed_minor
            row["fee_onset_ms"], row["fee_end_ms"] = onset_ms, config.end_ms


def surges(config: SimulationConfig) -> list[tuple[int, tuple[int, int], Surge]]:
    """Who surges on which local days, counted from 1970: from the first, before the second."""
    out = []
    for i, story in zip(map(int, cast(config)), config.stories, strict=True):
        if isinstance(story.deed, Surge):
            offset_h = next(city.offset_h for city in CITIES if city.name == story.city)
            day = int((config.start_ms + (story.onset_h + offset_h) * HOUR_MS) // DAY_MS)
            out.append((i, (day, day + story.deed.days), story.deed))
    return out


def _be_honest(row: np.void) -> None:
    for name in ("change_ms", "number_ms", "jump_onset_ms", "jump_end_ms", "fee_onset_ms", "fee_end_ms",
                 "contract_ms", "contract_received_ms"):  # fmt: skip
        row[name] = NEVER_MS
    for name in ("jump_kind", "fee_kind", "fee_scope", "fee_size", "jump_mcc", "jump_share", "numbers", "channel_mcc",
                 "changed_mcc", "mcc1", "mcc2", "contract_change", "notice_ms", "d0_ms", "fee_returned",
                 "fee_host"):  # fmt: skip
        row[name] = 0
    row["mcc0"], row["mccs"], row["special_fee"] = TRADES[row["trade"]].mcc, 1, -1


def _agree(version: np.void, credit_ppm: int, mcc: int) -> None:
    free = next(trade.fee_class for trade in TRADES if trade.mcc == mcc) == 2
    for name in version.dtype.names or ():
        version[name] = 0
    if not free:
        version["credit_ppm"], version["debit_ppm"] = credit_ppm, min(_DEBIT_PPM, credit_ppm)
        version["debit_cap"] = _DEBIT_CAP
    version["wallet_ppm"] = _WALLET_PPM
