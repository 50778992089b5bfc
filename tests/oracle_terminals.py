"""What the slow oracle keeps of a merchant's terminals, by the rules of `docs/features.md`: lists of all that came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.events import Role
from tests.oracle_state import is_approved, role_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.oracle_state import Event, Value

TERMINAL_COLUMNS = (
    "terminal_code", "terminal_failures_1d", "terminal_attempts_1d", "others_attempts_1d", "others_failures_1d",
    "terminal_failing_usual", "silent_d", "silent_longest_d", "silent_missed", "technical_d",
)  # fmt: skip
WHOLE = 65_535


def code_of(terminal_id: str) -> int:
    """A terminal's id of up to eight characters as one number."""
    assert len(terminal_id) <= 8
    return sum(ord(each) << 8 * k for k, each in enumerate(terminal_id))


def technical(event: Event) -> bool:
    return event.get("response_code") in {"91", "96", "98"}


@dataclass
class Terminal:
    """One of those held."""

    seen_day: int = 0
    sales: list[int] = field(default_factory=list)
    """Own day of each approved sale."""
    share: int = 0
    failing: int = 0
    used_d: int = 0
    quiet_d: int = 0
    quiet_shop: int = 0
    longest_d: int = 0
    status: str = "active"


@dataclass
class Terminals:
    """All of a merchant's terminals.

    Attributes:
        ordinary: whether a local day is an ordinary one.
        places: the ids of the terminals held, in the order of their places: four, then twelve.
        today: the latest day of an attempt, and terminal and technical failure of each attempt of it, in order.
    """

    ordinary: Callable[[int], bool]
    only: str = ""
    places: list[str] = field(default_factory=lambda: [""] * 16)
    held: dict[str, Terminal] = field(default_factory=dict)
    day: int = 0
    today: list[tuple[str, bool]] = field(default_factory=list)
    technical_d: int = 0

    def take(self, event: Event, day: int, own_day: int) -> dict[str, Value]:
        """Take a transaction in; its columns."""
        found: dict[str, Value] = dict.fromkeys(TERMINAL_COLUMNS)
        mine, role = event.get("terminal_id", ""), role_of(event)
        if role not in {Role.SALE, Role.REFUND} or not mine:
            return found
        if not self.held and self.only in {"", mine}:
            self.only = mine
            return found
        if day > self.day:
            self._learn()
            self.day, self.today = day, []
        if mine not in self.held:
            self._enter(mine)
        it = self.held[mine]
        it.seen_day = max(it.seen_day, own_day)
        if is_approved(event) and role is Role.SALE:
            it.sales.append(own_day)
            it.status = "active" if it.status == "returned" else it.status
        if own_day == self.day:
            self.today.append((mine, technical(event)))
            if technical(event):
                found |= self._failure(mine)
        return found

    def _enter(self, terminal_id: str) -> None:
        """Hold a terminal; the first place waits for the merchant's first one until no other of four is free."""
        if terminal_id == self.only:
            place = 0
        else:
            free = [k for k in (1, 2, 3, 0, *range(4, 16)) if not self.places[k]]
            place = free[0] if free else min(range(16), key=lambda k: self._seen(self.places[k]))
        self.held.pop(self.places[place], None)
        if place == 0:
            self.only = terminal_id
        self.places[place] = terminal_id
        self.held[terminal_id] = Terminal()

    def _seen(self, terminal_id: str) -> int:
        return self.held[terminal_id].seen_day if terminal_id else 0

    def _failure(self, mine: str) -> dict[str, Value]:
        first = self.today.index((mine, True))
        since = self.today[first:]
        own, others = ([failed for who, failed in since if (who == mine) is same] for same in (True, False))
        it = self.held[mine]
        return {
            "terminal_code": code_of(mine), "terminal_failures_1d": sum(own), "terminal_attempts_1d": len(own),
            "others_attempts_1d": len(others), "others_failures_1d": sum(others),
            "terminal_failing_usual": it.failing / WHOLE if it.used_d else None,
        }  # fmt: skip

    def _learn(self) -> None:
        """Learn from the day that is over."""
        for terminal_id, it in self.held.items():
            own = [failed for who, failed in self.today if who == terminal_id]
            if own:
                n = min(it.used_d + 1, 28)
                it.share += (len(own) * WHOLE // (it.quiet_shop + len(self.today)) - it.share) // n
                it.failing += (sum(own) * WHOLE // len(own) - it.failing) // n
                it.longest_d = max(it.longest_d, it.quiet_d)
                it.used_d += 1
                it.quiet_d = it.quiet_shop = 0
            elif self.today and self.ordinary(self.day):
                it.quiet_d += 1
                it.quiet_shop += len(self.today)

    def close(self, day: int, sales: int, declined: int, failures: int) -> dict[str, Value]:
        """The columns of the closing of a day with so many approved sales, declined and failed attempts."""
        if failures >= 3 and 2 * failures >= sales + declined:
            self.technical_d += 1
        elif sales + declined:
            self.technical_d = 0
        found: dict[str, Value] = {"technical_d": self.technical_d}
        if not self.held or not self.ordinary(day) or self.day not in {day, day + 1} or (self.day > day and not sales):
            return found
        silent = [each for name in self.places if name for each in self._silence(name, today=self.day == day)]
        # max gives the first of equals
        return found | max(silent, key=lambda each: each["silent_missed"] or 0, default={})

    def _silence(self, terminal_id: str, *, today: bool) -> list[dict[str, Value]]:
        """A terminal's silence where it is longer than twice any before; `today` is not learned yet."""
        it = self.held[terminal_id]
        if it.used_d < 14 or it.status != "active" or any(who == terminal_id for who, _ in self.today):
            return []
        quiet_d, shop = it.quiet_d + today, it.quiet_shop + (len(self.today) if today else 0)
        if not 2 * it.longest_d < quiet_d <= 60:
            return []
        return [{
            "terminal_code": code_of(terminal_id), "silent_d": quiet_d, "silent_longest_d": it.longest_d,
            "silent_missed": it.share / WHOLE * shop,
        }]  # fmt: skip

    def equip(self, event: Event) -> None:
        """Note a terminal's status."""
        if "terminal_status" in event and event["terminal_id"] in self.held:
            self.held[event["terminal_id"]].status = event["terminal_status"]

    def sales_of(self, terminal_id: str, week: int) -> int:
        """Approved sales at a terminal in a week of days since 1970."""
        return sum(each // 7 == week for each in self.held[terminal_id].sales)
