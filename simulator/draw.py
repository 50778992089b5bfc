"""Draws the transactions of one hour of receipt.

Every figure of a transaction is a hash of (seed, merchant, hour, number within the hour, question): any hour
of any merchant can be drawn alone, in any order, and comes out the same. All compiled code of the drawing,
and every constant in it, is in this file or in `domain`, for Numba's cache looks at no other.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.events import TXN_TYPES
from domain.timestamps import HOUR_MS
from engine.jit import njit_cached, njit_inner
from simulator.table import FAILING_SHARE, ILL_FAILING
from simulator.trades import HOURS, TRADES, WEEKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.config import SimulationConfig

EVENT = np.dtype([
    ("id", "u8"), ("original", "u8"), ("card", "u8"),
    ("received_ms", "i8"), ("event_ms", "i8"),
    ("amount", "i8"), ("original_amount", "i8"), ("original_ms", "i8"),
    ("merchant", "i4"), ("stan", "i4"), ("terminal", "i4"), ("fee", "i4"), ("due", "i4"),
    ("fee_tax", "i4"), ("fee_instant", "i4"),
    ("mcc", "i2"), ("acceptor_mcc", "i2"), ("channel_mcc", "i2"), ("flags", "u2"),
    ("special_fee", "i1"), ("txn_type", "i1"), ("scheme", "i1"), ("card_kind", "i1"), ("response", "i1"),
    ("mode", "i1"), ("number", "i1"), ("entry", "i1"),
])  # fmt: skip
"""One record before it is written.

`original` and `channel_mcc` 0, `special_fee`, `card_kind` and `mode` -1, `fee` `NO_FEE`: none. `entry` is a place in
`ENTRY_NAMES`; -1: it is drawn when the record is written. `number` 0 is the
merchant's own, others are further ones of its. `due` is the fee that should have been charged;
`fee_tax` and `fee_instant` are parts of `fee`, 0 for none.
"""

NO_FEE = -(2**31)
VIOLATION, DUPLICATE, LATE, FUTURE, MASTER, UNDONE, TAKES_OUT = 1, 2, 4, 8, 16, 32, 64
SETTLEMENT, MISCHARGED, ODD = 128, 256, 512
"""Flags of an event: the truth about it.

`UNDONE`: another record undoes it. `TAKES_OUT`: it takes an approved sale out, for the first time. `LATE`: it
was delayed by hours, which is not always too late. `MASTER`: master data or a contract; `id` is the number of the
record. `VIOLATION` is of MCC or number; `ODD` is of what no rule describes. `MISCHARGED` stands on the record that
carries the fee, which may be a `SETTLEMENT`.
"""

SCHEME_NAMES = (
    "unionpay", "alipay", "wechat", "visa", "mastercard", "amex", "jcb", "discover", "mir", "troy",
)  # fmt: skip
"""Schemes of simulated cards; the last two are unknown to `domain.events.SCHEMES`."""
ENTRY_NAMES = ("chip", "contactless", "contactless_pin", "stripe", "keyed", "code", "code_shown")
"""How cards are read; the last two are codes that are scanned."""
SCHEME_EDGES = np.cumsum([0.74, 0.11, 0.09, 0.021, 0.02, 0.004, 0.006, 0.002, 0.004])
RESPONSES = ("00", "10", "11", "51", "55", "61", "65", "05", "57", "14", "54", "30", "91", "98", "96")
"""Response codes; the first `APPROVING` approve, the last is that of an outage."""
APPROVING = 3
DECLINE_EDGES = np.cumsum([0.42, 0.16, 0.10, 0.05, 0.10, 0.05, 0.02, 0.02, 0.01, 0.04, 0.03])[:-1]

PURCHASE, REFUND, VOID, REVERSAL, PREAUTH, BALANCE = (
    TXN_TYPES.index(name) for name in ("purchase", "refund", "void", "reversal", "preauth", "balance")
)
FIRST_HOUR = 175_320
"""Hours from 1970 to 1990: hours are counted from there in identifiers."""
MAX_RECORDS_PER_SALE = 8
_PHI = np.uint64(0x9E3779B97F4A7C15)
_11 = np.uint64(11)
_MCC_CHANNEL, _MCC_ACCEPTOR, _SPECIAL, _STATIC, _ROTATION, _DRIFT = 3, 2, 4, 5, 6, 7
"""`jump_kind`, as in `simulator.table.JUMP_KINDS`."""
_FIXED_PART, _CAP_IGNORED, _SLOW_RISE, _CONTRACT_RISE, _RATE_FALL, _SLOW_FALL = 2, 3, 4, 5, 6, 7
"""`fee_kind`, as in `simulator.table.FEE_KINDS`."""
_ROUNDS, _TAXES, _TELLS_INSTANT = 1, 2, 3
"""`fee_host`, as in `simulator.table.FEE_HOSTS`."""
_ONLY_CREDIT, _ONLY_D0 = 1, 2
"""`fee_scope`, as in `simulator.table.FEE_SCOPES`."""
_GROWTH = 6
"""`odd_kind`, as in `simulator.table.ODD_KINDS`."""
_CHIP, _CONTACTLESS, _STRIPE, _KEYED, _CODE = 0, 1, 3, 4, 5
_WALLET_CARD, _FOREIGN_CARD, _CREDIT_CARD = 1, 2, 4
"""Lowest bits of the cards of merchants with habits of their own; 0 is a debit card of the country."""
_CHINESE_SCHEMES = 0.94
_FEE_IN_TRANSACTION = 1
"""`KNOBS.fees`: 1 in transactions, 2 in settlements, 0 nowhere."""
SETTLED_AT, SETTLED_WITHIN = 4, 4
"""A merchant's day is settled within one hour of the next morning: the first local one, and how many there are."""


TRADE = np.dtype([
    ("rhythm", "f8", (168,)),  # volume of each hour of the week, Monday first; a day's mean is 1
    ("prices", "i8", (8,)),
    ("mu", "f8"), ("sigma", "f8"), ("list_share", "f8"),
    ("unit", "i8"), ("price_count", "i8"), ("hotel", "i8"),
])  # fmt: skip
"""A trade as the compiler wants it; money in fen."""

KNOBS = np.dtype([
    ("seed", "u8"), ("first_hour", "i8"), ("walk_in_cards", "i8"), ("disorder_ms", "i8"), ("skew_ms", "i8"),
    ("decline", "f8"), ("undo", "f8"), ("refund", "f8"), ("duplicate", "f8"), ("late", "f8"),
    ("future", "f8"), ("outages_per_hour", "f8"), ("fees", "i8"),
])  # fmt: skip
"""The settings the drawing uses, as the compiler wants them."""


def trades() -> NDArray[np.void]:
    """`TRADES` as `TRADE` rows."""
    out = np.zeros(len(TRADES), TRADE)
    for row, trade in zip(out, TRADES, strict=True):
        rhythm = np.outer(WEEKS[trade.week], HOURS[trade.hours]).ravel()
        row["rhythm"] = rhythm * 7 / rhythm.sum()
        row["prices"][: len(trade.prices_yuan)] = np.array(trade.prices_yuan, np.int64) * 100
        row["price_count"] = len(trade.prices_yuan)
        row["mu"], row["sigma"] = math.log(trade.median_yuan * 100), trade.sigma
        row["list_share"], row["unit"] = trade.list_share, trade.unit_fen
        row["hotel"] = trade.mcc == 7011
    return out


def knobs(config: SimulationConfig) -> NDArray[np.void]:
    """The settings of `config`, `KNOBS`, shape (1,)."""
    out = np.zeros(1, KNOBS)
    out["seed"] = config.seed
    out["first_hour"] = config.start_ms // HOUR_MS
    out["walk_in_cards"] = max(10_000, round(config.merchants * config.tx_per_merchant_day * 5))
    out["disorder_ms"], out["skew_ms"] = config.disorder_s * 1000, config.clock_skew_s * 1000
    for name in ("decline", "undo", "refund", "duplicate", "late", "future"):
        out[name] = getattr(config, f"{name}_share")
    out["outages_per_hour"] = config.outages_per_day / 24
    out["fees"] = ("none", "transaction", "settlement").index(config.fees)
    return out


@njit_inner
def mix(x: np.uint64) -> np.uint64:
    """Spread the bits of `x` (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit_inner
def unit(key: np.uint64, question: int) -> float:
    """Uniform in [0, 1) for one question about `key`."""
    return float(mix(key + np.uint64(question) * _PHI) >> _11) * 1.1102230246251565e-16


@njit_inner
def normal(key: np.uint64, question: int) -> float:
    """Standard normal; uses two questions."""
    return math.sqrt(-2.0 * math.log(1.0 - unit(key, question))) * math.cos(2.0 * math.pi * unit(key, question + 1))


@njit_inner
def pick(edges: NDArray[np.float64], u: float) -> int:
    """The first place whose edge is above `u`; len(edges) if none is."""
    i = 0
    while i < len(edges) and u >= edges[i]:
        i += 1
    return i


@njit_inner
def pulses_on(p: Any, day: int, hour: int) -> bool:
    """Whether pulse `p` (`simulator.rhythm.PULSE`) is on at `hour` of local `day`."""
    if not (p.from_day <= day < p.until_day and p.from_hour <= hour < p.until_hour):
        return False
    return bool(p.weekdays >> (day + 3) % 7 & 1)


@njit_inner
def manner_on(r: Any, index: int, day: int) -> int:
    """The place in `r.manners` of the habits of merchant `index` on local `day`; -1 where it has none of its own."""
    low, high = r.manner_at[index], r.manner_at[index + 1]
    if low == high:
        return -1
    while high - low > 1:
        middle = (low + high) // 2
        if r.manners[middle].from_day <= day:
            low = middle
        else:
            high = middle
    return int(low)


@njit_inner
def streams_of(m: Any, t: Any, r: Any, place: int, day: int, of_day: int) -> tuple[float, float]:
    """What one local hour is of the merchant's mean hour: of its own trade, and of a second stream of sales."""
    # Hours that moved go round within their day, which sells as much as before.
    usual_hour = (of_day - m.moved_h) % 24 if day >= m.moved_day else of_day
    week = (day + 3) % 7 * 24  # 1970-01-01 was a Thursday
    if place < 0:
        return t.rhythm[week + usual_hour], 0.0
    w = r.manners[place]
    since = day - w.since_day
    own = (t.rhythm[week + (usual_hour - w.moved_h) % 24] + (w.night / 6.0 if of_day < 6 else 0.0)) / (1.0 + w.night)
    own *= max(0.0, w.own + w.own_step * since) * w.late ** ((of_day - w.centre_h) / 6.0)
    if w.stream < 0:
        return own, 0.0
    return own, r.streams[w.stream].trade.rhythm[week + of_day] * max(0.0, w.second + w.second_step * since)


@njit_inner
def expected(m: Any, index: int, t: Any, r: Any, hour: int) -> float:
    """Mean number of sales of merchant `index` received in `hour`; `r` is a `simulator.rhythm.Rhythm`."""
    local = hour + m.offset_h + m.shift_h
    day, of_day = local // 24, local % 24
    own, second = streams_of(m, t, r, manner_on(r, index, day), day, of_day)
    shape = own + second
    first, last = r.pulse_at[index], r.pulse_at[index + 1]
    if shape == 0.0 and first == last:
        return 0.0
    factor = r.sales[day - r.first_day, index]
    if factor == 0.0:
        return 0.0
    mean = m.rate * shape * factor * r.catch_up[m.acquirer, hour - r.first_hour]
    for i in range(first, last):
        p = r.pulses[i]
        if pulses_on(p, day, of_day):
            mean = mean * p.sales + p.plus
    return float(mean)


@njit_inner
def count(m: Any, index: int, t: Any, r: Any, hour: int) -> int:
    """Number of sales of merchant `index` received in `hour`: Poisson."""
    mean = expected(m, index, t, r, hour)
    if mean == 0.0:
        return 0
    key = mix(m.key + np.uint64(hour) * _PHI)
    if mean > 30.0:
        return min(1_048_575, max(0, int(mean + math.sqrt(mean) * normal(key, 1) + 0.5)))
    u = unit(key, 0)
    p = math.exp(-mean)
    k = 0
    while u >= p and k < 200:
        u -= p
        k += 1
        p *= mean / k
    return k


def counts(merchants: Any, chosen: NDArray[np.int64], trades: Any, rhythm: Any, hour: int) -> NDArray[np.int64]:
    """Sales of each chosen merchant received in `hour`, shape (chosen,)."""
    # The array is made here: compiled code that makes one takes seconds longer to compile.
    out = np.empty(len(chosen), np.int64)
    _counts(merchants, chosen, trades, rhythm, hour, out)
    return out


@njit_cached
def _counts(
    merchants: Any, chosen: NDArray[np.int64], trades: Any, rhythm: Any, hour: int, out: NDArray[np.int64]
) -> None:
    for i in range(len(chosen)):
        m = merchants[chosen[i]]
        out[i] = count(m, chosen[i], trades[m.trade], rhythm, hour)


@njit_inner
def identity(merchant: int, hour: int, k: int, part: int) -> np.uint64:
    """A number no other record has (21, 20, 20 and 3 bits).

    `part` is 0 for a sale, 1 for its undoing, 2 for that once more, 3 for a refund, 4 for one to a colluding card.
    """
    return (
        np.uint64(merchant) << np.uint64(43)
        | np.uint64(hour - FIRST_HOUR) << np.uint64(23)
        | np.uint64(k) << np.uint64(3)
        | np.uint64(part)
    )


@njit_inner
def stan_of(hour: int, k: int, part: int) -> int:
    """System trace number, 1 to 999999: distinct within the hour up to 125,000 sales of a merchant."""
    return 1 + (hour * 7919 + k * 8 + part) % 999_999


@njit_inner
def delay_of(key: np.uint64, question: int, disorder_ms: int) -> int:
    """Milliseconds from event to receipt: mostly about a second, for one in twenty up to `disorder_ms`."""
    u = unit(key, question)
    reach = disorder_ms if unit(key, question + 1) < 0.05 else min(1000, disorder_ms)
    return int(u * reach)


@njit_inner
def skew_of(m: Any, terminal: int, skew_ms: int) -> int:
    """Milliseconds the clock of a terminal is ahead (negative: behind)."""
    key = mix(m.key + np.uint64(terminal + 77) * _PHI)
    return int((2.0 * unit(key, 1) - 1.0) * skew_ms) if unit(key, 0) < 0.05 else 0


@njit_inner
def in_outage(seed: np.uint64, acquirer: int, hour: int, at_ms: int, per_hour: float) -> bool:
    """Whether the acquirer is out `at_ms` after the beginning of `hour`."""
    key = mix(seed ^ mix(np.uint64(hour * 16 + acquirer)))
    if unit(key, 0) >= per_hour:
        return False
    start = unit(key, 1) * 2_700_000.0
    return bool(start <= at_ms < start + 300_000.0 + unit(key, 2) * 600_000.0)


@njit_inner
def ticket(m: Any, index: int, t: Any, r: Any, key: np.uint64, hour: int, times: float, spread: float) -> int:
    """Amount of a sale received in `hour`, fen: `times` the usual, with `spread` times the spread.

    Prices of a list stay as they are when tickets hardly change.
    """
    local = hour + m.offset_h + m.shift_h
    factor = float(r.ticket[local // 24 - r.first_day, index])
    for i in range(r.pulse_at[index], r.pulse_at[index + 1]):
        p = r.pulses[i]
        if pulses_on(p, local // 24, local % 24):
            factor *= p.ticket
    if unit(key, 10) < t.list_share:
        fen = float(t.prices[int(unit(key, 11) * t.price_count)])
        if 0.8 <= factor <= 1.25:
            if times == 1.0:
                return int(fen)
            factor = 1.0
        fen *= factor * times
    else:
        fen = factor * times * m.scale * math.exp(t.mu + t.sigma * spread * normal(key, 12))
    return int(min(50_000_000, max(t.unit, int(fen / t.unit + 0.5) * t.unit)))


@njit_inner
def pulse_of(m: Any, index: int, t: Any, r: Any, key: np.uint64, hour: int) -> int:
    """The number of the pulse that brought a sale received in `hour`; -1: none did."""
    first, last = r.pulse_at[index], r.pulse_at[index + 1]
    if first == last:
        return -1
    local = hour + m.offset_h + m.shift_h
    rest = unit(key, 90) * expected(m, index, t, r, hour)
    for i in range(first, last):
        p = r.pulses[i]
        if pulses_on(p, local // 24, local % 24):
            rest -= p.plus
            if rest < 0.0:
                return int(i)
    return -1


@njit_inner
def set_pulse(e: Any, m: Any, t: Any, p: Any, key: np.uint64) -> None:
    """Give `e` the amount, and the card, of what pulse `p` brings."""
    e.amount = p.amount
    if not p.amount:
        fen = p.median * m.scale * math.exp(t.mu + p.spread * normal(key, 91))
        e.amount = min(50_000_000, max(t.unit, int(fen / t.unit + 0.5) * t.unit))
    if p.cards:
        e.card = mix(m.key + np.uint64(2_000_003) + np.uint64(int(unit(key, 93) * p.cards)) * _PHI)
        set_scheme(e)


@njit_inner
def set_card(e: Any, m: Any, x: Any, key: np.uint64) -> None:
    """Give `e` a card: of the merchant's regulars or of those anywhere."""
    if unit(key, 14) < 0.45:
        e.card = mix(m.key + np.uint64(1_000_003) + np.uint64(int(unit(key, 15) * m.pool)) * _PHI)
    else:
        e.card = mix(x.seed + np.uint64(int(unit(key, 15) * x.walk_in_cards)) * _PHI)
    set_scheme(e)


@njit_inner
def set_scheme(e: Any) -> None:
    """Give `e` the scheme and the kind of its card."""
    e.scheme = pick(SCHEME_EDGES, unit(e.card, 1))
    u = unit(e.card, 2)
    e.card_kind = -1 if e.scheme in (1, 2) else 0 if u < 0.52 else 1 if u < 0.95 else 2 if u < 0.97 else 3


@njit_inner
def set_class(e: Any, base: np.uint64, w: Any) -> None:
    """Give `e` the card that `base` is where code, foreign and credit cards are as frequent as `w` says.

    The kind is part of the number of the card, so a card is of the same kind wherever it is used.
    """
    u = unit(base, 1)
    bits = _WALLET_CARD if u < w.code else _FOREIGN_CARD if u < w.code + w.foreign else 0
    if bits != _WALLET_CARD and unit(base, 2) < w.credit:
        bits |= _CREDIT_CARD
    e.card = base & ~np.uint64(7) | np.uint64(bits)
    if bits == _WALLET_CARD:
        e.scheme, e.card_kind = (1 if unit(base, 3) < 0.55 else 2), -1
        return
    e.scheme = pick(SCHEME_EDGES, _CHINESE_SCHEMES + (1.0 - _CHINESE_SCHEMES) * unit(base, 3)) if bits & 2 else 0
    e.card_kind = 1 if bits & _CREDIT_CARD else 3 if unit(base, 4) < 0.03 else 0


@njit_inner
def set_entry(e: Any, w: Any, old: float, key: np.uint64) -> None:
    """How the card of `e` is read; `old` times as often by its stripe as `w` says."""
    u = unit(key, 47)
    if e.card_kind < 0:
        e.entry = _CODE + (1 if u < 0.7 else 0)
    elif u < w.keyed:
        e.entry = _KEYED
    elif u < w.keyed + w.stripe * old:
        e.entry = _STRIPE
    else:
        e.entry = _CHIP if unit(key, 48) < 0.6 else _CONTACTLESS


@njit_inner
def set_manner(e: Any, m: Any, r: Any, x: Any, place: int, second: bool, key: np.uint64, before: np.uint64) -> None:
    """Give `e` terminal, card and entry as the merchant's habits say; `before` is the key of the sale before."""
    w = r.manners[place]
    e.terminal = int(w.terminals * unit(key, 6) ** w.skew)
    if not second:
        source = before if unit(key, 97) < w.again else key
        if unit(source, 14) < w.regular:
            which = np.uint64(int(unit(source, 15) ** 2 * m.pool))
            set_class(e, mix(m.key + np.uint64(1_000_003) + which * _PHI), w)
        else:
            set_class(e, mix(x.seed + np.uint64(int(unit(source, 15) * x.walk_in_cards)) * _PHI), w)
        # The oldest terminal reads more stripes than the others.
        set_entry(e, w, 1.0 if w.terminals == 1 else 1.8 if e.terminal == 0 else 0.6, key)
        return
    s = r.streams[w.stream]
    if s.terminal >= 0:
        e.terminal = s.terminal
    if unit(key, 14) < s.regular:
        which = np.uint64(int(unit(key, 15) * s.cards))
        set_class(e, mix(m.key + np.uint64(3_000_017) + which * _PHI), s)
    else:
        set_class(e, mix(x.seed + np.uint64(int(unit(key, 15) * x.walk_in_cards)) * _PHI), s)
    set_entry(e, s, 1.0, key)


@njit_inner
def gather(e: Any, m: Any, r: Any, place: int, second: bool, key: np.uint64, hour: int) -> None:
    """Let sales of a second stream follow each other quickly where they do, and mark what is odd."""
    odd = m.odd_kind == _GROWTH
    if second:
        s = r.streams[r.manners[place].stream]
        odd = bool(s.odd)
        if s.within_ms and not e.flags & (LATE | FUTURE):
            begin = hour * HOUR_MS + int(unit(mix(m.key ^ np.uint64(hour)), 96) * (HOUR_MS - s.within_ms))
            later = begin + int(unit(key, 0) * s.within_ms) - e.received_ms
            e.received_ms += later
            e.event_ms += later
    if odd and m.odd_from_ms <= e.event_ms < m.odd_until_ms:
        e.flags |= ODD


@njit_inner
def amount_of(m: Any, index: int, t: Any, r: Any, place: int, second: bool, key: np.uint64, hour: int) -> int:
    """Amount of a sale that no pulse brought, fen."""
    if place < 0:
        return int(ticket(m, index, t, r, key, hour, 1.0, 1.0))
    w = r.manners[place]
    if second:
        return int(ticket(m, index, r.streams[w.stream].trade, r, key, hour, 1.0, 1.0))
    times = w.ticket * w.evening if (hour + m.offset_h + m.shift_h) % 24 >= 17 else w.ticket
    amount = ticket(m, index, t, r, key, hour, times, w.spread)
    if amount >= 5_000 and unit(key, 46) < w.round:
        return max(10_000, (amount + 5_000) // 10_000 * 10_000)
    return int(amount)


@njit_inner
def set_mcc(e: Any, m: Any) -> None:
    """Present the MCCs the merchant is registered for: each terminal has its own."""
    if e.event_ms >= m.change_ms:
        e.mcc = m.changed_mcc
        e.acceptor_mcc = m.changed_mcc
    else:
        place = e.terminal % m.mccs
        e.mcc = m.mcc0 if place == 0 else m.mcc1 if place == 1 else m.mcc2
        e.acceptor_mcc = m.mcc0
    e.number = 1 if e.event_ms >= m.number_ms or (m.numbers == 1 and e.terminal % 2) else 0
    e.channel_mcc = e.mcc if m.channel_mcc == -1 else m.channel_mcc
    e.special_fee = m.special_fee


@njit_inner
def deviate(e: Any, m: Any, t: Any, key: np.uint64) -> None:
    """Change an approved purchase's MCC or number as the merchant's violation does."""
    if not m.jump_onset_ms <= e.event_ms < m.jump_end_ms:
        return
    if m.jump_kind == _STATIC:
        e.flags |= VIOLATION
    elif m.jump_kind == _ROTATION:
        if unit(key, 16) < m.jump_share:
            e.flags |= VIOLATION
            e.number = 1 + int(unit(key, 35) * m.numbers)
    elif m.jump_kind == _DRIFT:
        drift(e, m, key)
    else:
        jump(e, m, t, key)


@njit_inner
def drift(e: Any, m: Any, key: np.uint64) -> None:
    """Move a sale to the cheaper of two MCCs, ever more often while the ramp lasts."""
    so_far = min(1.0, (e.event_ms - m.jump_onset_ms + 1) / (m.ramp_ms + 1))
    if e.mcc == m.mcc1 or unit(key, 16) >= m.jump_share * so_far:
        return
    e.flags |= VIOLATION
    e.mcc = m.mcc1
    if m.channel_mcc == -1:
        e.channel_mcc = m.mcc1
    if not m.drift_terminal:  # else a terminal of the dearer MCC presents the cheaper
        e.terminal = e.terminal + 1 if e.terminal + 1 < m.terminals else 1


@njit_inner
def jump(e: Any, m: Any, t: Any, key: np.uint64) -> None:
    """Present a cheaper MCC, for the merchant's share of sales: mostly the larger ones on credit."""
    large = e.card_kind in (1, 2) and e.amount > m.scale * math.exp(t.mu)
    often = min(1.0, 2.0 * m.jump_share)
    if unit(key, 16) >= (often if large else (m.jump_share - 0.2 * often) / 0.8):
        return
    e.flags |= VIOLATION
    if m.jump_kind == _SPECIAL:
        e.special_fee = 3
    elif m.jump_kind == _MCC_CHANNEL:
        e.channel_mcc = m.jump_mcc
    elif m.jump_kind == _MCC_ACCEPTOR:
        e.acceptor_mcc = m.jump_mcc
    else:
        e.mcc = m.jump_mcc
        if m.channel_mcc == -1:
            e.channel_mcc = m.jump_mcc


@njit_inner
def set_time(e: Any, m: Any, x: Any, key: np.uint64, hour: int) -> None:
    """When `e` is received within `hour`, and when it happened."""
    e.received_ms = hour * HOUR_MS + int(unit(key, 0) * HOUR_MS)
    e.event_ms = e.received_ms - delay_of(key, 1, x.disorder_ms) + skew_of(m, e.terminal, x.skew_ms)
    u = unit(key, 3)
    how_far = unit(key, 4)
    if u < x.late:
        e.flags |= LATE
        # Half within the usual limit of 24 h, half beyond it.
        hours = 1.0 + 19.0 * how_far if unit(key, 5) < 0.5 else 26.0 + 40.0 * how_far
        e.event_ms -= int(hours * HOUR_MS)
    elif u >= 1.0 - x.future:
        e.flags |= FUTURE
        e.event_ms = e.received_ms + 660_000 + int(how_far * 71.0 * HOUR_MS)


@njit_inner
def is_ill(e: Any, m: Any, hour: int) -> bool:
    """Whether something is the matter with the terminal of `e` by then."""
    ill: bool = e.terminal == m.ill_terminal and m.ill_from_ms <= hour * HOUR_MS < m.ill_until_ms
    return ill


@njit_inner
def set_response(e: Any, m: Any, x: Any, key: np.uint64, hour: int, decline: float, tilt: float) -> None:
    """Approve or decline `e`; the greater `tilt`, the more declines are for want of money."""
    if m.ill_kind == ILL_FAILING and is_ill(e, m, hour) and unit(key, 61) < FAILING_SHARE:
        e.response = len(RESPONSES) - 1 - int(unit(key, 62) * 3)  # 91, 98 or 96
        return
    out = in_outage(x.seed, m.acquirer, hour, e.received_ms - hour * HOUR_MS, x.outages_per_hour)
    if out and unit(key, 17) < 0.9:
        e.response = len(RESPONSES) - 1
    elif unit(key, 18) < decline:
        e.response = APPROVING + pick(DECLINE_EDGES, unit(key, 19) ** tilt)
    else:
        u = unit(key, 19)
        e.response = 1 if u < 0.0003 else 2 if u < 0.0006 else 0


@njit_inner
def set_mode(e: Any, m: Any, key: np.uint64) -> None:
    """When `e` is to be settled: some sales of some merchants on the same day."""
    e.mode = m.mode
    if m.mode == 1:
        e.mode = 1 if e.event_ms >= m.d0_ms and unit(key, 8) < m.d0_share else 0


@njit_inner
def price(e: Any, p: Any, rise: float, debit_cap: int) -> int:
    """Fee of `e` under the prices `p` (`simulator.table.PRICES`), its rate times 1 + `rise`, fen; cap 0 is none."""
    wallet, debit = e.scheme in (1, 2), e.card_kind == 0
    rate = p.wallet_ppm if wallet else p.low_ppm if e.amount < p.tier_from else p.debit_ppm if debit else p.credit_ppm
    fixed = 0
    if e.mode == 1:
        rate, fixed = rate + p.d0_ppm, p.d0_fixed
    if rise != 0.0:
        rate = int(rate * (1.0 + rise) + 0.5)
    fee = (e.amount * rate + 500_000) // 1_000_000
    if debit and not wallet and debit_cap > 0:
        fee = min(fee, debit_cap)
    return int(max(fee, p.minimum) + fixed)


@njit_inner
def tell(e: Any, m: Any, agreed: Any) -> None:
    """Tell the fee of `e` as the merchant's host does."""
    if m.fee_host == _ROUNDS:
        off = (2.0 * unit(mix(e.id), 38) - 1.0) * e.amount / 10_000.0
        e.fee = max(0, e.fee + math.floor(off + 0.5))
    elif m.fee_host == _TAXES:
        e.fee_tax = (6 * e.fee + 50) // 100
        e.fee += e.fee_tax
    elif m.fee_host == _TELLS_INSTANT and e.mode == 1:
        e.mode = 0
        e.fee_instant = e.fee - price(e, agreed, 0.0, agreed.debit_cap)
        e.mode = 1


@njit_inner
def charge(e: Any, m: Any, prices: Any) -> None:
    """Set what an approved purchase is charged and what is due; `prices` are the contract's two versions."""
    agreed = prices[1 if e.event_ms >= m.contract_ms else 0]
    e.due = e.fee = price(e, agreed, 0.0, agreed.debit_cap)
    if m.fee_host:
        tell(e, m, agreed)
    if not m.fee_onset_ms <= e.event_ms < m.fee_end_ms:
        return
    size = -m.fee_size if m.fee_kind in (_RATE_FALL, _SLOW_FALL) else m.fee_size
    if m.fee_kind == _CONTRACT_RISE:
        e.due = price(e, prices[0], 0.0, prices[0].debit_cap)
    elif m.fee_kind == _FIXED_PART:
        e.fee += int(m.fee_size)
    elif m.fee_kind == _CAP_IGNORED:
        e.fee = price(e, agreed, 0.0, 0)
    elif m.fee_kind in (_SLOW_RISE, _SLOW_FALL):
        steps = 1 + (e.event_ms - m.fee_onset_ms) // m.fee_step_ms
        e.fee = price(e, agreed, (1.0 + size) ** steps - 1.0, agreed.debit_cap)
    elif (m.fee_scope != _ONLY_CREDIT or e.card_kind in (1, 2)) and (m.fee_scope != _ONLY_D0 or e.mode == 1):
        e.fee = price(e, agreed, size, agreed.debit_cap) + m.fee_fixed
    if e.fee != e.due:
        e.flags |= MISCHARGED


@njit_inner
def begin(e: Any, m: Any, index: int, x: Any, hour: int, k: int, key: np.uint64) -> None:
    """Give `e` what every sale has: a number, a terminal, a card."""
    e.id = identity(index, hour, k, 0)
    e.original = e.original_amount = e.original_ms = 0
    e.merchant = index
    e.flags = 0
    e.fee, e.due = NO_FEE, 0
    e.fee_tax = e.fee_instant = 0
    e.terminal = int(unit(key, 6) * m.terminals)
    e.entry = -1
    e.stan = stan_of(hour, k, 0)
    set_card(e, m, x, key)


@njit_cached
def sale(e: Any, m: Any, index: int, t: Any, r: Any, x: Any, hour: int, k: int) -> np.uint64:
    """Draw sale `k` of merchant `index` received in `hour` into `e`; its key of further draws is returned."""
    key = mix(m.key ^ mix(np.uint64(hour) * _PHI + np.uint64(k)))
    local = hour + m.offset_h + m.shift_h
    place, second = manner_on(r, index, local // 24), False
    undo_share, decline, tilt = x.undo, x.decline, 1.0
    begin(e, m, index, x, hour, k, key)
    if place >= 0:
        own, other = streams_of(m, t, r, place, local // 24, local % 24)
        second = unit(key, 94) * (own + other) < other
        before = mix(m.key ^ mix(np.uint64(hour) * _PHI + np.uint64(k - 1))) if k else key
        set_manner(e, m, r, x, place, second, key, before)
        w = r.manners[place]
        undo_share, decline, tilt = w.undo, w.decline, w.tilt
    if m.ill_kind > ILL_FAILING and is_ill(e, m, hour):
        e.terminal = (e.terminal + 1) % m.terminals
    set_time(e, m, x, key, hour)
    if place >= 0:
        gather(e, m, r, place, second, key, hour)
    set_mcc(e, m)
    set_mode(e, m, key)
    set_response(e, m, x, key, hour, decline, tilt)
    pulse = -1 if second else pulse_of(m, index, t, r, key, hour)
    if pulse >= 0:
        set_pulse(e, m, t, r.pulses[pulse], key)
    else:
        e.amount = amount_of(m, index, t, r, place, second, key, hour)
    u = unit(key, 7)
    e.txn_type = BALANCE if u < 0.004 else PREAUTH if t.hotel and u < 0.1 else PURCHASE
    if e.txn_type == BALANCE:
        e.amount = 0
    if e.txn_type != PURCHASE:
        return key
    if e.response < APPROVING and m.jump_kind:
        deviate(e, m, t, key)
    # Terminals often reverse what an outage or a time-out declined: there is nothing to take out then.
    odds = undo_share if e.response < APPROVING else undo_share * 40.0 if e.response >= len(RESPONSES) - 2 else 0.0
    left = (hour + 1) * HOUR_MS - e.received_ms
    if not e.flags & (LATE | FUTURE) and left > 5000 and unit(key, 20) < odds:
        e.flags |= UNDONE
    return key


@njit_inner
def undo(e: Any, m: Any, first: Any, x: Any, hour: int, k: int, key: np.uint64) -> bool:
    """Draw into `e` what undoes the sale `first`; whether it is received before that sale."""
    left = (hour + 1) * HOUR_MS - first.received_ms
    reversal = first.response >= APPROVING or unit(key, 21) < 0.5
    longest = min(30_000 if reversal else 600_000, left - 2000)
    gap = 1000 + int(unit(key, 22) * (longest - 1000))
    e.txn_type = REVERSAL if reversal else VOID
    e.original, e.original_amount, e.original_ms = first.id, first.amount, first.event_ms
    e.id = identity(first.merchant, hour, k, 1)
    e.stan = stan_of(hour, k, 1)
    e.received_ms = first.received_ms + gap
    e.event_ms = e.received_ms - min(gap, delay_of(key, 23, x.disorder_ms)) + skew_of(m, e.terminal, x.skew_ms)
    if e.event_ms >= min(m.change_ms, m.number_ms):
        set_mcc(e, m)
    e.fee = NO_FEE
    e.flags = TAKES_OUT if first.response < APPROVING else 0
    e.response = 0
    if unit(key, 25) < 0.01:
        e.response, e.flags = 5 + APPROVING, 0
    return reversal and gap < x.disorder_ms and unit(key, 26) < 0.1


@njit_inner
def refund(e: Any, m: Any, prices: Any, index: int, t: Any, r: Any, x: Any, hour: int, k: int, key: np.uint64) -> bool:
    """Draw into `e` a refund of sale `k` of an earlier hour; false where there is none to refund.

    The distance in hours depends on merchant and `k` alone, so no sale is refunded twice.
    """
    u = unit(mix(m.key + np.uint64(k)), 9)
    back = 1 + int(u * 8.0) if u < 0.5 else 24 * (1 + int((u - 0.5) * 14.0))
    if hour - back < x.first_hour or k >= count(m, index, t, r, hour - back):
        return False
    sale(e, m, index, t, r, x, hour - back, k)
    if e.txn_type != PURCHASE or e.response >= APPROVING or e.flags & (UNDONE | LATE | FUTURE):
        return False
    e.original, e.original_amount, e.original_ms = e.id, e.amount, e.event_ms
    e.id = identity(index, hour, k, 3)
    e.stan = stan_of(hour, k, 3)
    if x.fees == _FEE_IN_TRANSACTION and m.fee_returned:
        charge(e, m, prices)
    if unit(key, 30) < 0.3:
        e.amount = max(1, int(e.amount * (0.1 + 0.8 * unit(key, 31))))
    if e.fee != NO_FEE:
        e.fee = -((2 * e.fee * e.amount + e.original_amount) // (2 * e.original_amount))
    e.txn_type, e.flags = REFUND, 0
    e.received_ms = hour * HOUR_MS + int(unit(key, 32) * HOUR_MS)
    e.event_ms = e.received_ms - delay_of(key, 33, x.disorder_ms) + skew_of(m, e.terminal, x.skew_ms)
    if e.event_ms >= min(m.change_ms, m.number_ms):
        set_mcc(e, m)
    return True


@njit_inner
def odd_refund(
    e: Any, m: Any, prices: Any, index: int, t: Any, r: Any, x: Any, hour: int, k: int, key: np.uint64, place: int
) -> None:  # fmt: skip
    """Draw into `e` a refund to one of a few cards: of a sale to another card, or of none at all."""
    w = r.manners[place]
    if unit(key, 49) < w.unsold or not refund(e, m, prices, index, t, r, x, hour, k, key):
        sale(e, m, index, t, r, x, hour, k)
        e.original = e.original_amount = e.original_ms = 0
        e.fee = NO_FEE
        e.amount = max(e.amount, 100)
        e.txn_type, e.flags, e.response = REFUND, 0, 0
        e.received_ms = hour * HOUR_MS + int(unit(key, 32) * HOUR_MS)
        e.event_ms = e.received_ms - delay_of(key, 33, x.disorder_ms) + skew_of(m, e.terminal, x.skew_ms)
        set_mcc(e, m)
    e.id, e.stan = identity(index, hour, k, 4), stan_of(hour, k, 4)
    set_class(e, mix(m.key + np.uint64(5_000_011) + np.uint64(int(unit(key, 98) * w.refund_cards)) * _PHI), w)
    set_entry(e, w, 1.0, mix(key))
    if m.odd_from_ms <= e.event_ms < m.odd_until_ms:
        e.flags |= ODD


@njit_inner
def repeat(out: Any, first: int, at: int, x: Any, hour: int, key: np.uint64, question: int) -> int:
    """Send event `first` once more, as `out[at]`, for the share of duplicates; the next free place."""
    left = (hour + 1) * HOUR_MS - out[first].received_ms
    if out[first].flags & (LATE | FUTURE) or left < 2000 or unit(key, question) >= x.duplicate:
        return at
    out[at] = out[first]
    out[at].flags = (out[at].flags | DUPLICATE) & ~(VIOLATION | TAKES_OUT | UNDONE | MISCHARGED | ODD)
    out[at].received_ms += 500 + int(unit(key, question + 1) * (min(60_000, left) - 500))
    return at + 1


@njit_inner
def undo_and_repeats(out: Any, first: int, m: Any, x: Any, hour: int, k: int, key: np.uint64) -> int:
    """Add after sale `first` what undoes it; the next free place is returned."""
    at = first + 1
    out[at] = out[first]
    overtakes = undo(out[at], m, out[first], x, hour, k, key)
    if overtakes:
        out[first].received_ms = out[at].received_ms + 1 + int(unit(key, 27) * 1500.0)
    at = repeat(out, first + 1, at + 1, x, hour, key, 40)
    # Some reversals are sent again under a number of their own.
    left = (hour + 1) * HOUR_MS - out[first + 1].received_ms
    if out[first + 1].txn_type == REVERSAL and left > 2 and unit(key, 28) < 0.05 and out[first + 1].response == 0:
        out[at] = out[first + 1]
        out[at].id = identity(out[first].merchant, hour, k, 2)
        out[at].stan = stan_of(hour, k, 2)
        out[at].flags = 0
        wait = 1 + int(unit(key, 29) * (min(20_000, left) - 1))
        out[at].received_ms += wait
        out[at].event_ms += wait
        if out[at].event_ms >= min(m.change_ms, m.number_ms):
            set_mcc(out[at], m)
        at += 1
    return at


@njit_cached
def draw(
    merchants: Any,
    prices: Any,
    chosen: NDArray[np.int64],
    sales: NDArray[np.int64],
    trades: Any,
    rhythm: Any,
    knobs: Any,
    hour: int,
    out: Any,
) -> int:
    """Draw all records of the chosen merchants received in `hour` into `out`, by merchant; their number.

    `sales` are the merchants' `counts`; `out` has room for `MAX_RECORDS_PER_SALE` of each.
    """
    at = 0
    x = knobs[0]
    for i in range(len(chosen)):
        index = chosen[i]
        m = merchants[index]
        t = trades[m.trade]
        place = manner_on(rhythm, index, (hour + m.offset_h + m.shift_h) // 24)
        refunds = x.refund if place < 0 else rhythm.manners[place].refund
        colluding = 0.0 if place < 0 else rhythm.manners[place].odd_refund
        for k in range(sales[i]):
            first = at
            key = sale(out[first], m, index, t, rhythm, x, hour, k)
            if x.fees == _FEE_IN_TRANSACTION and out[first].txn_type == PURCHASE and out[first].response < APPROVING:
                charge(out[first], m, prices[index])
            at = first + 1
            if out[first].flags & UNDONE:
                at = undo_and_repeats(out, first, m, x, hour, k, key)
            at = repeat(out, first, at, x, hour, key, 42)
            if unit(key, 34) < refunds and refund(out[at], m, prices[index], index, t, rhythm, x, hour, k, key):
                at = repeat(out, at, at + 1, x, hour, key, 44)
            elif unit(key, 95) < colluding:
                odd_refund(out[at], m, prices[index], index, t, rhythm, x, hour, k, key, place)
                at += 1
    return at


def settling(merchants: Any, chosen: NDArray[np.int64], hour: int) -> NDArray[np.bool_]:
    """Which of the chosen merchants' yesterday is settled in `hour`, shape (chosen,)."""
    out = np.empty(len(chosen), np.bool_)
    _settling(merchants, chosen, hour, out)
    return out


@njit_cached
def _settling(merchants: Any, chosen: NDArray[np.int64], hour: int, out: NDArray[np.bool_]) -> None:
    for i in range(len(chosen)):
        m = merchants[chosen[i]]
        out[i] = (hour + m.offset_h) % 24 == SETTLED_AT + np.int64(m.key % np.uint64(SETTLED_WITHIN))


@njit_cached
def settle(
    merchants: Any, prices: Any, chosen: NDArray[np.int64], sales: NDArray[np.int64], trades: Any, rhythm: Any,
    knobs: Any, hour: int, sold: int, out: Any,
) -> int:  # fmt: skip
    """Draw settlements, received in `hour`, of what the chosen sold in the hour `sold`.

    Each is settled if that lies in its yesterday. `sales` are the merchants' `counts` in that hour; `out` has room
    for them. Approved purchases are settled that nothing undoes; the number of settlements is returned.
    """
    at = 0
    x = knobs[0]
    for i in range(len(chosen)):
        index = chosen[i]
        m = merchants[index]
        midnight = (hour + m.offset_h) // 24 * 24 - 24 - m.offset_h
        if not midnight <= sold < midnight + 24:
            continue
        for k in range(sales[i]):
            e = out[at]
            key = sale(e, m, index, trades[m.trade], rhythm, x, sold, k)
            if e.txn_type != PURCHASE or e.response >= APPROVING or e.flags & (UNDONE | FUTURE):
                continue
            e.flags = SETTLEMENT
            charge(e, m, prices[index])
            e.original_ms = e.event_ms
            # In the order of sale within most of the hour, but for one in twenty.
            place = unit(key, 37) if unit(key, 36) < 0.05 else (e.received_ms - midnight * HOUR_MS) / (24.0 * HOUR_MS)
            e.received_ms = hour * HOUR_MS + int(place * 0.9 * HOUR_MS)
            e.event_ms = e.received_ms
            at += 1
    return at
