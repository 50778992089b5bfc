"""How a group's workers share partitions out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka import assignor

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMBERS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3), st.sets(st.integers(0, 12)), min_size=1, max_size=6
)


@given(st.integers(0, 12), MEMBERS)
def test_every_partition_has_one_member_and_none_has_two_more_than_another(
    partitions: int, held: Mapping[str, set[int]]
) -> None:
    shares = assignor.share_out(range(partitions), held)
    assert shares.keys() == held.keys()
    assert sorted(each for share in shares.values() for each in share) == list(range(partitions))
    assert max(map(len, shares.values())) - min(map(len, shares.values())) <= 1


@given(st.integers(0, 12), st.data())
def test_no_more_partitions_move_than_must(partitions: int, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.text("abcdefgh", min_size=1, max_size=3), min_size=1, max_size=6, unique=True))
    owner = data.draw(st.lists(st.sampled_from([*names, ""]), min_size=partitions, max_size=partitions))
    held = {name: {each for each in range(partitions) if owner[each] == name} for name in names}
    shares = assignor.share_out(range(partitions), held)
    least, more = divmod(partitions, len(names))
    # Each member can keep its even share; as many as there are odd partitions can keep one beyond it.
    most = sum(min(len(each), least) for each in held.values())
    most += min(more, sum(len(each) > least for each in held.values()))
    assert sum(len(held[name].intersection(shares[name])) for name in names) == most


@given(st.integers(0, 12), MEMBERS)
def test_the_order_in_which_members_are_given_changes_nothing(partitions: int, held: Mapping[str, set[int]]) -> None:
    turned = dict(reversed(held.items()))
    assert assignor.share_out(range(partitions), held) == assignor.share_out(range(partitions), turned)
