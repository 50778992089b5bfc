"""Versions of controls come into force by two people, once, and by none where the log has moved on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from casework import proposals
from casework.errors import NotAllowed, NotFound, Refused
from casework.people import Actor
from casework.proposals import Wanted
from engine.control_kinds.registry import KINDS
from streams.controls import ControlsReader
from streams.controls import publish as publish_version
from tests.casework.world import NOW_MS, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from casework.store import Store
    from domain.controls import Control
    from streams.sqlite.log import SqliteLog

LI, WANG = Actor("li", frozenset({"rule_editor"})), Actor("wang", frozenset({"lead"}))
BODY = b'{"mcc_jump":{"quiet_gap_s":7200}}'
SOON = Wanted("engine", b'{"late_s":3600,"country":"CN"}', after_ms=600_000)


def zero(kind: str) -> bytes:
    return KINDS[kind].default({})


def versions(log: SqliteLog, kind: str = "engine") -> list[Control]:
    reader = ControlsReader(log)
    reader.read_all()
    return [each.control for each in reader.of(kind)]


def status(store: Store) -> list[str]:
    return [each.status for each in proposals.listed(store)]


def test_one_proposes_and_another_publishes(store: Store, log: SqliteLog) -> None:
    number = proposals.propose(store, LI, log, SOON, "feeds are in time now", NOW_MS)
    assert versions(log) == []
    with pytest.raises(Refused, match="must be published by another than li"):
        proposals.publish(store, LI, log, number, zero, NOW_MS)
    assert proposals.publish(store, WANG, log, number, zero, NOW_MS) == 1
    first, second = versions(log)
    assert (first.version, second.version) == (0, 1)
    assert bytes(second.body) == SOON.body
    assert second.effective_from == NOW_MS + 600_000
    assert second.published_by == "li + wang"
    assert status(store) == ["published"]
    assert [each[0] for each in rows(store, "audit", "kind")] == ["propose_control", "publish_control"]


def test_a_proposal_is_published_once(store: Store, log: SqliteLog) -> None:
    number = proposals.propose(store, LI, log, SOON, "why", NOW_MS)
    proposals.publish(store, WANG, log, number, zero, NOW_MS)
    with pytest.raises(Refused, match="must wait for an answer, it is published"):
        proposals.publish(store, WANG, log, number, zero, NOW_MS)
    assert len(versions(log)) == 2


def test_one_that_is_in_the_log_already_is_not_published_again(store: Store, log: SqliteLog) -> None:
    number = proposals.propose(store, LI, log, SOON, "why", NOW_MS)
    made = publish_version(log, "engine", SOON.body, effective_ms=NOW_MS + 1_000, by="li + wang", zero=zero("engine"))
    assert proposals.publish(store, WANG, log, number, zero, NOW_MS) == made[-1].version
    assert len(versions(log)) == 2


def test_one_that_another_version_has_overtaken_is_refused(store: Store, log: SqliteLog) -> None:
    number = proposals.propose(store, LI, log, SOON, "why", NOW_MS)
    publish_version(log, "engine", b'{"late_s":60,"country":"CN"}', effective_ms=NOW_MS, by="zhao", zero=zero("engine"))
    with pytest.raises(Refused, match="must follow version -1 of engine, and 1 was published since"):
        proposals.publish(store, WANG, log, number, zero, NOW_MS)
    assert status(store) == ["open"]


def test_a_version_is_withdrawn_by_two_before_it_takes_effect(store: Store, log: SqliteLog) -> None:
    number = proposals.propose(store, LI, log, SOON, "why", NOW_MS)
    proposals.publish(store, WANG, log, number, zero, NOW_MS)
    with pytest.raises(Refused, match=r"those that take effect later \(1\), got 7"):
        proposals.propose(store, WANG, log, Wanted("engine", withdraws=7), "a slip", NOW_MS)
    number = proposals.propose(store, WANG, log, Wanted("engine", withdraws=1), "a slip", NOW_MS)
    assert proposals.publish(store, LI, log, number, zero, NOW_MS) == 2
    assert versions(log)[-1].withdraws == 1


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted("detectors", b'{"nothing":{}}', after_ms=1), "detectors must be among"),
        (Wanted("detectors", b"[", after_ms=1), "detectors must be tables of numbers"),
        (Wanted("weather", b"{}", after_ms=1), "kind must be one of"),
        (Wanted("detectors", b"{}"), "exactly one must be given"),
        (Wanted("detectors", b"{}", effective_ms=1, after_ms=1), "exactly one must be given"),
        (Wanted("detectors", b"{}", after_ms=401 * 86_400_000), "after_ms must be 1 to"),
    ],
)
def test_what_cannot_be_published_cannot_be_proposed(
    wanted: Wanted, message: str, store: Store, log: SqliteLog
) -> None:
    with pytest.raises(Refused, match=message):
        proposals.propose(store, LI, log, wanted, "why", NOW_MS)
    assert status(store) == []


def test_a_time_far_ahead_is_a_slip(store: Store, log: SqliteLog) -> None:
    far = SOON._replace(after_ms=None, effective_ms=NOW_MS + 401 * 86_400_000)
    number = proposals.propose(store, LI, log, far, "why", NOW_MS)
    with pytest.raises(Refused, match="must take effect by"):
        proposals.publish(store, WANG, log, number, zero, NOW_MS)


@pytest.mark.parametrize("role", ["viewer", "analyst", "aml", "admin", "rep"])
def test_nobody_else_proposes_publishes_or_answers(role: str, store: Store, log: SqliteLog) -> None:
    number, other = proposals.propose(store, LI, log, SOON, "why", NOW_MS), Actor("zhao", frozenset({role}))
    for what in (
        lambda: proposals.propose(store, other, log, SOON, "why", NOW_MS),
        lambda: proposals.publish(store, other, log, number, zero, NOW_MS),
        lambda: proposals.close(store, other, number, "no", NOW_MS),
    ):
        refuses(what)
    assert status(store) == ["open"]


def refuses(what: Callable[[], object]) -> None:
    with pytest.raises(NotAllowed):
        what()


def test_one_is_declined_by_another_and_taken_back_by_oneself(store: Store, log: SqliteLog) -> None:
    for who, said in ((WANG, "declined"), (LI, "taken_back")):
        number = proposals.propose(store, LI, log, SOON, "why", NOW_MS)
        proposals.close(store, who, number, "not now", NOW_MS)
        assert status(store)[0] == said
        with pytest.raises(Refused, match=f"it is {said}"):
            proposals.publish(store, WANG, log, number, zero, NOW_MS)
    with pytest.raises(NotFound):
        proposals.close(store, WANG, 99, "no", NOW_MS)


def test_bodies_are_kept_as_they_were_given(store: Store, log: SqliteLog) -> None:
    body = msgspec.json.encode({"mcc_jump": {"quiet_gap_s": 7_200}})
    proposals.propose(store, LI, log, Wanted("detectors", body, after_ms=1), "why", NOW_MS)
    assert proposals.listed(store, kind="detectors", only_open=True)[0].body == body.decode()
