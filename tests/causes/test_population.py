from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from causes.population import EVERYONE, Days, Place, Population
from domain.readings import Profile
from domain.timestamps import iso
from tests.causes.world import FIRST, ZONE, ms, profile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date


def assigned(merchant_id: str, since: date, rep: str, until: date | None = None, **more: str) -> Profile:
    fields = {"effective_from": ms(since, 0.0), "rep_id": rep} | more
    fields |= {"until": ms(until, 0.0)} if until else {}
    return Profile(merchant_id=merchant_id, kind="assignment", effective_from=iso(ms(since, 0.0)), fields=fields)


def after(days: int) -> date:
    return FIRST + timedelta(days=days)


def population(*profiles: Profile) -> Population:
    made = Population(Days(ZONE))
    for each in profiles:
        made.learn(each)
    return made


def test_who_is_assigned_counts_before_the_master_data_and_only_until_then() -> None:
    made = population(
        profile("m", FIRST, rep_id="a", agent_id="x"), assigned("m", after(10), "b"),
        assigned("m", after(20), "c", until=after(30), agent_id="y"),
    )  # fmt: skip

    def whose(day: int) -> tuple[str, str]:
        place = made.place("m", after(day).toordinal())
        assert place is not None
        return place.rep, place.agent

    assert [whose(day) for day in (0, 9, 10, 20, 29, 30)] == [
        ("a", "x"), ("a", "x"), ("b", "x"), ("c", "y"), ("c", "y"), ("b", "x"),
    ]  # fmt: skip
    sizes = [[made.size(("rep", rep), after(day).toordinal()) for rep in "abc"] for day in (-1, 0, 10, 20, 30)]
    assert sizes == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]]


def test_a_closed_merchant_is_in_no_population() -> None:
    made = population(profile("m", FIRST), profile("n", FIRST), profile("m", after(5), status="closed"))
    assert [made.size(EVERYONE, after(day).toordinal()) for day in (0, 5)] == [2, 1]
    assert made.place("m", after(5).toordinal()) is None


def test_a_contract_or_the_same_version_again_changes_nothing() -> None:
    made = population(profile("m", FIRST, rep_id="a"))
    assert made.learn(profile("m", FIRST, rep_id="a")) is None
    assert made.size(("rep", "a"), FIRST.toordinal()) == 1
    contract = Profile(merchant_id="m", kind="contract", effective_from="", fields={"effective_from": ms(FIRST)})
    assert made.learn(contract) is None


def test_of_two_writers_of_one_version_the_later_counts() -> None:
    first = msgspec.structs.replace(profile("m", FIRST, rep_id="a"), epoch=1)
    second = msgspec.structs.replace(profile("m", FIRST, rep_id="b"), epoch=2)
    for order in ((first, second), (second, first)):
        assert population(*order).size(("rep", "b"), FIRST.toordinal()) == 1


_VERSIONS = st.lists(
    st.tuples(
        st.sampled_from("mno"), st.integers(0, 120), st.sampled_from(["active", "closed"]), st.sampled_from("ab"),
        st.lists(st.sampled_from(["5411", "5812"]), max_size=2, unique=True), st.integers(0, 120),
    ),
    max_size=10,
)  # fmt: skip


@given(versions=_VERSIONS, day=st.integers(-1, 250))
def test_a_keys_size_is_the_number_of_merchants_that_have_it(versions: Sequence[tuple], day: int) -> None:
    made = population(*(
        profile(name, after(since), status=status, agent_id=agent, mccs=mccs, opened_at=ms(after(opened), 0.0))
        for name, since, status, agent, mccs, opened in versions
    ))  # fmt: skip
    on = after(day).toordinal()
    there: list[Place] = [place for name in "mno" if (place := made.place(name, on)) is not None]
    assert made.size(EVERYONE, on) == len(there)
    for agent in "ab":
        assert made.size(("agent", agent), on) == sum(each.agent == agent for each in there)
        assert sorted(made.among(("agent", agent), on)) == sorted(each for each in there if each.agent == agent)
    for mcc in ("5411", "5812"):
        assert made.size(("registered", mcc), on) == sum(mcc in each.mccs for each in there)
        assert made.size(("trade", mcc), on) == sum(each.trade == mcc for each in there)
    for age in ("new", "old"):
        assert made.size(("age", age), on) == sum(each.age(on) == age for each in there)
