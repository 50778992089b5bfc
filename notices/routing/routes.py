"""The routing tree: of an alert, the routes that it takes, as Alertmanager's tree has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.alerts import Text
from notices.routing.labels import Matcher, fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from notices.inhibition import Inhibition

REP, SUPERVISOR, DESK = "rep", "supervisor", "desk"
TO = (REP, SUPERVISOR, DESK)
"""Whom a receiver is: the merchant's rep, the one that this person reports to, a desk."""
REMIND_BEFORE_MS = 86_400_000
"""How long before it is due a rep is reminded of a task without an answer: our own default."""
DESK_TITLE = Text("Risk desk", "风险管理组")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who is told, and over what.

    Attributes:
        name: of a desk, whom the notice is for.
        to: of `TO`.
        channels: by name, the first by which the recipient can be reached.
        addresses: of a desk, by channel, where the channel itself is not the place.
        title: of a desk, what notices call it; "" for `DESK_TITLE`.
    """

    name: str
    to: str
    channels: tuple[str, ...]
    addresses: Mapping[str, str] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True, slots=True)
class Quiet:
    """When nobody is told but of what is urgent, by the recipient's clock.

    Attributes:
        from_min: minute of the day.
        until_min: minute of the day, of the next one where it is not later.
        working_days: whether days that are none are quiet as a whole.
    """

    from_min: int = 0
    until_min: int = 0
    working_days: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """By when a task is to be answered, from when it is told on: hours, or working days."""

    hours: int = 0
    working_days: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """A route with all that holds for it, its parents' included where it says nothing.

    Attributes:
        key: what it is known by in what was told, made of the matchers on the way to it.
        matchers: all must fit.
        loss_minor: least loss in minor units; None for any.
        receiver: by name.
        group_by: labels by which alerts are told together; beside them always by who is told.
        group_wait_ms: how long the first alert of a group waits for others.
        group_interval_ms: how long a group waits with what is new.
        repeat_interval_ms: how long until what is still so is told again.
        goes_on: whether the routes beside it are tried too.
        task: the kind of task that a rep gets; "" for none.
        due: by when.
        quiet: when nobody is told.
        urgent: whether the quiet hours do not hold.
        supervisor_after_ms: how long after it was sent an unopened notice goes to the supervisor; None for never.
        desk_after_ms: likewise to the desk, also where it was opened and not answered.
        routes: below it.
    """

    key: str
    matchers: tuple[Matcher, ...]
    receiver: str
    loss_minor: int | None = None
    group_by: tuple[str, ...] = ()
    group_wait_ms: int = 30_000
    group_interval_ms: int = 300_000
    repeat_interval_ms: int = 86_400_000
    goes_on: bool = False
    task: str = ""
    due: Due = field(default_factory=lambda: Due(working_days=5))
    quiet: Quiet = field(default_factory=Quiet)
    urgent: bool = False
    supervisor_after_ms: int | None = None
    desk_after_ms: int | None = None
    routes: tuple[Route, ...] = ()

    def taken(self, labels: Mapping[str, str], loss_minor: int | None) -> Iterator[Route]:
        """The routes that an alert takes below this one, or this one where none of these fits; none if it does not fit.

        Of routes side by side the first that fits is taken, and those after it only where it goes on.
        """
        if not fit(self.matchers, labels):
            return
        if self.loss_minor is not None and (loss_minor is None or loss_minor < self.loss_minor):
            return
        found = False
        for each in self.routes:
            below = [*each.taken(labels, loss_minor)]
            yield from below
            found = found or bool(below)
            if below and not each.goes_on:
                break
        if not found:
            yield self

    def reads(self, label: str, labels: Mapping[str, str]) -> bool:
        """Whether which of this route and those below an alert takes, and in which group, may depend on a label.

        Args:
            label: by name.
            labels: the alert's others.
        """
        if not fit(tuple(each for each in self.matchers if each.label != label), labels):
            return False
        return self.names(label) or any(each.reads(label, labels) for each in self.routes)

    def names(self, label: str) -> bool:
        """Whether the route itself depends on a label."""
        return label in self.group_by or any(each.label == label for each in self.matchers)


@dataclass(frozen=True, slots=True)
class Routing:
    """What a routing file says.

    Attributes:
        route: the root.
        receivers: by name.
        desk: the receiver, a desk, that hears of what nobody else may or does.
        inhibitions: which alerts keep others quiet.
        most_tasks: how many new tasks one rep gets a day; what is beyond is told as a list.
        remind_before_ms: how long before it is due a rep is reminded of a task without an answer; None for never.
    """

    route: Route
    receivers: Mapping[str, Receiver]
    desk: str
    inhibitions: tuple[Inhibition, ...] = ()
    most_tasks: int = 5
    remind_before_ms: int | None = REMIND_BEFORE_MS

    def of_tasks(self) -> tuple[Receiver, Route]:
        """How tasks are told that people give: as the first route that gives tasks, without its matchers."""
        found = next((each for each in self.every_route() if each.task), self.route)
        receiver = self.receivers[found.receiver]
        reps = [each for each in self.receivers.values() if each.to == REP]
        return (receiver if receiver.to == REP or not reps else reps[0]), found

    @property
    def desks(self) -> dict[str, Mapping[str, str]]:
        """By desk, its address by channel."""
        return {each.name: each.addresses for each in self.receivers.values() if each.to == DESK}

    def every_route(self) -> Iterator[Route]:
        """All routes, each before those below it."""
        waiting = [self.route]
        while waiting:
            found = waiting.pop()
            yield found
            waiting += found.routes[::-1]
