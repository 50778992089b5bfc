"""What a broker of the tests is set to: quick to start, quick to notice, small."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOST = "127.0.0.1"
LISTENERS = {"CLIENT": "PLAINTEXT", "DIRECT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
"""The protocol of each. Brokers and administration use DIRECT: a proxy before CLIENT stands before clients only."""

_QUICK = {
    "auto.create.topics.enable": "false",
    "log.retention.ms": "-1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    # A broker that died is noticed, and segments are retained and compacted, within seconds instead of minutes.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "500",
    "log.cleaner.backoff.ms": "500",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),  # 128 MB of the heap by default
}


def replication(brokers: int) -> dict[str, str]:
    """How often each record is kept: by every one of `brokers`, and accepted once two have it if there are so many."""
    accepted = str(min(brokers, 2))
    return {
        "default.replication.factor": str(brokers),
        "min.insync.replicas": accepted,
        "offsets.topic.replication.factor": str(brokers),
        "transaction.state.log.replication.factor": str(brokers),
        "transaction.state.log.min.isr": accepted,
    }


def server_properties(
    node: int, data: Path, ports: Mapping[int, Mapping[str, int]], advertised_port: int, more: Mapping[str, str]
) -> str:
    """The server.properties of a node that is broker and controller.

    Args:
        node: its number.
        data: where its log is.
        ports: by node, then by listener.
        advertised_port: where clients of its CLIENT listener are sent: that listener's own port, or a proxy's.
        more: what is set beyond.
    """
    own = dict(ports[node])
    advertised = {name: port for name, port in (own | {"CLIENT": advertised_port}).items() if name != "CONTROLLER"}
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": ",".join(f"{each}@{HOST}:{named['CONTROLLER']}" for each, named in ports.items()),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "DIRECT",
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in LISTENERS.items()),
        "listeners": _addresses(own),
        "advertised.listeners": _addresses(advertised),
        "log.dirs": str(data),
        **_QUICK,
        **replication(len(ports)),
        **more,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())
