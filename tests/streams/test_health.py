"""Where a worker answers, and whom."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest

from streams.endpoint import Endpoint, read_token
from streams.health import Health
from streams.metrics import Metrics
from streams.watchdog import Watchdog
from tests.kafka.ports import HOST, free_ports

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "0123456789abcdef"


def ask(endpoint: Endpoint, *requests: tuple[str, dict[str, str]]) -> list[tuple[int, str]]:
    """What a worker at an endpoint answers to requests, each a path and headers."""

    async def asking() -> list[tuple[int, str]]:
        watchdog, answers = Watchdog(), []
        health = Health(endpoint, watchdog, Metrics("1.2"))
        try:
            await health.start()
            async with aiohttp.ClientSession() as session:
                for path, headers in requests:
                    async with session.get(f"http://{HOST}:{endpoint.port}{path}", headers=headers) as answer:
                        answers.append((answer.status, await answer.text()))
        finally:
            await health.stop()
            watchdog.stop()
        return answers

    return asyncio.run(asking())


def test_metrics_liveness_and_readiness_are_served() -> None:
    endpoint = Endpoint(*free_ports(1))
    live, ready, metrics, other = ask(endpoint, ("/live", {}), ("/ready", {}), ("/metrics", {}), ("/", {}))
    assert live == (200, "ok\n")
    assert ready == (503, "no partition was assigned yet\n")
    assert metrics[0] == 200
    assert re.search(r'^tillwatch_build_info\{python="3[\d.]+",version="1\.2"\} 1\.0$', metrics[1], re.MULTILINE)
    assert other[0] == 404


def test_without_the_token_nothing_is_answered() -> None:
    endpoint = Endpoint(*free_ports(1), token=TOKEN)
    paths = ("/live", "/ready", "/metrics", "/")
    wrong: list[dict[str, str]] = [
        {}, {"Authorization": TOKEN}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": "Bearer "},
        {"Authorization": f"Basic {TOKEN}"},
    ]  # fmt: skip
    answers = ask(endpoint, *((path, headers) for path in paths for headers in wrong))
    assert {status for status, _ in answers} == {401}
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert [status for status, _ in ask(endpoint, ("/live", right), ("/metrics", right))] == [200, 200]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3"])
def test_an_address_that_others_reach_is_refused_without_a_token(host: str) -> None:
    with pytest.raises(ValueError, match=rf"health_token_file must name a file .*, got none for {re.escape(host)}"):
        Endpoint(9464, host)
    assert Endpoint(9464, host, TOKEN).host == host
    assert Endpoint(9464, "::1").token == ""


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(Endpoint(9464, token=TOKEN))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_token_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(mode)
    with pytest.raises(ValueError, match=rf"token must have mode 0600, got {mode:04o}"):
        read_token(path)
    path.chmod(0o400)
    assert read_token(path) == TOKEN


@pytest.mark.parametrize(("text", "length"), [("", 0), ("short\n", 5), (f"\n{TOKEN}", 0), ("a b" * 10, 30)])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str, length: int) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ValueError, match=f"must hold a token of at least 16 .*, got {length} characters"):
        read_token(path)


def test_a_port_that_was_chosen_must_be_free(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"health_port must be free, got {HOST}:{port}"):
            ask(Endpoint(port))
        assert ask(Endpoint(port, required=False)) == []
    assert f"{HOST}:{port}" in caplog.text
    assert "are not served" in caplog.text
