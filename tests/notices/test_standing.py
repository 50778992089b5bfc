"""What stands, read again and again: as if it were read for the first time; and which looks are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casework import pauses
from casework.change import Change
from casework.people import SYSTEM
from casework.tasks.links import make_link
from notices.routing.reading import parse_routing
from notices.signals import Signal, Standing
from tests.casework.world import alert, score
from tests.notices.field import DAY_MS, LEAD, NOON_MS, TOLD, Field

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from sqlalchemy import Connection


ROUTING = """\
desk: risk
receivers: {risk: {to: desk, channels: [robot]}, rep: {to: rep, channels: [wecom]}}
route:
  receiver: risk
  group_wait: 0s
  routes:
    - match: {verdict: confirmed}
      receiver: rep
      group_wait: 0s
      routes: [{match: {grade: E}, receiver: rep, urgent: true, group_wait: 0s}]
"""


def steps(field: Field) -> list[Callable[[], object]]:
    """What may change what stands, one after the other."""
    return [
        lambda: field.alert("a"),
        lambda: field.alert("b", "m2"),
        lambda: field.file(score("m1", "C", 1)),
        lambda: field.confirm("a"),
        lambda: field.shop("m1", "rep-2"),
        lambda: field.assign("m2", "rep-3", NOON_MS + DAY_MS),
        lambda: setattr(field, "now_ms", NOON_MS + 2 * DAY_MS),
        lambda: field.file(alert("b", "m2", TOLD, revision=2, loss=70_000)),
        lambda: pauses.suppress(field.store, LEAD, TOLD, "m2", field.now_ms + DAY_MS, "known", field.now_ms),
        lambda: setattr(field, "now_ms", NOON_MS + 4 * DAY_MS),
        lambda: field.shop("m3", "rep-1"),
        lambda: field.confirm("b", "false_alarm"),
        lambda: setattr(field, "now_ms", NOON_MS + 40 * DAY_MS),
    ]


def read(field: Field, standing: Standing) -> list[Signal]:
    with field.store.reading() as connection:
        return standing.read(connection, field.now_ms)


def test_what_is_kept_from_look_to_look_is_as_if_it_were_read_for_the_first_time(field: Field) -> None:
    field.shop("m1")
    field.shop("m2")
    kept, seen = Standing(), list[list[Signal]]()
    for step in steps(field):
        step()
        seen.append(read(field, kept))
        assert seen[-1] == read(field, Standing())
    assert len({str(each) for each in seen}) == 8, "the steps change something"


def test_a_signal_that_is_as_it_was_is_the_same_object(field: Field) -> None:
    field.shop("m1")
    field.alert("a")
    kept = Standing()
    (first,), (second,) = read(field, kept), read(field, kept)
    assert first is second


def test_a_grade_is_put_together_where_the_routing_depends_on_it_alone(field: Field) -> None:
    for merchant_id in ("m1", "m2"):
        field.shop(merchant_id)
        field.alert(f"of-{merchant_id}", merchant_id)
        field.file(score(merchant_id, "C", 1))
    field.confirm("of-m1")
    route = parse_routing(ROUTING).route
    with field.store.reading() as connection:
        found = Standing().read(connection, field.now_ms, lambda labels: route.reads("grade", labels))
    assert {each.merchant_id: each.labels["grade"] for each in found} == {"m1": "C", "m2": ""}


def test_a_link_that_was_made_for_a_notice_makes_no_look_and_whatever_else_was_done_makes_one(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = list[int]()
    read_all = Standing.read

    def counted(self: Standing, connection: Connection, now_ms: int, *given: Any) -> list[Signal]:
        looks.append(now_ms)
        return read_all(self, connection, now_ms, *given)

    monkeypatch.setattr(Standing, "read", counted)
    field.shop("m1")
    field.alert("a")
    field.look()
    field.now_ms += 100
    with field.store.writing() as connection:
        make_link(Change(field.store, connection, SYSTEM, field.now_ms), "rep-1")
    field.look()
    assert looks == [NOON_MS]
    field.now_ms += 100
    field.confirm("a")
    field.look()
    assert looks == [NOON_MS, NOON_MS + 200]
