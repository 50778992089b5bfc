"""Never warn the culprit: every kind of finding that a rep may stand behind, by what a lead allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from casework.errors import NotAllowed, Refused
from casework.persons import Person
from casework.territory import Holder
from detectors.registry import DETECTORS
from notices.culprit_rules import listed, set_rule
from notices.culprits import (
    CROSS,
    DESK,
    KINDS,
    NAMES_SOMEBODY,
    OWN,
    OWN_REPS_DETECTORS,
    PLACED,
    another_rep,
    close_to,
    goes_to,
)
from tests.casework.world import cause
from tests.notices.field import LEAD, LI, MINUTE_MS, TOLD

if TYPE_CHECKING:
    from tests.notices.field import Field

FOUND = [
    ({"detector": each}, kind) for kind, of in KINDS.items() for each in sorted(of.detectors)
] + [({"code": each}, kind) for kind, of in KINDS.items() for each in sorted(of.codes)
] + [({"cause": each}, kind) for kind, of in KINDS.items() for each in sorted(of.causes)]  # fmt: skip
PEOPLE = {
    each.person_id: each
    for each in (
        Person("rep-1", "rep", region="2102", supervisor_id="sup", deputy_id="rep-2"),
        Person("rep-2", "rep", region="2102", supervisor_id="sup"),
        Person("rep-3", "rep", region="2102", supervisor_id="sup"),
        Person("rep-4", "rep", region="2102", supervisor_id="sup", deputy_id="rep-1"),
        Person("rep-5", "rep", region="3300", supervisor_id="sup"),
        Person("sup", "supervisor", region="2102"),
    )
}


@pytest.mark.parametrize(("labels", "kind"), FOUND, ids=str)
def test_every_kind_goes_to_the_desk_unless_a_lead_says_otherwise(labels: dict[str, str], kind: str) -> None:
    assert goes_to({}, labels) == DESK
    assert goes_to({kind: CROSS}, labels) == CROSS


def test_what_is_of_no_kind_goes_to_the_merchants_own_rep_and_of_several_the_strictest_counts() -> None:
    assert goes_to({}, {"detector": TOLD, "code": "12"}) == OWN
    both = {"detector": "fee_over", "cause": "agent"}
    assert goes_to({"fees": OWN}, both) == DESK
    assert goes_to({"fees": OWN, "cause_agent": CROSS}, both) == CROSS


def test_every_detector_is_placed_once_and_a_strange_one_is_told_to_the_desk_alone() -> None:
    assert {each.name for each in DETECTORS} == PLACED - {""}
    assert all(OWN_REPS_DETECTORS.isdisjoint(kind.detectors) for kind in KINDS.values())
    assert goes_to({}, {"detector": "not_placed_yet"}) == DESK


def test_another_rep_is_neither_named_nor_next_to_who_is_and_of_the_same_territory() -> None:
    assert close_to(PEOPLE, {"rep-1"}) == {"rep-1", "rep-2", "rep-4", "sup"}
    chosen = {another_rep(PEOPLE, f"m{k}", [Holder("rep-1", "A-17")], {}, 0) for k in range(50)}
    assert chosen == {"rep-3"}
    assert another_rep(PEOPLE, "m1", [Holder("rep-1", "A-17")], {"rep-3": ["A-17"]}, 0) == ""
    assert another_rep({}, "m1", [Holder("rep-1")], {}, 0) == ""


def test_checks_in_anothers_stead_are_spread_over_reps_and_stay_with_one() -> None:
    people = PEOPLE | {f"rep-{k}": Person(f"rep-{k}", "rep", region="2102") for k in range(10, 20)}
    named = [Holder("rep-1")]
    first = [another_rep(people, f"m{k}", named, {}, 0) for k in range(200)]
    assert first == [another_rep(people, f"m{k}", named, {}, 9) for k in range(200)]
    assert len({*first}) == 11


def team(field: Field) -> None:
    for each in PEOPLE.values():
        told = {"supervisor_id": each.supervisor_id, "deputy_id": each.deputy_id, "region": each.region}
        field.person(each.person_id, each.role, **{name: value for name, value in told.items() if value})
        field.shop(f"of-{each.person_id}", each.person_id, agent_id="")


def test_a_jump_that_was_confirmed_is_told_to_the_desk_and_to_another_rep_once_a_lead_says_so(field: Field) -> None:
    team(field)
    field.shop("m1", "rep-1")
    field.confirmed("a", detector="mcc_jump")
    assert field.told(MINUTE_MS) == [("risk", ["m1"])]
    set_rule(field.store, LEAD, "mcc_jump", CROSS, "cross inspection for a month", field.now_ms)
    (made,) = field.look(MINUTE_MS)
    assert (made.recipient.name, made.recipient.way) == ("rep-3", "cross")
    assert (made.body.supervisor_after_ms, made.body.desk_after_ms) == (None, 24 * 60 * MINUTE_MS)
    assert {each.recipient for each in field.rows("notices")} == {"risk", "rep-3"}
    assert [each.rep_id for each in field.rows("tasks")] == ["rep-3"]


@pytest.mark.parametrize("kind", ["rep", "agent"])
def test_of_a_cause_that_names_somebody_the_own_rep_hears_nothing(field: Field, kind: str) -> None:
    team(field)
    field.shop("m1", "rep-1")
    field.alert("a")
    field.file(cause("c", {"m1": ["a"]}, kind=kind, key="rep-1"))
    field.confirm("a")
    assert field.told(MINUTE_MS) == [("risk", ["m1"])]
    with pytest.raises(Refused, match="must go to desk or cross, for the finding names somebody, got 'own'"):
        set_rule(field.store, LEAD, f"cause_{kind}", OWN, "why not", field.now_ms)


def test_only_leads_set_where_kinds_go_and_only_to_what_there_is(field: Field) -> None:
    with pytest.raises(NotAllowed):
        set_rule(field.store, LI, "fees", OWN, "small", field.now_ms)
    with pytest.raises(Refused, match=r"kind must be one of mcc_jump, .*, got 'x'"):
        set_rule(field.store, LEAD, "x", OWN, "small", field.now_ms)
    with pytest.raises(Refused, match="must go to desk, cross, own, got 'all'"):
        set_rule(field.store, LEAD, "fees", "all", "small", field.now_ms)
    set_rule(field.store, LEAD, "fees", OWN, "a price list was printed wrongly", field.now_ms)
    found = {each.kind: each.goes_to for each in listed(field.store, LEAD)}
    assert found == dict.fromkeys(KINDS, DESK) | {"fees": OWN}
    assert {*KINDS} > NAMES_SOMEBODY
    assert field.rows("audit")[-1].kind == "set_culprit_rule"
