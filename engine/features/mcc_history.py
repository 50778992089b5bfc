"""What a merchant's own history says of an MCC, a fee type or a fee class where no master data does.

Every function takes what holds the history, the row or the block of family `mcc`, and a source's place in it.
`docs/features.md` has the rules.
"""

from __future__ import annotations

from typing import Any

from domain.timestamps import DAY_MS
from engine.jit import i64, njit_inner

HELD = 6
"""Values held per source; a new one replaces the rarest."""
MIN_LEARNED = 30
"""Fewest approved sales before history stands for master data."""
MIN_SHARE = 0.9
"""Least share of them one value must have to be the merchant's own."""
SETTLED_D = 30
"""Days of history before a value that never came accuses by its first sale."""
MIN_YOUNG = 100
"""Fewest sales of a younger history before a value that came later is held to be no second lawful one: one that has
5 % of the sales from the start is missing from 100 of them once in 170 times."""
NEW_D = 28
"""Days from the first sale of the newest fresh value for which fresh ones are off. After them they have become the
merchant's."""
MOST_LAWFUL = 3
"""Most values of a merchant whose next one is new: a platform with many shops behind it shows more of them."""
MIN_SWITCHES = 2.5
"""Least changes of value (decayed) before history accuses: one lawful change is one switch, a jumper goes
back and forth."""
LATE, FRESH = 1, 2
"""How a value came: after many sales of a history, or as one that a settled history had never seen."""
_MOST = 60_000
_MOST_DAY = 65_535
PER_MS = 1.0 / (28 * DAY_MS)


@njit_inner
def common(held: Any, source: int) -> tuple[int, int, int]:
    """The commonest value of a source (-1 for none), how often it came, and how often any did."""
    best, total = 0, 0
    for k in range(HELD):
        total += held.seen_count[source, k]
        if held.seen_count[source, k] > held.seen_count[source, best]:
            best = k
    return i64(held.seen_value[source, best]) - 1, i64(held.seen_count[source, best]), total


@njit_inner
def own_value(held: Any, source: int) -> int:
    """The value that is the merchant's own by history, -1 for none."""
    value, count, total = common(held, source)
    return value if total >= MIN_LEARNED and count >= MIN_SHARE * total else -1


@njit_inner
def arrival(held: Any, source: int, value: int, day: int) -> int:
    """How a value came: `FRESH`, `LATE`, or 0 since the start.

    Args:
        held: the row or the block.
        source: its place there.
        value: of the sale in question, before it is learned.
        day: the sale's own local day.
    """
    total, lawful, free = 0, 0, 0
    old = day - i64(held.fresh_day[source]) >= NEW_D
    for k in range(HELD):
        if held.seen_value[source, k] == value + 1:
            if held.fresh_bits[source] >> k & 1 and not old:
                return FRESH
            return LATE if held.late_bits[source] >> k & 1 else 0
        total += held.seen_count[source, k]
        if held.seen_value[source, k] == 0:
            free += 1
        elif old or not held.late_bits[source] >> k & 1:
            lawful += 1
    if free == 0 or lawful > MOST_LAWFUL:
        return 0
    begun = i64(held.seen_from_day[source])
    if begun > 0 and day - begun >= SETTLED_D and total >= MIN_LEARNED:
        return FRESH
    return LATE if total >= MIN_YOUNG else 0


@njit_inner
def before(held: Any, source: int, value: int, day: int) -> tuple[int, int]:
    """Sales under other values than a fresh one, and days of history before the newest fresh value's first sale."""
    sales, first = 0, day
    for k in range(HELD):
        if held.seen_value[source, k] == value + 1:
            first = i64(held.fresh_day[source])
        else:
            sales += held.seen_count[source, k]
    return sales, first - i64(held.seen_from_day[source])


@njit_inner
def learn(held: Any, source: int, value: int, came: int, day: int) -> None:
    """Count a sale under a value; `came` is its `arrival`."""
    worst = 0
    if held.seen_from_day[source] == 0:
        held.seen_from_day[source] = max(1, min(day, _MOST_DAY))
    for k in range(HELD):
        if held.seen_value[source, k] == value + 1:
            held.seen_count[source, k] += 1
            if held.seen_count[source, k] >= _MOST:
                for i in range(HELD):
                    held.seen_count[source, i] = (i64(held.seen_count[source, i]) + 1) // 2
            return
        if held.seen_count[source, k] < held.seen_count[source, worst]:
            worst = k
    held.seen_value[source, worst] = value + 1
    held.seen_count[source, worst] = 1
    bit = 1 << worst
    held.late_bits[source] = i64(held.late_bits[source]) & (255 ^ bit) | bit * (came != 0)
    held.fresh_bits[source] = i64(held.fresh_bits[source]) & (255 ^ bit) | bit * (came == FRESH)
    if came == FRESH:
        held.fresh_day[source] = max(1, min(day, _MOST_DAY))


@njit_inner
def switch(held: Any, source: int, value: int, weight: Any) -> None:
    """Count a change of value."""
    if held.last_value[source] != 0 and held.last_value[source] != value + 1:
        held.switches[source] += weight
    held.last_value[source] = value + 1


@njit_inner
def by_history(held: Any, source: int, value: int, cheaper: bool, came: int) -> tuple[int, bool]:
    """What a value is held against by history (-1: nothing), and whether it is off.

    Args:
        held: the row or the block, before the sale is learned but for its switch.
        source: its place there.
        value: the sale's.
        cheaper: whether it is in a cheaper class than the commonest value.
        came: its `arrival`.
    """
    usual, count, total = common(held, source)
    if usual != value and came == FRESH:
        return usual, True
    if total < MIN_LEARNED or count < MIN_SHARE * total:
        return -1, False
    return usual, cheaper and came != 0 and held.switches[source] >= MIN_SWITCHES
