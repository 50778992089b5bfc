"""Ports of the loopback for brokers and proxies, which come back on the same one after they were gone."""

from __future__ import annotations

import random
import socket
from itertools import islice

HOST = "127.0.0.1"
_PORTS = range(20_000, 32_000)
"""Outside those that the system gives to clients: one that tries again and again to reach a broker that is gone would
be given the broker's own port, and be connected to itself."""


def free_ports(count: int) -> list[int]:
    """As many ports that no one listens on."""
    chosen = random.SystemRandom().sample(_PORTS, len(_PORTS))
    return list(islice(filter(_is_free, chosen), count))


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
    return True
