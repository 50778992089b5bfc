"""Silences: made by leads with a reason and an end, and losing nothing that comes later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casework.days import day_of
from casework.errors import NotAllowed, NotFound, Refused
from casework.working_days import WorkingDays
from notices.routing.labels import Matcher
from notices.silences import STALE_D, expire, listed_silences, make
from tests.notices.field import DAY_MS, HOUR_MS, LEAD, LI, MINUTE_MS, NOON_MS, Field
from tests.seeds import examples

if TYPE_CHECKING:
    from collections.abc import Iterable

OF_M1 = (Matcher("merchant", ("m1",)),)


def silence(field: Field, matchers: Iterable[Matcher] = OF_M1, hours: int = 1) -> int:
    until_ms = field.now_ms + hours * HOUR_MS
    return make(field.store, LEAD, matchers, "refurbishment", field.now_ms, until_ms, field.now_ms)


def test_what_is_silenced_is_told_once_the_silence_is_over(field: Field) -> None:
    for each in ("m1", "m2"):
        field.shop(each)
    silence(field)
    field.confirmed("a")
    field.confirmed("b", "m2")
    assert field.told(MINUTE_MS) == [("rep-1", ["m2"])]
    assert field.told(50 * MINUTE_MS) == []
    assert field.told(10 * MINUTE_MS) == [("rep-1", ["m1"])]


def test_a_silence_that_is_ended_early_keeps_nothing_quiet_any_more(field: Field) -> None:
    field.shop("m1")
    silence_id = silence(field)
    field.confirmed("a")
    assert field.told(MINUTE_MS) == []
    expire(field.store, LEAD, silence_id, field.now_ms)
    assert field.told(5 * MINUTE_MS) == [("rep-1", ["m1"])]
    with pytest.raises(NotFound, match=f"there is no silence {silence_id} in force"):
        expire(field.store, LEAD, silence_id, field.now_ms)
    (found,) = listed_silences(field.store, LEAD, field.now_ms)
    assert (found.expired_by, found.in_force(field.now_ms)) == ("wang", False)


def test_a_silence_in_the_night_loses_nothing_that_waits_for_the_morning(field: Field) -> None:
    field.shop("m1")
    field.now_ms = NOON_MS + 10 * HOUR_MS  # 22:00
    field.confirmed("a")
    assert field.told(MINUTE_MS) == []
    silence(field, hours=12)
    assert field.told(10 * HOUR_MS) == []  # past 08:00, and silenced
    assert field.told(3 * HOUR_MS) == [("rep-1", ["m1"])]


def test_a_silence_that_matches_nothing_is_shown_as_such_after_thirty_days(field: Field) -> None:
    field.shop("m1")
    silence(field, hours=24 * 60)
    silence(field, [Matcher("merchant", ("gone",))], hours=24 * 60)
    field.alert("a")
    for _ in range(STALE_D + 1):
        field.look(DAY_MS)
    found = listed_silences(field.store, LEAD, field.now_ms)
    assert [(each.matchers[0].values, each.is_stale(field.now_ms)) for each in found] == [
        (("gone",), True), (("m1",), False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("matchers", "message"),
    [
        ((), "a silence must have a matcher, got none"),
        ((Matcher("shoe", ("x",)),), "label must be one of kind, merchant"),
        ((Matcher("grade", ("F",)),), "grade must be of A, B, C, D, E, got 'F'"),
        ((Matcher("code", ("29",)),), "code must be of 01, "),
        ((Matcher("merchant", ()),), "merchant must have 1 to 50 values"),
        ((Matcher("merchant", ("m1",), is_not=True),), "must say what it matches, got only what it does not"),
    ],
)
def test_what_no_silence_can_match_is_refused(field: Field, matchers: tuple[Matcher, ...], message: str) -> None:
    with pytest.raises(Refused, match=message):
        silence(field, matchers)


def test_a_silence_wants_a_lead_a_reason_and_an_end(field: Field) -> None:
    with pytest.raises(NotAllowed):
        make(field.store, LI, OF_M1, "x", field.now_ms, field.now_ms + 1, field.now_ms)
    with pytest.raises(Refused, match="the reason of a silence must have 1 to 4000 characters, got 0"):
        make(field.store, LEAD, OF_M1, " ", field.now_ms, field.now_ms + 1, field.now_ms)
    for until_ms in (field.now_ms, field.now_ms + 91 * DAY_MS):
        with pytest.raises(Refused, match="until_ms must be after now"):
            make(field.store, LEAD, OF_M1, "x", field.now_ms, until_ms, field.now_ms)


@settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40), st.integers(1, 40)), max_size=4), st.data())
def test_whatever_is_silenced_when_every_confirmed_alert_is_told_in_the_end(
    field: Field, quiet: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    """In minutes: silences of a merchant from when for how long; alerts come in between."""
    prefix = f"x{field.now_ms}"
    field.now_ms += DAY_MS - field.now_ms % DAY_MS + 2 * HOUR_MS  # ten in the morning
    while not WorkingDays().works(day_of(field.now_ms, "Asia/Shanghai")):
        field.now_ms += DAY_MS
    began_ms, ids = field.now_ms, set[str]()
    for each, from_min, minutes in quiet:
        from_ms = began_ms + from_min * MINUTE_MS
        until_ms = from_ms + minutes * MINUTE_MS
        make(field.store, LEAD, [Matcher("merchant", (f"{prefix}{each}",))], "x", from_ms, until_ms, field.now_ms)
    for k, each in enumerate("abc"):
        field.shop(f"{prefix}{each}", f"rep-{k}")
        field.now_ms += data.draw(st.integers(0, 15)) * MINUTE_MS
        field.confirmed(f"{prefix}{each}", f"{prefix}{each}")
        ids.add(f"{prefix}{each}")
        field.look()
    told = set[str]()
    for _ in range(20):
        field.look(7 * MINUTE_MS)
    for row in field.rows("notice_entries"):
        told |= {each for each in ids if each in row.alert_ids}
    assert told == ids
