"""What each terminal of a merchant does: how it fails beside the others, and how long it is silent while they trade.

Held are up to 16 terminals of a merchant that has more than one, four in one block and twelve in another; a further
one takes the place of that silent longest. What is learned of a terminal is learned day by day, from the days on which
it was used: its share of the merchant's attempts, the share of its attempts that failed technically, and its longest
silence. A merchant with one terminal has none held: its own days say the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.decoding.hashing import tag_of
from engine.features import day_model
from engine.features.blocks import Block
from engine.features.event import MISSING, REFUND, SALE, Closing, Equipment, Event
from engine.features.families import Column
from engine.features.families.daily import is_technical
from engine.jit import i64, njit_inner

FEW, MORE = 4, 12
WEEKS = 13
"""Weeks of which each terminal's approved sales are held, the current one with them."""
WHOLE = 65_535
"""Shares are held in parts of this."""
MEMORY_D = 28
"""A usual share remembers about this many days on which the terminal was used."""
LEAST_D = 14
"""Days on which a terminal must have been used before its silence means anything."""
MOST_QUIET_D = 60
"""A terminal silent for more open days than this is no longer looked at: it is not used any more."""
FAILED, FAILED_MOST = 3, 2
"""A day counts as failing with so many technical failures, if they are one in so many attempts or more."""
ACTIVE, SPARE, RETURNED = range(3)
"""Places in `domain.events.TERMINAL_STATUSES`."""
_ATTEMPTS, _FAILURES = 0, 1
_0 = np.uint64(0)

BASE_D = 28
"""Days until what started anew on a merchant means something: what a usual share remembers."""
RESTS_ON = ("daily", "season")
"""Families whose columns of the closing it reads."""


def _fields(n: int) -> tuple[Any, ...]:
    return (
        ("terminal_id", np.uint64, n),
        ("terminal_weeks", np.uint16, (n, WEEKS)),
        ("terminal_seen_day", np.uint16, n),
        ("terminal_today", np.uint16, (n, 2)),
        ("terminal_before", np.uint16, (n, 3)),
        ("terminal_share", np.uint16, n),
        ("terminal_failing", np.uint16, n),
        ("terminal_quiet_shop", np.uint16, n),
        ("terminal_quiet_d", np.uint8, n),
        ("terminal_longest_d", np.uint8, n),
        ("terminal_used_d", np.uint8, n),
        ("terminal_status", np.uint8, n),
    )


FIELDS = (("terminal_tag", np.uint16, FEW), ("technical_d", np.uint8))
BLOCKS = (
    Block("terminals", (
        ("terminals_today", np.uint32, 2), ("terminals_day", np.int32), ("terminals_week", np.int32), *_fields(FEW),
    )),
    Block("more_terminals", _fields(MORE)),
)  # fmt: skip
"""`terminal_tag` has bits of the hashes of the terminals of the first block, that of a merchant's only one too.
`terminals_today` are the attempts and technical failures at all held terminals on `terminals_day`, the latest day of
an attempt; `terminals_week` is the latest week of an approved sale. Of each terminal `terminal_weeks` are approved
sales by week modulo 13, `terminal_today` its attempts and technical failures of that day, `terminal_before` its own
attempts, and the attempts and technical failures at all, at its first technical failure of that day, and
`terminal_quiet_shop` the merchant's attempts on the `terminal_quiet_d` days of its silence."""

_NO_FAILURE = "the transaction is no technical failure at a terminal that is held"
_NOT_SILENT = "no end of a day, or no terminal has been silent for more than twice as long as ever"

COLUMNS = (
    Column("terminal_code", "code", "txn", "the terminal that the columns beside are of, as `terminal_text` reads it",
           null="all of those are null"),
    Column("terminal_failures_1d", "transactions", "the local day", "technical failures at the terminal",
           null=_NO_FAILURE),
    Column("terminal_attempts_1d", "transactions", "the local day, from its first technical failure on",
           "attempts at the terminal", null=_NO_FAILURE),
    Column("others_attempts_1d", "transactions", "the same", "attempts at its other terminals held", null=_NO_FAILURE),
    Column("others_failures_1d", "transactions", "the same", "technical failures at them", null=_NO_FAILURE),
    Column("terminal_failing_usual", "share", "about 28 days of use before", "attempts at the terminal that failed "
           "technically", "float", null=f"{_NO_FAILURE}, or it was used on no day before"),
    Column("silent_d", "days", "to the local day that ended", "ordinary days on which the merchant's other terminals "
           "were used and this one was not", null=_NOT_SILENT),
    Column("silent_longest_d", "days", "history", "the longest such silence of it before", null=_NOT_SILENT),
    Column("silent_missed", "transactions", "the days of `silent_d`", "attempts to be expected at it", "float",
           null=_NOT_SILENT),
    Column("technical_d", "days", "to the local day that ended", "days running, but for those without an attempt, on "
           "which most of the merchant's sale attempts failed technically", null="no end of a day"),
)  # fmt: skip
CLOSES = ("terminal_code", "silent_d", "silent_longest_d", "silent_missed", "technical_d")
NEVER_SALES = ("silent_d", "silent_longest_d", "silent_missed", "technical_d")


@njit_inner
def _is_tagged(row: Any, tag: int) -> bool:
    for k in range(FEW):
        if i64(row.terminal_tag[k]) == tag:
            return True
    return False


@njit_inner
def terminals_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an attempt at the merchant's second terminal."""
    known = row.terminal_tag[0] != 0 and event.role <= REFUND and event.terminal_id != _0
    return known and i64(row.terminal_tag[0]) != tag_of(event.terminal)


@njit_inner
def more_terminals_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an attempt at the merchant's fifth terminal."""
    return row.terminal_tag[FEW - 1] != 0 and event.role <= REFUND and event.terminal_id != _0 and not (
        _is_tagged(row, tag_of(event.terminal))
    )  # fmt: skip


@njit_inner
def find(block: Any, terminal_id: np.uint64) -> int:
    """The place of a terminal in a block, -1 where it has none."""
    for k in range(len(block.terminal_id)):
        if block.terminal_id[k] == terminal_id:
            return k
    return -1


@njit_inner
def _longest_silent(block: Any) -> int:
    """The place of the terminal whose last attempt is the earliest, the first of equals; a free one first."""
    oldest = 0
    for k in range(len(block.terminal_id)):
        if block.terminal_seen_day[k] < block.terminal_seen_day[oldest]:
            oldest = k
    return oldest


@njit_inner
def _begin(block: Any, k: int, terminal_id: np.uint64) -> None:
    """Hold a terminal of which nothing is known."""
    block.terminal_id[k] = terminal_id
    for week in range(WEEKS):
        block.terminal_weeks[k, week] = 0
    block.terminal_today[k, _ATTEMPTS] = block.terminal_today[k, _FAILURES] = 0
    for each in range(3):
        block.terminal_before[k, each] = 0
    block.terminal_seen_day[k] = block.terminal_share[k] = block.terminal_failing[k] = 0
    block.terminal_quiet_shop[k] = 0
    block.terminal_quiet_d[k] = block.terminal_longest_d[k] = block.terminal_used_d[k] = block.terminal_status[k] = 0


@njit_inner
def _place(row: Any, few: Any, more: Any, event: Event) -> int:
    """Where the event's terminal is held, `FEW` and above in the second block, entered where it is new; -1 nowhere."""
    k = find(few, event.terminal_id)
    if k >= 0:
        return k
    tag = tag_of(event.terminal)
    for k in range(FEW):
        if few.terminal_id[k] == _0 and (row.terminal_tag[k] == 0 or i64(row.terminal_tag[k]) == tag):
            row.terminal_tag[k] = tag
            _begin(few, k, event.terminal_id)
            return k
    if _is_tagged(row, tag):  # as one of 16,000 is by chance: whether there is a second block cannot be known
        return -1
    k = find(more, event.terminal_id)
    if k >= 0:
        return FEW + k
    k, other = _longest_silent(few), _longest_silent(more)
    if few.terminal_seen_day[k] <= more.terminal_seen_day[other]:
        row.terminal_tag[k] = tag
        _begin(few, k, event.terminal_id)
        return k
    _begin(more, other, event.terminal_id)
    return FEW + other


@njit_inner
def _next_share(share: int, new: int, used_d: int) -> int:
    """A usual share after another day of use."""
    return share + (new - share) // min(used_d + 1, MEMORY_D)


@njit_inner
def _end_day(block: Any, shop: int, ordinary: bool) -> None:
    """Learn from the day that is left, on which `shop` attempts were made at all terminals; begin another."""
    for k in range(len(block.terminal_id)):
        attempts, failures = i64(block.terminal_today[k, _ATTEMPTS]), i64(block.terminal_today[k, _FAILURES])
        if attempts > 0:
            whole, used_d = i64(block.terminal_quiet_shop[k]) + shop, i64(block.terminal_used_d[k])
            block.terminal_share[k] = _next_share(
                i64(block.terminal_share[k]), min(attempts * WHOLE // whole, WHOLE), used_d
            )
            block.terminal_failing[k] = _next_share(
                i64(block.terminal_failing[k]), failures * WHOLE // attempts, used_d
            )
            block.terminal_longest_d[k] = max(i64(block.terminal_longest_d[k]), i64(block.terminal_quiet_d[k]))
            block.terminal_used_d[k] = min(used_d + 1, 255)
            block.terminal_quiet_d[k] = block.terminal_quiet_shop[k] = 0
        elif ordinary and block.terminal_id[k] != _0:
            block.terminal_quiet_d[k] = min(i64(block.terminal_quiet_d[k]) + 1, 255)
            block.terminal_quiet_shop[k] = min(i64(block.terminal_quiet_shop[k]) + shop, WHOLE)
        block.terminal_today[k, _ATTEMPTS] = block.terminal_today[k, _FAILURES] = 0


@njit_inner
def _is_ordinary(reference: Any, day: int) -> bool:
    return day_model.kind_of(reference, day) <= day_model.SALE_DAY


@njit_inner
def _clear_weeks(block: Any, last: int, week: int) -> None:
    """Empty the weeks after `last` up to `week`."""
    for each in range(max(last + 1, week - WEEKS + 1), week + 1):
        for k in range(len(block.terminal_id)):
            block.terminal_weeks[k, each % WEEKS] = 0


@njit_inner
def _count_week(few: Any, more: Any, block: Any, k: int, day: int, has_more: bool) -> None:
    """Count an approved sale in the week of its own day."""
    week, last = day // 7, i64(few.terminals_week)
    if week > last:
        _clear_weeks(few, last, week)
        if has_more:
            _clear_weeks(more, last, week)
        few.terminals_week = last = week
    if week > last - WEEKS:
        block.terminal_weeks[k, week % WEEKS] = min(i64(block.terminal_weeks[k, week % WEEKS]) + 1, WHOLE)


@njit_inner
def _count(few: Any, block: Any, k: int, failed: bool) -> None:
    """Count an attempt of the day at the terminal in place `k`."""
    if failed and block.terminal_today[k, _FAILURES] == 0:
        block.terminal_before[k, 0] = block.terminal_today[k, _ATTEMPTS]
        block.terminal_before[k, 1] = min(i64(few.terminals_today[_ATTEMPTS]), WHOLE)
        block.terminal_before[k, 2] = min(i64(few.terminals_today[_FAILURES]), WHOLE)
    few.terminals_today[_ATTEMPTS] += np.uint32(1)
    block.terminal_today[k, _ATTEMPTS] = min(i64(block.terminal_today[k, _ATTEMPTS]) + 1, WHOLE)
    if failed:
        few.terminals_today[_FAILURES] += np.uint32(1)
        block.terminal_today[k, _FAILURES] = min(i64(block.terminal_today[k, _FAILURES]) + 1, WHOLE)


@njit_inner
def _write_failure(few: Any, block: Any, k: int, out: Any) -> None:
    """Write how the terminal and the others do since its first technical failure of the day."""
    attempts, failures = i64(block.terminal_today[k, _ATTEMPTS]), i64(block.terminal_today[k, _FAILURES])
    own = attempts - i64(block.terminal_before[k, 0])
    out.terminal_code = i64(block.terminal_id[k])
    out.terminal_failures_1d = failures
    out.terminal_attempts_1d = own
    out.others_attempts_1d = max(i64(few.terminals_today[_ATTEMPTS]) - i64(block.terminal_before[k, 1]) - own, 0)
    out.others_failures_1d = max(i64(few.terminals_today[_FAILURES]) - i64(block.terminal_before[k, 2]) - failures, 0)
    if block.terminal_used_d[k]:
        out.terminal_failing_usual = i64(block.terminal_failing[k]) / WHOLE


@njit_inner
def _use(row: Any, few: Any, more: Any, block: Any, k: int, event: Event, out: Any) -> None:
    """Take an attempt at the terminal in place `k` of a block in."""
    block.terminal_seen_day[k] = max(i64(block.terminal_seen_day[k]), event.day)
    if event.approved and event.role == SALE:
        if block.terminal_status[k] == RETURNED:  # a refund may come under the terminal that sold
            block.terminal_status[k] = ACTIVE
        _count_week(few, more, block, k, event.day, row.more_terminals_block > 0)
    if event.day == few.terminals_day:
        failed = is_technical(event)
        _count(few, block, k, failed)
        if failed:
            _write_failure(few, block, k, out)


@njit_inner
def update(row: Any, few: Any, more: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Count an attempt at its terminal; of a technical failure, write how terminal and others do."""
    out.terminal_code = out.terminal_failures_1d = out.terminal_attempts_1d = MISSING
    out.others_attempts_1d = out.others_failures_1d = MISSING
    out.terminal_failing_usual = np.nan
    if event.role > REFUND or event.terminal_id == _0:
        return
    if row.terminal_tag[1] == 0 and i64(row.terminal_tag[0]) in (0, tag_of(event.terminal)):
        row.terminal_tag[0] = tag_of(event.terminal)
        return
    if event.now_day > few.terminals_day:
        shop = i64(few.terminals_today[_ATTEMPTS])
        if shop > 0:
            ordinary = _is_ordinary(reference, i64(few.terminals_day))
            _end_day(few, shop, ordinary)
            if row.more_terminals_block:
                _end_day(more, shop, ordinary)
        few.terminals_day = event.now_day
        few.terminals_today[_ATTEMPTS] = few.terminals_today[_FAILURES] = np.uint32(0)
    k = _place(row, few, more, event)
    if k >= FEW:
        _use(row, few, more, more, k - FEW, event, out)
    elif k >= 0:
        _use(row, few, more, few, k, event, out)


@njit_inner
def _write_longest(block: Any, over: int, shop: int, out: Any) -> None:
    """Write the silence that misses most of those longer than twice any before, if it beats what is written.

    `shop` is what all terminals came to on the day that ended where that is not learned yet; else 0, and terminals
    used since then are silent no more.
    """
    for k in range(len(block.terminal_id)):
        used = block.terminal_today[k, _ATTEMPTS] != 0
        if block.terminal_used_d[k] < LEAST_D or used or block.terminal_status[k] != ACTIVE:
            continue
        quiet_d = i64(block.terminal_quiet_d[k]) + over
        if quiet_d <= 2 * i64(block.terminal_longest_d[k]) or quiet_d == 0 or quiet_d > MOST_QUIET_D:
            continue
        missed = i64(block.terminal_share[k]) / WHOLE * (i64(block.terminal_quiet_shop[k]) + shop)
        if out.silent_d == MISSING or missed > out.silent_missed:
            out.terminal_code = i64(block.terminal_id[k])
            out.silent_d = quiet_d
            out.silent_longest_d = i64(block.terminal_longest_d[k])
            out.silent_missed = missed


@njit_inner
def _note_technical(row: Any, out: Any) -> None:
    """Count the days running on which most sale attempts failed technically."""
    sales = out.closed_sales if out.closed_sales != MISSING else 0
    attempts = sales + (out.closed_declined if out.closed_declined != MISSING else 0)
    failures = out.closed_technical if out.closed_technical != MISSING else 0
    if failures >= FAILED and failures * FAILED_MOST >= attempts:
        row.technical_d = min(i64(row.technical_d) + 1, 255)
    elif attempts > 0:
        row.technical_d = 0
    out.technical_d = i64(row.technical_d)


@njit_inner
def close(row: Any, few: Any, more: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Write the silence of the terminal that misses most, if the merchant traded on the day that ended."""
    _note_technical(row, out)
    ahead = i64(few.terminals_day) - closing.day
    if row.terminal_tag[1] == 0 or not 0 <= ahead <= 1 or not _is_ordinary(reference, closing.day):
        return
    if ahead == 1 and (out.closed_sales == MISSING or out.closed_sales == 0):
        return
    over, shop = 1 - ahead, i64(few.terminals_today[_ATTEMPTS]) * (1 - ahead)
    _write_longest(few, over, shop, out)
    _write_longest(more, over, shop, out)


@njit_inner
def equip(row: Any, few: Any, more: Any, equipment: Equipment) -> None:
    """Note the status of a terminal that is held."""
    if equipment.status == MISSING:
        return
    k, other = find(few, equipment.terminal_id), find(more, equipment.terminal_id)
    if k >= 0:
        few.terminal_status[k] = equipment.status
    elif other >= 0:
        more.terminal_status[other] = equipment.status
