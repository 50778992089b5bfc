"""The kernel: walks a batch in order over the merchants' rows.

This file is a template: `compose` writes it out with the five functions between the marks replaced by calls of every
family, and compiles that. Two families are core, for the kernel itself reads and writes their fields: `lifetime` and
`repeats` (the ring of the last transactions).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain import dispositions as ends
from domain.events import (
    KIND_CLOCK,
    KIND_CONTRACT,
    KIND_DEAD,
    KIND_MASTER_DATA,
    KIND_PERSON,
    KIND_SETTLEMENT,
    KIND_TRANSACTION,
)
from domain.feature_codes import ROW_CLOSING, ROW_CONTRACT, ROW_SETTLEMENT, ROW_TRANSACTION
from domain.timestamps import DAY_MS, HOUR_MS, MINUTE_MS
from engine.borrowing import borrowed
from engine.checkpoint.dirty import touch
from engine.decoding.columns import MISSING, NUMBERS, STRINGS
from engine.decoding.hashing import hash64, mix64, murmur2, prefetch
from engine.features.event import (
    CONTRACT,
    MASTER_DATA,
    PRICE_LINE,
    REFUND,
    SALE,
    UNDO,
    Closing,
    Event,
    Revision,
)  # fmt: skip
from engine.features.families import repeats
from engine.features.pricing import line_fee, price_line, rise_ppm, version_at
from engine.features.rows import place
from engine.features.sets import ABSENT, FLAGGED, enter, fetch, holds
from engine.features.state import (
    MAX_FEEDS,
    Into,
    Limits,
    State,
)  # fmt: skip
from engine.features.zones import offset_at
from engine.jit import i64, njit_cached, njit_inline, njit_inner

S_TXN, S_MERCHANT, S_TERMINAL, S_ACCEPTOR, S_ORIGINAL, S_CARD, S_STAN, S_ACQUIRER, S_FEED = (
    STRINGS.index(name) for name in ("txn_id", "merchant_id", "terminal_id", "acceptor_id", "original_txn_id",
                                     "card_token", "stan", "acquirer_code", "feed")
)  # fmt: skip
S_CHANNEL, S_CHANNEL_MERCHANT, S_MODE = (
    STRINGS.index(name) for name in ("channel", "channel_merchant_id", "settlement_mode")
)
N_AMOUNT, N_CURRENCY, N_TIME, N_MCC, N_CHANNEL_MCC, N_SCHEME, N_TYPE = (
    NUMBERS.index(name) for name in ("amount", "currency", "event_time", "mcc", "channel_mcc", "scheme", "txn_type")
)
N_ORIGINAL_AMOUNT, N_ORIGINAL_TIME, N_FEE_TYPE, N_CARD_KIND, N_COUNTRY, N_ENTRY, N_RESPONSE, N_SENT, N_RECEIVED = (
    NUMBERS.index(name)
    for name in ("original_amount", "original_time", "special_fee_type", "card_kind", "issuer_country", "entry_mode",
                 "response_code", "transmitted_at", "received_at")
)  # fmt: skip
ACCEPTED, DUPLICATE, OTHER_EVENT, UNREADABLE, LATE, FUTURE, CAPACITY, WRONG_PARTITION, CURRENCY, FEEDS = (
    each.code
    for each in (ends.ACCEPTED, ends.DUPLICATE, ends.OTHER_EVENT, ends.UNREADABLE, ends.LATE, ends.FUTURE,
                 ends.CAPACITY, ends.WRONG_PARTITION, ends.CURRENCY, ends.FEEDS)
)  # fmt: skip
N_FEE, N_FEE_CLASS = NUMBERS.index("fee"), NUMBERS.index("fee_class")
CLOSES_AFTER_MS = 2 * HOUR_MS
"""A local day is closed this long after its end, and up to an hour more by merchant, so that not all close at once."""
IDLE_REPORTED_D, IDLE_YEAR_D, IDLE_MOST_D = 100, 365, 400
"""Ends of idle days that are told: the first hundred, and that of a year; then no more are awaited."""
BEHIND_MS = 30 * MINUTE_MS
"""On a foreign topic the clock is so far behind the partition's greatest accepted event time."""
MOST_AT_ONCE = 128
"""Rows of features that one record, or one merchant's deadlines, may give at most."""
FETCH_SLOT, FETCH_ROW, FETCH_VERSION = 8, 4, 2
"""How many records ahead a merchant's slot of the index, its row and its master data are fetched: where merchants are
many none lies in a cache, and the kernel waited for memory for a third of its time."""
_LINE = 64
"""Bytes of a cache line."""
NO_ROLE, NO_LOCAL_MS = i64(-1), i64(MISSING)
"""`approved_role` and `local_ms` of a row of features that is of no transaction."""
NOBODY = -1
"""In `record_of`: the row of features is of no record."""
MASTER_DATA_BYTES, CONTRACT_BYTES, PRICE_LINE_BYTES = (
    MASTER_DATA.itemsize,
    CONTRACT.itemsize,
    PRICE_LINE.itemsize,
)
_0 = np.uint64(0)
_SALT_SETTLED = np.uint64(0xD1B54A32D192ED03)
_SALT_TXN = np.uint64(0xA24BAED4963EE407)
_SALT_SENT = np.uint64(0x9FB21C651E98DF25)
_K = np.uint64(0x9E3779B97F4A7C15)


# families: begin
@njit_inner
def update_all(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Take a transaction into every family."""


@njit_inner
def undo_all(row: Any, amount: int, time_ms: int, day: int, now_ms: int, now_day: int) -> None:
    """Take an approved sale out of every family that can."""


@njit_inner
def settle_all(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Take a settlement into every family that looks at it."""


@njit_inner
def close_all(row: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Close a day in every family that does."""


@njit_inner
def revise_all(row: Any, revision: Revision, reference: Any, out: Any) -> None:
    """Tell every family that cares of a new version of the contract."""


# families: end


@njit_inner
def _txn_key(txn: np.uint64) -> np.uint64:
    key = mix64(txn ^ _SALT_TXN)
    return key if key != _0 else np.uint64(1)


@njit_inline
def _duplicate_key(columns: Any, i: int) -> np.uint64:
    """What makes a transaction one: acquirer, terminal, STAN and time sent, or else its id."""
    acquirer, terminal, stan = columns.hash[S_ACQUIRER, i], columns.hash[S_TERMINAL, i], columns.hash[S_STAN, i]
    sent = columns.number[N_SENT, i]
    if acquirer == _0 or terminal == _0 or stan == _0 or sent == MISSING:
        return _txn_key(columns.hash[S_TXN, i])
    key = mix64(mix64(mix64(acquirer ^ _SALT_SENT) + terminal * _K) + stan * _K) + np.uint64(sent) * _K
    # A reversal repeats the STAN and time of what it reverses, and is no copy of it.
    kind = columns.number[N_TYPE, i]
    key = mix64(key + np.uint64(kind if kind != MISSING else 0))
    return key if key != _0 else np.uint64(1)


@njit_inline
def _settled_key(columns: Any, i: int) -> np.uint64:
    """What makes a settlement one: its transaction's id."""
    key = mix64(_txn_key(columns.hash[S_TXN, i]) ^ _SALT_SETTLED)
    return key if key != _0 else np.uint64(1)


@njit_inline
def _feed(state: State, h: np.uint64) -> int:
    """The feed's place, entered where it is new; -1 where there is no room."""
    k = i64(state.feed_count[0])
    for known in range(k):
        if state.feed_hash[known] == h:
            return known
    if k == MAX_FEEDS:
        return -1
    state.feed_hash[k] = h
    state.feed_count[0] = k + 1
    return k


@njit_inline
def _touch(state: State, r: int) -> None:
    touch(state.rows, state.row_bytes, state.deadlines, state.dirty, r)


@njit_inline
def _row_of(data: Any, columns: Any, i: int, state: State, limits: Limits) -> int:
    """The row of the record's merchant, taken where it is new; -1 where there is no room."""
    h, start = columns.hash[S_MERCHANT, i], columns.start[S_MERCHANT, i]
    length = columns.length[S_MERCHANT, i]
    at = place(state.rows, state.merchants, h, data, start, length)
    if state.merchants.hash[at] != _0:
        return i64(state.merchants.row[at])
    r = i64(state.row_count[0])
    if r == limits.capacity:
        return -1
    state.row_count[0] = r + 1
    state.merchants.hash[at] = h
    state.merchants.row[at] = r
    _touch(state, r)
    row = state.rows[r]
    row.merchant_hash = h
    row.id_length = length
    for k in range(length):
        row.id[k] = data[start + k]
    return r


@njit_inline
def _slot_of(columns: Any, i: int, state: State) -> int:
    """Where the index begins to be searched for the record's merchant."""
    return i64(columns.hash[S_MERCHANT, i] & np.uint64(len(state.merchants.hash) - 1))


@njit_inline
def _row_by_hash(columns: Any, i: int, state: State) -> int:
    """The row of the record's merchant, by its hash alone; -1 where it is new."""
    at, h = _slot_of(columns, i, state), columns.hash[S_MERCHANT, i]
    while state.merchants.hash[at] != _0:
        if state.merchants.hash[at] == h:
            return i64(state.merchants.row[at])
        at = (at + 1) & (len(state.merchants.hash) - 1)
    return -1


@njit_inline
def _fetch(data: Any, columns: Any, i: int, state: State) -> None:
    """Have fetched what the records after `i` will read. It changes nothing but the time they take."""
    kinds = columns.kind
    n = len(kinds)
    if i + FETCH_SLOT < n and kinds[i + FETCH_SLOT] != KIND_DEAD:
        at = _slot_of(columns, i + FETCH_SLOT, state)
        prefetch(state.merchants.hash, 8 * at)
        prefetch(state.merchants.row, 4 * at)
        prefetch(data, i64(columns.start[S_MERCHANT, i + FETCH_SLOT]))
    if i + FETCH_ROW < n and kinds[i + FETCH_ROW] != KIND_DEAD:
        _fetch_row(data, columns, i + FETCH_ROW, state)
    if i + FETCH_VERSION < n and kinds[i + FETCH_VERSION] != KIND_DEAD:
        r = _row_by_hash(columns, i + FETCH_VERSION, state)
        if r >= 0:
            k = i64(state.rows[r].master_data)
            prefetch(state.master_data, k * MASTER_DATA_BYTES)
            prefetch(state.master_data, (k + 1) * MASTER_DATA_BYTES - 1)
            prefetch(state.contracts, i64(state.rows[r].contract) * CONTRACT_BYTES)
    if i + 1 < n and kinds[i + 1] != KIND_DEAD and columns.number[N_FEE, i + 1] != MISSING:
        r = _row_by_hash(columns, i + 1, state)
        if r >= 0:
            version = state.contracts[i64(state.rows[r].contract)]
            for k in range(version.line, version.line + version.lines):
                prefetch(state.price_lines, k * PRICE_LINE_BYTES)


@njit_inline
def _fetch_row(data: Any, columns: Any, i: int, state: State) -> None:
    """Have the row of record `i` fetched, and the places of its ids among the duplicates."""
    r = _row_by_hash(columns, i, state)
    if r < 0:
        return
    size = state.row_bytes.shape[1]
    for at in range(r * size, (r + 1) * size, _LINE):
        prefetch(state.row_bytes, at)
    prefetch(state.deadlines, 8 * r)
    if columns.kind[i] == KIND_SETTLEMENT:
        fetch(state.duplicates, _settled_key(columns, i), r)
        return
    key, txn_key = _duplicate_key(columns, i), _txn_key(columns.hash[S_TXN, i])
    fetch(state.duplicates, key, r)
    if key != txn_key:
        fetch(state.duplicates, txn_key, r)
    if columns.hash[S_ACCEPTOR, i] != _0:
        prefetch(data, i64(columns.start[S_ACCEPTOR, i]))


@njit_inline
def _layout(data: Any, columns: Any, i: int, reference: Any) -> int:
    """The layout of the acceptor number, -1 where none applies."""
    length, start = columns.length[S_ACCEPTOR, i], columns.start[S_ACCEPTOR, i]
    if columns.hash[S_ACCEPTOR, i] == _0:
        return -1
    scheme = columns.number[N_SCHEME, i]
    for k in range(reference.layouts):
        if reference.layout_length[k] != length:
            continue
        schemes = reference.layout_schemes[k]
        if schemes != -1 and scheme != MISSING and not (schemes >> scheme) & 1:
            continue
        if reference.layout_acquirers[k] and not _limited_to(data, start, k, reference):
            continue
        return k
    return -1


@njit_inline
def _limited_to(data: Any, start: int, k: int, reference: Any) -> bool:
    """Whether the acquirer in an acceptor number is one of those that layout `k` is limited to."""
    h = hash64(data, start + reference.layout_acquirer_from[k], start + reference.layout_acquirer_to[k])
    for m in range(reference.layout_acquirers[k]):
        if reference.layout_acquirer[k, m] == h:
            return True
    return False


@njit_inline
def _acceptor_mcc(data: Any, start: int, k: int, reference: Any, known: Any) -> int:
    """The MCC inside an acceptor number of layout `k`, -1 where it is no MCC or there is no layout."""
    if k < 0:
        return -1
    mcc = 0
    for at in range(start + reference.layout_mcc_from[k], start + reference.layout_mcc_from[k] + 4):
        if not 48 <= data[at] <= 57:
            return -1
        mcc = mcc * 10 + (i64(data[at]) - 48)
    return mcc if known[mcc] else -1


@njit_inline
def _acceptor_region(data: Any, start: int, k: int, reference: Any) -> int:
    """The region inside an acceptor number of layout `k`, packed; 0 where there is no layout."""
    region = 0
    if k >= 0:
        first = reference.layout_region_from[k]
        for at in range(first, min(reference.layout_region_to[k], first + 7)):
            region = region << 8 | i64(data[start + at])
    return region


@njit_inline
def _master_data_at(state: State, row: Any, time_ms: int) -> int:
    """Place of the version of the master data in force at a moment, 0 where none is."""
    k = i64(row.master_data)
    while k > 0 and state.master_data[k].effective_ms > time_ms:
        k = i64(state.master_data_next[k])
    return k


@njit_inline
def _enter_master_data(state: State, row: Any, k: int) -> None:
    """Enter a version of the master data; of two for the same moment the later record comes first."""
    version = state.master_data[k]
    before = 0
    at = row.master_data
    while at > 0 and state.master_data[at].effective_ms > version.effective_ms:
        before = at
        at = state.master_data_next[at]
    state.master_data_next[k] = at
    if before:
        state.master_data_next[before] = k
    else:
        row.master_data = k


@njit_inline
def _first_pending(state: State, row: Any) -> int:
    """The earliest deadline of the reversals that wait, 0 for none."""
    first, k = 0, row.pending
    while k > 0:
        entry = state.pending[k - 1]
        if first == 0 or entry.deadline_ms < first:
            first = entry.deadline_ms
        k = entry.next
    return first


@njit_inline
def _await(state: State, row: Any, r: int) -> None:
    """Note the row's earliest deadline."""
    first = _first_pending(state, row)
    if row.close_day and (first == 0 or row.close_ms < first):
        first = row.close_ms
    state.deadlines[r] = first


@njit_inline
def _wait(state: State, row: Any, r: int, original: np.uint64, deadline_ms: int, most: int) -> None:
    """Let a reversal wait for its original; where `most` wait already it counts as unmatched at once."""
    k = state.pending_free[0]
    if k:
        state.pending_free[0] = state.pending[k - 1].next
    elif state.pending_free[1] == most:
        row.unmatched_reversals += 1
        return
    else:
        state.pending_free[1] += 1
        k = state.pending_free[1]
    entry = state.pending[k - 1]
    entry.original = original
    entry.deadline_ms = deadline_ms
    entry.next = row.pending
    row.pending = k
    _await(state, row, r)


@njit_inline
def _release(state: State, row: Any, r: int, original: np.uint64, up_to_ms: int) -> tuple[bool, int]:
    """Drop the reversal that waits for `original`, and those whose deadline lies before `up_to_ms`.

    Returns whether the first was there, and how many of the others there were.
    """
    found, expired, before = False, 0, 0
    k = row.pending
    while k > 0:
        entry = state.pending[k - 1]
        after = entry.next
        mine = original != _0 and entry.original == original and not found
        late = entry.deadline_ms < up_to_ms
        if mine or late:
            found |= mine
            expired += late and not mine
            if before:
                state.pending[before - 1].next = after
            else:
                row.pending = after
            entry.next = state.pending_free[0]
            state.pending_free[0] = k
        else:
            before = k
        k = after
    _await(state, row, r)
    return found, expired


@njit_inline
def _close_at(state: State, row: Any, day: int) -> None:
    """Await the end of a local day."""
    row.close_day = day
    midnight = (day + 1) * DAY_MS
    midnight -= offset_at(state.zones, row.zone, midnight - offset_at(state.zones, row.zone, midnight))
    row.close_ms = midnight + CLOSES_AFTER_MS + i64(row.merchant_hash % np.uint64(HOUR_MS))


@njit_inline
def _clock(row: Any, time_ms: int) -> int:
    """The row's clock after what happened at `time_ms`, by which the version of every control is chosen."""
    return max(i64(row.clock_ms), time_ms)


@njit_inline
def _reference_at(references: Any, clock_ms: int) -> Any:
    """The tables in force by the row's clock; the first are from the beginning of time."""
    k = len(references) - 1
    while k > 0 and references[k].since_ms > clock_ms:
        k -= 1
    return references[k]


@njit_inline
def _approves(response: int, reference: Any) -> bool:
    """Whether a response code, packed, approves; none is an approval."""
    if response == MISSING:
        return True
    for k in range(reference.approval_codes):
        if reference.approval_code[k] == response:
            return True
    return False


@njit_inline
def _put(
    state: State, into: Into, r: int, record: int, kind: int, time_ms: int, role: int, local_ms: int, j: int
) -> int:  # fmt: skip
    """Write the features as those of row `j`; the next row."""
    row = state.rows[r]
    into.words[0] = kind  # the column `row_kind` is the first
    for k in range(len(into.words)):
        into.table[k, j] = into.words[k]
    into.record_of[j] = record
    into.row_of[j] = r
    into.time_ms[j] = time_ms
    into.clock_ms[j] = _clock(row, time_ms)
    into.watermark_ms[j] = row.watermark_ms
    into.currency[j] = row.currency
    into.approved_role[j] = role
    into.local_ms[j] = local_ms
    return j + 1


@njit_inline
def _nothing(into: Into) -> None:
    """Let every feature be null."""
    for k in range(len(into.words)):
        into.words[k] = into.nulls[k]


@njit_inner
def _close(state: State, into: Into, references: Any, out: Any, r: int, j: int) -> int:
    """Close the day that is due, and await the next."""
    row = state.rows[r]
    at_ms, day = row.close_ms, i64(row.close_day)
    idle = day - i64(row.day)
    _nothing(into)
    close_all(row, Closing(at_ms, day, idle), _reference_at(references, _clock(row, at_ms)), out)
    row.watermark_ms = max(row.watermark_ms, at_ms)
    if idle < IDLE_MOST_D:
        _close_at(state, row, day + 1)
    else:
        row.close_day = 0
    if idle <= IDLE_REPORTED_D or idle == IDLE_YEAR_D:
        return _put(state, into, r, NOBODY, ROW_CLOSING, at_ms, NO_ROLE, NO_LOCAL_MS, j)
    return j


@njit_inner
def _fire(state: State, into: Into, references: Any, out: Any, r: int, up_to_ms: int, j: int) -> int:
    """Fire the row's deadlines that lie before `up_to_ms`, in their order; the next row of features."""
    while 0 < state.deadlines[r] < up_to_ms:
        _touch(state, r)
        row = state.rows[r]
        closes = row.close_day != 0 and row.close_ms == state.deadlines[r]
        if closes:
            j = _close(state, into, references, out, r, j)
            _await(state, row, r)
        else:
            _, expired = _release(state, row, r, _0, state.deadlines[r] + 1)
            row.unmatched_reversals += expired
    return j


@njit_inline
def _undo(state: State, row: Any, amount: int, time_ms: int, now_ms: int) -> None:
    """Take an approved sale out of the buckets it went into, by the zone that was in force at its time."""
    time_ms = min(time_ms, now_ms)
    master_data = state.master_data[_master_data_at(state, row, time_ms)]
    zone = master_data.zone if master_data.zone >= 0 else row.zone
    day = (time_ms + offset_at(state.zones, zone, time_ms)) // DAY_MS
    undo_all(row, amount, time_ms, min(day, i64(row.day)), now_ms, i64(row.day))


@njit_inline
def _reverse(state: State, row: Any, r: int, columns: Any, i: int, now_ms: int, limits: Limits) -> None:
    """Take a void or reversal in: take its original out, once."""
    original = columns.hash[S_ORIGINAL, i]
    if original == _0:
        row.unmatched_reversals += 1
        return
    turn = now_ms // limits.undone_turn_ms
    if holds(state.undone, original, r, turn) != ABSENT:
        row.repeated_reversals += 1
        return
    enter(state.undone, original, r, turn, False)
    k = repeats.find(row, original)
    if k >= 0:
        if repeats.mark_undone(row, k):
            _undo(state, row, row.ring_amount[k], i64(row.ring_time_s[k]) * 1000, now_ms)
        return
    amount, time_ms = columns.number[N_ORIGINAL_AMOUNT, i], columns.number[N_ORIGINAL_TIME, i]
    described = amount != MISSING and time_ms != MISSING
    hour = now_ms // limits.duplicate_turn_ms
    came = holds(state.duplicates, _txn_key(original), r, hour)
    long_ago = came == ABSENT and described and time_ms // limits.duplicate_turn_ms < hour - 1
    if (came == FLAGGED and described) or long_ago:
        _undo(state, row, amount, time_ms, now_ms)
    elif came == FLAGGED:
        row.unmatched_reversals += 1
    elif came == ABSENT:
        _wait(state, row, r, original, columns.number[N_TIME, i] + limits.reversal_ms, limits.pending)


@njit_inline
def _reset(state: State, r: int, keep: int) -> None:
    """Forget all but the header and the lifetime sums."""
    for k in range(keep, state.row_bytes.shape[1]):
        state.row_bytes[r, k] = 0


@njit_inline
def _disposition_of(
    columns: Any, i: int, r: int, key: np.uint64, state: State, references: Any, limits: Limits
) -> int:  # fmt: skip
    """Whether the transaction is to be taken in; touches nothing."""
    row, time_ms = state.rows[r], columns.number[N_TIME, i]
    if row.currency != 0 and row.currency != columns.number[N_CURRENCY, i]:
        return CURRENCY
    if row.started:
        if holds(state.duplicates, key, r, row.clock_ms // limits.duplicate_turn_ms) != ABSENT:
            return DUPLICATE
        if row.clock_ms - time_ms > _reference_at(references, i64(row.clock_ms)).late_ms:
            return LATE
    return ACCEPTED


@njit_inline
def _event(
    data: Any, columns: Any, i: int, state: State, row: Any, reference: Any, known: Any, time_ms: int, now_ms: int,
    was_ms: int, now_day: int, was_day: int, local_ms: int, role: int, approved: bool,
) -> Event:  # fmt: skip
    """The record as families see it, priced by the contract in force at its time."""
    amount, scheme, card_kind = columns.number[N_AMOUNT, i], columns.number[N_SCHEME, i], columns.number[N_CARD_KIND, i]
    channel, mode = columns.hash[S_CHANNEL, i], columns.hash[S_MODE, i]
    due, due_ppm = MISSING, MISSING
    if row.contract and columns.number[N_FEE, i] != MISSING:
        version = version_at(state, row.contract, time_ms)
        line = price_line(state, version, amount, scheme, card_kind, channel, mode)
        if line >= 0:
            due, due_ppm = line_fee(state.price_lines, line, amount), i64(state.price_lines[line].rate_ppm)
    entry = columns.number[N_ENTRY, i]
    entry = ((entry & 255) - 48) * 10 + ((entry >> 8 & 255) - 48) if entry != MISSING else -1
    acceptor_at, layout = columns.start[S_ACCEPTOR, i], _layout(data, columns, i, reference)
    return Event(
        time_ms, now_ms, was_ms, min(local_ms // DAY_MS, now_day), now_day, was_day,
        local_ms // 3_600_000 % 24, amount, role, approved, columns.hash[S_TXN, i], columns.hash[S_CARD, i],
        card_kind, scheme, entry,
        columns.number[N_RESPONSE, i], columns.number[N_COUNTRY, i], columns.number[N_CURRENCY, i],
        max(columns.number[N_MCC, i], -1), _acceptor_mcc(data, acceptor_at, layout, reference, known),
        max(columns.number[N_CHANNEL_MCC, i], -1), max(columns.number[N_FEE_TYPE, i], -1),
        columns.number[N_FEE, i], due, due_ppm, mode, channel, columns.hash[S_TERMINAL, i],
        columns.hash[S_ACCEPTOR, i], columns.hash[S_CHANNEL_MERCHANT, i],
        max(columns.number[N_FEE_CLASS, i], -1), _acceptor_region(data, acceptor_at, layout, reference),
    )  # fmt: skip


@njit_inline
def _advance_watermark(columns: Any, i: int, row: Any, state: State) -> bool:
    """Bring the row's watermark up to its feed's clock; the record's own feed before the first transaction.

    Whether there was room for the feed.
    """
    if not row.started:
        feed = _feed(state, columns.hash[S_FEED, i])
        if feed < 0:
            return False
        row.feed = feed
    row.watermark_ms = max(row.watermark_ms, state.feed_clock_ms[row.feed])
    return True


@njit_inner
def _settle(
    data: Any, columns: Any, i: int, r: int, state: State, into: Into, references: Any, known: Any, limits: Limits,
    out: Any, j: int,
) -> int:  # fmt: skip
    """Take a settlement in by what it carries; the next row of features, or -1 for one that came before."""
    row = state.rows[r]
    key = _settled_key(columns, i)
    turn = (row.clock_ms if row.started else 0) // limits.duplicate_turn_ms
    if holds(state.duplicates, key, r, turn) != ABSENT:
        return -1
    enter(state.duplicates, key, r, turn, False)
    given_ms = columns.number[N_ORIGINAL_TIME, i]
    # Whatever it says, what was settled was made before this was received: one wrong year would move the fee day.
    time_ms = min(given_ms if given_ms != MISSING else columns.number[N_TIME, i], columns.number[N_RECEIVED, i])
    master_data = state.master_data[_master_data_at(state, row, time_ms)]
    zone = master_data.zone if master_data.zone >= 0 else row.zone
    local_ms = time_ms + offset_at(state.zones, zone, time_ms)
    was_ms, was_day = (row.clock_ms, i64(row.day)) if row.started else (-1, -1)
    reference = _reference_at(references, _clock(row, time_ms))
    event = _event(
        data, columns, i, state, row, reference, known, time_ms, max(time_ms, was_ms), was_ms,
        max(local_ms // DAY_MS, was_day), was_day, local_ms, SALE, True,
    )  # fmt: skip
    _nothing(into)
    settle_all(row, event, master_data, reference, out)
    return _put(state, into, r, i, ROW_SETTLEMENT, time_ms, NO_ROLE, NO_LOCAL_MS, j)


@njit_inner
def _revise(
    columns: Any, i: int, r: int, version: int, state: State, into: Into, references: Any, out: Any, j: int
) -> int:
    """Enter a version of the contract; of two for the same moment the later record comes first."""
    row, effective_ms = state.rows[r], state.contracts[version].effective_ms
    before, at = 0, i64(row.contract)
    while at > 0 and state.contracts[at].effective_ms > effective_ms:
        before = at
        at = i64(state.contract_next[at])
    state.contract_next[version] = at
    if before:
        state.contract_next[before] = version
    else:
        row.contract = version
    received_ms = columns.number[N_RECEIVED, i]
    time_ms = received_ms if received_ms != MISSING else effective_ms
    rise = rise_ppm(state, version, at) if at > 0 else MISSING
    _nothing(into)
    reference = _reference_at(references, _clock(row, time_ms))
    revise_all(row, Revision(time_ms, effective_ms, state.contracts[version].notice_ms, rise), reference, out)
    return _put(state, into, r, i, ROW_CONTRACT, time_ms, NO_ROLE, NO_LOCAL_MS, j)


@njit_inline
def _accept(
    data: Any, columns: Any, i: int, r: int, key: np.uint64, state: State, references: Any, known: Any,
    roles: Any, limits: Limits, out: Any,
) -> tuple[int, int]:  # fmt: skip
    """Apply an accepted transaction to its merchant's row and write its features to `out`.

    Returns the transaction's role where it is approved, else -1, and its local time.
    """
    row = state.rows[r]
    time_ms = columns.number[N_TIME, i]
    was_ms, was_day = (row.clock_ms, i64(row.day)) if row.started else (-1, -1)
    if row.started and time_ms - was_ms > limits.forget_ms:
        _reset(state, r, limits.keep_bytes)
        was_ms, was_day = -1, -1
        row.day = row.close_day = 0
    row.started = 1
    if row.first_received_day == 0:
        row.first_received_day = time_ms // DAY_MS
    row.currency = columns.number[N_CURRENCY, i]
    now_ms = max(time_ms, was_ms)
    row.clock_ms = now_ms
    master_data = state.master_data[_master_data_at(state, row, time_ms)]
    if master_data.zone >= 0:
        row.zone = master_data.zone
    local_ms = time_ms + offset_at(state.zones, row.zone, time_ms)
    row.day = max(i64(row.day), (now_ms + offset_at(state.zones, row.zone, now_ms)) // DAY_MS)
    if row.close_day == 0:
        _close_at(state, row, i64(row.day))
        _await(state, row, r)
    amount, kind = columns.number[N_AMOUNT, i], columns.number[N_TYPE, i]
    role = roles[kind if kind != MISSING else 0]
    response = columns.number[N_RESPONSE, i]
    reference = _reference_at(references, now_ms)
    approved = _approves(response, reference)
    turn, txn_key = now_ms // limits.duplicate_turn_ms, _txn_key(columns.hash[S_TXN, i])
    enter(state.duplicates, txn_key, r, turn, approved and role == SALE)
    if key != txn_key:
        enter(state.duplicates, key, r, turn, False)
    if role == UNDO and approved:
        _reverse(state, row, r, columns, i, now_ms, limits)
    event = _event(
        data, columns, i, state, row, reference, known, time_ms, now_ms, was_ms, i64(row.day), was_day, local_ms, role,
        approved,
    )  # fmt: skip
    update_all(row, event, master_data, reference, out)
    if row.pending and role <= REFUND:
        found, _ = _release(state, row, r, event.txn, 0)
        k = repeats.find(row, event.txn) if found else -1
        if k >= 0 and repeats.mark_undone(row, k):
            _undo(state, row, amount, time_ms, now_ms)
    return (i64(role) if approved else i64(-1)), local_ms


@njit_inline
def _feed_time(time_ms: int, kind: int) -> int:
    """The feed's clock by a record: a clock record's own time; by a transaction of a foreign topic, whole minutes."""
    return time_ms if kind == KIND_CLOCK else (time_ms - BEHIND_MS) // MINUTE_MS * MINUTE_MS


@njit_inner
def _tick(state: State, into: Into, references: Any, out: Any, k: int, time_ms: int, cursor: Any, j: int) -> int:
    """Bring the clock of feed `k` up to `time_ms`: fire the deadlines it passes; the next row of features.

    Where there is no more room for rows of features, `cursor` is left at the row to go on with, plus one; else at 0.
    """
    first = cursor[1] - 1
    cursor[1] = 0
    if first < 0 and time_ms <= state.feed_clock_ms[k]:
        return j
    state.feed_clock_ms[k] = time_ms
    for r in range(max(first, 0), state.row_count[0]):
        if 0 < state.deadlines[r] < time_ms and state.rows[r].feed == k:
            if j + MOST_AT_ONCE > len(into.record_of):
                cursor[1] = r + 1
                return j
            j = _fire(state, into, references, out, r, time_ms, j)
    return j


@njit_cached
def run(
    data: Any, columns: Any, places: Any, state: State, references: Any, known: Any, roles: Any, limits: Limits,
    scratch: Any, into: Into, dispositions: Any, cursor: Any,
) -> int:  # fmt: skip
    """Take a batch in, record by record; return how many rows of features it gave.

    Where there is no more room for them it stops, and goes on where `cursor` says when called again.

    Args:
        data: the batch's bytes.
        columns: its `engine.decoding.columns.Columns`.
        places: (n,) of master data or a contract, its version's place in the side table.
        state: read and written.
        references: (versions,) of `engine.features.event.REFERENCE`, ascending by `since_ms`, read.
        known: (10000,) whether an MCC exists.
        roles: `domain.events.Role` by position in `TXN_TYPES`.
        limits: read.
        scratch: (1,) of the columns' dtype; the same memory as `into.words`.
        into: written at 0 to the result.
        dispositions: (n,) written, codes of `domain.dispositions`.
        cursor: (2,) the record to go on with, and where its clock still fires deadlines the row, plus one; (n, 0) when
            all is done.
    """
    data, columns, places = borrowed(data), borrowed(columns), borrowed(places)
    state, references, known = borrowed(state), borrowed(references), borrowed(known)
    roles, dispositions, cursor = borrowed(roles), borrowed(dispositions), borrowed(cursor)
    scratch, into = borrowed(scratch), borrowed(into)
    kinds, out = columns.kind, scratch[0]
    j = i64(0)  # a literal 0 would be a type of its own, and everything that takes `j` would be compiled twice
    for i in range(cursor[0], len(kinds)):
        cursor[0] = i
        if j + MOST_AT_ONCE > len(into.record_of):
            return j
        _fetch(data, columns, i, state)
        kind = kinds[i]
        if kind == KIND_DEAD:
            dispositions[i] = UNREADABLE
            continue
        if kind == KIND_CLOCK or cursor[1]:
            feed = _feed(state, columns.hash[S_FEED, i])
            if feed >= 0:
                j = _tick(state, into, references, out, feed, _feed_time(columns.number[N_TIME, i], kind), cursor, j)
                if cursor[1]:
                    return j
            if kind == KIND_CLOCK:
                dispositions[i] = OTHER_EVENT if feed >= 0 else FEEDS
            continue
        if kind == KIND_PERSON:  # it has no merchant
            dispositions[i] = OTHER_EVENT
            continue
        start = columns.start[S_MERCHANT, i]
        if limits.partitions > 1:
            whose = murmur2(data, start, start + columns.length[S_MERCHANT, i]) % limits.partitions
            if whose != limits.partition:
                dispositions[i] = WRONG_PARTITION
                continue
        if kind == KIND_TRANSACTION and columns.number[N_TIME, i] - columns.number[N_RECEIVED, i] > limits.future_ms:
            dispositions[i] = FUTURE
            continue
        r = _row_of(data, columns, i, state, limits)
        if r < 0:
            dispositions[i] = CAPACITY
            continue
        row = state.rows[r]
        if kind != KIND_TRANSACTION:
            _touch(state, r)
            dispositions[i] = OTHER_EVENT
            if kind == KIND_SETTLEMENT:
                if row.currency != 0 and row.currency != columns.number[N_CURRENCY, i]:
                    dispositions[i] = CURRENCY
                    into.event_context[i, 0], into.event_context[i, 1] = r, row.currency
                    continue
                if not _advance_watermark(columns, i, row, state):
                    dispositions[i] = FEEDS
                    continue
                after = _settle(data, columns, i, r, state, into, references, known, limits, out, j)
                if after < 0:
                    dispositions[i] = DUPLICATE
                    continue
                j = after
            elif kind == KIND_MASTER_DATA:
                _enter_master_data(state, row, places[i])
                if row.first_received_day == 0 and columns.number[N_RECEIVED, i] != MISSING:
                    row.first_received_day = columns.number[N_RECEIVED, i] // DAY_MS
            elif kind == KIND_CONTRACT:
                if not _advance_watermark(columns, i, row, state):
                    dispositions[i] = FEEDS
                    continue
                j = _revise(columns, i, r, places[i], state, into, references, out, j)
            else:
                into.event_context[i, 0], into.event_context[i, 1], into.event_context[i, 2] = r, row.watermark_ms, j
            row.other_events += np.uint32(1)
            continue
        key = _duplicate_key(columns, i)
        disposition = _disposition_of(columns, i, r, key, state, references, limits)
        feed = _feed(state, columns.hash[S_FEED, i]) if disposition == ACCEPTED else -1
        if disposition == ACCEPTED and feed < 0:
            disposition = FEEDS
        dispositions[i] = disposition
        if disposition != ACCEPTED:
            into.event_context[i, 0] = r
            into.event_context[i, 1] = row.clock_ms if disposition == LATE else row.currency
            continue
        _touch(state, r)
        if row.started:
            row.watermark_ms = max(row.watermark_ms, state.feed_clock_ms[row.feed])
        time_ms = columns.number[N_TIME, i]
        if 0 < state.deadlines[r] < time_ms:
            j = _fire(state, into, references, out, r, time_ms, j)
        row.feed = feed
        role, local_ms = _accept(data, columns, i, r, key, state, references, known, roles, limits, out)
        row.watermark_ms = max(row.watermark_ms, row.clock_ms, state.feed_clock_ms[feed])
        j = _put(state, into, r, i, ROW_TRANSACTION, time_ms, role, local_ms, j)
        if limits.foreign:
            j = _tick(state, into, references, out, feed, _feed_time(time_ms, kind), cursor, j)
            if cursor[1]:
                return j
    cursor[0] = len(kinds)
    return j


@njit_cached
def snapshot(rows: Any, state: State, references: Any, scratch: Any) -> None:
    """Write every feature of a merchant at its clock, as a declined void of no amount would show it.

    It is compiled apart from `run`, which was an eighth slower with a second call of the families in it.

    Args:
        rows: (1,) a copy of the merchant's row; it is written to.
        state: read.
        references: as `run` takes them.
        scratch: (1,) of the columns' dtype, written.
    """
    rows, state, references, scratch = borrowed(rows), borrowed(state), borrowed(references), borrowed(scratch)
    row, out = rows[0], scratch[0]
    now_ms, day = i64(row.clock_ms), i64(row.day)
    master_data = state.master_data[_master_data_at(state, row, now_ms)]
    local_ms = now_ms + offset_at(state.zones, row.zone, now_ms)
    none, nothing = i64(-1), i64(MISSING)
    event = Event(
        now_ms, now_ms, now_ms, min(local_ms // DAY_MS, day), day, day, local_ms // 3_600_000 % 24, i64(0), i64(UNDO),
        now_ms < 0, _0, _0, nothing, nothing, none, nothing, nothing, i64(row.currency), none, none, none, none,
        nothing, nothing, nothing, _0, _0, _0, _0, _0, none, i64(0),
    )  # fmt: skip
    update_all(row, event, master_data, _reference_at(references, now_ms), out)
    out.row_kind = ROW_TRANSACTION
