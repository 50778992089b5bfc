from __future__ import annotations

import socket
import socketserver
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.kafka.ports import HOST
from tests.kafka.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        connection: socket.socket = self.request
        try:
            while got := connection.recv(1 << 16):
                connection.sendall(got)
        except ConnectionResetError:
            return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets."""
    with _Server((HOST, 0), _Echo) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield int(server.server_address[1])
        server.shutdown()
        serving.join()


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(echo) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connect(proxy) as client:
        yield client


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=10)


def echoed(client: socket.socket, sent: bytes) -> bytes:
    """What comes back of what is sent, and all of it."""
    sending = threading.Thread(target=client.sendall, args=(sent,))
    sending.start()
    got = b""
    while len(got) < len(sent):
        more = client.recv(1 << 16)
        assert more, f"{len(sent)} bytes should come back, {len(got)} did"
        got += more
    sending.join()
    return got


def took_s(client: socket.socket, sent: bytes) -> float:
    before = time.monotonic()
    assert echoed(client, sent) == sent
    return time.monotonic() - before


def test_what_is_sent_arrives_and_so_does_the_answer(client: socket.socket) -> None:
    sent = bytes(range(256)) * 8192
    assert echoed(client, sent) == sent


def test_latency_counts_in_both_directions(proxy: Proxy, client: socket.socket) -> None:
    proxy.slow(0.1)
    assert 0.2 <= took_s(client, b"?") < 2.0


def test_latency_does_not_make_the_way_narrow(proxy: Proxy, client: socket.socket) -> None:
    proxy.slow(0.1)
    assert took_s(client, bytes(2 << 20)) < 5.0  # 128 chunks; 25 s if one had to wait for the other


def test_jitter_keeps_the_order(proxy: Proxy, client: socket.socket) -> None:
    proxy.slow(0.0, jitter_s=0.02)
    sent = b"".join(number.to_bytes(4, "big") for number in range(100_000))
    assert echoed(client, sent) == sent


def test_a_narrow_way_takes_its_time(proxy: Proxy, client: socket.socket) -> None:
    proxy.narrow(1 << 20)
    assert took_s(client, bytes(400 << 10)) >= 0.35


def test_a_cut_resets_what_is_connected_and_lets_new_connections_in(proxy: Proxy, client: socket.socket) -> None:
    echoed(client, b"?")
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with connect(proxy) as another:
        assert echoed(another, b"!") == b"!"


def test_refusing_lasts_until_it_is_healed(proxy: Proxy, client: socket.socket) -> None:
    echoed(client, b"?")
    proxy.refuse()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.heal()
    with connect(proxy) as another:
        assert echoed(another, b"!") == b"!"


def test_a_black_hole_accepts_and_answers_once_it_is_healed(proxy: Proxy, client: socket.socket) -> None:
    proxy.mute()
    with connect(proxy) as another:
        for each in (client, another):
            each.settimeout(0.1)
            each.sendall(b"?")
            with pytest.raises(TimeoutError):
                each.recv(1)
        proxy.heal()
        for each in (client, another):
            each.settimeout(10)
            assert each.recv(1) == b"?"


def test_a_target_that_is_gone_is_a_connection_that_breaks(proxy: Proxy) -> None:
    proxy.target = None
    with pytest.raises(ConnectionResetError), connect(proxy) as client:
        client.recv(1)


def test_an_end_is_passed_on_with_all_that_came_before(proxy: Proxy) -> None:
    with socket.create_server((HOST, 0)) as target:
        proxy.target = target.getsockname()[1]
        proxy.slow(0.05)
        with connect(proxy) as client:
            accepted, _ = target.accept()
            with accepted:
                accepted.sendall(bytes(100_000))
            got = b""
            while more := client.recv(1 << 16):
                got += more
    assert len(got) == 100_000
