"""The routing file: YAML that is checked value by value, each error with file, line and place."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from casework.tasks.kinds import CALL, INSPECTION, REPAIR, VISIT, WARNING
from notices.errors import RoutingError
from notices.inhibition import Inhibition
from notices.routing.labels import ANY, CHOICES, LABELS, Matcher
from notices.routing.nodes import Value, read
from notices.routing.routes import DESK, REMIND_BEFORE_MS, REP, TO, Due, Quiet, Receiver, Route, Routing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SHIPPED = Path(__file__).with_name("default.yaml")
"""The tree that counts where no other is set."""
TASKS = (VISIT, CALL, REPAIR, INSPECTION, WARNING)
"""Kinds of tasks that a route may give."""
MOST_DEPTH = 8
_FILE = ("desk", "most_tasks", "remind_before", "receivers", "route", "inhibit")
_RECEIVER = ("to", "channels", "addresses", "title")
_INHIBIT = ("source", "target", "equal")
_OWN = ("match", "unless", "loss_minor_at_least", "continue", "routes")
_INHERITED = (
    "receiver", "group_by", "group_wait", "group_interval", "repeat_interval", "task", "due", "quiet", "urgent",
    "supervisor_after", "desk_after",
)  # fmt: skip
_MOST_MINOR = 10**14
_CHANNEL = re.compile(r"[a-z][a-z0-9_]{0,31}")


def read_routing(path: Path = SHIPPED) -> Routing:
    """What a routing file says.

    Raises:
        OSError: it cannot be read.
        RoutingError: it cannot be; the message names file, line and place, what was expected and what came.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RoutingError(f"{path.name}: the file must be UTF-8, got {error.reason} at byte {error.start}") from error
    return parse_routing(text, path.name)


def parse_routing(text: str, file: str = "routing.yaml") -> Routing:
    """Likewise of a text."""
    found = read(text, file)
    said = found.mapping(_FILE)
    for name in ("desk", "receivers", "route"):
        if name not in said:
            found.refuse(f"have {name}", "none")
    receivers = {name: _receiver(name, each) for name, each in said["receivers"].mapping().items()}
    desks = [each.name for each in receivers.values() if each.to == DESK]
    desk = said["desk"].choice(desks) if desks else said["receivers"].refuse("have a desk", "none")
    root = said["route"]
    unfit = [each for each in ("match", "unless", "loss_minor_at_least", "continue") if each in root.mapping()]
    if unfit:
        root.mapping()[unfit[0]].refuse("stand in a route below the root", "it there")
    if "receiver" not in root.mapping():
        root.refuse("have a receiver", "none")
    return Routing(
        _Reader(receivers).route(root, Route("", (), "")), receivers, desk,
        tuple(_inhibition(each) for each in said["inhibit"].items()) if "inhibit" in said else (),
        said["most_tasks"].whole(1, 100) if "most_tasks" in said else 5,
        _wait(said["remind_before"]) if "remind_before" in said else REMIND_BEFORE_MS,
    )  # fmt: skip


def _receiver(name: str, value: Value) -> Receiver:
    said = value.mapping(_RECEIVER)
    for each in _RECEIVER[:2]:
        if each not in said:
            value.refuse(f"have {each}", "none")
    channels = said["channels"].texts()
    if unfit := [each for each in channels if not _CHANNEL.fullmatch(each)]:
        said["channels"].refuse("name channels: small letters, digits and _, a letter first", repr(unfit[0]))
    to, addresses = said["to"].choice(TO), dict[str, str]()
    if "addresses" in said:
        if to != DESK:
            said["addresses"].refuse("stand with a desk: a person's are in master data", f"it with {to}")
        addresses = {name: each.text() for name, each in said["addresses"].mapping(channels).items()}
    title = said["title"].text() if "title" in said else ""
    if title and to != DESK:
        said["title"].refuse("stand with a desk: a person's name is in master data", f"it with {to}")
    return Receiver(name, to, channels, addresses, title)


def _inhibition(value: Value) -> Inhibition:
    said = value.mapping(_INHIBIT)
    for each in ("source", "target"):
        if each not in said:
            value.refuse(f"have {each}", "none")
    equal = _labels(said["equal"]) if "equal" in said else ()
    return Inhibition(matchers(said["source"]), matchers(said["target"]), equal)


def _labels(value: Value) -> tuple[str, ...]:
    found = value.texts()
    for each in found:
        if each not in LABELS:
            value.refuse(f"be of {', '.join(LABELS)}", repr(each))
    return found


def matchers(value: Value, *, is_not: bool = False) -> tuple[Matcher, ...]:
    """Matchers of a mapping from labels to a value, or to a list of values of which one must be there."""
    found = []
    for label, each in value.mapping(LABELS).items():
        values = each.texts()
        for said in values:
            allowed = CHOICES.get(label)
            if allowed and said not in (*allowed, ANY):
                each.refuse(f"be of {', '.join(allowed)}, or {ANY}", repr(said))
        found.append(Matcher(label, values, is_not))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads routes, each with what it has of the one above it."""

    receivers: Mapping[str, Receiver]

    def route(self, value: Value, above: Route, depth: int = 0) -> Route:
        if depth > MOST_DEPTH:
            value.refuse(f"be at most {MOST_DEPTH} routes below the root", "one deeper")
        said = value.mapping((*_OWN, *_INHERITED))
        own = matchers(said["match"]) if "match" in said else ()
        own += matchers(said["unless"], is_not=True) if "unless" in said else ()
        loss = said["loss_minor_at_least"].whole(1, _MOST_MINOR) if "loss_minor_at_least" in said else None
        here = replace(
            self._inherited(said, above), matchers=own, loss_minor=loss, routes=(),
            key=_key(above.key, own, loss), goes_on="continue" in said and said["continue"].flag(),
        )  # fmt: skip
        if here.task and self.receivers[here.receiver].to != REP:
            said.get("task", value).refuse("stand where a rep is told", f"a task for {here.receiver}")
        below = [self.route(each, here, depth + 1) for each in said["routes"].items()] if "routes" in said else []
        if len({each.key for each in below}) < len(below):
            said["routes"].refuse("differ in what they match", "the same twice")
        return replace(here, routes=tuple(below))

    def _inherited(self, said: Mapping[str, Value], above: Route) -> Route:
        """The route above with what this one says instead. Another receiver begins without a task."""
        given: dict[str, Any] = {}
        if "receiver" in said:
            given["receiver"] = said["receiver"].choice(tuple(self.receivers))
            given["task"] = above.task if self.receivers[given["receiver"]].to == REP else ""
        for name, (field, read_value) in _READERS.items():
            if name in said:
                given[field] = read_value(said[name])
        return replace(above, **given)


def _wait(value: Value) -> int | None:
    return None if value.text() == "never" else value.duration_ms(1_000)


def _task(value: Value) -> str:
    return "" if value.text() == "none" else value.choice(TASKS)


def _key(above: str, own: tuple[Matcher, ...], loss: int | None) -> str:
    """What a route is known by, so that another order or another wait makes it no other route."""
    return above + msgspec.json.encode((sorted(own), loss)).decode() if own or loss is not None else above or "{}"


def _due(value: Value) -> Due:
    said = value.mapping(("hours", "working_days"))
    if len(said) != 1:
        value.refuse("have hours or working_days", "both" if said else "none")
    if "hours" in said:
        return Due(hours=said["hours"].whole(1, 24 * 90))
    return Due(working_days=said["working_days"].whole(1, 90))


def _quiet(value: Value) -> Quiet:
    said = value.mapping(("from", "until", "working_days_only"))
    if ("from" in said) != ("until" in said):
        value.refuse("have from and until, or neither", "one of them")
    hours = (said["from"].minute_of_day(), said["until"].minute_of_day()) if "from" in said else (0, 0)
    return Quiet(*hours, working_days="working_days_only" in said and said["working_days_only"].flag())


_READERS: dict[str, tuple[str, Callable[[Value], Any]]] = {
    "group_by": ("group_by", _labels),
    "group_wait": ("group_wait_ms", lambda value: value.duration_ms()),
    "group_interval": ("group_interval_ms", lambda value: value.duration_ms(1_000)),
    "repeat_interval": ("repeat_interval_ms", lambda value: value.duration_ms(1_000)),
    "supervisor_after": ("supervisor_after_ms", _wait),
    "desk_after": ("desk_after_ms", _wait),
    "task": ("task", _task),
    "due": ("due", _due),
    "quiet": ("quiet", _quiet),
    "urgent": ("urgent", Value.flag),
}
"""What a route may say and the routes below it have too: the field of `Route`, and how it is read."""
