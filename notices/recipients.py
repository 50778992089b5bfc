"""Whom an alert is told to: the rep as it stood at the event, who stands in, another rep, a supervisor, or a desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from casework.territory import on_duty, supervisor
from notices.culprits import CROSS, OWN, another_rep, goes_to
from notices.routing import routes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from casework.persons import Person
    from notices.routing.routes import Receiver, Route, Routing
    from notices.signals import Signal

OWN_WAY, IN_STEAD, CROSS_WAY, DESK_WAY, DIVERTED = "own", "deputy", "cross", "desk", "diverted"
"""Why somebody is told: it is theirs, they stand in or up for whom it is, they check in the stead of the one who may be
behind it, the route names the desk, or nobody else may hear or is there."""


class Recipient(NamedTuple):
    """Who is told.

    Attributes:
        name: a person, by `person_id`, or a desk, by its receiver's name.
        is_desk: whether it is a desk.
        channels: by name, the first by which it can be reached.
        way: why it is this one.
    """

    name: str
    is_desk: bool
    channels: tuple[str, ...]
    way: str = OWN_WAY


class Chooser:
    """Chooses recipients at one moment.

    Args:
        routing: the routing.
        people: everybody, by id.
        rules: to whom each kind of `notices.culprits.KINDS` goes, where a lead has said so.
        agents_of: by rep, the agents of its merchants.
        now_ms: UTC milliseconds.
    """

    def __init__(
        self, routing: Routing, people: Mapping[str, Person], rules: Mapping[str, str],
        agents_of: Mapping[str, Collection[str]], now_ms: int,
    ) -> None:  # fmt: skip
        self._routing, self._people, self._rules = routing, people, rules
        self._agents_of, self._now_ms = agents_of, now_ms

    def of(self, route: Route, signal: Signal) -> Recipient:
        """Who hears of an alert on a route."""
        receiver = self._routing.receivers[route.receiver]
        if receiver.to == routes.DESK:
            return self._desk(receiver, DESK_WAY)
        to = goes_to(self._rules, signal.labels)
        if to == OWN:
            return self._own(receiver, signal)
        found = ""
        if to == CROSS and receiver.to == routes.REP:
            named = {signal.then, signal.now}
            found = another_rep(self._people, signal.merchant_id, named, self._agents_of, self._now_ms)
        return self._person(receiver, found, CROSS_WAY)

    def _own(self, receiver: Receiver, signal: Signal) -> Recipient:
        rep_id = signal.then.rep_id
        head = supervisor(self._people, rep_id, self._now_ms)
        if receiver.to == routes.SUPERVISOR:
            return self._person(receiver, head, OWN_WAY)
        there = on_duty(self._people, rep_id, self._now_ms)
        return self._person(receiver, there or head, OWN_WAY if there == rep_id else IN_STEAD)

    def _person(self, receiver: Receiver, person_id: str, way: str) -> Recipient:
        if not person_id:
            return self._desk(self._routing.receivers[self._routing.desk], DIVERTED)
        return Recipient(person_id, is_desk=False, channels=receiver.channels, way=way)

    def _desk(self, receiver: Receiver, way: str) -> Recipient:
        return Recipient(receiver.name, is_desk=True, channels=receiver.channels, way=way)
