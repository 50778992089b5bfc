"""From alerts that stand to groups to be told now: routes, recipients, waits. Nothing but the arguments decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from notices.timing import Group, Waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from notices.recipients import Recipient
    from notices.routing.routes import Route, Routing
    from notices.signals import Signal

_NO_ROUTE = Waits(30_000, 300_000, 86_400_000)


class Batch(NamedTuple):
    """What is to be told of one group now.

    Attributes:
        key: of the group.
        route: whose group it is.
        recipient: who is told.
        signals: what is told, the longest standing first.
    """

    key: str
    route: Route
    recipient: Recipient
    signals: tuple[Signal, ...]


@dataclass(slots=True)
class Members:
    """A group and what stands in it now."""

    route: Route
    recipient: Recipient
    labels: tuple[str, ...]
    signals: list[Signal]


def sorted_into(
    routing: Routing, choose: Callable[[Route, Signal], Recipient], signals: Iterable[Signal]
) -> dict[str, Members]:
    """What stands, by the group that it is in: by route, recipient, and the values of the route's `group_by`."""
    found: dict[tuple[str, str, tuple[str, ...]], Members] = {}
    for signal in signals:
        for route in routing.route.taken(signal.labels, signal.loss_minor):
            recipient = choose(route, signal)
            labels = tuple(signal.labels.get(each, "") for each in route.group_by)
            key = (route.key, recipient.name, labels)
            if key not in found:
                found[key] = Members(route, recipient, labels, [])
            found[key].signals.append(signal)
    return {msgspec.json.encode(key).decode(): each for key, each in found.items()}


def dispatch(
    members: Mapping[str, Members], groups: Mapping[str, Group], is_quiet: Callable[[Signal], bool],
    waits: Mapping[str, Waits], now_ms: int,
) -> tuple[dict[str, Group | None], list[Batch]]:  # fmt: skip
    """Look at the groups that are due.

    Args:
        members: what stands, by group.
        groups: as they were kept.
        is_quiet: whether something is inhibited or silenced.
        waits: by group, those of its route, of groups of which nothing stands.
        now_ms: UTC milliseconds.

    Returns:
        The groups that have changed, None for one that need not be kept, and what is to be told.
    """
    changed: dict[str, Group | None] = {}
    batches = []
    for key in sorted({*members, *groups}):
        before = groups.get(key, Group())
        mine = members.get(key)
        signals = mine.signals if mine is not None else []
        of_route = waits_of(mine.route) if mine is not None else waits.get(key, _NO_ROUTE)
        after = before.seen(of_route, min(each.since_ms for each in signals), now_ms) if signals else before
        if after.next_ms is not None and after.next_ms <= now_ms:
            loud = [each for each in signals if not is_quiet(each)]
            ids = {each.alert_id for each in signals}
            after, is_told = after.looked_at(of_route, ids, {each.alert_id for each in loud}, now_ms)
            if is_told and mine is not None:
                batches.append(Batch(key, mine.route, mine.recipient, tuple(loud)))
        if after.is_over(of_route, now_ms):
            changed |= {key: None} if key in groups else {}
        elif after != before or key not in groups:
            changed[key] = after
    return changed, batches


def waits_of(route: Route) -> Waits:
    """The waits of a route."""
    return Waits(route.group_wait_ms, route.group_interval_ms, route.repeat_interval_ms)
