"""Writes drawn events as JSON, straight into bytes.

What has the same width in every record is copied from a template and filled in place; the rest is appended
from a table of ready-made members. All compiled code of the writing, and every constant in it, is in this
file or in `domain`, for Numba's cache looks at no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.approvals import COMMON
from domain.events import CARD_KINDS, FEE_CLASSES, TXN_TYPES
from domain.timestamps import DAY_MS, HOUR_MS, MINUTE_MS
from engine.jit import njit_cached, njit_inner
from simulator.draw import MASTER, NO_FEE, RESPONSES, SCHEME_NAMES, SETTLEMENT
from simulator.trades import CITIES, FEE_CLASS_OF

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from simulator.config import SimulationConfig

MAX_RECORD = 2_048
"""More bytes than any record has, with room for a copy that goes beyond its end."""
_WIDTH = 32
"""Bytes copied of a ready-made member, at most; the column behind them holds its length."""

_HEAD = (
    b'{"txn_id":"#############","merchant_id":"###############","terminal_id":"########",'
    b'"acceptor_id":"###############","mcc":"####","card_token":"################################",'
    b'"received_at":#############,"response_code":"##","currency":"CNY","event_time":'
)
_DETAIL = (
    b',"card_last4":"####","card_bin":"########","issuer_country":"##","entry_mode":"###",'
    b'"terminal_sn":"SN########","rrn":"############","stan":"######","acquirer_code":"########",'
    b'"transmitted_at":#############'
)
_SETTLED = (
    b'{"type":"settlement","txn_id":"#############","merchant_id":"###############","mcc":"####",'
    b'"received_at":#############,"original_time":#############,"currency":"CNY","event_time":'
)


_SPREAD = 2_654_435_761
"""Spreads the numbers of terminals."""


def terminal_id(merchant: int, terminal: int) -> str:
    """The number of a merchant's terminal, as records have it.

    >>> terminal_id(0, 1)
    '9e3779b1'
    """
    return f"{(merchant * 1024 + terminal) * _SPREAD % 2**32:08x}"


def _hole(template: bytes, key: bytes) -> int:
    """Where the value of `key` is filled in."""
    return template.index(b"#", template.index(b'"' + key + b'":'))


_TXN_ID, _MERCHANT, _TERMINAL, _ACCEPTOR, _MCC, _TOKEN, _RECEIVED, _RESPONSE = (
    _hole(_HEAD, key)
    for key in (b"txn_id", b"merchant_id", b"terminal_id", b"acceptor_id", b"mcc", b"card_token",
                b"received_at", b"response_code")
)  # fmt: skip
_LAST4, _BIN, _COUNTRY, _ENTRY, _SN, _RRN, _STAN, _ACQUIRER, _SENT = (
    _hole(_DETAIL, key)
    for key in (b"card_last4", b"card_bin", b"issuer_country", b"entry_mode", b"terminal_sn", b"rrn", b"stan",
                b"acquirer_code", b"transmitted_at")
)  # fmt: skip
_SETTLED_ID, _SETTLED_MERCHANT, _SETTLED_MCC, _SETTLED_RECEIVED, _SETTLED_ORIGINAL = (
    _hole(_SETTLED, key) for key in (b"txn_id", b"merchant_id", b"mcc", b"received_at", b"original_time")
)

_APPROVING = len(COMMON)
_PURCHASE = TXN_TYPES.index("purchase")
_MODES = ("T1", "D0")
_CHANNELS = ("48980000", "NUCC")
_SPECIALS = ("00", "01", "02", "03")
_GROUPS: dict[str, tuple[str, ...]] = {
    "card_kind": CARD_KINDS,
    "txn_type": TXN_TYPES,
    "special_fee_type": _SPECIALS,
    "settlement_mode": _MODES,
    "channel": _CHANNELS,
    "fee_class": FEE_CLASSES,
    "scheme": SCHEME_NAMES,
    "region": tuple(city.name for city in CITIES),
}
_PIECES = (
    ',"amount":', ',"channel_merchant_id":"', '","channel_mcc":"', '"', ',"original_txn_id":"',
    '","original_amount":', ',"original_time":', ',"auth_code":"', ',"lat":', ',"lon":', ',"fee":',
    ',"special_fee_level":"0"', ',"feed":"sim"}',
    ',"fee_tax":', ',"fee_instant":', ',"entry_mode":"', '","issuer_country":"',
)  # fmt: skip
(
    _AMOUNT, _CHANNEL_MERCHANT, _CHANNEL_MCC, _QUOTE, _ORIGINAL_ID, _ORIGINAL_AMOUNT, _ORIGINAL_TIME, _AUTH,
    _LAT, _LON, _FEE, _SPECIAL_LEVEL, _FEED, _FEE_TAX, _FEE_INSTANT, _ENTRY_MODE, _ISSUER,
) = range(len(_PIECES))  # fmt: skip
_ISSUER_WIDTH = len(_PIECES[_ISSUER])
_FIRST = np.cumsum([len(_PIECES), *map(len, _GROUPS.values())]).tolist()
_KIND, _TYPE, _SPECIAL, _MODE, _CHANNEL, _CLASS, _SCHEME = _FIRST[:-2]

_COUNTRIES = np.frombuffer(b"CNUSGBJPKRSGMYAUDERUTR", np.uint8).reshape(-1, 2)
_ENTRIES = np.frombuffer(b"051071072021011042031", np.uint8).reshape(-1, 3)
# One for each of `SCHEME_NAMES`.
_BINS = np.array([622848, 621700, 621226, 400000, 510000, 370000, 353000, 601100, 220000, 979200])
_DIGITS = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", np.uint8)


class Words(NamedTuple):
    """Strings side by side in `data`; string i is data[ends[i - 1]:ends[i]]."""

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]


def words(parts: Sequence[bytes]) -> Words:
    """`parts` side by side."""
    data = np.frombuffer(b"".join(parts) or b"\0", np.uint8)
    return Words(data, np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts))))


class Style(NamedTuple):
    """How to write: templates, tables by code, and the choices."""

    head: NDArray[np.uint8]
    settled: NDArray[np.uint8]
    detail: NDArray[np.uint8]
    members: NDArray[np.uint8]
    codes: NDArray[np.uint8]
    fee_class: NDArray[np.int8]
    salt: np.uint64
    master: int
    settlement: int
    no_fee: int
    iso: bool
    everything: bool
    read: bool
    newline: bool


def style(config: SimulationConfig, *, newline: bool) -> Style:
    """How `config` wants records written; with `newline`, each ends in one."""
    iso = config.time_format == "iso"
    texts = [*_PIECES, *(f',"{key}":"{word}"' for key, group in _GROUPS.items() for word in group)]
    members = np.zeros((len(texts), _WIDTH + 1), np.uint8)
    for row, text in zip(members, texts, strict=True):
        row[: len(text)] = np.frombuffer(text.encode(), np.uint8)
        row[_WIDTH] = len(text)
    fee_class = np.zeros(10_000, np.int8)
    for mcc, each in FEE_CLASS_OF.items():
        fee_class[mcc] = each
    time = b'"####-##-##T##:##:##.###+##:00"' if iso else b"#" * 13
    return Style(
        np.frombuffer(_HEAD + time, np.uint8),
        np.frombuffer(_SETTLED + time, np.uint8),
        np.frombuffer(_DETAIL, np.uint8),
        members,
        np.frombuffer("".join(RESPONSES).encode(), np.uint8).reshape(-1, 2),
        fee_class,
        np.uint64(config.seed),
        MASTER,
        SETTLEMENT,
        NO_FEE,
        iso,
        config.record_size == "all",
        config.has_habits,
        newline,
    )


@njit_inner
def put(out: NDArray[np.uint8], at: int, members: NDArray[np.uint8], i: int) -> int:
    """Append ready-made member `i`; the next free place. What is written beyond it is overwritten next."""
    row = members[i]
    room = out[at : at + _WIDTH]
    for j in range(_WIDTH):
        room[j] = row[j]
    return at + int(np.int64(row[_WIDTH]))


@njit_inner
def fill(out: NDArray[np.uint8], at: int, value: int, width: int) -> None:
    """Fill in the last `width` decimal digits of `value`, 0 or more."""
    rest = np.uint64(value)
    for place in range(at + width - 1, at - 1, -1):
        tens = rest // np.uint64(10)
        out[place] = np.uint8(48) + np.uint8(rest - tens * np.uint64(10))
        rest = tens


@njit_inner
def put_int(out: NDArray[np.uint8], at: int, value: int) -> int:
    """Append `value`, 0 or more."""
    width, bound = 1, 10
    while value >= bound:
        width += 1
        bound *= 10
    fill(out, at, value, width)
    return at + width


@njit_inner
def fill_hex(out: NDArray[np.uint8], at: int, value: np.uint64, width: int) -> None:
    """Fill in the lowest `width` hexadecimal digits of `value`."""
    for place in range(at + width - 1, at - 1, -1):
        nibble = np.uint8(value & np.uint64(15))
        out[place] = nibble + (np.uint8(48) if nibble < 10 else np.uint8(87))
        value >>= np.uint64(4)


@njit_inner
def fill_letters(out: NDArray[np.uint8], at: int, value: np.uint64, width: int) -> None:
    """Fill in the lowest `width` half bytes of `value` as letters a to p, as tokens are written."""
    for place in range(at + width - 1, at - 1, -1):
        out[place] = np.uint8(97) + np.uint8(value & np.uint64(15))
        value >>= np.uint64(4)


@njit_cached
def fill_id(out: NDArray[np.uint8], at: int, identity: np.uint64, salt: np.uint64) -> None:
    """Fill in a transaction's id: 13 characters of base 32, too few to look like a card number."""
    value = spread(identity ^ spread(salt))
    for place in range(at + 12, at - 1, -1):
        out[place] = _DIGITS[np.int64(value & np.uint64(31))]
        value >>= np.uint64(5)


@njit_inner
def spread(x: np.uint64) -> np.uint64:
    """Spread the bits of `x`: a bijection (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit_inner
def fill_iso(out: NDArray[np.uint8], ms: int, offset_h: int) -> None:
    """Fill in local time with milliseconds and offset, behind a quote."""
    local = ms + offset_h * HOUR_MS
    day, of_day = local // DAY_MS, local % DAY_MS
    # Civil date from days since 1970, in eras of 400 years that begin on 1 March.
    era, doe = (day + 719_468) // 146_097, (day + 719_468) % 146_097
    yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    fill(out, 1, yoe + era * 400 + (1 if month <= 2 else 0), 4)
    fill(out, 6, month, 2)
    fill(out, 9, doy - (153 * mp + 2) // 5 + 1, 2)
    fill(out, 12, of_day // HOUR_MS, 2)
    fill(out, 15, of_day // MINUTE_MS % 60, 2)
    fill(out, 18, of_day // 1000 % 60, 2)
    fill(out, 21, of_day % 1000, 3)
    fill(out, 25, offset_h, 2)


@njit_inner
def fill_number(out: NDArray[np.uint8], at: int, number: NDArray[np.uint8], mcc: int) -> None:
    """Fill in an acceptor number with `mcc` in it."""
    for j in range(15):
        out[at + j] = number[j]
    fill(out, at + 7, mcc, 4)


@njit_inner
def fill_serial(out: NDArray[np.uint8], at: int, key: np.uint64, number: int) -> None:
    """Fill in the serial of a merchant's further number: digit, letter, two digits, as no number of its own has."""
    value = (int(np.int64(spread(key + np.uint64(5)) >> np.uint64(40))) + number * 911) % 26_000
    out[at] = 48 + value // 2_600
    out[at + 1] = 65 + value // 100 % 26
    fill(out, at + 2, value % 100, 2)


@njit_inner
def fill_time(room: NDArray[np.uint8], ms: int, offset_h: int, s: Style) -> None:
    """Fill in a time at the end of `room`."""
    if s.iso:
        fill_iso(room[len(room) - 31 :], ms, offset_h)
    else:
        fill(room, len(room) - 13, ms, 13)


@njit_inner
def put_head(out: NDArray[np.uint8], at: int, e: Any, m: Any, number: NDArray[np.uint8], s: Style) -> int:
    """Append what has the same width in every record."""
    size = len(s.head)
    room = out[at : at + size]
    for j in range(size):
        room[j] = s.head[j]
    fill_id(room, _TXN_ID, e.id, s.salt)
    fill_number(room, _MERCHANT, number, m.mcc0)
    fill_hex(room, _TERMINAL, np.uint64(e.merchant * 1024 + e.terminal) * np.uint64(_SPREAD), 8)
    fill_number(room, _ACCEPTOR, number, e.acceptor_mcc)
    if e.number and not m.number_place:
        fill_serial(room, _ACCEPTOR + 11, m.key, e.number)
    fill(room, _MCC, e.mcc, 4)
    fill_letters(room, _TOKEN, spread(e.card ^ s.salt), 16)
    fill_letters(room, _TOKEN + 16, spread(e.card + np.uint64(1)), 16)
    fill(room, _RECEIVED, e.received_ms, 13)
    room[_RESPONSE], room[_RESPONSE + 1] = s.codes[e.response, 0], s.codes[e.response, 1]
    fill_time(room, e.event_ms, m.offset_h, s)
    return at + size


@njit_inner
def put_fee(out: NDArray[np.uint8], at: int, e: Any, s: Style) -> int:
    """Append the fee, which is negative when it is given back, and how it is settled, if on the same day."""
    if e.fee != s.no_fee:
        at = put(out, at, s.members, _FEE)
        if e.fee < 0:
            out[at] = 45
            at += 1
        at = put_int(out, at, abs(e.fee))
        if e.fee_tax:
            at = put_int(out, put(out, at, s.members, _FEE_TAX), e.fee_tax)
        if e.fee_instant:
            at = put_int(out, put(out, at, s.members, _FEE_INSTANT), e.fee_instant)
    if e.mode == 1 or (e.mode == 0 and s.everything):
        at = put(out, at, s.members, _MODE + e.mode)
    return at


@njit_inner
def put_settlement(out: NDArray[np.uint8], at: int, e: Any, m: Any, number: NDArray[np.uint8], s: Style) -> int:
    """Append a settlement, but for what ends every record."""
    size = len(s.settled)
    room = out[at : at + size]
    for j in range(size):
        room[j] = s.settled[j]
    fill_id(room, _SETTLED_ID, e.id, s.salt)
    fill_number(room, _SETTLED_MERCHANT, number, m.mcc0)
    fill(room, _SETTLED_MCC, e.mcc, 4)
    fill(room, _SETTLED_RECEIVED, e.received_ms, 13)
    fill(room, _SETTLED_ORIGINAL, e.original_ms, 13)
    fill_time(room, e.event_ms, m.offset_h, s)
    at = put_int(out, put(out, at + size, s.members, _AMOUNT), e.amount)
    at = put(out, at, s.members, _SCHEME + e.scheme)
    if e.card_kind >= 0:
        at = put(out, at, s.members, _KIND + e.card_kind)
    if s.everything:
        at = put(out, at, s.members, _CLASS + s.fee_class[e.mcc])
    return put_fee(out, at, e, s)


@njit_inner
def put_read(out: NDArray[np.uint8], entry_at: int, country_at: int, e: Any) -> None:
    """Fill in how the card was read, and the country that issued it."""
    card = spread(e.card + np.uint64(7))
    away = 1 + int(np.int64(card >> np.uint64(40) & np.uint64(0xFFF))) % 10
    country = 0 if e.scheme < 3 else away if e.scheme < 8 else e.scheme + 1
    out[country_at], out[country_at + 1] = _COUNTRIES[country, 0], _COUNTRIES[country, 1]
    u = int(np.int64(spread(e.id) & np.uint64(1023)))
    entry = 0 if u < 560 else 1 if u < 900 else 2 if u < 940 else 3 if u < 1010 else 4
    if e.scheme in (1, 2):
        entry = 5 + u % 2
    if e.entry >= 0:
        entry = e.entry
    for j in range(3):
        out[entry_at + j] = _ENTRIES[entry, j]


@njit_inner
def put_usual(out: NDArray[np.uint8], at: int, e: Any, m: Any, number: NDArray[np.uint8], s: Style) -> int:
    """Append the other fields of every size of record."""
    at = put_int(out, put(out, at, s.members, _AMOUNT), e.amount)
    at = put(out, at, s.members, _SCHEME + e.scheme)
    if e.card_kind >= 0:
        at = put(out, at, s.members, _KIND + e.card_kind)
    if e.special_fee >= 0:
        at = put(out, at, s.members, _SPECIAL + e.special_fee)
    if e.channel_mcc > 0:
        at = put(out, at, s.members, _CHANNEL_MERCHANT)
        fill_number(out, at, number, e.channel_mcc)
        # The channel knows the merchant under a number of its own.
        out[at], out[at + 1], out[at + 2] = 56, 52, 56
        if e.number and m.number_place:
            fill_serial(out, at + 11, m.key, e.number)
        at = put(out, at + 15, s.members, _CHANNEL_MCC)
        fill(out, at, e.channel_mcc, 4)
        at = put(out, at + 4, s.members, _QUOTE)
    if e.txn_type != _PURCHASE:
        at = put(out, at, s.members, _TYPE + e.txn_type)
    if e.original:
        at = put(out, at, s.members, _ORIGINAL_ID)
        fill_id(out, at, e.original, s.salt)
        at = put_int(out, put(out, at + 13, s.members, _ORIGINAL_AMOUNT), e.original_amount)
        at = put_int(out, put(out, at, s.members, _ORIGINAL_TIME), e.original_ms)
    if s.read and not s.everything:
        at = put(out, at, s.members, _ENTRY_MODE)
        put(out, at + 3, s.members, _ISSUER)
        put_read(out, at, at + 3 + _ISSUER_WIDTH, e)
        at = put(out, at + 5 + _ISSUER_WIDTH, s.members, _QUOTE)
    return put_fee(out, at, e, s)


@njit_inner
def put_detail(out: NDArray[np.uint8], at: int, e: Any, m: Any, number: NDArray[np.uint8], s: Style) -> int:
    """Append what else has the same width: of the card, the terminal and the message."""
    size = len(s.detail)
    room = out[at : at + size]
    for j in range(size):
        room[j] = s.detail[j]
    card = spread(e.card + np.uint64(7))
    fill(room, _LAST4, int(np.int64(card & np.uint64(0xFFFF))) % 10_000, 4)
    fill(room, _BIN, int(_BINS[e.scheme]), 6)
    fill(room, _BIN + 6, int(np.int64(card >> np.uint64(20) & np.uint64(0xFFF))) % 100, 2)
    put_read(room, _ENTRY, _COUNTRY, e)
    fill(room, _SN, int(np.int64(spread(m.key ^ np.uint64(e.terminal)) >> np.uint64(20))) % 100_000_000, 8)
    fill(room, _RRN, e.received_ms // HOUR_MS, 6)
    fill(room, _RRN + 6, e.stan, 6)
    fill(room, _STAN, e.stan, 6)
    for j in range(7):
        room[_ACQUIRER + j] = number[j]
    room[_ACQUIRER + 7] = 48
    fill(room, _SENT, e.event_ms, 13)
    return at + size


@njit_inner
def put_degrees(out: NDArray[np.uint8], at: int, value: int) -> int:
    """Append `value` hundred-thousandths of a degree, 0 or more."""
    at = put_int(out, at, value // 100_000)
    out[at] = 46
    fill(out, at + 1, value % 100_000, 5)
    return at + 6


@njit_inner
def put_everything(out: NDArray[np.uint8], at: int, e: Any, m: Any, number: NDArray[np.uint8], s: Style) -> int:
    """Append every further field that applies to the transaction and its merchant."""
    at = put_detail(out, at, e, m, number, s)
    if e.response < _APPROVING:
        at = put(out, at, s.members, _AUTH)
        fill(out, at, int(np.int64(spread(e.id) >> np.uint64(40))) % 1_000_000, 6)
        at = put(out, at + 6, s.members, _QUOTE)
    if e.special_fee >= 0:
        at = put(out, at, s.members, _SPECIAL_LEVEL)
    if e.channel_mcc > 0:
        at = put(out, at, s.members, _CHANNEL + (1 if e.scheme in (1, 2) else 0))
    if m.located:
        at = put_degrees(out, put(out, at, s.members, _LAT), m.lat)
        at = put_degrees(out, put(out, at, s.members, _LON), m.lon)
    at = put(out, at, s.members, _SCHEME + len(_BINS) + m.city)
    return put(out, at, s.members, _CLASS + s.fee_class[e.mcc])


@njit_cached
def render(
    events: Any,
    order: NDArray[np.int64],
    merchants: Any,
    numbers: NDArray[np.uint8],
    master: Words,
    s: Style,
    out: NDArray[np.uint8],
    ends: NDArray[np.int64],
) -> int:
    """Write events `order` into `out`, which has `MAX_RECORD` bytes for each; the bytes written.

    Where each ends goes to `ends`; `master` are the ready-made records `MASTER` events stand for.
    """
    at = 0
    for i in range(len(order)):
        e = events[order[i]]
        if e.flags & s.master:
            number = np.int64(e.id)
            for j in range(master.ends[number - 1] if number else 0, master.ends[number]):
                out[at] = master.data[j]
                at += 1
        else:
            m = merchants[e.merchant]
            digits = numbers[e.merchant]
            if e.flags & s.settlement:
                at = put_settlement(out, at, e, m, digits, s)
            else:
                at = put_head(out, at, e, m, digits, s)
                at = put_usual(out, at, e, m, digits, s)
                if s.everything:
                    at = put_everything(out, at, e, m, digits, s)
            at = put(out, at, s.members, _FEED)
        if s.newline:
            out[at] = 10
            at += 1
        ends[i] = at
    return at
