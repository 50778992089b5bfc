"""When a group is told: Alertmanager's waits as a table, and what must hold of any course of alerts."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notices.inhibition import Inhibition, Inhibitor
from notices.routing.labels import Matcher
from notices.timing import Group, Waits
from tests.seeds import examples

WAITS = Waits(30, 300, 4_000)
SECONDS = range(0, 20_000, 10)


def told(course: dict[int, set[str]], quiet: dict[int, set[str]] | None = None, waits: Waits = WAITS) -> list[
    tuple[int, str]
]:  # fmt: skip
    """When which alerts are told, looked at each 10; `course` and `quiet` say from when on what stands and is quiet."""
    group, found, since = Group(), list[tuple[int, str]](), dict[str, int]()
    stands, silent = set[str](), set[str]()
    for now in SECONDS:
        stands, silent = course.get(now, stands), (quiet or {}).get(now, silent)
        since = {each: since.get(each, now) for each in stands}
        if stands:
            group = group.seen(waits, min(since.values()), now)
        if group.next_ms is not None and group.next_ms <= now:
            group, is_told = group.looked_at(waits, stands, stands - silent, now)
            found += [(now, "".join(sorted(stands - silent)))] if is_told else []
    return found


@pytest.mark.parametrize(
    ("course", "quiet", "expected"),
    [
        ({0: {"a"}}, {}, [(30, "a"), (4_230, "a"), (8_430, "a"), (12_630, "a"), (16_830, "a")]),
        ({0: {"a"}, 20: {"a", "b"}, 4_000: set()}, {}, [(30, "ab")]),
        ({0: {"a"}, 40: {"a", "b"}, 4_000: set()}, {}, [(30, "a"), (330, "ab")]),
        ({0: {"a"}, 20: set()}, {}, []),
        ({0: {"a", "b"}, 40: {"a"}, 4_000: set()}, {}, [(30, "ab")]),
        ({0: {"a"}, 40: set(), 400: {"a"}, 4_000: set()}, {}, [(30, "a"), (430, "a")]),
        ({0: {"a"}, 40: set(), 100: {"a"}, 4_000: set()}, {}, [(30, "a")]),
        ({0: {"a"}, 4_000: set()}, {0: {"a"}, 700: set()}, [(930, "a")]),
        ({0: {"a"}, 40: {"a", "b"}, 4_000: set()}, {20: {"a"}}, [(330, "b")]),
        ({0: {"a"}, 4_000: set()}, {40: {"a"}, 700: set()}, [(30, "a")]),
    ],
    ids=[
        "told after the wait, and again after the repeat interval, at the next look",
        "what comes within the wait is told with it", "what comes later is told at the next look",
        "what ceases within the wait is not told", "what ceases is no reason to tell the rest again",
        "what ceased and came back is told again", "what comes back before the next look is not told again",
        "what a silence held back is told after it", "what is silenced is left out of what is told",
        "what was told before a silence is not told again after it",
    ],
)  # fmt: skip
def test_a_group_is_told_as_alertmanager_tells_it(
    course: dict[int, set[str]], quiet: dict[int, set[str]], expected: list[tuple[int, str]]
) -> None:
    assert told(course, quiet) == expected


def test_what_has_stood_longer_than_the_wait_waits_no_more() -> None:
    assert Group().seen(WAITS, 0, 1_000).next_ms == 1_000
    assert Group().seen(WAITS, 980, 1_000).next_ms == 1_030


SETS = st.sets(st.sampled_from("abc"))
COURSES = st.dictionaries(st.sampled_from(range(0, 10_000, 50)), SETS, max_size=12)


@settings(max_examples=examples(200))
@given(COURSES, COURSES)
def test_whatever_stands_and_is_not_quiet_long_enough_is_told(
    course: dict[int, set[str]], quiet: dict[int, set[str]]
) -> None:
    """Nobody is missed, and a silence never loses a later alert: two looks in a row that it is loud at tell it."""
    found = told(course, quiet)
    for alert in "abc":
        loud_since = None
        stands, silent = set[str](), set[str]()
        for now in SECONDS:
            stands, silent = course.get(now, stands), quiet.get(now, silent)
            if alert not in stands - silent:
                loud_since = None
                continue
            loud_since = now if loud_since is None else loud_since
            if now - loud_since > WAITS.group_wait_ms + WAITS.group_interval_ms + 10:
                before = [at for at, ids in found if alert in ids and at <= now]
                assert before, (alert, now)


@settings(max_examples=examples(200))
@given(COURSES)
def test_a_group_is_told_at_most_each_interval(course: dict[int, set[str]]) -> None:
    times = [at for at, _ in told(course)]
    gone = [at for at, ids in sorted(course.items()) if not ids]
    for first, second in pairwise(times):
        emptied = any(first < at <= second for at in gone)
        assert second - first >= (WAITS.group_wait_ms if emptied else WAITS.group_interval_ms)


@settings(max_examples=examples(200))
@given(COURSES, COURSES)
def test_nothing_is_told_that_does_not_stand_or_is_quiet(
    course: dict[int, set[str]], quiet: dict[int, set[str]]
) -> None:
    for at, ids in told(course, quiet):
        stands, silent = set[str](), set[str]()
        for now in range(0, at + 10, 10):
            stands, silent = course.get(now, stands), quiet.get(now, silent)
        assert {*ids} == stands - silent


RULE = Inhibition((Matcher("kind", ("visit",)),), (Matcher("kind", ("alert",)),), ("merchant",))
TWO_SIDED = Inhibition((Matcher("detector", ("mcc_jump",)),), (Matcher("kind", ("alert",)),), ("merchant",))
VISIT = {"kind": "visit", "merchant": "m1"}
JUMP, RISE = ({"kind": "alert", "merchant": "m1", "detector": each} for each in ("mcc_jump", "volume_rise"))


@pytest.mark.parametrize(
    ("rule", "standing", "labels", "is_quiet"),
    [
        (RULE, [VISIT, RISE], RISE, True),
        (RULE, [VISIT, RISE], RISE | {"merchant": "m2"}, False),
        (RULE, [RISE, JUMP], RISE, False),
        (TWO_SIDED, [JUMP, RISE], RISE, True),
        (TWO_SIDED, [JUMP, RISE], JUMP, False),
        (TWO_SIDED, [JUMP, JUMP], JUMP, False),
    ],
    ids=["under visit", "another merchant", "no visit", "by another alert", "not by itself", "not by its like"],
)
def test_inhibition(
    rule: Inhibition, standing: list[dict[str, str]], labels: dict[str, str], is_quiet: bool
) -> None:  # fmt: skip
    assert Inhibitor([rule], standing).is_quiet(labels) == is_quiet
