"""`tillwatch intake`: a server of its own process."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pytest

from streams.receiver import Receiver
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports
from tests.tillwatch.conftest import call, start
from tillwatch.cli import BAD_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.tillwatch.forked import Running

TOKEN = "0123456789abcdef"
NOW_MS = time.time_ns() // 1_000_000


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    monkeypatch.setenv("TILLWATCH_INTAKE_TOKEN_FILE", str(file))
    return file


def killed_before_it_answers() -> None:
    Receiver._answer = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign,assignment]


@contextmanager
def serving(log: Path, *options: str, first: Callable[[], object] | None = None) -> Iterator[tuple[str, Running]]:
    """An intake in a process of its own; what it calls before it starts may be given."""
    (port,) = free_ports(1)
    process = start("--log-url", SqliteAddress(log).url, "intake", "--port", str(port), *options, first=first)
    try:
        assert f"http://127.0.0.1:{port}/api/v1/events" in process.stderr.readline()
        wait_until(lambda: listens(port), "it listens")
        yield f"http://127.0.0.1:{port}", process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def post(address: str, events: list[dict[str, Any]], key: str = "", token: str = TOKEN) -> tuple[dict[str, Any], bool]:
    """What is answered, and whether that is a replay."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    headers |= {"Idempotency-Key": key} if key else {}
    request = urllib.request.Request(f"{address}/api/v1/events", json.dumps(events).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer), answer.headers["Idempotency-Replayed"] == "true"


def sale(k: int) -> dict[str, Any]:
    return {"txn_id": f"t{k}", "merchant_id": f"m{k}", "amount": 1, "currency": "CNY", "event_time": NOW_MS - 60_000}


def events_of(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with SqliteLog(path) as log:
        for partition in range(log.partitions("events")):
            batch = log.read("events", partition, 0)
            found += [json.loads(batch.value(i)) for i in range(len(batch))]
    return sorted((each for each in found if "txn_id" in each), key=itemgetter("txn_id"))


def sales_of(path: Path) -> list[str]:
    return [each["txn_id"] for each in events_of(path)]


def test_a_retry_after_a_kill_between_append_and_answer_makes_no_double(token: Path, tmp_path: Path) -> None:
    path, events = tmp_path / "log.db", [sale(1), {"merchant_id": "m"}, sale(2)]
    with serving(path, first=killed_before_it_answers) as (address, process):
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            post(address, events, "k")
        assert process.wait(60) == -signal.SIGKILL
    assert sales_of(path) == ["t1", "t2"]
    with serving(path) as (address, process):
        answer, is_replay = post(address, events, "k")
        assert (answer["received"], answer["accepted"], is_replay) == (3, 2, True)
        assert [each["index"] for each in answer["errors"]] == [1]
        assert post(address, [sale(3)], "l")[1] is False
        with pytest.raises(urllib.error.HTTPError, match="401"):
            post(address, [sale(4)], token="another")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in {0, -signal.SIGTERM}
    assert sales_of(path) == ["t1", "t2", "t3"]


def test_a_field_of_card_numbers_becomes_tokens_before_anything_is_written(token: Path, tmp_path: Path) -> None:
    path, key, pan = tmp_path / "log.db", tmp_path / "card.key", "6222021234567894"
    key.write_bytes(b"k" * 32)
    key.chmod(0o600)
    with serving(path, "--pan-field", "pan", "--token-key", str(key)) as (address, _):
        answer, _ = post(address, [{**sale(1), "pan": pan}, {**sale(2), "pan": "1"}])
    assert (answer["accepted"], answer["errors"]) == (2, [])
    assert [("card_token" in each, each.get("card_last4")) for each in events_of(path)] == [
        (True, "7894"),
        (False, None),
    ]
    assert not any("pan" in each for each in events_of(path))
    assert all(pan.encode() not in each.read_bytes() for each in tmp_path.glob("log.db*"))
    assert "--pan-field and --token-key must be given together" in call("intake", "--pan-field", "pan").stderr


def test_it_does_not_start_without_a_token_or_in_the_clear_for_others(
    token: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token.chmod(0o644)
    result = call("intake")
    assert (result.exit_code, "must have mode 0600" in result.stderr) == (1, True)
    monkeypatch.setenv("TILLWATCH_INTAKE_HOST", "0.0.0.0")
    result = call("intake")
    assert (result.exit_code, "intake_host must be this machine's loopback" in result.stderr) == (BAD_SETTINGS, True)
    monkeypatch.delenv("TILLWATCH_INTAKE_HOST")
    monkeypatch.delenv("TILLWATCH_INTAKE_TOKEN_FILE")
    result = call("intake")
    assert (result.exit_code, "intake_token_file must name a file" in result.stderr) == (BAD_SETTINGS, True)
    assert not (tmp_path / "var").exists()
