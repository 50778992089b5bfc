"""The kernel: walks a batch in order over the merchants' rows.

This file is a template: `compose` writes it out with the functions between the marks replaced by calls of every family
and by what is done to every block, and compiles that. Two families are core, for the kernel itself reads and writes
their fields: `lifetime` and `repeats` (the ring of the last transactions).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain import dispositions as ends
from domain.events import (
    KIND_CLOCK,
    KIND_COMPLAINT,
    KIND_CONTRACT,
    KIND_DEAD,
    KIND_MASTER_DATA,
    KIND_PERSON,
    KIND_SETTLEMENT,
    KIND_TERMINAL,
    KIND_TRANSACTION,
    REPORT_KINDS,
)
from domain.feature_codes import (
    LONG_TERMINAL,
    ROW_CLOSING,
    ROW_CONTRACT,
    ROW_REPORT,
    ROW_SETTLEMENT,
    ROW_TRANSACTION,
)
from domain.timestamps import DAY_MS, HOUR_MS, MINUTE_MS
from engine.borrowing import borrowed
from engine.checkpoint.dirty import touch
from engine.decoding.columns import MISSING, NUMBERS, STRINGS
from engine.decoding.hashing import GOLDEN, hash64, hash_as, load64, mix64, murmur2, prefetch
from engine.features.event import (
    CONTRACT,
    MASTER_DATA,
    PRICE_LINE,
    REFUND,
    SALE,
    UNDO,
    Closing,
    Complaint,
    Equipment,
    Event,
    Report,
    Revision,
    Undone,
    entry_of,
)  # fmt: skip
from engine.features.families import repeats
from engine.features.identity import AMOUNT_BITS, FEE_COUNTED, Identity, currency_of, whole_amount
from engine.features.money import converted
from engine.features.pricing import UNKNOWN_TIER, judged_fee, line_between, line_fee, rise_ppm, version_at
from engine.features.reporting import report_of
from engine.features.rows import CHUNK, place
from engine.features.sets import ABSENT, amount_at, enter, fetch, find, time_at
from engine.features.state import (
    MAX_FEEDS,
    MOST_VERSIONS,
    MOST_WAITING,
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
(
    ACCEPTED, DUPLICATE, OTHER_EVENT, UNREADABLE, LATE, FUTURE, CAPACITY, WRONG_PARTITION, CURRENCY, FEEDS, CONFLICT,
    TOO_MANY_VERSIONS,
) = (
    each.code
    for each in (ends.ACCEPTED, ends.DUPLICATE, ends.OTHER_EVENT, ends.UNREADABLE, ends.LATE, ends.FUTURE,
                 ends.CAPACITY, ends.WRONG_PARTITION, ends.CURRENCY, ends.FEEDS, ends.CONFLICT, ends.MERCHANT_VERSIONS)
)  # fmt: skip
N_FEE, N_FEE_CLASS, N_ECI, N_TAX, N_INSTANT = (
    NUMBERS.index(name) for name in ("fee", "fee_class", "eci", "fee_tax", "fee_instant")
)
CLOSES_AFTER_MS = 2 * HOUR_MS
"""A local day is closed this long after its end, and up to an hour more by merchant, so that not all close at once."""
IDLE_REPORTED_D, IDLE_YEAR_D, IDLE_MOST_D = 100, 365, 400
"""Ends of idle days that are told: the first hundred, and that of a year; then no more are awaited."""
UNDONE_S = 14 * DAY_MS // 1000
"""How long it is known of an original how much of it was taken out, by the merchant's clock."""
BEHIND_MS = 30 * MINUTE_MS
"""On a foreign topic the clock is so far behind the partition's greatest accepted event time."""
MOST_AT_ONCE = 128
"""Rows of features that one record, or one merchant's deadlines, may give at most."""
FETCH_SLOT, FETCH_ROW, FETCH_VERSION = 8, 4, 2
"""How many records ahead a merchant's slot of the index, its row and its master data are fetched: where merchants are
many none lies in a cache, and the kernel waited for memory for a third of its time."""
_LINE = 64
"""Bytes of a cache line."""
_FIRST_BYTES = 1_280
"""Bytes of a row that are fetched first."""
NO_ROLE, NO_LOCAL_MS = i64(-1), i64(MISSING)
"""`approved_role` and `local_ms` of a row of features that is of no transaction."""
_USUAL_APPROVAL = 0x3030 | 2 << 56
"""Response code 00, packed."""
NOBODY = -1
"""In `record_of`: the row of features is of no record."""
MASTER_DATA_BYTES, CONTRACT_BYTES, PRICE_LINE_BYTES = (
    MASTER_DATA.itemsize,
    CONTRACT.itemsize,
    PRICE_LINE.itemsize,
)
_0 = np.uint64(0)
_ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)
_LONG_TERMINAL = np.uint64(LONG_TERMINAL)
_SETTLED, _APPLIED, _CHARGED, _MESSAGE = 1, 2, 3, 16
"""As what an id is looked up: a settlement, a reversal that was applied, a sale that told its fee, a message of a type
and outcome (from 16 on)."""
_MOST_MINOR = i64(2**62)
_SALT_SETTLED = np.uint64(0xD1B54A32D192ED03)
_SALT_TXN = np.uint64(0xA24BAED4963EE407)
_SALT_SENT = np.uint64(0x9FB21C651E98DF25)


@njit_inline
def fetch_block(data: Any, place: int, size: int) -> None:
    """Have a block of `size` bytes fetched, where there is one; a literal lets the compiler unroll."""
    if place:
        for at in range(0, size, _LINE):
            prefetch(data, place * size + at)


@njit_inline
def save_block(data: Any, place: int, saved: Any, copy: int, at: int) -> None:
    """Copy a block to byte `at` of a copy of its row."""
    if place:
        for b in range(data.shape[1]):
            saved[copy, at + b] = data[place, b]


@njit_inline
def reset_block(data: Any, place: int, keep: int) -> None:
    """Empty a block but for what it keeps."""
    if place:
        for b in range(keep, data.shape[1]):
            data[place, b] = 0


# families: begin
@njit_inline
def fetch_blocks(row: Any, blocks: Any) -> None:
    """Have the row's blocks fetched."""


@njit_inline
def save_blocks(row: Any, blocks: Any, saved: Any, copy: int) -> None:
    """Copy the row's blocks behind its own copy."""


@njit_inline
def reset_blocks(row: Any, blocks: Any) -> None:
    """Empty the row's blocks."""


@njit_inner
def update_all(row: Any, blocks: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Take a transaction into every family."""


@njit_inner
def undo_all(row: Any, blocks: Any, undone: Undone) -> None:
    """Take an approved sale or refund, or a part of it, out of every family that can."""


@njit_inner
def settle_all(row: Any, blocks: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Take a settlement into every family that looks at it."""


@njit_inner
def report_all(row: Any, blocks: Any, report: Report, master_data: Any, reference: Any, out: Any) -> None:
    """Take a report on an earlier transaction into every family that looks at it."""


@njit_inner
def close_all(row: Any, blocks: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Close a day in every family that does."""


@njit_inner
def revise_all(row: Any, blocks: Any, revision: Revision, reference: Any, out: Any) -> None:
    """Tell every family that cares of a new version of the contract."""


@njit_inner
def equip_all(row: Any, blocks: Any, equipment: Equipment) -> None:
    """Tell every family that cares what is said of a terminal."""


@njit_inner
def complain_all(row: Any, blocks: Any, complaint: Complaint) -> None:
    """Tell every family that cares of a complaint."""


@njit_inner
def month_all(row: Any, blocks: Any, day: int, was_ms: int) -> tuple[int, int, bool]:  # noqa: ARG001  a stand-in
    """What a local day's month came to before the day, with what is known of the day, and whether that is all."""
    return i64(0), i64(0), False


# families: end


@njit_inline
def _as_message(h: np.uint64, kind: int, approved: bool) -> np.uint64:
    """What a message is known by: its id, or what its terminal sent, its type, and whether it was approved."""
    return hash_as(h, _MESSAGE + 2 * (kind if kind != MISSING else 0) + (1 if approved else 0))


@njit_inline
def _earlier_key(columns: Any, i: int) -> np.uint64:
    """What a transaction was known by before identities were keyed; see `Limits.earlier_until_s`."""
    acquirer, terminal, stan = columns.hash[S_ACQUIRER, i], columns.hash[S_TERMINAL, i], columns.hash[S_STAN, i]
    sent = columns.number[N_SENT, i]
    if acquirer == _0 or terminal == _0 or stan == _0 or sent == MISSING:
        return _earlier_txn_key(columns.hash[S_TXN, i])
    key = mix64(mix64(mix64(acquirer ^ _SALT_SENT) + terminal * GOLDEN) + stan * GOLDEN) + np.uint64(sent) * GOLDEN
    kind = columns.number[N_TYPE, i]
    key = mix64(key + np.uint64(kind if kind != MISSING else 0))
    return key if key != _0 else np.uint64(1)


@njit_inline
def _earlier_txn_key(txn: np.uint64) -> np.uint64:
    key = mix64(txn ^ _SALT_TXN)
    return key if key != _0 else np.uint64(1)


@njit_inline
def _earlier_settled_key(txn: np.uint64) -> np.uint64:
    key = mix64(_earlier_txn_key(txn) ^ _SALT_SETTLED)
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
    copy = touch(state.rows, state.row_bytes, state.deadlines, state.dirty, r)
    if copy >= 0:
        save_blocks(state.rows[r], state.blocks, state.dirty.saved, copy)


@njit_inline
def _row_of(data: Any, columns: Any, i: int, identity: Identity, state: State, limits: Limits) -> int:
    """The row of the record's merchant, taken where it is new; -1 where there is no room."""
    h, start = identity.merchant[i], columns.start[S_MERCHANT, i]
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
    row.merchant_hash = columns.hash[S_MERCHANT, i]  # its deadlines follow from it: it depends on no secret
    row.id_length = length
    for k in range(length):
        row.id[k] = data[start + k]
    return r


@njit_inline
def _slot_of(identity: Identity, i: int, state: State) -> int:
    """Where the index begins to be searched for the record's merchant."""
    return i64(identity.merchant[i] & np.uint64(len(state.merchants.hash) - 1))


@njit_inline
def _row_by_hash(identity: Identity, i: int, state: State) -> int:
    """The row of the record's merchant, by its hash alone; -1 where it is new."""
    at, h = _slot_of(identity, i, state), identity.merchant[i]
    while state.merchants.hash[at] != _0:
        if state.merchants.hash[at] == h:
            return i64(state.merchants.row[at])
        at = (at + 1) & (len(state.merchants.hash) - 1)
    return -1


@njit_inline
def _fetch(data: Any, columns: Any, i: int, identity: Identity, state: State) -> int:
    """Have fetched what the records after `i` will read. It changes nothing but the time they take.

    Returns the row of which `_fetch_rest` is to fetch the second half, -1 for none.
    """
    kinds, ahead = columns.kind, i64(-1)
    n = len(kinds)
    if i + FETCH_SLOT < n and kinds[i + FETCH_SLOT] != KIND_DEAD:
        at = _slot_of(identity, i + FETCH_SLOT, state)
        prefetch(state.merchants.hash, 8 * at)
        prefetch(state.merchants.row, 4 * at)
        prefetch(data, i64(columns.start[S_MERCHANT, i + FETCH_SLOT]))
    if i + FETCH_ROW < n and kinds[i + FETCH_ROW] != KIND_DEAD:
        ahead = _fetch_row(data, columns, i + FETCH_ROW, identity, state)
    if i + FETCH_VERSION < n and kinds[i + FETCH_VERSION] != KIND_DEAD:
        r = _row_by_hash(identity, i + FETCH_VERSION, state)
        if r >= 0:
            k = i64(state.rows[r].master_data)
            prefetch(state.master_data, k * MASTER_DATA_BYTES)
            prefetch(state.master_data, (k + 1) * MASTER_DATA_BYTES - 1)
            prefetch(state.contracts, i64(state.rows[r].contract) * CONTRACT_BYTES)
            fetch_blocks(state.rows[r], state.blocks)
    if i + 1 < n and kinds[i + 1] != KIND_DEAD and columns.number[N_FEE, i + 1] != MISSING:
        r = _row_by_hash(identity, i + 1, state)
        if r >= 0:
            version = state.contracts[i64(state.rows[r].contract)]
            for k in range(version.line, version.line + version.lines):
                prefetch(state.price_lines, k * PRICE_LINE_BYTES)
    return ahead


@njit_inline
def _fetch_lines(state: State, r: int) -> None:
    size = state.row_bytes.shape[1]
    for at in range(r * size, (r + 1) * size, _LINE):
        prefetch(state.row_bytes, at)


@njit_inline
def _fetch_rest(state: State, ahead: int) -> None:
    """Have the second half of a row fetched, later than the first: a core awaits only so many lines at once."""
    if ahead >= 0:
        size = state.row_bytes.shape[1]
        for at in range(ahead * size + _FIRST_BYTES, (ahead + 1) * size, _LINE):
            prefetch(state.row_bytes, at)


@njit_inline
def _fetch_row(data: Any, columns: Any, i: int, identity: Identity, state: State) -> int:
    """Have the first half of the row of record `i` fetched, and the places of its ids among the duplicates; the row."""
    r = _row_by_hash(identity, i, state)
    if r < 0:
        return r
    start = r * state.row_bytes.shape[1]
    for at in range(start, start + _FIRST_BYTES, _LINE):
        prefetch(state.row_bytes, at)
    prefetch(state.deadlines, 8 * r)
    if columns.kind[i] == KIND_SETTLEMENT:
        return r
    kind, approved = columns.number[N_TYPE, i], columns.number[N_RESPONSE, i] in (MISSING, _USUAL_APPROVAL)
    fetch(state.duplicates, _as_message(identity.txn[i], kind, approved), r)
    if identity.sent[i] != _0:
        fetch(state.duplicates, _as_message(identity.sent[i], kind, approved), r)
    if columns.hash[S_ACCEPTOR, i] != _0:
        prefetch(data, i64(columns.start[S_ACCEPTOR, i]))
    return r


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
    row.versions += 1
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
    state.soonest[r // CHUNK] = min(state.soonest[r // CHUNK], np.uint64(first - 1))


@njit_inline
def _wait(
    state: State, row: Any, r: int, original: np.uint64, amount: int, deadline_ms: int, most: int
) -> None:  # fmt: skip
    """Let a reversal wait for its original; where many of the merchant, or `most` in all, wait already it counts as
    unmatched at once.
    """
    waiting, k = 0, row.pending
    while k > 0 and waiting < MOST_WAITING:
        waiting, k = waiting + 1, state.pending[k - 1].next
    if waiting == MOST_WAITING:
        row.unmatched_reversals += 1
        return
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
    entry.amount = amount
    entry.deadline_ms = deadline_ms
    entry.next = row.pending
    row.pending = k
    _await(state, row, r)


@njit_inline
def _release(state: State, row: Any, r: int, original: np.uint64, earlier: np.uint64, up_to_ms: int) -> tuple[int, int]:
    """Drop the reversals that wait for `original`, and those whose deadline lies before `up_to_ms`.

    Returns what the first are to take out together, -1 for none, 0 for all of it; and how many of the others there
    were. `earlier` is the original as it was known before identities were keyed.
    """
    found, expired, before = -1, 0, 0
    k = row.pending
    while k > 0:
        entry = state.pending[k - 1]
        after = entry.next
        mine = original != _0 and (entry.original == original or entry.original == earlier)
        late = entry.deadline_ms < up_to_ms
        if mine or late:
            if mine:
                whole = found == 0 or entry.amount == 0
                found = 0 if whole else max(found, 0) + i64(entry.amount)
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
def _approves(columns: Any, i: int, reference: Any) -> bool:
    """Whether the record's response code approves, by its scheme's table; none is an approval."""
    response = columns.number[N_RESPONSE, i]
    if response in (MISSING, _USUAL_APPROVAL):
        return True
    if response >> 56 == 3:  # an action code of ISO 8583:1993, of which those from 000 to 099 approve
        return bool(response & 255 == 48)
    scheme = columns.number[N_SCHEME, i]
    codes = reference.approval_code[scheme + 1 if scheme != MISSING else 0]
    for k in range(len(codes)):
        if codes[k] == response:
            return True
    return False


@njit_inline
def _put(
    state: State, into: Into, r: int, record: int, kind: int, time_ms: int, role: int, local_ms: int, j: int
) -> int:  # fmt: skip
    """Write the features as those of row `j`; the next row."""
    row = state.rows[r]
    into.words[0] = kind  # the column `row_kind` is the first
    if kind != ROW_TRANSACTION or into.table[0, j] != ROW_TRANSACTION:
        values = into.words if kind != ROW_TRANSACTION else into.nulls
        for run in range(len(into.of_closings)):
            for k in range(into.of_closings[run, 0], into.of_closings[run, 1]):
                into.table[k, j] = values[k]
    for run in range(len(into.of_transactions)):
        for k in range(into.of_transactions[run, 0], into.of_transactions[run, 1]):
            into.table[k, j] = into.words[k]
    into.record_of[j] = record
    into.row_of[j] = r
    into.time_ms[j] = time_ms
    into.clock_ms[j] = _clock(row, time_ms)
    into.watermark_ms[j] = row.watermark_ms
    into.currency[j] = row.currency
    into.approved_role[j] = role
    into.local_ms[j] = local_ms
    into.version_of[j] = _master_data_at(state, row, time_ms)
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
    version = state.master_data[_master_data_at(state, row, at_ms)]
    licence_ms, licence_day = i64(version.licence_ms), i64(MISSING)
    if licence_ms:
        licence_day = (licence_ms + offset_at(state.zones, row.zone, licence_ms)) // DAY_MS
    else:
        licence_ms = i64(MISSING)
    mcc = i64(version.mccs[0]) if version.mcc_count > 0 else i64(-1)
    closing = Closing(at_ms, day, idle, licence_ms, licence_day, mcc)
    close_all(row, state.blocks, closing, _reference_at(references, _clock(row, at_ms)), out)
    row.watermark_ms = max(row.watermark_ms, at_ms)
    if idle < IDLE_MOST_D:
        _close_at(state, row, day + 1)
    else:
        row.close_day = 0
    if idle <= IDLE_REPORTED_D or idle == IDLE_YEAR_D:
        return _put(state, into, r, NOBODY, ROW_CLOSING, at_ms, NO_ROLE, day * DAY_MS, j)
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
            _, expired = _release(state, row, r, _0, _0, state.deadlines[r] + 1)
            row.unmatched_reversals += expired
    return j


@njit_inline
def _own_money(amount: int, currency: int, row: Any, reference: Any) -> int:
    """An amount in the merchant's currency, by the rates in force; `MISSING` where it is missing or has no rate."""
    if row.currency in (0, currency) or amount in (0, MISSING):
        return amount
    return converted(amount, currency, i64(row.currency), reference)


@njit_inline
def _undo(
    state: State, row: Any, role: int, count: int, paid: int, ticket: int, currency: int, reference: Any, time_ms: int,
    now_ms: int,
) -> None:  # fmt: skip
    """Take an approved sale or refund, or a part of it, out of the buckets it went into, by the zone of its time."""
    time_ms = min(time_ms, now_ms)
    master_data = state.master_data[_master_data_at(state, row, time_ms)]
    zone = master_data.zone if master_data.zone >= 0 else row.zone
    day = min((time_ms + offset_at(state.zones, zone, time_ms)) // DAY_MS, i64(row.day))
    amount, ticket = _own_money(paid, currency, row, reference), _own_money(ticket, currency, row, reference)
    undone = Undone(role, count, amount, ticket, paid, currency, time_ms, day, now_ms, i64(row.day))
    undo_all(row, state.blocks, undone)


@njit_inline
def _take_out(
    state: State, row: Any, r: int, original: np.uint64, ring_id: np.uint64, role: int, amount: int, part: int,
    currency: int, reference: Any, time_ms: int, now_ms: int,
) -> None:  # fmt: skip
    """Take `part` of an original out, 0 for all of it, but no more than is left; count it where nothing is.

    Amounts are of `currency`.
    """
    now_s = now_ms // 1000
    if amount == MISSING:  # there is no rate for what the reversal names
        row.unmatched_reversals += 1
        return
    at = find(state.undone, original, r, now_s)
    gone = amount_at(state.undone, at) if at != ABSENT else i64(0)
    left = amount - gone
    if left <= 0 and gone > 0:
        row.repeated_reversals += 1
        return
    taken = left if part == 0 or part > left else part
    count = 1 if gone + taken >= amount else 0
    held, sums = (row.sales, row.sales_minor) if role == SALE else (row.refunds, row.refunds_minor)
    # What was described, and cannot have been counted, takes no sum below zero.
    if (
        held < count
        or (currency == row.currency and sums < taken)
        or (_own_money(taken, currency, row, reference) == MISSING)
    ):
        row.unmatched_reversals += 1
        return
    enter(state.undone, original, r, now_s + UNDONE_S, now_s, max(gone + taken, 1))
    if count:
        repeats.mark_undone(row, ring_id, role)
    _undo(state, row, role, count, taken, amount, currency, reference, time_ms, now_ms)


@njit_inline
def _came(state: State, r: int, original: np.uint64, roles: Any, now_s: int) -> tuple[int, int]:
    """Where the original of a reversal stands among the messages, and its role; `ABSENT` where it is not known.

    Of a sale and a refund under one id it is the sale. The role is -1 of one that was declined.
    """
    for wanted in (SALE, REFUND):
        for kind in range(len(roles)):
            if roles[kind] == wanted:
                at = find(state.duplicates, _as_message(original, kind, True), r, now_s)
                if at != ABSENT:
                    return at, i64(wanted)
    for kind in range(len(roles)):
        if roles[kind] <= REFUND:
            at = find(state.duplicates, _as_message(original, kind, False), r, now_s)
            if at != ABSENT:
                return at, i64(-1)
    return i64(ABSENT), i64(-1)


@njit_inner
def _reverse(
    state: State, row: Any, r: int, columns: Any, i: int, identity: Identity, reference: Any, roles: Any, now_ms: int,
    limits: Limits,
) -> None:  # fmt: skip
    """Take a void or reversal in: take what it names out of its original, once for each reversal."""
    original, ring_id, now_s = identity.original[i], columns.hash[S_ORIGINAL, i], now_ms // 1000
    part, currency = columns.number[N_AMOUNT, i], columns.number[N_CURRENCY, i]
    if original == _0:
        row.unmatched_reversals += 1
        return
    applied = hash_as(identity.txn[i], _APPLIED)
    earlier = now_s <= limits.earlier_until_s and find(state.undone, ring_id, r, now_s) != ABSENT
    if earlier or find(state.undone, applied, r, now_s) != ABSENT:
        row.repeated_reversals += 1
        return
    enter(state.undone, applied, r, now_s + UNDONE_S, now_s, 1)
    at, role = _came(state, r, original, roles, now_s)
    if at != ABSENT:
        if role >= 0:
            whole, time_ms = amount_at(state.duplicates, at), time_at(state.duplicates, at) * 1000
            amount, of = whole & ((1 << AMOUNT_BITS) - 1), currency_of(whole)
            _take_out(state, row, r, original, ring_id, role, amount, part, of, reference, time_ms, now_ms)
        return
    k = repeats.find(row, ring_id)
    if k < 0:
        _reverse_described(state, row, r, columns, i, original, reference, now_ms, limits)
        return
    role = repeats.role_of(row, k)
    if role >= 0:
        amount, time_ms = i64(row.ring_amount[k]), i64(row.ring_time_s[k]) * 1000
        if row.currency not in (0, currency):
            amount = converted(amount, i64(row.currency), currency, reference)
        _take_out(state, row, r, original, ring_id, role, amount, part, currency, reference, time_ms, now_ms)
    elif repeats.was_undone(row, k):
        row.repeated_reversals += 1


@njit_inline
def _reverse_described(
    state: State, row: Any, r: int, columns: Any, i: int, original: np.uint64, reference: Any, now_ms: int,
    limits: Limits,
) -> None:  # fmt: skip
    """Take a reversal in whose original is not known: as it describes it, or when it comes."""
    now_s, part, currency = now_ms // 1000, columns.number[N_AMOUNT, i], columns.number[N_CURRENCY, i]
    amount, time_ms = columns.number[N_ORIGINAL_AMOUNT, i], columns.number[N_ORIGINAL_TIME, i]
    ring_id, described = columns.hash[S_ORIGINAL, i], amount != MISSING and time_ms != MISSING
    earlier = now_s <= limits.earlier_until_s and (
        find(state.duplicates, _earlier_txn_key(ring_id), r, now_s) != ABSENT
    )
    first_ms = columns.number[N_TIME, i]
    if row.first_ms != 0:
        first_ms = min(first_ms, i64(row.first_ms))
    before = described and time_ms < first_ms
    if before and time_ms + reference.late_ms < now_ms:
        row.unmatched_reversals += 1  # it was before our time, and cannot come any more
    elif described and not before and (earlier or time_ms + reference.repeat_ms < now_ms):
        _take_out(state, row, r, original, ring_id, i64(SALE), amount, part, currency, reference, time_ms, now_ms)
    elif earlier:
        row.unmatched_reversals += 1
    else:
        _wait(state, row, r, original, part, columns.number[N_TIME, i] + limits.reversal_ms, limits.pending)


@njit_inline
def _reset(state: State, r: int, keep: int) -> None:
    """Forget all but the header and the lifetime sums."""
    reset_blocks(state.rows[r], state.blocks)
    for k in range(keep, state.row_bytes.shape[1]):
        state.row_bytes[r, k] = 0


@njit_inline
def _foreign_money(columns: Any, i: int, row: Any, reference: Any) -> bool:
    """Whether the record moves money of another currency than the merchant's, for which there is no rate."""
    currency = columns.number[N_CURRENCY, i]
    if row.currency in (0, currency):
        return False
    moves = columns.number[N_AMOUNT, i] != 0 or columns.number[N_FEE, i] not in (0, MISSING)
    return moves and converted(1, currency, i64(row.currency), reference) == MISSING


@njit_inline
def _disposition_of(
    columns: Any, i: int, r: int, key: np.uint64, sent_key: np.uint64, state: State, reference: Any, limits: Limits,
    into: Into,
) -> int:  # fmt: skip
    """Whether the transaction is to be taken in; touches nothing but its context."""
    row, time_ms = state.rows[r], columns.number[N_TIME, i]
    into.event_context[i, 0], into.event_context[i, 1] = r, row.currency
    if row.started:
        now_s = max(i64(row.clock_ms), time_ms) // 1000
        at = find(state.duplicates, key, r, now_s)
        if at != ABSENT:
            first = amount_at(state.duplicates, at)
            first &= ~FEE_COUNTED
            if first == whole_amount(columns, i):
                return DUPLICATE
            into.event_context[i, 1], into.event_context[i, 2] = first, time_at(state.duplicates, at)
            return CONFLICT
        if sent_key != _0 and find(state.duplicates, sent_key, r, now_s) != ABSENT:
            return DUPLICATE
        if now_s <= limits.earlier_until_s and find(state.duplicates, _earlier_key(columns, i), r, now_s) != ABSENT:
            return DUPLICATE
    if _foreign_money(columns, i, row, reference):
        return CURRENCY
    if row.started and row.clock_ms - time_ms > reference.late_ms:
        into.event_context[i, 1] = row.clock_ms
        return LATE
    return ACCEPTED


@njit_inline
def _sent(columns: Any, i: int, identity: Identity) -> np.uint64:
    """Terminal, STAN and time sent as one hash that depends on no secret; 0 where one is missing."""
    if identity.sent[i] == _0:
        return _0
    h = mix64(columns.hash[S_TERMINAL, i] + columns.hash[S_STAN, i] * GOLDEN) + np.uint64(columns.number[N_SENT, i])
    return mix64(h)


@njit_inline
def _terminal_id(data: Any, columns: Any, i: int) -> np.uint64:
    """The terminal's id as `Event.terminal_id` has it."""
    h, length = np.uint64(columns.hash[S_TERMINAL, i]), i64(columns.length[S_TERMINAL, i])
    if h == _0:
        return _0
    if length > 8:
        return h | _LONG_TERMINAL
    of_id = _ALL_BITS >> np.uint64(64 - 8 * length)
    return load64(data, i64(columns.start[S_TERMINAL, i])) & of_id


@njit_inline
def _mcc(code: int) -> int:
    """An MCC as it came, -1 where there is none: 0000 and 9999 stand for that."""
    return -1 if code in (MISSING, 0, 9999) else code


@njit_inner
def _price(
    columns: Any, i: int, state: State, row: Any, amount: int, time_ms: int, was_ms: int, day: int, exact: bool
) -> int:
    """Place of the contract's price for a record with a fee, -1 where none applies, -2 where it depends on what is not
    known of the month.

    With `exact` it comes after all that its month came to; else the end of its day may be missing, or come after it.
    """
    version, low, high = version_at(state, row.contract, time_ms), i64(0), i64(0)
    if state.contracts[version].months:
        low, high, whole = month_all(row, state.blocks, day, was_ms)
        low, high = max(high if exact else low, 0), max(high, 0) if whole else _MOST_MINOR
    return line_between(
        state, version, amount, low, high, columns.number[N_SCHEME, i], columns.number[N_CARD_KIND, i],
        max(columns.number[N_FEE_CLASS, i], -1), columns.hash[S_CHANNEL, i], columns.hash[S_MODE, i],
    )  # fmt: skip


@njit_inline
def _event(
    data: Any, columns: Any, i: int, identity: Identity, state: State, row: Any, reference: Any, known: Any,
    time_ms: int, now_ms: int, was_ms: int, now_day: int, was_day: int, local_ms: int, role: int, approved: bool,
    counted: bool, told: int, is_part: bool,
) -> Event:  # fmt: skip
    """The record as families see it, priced by the contract in force at its time; without its fee where that was
    `counted` already.
    """
    scheme, card_kind = columns.number[N_SCHEME, i], columns.number[N_CARD_KIND, i]
    paid, currency = columns.number[N_AMOUNT, i], columns.number[N_CURRENCY, i]
    amount, fee = _own_money(paid, currency, row, reference), columns.number[N_FEE, i]
    channel, mode, day = columns.hash[S_CHANNEL, i], columns.hash[S_MODE, i], min(local_ms // DAY_MS, now_day)
    due, due_ppm, in_mode = MISSING, MISSING, False
    if row.contract and fee != MISSING and not counted:
        line = _price(columns, i, state, row, amount, time_ms, was_ms, day, columns.kind[i] == KIND_TRANSACTION and
                      time_ms >= was_ms)  # fmt: skip
        if line >= 0:
            due, due_ppm = line_fee(state.price_lines, line, amount), i64(state.price_lines[line].rate_ppm)
            in_mode = state.price_lines[line].mode != _0
        elif line == UNKNOWN_TIER:
            due_ppm = i64(0)
    fee = judged_fee(fee, columns.number[N_TAX, i], columns.number[N_INSTANT, i], in_mode)
    fee = MISSING if counted else _own_money(fee, currency, row, reference)
    log_amount = np.log(max(amount, 1)) if approved and role == SALE else 0.0
    entry = entry_of(columns.number[N_ENTRY, i])
    acceptor_at, layout = columns.start[S_ACCEPTOR, i], _layout(data, columns, i, reference)
    return Event(
        time_ms, now_ms, was_ms, day, now_day, was_day,
        local_ms // 3_600_000 % 24, amount, log_amount, role, approved, columns.hash[S_TXN, i], columns.hash[S_CARD, i],
        card_kind, scheme, entry,
        columns.number[N_RESPONSE, i], columns.number[N_COUNTRY, i], currency,
        _mcc(columns.number[N_MCC, i]), _acceptor_mcc(data, acceptor_at, layout, reference, known),
        _mcc(columns.number[N_CHANNEL_MCC, i]), max(columns.number[N_FEE_TYPE, i], -1),
        fee, told, is_part, due, due_ppm, mode, channel, columns.hash[S_TERMINAL, i],
        columns.hash[S_ACCEPTOR, i], columns.hash[S_CHANNEL_MERCHANT, i],
        max(columns.number[N_FEE_CLASS, i], -1), _acceptor_region(data, acceptor_at, layout, reference), paid,
        _sent(columns, i, identity), _terminal_id(data, columns, i), max(columns.number[N_ECI, i], -1),
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
def _told_before(
    i: int, r: int, identity: Identity, state: State, row: Any, roles: Any, time_ms: int, now_s: int
) -> tuple[bool, int, int]:
    """Of a settlement with a fee: whether its transaction's counts instead of it, what that was, `MISSING` where none
    is known, and the lowest 32 bits of the amount that it was of.

    Fees of transactions are remembered from the first settlement with one on, for 14 days. Of what was sold before,
    only the message index may know that the transaction had none.
    """
    if row.fee_told_s == 0:
        return False, MISSING, 0
    at = find(state.undone, hash_as(identity.txn[i], _CHARGED), r, now_s)
    if at != ABSENT:
        return False, amount_at(state.undone, at), time_at(state.undone, at)
    known_s = max(i64(row.fee_known_s), now_s - UNDONE_S) if row.fee_known_s else now_s + 1
    if not i64(row.fee_told_s) <= time_ms // 1000 < known_s:
        return False, MISSING, 0
    at, _ = _came(state, r, identity.txn[i], roles, now_s)
    return at == ABSENT or amount_at(state.duplicates, at) & FEE_COUNTED != 0, MISSING, 0


@njit_inner
def _remember_fee(i: int, r: int, identity: Identity, state: State, now_s: int, minor: int, amount: int) -> None:
    """Remember what was charged for a sale of `amount`, for its settlement, or for the next."""
    enter(state.undone, hash_as(identity.txn[i], _CHARGED), r, now_s + UNDONE_S, amount & 0xFFFFFFFF, minor)


@njit_inner
def _settle(
    data: Any, columns: Any, i: int, r: int, identity: Identity, state: State, into: Into, references: Any, known: Any,
    roles: Any, limits: Limits, out: Any, j: int,
) -> int:  # fmt: skip
    """Take a settlement in by what it carries; the next row of features, or -1 for one that came before."""
    row = state.rows[r]
    now_s = row.clock_ms // 1000 if row.started else 0
    # Parts of a payment may be settled one by one, under its id.
    key = hash_as(hash_as(identity.txn[i], _SETTLED), whole_amount(columns, i))
    if find(state.duplicates, key, r, now_s) != ABSENT:
        return -1
    earlier = _earlier_settled_key(columns.hash[S_TXN, i])
    if now_s <= limits.earlier_until_s and find(state.duplicates, earlier, r, now_s) != ABSENT:
        return -1
    reference = _reference_at(references, i64(row.clock_ms) if row.started else i64(0))
    has_fee = columns.number[N_FEE, i] != MISSING
    enter(state.duplicates, key, r, now_s + reference.repeat_ms // 1000, now_s, FEE_COUNTED if has_fee else 0)
    given_ms = columns.number[N_ORIGINAL_TIME, i]
    # Whatever it says, what was settled was made before this was received: one wrong year would move the fee day.
    time_ms = min(given_ms if given_ms != MISSING else columns.number[N_TIME, i], columns.number[N_RECEIVED, i])
    master_data = state.master_data[_master_data_at(state, row, time_ms)]
    zone = master_data.zone if master_data.zone >= 0 else row.zone
    local_ms = time_ms + offset_at(state.zones, zone, time_ms)
    was_ms, was_day = (row.clock_ms, i64(row.day)) if row.started else (-1, -1)
    reference = _reference_at(references, _clock(row, time_ms))
    counted, told, sold = False, MISSING, 0
    if has_fee:
        counted, told, sold = _told_before(i, r, identity, state, row, roles, time_ms, now_s)
        if row.fee_known_s == 0:
            row.fee_known_s = max(now_s, 1)
    is_part = told != MISSING and sold != columns.number[N_AMOUNT, i] & 0xFFFFFFFF
    event = _event(
        data, columns, i, identity, state, row, reference, known, time_ms, max(time_ms, was_ms), was_ms,
        max(local_ms // DAY_MS, was_day), was_day, local_ms, SALE, True, counted, told, is_part,
    )  # fmt: skip
    if told != MISSING:
        _remember_fee(i, r, identity, state, now_s, 0 if is_part else event.fee, sold)
    _nothing(into)
    settle_all(row, state.blocks, event, master_data, reference, out)
    return _put(state, into, r, i, ROW_SETTLEMENT, time_ms, NO_ROLE, NO_LOCAL_MS, j)


@njit_inner
def _report(
    data: Any, columns: Any, i: int, r: int, identity: Identity, state: State, into: Into, references: Any, out: Any,
    j: int,
) -> int:  # fmt: skip
    """Take a report in; the next row of features, or -1 for one that came before."""
    row = state.rows[r]
    time_ms = min(columns.number[N_TIME, i], columns.number[N_RECEIVED, i])
    reference = _reference_at(references, _clock(row, time_ms))
    amount, currency = columns.number[N_AMOUNT, i], columns.number[N_CURRENCY, i]
    amount = _own_money(amount, currency if currency != MISSING else i64(row.currency), row, reference)
    master_data = state.master_data[_master_data_at(state, row, time_ms)]
    zone = master_data.zone if master_data.zone >= 0 else row.zone
    report = report_of(
        columns, i, r, identity, state, row, _terminal_id(data, columns, i), amount, time_ms, i64(zone)
    )  # fmt: skip
    if report.kind <= 0:
        return -1 if report.kind else j
    _nothing(into)
    report_all(row, state.blocks, report, master_data, reference, out)
    return _put(state, into, r, i, ROW_REPORT, time_ms, NO_ROLE, NO_LOCAL_MS, j)


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
    row.month_prices |= np.uint8(state.contracts[version].months)
    if before:
        state.contract_next[before] = version
    else:
        row.contract = version
    received_ms = columns.number[N_RECEIVED, i]
    time_ms = received_ms if received_ms != MISSING else effective_ms
    rise = rise_ppm(state, version, at) if at > 0 else MISSING
    _nothing(into)
    reference = _reference_at(references, _clock(row, time_ms))
    revise_all(
        row, state.blocks, Revision(time_ms, effective_ms, state.contracts[version].notice_ms, rise), reference, out
    )
    return _put(state, into, r, i, ROW_CONTRACT, time_ms, NO_ROLE, NO_LOCAL_MS, j)


@njit_inline
def _accept(
    data: Any, columns: Any, i: int, r: int, key: np.uint64, sent_key: np.uint64, identity: Identity, state: State,
    references: Any, known: Any, roles: Any, limits: Limits, out: Any,
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
    kind = columns.number[N_TYPE, i]
    role = roles[kind if kind != MISSING else 0]
    reference = _reference_at(references, now_ms)
    approved = _approves(columns, i, reference)
    whole, counted = whole_amount(columns, i), False
    has_fee = columns.number[N_FEE, i] != MISSING and approved and role == SALE
    if has_fee:
        if row.fee_known_s:
            at = find(state.duplicates, hash_as(hash_as(identity.txn[i], _SETTLED), whole), r, now_ms // 1000)
            counted = at != ABSENT and amount_at(state.duplicates, at) & FEE_COUNTED != 0
        whole |= FEE_COUNTED
        if row.fee_told_s == 0 or time_ms // 1000 < row.fee_told_s:
            row.fee_told_s = time_ms // 1000
    until_s = (now_ms + reference.repeat_ms) // 1000
    enter(state.duplicates, key, r, until_s, time_ms // 1000, whole)
    if sent_key != _0:
        enter(state.duplicates, sent_key, r, until_s, time_ms // 1000, whole)
    if row.currency == 0 and approved and role <= REFUND and columns.number[N_AMOUNT, i] > 0:
        row.currency = columns.number[N_CURRENCY, i]
    if role == UNDO and approved:
        _reverse(state, row, r, columns, i, identity, reference, roles, now_ms, limits)
    event = _event(
        data, columns, i, identity, state, row, reference, known, time_ms, now_ms, was_ms, i64(row.day), was_day,
        local_ms, role, approved, counted, MISSING, False,
    )  # fmt: skip
    if has_fee and row.fee_known_s and not counted:
        _remember_fee(i, r, identity, state, now_ms // 1000, event.fee, columns.number[N_AMOUNT, i])
    update_all(row, state.blocks, event, master_data, reference, out)
    if row.pending and role <= REFUND:
        part, _ = _release(state, row, r, identity.txn[i], columns.hash[S_TXN, i], 0)
        if part >= 0 and approved:
            amount, currency = columns.number[N_AMOUNT, i], columns.number[N_CURRENCY, i]
            _take_out(
                state, row, r, identity.txn[i], columns.hash[S_TXN, i], i64(role), amount, part, currency, reference,
                time_ms, now_ms,
            )  # fmt: skip
    return (i64(role) if approved else i64(-1)), local_ms


@njit_inline
def _feed_time(time_ms: int, kind: int) -> int:
    """The feed's clock by a record: a clock record's own time; by a transaction of a foreign topic, whole minutes."""
    return time_ms if kind == KIND_CLOCK else (time_ms - BEHIND_MS) // MINUTE_MS * MINUTE_MS


@njit_inner
def _next_due(state: State, k: int, time_ms: int, r: int) -> int:
    """The first row from `r` on, of feed `k`, that has a deadline before `time_ms`; -1 for none."""
    n, before = i64(state.row_count[0]), np.uint64(max(time_ms, 1) - 1)
    while r < n:
        chunk = r // CHUNK
        end = min((chunk + 1) * CHUNK, n)
        if r == chunk * CHUNK and state.soonest[chunk] < before:
            soonest = np.uint64(0xFFFFFFFFFFFFFFFF)
            for each in range(r, end):
                soonest = min(soonest, np.uint64(state.deadlines[each] - 1))
            state.soonest[chunk] = soonest
        if state.soonest[chunk] < before:
            for each in range(r, end):
                if np.uint64(state.deadlines[each] - 1) < before and state.rows[each].feed == k:
                    return each
        r = end
    return -1


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
    r = _next_due(state, k, time_ms, max(first, i64(0)))
    while r >= 0:
        if j + MOST_AT_ONCE > len(into.record_of):
            cursor[1] = r + 1
            return j
        after = _next_due(state, k, time_ms, r + 1)
        if after >= 0:
            _fetch_lines(state, after)
        j = _fire(state, into, references, out, r, time_ms, j)
        r = after
    return j


@njit_cached
def run(
    data: Any, columns: Any, places: Any, identity: Identity, state: State, references: Any, known: Any, roles: Any,
    limits: Limits, scratch: Any, into: Into, dispositions: Any, cursor: Any,
) -> int:  # fmt: skip
    """Take a batch in, record by record; return how many rows of features it gave.

    Where there is no more room for them it stops, and goes on where `cursor` says when called again.

    Args:
        data: the batch's bytes.
        columns: its `engine.decoding.columns.Columns`.
        places: (n,) of master data or a contract, its version's place in the side table; of what is said of a terminal
            the place of its status, plus one, 0 for none; of a complaint what it is about.
        identity: its `engine.features.identity.Identity`.
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
    data, columns, places, identity = borrowed(data), borrowed(columns), borrowed(places), borrowed(identity)
    state, references, known = borrowed(state), borrowed(references), borrowed(known)
    roles, dispositions, cursor = borrowed(roles), borrowed(dispositions), borrowed(cursor)
    scratch, into = borrowed(scratch), borrowed(into)
    kinds, out = columns.kind, scratch[0]
    j = i64(0)  # a literal 0 would be a type of its own, and everything that takes `j` would be compiled twice
    for i in range(cursor[0], len(kinds)):
        cursor[0] = i
        if j + MOST_AT_ONCE > len(into.record_of):
            return j
        ahead = _fetch(data, columns, i, identity, state)
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
        r = _row_of(data, columns, i, identity, state, limits)
        if r < 0:
            dispositions[i] = CAPACITY
            continue
        row = state.rows[r]
        if kind != KIND_TRANSACTION:
            _fetch_rest(state, ahead)
            _touch(state, r)
            dispositions[i] = OTHER_EVENT
            into.event_context[i, 0], into.event_context[i, 1], into.event_context[i, 2] = r, row.watermark_ms, j
            if kind == KIND_SETTLEMENT:
                if _foreign_money(columns, i, row, _reference_at(references, i64(row.clock_ms))):
                    dispositions[i] = CURRENCY
                    into.event_context[i, 0], into.event_context[i, 1] = r, row.currency
                    continue
                if not _advance_watermark(columns, i, row, state):
                    dispositions[i] = FEEDS
                    continue
                after = _settle(data, columns, i, r, identity, state, into, references, known, roles, limits, out, j)
                if after < 0:
                    dispositions[i] = DUPLICATE
                    continue
                j = after
            elif kind in REPORT_KINDS:
                if not _advance_watermark(columns, i, row, state):
                    dispositions[i] = FEEDS
                    continue
                after = _report(data, columns, i, r, identity, state, into, references, out, j)
                if after < 0:
                    dispositions[i] = DUPLICATE
                    continue
                j = after
            elif kind == KIND_MASTER_DATA:
                if row.versions >= MOST_VERSIONS:
                    dispositions[i] = TOO_MANY_VERSIONS
                    continue
                _enter_master_data(state, row, places[i])
                currency = state.master_data[places[i]].currency
                if currency != 0 and currency != row.currency:
                    if row.currency != 0 and row.started:
                        _reset(state, r, limits.keep_bytes)  # its windows are of the other
                    row.currency = currency
                if row.first_received_day == 0 and columns.number[N_RECEIVED, i] != MISSING:
                    row.first_received_day = columns.number[N_RECEIVED, i] // DAY_MS
            elif kind == KIND_CONTRACT:
                if not _advance_watermark(columns, i, row, state):
                    dispositions[i] = FEEDS
                    continue
                if row.contract_versions >= MOST_VERSIONS:
                    dispositions[i] = TOO_MANY_VERSIONS
                    continue
                row.contract_versions += 1
                j = _revise(columns, i, r, places[i], state, into, references, out, j)
            elif kind == KIND_TERMINAL:
                status = i64(places[i]) - 1 if places[i] else MISSING
                equip_all(row, state.blocks, Equipment(_terminal_id(data, columns, i), status))
            elif kind == KIND_COMPLAINT:
                made_ms = min(columns.number[N_TIME, i], columns.number[N_RECEIVED, i])
                complain_all(row, state.blocks, Complaint(made_ms // 1000, i64(places[i])))
            row.other_events += np.uint32(1)
            continue
        reference = _reference_at(references, _clock(row, columns.number[N_TIME, i]))
        approved, type_ = _approves(columns, i, reference), columns.number[N_TYPE, i]
        key = _as_message(identity.txn[i], type_, approved)
        sent_key = _as_message(identity.sent[i], type_, approved) if identity.sent[i] != _0 else _0
        disposition = _disposition_of(columns, i, r, key, sent_key, state, reference, limits, into)
        feed = _feed(state, columns.hash[S_FEED, i]) if disposition == ACCEPTED else -1
        if disposition == ACCEPTED and feed < 0:
            disposition = FEEDS
        dispositions[i] = disposition
        if disposition != ACCEPTED:
            continue
        _touch(state, r)
        if row.started:
            row.watermark_ms = max(row.watermark_ms, state.feed_clock_ms[row.feed])
        time_ms = columns.number[N_TIME, i]
        if 0 < state.deadlines[r] < time_ms:
            j = _fire(state, into, references, out, r, time_ms, j)
        row.feed = feed
        _fetch_rest(state, ahead)
        role, local_ms = _accept(
            data, columns, i, r, key, sent_key, identity, state, references, known, roles, limits, out
        )
        row.watermark_ms = max(row.watermark_ms, row.clock_ms, state.feed_clock_ms[feed])
        j = _put(state, into, r, i, ROW_TRANSACTION, time_ms, role, local_ms, j)
        if limits.foreign:
            j = _tick(state, into, references, out, feed, _feed_time(time_ms, kind), cursor, j)
            if cursor[1]:
                return j
    cursor[0] = len(kinds)
    return j


@njit_cached
def snapshot(rows: Any, blocks: Any, state: State, references: Any, scratch: Any) -> None:
    """Write every feature of a merchant at its clock, as a declined void of no amount would show it.

    It is compiled apart from `run`, which was an eighth slower with a second call of the families in it.

    Args:
        rows: (1,) a copy of the merchant's row; it is written to.
        blocks: copies of the merchant's blocks; they are written to.
        state: read.
        references: as `run` takes them.
        scratch: (1,) of the columns' dtype, written.
    """
    rows, state, references, scratch = borrowed(rows), borrowed(state), borrowed(references), borrowed(scratch)
    blocks = borrowed(blocks)
    row, out = rows[0], scratch[0]
    now_ms, day = i64(row.clock_ms), i64(row.day)
    master_data = state.master_data[_master_data_at(state, row, now_ms)]
    local_ms = now_ms + offset_at(state.zones, row.zone, now_ms)
    none, nothing = i64(-1), i64(MISSING)
    event = Event(
        now_ms, now_ms, now_ms, min(local_ms // DAY_MS, day), day, day, local_ms // 3_600_000 % 24, i64(0), 0.0,
        i64(UNDO), now_ms < 0, _0, _0, nothing, nothing, none, nothing, nothing, i64(row.currency), none, none, none,
        none, nothing, nothing, now_ms < 0, nothing, nothing, _0, _0, _0, _0, _0, none, i64(0), i64(0), _0, _0, none,
    )  # fmt: skip
    update_all(row, blocks, event, master_data, _reference_at(references, now_ms), out)
    out.row_kind = ROW_TRANSACTION
