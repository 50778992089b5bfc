"""What a test leaves open: closed where a client library left it, noticed in that test where our code did.

The garbage collector warns of an open connection in whatever test runs when it comes by, and a warning is an error.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sqlite3
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, ref

import pytest
from aiokafka.conn import AIOKafkaProtocol
from kafka.net import KafkaNetSocket  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_freeze = gc.freeze
_opened: list[Callable[[], bool]] = []
"""Of each socket and each connection to SQLite that the test opened: whether the collector may warn of it."""


@pytest.fixture(autouse=True)
def a_leak_fails_the_test_that_made_it(
    client_libraries_close_what_they_leave_open: None, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Collect the garbage after a test that left a connection open, and not in a test that comes later."""
    _opened.clear()
    yield
    if any(may_be_warned_of() for may_be_warned_of in _opened):
        for when in ("setup", "call"):  # the frames of errors that were logged would keep connections
            caplog.get_records(when).clear()
        gc.collect()


@pytest.fixture(scope="module", autouse=True)
def what_outlives_a_file_is_not_looked_through_again(
    client_libraries_close_what_they_leave_open: None,
) -> Iterator[None]:
    """Leave out of later collections what is still in use when a file's tests are over, such as compiled code.

    After some thousand tests a collection took up to ten seconds, for each test that had opened a connection. What the
    file left to nobody is collected first, or it would stay for ever; no file answers for what is not noted.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
    _freeze()


@pytest.fixture(scope="session")
def client_libraries_close_what_they_leave_open() -> Iterator[None]:
    """Close the connections that aiokafka and kafka-python open and never close."""
    gc.collect()
    gc.freeze()  # modules and collected tests, which take longer to look through than all that a test makes
    gc.set_threshold(50_000, 20, 100)  # by its own measure Python would spend a tenth of the tests' time on it
    with pytest.MonkeyPatch.context() as patch:
        # A worker has a process to itself elsewhere. Here its end would have each collection after it look through all
        # of them, for half a second, and what it froze would never be collected.
        for name in ("freeze", "unfreeze"):
            patch.setattr(gc, name, lambda: None)
        _close_failed_connections_of_kafka_python(patch)
        _abort_connections_of_aiokafka_with_their_loop(patch)
        patch.setattr(socket.socket, "__init__", _noting(socket.socket.__init__))
        patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=_Connection))
        yield


def _close_failed_connections_of_kafka_python(patch: pytest.MonkeyPatch) -> None:
    """Close its socket where a connection fails, or is given up on its way."""
    connect = KafkaNetSocket.sock_connect

    async def closing(self: Any, net: Any, sock: socket.socket, *args: Any, **kwargs: Any) -> socket.socket:
        try:
            connected: socket.socket = await connect(self, net, sock, *args, **kwargs)
        except BaseException:
            sock.close()
            raise
        return connected

    patch.setattr(KafkaNetSocket, "sock_connect", closing)


def _abort_connections_of_aiokafka_with_their_loop(patch: pytest.MonkeyPatch) -> None:
    """Abort the connections of an event loop that are still open when the loop is closed.

    aiokafka does not wait for the end of a connection whose start failed, and TLS ends only when the peer answers.
    """
    connections: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakSet[asyncio.BaseTransport]] = WeakKeyDictionary()
    connection_made, close_loop = AIOKafkaProtocol.connection_made, asyncio.SelectorEventLoop.close

    def remember(self: Any, transport: asyncio.BaseTransport) -> None:
        connections.setdefault(asyncio.get_running_loop(), WeakSet()).add(transport)
        connection_made(self, transport)

    async def abort(left: list[Any]) -> None:
        for each in left:
            each.abort()
        await asyncio.sleep(0)  # the loop's next turn closes the sockets

    def close(loop: asyncio.SelectorEventLoop) -> None:
        left = [*connections.pop(loop, ())]
        if left and not loop.is_running():
            with ThreadPoolExecutor(1) as pool:  # this thread may be running a loop of its own
                pool.submit(loop.run_until_complete, abort(left)).result()
        close_loop(loop)

    patch.setattr(AIOKafkaProtocol, "connection_made", remember)
    patch.setattr(asyncio.SelectorEventLoop, "close", close)


class _Connection(sqlite3.Connection):
    """A connection to SQLite that is noted, and knows whether it was closed."""

    is_open = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        connection = ref(self)
        _opened.append(lambda: (it := connection()) is not None and it.is_open)

    def close(self) -> None:
        super().close()
        self.is_open = False


def _noting(init: Callable[..., None]) -> Callable[..., None]:
    """`socket.socket.__init__`, which notes the socket.

    Of a socket of the internet the collector may warn though it is closed: asyncio's transport around it need not be.
    """

    def noting(self: socket.socket, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            _opened.append(lambda: True)
        else:
            opened = ref(self)
            _opened.append(lambda: (it := opened()) is not None and it.fileno() >= 0)

    return noting
