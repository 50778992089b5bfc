"""What the slow oracle keeps of a merchant's numbers: acceptor numbers and the channel's."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.events import SCHEMES
from domain.layouts import layout_of, parse
from domain.mcc import is_known
from tests.oracle_state import DAY, Event, Value, Weighed

if TYPE_CHECKING:
    from collections.abc import Hashable

NUMBER_COLUMNS = (
    "number_source", "number_changed", "numbers_28d", "number_places_28d", "number_switches_7d",
    "number_switch_share_7d",
)  # fmt: skip


@dataclass(slots=True)
class Held:
    """One of the eight numbers held."""

    number: str = ""
    day: int = 0
    place: Hashable = None


@dataclass
class Numbers:
    """One kind of number of a merchant."""

    held: list[Held] = field(default_factory=lambda: [Held() for _ in range(8)])
    last: dict[tuple[Any, ...], str] = field(default_factory=dict)
    """By key."""
    moved: set[tuple[Any, ...]] = field(default_factory=set)
    switches: Weighed = field(default_factory=lambda: Weighed(7 * DAY))
    judged: Weighed = field(default_factory=lambda: Weighed(7 * DAY))

    def take(self, number: str, place: Hashable, day: int, key: tuple[Any, ...], at_ms: int) -> bool:
        """Take a sale in; whether it changed the number."""
        mine = next((each for each in self.held if each.number == number), None)
        if mine is None:
            mine = min(self.held, key=lambda each: each.day)
            mine.number, mine.day = number, 0
        mine.day, mine.place = max(mine.day, day), place
        before = self.last.get(key)
        self.last[key] = number
        if before is None:
            return False
        self.judged.add(at_ms)
        if before == number:
            return False
        if key not in self.moved:
            self.moved.add(key)
            return False
        self.switches.add(at_ms)
        return True


@dataclass
class Pool:
    """All of a merchant's numbers: acceptor numbers and the channel's."""

    kinds: tuple[Numbers, Numbers] = field(default_factory=lambda: (Numbers(), Numbers()))
    keys: list[tuple[Any, ...]] = field(default_factory=list)
    """In the order they came; at most 16."""

    def enter(self, key: tuple[Any, ...]) -> None:
        if key in self.keys:
            return
        if len(self.keys) == 16:
            gone = self.keys.pop(0)
            for each in self.kinds:
                each.last.pop(gone, None)
                each.moved.discard(gone)
        self.keys.append(key)


def number_columns(
    pool: Pool, event: Event, day: int, own_day: int, clock: int, at_ms: int
) -> tuple[dict[str, Value], set[str]]:
    """The columns of an approved sale at its time, and those that float32 may lawfully give otherwise."""
    kinds = pool.kinds
    acceptor, channel = event.get("acceptor_id"), event.get("channel_merchant_id")
    if acceptor is None and channel is None:
        return dict.fromkeys(NUMBER_COLUMNS), set()
    scheme = event.get("scheme")
    known = scheme if scheme is None or scheme in SCHEMES else "other"
    key = (event.get("terminal_id"), event.get("channel"), known)
    pool.enter(key)
    changed = [False, False]
    if acceptor is not None:
        changed[0] = kinds[0].take(acceptor, _place(acceptor, event.get("scheme", "")), own_day, key, at_ms)
    if channel is not None:
        changed[1] = kinds[1].take(channel, event.get("channel_mcc"), own_day, key, at_ms)
    by_acceptor, by_channel = (each.switches.at(clock) for each in kinds)
    near = by_acceptor != by_channel and abs(by_acceptor - by_channel) < Decimal("1e-4") * max(by_acceptor, by_channel)
    source = 1 if acceptor is None or by_channel > by_acceptor else 0
    recent = [each for each in kinds[source].held if each.number and each.day > day - 28]
    judged = kinds[source].judged.at(clock)
    found: dict[str, Value] = {
        "number_source": source + 1, "number_changed": int(changed[source]), "numbers_28d": len(recent),
        "number_places_28d": len({each.place for each in recent}),
        "number_switches_7d": float(kinds[source].switches.at(clock)),
        "number_switch_share_7d": float(kinds[source].switches.at(clock) / judged) if judged else None,
    }  # fmt: skip
    return found, set(NUMBER_COLUMNS) if near else set()


def _place(acceptor: str, scheme: str) -> Hashable:
    """Region and MCC inside an acceptor number."""
    layout = layout_of(acceptor, scheme)
    if layout is None:
        return None
    number = parse(acceptor, layout)
    return acceptor[slice(*layout.region)], number.mcc if number and is_known(number.mcc) else None
