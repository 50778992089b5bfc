"""The routing file: what it says, and how what cannot be is refused."""

from __future__ import annotations

import re

import pytest

from notices.errors import RoutingError
from notices.routing.labels import LABELS
from notices.routing.reading import SHIPPED, parse_routing, read_routing
from notices.routing.routes import Due, Quiet

GOOD = """\
desk: risk
receivers:
  risk: {to: desk, channels: [mail], addresses: {mail: risk@acquirer.example}}
  rep: {to: rep, channels: [wecom]}
route:
  receiver: risk
  group_by: [rep, merchant]
  routes:
    - match: {grade: [D, E]}
      receiver: rep
      task: visit
      due: {hours: 24}
      quiet: {from: "21:00", until: "08:00"}
      routes:
        - match: {cause: any}
          unless: {region: "2102"}
          loss_minor_at_least: 100000
          urgent: true
          supervisor_after: 2h
    - match: {grade: C}
      group_wait: 5m
inhibit:
  - source: {kind: visit}
    target: {kind: alert}
    equal: [merchant]
"""


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def test_what_a_route_does_not_say_is_as_the_one_above_it_has_it() -> None:
    found = parse_routing(GOOD)
    first, second = found.route.routes
    (below,) = first.routes
    assert (below.receiver, below.task, below.due, below.quiet) == ("rep", "visit", Due(hours=24), Quiet(1260, 480))
    assert (below.group_by, below.urgent, below.supervisor_after_ms) == (("rep", "merchant"), True, 7_200_000)
    assert (second.receiver, second.task, second.group_wait_ms) == ("risk", "", 300_000)
    assert found.desks == {"risk": {"mail": "risk@acquirer.example"}}


@pytest.mark.parametrize(
    ("labels", "loss", "expected"),
    [
        ({"grade": "A"}, None, [""]),
        ({"grade": "E"}, None, ["grade"]),
        ({"grade": "E", "cause": "rep", "region": "3300"}, 100_000, ["cause"]),
        ({"grade": "E", "cause": "rep", "region": "3300"}, 99_999, ["grade"]),
        ({"grade": "E", "cause": "rep", "region": "3300"}, None, ["grade"]),
        ({"grade": "E", "cause": "rep", "region": "2102"}, 100_000, ["grade"]),
    ],
)
def test_an_alert_takes_the_deepest_route_that_fits(
    labels: dict[str, str], loss: int | None, expected: list[str]
) -> None:  # fmt: skip
    routes = parse_routing(GOOD).route.taken(labels, loss)
    assert [each.matchers[0].label if each.matchers else "" for each in routes] == expected


def test_routes_side_by_side_are_tried_on_only_where_one_says_so() -> None:
    twice = changed("    - match: {grade: C}\n", "    - match: {region: any}\n")
    labels = {"grade": "D", "region": "1"}
    assert len([*parse_routing(twice).route.taken(labels, None)]) == 1
    goes_on = twice.replace("      task: visit\n", "      task: visit\n      continue: true\n")
    assert len([*parse_routing(goes_on).route.taken(labels, None)]) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "routing.yaml:1: the file must be a mapping, got nothing"),
        ("- a", "routing.yaml:1: the file must be a mapping, got a list"),
        ("desk: [", "routing.yaml:1: the file must be YAML, got "),
        ("a: &x 1\nb: *x", "routing.yaml:2: aliases must not be used, got *x"),
        ("desk: risk\n", "routing.yaml:1: the file must have receivers, got none"),
        (changed("desk: risk", "desk: rep"), "routing.yaml:1: desk must be one of risk, got 'rep'"),
        (changed("grade: [D, E]", "grade: [D, F]"),
         "routing.yaml:9: route.routes[0].match.grade must be of A, B, C, D, E, or any, got 'F'"),
        (changed("{grade: C}", "{code: '29'}"), "routing.yaml:20: route.routes[1].match.code must be of 01, "),
        (changed("{grade: C}", "{shoe: C}"), "route.routes[1].match.shoe must be one of kind, merchant, "),
        (changed("group_wait: 5m", "group_wait: 5 minutes"),
         "routing.yaml:21: route.routes[1].group_wait must be a duration such as 30s, 5m, 24h or 3d, got '5 minutes'"),
        (changed("group_wait: 5m", "group_interval: 0s"), "must be a duration such as 30s, 5m, 24h or 3d, at least 1s"),
        (changed("group_wait: 5m", "task: visit"),
         "route.routes[1].task must stand where a rep is told, got a task for risk"),
        (changed("group_wait: 5m", "receiver: nobody"), "receiver must be one of risk, rep, got 'nobody'"),
        (changed("group_wait: 5m", "grup_wait: 5m"), "route.routes[1].grup_wait must be one of match, unless, "),
        (changed("group_wait: 5m", "urgent: maybe"), "urgent must be one of true, false, got 'maybe'"),
        (changed("{hours: 24}", "{hours: 24, working_days: 1}"), "must have hours or working_days, got both"),
        (changed("{hours: 24}", "{hours: 1.5}"), "due.hours must be a whole number of 1 to 2160, got '1.5'"),
        (changed('until: "08:00"', 'until: "8"'), "quiet.until must be a time of the day such as 21:00, got '8'"),
        (changed(', until: "08:00"', ""), "quiet must have from and until, or neither, got one of them"),
        (changed("[rep, merchant]", "[rep, rep]"), "route.group_by[1] must stand once, got 'rep' again"),
        (changed("[rep, merchant]", "[shop]"), "route.group_by must be of kind, "),
        (changed("{grade: C}", "{grade: [E, D]}"), ""),
        (changed("{grade: C}", "{grade: [D, E]}"), "route.routes must differ in what they match, got the same twice"),
        (changed("  receiver: risk\n  group", "  group"), "routing.yaml:6: route must have a receiver, got none"),
        (changed("  group_by: [rep, m", "  match: {grade: C}\n  group_by: [rep, m"),
         "route.match must stand in a route below the root, got it there"),
        (changed("channels: [wecom]", "channels: [WeCom]"), "must name channels: small letters, digits and _, "),
        (changed("channels: [wecom]", "channels: [wecom], addresses: {wecom: x}"),
         "addresses must stand with a desk: a person's are in master data, got it with rep"),
        (GOOD + "desk: risk\n", "desk must stand once, got it again"),
        ("x" * 300_000, "must have at most 262144 characters, got 300000"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_line_and_place(text: str, message: str) -> None:
    if not message:
        assert parse_routing(text)
        return
    with pytest.raises(RoutingError, match=re.escape(message)):
        parse_routing(text)


def test_the_file_that_is_shipped_can_be_read_and_goes_by_labels_there_are() -> None:
    found = read_routing()
    assert found.most_tasks == 5
    assert {each.label for route in found.every_route() for each in route.matchers} <= {*LABELS}
    assert SHIPPED.name == "default.yaml"


def test_a_route_is_the_same_wherever_it_stands() -> None:
    keys = {each.key for each in parse_routing(GOOD).every_route()}
    turned = changed("{grade: [D, E]}", "{grade: [D, E]}  # turned").replace("group_wait: 5m", "group_wait: 6m")
    assert {each.key for each in parse_routing(turned).every_route()} == keys


def test_a_file_that_is_no_text_is_refused(tmp_path: pytest.TempPathFactory) -> None:
    file = tmp_path / "r.yaml"  # type: ignore[operator]
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(RoutingError, match=r"r.yaml: the file must be UTF-8, got invalid start byte at byte 0"):
        read_routing(file)
