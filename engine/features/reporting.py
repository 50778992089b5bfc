"""What is known of a merchant's reports: which came, which were taken back, and what of each payment was said.

Reports come late, in bulk, doubled, and some are withdrawn. Each is remembered by its `report_id`, or else by what it
says, beside the messages, under a keyed hash as they are; and so is each payment that was reported as fraud, for a
report and a chargeback may be of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from domain.events import FRAUD_REASONS, KIND_CHARGEBACK, KIND_FRAUD_REPORT
from domain.feature_codes import REPORT_CHARGEBACK, REPORT_FRAUD, REPORT_RETRIEVAL
from domain.timestamps import DAY_MS
from engine.decoding.columns import MISSING, NUMBERS, STRINGS
from engine.decoding.hashing import GOLDEN, hash_as, hash_of, mix64, tag_of
from engine.features.event import Report, entry_of
from engine.features.sets import ABSENT, amount_at, enter, find, time_at
from engine.features.zones import offset_at
from engine.jit import i64, njit_inline, njit_inner

if TYPE_CHECKING:
    from engine.features.identity import Identity
    from engine.features.state import State

KNOWN_S = 180 * DAY_MS // 1000
"""How long a report, and what was said of its payment, are known: by the later of the merchant's clock and the report's
own time."""
REPORTED_AFTER_MS = 7 * DAY_MS
"""A report that does not say when its payment was made is taken to come as long after it."""

_S_TERMINAL, _S_REASON, _S_STATUS = (STRINGS.index(name) for name in ("terminal_id", "reason_code", "status"))
_N_AMOUNT, _N_ORIGINAL_TIME, _N_SCHEME, _N_ENTRY = (
    NUMBERS.index(name) for name in ("amount", "original_time", "scheme", "entry_mode")
)
_FRAUD = np.array([hash_of(each) for each in sorted(FRAUD_REASONS)], np.uint64)
_REVERSED, _WITHDRAWN = np.uint64(hash_of("reversed")), np.uint64(hash_of("withdrawn"))
_REPORT, _PAYMENT = 64, 80
"""As what a hash is looked up: a report of a kind (from 65 on), a payment that was reported."""
_OPEN, _DECIDED, _TAKEN_BACK = range(3)
"""The two lowest bits of what is noted of a report: whether it counts, was decided for the merchant, or was withdrawn.
Above them stands whether it says fraud, then its amount."""
_BY_REPORT, _BY_CHARGEBACK = 1, 2
"""Bits of what is noted of a payment: who says that it was fraud. Above them its terminal's tag, then its amount."""
_MOST_MINOR = 1 << 44
_0 = np.uint64(0)


@njit_inline
def _kind_of(kind: int) -> int:
    if kind == KIND_FRAUD_REPORT:
        return REPORT_FRAUD
    return REPORT_CHARGEBACK if kind == KIND_CHARGEBACK else REPORT_RETRIEVAL


@njit_inline
def _name_of(columns: Any, i: int, identity: Identity, time_ms: int) -> np.uint64:
    """What a report is known by: its own id, or else its payment, amount and that one's time."""
    if identity.txn[i] != _0:
        return np.uint64(identity.txn[i])
    original_ms = columns.number[_N_ORIGINAL_TIME, i]
    when = np.uint64(original_ms if original_ms != MISSING else time_ms)
    paid = mix64(identity.original[i] + np.uint64(columns.number[_N_AMOUNT, i]) * GOLDEN)
    return np.uint64(mix64(paid + when * GOLDEN))


@njit_inline
def _says_fraud(columns: Any, i: int, kind: int) -> bool:
    if kind != REPORT_CHARGEBACK:
        return kind == REPORT_FRAUD
    found = False
    for k in range(len(_FRAUD)):
        found |= columns.hash[_S_REASON, i] == _FRAUD[k]
    return found


@njit_inline
def _note_report(state: State, key: np.uint64, r: int, now_s: int, time_s: int, status: np.uint64, note: int,
                 kind: int) -> tuple[int, int, int, int]:  # fmt: skip
    """Note a report, or that one was taken back.

    Returns 1 where that changes anything, 0 where there is nothing to take back, -1 where the same came before; how
    many it adds to the reports that schemes count; what is noted of the report, as it was; when it came, UTC seconds.
    """
    at, back = find(state.duplicates, key, r, now_s), status in (_REVERSED, _WITHDRAWN)
    if at == ABSENT:
        enter(state.duplicates, key, r, now_s + KNOWN_S, time_s, note | _TAKEN_BACK if back else note)
        return (0 if back else 1), 1, note, time_s
    was, time_s = amount_at(state.duplicates, at), time_at(state.duplicates, at)
    after = _DECIDED if status == _REVERSED and kind == REPORT_CHARGEBACK else _TAKEN_BACK
    if not back or was & 3 >= after:
        return -1, 0, was, time_s
    enter(state.duplicates, key, r, now_s + KNOWN_S, time_s, was & ~3 | after)
    return 1, (0 if after == _DECIDED else -1), was, time_s


@njit_inline
def _note_payment(
    state: State, key: np.uint64, r: int, now_s: int, original_s: int, tag: int, amount: int, by: int, count: int
) -> tuple[int, int, int, int, int]:
    """Note who says of a payment that it was fraud (`count` above 0), or says so no more.

    Returns whether it is newly reported (1) or is not any more (-1), the same of charged back, and the time, tag and
    amount that it was first reported with.
    """
    at = find(state.duplicates, key, r, now_s)
    who = 0
    if at != ABSENT:
        packed, original_s = amount_at(state.duplicates, at), time_at(state.duplicates, at)
        who, tag, amount = packed & 3, packed >> 2 & 0xFFFF, packed >> 18
    now = who | by if count > 0 else who & ~by
    if at != ABSENT or count > 0:
        enter(state.duplicates, key, r, now_s + KNOWN_S, original_s, amount << 18 | tag << 2 | now)
    return (now > 0) - (who > 0), (now >> 1) - (who >> 1), original_s, tag, amount


@njit_inline
def _day(state: State, zone: int, time_ms: int) -> int:
    return i64((time_ms + offset_at(state.zones, zone, time_ms)) // DAY_MS)


@njit_inner
def report_of(
    columns: Any, i: int, r: int, identity: Identity, state: State, row: Any, terminal_id: np.uint64, amount: int,
    time_ms: int, zone: int,
) -> Report:  # fmt: skip
    """A report as families see it; its kind is 0 where it changes nothing, -1 where it came before.

    Args:
        columns: the batch's.
        i: which record.
        r: its merchant's row.
        identity: of the batch.
        state: of the partition; what is known of reports is written.
        row: the merchant's.
        terminal_id: the record's, as `Event.terminal_id`.
        amount: the record's, in the merchant's currency; `MISSING` where it is not known.
        time_ms: when it was reported.
        zone: the merchant's.
    """
    kind = _kind_of(columns.kind[i])
    amount = min(max(amount, 0), _MOST_MINOR) if amount != MISSING else i64(0)
    now_s = max(i64(row.clock_ms), time_ms) // 1000
    name, fraud = _name_of(columns, i, identity, time_ms), _says_fraud(columns, i, kind)
    changes, count, note, reported_s = _note_report(
        state, hash_as(name, _REPORT + kind), r, now_s, time_ms // 1000, columns.hash[_S_STATUS, i],
        amount << 3 | i64(fraud) << 2, kind,
    )  # fmt: skip
    given_ms = columns.number[_N_ORIGINAL_TIME, i]
    original_s = min(given_ms if given_ms != MISSING else time_ms - REPORTED_AFTER_MS, time_ms) // 1000
    terminal, newly, charged_back = columns.hash[_S_TERMINAL, i], i64(0), i64(0)
    tag = tag_of(terminal) if terminal != _0 else 0
    fraud, amount = note & 4 != 0, note >> 3
    if changes > 0 and fraud and note & 3 == _OPEN:
        payment = identity.original[i] if identity.original[i] != _0 else name
        newly, charged_back, original_s, tag, amount = _note_payment(
            state, hash_as(payment, _PAYMENT), r, now_s, original_s, tag, amount,
            _BY_CHARGEBACK if kind == REPORT_CHARGEBACK else _BY_REPORT, count,
        )  # fmt: skip
    day = _day(state, zone, reported_s * 1000)
    now_day, own_day = day, i64(-1)
    if row.started:
        now_day = max(day, i64(row.day))
        if original_s >= row.first_ms // 1000:
            own_day = min(_day(state, zone, original_s * 1000), i64(row.day))
    return Report(
        kind if changes > 0 else changes, count, newly, charged_back, reported_s * 1000, day, now_day, own_day, amount,
        fraud, columns.number[_N_SCHEME, i], entry_of(columns.number[_N_ENTRY, i]), terminal_id, tag,
    )  # fmt: skip
