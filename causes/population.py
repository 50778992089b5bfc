"""Which merchants there are, and whose: by agent, rep, channel, city and registered MCC, as of any local day."""

from __future__ import annotations

import sys
from bisect import bisect_right
from datetime import datetime
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from domain.readings import Profile

KINDS = ("rep", "agent", "mcc_pair", "channel", "city")
"""What members of a cause may share, the narrowest first; of two as rare the first is told."""
NEW_D = 90
"""Days from its opening for which a merchant counts among the new ones."""
EVERYONE = ("all", "")
_PLACES = frozenset({"merchant", "assignment"})
"""Kinds of profiles that say whose a merchant is."""

Key = tuple[str, str]
"""A kind and a key of it. Beside those of `KINDS`, populations are counted by these kinds: `all`, `registered` (one key
for each MCC of a merchant), `trade` (its first MCC), `age` (`new` or `old`)."""


class Place(NamedTuple):
    """Whose a merchant is, and what; "" where it is not known.

    Attributes:
        agent: agent who brought it.
        rep: rep who looks after it.
        channel: by which it was won.
        city: the city, or the region where there is none.
        mccs: as registered.
        owner: of all its shops; the merchant itself where the owner is not known.
        opened_day: when it was opened, as the day's ordinal.
    """

    agent: str
    rep: str
    channel: str
    city: str
    mccs: tuple[str, ...]
    owner: str
    opened_day: int

    @property
    def trade(self) -> str:
        """The first registered MCC, "" without one."""
        return self.mccs[0] if self.mccs else ""

    def counted_under(self) -> Iterator[Key]:
        """What it is counted under by day, its age and pairs of MCCs aside."""
        yield EVERYONE
        named = (("agent", self.agent), ("rep", self.rep), ("channel", self.channel), ("city", self.city))
        yield from (each for each in named if each[1])
        yield "trade", self.trade
        yield from (("registered", each) for each in self.mccs)

    def age(self, day: int) -> str:
        """Whether it is `new` or `old` on a day."""
        return "new" if day < self.opened_day + NEW_D else "old"


class _Version(NamedTuple):
    """What one record says: of the shop, or of who looks after it until when (0 for ever); `epoch` is its writer's."""

    effective_ms: int
    day: int
    until_day: int
    place: Place | None
    assigned: tuple[str, str] | None
    epoch: int


class Days:
    """Local days of an IANA time zone, as ordinals."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)

    def of_ms(self, ms: int) -> int:
        """The local day of UTC milliseconds."""
        return datetime.fromtimestamp(ms / 1000, self._zone).toordinal()

    def of_iso(self, time: str) -> int:
        """The local day of a time in ISO 8601."""
        return datetime.fromisoformat(time).astimezone(self._zone).toordinal()


class Population:
    """Merchants by key, as of any local day. Closed, suspended and pending merchants are in none.

    Args:
        days: the acquirer's local days.
    """

    def __init__(self, days: Days) -> None:
        self._days = days
        self._versions: dict[str, dict[tuple[str, str], _Version]] = {}
        self._merchants: dict[Key, set[str]] = {}
        self._sizes: dict[Key, _Size] = {}

    def learn(self, profile: Profile) -> int | None:
        """Take in an accepted version; the first day of which it changes something, None where it changes nothing."""
        version = self._version(profile)
        if version is None:
            return None
        merchant_id = sys.intern(profile.merchant_id)
        held, name = self._versions.setdefault(merchant_id, {}), (profile.kind, profile.effective_from)
        before = held.get(name)
        if before is not None and (before.epoch > version.epoch or before._replace(epoch=version.epoch) == version):
            return None
        self._count(merchant_id, held, -1)
        held[name] = version
        self._count(merchant_id, held, 1)
        return version.day

    def _version(self, profile: Profile) -> _Version | None:
        if profile.kind not in _PLACES:
            return None
        fields = profile.fields
        effective_ms: int = fields["effective_from"]
        day = self._days.of_ms(effective_ms)
        if profile.kind == "assignment":
            until = fields.get("until", 0)
            assigned = (sys.intern(fields["rep_id"]), sys.intern(fields.get("agent_id", "")))
            return _Version(effective_ms, day, self._days.of_ms(until) if until else 0, None, assigned, profile.epoch)
        trades = fields.get("status", "active") == "active"
        place = self._place(profile.merchant_id, fields, day) if trades else None
        return _Version(effective_ms, day, 0, place, None, profile.epoch)

    def _place(self, merchant_id: str, fields: dict[str, Any], day: int) -> Place:
        def text(name: str) -> str:
            return sys.intern(fields.get(name, ""))

        opened = fields.get("opened_at")
        return Place(
            text("agent_id"), text("rep_id"), text("channel"), text("city") or text("region"),
            tuple(map(sys.intern, fields.get("mccs", ()))), fields.get("owner_key") or merchant_id,
            self._days.of_ms(opened) if opened else day,
        )  # fmt: skip

    def _count(self, merchant_id: str, held: dict[tuple[str, str], _Version], by: int) -> None:
        """Add a merchant to the sizes of its keys, over the days that it has them, or take it out."""
        starts = sorted({each.day for each in held.values()} | {each.until_day for each in held.values()} - {0})
        for start, end in pairwise([*starts, 0]):
            place = _place_on(held.values(), start)
            if place is None:
                continue
            for key in place.counted_under():
                self._add(key, start, end, by)
                if key[0] not in {"all", "trade"}:
                    self._merchants.setdefault(key, set()).add(merchant_id)
            old = max(start, place.opened_day + NEW_D)
            if old > start:
                self._add(("age", "new"), start, min(old, end) if end else old, by)
            if not end or old < end:
                self._add(("age", "old"), old, end, by)

    def _add(self, key: Key, start: int, end: int, by: int) -> None:
        if (size := self._sizes.get(key)) is None:
            size = self._sizes[key] = _Size()
        size.add(start, by)
        if end:
            size.add(end, -by)

    def place(self, merchant_id: str, day: int) -> Place | None:
        """Where a merchant is on a day; None where it is not known, or does not trade."""
        held = self._versions.get(merchant_id)
        return None if held is None else _place_on(held.values(), day)

    def size(self, key: Key, day: int) -> int:
        """How many merchants have a key on a day."""
        size = self._sizes.get(key)
        return 0 if size is None else size.on(day)

    def among(self, key: Key, day: int) -> Iterator[Place]:
        """The places of the merchants that have a key of `KINDS` or `registered` on a day, in no order."""
        for merchant_id in self._merchants.get(key, ()):
            place = self.place(merchant_id, day)
            if place is not None and key in place.counted_under():
                yield place

    def count_keys(self, day: int, least: int) -> int:
        """How many keys that a cause may have have at least so many merchants on a day; pairs by what is registered."""
        return sum(
            1
            for key, size in self._sizes.items()
            if key[0] in {"agent", "rep", "channel", "city", "registered"} and size.on(day) >= least
        )


class _Size:
    """How many merchants have a key, by day."""

    def __init__(self) -> None:
        self._changes: dict[int, int] = {}
        self._starts: list[int] = []
        self._sums: list[int] = []

    def add(self, day: int, by: int) -> None:
        """From a day on there are so many more."""
        self._changes[day] = self._changes.get(day, 0) + by
        self._starts = []

    def on(self, day: int) -> int:
        """How many there are on a day."""
        if not self._starts:
            self._starts = sorted(self._changes)
            self._sums = list(accumulate(self._changes[each] for each in self._starts))
        k = bisect_right(self._starts, day)
        return self._sums[k - 1] if k else 0


def _place_on(versions: Iterable[_Version], day: int) -> Place | None:
    """The place that the newest versions of a day give; who is assigned counts before what master data say."""
    data = assigned = None
    for each in versions:
        if each.day > day:
            continue
        if each.assigned is None:
            data = each if data is None or each.effective_ms >= data.effective_ms else data
        elif not 0 < each.until_day <= day and (assigned is None or each.effective_ms >= assigned.effective_ms):
            assigned = each
    if data is None or data.place is None:
        return None
    if assigned is None or assigned.assigned is None:
        return data.place
    rep, agent = assigned.assigned
    return data.place._replace(rep=rep or data.place.rep, agent=agent or data.place.agent)
