"""A TCP proxy on the loopback that makes the network bad: slow, narrow, cut, closed or mute."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from tests.kafka.ports import HOST, free_ports

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Coroutine

_CHUNK_BYTES = 16 << 10
_CHUNKS_ON_THE_WAY = 256  # in each direction; 4 MB, then the sender waits, as with TCP
_OBEYS_WITHIN_S = 10.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Passes what comes in at `port` to `target`, and back; it works in a thread of its own, so from asyncio, too.

    What is held back by a fault is passed when it is healed, as TCP does by sending it again.
    """

    def __init__(self, target: int | None = None, *, seed: int = 0) -> None:
        """Choose a port; the with statement opens it.

        Args:
            target: the port it passes to; None if that is said later, with connections refused until then.
            seed: of the jitter.
        """
        self.target = target
        (self.port,) = free_ports(1)
        self._random = random.Random(seed)
        self._latency_s = self._jitter_s = 0.0
        self._bytes_per_s = 0.0
        self._server: asyncio.Server | None = None
        self._passing = asyncio.Event()
        self._links: dict[asyncio.Task[None], list[StreamWriter]] = {}
        self._faults: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: self._faults.append(str(context)))
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy {self.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.heal()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def slow(self, latency_s: float, jitter_s: float = 0.0) -> None:
        """Pass what comes from now on, in either direction, so much later and up to `jitter_s` more; order stays."""
        self._latency_s, self._jitter_s = latency_s, jitter_s

    def narrow(self, bytes_per_s: float) -> None:
        """Pass at most so much a second, for each connection and direction."""
        self._bytes_per_s = bytes_per_s

    def cut(self) -> None:
        """Reset all connections; new ones may come."""
        self._do(self._checkpoint())

    def refuse(self) -> None:
        """Reset all connections and refuse new ones, until healed."""
        self._do(self._refuse())

    def mute(self) -> None:
        """Be a black hole until healed: connections stay and new ones are accepted, but nothing is passed."""
        self._do(self._mute())

    def heal(self) -> None:
        """End every fault: pass what is held, and what comes, at once; accept connections."""
        self.slow(0.0)
        self.narrow(0.0)
        self._do(self._heal())

    def close(self) -> None:
        """Reset all connections and end; raises AssertionError if something went wrong that no fault explains."""
        self._do(self._refuse())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_OBEYS_WITHIN_S)
        self._loop.close()
        assert not self._faults, f"the proxy should have had no errors, had {self._faults}"

    def _do(self, work: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_OBEYS_WITHIN_S)

    async def _checkpoint(self) -> None:
        links = list(self._links)
        for link in links:
            for writer in self._links[link]:
                _reset(writer)
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)  # `_forget` looks at them

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._checkpoint()

    async def _mute(self) -> None:
        self._passing.clear()

    async def _heal(self) -> None:
        self._passing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, HOST, self.port)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        link = self._loop.create_task(self._carry(reader, writer))
        self._links[link] = [writer]
        link.add_done_callback(self._forget)

    def _forget(self, link: asyncio.Task[None]) -> None:
        del self._links[link]
        if not link.cancelled() and (error := link.exception()) is not None:
            self._faults.append(repr(error))

    async def _carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection: until one side has closed it and all that side sent is passed."""
        writers = [writer]
        try:
            if self.target is None:
                raise ConnectionRefusedError
            target_reader, target_writer = await asyncio.open_connection(HOST, self.target)
            writers.append(target_writer)
            self._links[_this_task()] = writers
            async with asyncio.TaskGroup() as both:
                there = both.create_task(self._pass(reader, target_writer))
                back = both.create_task(self._pass(target_reader, writer))
                await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
                there.cancel()
                back.cancel()
        except OSError:  # the target refuses
            _reset(writer)
        finally:
            for each in writers:
                each.close()

    async def _pass(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One direction of a connection; an end or a reset of either side ends it."""
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS_ON_THE_WAY)
        with suppress(ConnectionError):
            taking = asyncio.ensure_future(self._take(reader, on_the_way))
            try:
                await self._give(on_the_way, writer)
            finally:
                taking.cancel()

    async def _take(self, reader: StreamReader, on_the_way: asyncio.Queue[tuple[float, bytes]]) -> None:
        due, chunk = 0.0, b"?"
        while chunk:
            try:
                chunk = await reader.read(_CHUNK_BYTES)
            except ConnectionError:
                chunk = b""
            due = max(due, self._loop.time() + self._latency_s + self._random.uniform(0.0, self._jitter_s))
            await on_the_way.put((due, chunk))

    async def _give(self, on_the_way: asyncio.Queue[tuple[float, bytes]], writer: StreamWriter) -> None:
        while True:
            due, chunk = await on_the_way.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._passing.wait()
            if not chunk:
                return
            writer.write(chunk)
            await writer.drain()
            if self._bytes_per_s:
                await asyncio.sleep(len(chunk) / self._bytes_per_s)


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None
    return task


def _reset(writer: StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
