"""Who and what a record is: hashes under a secret, so that nobody can make up an id that stands for another's.

By these hashes merchants, repeats, reversals and settlements are looked up. SipHash-1-3 under a secret that only the
partition's state holds keeps a sender from crafting two ids of one hash (which would hide a sale) or thousands of ids
of one place in a table (which would slow every look-up). Nothing that a feature or a deadline is made of depends on
the secret: the same records give the same results under any.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.events import KIND_CLOCK, KIND_DEAD, KIND_SETTLEMENT, KIND_TRANSACTION, REPORT_KINDS
from engine.borrowing import borrowed
from engine.decoding.columns import MISSING, NUMBERS, STRINGS, Columns
from engine.decoding.hashing import load64
from engine.jit import i64, njit_cached, njit_inline

if TYPE_CHECKING:
    from numpy.typing import NDArray

SECRET_BYTES = 16

_MERCHANT, _TXN, _ORIGINAL, _ACQUIRER, _TERMINAL, _STAN, _REPORT = (
    STRINGS.index(name)
    for name in ("merchant_id", "txn_id", "original_txn_id", "acquirer_code", "terminal_id", "stan", "report_id")
)
_SENT, _AMOUNT, _CURRENCY = (NUMBERS.index(name) for name in ("transmitted_at", "amount", "currency"))

_0 = np.uint64(0)
_1 = np.uint64(1)
_56 = np.uint64(56)
_FINAL = np.uint64(0xFF)
_V0, _V1, _V2, _V3 = (
    np.uint64(each) for each in (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
)
_NOUGHT = 48
AMOUNT_BITS = 40
"""Of an amount of at most 12 digits; above it stands the currency, where both are one number."""
FEE_COUNTED = 1 << 60
"""Bit of what is noted with a message: its fee was counted."""
_Words = tuple[np.uint64, np.uint64, np.uint64, np.uint64]


class Identity(NamedTuple):
    """Keyed hashes of a batch's records, (n,) each; 0 where the record has no such thing."""

    merchant: NDArray[np.uint64]
    txn: NDArray[np.uint64]
    """Of the transaction's id; of a report on one, of the report's own."""
    original: NDArray[np.uint64]
    """Of the id of what a reversal or void takes back, or of what a report is about."""
    sent: NDArray[np.uint64]
    """Of acquirer, terminal, STAN, time sent, amount and currency, where all are there and the STAN is none of noughts
    only."""


def empty_identity(n: int) -> Identity:
    """Room for `n` records, values undefined."""
    return Identity(*(np.empty(n, np.uint64) for _ in Identity._fields))


def new_secret() -> bytes:
    """A secret of a partition's own."""
    return os.urandom(SECRET_BYTES)


def words_of(secret: bytes) -> NDArray[np.uint64]:
    """(2,) a secret as the kernel takes it; raises ValueError where it is of another length."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"secret must be {SECRET_BYTES} bytes, got {len(secret)}")
    return np.frombuffer(secret, "<u8").astype(np.uint64)


@njit_inline
def _turned(x: np.uint64, bits: int) -> np.uint64:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


@njit_inline
def _round(v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64) -> _Words:
    v0 += v1
    v2 += v3
    v1 = _turned(v1, 13) ^ v0
    v3 = _turned(v3, 16) ^ v2
    v0 = _turned(v0, 32)
    v2 += v1
    v0 += v3
    v1 = _turned(v1, 17) ^ v2
    v3 = _turned(v3, 21) ^ v0
    return v0, v1, _turned(v2, 32), v3


@njit_inline
def _begun(secret: NDArray[np.uint64]) -> _Words:
    return secret[0] ^ _V0, secret[1] ^ _V1, secret[0] ^ _V2, secret[1] ^ _V3


@njit_inline
def _with_word(words: _Words, word: np.uint64) -> _Words:
    v0, v1, v2, v3 = _round(words[0], words[1], words[2], words[3] ^ word)
    return v0 ^ word, v1, v2, v3


@njit_inline
def _with_text(words: _Words, data: NDArray[np.uint8], start: int, end: int) -> _Words:
    """Take a text in, and its length behind it."""
    at = start
    while at + 8 <= end:
        words = _with_word(words, load64(data, at))
        at += 8
    last, shift = np.uint64(end - start) << _56, _0
    while at < end:
        last |= np.uint64(data[at]) << shift
        shift += np.uint64(8)
        at += 1
    return _with_word(words, last)


@njit_inline
def _ended(words: _Words) -> np.uint64:
    """The hash; never 0, which means that there is none."""
    v0, v1, v2, v3 = _round(words[0], words[1], words[2] ^ _FINAL, words[3])
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    h = v0 ^ v1 ^ v2 ^ v3
    return h if h != _0 else _1


@njit_inline
def keyed(secret: NDArray[np.uint64], data: NDArray[np.uint8], start: int, end: int) -> np.uint64:
    """SipHash-1-3 of `data[start:end]`, 1 to 2**64 - 1."""
    return _ended(_with_text(_begun(secret), data, start, end))


@njit_inline
def _text(columns: Columns, name: int, i: int) -> tuple[int, int]:
    start = columns.start[name, i]
    return start, start + columns.length[name, i]


@njit_inline
def _with_words(words: _Words, data: NDArray[np.uint8], start: int, end: int) -> _Words:
    """Take a text in without its length."""
    at = start
    while at + 8 <= end:
        words = _with_word(words, load64(data, at))
        at += 8
    if at == end:
        return words
    rest = np.uint64(8 * (end - at))
    return _with_word(words, load64(data, at) & ((_1 << rest) - _1))


@njit_inline
def _sent(data: NDArray[np.uint8], columns: Columns, i: int, secret: NDArray[np.uint64]) -> np.uint64:
    """What a terminal's message is known by, whatever id it was given behind it."""
    if columns.hash[_ACQUIRER, i] == _0 or columns.hash[_TERMINAL, i] == _0 or columns.hash[_STAN, i] == _0:
        return _0
    sent_ms = columns.number[_SENT, i]
    start, end = _text(columns, _STAN, i)
    noughts = True
    for at in range(start, end):
        noughts &= data[at] == _NOUGHT
    if noughts or sent_ms == MISSING:
        return _0
    words, lengths = _with_words(_begun(secret), data, start, end), end - start
    for name in (_TERMINAL, _ACQUIRER):
        start, end = _text(columns, name, i)
        words, lengths = _with_words(words, data, start, end), lengths << 5 | (end - start)
    # A time before 2100 has 42 bits, the three lengths 15.
    words = _with_word(words, np.uint64(sent_ms | lengths << 42))
    return _ended(_with_word(words, np.uint64(whole_amount(columns, i))))


@njit_inline
def whole_amount(columns: Columns, i: int) -> int:
    """Amount and currency as one number, as they came."""
    currency = columns.number[_CURRENCY, i]
    packed = ((currency & 31) * 32 + (currency >> 8 & 31)) * 32 + (currency >> 16 & 31)
    return i64(columns.number[_AMOUNT, i] | packed << AMOUNT_BITS)


@njit_inline
def currency_of(whole: int) -> int:
    """The currency of `whole_amount`, packed as columns have it."""
    packed = whole >> AMOUNT_BITS
    letters = (64 + (packed >> 10 & 31)) | (64 + (packed >> 5 & 31)) << 8 | (64 + (packed & 31)) << 16
    return i64(letters | 3 << 56)


@njit_cached
def identify(data: NDArray[np.uint8], columns: Columns, secret: NDArray[np.uint64], out: Identity) -> None:
    """Hash what the records of a batch are known by.

    Args:
        data: the batch's bytes.
        columns: read.
        secret: (2,)
        out: written, one entry for each record.
    """
    data, columns, out = borrowed(data), borrowed(columns), borrowed(out)
    for i in range(len(columns.kind)):
        kind = columns.kind[i]
        out.merchant[i] = out.txn[i] = out.original[i] = out.sent[i] = _0
        if kind in (KIND_DEAD, KIND_CLOCK) or columns.hash[_MERCHANT, i] == _0:
            continue  # where no text is, its place is undefined
        start, end = _text(columns, _MERCHANT, i)
        out.merchant[i] = keyed(secret, data, start, end)
        if kind in (KIND_TRANSACTION, KIND_SETTLEMENT):
            start, end = _text(columns, _TXN, i)
            out.txn[i] = keyed(secret, data, start, end)
        if kind == KIND_TRANSACTION:
            out.sent[i] = _sent(data, columns, i, secret)
            if columns.hash[_ORIGINAL, i] != _0:
                start, end = _text(columns, _ORIGINAL, i)
                out.original[i] = keyed(secret, data, start, end)
        if kind in REPORT_KINDS:
            if columns.hash[_REPORT, i] != _0:
                start, end = _text(columns, _REPORT, i)
                out.txn[i] = keyed(secret, data, start, end)
            if columns.hash[_TXN, i] != _0:
                start, end = _text(columns, _TXN, i)
                out.original[i] = keyed(secret, data, start, end)


def keyed_of(raw: bytes, secret: NDArray[np.uint64]) -> int:
    """`keyed` of some bytes."""
    return int(_keyed_bytes(np.frombuffer(raw + bytes(8), np.uint8), len(raw), secret))


@njit_cached
def _keyed_bytes(data: NDArray[np.uint8], length: int, secret: NDArray[np.uint64]) -> np.uint64:
    return keyed(secret, data, 0, length)
