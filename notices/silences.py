"""Silences: what leads want nobody to be told of for a while, with a reason, and which of them match nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import func, insert, select, update

from casework import audit
from casework.change import changing
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.people import LEADS
from casework.schema import silences
from domain.timestamps import DAY_MS
from notices.routing.labels import CHOICES, LABELS, Matcher, fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store
    from notices.signals import Signal

MOST_MS = 90 * DAY_MS
"""The longest silence: our own default, so that none is for ever."""
STALE_D = 30
"""Days without a match after which a silence is shown as one that matches nothing."""
_NOTED_EVERY_MS = 3_600_000
_MOST_VALUES = 50
_MOST_VALUE = 128


class Silence(NamedTuple):
    """A silence.

    Attributes:
        silence_id: its number.
        matchers: all must fit an alert.
        reason: why.
        by: who made it.
        made_ms: when, UTC milliseconds.
        from_ms: from when on it counts.
        until_ms: until when.
        expired_by: who ended it early; "" for nobody.
        matched_ms: when it kept something quiet last, to the hour; None for never.
    """

    silence_id: int
    matchers: tuple[Matcher, ...]
    reason: str
    by: str
    made_ms: int
    from_ms: int
    until_ms: int
    expired_by: str
    matched_ms: int | None

    def in_force(self, now_ms: int) -> bool:
        """Whether it counts at a moment."""
        return self.from_ms <= now_ms < self.until_ms

    def is_stale(self, now_ms: int) -> bool:
        """Whether it counts, and has matched nothing for 30 days, or since it began."""
        return self.in_force(now_ms) and (self.matched_ms or self.from_ms) <= now_ms - STALE_D * DAY_MS


def make(
    store: Store, actor: Actor, matchers: Iterable[Matcher], reason: str, from_ms: int, until_ms: int, now_ms: int
) -> int:  # fmt: skip
    """Keep alerts that fit quiet for a while; the silence's number.

    Args:
        store: the store.
        actor: a lead.
        matchers: at least one; all must fit.
        reason: why, 1 to 4,000 characters.
        from_ms: UTC milliseconds.
        until_ms: after now and after `from_ms`, at most 90 days later.
        now_ms: UTC milliseconds.

    Raises:
        NotAllowed, Refused: the actor is no lead; matchers, reason or time cannot be.
    """
    listed = tuple(matchers)
    check_matchers(listed)
    said = checked_text(reason, "the reason of a silence")
    if not max(now_ms, from_ms) < until_ms <= from_ms + MOST_MS:
        raise Refused(f"until_ms must be after now and 1 to {MOST_MS} ms after from_ms, got {until_ms - from_ms}")
    with changing(store, actor, now_ms, LEADS, "to make a silence") as change:
        row = {
            "matchers": msgspec.json.encode(listed).decode(), "reason": said, "by": actor.user_id, "made_ms": now_ms,
            "from_ms": from_ms, "until_ms": until_ms,
        }  # fmt: skip
        given = change.connection.execute(insert(silences).returning(silences.c.silence_id), row)
        silence_id = int(given.scalar_one())
        audit.append(
            change.connection, time_ms=now_ms, actor=actor.user_id, kind="make_silence",
            detail={"silence_id": silence_id, "matchers": listed, "reason": said, "from_ms": from_ms,
                    "until_ms": until_ms},
        )  # fmt: skip
        return silence_id


def check_matchers(listed: tuple[Matcher, ...]) -> None:
    """Refuse matchers that no silence may have: none, of no label, or of no value that there is."""
    if not listed:
        raise Refused("a silence must have a matcher, got none")
    for each in listed:
        if each.label not in LABELS:
            raise Refused(f"a matcher's label must be one of {', '.join(LABELS)}, got {each.label[:40]!r}")
        if not 1 <= len(each.values) <= _MOST_VALUES or any(not 1 <= len(v) <= _MOST_VALUE for v in each.values):
            raise Refused(f"{each.label} must have 1 to {_MOST_VALUES} values of 1 to {_MOST_VALUE} characters")
        allowed = CHOICES.get(each.label)
        if unknown := [value for value in each.values if allowed and value not in allowed]:
            raise Refused(f"{each.label} must be of {', '.join(allowed or ())}, got {unknown[0]!r}")
    if all(each.is_not for each in listed):
        raise Refused("a silence must say what it matches, got only what it does not")


def expire(store: Store, actor: Actor, silence_id: int, now_ms: int) -> None:
    """End a silence now; raises NotFound where there is none that counts or will."""
    with changing(store, actor, now_ms, LEADS, "to end a silence") as change:
        is_it = (silences.c.silence_id == silence_id) & (silences.c.until_ms > now_ms)
        values = {
            "until_ms": now_ms, "from_ms": func.min(silences.c.from_ms, now_ms)
            if store.is_sqlite else func.least(silences.c.from_ms, now_ms), "expired_by": actor.user_id,
        }  # fmt: skip
        if change.connection.execute(update(silences).where(is_it).values(values)).rowcount != 1:
            raise NotFound(f"there is no silence {silence_id} in force")
        audit.append(
            change.connection, time_ms=now_ms, actor=actor.user_id, kind="expire_silence",
            detail={"silence_id": silence_id},
        )  # fmt: skip


def listed_silences(store: Store, actor: Actor, now_ms: int, *, days: int = STALE_D) -> list[Silence]:
    """Silences that count, will, or have ended within some days, the newest first; for leads."""
    actor.need(LEADS, "to see silences")
    with store.reading() as connection:
        return [each for each in _read(connection) if each.until_ms > now_ms - days * DAY_MS][::-1]


def in_force(connection: Connection, now_ms: int) -> list[Silence]:
    """Those that count at a moment."""
    return [each for each in _read(connection, now_ms) if each.in_force(now_ms)]


def _read(connection: Connection, after_ms: int = 0) -> list[Silence]:
    statement = select(silences).where(silences.c.until_ms > after_ms).order_by(silences.c.silence_id)
    return [_silence(each) for each in connection.execute(statement)]


def _silence(row: Any) -> Silence:
    return Silence(
        row.silence_id, msgspec.json.decode(row.matchers, type=tuple[Matcher, ...]), row.reason, row.by, row.made_ms,
        row.from_ms, row.until_ms, row.expired_by or "", row.matched_ms,
    )  # fmt: skip


class Silencer:
    """Says what is silenced at one moment, and which silences match something.

    Args:
        listed: silences in force.
    """

    def __init__(self, listed: Iterable[Silence]) -> None:
        self._listed = [*listed]

    def names(self, label: str) -> bool:
        """Whether a silence depends on a label."""
        return any(one.label == label for each in self._listed for one in each.matchers)

    def is_silent(self, labels: Mapping[str, str]) -> bool:
        """Whether a silence matches."""
        return any(fit(each.matchers, labels) for each in self._listed)

    def note(self, connection: Connection, signals: Iterable[Signal], now_ms: int) -> None:
        """Have silences that match something that stands say so, at most each hour."""
        old = [each for each in self._listed if (each.matched_ms or 0) <= now_ms - _NOTED_EVERY_MS]
        if not old:
            return
        labels = [each.labels for each in signals]
        found = [each.silence_id for each in old if any(fit(each.matchers, one) for one in labels)]
        if found:
            of_them = update(silences).where(silences.c.silence_id.in_(found))
            connection.execute(of_them.values(matched_ms=now_ms))
