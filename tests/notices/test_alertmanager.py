"""Routes, groups, inhibition and silences beside a real Alertmanager: who is told of what, and together with what."""

from __future__ import annotations

import json
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from casework.territory import Holder
from notices.dispatch import dispatch, sorted_into
from notices.inhibition import Inhibitor
from notices.recipients import Recipient
from notices.routing.labels import CHOICES, Matcher, fit
from notices.routing.reading import parse_routing
from notices.signals import Signal
from notices.timing import Group
from tests.dashboards.alertmanager import Sent, receiving, running
from tests.faults.waiting import wait_until
from tests.seeds import new_seeds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from notices.routing.routes import Route, Routing
    from tests.dashboards.alertmanager import Alertmanager

pytestmark = pytest.mark.monitoring
ALERTS = 1_000
VALUES = {
    "detector": CHOICES["detector"][:6], "verdict": ("open", "confirmed"), "region": ("north", "south", "east"),
    "rep": tuple(f"rep-{k}" for k in range(5)), "merchant": tuple(f"m{k}" for k in range(60)), "kind": ("alert",),
    "lane": ("risk", "duty"),
}  # fmt: skip
DESKS = tuple(f"desk{k}" for k in range(4))
"""Of the labels that a route, a group, an inhibition or a silence of the comparison goes by."""
END = "end"
"""Who hears of what is fired after the rest: by then the rest would have been told."""
WAIT_S = 5
Told = list[tuple[str, list[str]]]
"""By receiver and group, the alerts."""


class Drawn:
    """A routing file, alerts and a silence, drawn."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        route = self._route(0) | {"receiver": "desk0"}
        for name in ("match", "unless", "continue"):
            route.pop(name, None)
        receivers = {each: {"to": "desk", "channels": ["one"]} for each in DESKS}
        self.file: dict[str, Any] = {
            "desk": "desk0", "receivers": receivers, "route": route,
            "inhibit": [{"source": self._match(2), "target": self._match(1), "equal": ["merchant"]} for _ in range(2)],
        }  # fmt: skip
        self.alerts = {
            f"a{k}": {name: self.draw.choice(values) for name, values in VALUES.items()} for k in range(ALERTS)
        }
        self.silence = tuple(Matcher(name, tuple(values)) for name, values in self._match(2).items())

    def _route(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {"continue": self.draw.random() < 0.4}
        if self.draw.random() < 0.7:
            found["receiver"] = self.draw.choice(DESKS)
        if self.draw.random() < 0.6:
            found["group_by"] = sorted(self.draw.sample(("detector", "region", "rep", "lane"), 2))
        found["match"] = self._match(1)
        if self.draw.random() < 0.3:
            found["unless"] = self._match(1)
        if depth < 3:
            below = [self._route(depth + 1) for _ in range(self.draw.randint(1, 3))]
            found["routes"] = [*{json.dumps([each["match"], each.get("unless")]): each for each in below}.values()]
        return found

    def _match(self, labels: int) -> dict[str, list[str]]:
        names = self.draw.sample(("detector", "verdict", "region", "rep", "lane"), labels)
        return {each: sorted(self.draw.sample(VALUES[each], min(2, len(VALUES[each]) - 1))) for each in names}


def theirs(file: dict[str, Any], port: int) -> dict[str, Any]:
    """The same as Alertmanager's file, with waits of a second or two."""

    def matchers(found: dict[str, list[str]], sign: str = "=~") -> list[str]:
        return [f'{label}{sign}"{"|".join(values)}"' for label, values in found.items()]

    def route(found: dict[str, Any]) -> dict[str, Any]:
        made = {name: found[name] for name in ("receiver", "group_by", "continue") if name in found}
        all_of = matchers(found.get("match", {})) + matchers(found.get("unless", {}), "!~")
        return made | {"matchers": all_of, "routes": [route(each) for each in found.get("routes", [])]}

    root = route(file["route"]) | {
        "group_wait": f"{WAIT_S}s", "group_interval": f"{WAIT_S}s", "repeat_interval": "4h",
    }  # fmt: skip
    root = {name: each for name, each in root.items() if name not in {"matchers", "continue"}}
    end = {"receiver": END, "matchers": ['merchant="end"'], "group_by": ["detector"], "group_wait": f"{WAIT_S + 2}s"}
    root["routes"] = [end, *root["routes"]]
    url = f"http://127.0.0.1:{port}/"
    return {
        "route": root,
        "receivers": [
            {"name": each, "webhook_configs": [{"url": f"{url}{each}", "send_resolved": False, "max_alerts": 0}]}
            for each in (*DESKS, END)
        ],
        "inhibit_rules": [
            {
                "source_matchers": matchers(each["source"]), "target_matchers": matchers(each["target"]),
                "equal": each["equal"],
            }
            for each in file["inhibit"]
        ],
    }  # fmt: skip


class Theirs:
    """An Alertmanager that runs, and what it has told: receiver and body of each message."""

    def __init__(self, far: Alertmanager, told: Sent) -> None:
        self._far, self._told, self._from = far, told, 0

    def fire(self, alerts: dict[str, dict[str, str]]) -> None:
        self._far.ask("/api/v2/alerts", [{"labels": each | {"alertname": name}} for name, each in alerts.items()])

    def silence(self, matchers: tuple[Matcher, ...]) -> str:
        listed = [
            {"name": each.label, "value": "|".join(each.values), "isRegex": True, "isEqual": True} for each in matchers
        ]
        times = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z"}
        body = {"matchers": listed, "createdBy": "tests", "comment": "drawn"} | times
        return str(self._far.ask("/api/v2/silences", body)["silenceID"])

    def expire(self, silence_id: str) -> None:
        self._far.ask(f"/api/v2/silence/{silence_id}", {}, "DELETE")

    def go_on(self) -> None:
        """Forget what was told so far."""
        self._from = len(self._told)

    def last(self) -> Told:
        """What was told last of each group, by receiver, sorted."""
        found = {}
        for who, body in self._told[self._from :]:
            if who != END:
                found[who, body["groupKey"]] = sorted(each["labels"]["alertname"] for each in body["alerts"])
        return sorted((who, ids) for (who, _), ids in found.items())

    def ends(self) -> int:
        """How often the last desk was told of what was fired last."""
        return sum(who == END for who, _ in self._told)


@contextmanager
def comparing(file: dict[str, Any], folder: Path) -> Iterator[Theirs]:
    told: Sent = []
    with receiving(told) as port, running(json.dumps(theirs(file, port)), folder) as far:
        yield Theirs(far, told)


class Ours:
    """The same alerts by our own functions, at moments that are given."""

    def __init__(self, routing: Routing) -> None:
        self.routing, self.groups = routing, dict[str, Group]()

    def told(self, alerts: dict[str, dict[str, str]], silence: tuple[Matcher, ...], now_ms: int) -> Told:
        signals = [
            Signal(name, each["merchant"], each, None, 0, None, Holder(), Holder())
            for name, each in sorted(alerts.items())
        ]
        inhibitor = Inhibitor(self.routing.inhibitions, alerts.values())

        def is_quiet(each: Signal) -> bool:
            return (bool(silence) and fit(silence, each.labels)) or inhibitor.is_quiet(each.labels)

        members = sorted_into(self.routing, by_route, signals)
        changed, batches = dispatch(members, self.groups, is_quiet, {}, now_ms)
        self.groups |= {key: each for key, each in changed.items() if each is not None}
        return sorted((each.recipient.name, sorted(one.alert_id for one in each.signals)) for each in batches)


def by_route(route: Route, _: Signal) -> Recipient:
    return Recipient(route.receiver, is_desk=True, channels=())


@pytest.mark.parametrize("seed", new_seeds(2))
def test_a_thousand_alerts_are_told_to_whom_and_with_what_alertmanager_tells_them(seed: int, tmp_path: Path) -> None:
    drawn = Drawn(seed)
    ours = Ours(parse_routing(json.dumps(drawn.file)))
    first = dict([*drawn.alerts.items()][: ALERTS - 100])
    steps = ((first, drawn.silence), (drawn.alerts, drawn.silence), (drawn.alerts, ()))
    with comparing(drawn.file, tmp_path) as far:
        silence_id = far.silence(drawn.silence)
        for k, (alerts, silence) in enumerate(steps):
            if not silence:
                far.expire(silence_id)
            far.fire(alerts)
            expected = ours.told(alerts, silence, 10**9 + 3_600_000 * k)
            wait_until(lambda: far.last() == expected, f"step {k} is told alike", 90)  # noqa: B023  it is called here
            far.fire({f"end{k}": {"merchant": "end", "detector": f"end{k}"}})
            wait_until(lambda: far.ends() > k, "what is told later is told", 90)  # noqa: B023
            assert far.last() == expected
            far.go_on()
