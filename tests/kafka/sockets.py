"""Sockets of kafka-python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from kafka.net import KafkaNetSocket  # type: ignore[import-untyped]

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="session")
def failed_connections_are_closed() -> Iterator[None]:
    """Close what kafka-python leaves to the collector where a connection fails, or is given up on its way.

    The collector warns of it in whatever test runs when it comes by.
    """
    connect = KafkaNetSocket.sock_connect

    async def closing(self: Any, net: Any, sock: socket.socket, *args: Any, **kwargs: Any) -> socket.socket:
        try:
            connected: socket.socket = await connect(self, net, sock, *args, **kwargs)
        except BaseException:
            sock.close()
            raise
        return connected

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KafkaNetSocket, "sock_connect", closing)
        yield
