"""A batch of events as columns: which fields are kept, and where."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain import events
from domain.events import EVENT_KINDS, EVENTS
from engine.decoding.hashing import hash_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

MISSING = np.iinfo(np.int64).min
"""A number that is missing, in every int64 column."""


class Store(IntEnum):
    """What is kept of a field's value."""

    NOTHING = 0
    """Checked only."""
    HASH = 1
    """64-bit hash, and where the text stands in the batch's bytes."""
    NUMBER = 2
    """The number; of digits, their value; of a time, UTC milliseconds."""
    PACKED = 3
    """Up to 7 bytes of ASCII as a little-endian integer, the length above them in bits 56 to 62."""
    CHOICE = 4
    """Position in the field's choices, or in `events.SCHEMES`."""
    KIND = 5
    """The code of the event's kind, in `Columns.kind`."""


STRINGS = (
    "txn_id", "merchant_id", "terminal_id", "acceptor_id", "channel_merchant_id", "channel",
    "original_txn_id", "card_token", "stan", "acquirer_code", "settlement_mode", "feed",
    "report_id", "reason_code", "status",
)  # fmt: skip
"""Fields kept as hash and place."""
NUMBERS = (
    "amount", "currency", "event_time", "mcc", "channel_mcc", "scheme", "txn_type", "original_amount",
    "original_time", "fee", "fee_class", "special_fee_type", "card_kind", "issuer_country", "entry_mode",
    "response_code", "transmitted_at", "received_at", "eci", "fee_tax", "fee_instant",
)  # fmt: skip
"""Fields kept as an int64."""
_PACKED = frozenset({"currency", "issuer_country", "entry_mode", "response_code"})
_CHOICES = {"scheme": events.SCHEMES}
FIELDS: dict[str, events.Field] = {
    field.name: field for kind in EVENT_KINDS.values() if kind.scanned for field in EVENTS[kind.name]
}
"""The fields that the scanner reads, by name; which of them a kind has or requires, `Spec` says."""


class Spec(NamedTuple):
    """The fields and kinds that the scanner reads, as arrays: a row per field of `FIELDS`, or per kind by its code."""

    key: NDArray[np.uint64]
    """(fields, 3): the key's bytes, zero-padded."""
    key_mask: NDArray[np.uint64]
    """(fields, 3): which of those bytes belong to the key."""
    key_length: NDArray[np.int64]
    kind: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    store: NDArray[np.int64]
    slot: NDArray[np.int64]
    choice_from: NDArray[np.int64]
    choice_to: NDArray[np.int64]
    choice_hash: NDArray[np.uint64]
    is_open: NDArray[np.bool_]
    """Whether a value outside the choices is accepted and reads as the last of them."""
    decides: NDArray[np.bool_]
    """Whether a bad value refuses the record, required or not."""
    coded: NDArray[np.bool_]
    """Whether `codes` has the values allowed."""
    codes: NDArray[np.bool_]
    """(32768,): by three capital letters, five bits each, the first uppermost."""
    is_wide: NDArray[np.bool_]
    """Whether the wide rule for card numbers is for it."""
    required: NDArray[np.uint64]
    """(kinds,): bit f is set where the kind requires field f."""
    allowed: NDArray[np.uint64]
    """(kinds,): bit f is set where the kind has field f; 0 where the scanner does not read the kind."""
    find: NDArray[np.int64]
    """(256,): open addressing from the key's first eight bytes to a field, -1 where none."""


class Columns(NamedTuple):
    """A batch's values. Rows follow `STRINGS` and `NUMBERS`; the second axis is the record."""

    hash: NDArray[np.uint64]
    """(len(STRINGS), n): 0 where missing."""
    start: NDArray[np.int32]
    """(len(STRINGS), n): where the text starts in the batch's bytes."""
    length: NDArray[np.int32]
    """(len(STRINGS), n): its length in bytes."""
    number: NDArray[np.int64]
    """(len(NUMBERS), n): `MISSING` where missing."""
    status: NDArray[np.uint8]
    """(n,): one of the `engine.decoding.scan` constants."""
    kind: NDArray[np.uint8]
    """(n,): code of the event's kind, `events.KIND_DEAD` where it is a dead letter."""


def empty_columns(n: int) -> Columns:
    """Columns for `n` records, values undefined."""
    shape = (len(STRINGS), n)
    return Columns(
        np.empty(shape, np.uint64), np.empty(shape, np.int32), np.empty(shape, np.int32),
        np.empty((len(NUMBERS), n), np.int64), np.empty(n, np.uint8), np.empty(n, np.uint8),
    )  # fmt: skip


def store_of(name: str) -> tuple[Store, int]:
    """How the field `name` is kept, and in which row of its column array."""
    if name == events.TYPE.name:
        return Store.KIND, 0
    if name in STRINGS:
        return Store.HASH, STRINGS.index(name)
    if name not in NUMBERS:
        return Store.NOTHING, 0
    slot = NUMBERS.index(name)
    if name in _PACKED:
        return Store.PACKED, slot
    return (Store.CHOICE if choices_of(name) else Store.NUMBER), slot


def choices_of(name: str) -> tuple[str, ...]:
    """The values the field `name` of `FIELDS` is a position in; empty where it is none."""
    return FIELDS[name].choices or _CHOICES.get(name, ())


def pack(text: str) -> int:
    """`text` of at most 7 ASCII characters as `Store.PACKED` keeps it.

    >>> pack("00") == 0x3030 | 2 << 56
    True
    """
    raw = text.encode("ascii")
    return int.from_bytes(raw, "little") | len(raw) << 56


def unpack(packed: int) -> str:
    """The text that `pack` packed, "" for 0.

    >>> unpack(pack("CNY")), unpack(0)
    ('CNY', '')
    """
    return packed.to_bytes(8, "little")[: packed >> 56].decode("ascii")


def key_slot(first_word: int, length: int) -> int:
    """Where a key's search starts in `Spec.find`."""
    return ((first_word * 0x9E3779B97F4A7C15 + length * 0xD6E8FEB86659FD93) % 2**64) >> 56


def make_spec() -> Spec:
    """The scanner's table of the kinds it reads."""
    fields = tuple(FIELDS.values())
    raw = [each.name.encode() for each in fields]
    words = np.array([[int.from_bytes(key[8 * w : 8 * w + 8], "little") for w in range(3)] for key in raw], np.uint64)
    masks = np.array([[(1 << 8 * max(0, min(8, len(key) - 8 * w))) - 1 for w in range(3)] for key in raw], np.uint64)
    find = np.full(256, -1, np.int64)
    for f, key in enumerate(raw):
        at = key_slot(int(words[f, 0]), len(key))
        while find[at] >= 0:
            at = (at + 1) % 256
        find[at] = f
    choices = [choices_of(each.name) for each in fields]
    counts = np.array([len(each) for each in choices], np.int64)
    ends = np.cumsum(counts)
    stores = [store_of(each.name) for each in fields]
    return Spec(
        words, masks,
        np.array([len(key) for key in raw], np.int64),
        np.array([each.kind for each in fields], np.int64),
        np.array([each.low for each in fields], np.int64),
        np.array([each.high for each in fields], np.int64),
        np.array([store for store, _ in stores], np.int64),
        np.array([slot for _, slot in stores], np.int64),
        ends - counts, ends,
        np.array([hash_of(value) for each in choices for value in each], np.uint64),
        np.array([each.name in _CHOICES for each in fields], np.bool_),
        np.array([each.decides for each in fields], np.bool_),
        np.array([bool(each.codes) for each in fields], np.bool_),
        _codes(fields),
        np.array([each.name in events.WIDE_FIELDS for each in fields], np.bool_),
        np.array([_bits(kind, required=True) for kind in EVENT_KINDS.values()], np.uint64),
        np.array([_bits(kind) for kind in EVENT_KINDS.values()], np.uint64),
        find,
    )  # fmt: skip


def _codes(fields: tuple[events.Field, ...]) -> NDArray[np.bool_]:
    """(32768,): the values of the fields that have a list of codes, three capital letters each."""
    table = np.zeros(1 << 15, np.bool_)
    for code in {code for each in fields for code in each.codes}:
        first, second, third = (ord(each) & 31 for each in code)
        table[first << 10 | second << 5 | third] = True
    return table


def _bits(kind: events.EventKind, *, required: bool = False) -> int:
    """The fields of a kind as bits by their place in `FIELDS`, or those it requires; 0 where it is not scanned."""
    places = {name: f for f, name in enumerate(FIELDS)}
    fields = EVENTS[kind.name] if kind.scanned else ()
    return sum(1 << places[each.name] for each in fields if each.required or not required)
