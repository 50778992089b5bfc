"""Topics for tests."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from streams.kafka.kafka_python_compat import admin_client
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence


class Topics(Protocol):
    """Makes topics that are deleted after the test; the arguments are those of `make_topic`."""

    def __call__(self, name: str, partitions: int = 1, **config: object) -> str: ...


def make_topic(bootstrap: str, name: str, partitions: int = 1, **config: object) -> str:
    """Make a topic, kept by every broker, and wait until each partition has a leader.

    Args:
        bootstrap: addresses of brokers, with commas between.
        name: what its name begins with.
        partitions: how many.
        config: its settings, with underscores for points: `max_message_bytes=2_000_000`.

    Returns:
        Its whole name, which no other topic has.
    """
    whole = f"{name}-{uuid4().hex[:12]}"
    configs = {key.replace("_", "."): str(value) for key, value in config.items()}
    with admin(bootstrap) as asked:
        asked.create_topics({whole: {"num_partitions": partitions, "configs": configs}}, wait_for_metadata=True)
    return whole


def delete_topics(bootstrap: str, names: Sequence[str]) -> None:
    """Delete topics, and wait until a broker does not tell of them any more: one of the same name can then be made."""
    if not names:
        return
    with admin(bootstrap) as asked:
        asked.delete_topics(names)
        wait_until(lambda: not {*names} & {*asked.list_topics()}, f"{names} are deleted", poll_s=0.02)


def delete_all_topics(bootstrap: str) -> None:
    """Delete every topic but Kafka's own."""
    with admin(bootstrap) as asked:
        names = [each for each in asked.list_topics() if not each.startswith("__")]
    delete_topics(bootstrap, names)


def admin(bootstrap: str) -> closing[Any]:
    """Administration of the cluster at these addresses, with commas between."""
    # A client for each call: one that lives on while its broker is killed leaves sockets open.
    return closing(admin_client(bootstrap_servers=bootstrap.split(",")))
