"""Which worker of a group gets which partitions: as many each, and whoever has one keeps it as far as that allows.

Each worker says, when it joins, which partitions' state it holds. One of them, which the group chooses, shares out.
"""

# pyright: reportIncompatibleMethodOverride=false, reportAssignmentType=false
# aiokafka declares the name as a property and has plain attributes in its own assignors.

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from streams.kafka.aiokafka_compat import (
    AbstractPartitionAssignor,
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from streams.kafka.aiokafka_compat import ClusterMetadata


def assignor_of(topic: str, held: Callable[[], Collection[int]]) -> type[AbstractPartitionAssignor]:
    """The assignor of one worker; aiokafka takes a class.

    Args:
        topic: whose partitions are shared out.
        held: which of them this worker holds, asked whenever it joins.
    """

    class Assignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
        name = "tillwatch"
        version = 0

        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), msgspec.json.encode(sorted(held())))

        @classmethod
        def assign(
            cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            claims = {name: msgspec.json.decode(each.user_data, type=list[int]) for name, each in members.items()}
            shares = share_out(cluster.partitions_for_topic(topic) or (), claims)
            return {
                name: ConsumerProtocolMemberAssignment(cls.version, [(topic, share)], b"")
                for name, share in shares.items()
            }

        @classmethod
        def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
            """The consumer's listener is told."""

    return Assignor


def share_out(partitions: Collection[int], held: Mapping[str, Collection[int]]) -> dict[str, list[int]]:
    """Give each member as many partitions as any other, or one more, and as many as can be of those that it holds.

    Args:
        partitions: all that there are.
        held: of each member, which it holds; those that are not there, or that another holds, too, may be among them.

    Returns:
        The partitions of each member, ascending; each partition has one member.

    >>> share_out(range(5), {"a": [0, 1, 2, 3, 4], "b": []})
    {'a': [0, 1, 2], 'b': [3, 4]}
    """
    free = set(partitions)
    least, more = divmod(len(free), len(held))
    claims: dict[str, list[int]] = {}
    for name in sorted(held):
        claims[name] = sorted(free.intersection(held[name]))
        free.difference_update(claims[name])
    order = sorted(claims, key=lambda name: -len(claims[name]))  # who holds most may keep one more
    room = {name: least + (k < more) for k, name in enumerate(order)}
    left = sorted(free.union(*(claims[name][room[name] :] for name in order)))
    shares = {}
    for name in claims:
        kept = claims[name][: room[name]]
        taken, left = left[: room[name] - len(kept)], left[room[name] - len(kept) :]
        shares[name] = sorted(kept + taken)
    return shares
