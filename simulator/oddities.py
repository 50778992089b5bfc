"""Six things that a merchant may do and no rule describes: who does them, from when to when, and how strongly.

They are seen in habits alone: each single sale is as others are, none is large, and none is at an unlawful hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulator.draw import trades
from simulator.manners import Change, card_mix, stream_of
from simulator.render import terminal_id
from simulator.rhythm import day_ms, local_days
from simulator.table import ODD_KINDS, Draws, uniform
from simulator.trades import TRADES
from simulator.truth import RATIO, Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from simulator.config import SimulationConfig
    from simulator.merchants import Merchants

    TxnIds = Callable[[NDArray[np.uint64]], tuple[str, ...]]

LEAST_SALES_A_DAY = 5.0
"""Sales a day below which nobody does anything odd: in weeks nothing would be seen."""
HISTORY_D = 45
"""Days of honest history before anything odd begins."""
LASTS_D = (14, 40)
"""Days that it lasts, fewest and most; a switch of trade takes `SWITCH_D` and then stays."""
SWITCH_D = (28, 56)
_END = 2**30


@dataclass(frozen=True, slots=True)
class Oddity:
    """What one merchant does.

    Attributes:
        merchant: its index.
        kind: one of `simulator.table.ODD_KINDS`.
        onset_ms, end_ms: from this event time on, and before this, UTC milliseconds.
        effect: how strong it is, in `unit`.
        details: what else its kind has to say.
    """

    merchant: int
    kind: str
    onset_ms: int
    end_ms: int
    effect: float
    unit: str
    details: dict[str, str | int | float]


class OddPlan:
    """Who does what; fills in the columns of `table` that say so.

    Args:
        config: the run.
        table: its merchants, `simulator.table.MERCHANT`.
        able: who may do anything odd, shape (merchants,).
        usual: what is so of each merchant otherwise, `simulator.manners.MANNER`.

    Attributes:
        oddities: by merchant.
        changes: what makes them.
        streams: second streams of sales, `simulator.manners.STREAM`, each of shape (1,).
        first, last: the first whole local day of the run, from 1970, and the one after the last.
    """

    def __init__(
        self, config: SimulationConfig, table: NDArray[np.void], able: NDArray[np.bool_], usual: NDArray[np.void]
    ) -> None:
        self.oddities: list[Oddity] = []
        self.changes: list[Change] = []
        self.streams: list[NDArray[np.void]] = []
        self._config, self._table, self._usual, self._trades = config, table, usual, trades()
        first, days = local_days(config)
        # Whole local days everywhere.
        self.first, self.last = first + 1, first + days - 1
        if self.last - self.first < HISTORY_D + LASTS_D[0]:
            return
        chosen = Draws(config.seed, len(table)).some(830, able, config.odd_share)
        for place, i in enumerate(chosen):
            _PLANS[place % len(_PLANS)](self, i)

    def chance(self, i: int, question: int) -> float:
        """Uniform in [0, 1), of merchant `i` and `question` (830 to 869)."""
        return float(uniform(self._table["key"][i : i + 1], question)[0])

    def between(self, i: int, question: int, low: float, high: float) -> float:
        """Log-uniform from `low` to `high`."""
        return float(low * (high / low) ** self.chance(i, question))

    def days(self, i: int) -> tuple[int, int]:
        """The local days from which and before which something odd is done."""
        length = LASTS_D[0] + int(self.chance(i, 831) * (LASTS_D[1] - LASTS_D[0] + 1))
        begin = self.first_day(i, length)
        return begin, min(begin + length, self.last)

    def first_day(self, i: int, length: int) -> int:
        """The local day from which something that takes `length` days is done, within the run where it can be."""
        earliest = self.first + HISTORY_D
        return earliest + int(self.chance(i, 832) * max(1, self.last - length - earliest + 1))

    def pool(self, i: int) -> int:
        """How many regular cards the merchant has."""
        return int(self._table["pool"][i])

    def other_trade(self, i: int, least: float) -> int:
        """The place of another trade, whose tickets differ by a factor of `e ** least` or more."""
        own = TRADES[self._table["trade"][i]]
        apart = [
            k for k, each in enumerate(TRADES)
            if abs(np.log(each.median_yuan / own.median_yuan)) >= least and each.mcc != own.mcc
        ]  # fmt: skip
        return apart[int(self.chance(i, 833) * len(apart))]

    def stream(self, i: int, trade: int, *, hours: int, **figures: float) -> int:
        """Add a stream of sales with the tickets of `trade` and the hours of trade `hours`; its number."""
        of_trade = self._trades[trade].copy()
        of_trade["rhythm"] = self._trades[hours]["rhythm"]
        self.streams.append(stream_of(of_trade, self._usual[i], odd=1, **figures))
        return len(self.streams) - 1

    def change(self, i: int, kind: str, days: tuple[int, int], **to: float) -> None:
        """Set habits of merchant `i` on some days."""
        self.changes.append(Change(i, kind, *days, {}, to))

    def tell(
        self, i: int, kind: str, days: tuple[int, int], effect: float, unit: str, **details: str | float
    ) -> None:  # fmt: skip
        """Say that merchant `i` does something odd from the first of `days` to before the second."""
        row = self._table[i]
        onset_ms = day_ms(row, days[0])
        end_ms = min(day_ms(row, days[1]), self._config.end_ms)
        row["odd_kind"], row["odd_from_ms"], row["odd_until_ms"] = ODD_KINDS.index(kind), onset_ms, end_ms
        self.oddities.append(Oddity(i, kind, onset_ms, end_ms, effect, unit, details))

    def usual(self, i: int, name: str) -> float:
        """A habit of merchant `i` before anything odd."""
        return float(self._usual[i][name])

    def row(self, i: int) -> np.void:
        """The merchant's row of the table."""
        row: np.void = self._table[i]
        return row

    def trade(self, i: int) -> int:
        """The place of the merchant's own trade."""
        return int(self._table["trade"][i])


def _cash_out(plan: OddPlan, i: int) -> None:
    """A front for cash: a few holders' credit cards again and again, small round-ish tickets at the usual hours."""
    days, more, cards = plan.days(i), plan.between(i, 834, 0.06, 0.6), 2 + int(7 * plan.chance(i, 835))
    median_yuan, own = plan.between(i, 836, 150.0, 700.0), plan.trade(i)
    # More of them than usual are keyed in or read by the stripe.
    keyed, stripe = plan.usual(i, "keyed"), plan.usual(i, "stripe")
    more_read = max(0.0, 0.95 - keyed - stripe) * (0.1 + 0.7 * plan.chance(i, 837))
    more_keyed = more_read * plan.chance(i, 838)
    number = plan.stream(
        i, own, hours=own, regular=1.0, cards=cards, credit=1.0, code=0.0, foreign=0.0,
        keyed=keyed + more_keyed, stripe=stripe + more_read - more_keyed,
    )  # fmt: skip
    tickets = plan.streams[number]["trade"][0]
    tickets["mu"], tickets["sigma"] = np.log(median_yuan * 100 / float(plan.row(i)["scale"])), 0.35
    tickets["unit"] = 5_000
    tickets["list_share"] = 0.0
    plan.change(i, "odd_cash_out", days, stream=number, second=more)
    plan.tell(i, "odd_cash_out", days, more / (1.0 + more), "share of sales", cards=cards, median_yuan=median_yuan)


def _trade_switch(plan: OddPlan, i: int) -> None:
    """Hours, tickets and cards become those of another trade within weeks; the MCC stays."""
    takes, share = int(plan.between(i, 834, *SWITCH_D)), 0.4 + 0.6 * plan.chance(i, 835)
    begin = plan.first_day(i, takes)
    other = plan.other_trade(i, 0.7)
    number = plan.stream(
        i, other, hours=other, regular=0.3, cards=max(30, int(0.2 * plan.pool(i))),
        **card_mix(TRADES[other].mcc),
    )  # fmt: skip
    switched = min(begin + takes, plan.last)
    step = share / takes
    plan.change(
        i, "odd_trade_switch", (begin, switched), stream=number, since_day=begin - 1, own_step=-step, second_step=step
    )
    plan.change(i, "odd_trade_switch", (switched, _END), stream=number, own=1.0 - share, second=share)
    plan.tell(
        i, "odd_trade_switch", (begin, _END), share, "share of sales", other_mcc=f"{TRADES[other].mcc:04}",
        takes_d=takes,
    )  # fmt: skip


def _refunds(plan: OddPlan, i: int) -> None:
    """Refunds to the same few cards, which bought elsewhere or nothing."""
    days, often = plan.days(i), plan.between(i, 834, 0.03, 0.3)
    cards, unsold = 2 + int(5 * plan.chance(i, 835)), 0.2 + 0.4 * plan.chance(i, 836)
    plan.change(i, "odd_refunds", days, odd_refund=often, unsold=unsold, refund_cards=cards)
    plan.tell(i, "odd_refunds", days, often, "refunds a sale", cards=cards, unsold=unsold)


def _shared_terminal(plan: OddPlan, i: int) -> None:
    """Another shop's sales at one terminal: two sizes of tickets and two rhythms of the day."""
    days, more, other = plan.days(i), plan.between(i, 834, 0.12, 1.2), plan.other_trade(i, 0.9)
    terminal = int(plan.chance(i, 835) * plan.usual(i, "terminals"))
    number = plan.stream(
        i, other, hours=other, regular=0.3, cards=max(30, int(more * plan.pool(i))), terminal=terminal,
        **card_mix(TRADES[other].mcc),
    )  # fmt: skip
    plan.change(i, "odd_shared_terminal", days, stream=number, second=more)
    plan.tell(
        i, "odd_shared_terminal", days, more / (1.0 + more), "share of sales", other_mcc=f"{TRADES[other].mcc:04}",
        terminal_id=terminal_id(i, terminal),
    )  # fmt: skip


def _laundering(plan: OddPlan, i: int) -> None:
    """Another shop's sales among its own, at its hours, in quick succession."""
    days, more, other = plan.days(i), plan.between(i, 834, 0.3, 0.8), plan.other_trade(i, 0.5)
    within_ms = int(plan.between(i, 835, 120_000, 900_000))
    number = plan.stream(
        i, other, hours=plan.trade(i), regular=0.2, cards=max(30, int(0.2 * plan.pool(i))),
        within_ms=within_ms, **card_mix(TRADES[other].mcc),
    )  # fmt: skip
    plan.change(i, "odd_laundering", days, stream=number, second=more)
    plan.tell(
        i, "odd_laundering", days, more / (1.0 + more), "share of sales", other_mcc=f"{TRADES[other].mcc:04}",
        within_s=within_ms // 1000,
    )  # fmt: skip


def _growth(plan: OddPlan, i: int) -> None:
    """Volume, tickets and new cards rise in steps, each a small one; then credit and foreign cards."""
    days = plan.days(i)
    every, size = 4 + int(4 * plan.chance(i, 834)), plan.between(i, 835, 0.06, 0.2)
    starts = list(range(days[0], days[1], every))
    for k, day in enumerate(starts, 1):
        late = max(0, k - round(0.6 * len(starts)))
        plan.change(
            i, "odd_growth", (day, min(day + every, days[1])), own=(1.0 + size) ** k, ticket=(1.0 + 0.5 * size) ** k,
            regular=plan.usual(i, "regular") * (1.0 - size) ** k,
            credit=min(0.9, plan.usual(i, "credit") * (1.0 + 0.12 * late)),
            foreign=min(0.4, plan.usual(i, "foreign") + 0.03 * late),
        )  # fmt: skip
    steps = len(starts)
    plan.tell(i, "odd_growth", days, (1.0 + size) ** steps * (1.0 + 0.5 * size) ** steps, RATIO, steps=steps, step=size)


_PLANS = (_cash_out, _trade_switch, _refunds, _shared_terminal, _laundering, _growth)
"""In the order of `simulator.table.ODD_KINDS`."""


def odd_violation(oddity: Oddity, merchants: Merchants, hits: NDArray[np.void], txn_ids: TxnIds) -> Violation:
    """The violation, by the approved purchases or refunds (`simulator.draw.EVENT`) that it consists of, by receipt."""
    amount_minor = int(hits["amount"].sum())
    return Violation(
        merchant_id=merchants.merchant_id(oddity.merchant),
        merchant_index=oddity.merchant,
        category="model",
        kind=oddity.kind,
        onset_ms=oddity.onset_ms,
        end_ms=oddity.end_ms,
        effect=oddity.effect,
        effect_unit=oddity.unit,
        txn_ids=txn_ids(hits["id"]),
        transactions=len(hits),
        amount_minor=amount_minor,
        money_minor=amount_minor if oddity.kind == "odd_refunds" else None,
        details=oddity.details,
    )
