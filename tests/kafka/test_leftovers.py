from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from tests.kafka.certificates import Certificates
from tests.kafka.ports import HOST
from tests.parts import require

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    require(certificates.make)
    return certificates


class Peer:
    """Accepts one connection at a time, in TLS, and never answers it."""

    def __init__(self, certificates: Certificates, *, wants_certificate: bool) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.server)
        if wants_certificate:
            self._context.load_verify_locations(certificates.authority)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._listening = socket.create_server((HOST, 0))
        self.port: int = self._listening.getsockname()[1]
        self._accepted: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        for each in self._accepted:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:  # closed
                return
            try:
                self._accepted.append(self._context.wrap_socket(plain, server_side=True))
            except OSError:  # the client's certificate was refused, or the client went away
                plain.close()


@pytest.fixture(params=["any client", "clients with a certificate"])
def peer(certificates: Certificates, request: pytest.FixtureRequest) -> Iterator[Peer]:
    peer = Peer(certificates, wants_certificate=request.param != "any client")
    yield peer
    peer.close()


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """What is raised where nobody can catch it, as by the collector."""
    caught: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda it: caught.append(it.exc_value))
    return caught


async def start_and_stop(**settings: Any) -> None:
    producer = AIOKafkaProducer(security_protocol="SSL", request_timeout_ms=300, **settings)
    try:
        await producer.start()
    finally:
        await producer.stop()


def fail_to_connect(port: int, context: ssl.SSLContext) -> None:
    """Nothing of the failure outlives the call, or it would keep the connection from the collector."""
    with pytest.raises(KafkaConnectionError):
        asyncio.run(start_and_stop(bootstrap_servers=f"{HOST}:{port}", ssl_context=context))


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "not trusted"])
def test_a_client_that_cannot_connect_over_tls_leaves_nothing_to_the_collector(
    peer: Peer, certificates: Certificates, trusted: bool, unraisable: list[BaseException | None],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    fail_to_connect(peer.port, ssl.create_default_context(cafile=str(certificates.authority) if trusted else None))
    caplog.clear()  # of errors whose frames hold the connection
    gc.collect()
    assert unraisable == []


@pytest.mark.parametrize("after_turns", [1, 2, 3, 5, 10, 20, 50])
def test_nor_does_one_that_is_stopped_on_its_way(
    peer: Peer, certificates: Certificates, after_turns: int, unraisable: list[BaseException | None]
) -> None:
    context = ssl.create_default_context(cafile=str(certificates.authority))

    async def stopped_at_once() -> None:
        starting = asyncio.create_task(start_and_stop(bootstrap_servers=f"{HOST}:{peer.port}", ssl_context=context))
        for _ in range(after_turns):
            await asyncio.sleep(0.001)
        starting.cancel()
        await asyncio.wait([starting])
        assert starting.cancelled() or isinstance(starting.exception(), KafkaConnectionError)

    asyncio.run(stopped_at_once())
    gc.collect()
    assert unraisable == []


LEAKING = """
import asyncio
import logging

async def leave_open(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        raise ValueError
    except ValueError as error:
        logging.error("its frame holds the connection: %s", error)

def test_leaves_a_connection_open():
    asyncio.run(leave_open({port}))

def test_does_nothing():
    pass
"""


def test_a_connection_that_our_code_leaves_open_fails_its_own_test_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.leftovers import *\n")
    with socket.create_server((HOST, 0)) as listening:
        (tmp_path / "test_leaking.py").write_text(LEAKING.format(port=listening.getsockname()[1]))
        command = [sys.executable, "-m", "pytest", "-v", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]
        ran = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "ERROR" in next(line for line in ran.stdout.splitlines() if "::test_leaves_a_connection_open ERROR" in line)
    assert "ResourceWarning" in ran.stdout
    assert "2 passed, 1 error" in ran.stdout
