"""What a merchant's own history says of an MCC, a fee type or a fee class where no master data does.

Every function takes what holds the history, the row or the block of family `mcc`, and a source's place in it. A value
is new where a history long enough came before its first sale; `docs/features.md` has the rules.
"""

from __future__ import annotations

from typing import Any

from domain.timestamps import DAY_MS
from engine.features.event import MISSING
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
"""Days from a new value's first sale for which it is off. After them it has become the merchant's."""
MOST_LAWFUL = 3
"""Most values of a merchant whose next one is new: a platform with many shops behind it shows more of them."""
MIN_SWITCHES = 2.5
"""Least changes of value (decayed) before history accuses: one lawful change is one switch, a jumper goes
back and forth."""
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
def _history_d(held: Any, source: int, day: int) -> int:
    """Days from the first sale of a source to a day; 0 where it is not known, as of states of earlier versions."""
    return day - i64(held.seen_from_day[source]) if held.seen_from_day[source] else 0


@njit_inner
def new_since(held: Any, source: int, value: int, day: int) -> int:
    """The day of a value's first sale where a history long enough came before it, 0 where none did.

    Args:
        held: the row or the block.
        source: its place there.
        value: of the sale in question, before it is learned.
        day: the sale's own local day.
    """
    total, lawful, free = 0, 0, 0
    for k in range(HELD):
        if held.seen_value[source, k] == value + 1:
            return i64(held.new_day[source, k])
        total += held.seen_count[source, k]
        if held.seen_value[source, k] == 0:
            free += 1
        elif held.new_day[source, k] == 0 or day - i64(held.new_day[source, k]) >= NEW_D:
            lawful += 1
    settled = total >= MIN_LEARNED and _history_d(held, source, day) >= SETTLED_D
    if free == 0 or lawful > MOST_LAWFUL or not (settled or total >= MIN_YOUNG):
        return 0
    return max(1, min(day, _MOST_DAY))


@njit_inner
def is_fresh(held: Any, source: int, since: int, day: int) -> bool:
    """Whether a value that is new since a day accuses by itself on another."""
    return since > 0 and _history_d(held, source, since) >= SETTLED_D and day - since < NEW_D


@njit_inner
def before(held: Any, source: int, value: int, since: int, day: int) -> tuple[int, int]:
    """Sales under other values, and days of history before a fresh value's first sale; `MISSING` of any other value."""
    if not is_fresh(held, source, since, day):
        return MISSING, MISSING
    sales = 0
    for k in range(HELD):
        if held.seen_value[source, k] != value + 1:
            sales += held.seen_count[source, k]
    return sales, _history_d(held, source, since)


@njit_inner
def learn(held: Any, source: int, value: int, since: int, day: int) -> None:
    """Count a sale under a value; `since` is what `new_since` gives."""
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
    held.new_day[source, worst] = since


@njit_inner
def switch(held: Any, source: int, value: int, weight: Any) -> None:
    """Count a change of value."""
    if held.last_value[source] != 0 and held.last_value[source] != value + 1:
        held.switches[source] += weight
    held.last_value[source] = value + 1


@njit_inner
def by_history(held: Any, source: int, value: int, cheaper: bool, since: int, day: int) -> tuple[int, bool]:
    """What a value is held against by history (-1: nothing), and whether it is off.

    Args:
        held: the row or the block, before the sale is learned but for its switch.
        source: its place there.
        value: the sale's.
        cheaper: whether it is in a cheaper class than the commonest value.
        since: what `new_since` gives.
        day: the sale's own local day.
    """
    usual, count, total = common(held, source)
    if usual != value and is_fresh(held, source, since, day):
        return usual, True
    if total < MIN_LEARNED or count < MIN_SHARE * total:
        return -1, False
    return usual, cheaper and since > 0 and held.switches[source] >= MIN_SWITCHES
