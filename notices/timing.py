"""When a group of alerts is told: waits, intervals and repetitions as Alertmanager has them.

A group's first alert waits `group_wait` for others; an alert that has stood that long already waits no more. After
that the group is looked at each `group_interval`. It is told where something stands that was not told, or where
`repeat_interval` has passed since it was told. Once nothing of it stands any more, what was told is forgotten, so that
the same alert is told again when it comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection


class Waits(NamedTuple):
    """The waits of a route, milliseconds; named as there."""

    group_wait_ms: int
    group_interval_ms: int
    repeat_interval_ms: int


@dataclass(frozen=True, slots=True)
class Group:
    """A group of alerts as it is kept from look to look.

    Attributes:
        next_ms: when it is looked at next, UTC milliseconds; None while nothing of it stands.
        flushed: whether it was looked at since something of it stood.
        told_ms: when something was told last; None for never.
        told: ids of what stood then.
    """

    next_ms: int | None = None
    flushed: bool = False
    told_ms: int | None = None
    told: frozenset[str] = frozenset()

    def seen(self, waits: Waits, since_ms: int, now_ms: int) -> Group:
        """The group after something stands in it.

        Args:
            waits: of its route.
            since_ms: since when the earliest of what stands does.
            now_ms: UTC milliseconds.
        """
        next_ms = now_ms + waits.group_wait_ms if self.next_ms is None else self.next_ms
        if not self.flushed and since_ms + waits.group_wait_ms < now_ms:
            next_ms = min(next_ms, now_ms)
        return self if next_ms == self.next_ms else replace(self, next_ms=next_ms)

    def looked_at(
        self, waits: Waits, standing: Collection[str], loud: Collection[str], now_ms: int
    ) -> tuple[Group, bool]:
        """The group after it was looked at when it was due, and whether `loud` is to be told.

        Args:
            waits: of its route.
            standing: ids of all that stands in it, what is quiet too.
            loud: ids of what is neither inhibited nor silenced.
            now_ms: UTC milliseconds.
        """
        after = replace(self, next_ms=now_ms + waits.group_interval_ms if standing else None, flushed=bool(standing))
        if loud:
            is_new = self.told_ms is None or not self.told.issuperset(loud)
            if is_new or (self.told_ms is not None and self.told_ms < now_ms - waits.repeat_interval_ms):
                return replace(after, told_ms=now_ms, told=frozenset(loud)), True
        elif self.told and not self.told.intersection(standing):
            return replace(after, told_ms=now_ms, told=frozenset()), False
        return after, False

    def is_over(self, waits: Waits, now_ms: int) -> bool:
        """Whether nothing of it needs to be kept: nothing stands, and what was told would be told again anyhow."""
        return self.next_ms is None and (
            not self.told or self.told_ms is None or self.told_ms < now_ms - waits.repeat_interval_ms
        )
