"""Console and database killed in turn while an analyst works and alerts come: none lost, none twice."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import msgspec
import pytest

from casework import audit
from casework.agent import FilingAgent
from casework.errors import StoreFailed
from casework.outbox import SENT
from casework.people import SYSTEM, put_user
from casework.store import Store
from casework.tokens import SCOPES, make_token
from streams.log import now_utc_ms
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.postgres import Running, owned_folder
from tests.casework.world import NOW_MS, alert, rows, write
from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports
from tests.parts import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
CASES, EVERY = 12, 3
_CONSOLE = """
import sys, uvicorn
from casework.store import Store
from console.app import make_app
from console.page import Console
from streams.log import now_utc_ms
store = Store(sys.argv[1])
app = make_app(Console(store=store, zone="Asia/Shanghai", now_ms=now_utc_ms))
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""


class Killable:
    """A console in a process of its own."""

    def __init__(self, url: str) -> None:
        (self.port,) = free_ports(1)
        self._command = [sys.executable, "-c", _CONSOLE, url, str(self.port)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, cwd=ROOT)
        wait_until(self._answers, "the console answers", 300, poll_s=0.05)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(60)


class Analyst:
    """Decides cases by the API, and asks again where no answer came: by the same key as long as that can be known."""

    def __init__(self, port: int, token: str) -> None:
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        self.asked = 0

    def decide(self, case_id: int, again: Callable[[], object]) -> None:
        """Decide a case; `again` is called after each failure, before the next try."""
        key = f"case-{case_id}"
        for _ in range(20):
            self.asked += 1
            try:
                case = self._client.get(f"cases/{case_id}")
                if case.status_code == 200 and case.json()["status"] == "decided":
                    return
                asked = {
                    "expected_version": case.json().get("version", 0), "verdict": "confirmed", "reason_code": "mcc",
                    "comment": f"case {case_id}",
                }  # fmt: skip
                answer = self._client.post(f"cases/{case_id}/decisions", json=asked, headers={"Idempotency-Key": key})
            except httpx.HTTPError:
                again()
                continue
            if answer.status_code == 201:
                return
            if answer.status_code == 409:  # its outcome is not known: the case was looked at, so another key is right
                key += "'"
            again()
        raise AssertionError(f"case {case_id} was not decided")

    def close(self) -> None:
        self._client.close()


@contextmanager
def scene(tmp_path: Path) -> Iterator[tuple[Running, str, Store, SqliteLog]]:
    with owned_folder() as folder:
        database = require(lambda: Running(folder, safe=True))
        database.start()
        url = database.server.new_database("casework")
        try:
            with Store(url) as store, SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
                store.check_version(make=True)
                create_topics(log, 2)
                yield database, url, store, log
        finally:
            database.stop()


def file_until_done(agent: FilingAgent) -> None:
    def filed() -> bool:
        try:
            agent.file()
        except StoreFailed:
            return False
        return True

    wait_until(filed, "what was written is filed")


def test_console_and_database_are_killed_in_turn_and_no_alert_or_verdict_is_lost_or_there_twice(
    tmp_path: Path,
) -> None:
    with scene(tmp_path) as (database, url, store, log):
        put_user(store, SYSTEM, "li", "Li", ["analyst"], NOW_MS, is_service=True)
        token = make_token(store, SYSTEM, "li", "script", SCOPES, 30, now_utc_ms())
        agent, console = FilingAgent(store, log), Killable(url)
        console.start()
        analyst, killed = Analyst(console.port, token), Counter[str]()
        try:
            for i in range(CASES):
                write(log, alert(f"a{i}", f"m{i}"), partition=i % 2)
                if i % EVERY == 1:
                    killed["console"] += 1
                    console.kill()
                if i % EVERY == 2:
                    killed["database"] += 1
                    database.kill()
                    with pytest.raises(StoreFailed):
                        agent.file()
                    database.start()
                file_until_done(agent)
                case_id = {merchant: case for case, merchant in rows(store, "cases", "case_id", "merchant_id")}[f"m{i}"]
                analyst.decide(case_id, console.start if i % EVERY == 1 else lambda: None)
        finally:
            analyst.close()
            console.kill()
        assert killed == {"console": CASES // EVERY, "database": CASES // EVERY}
        assert rows(store, "alerts", "alert_id", "verdict") == sorted((f"a{i}", "confirmed") for i in range(CASES))
        assert len(rows(store, "decisions", "decision_id")) == CASES, "each case was decided once"
        later = FilingAgent(store, log, lambda: now_utc_ms() + 60_000)
        file_until_done(later)
        assert {each[0] for each in rows(store, "outbox", "status")} == {SENT}
        assert Counter(verdicts(log)) == Counter({f"a{i}": 1 for i in range(CASES)})
        with store.reading() as connection:
            audit.verify(connection)


def test_a_database_that_is_stopped_for_two_minutes_loses_nothing(tmp_path: Path) -> None:
    with scene(tmp_path) as (database, _, store, log):
        clock = [NOW_MS]
        agent = FilingAgent(store, log, lambda: clock[0])
        write(log, alert("before", "m1"))
        agent.file()
        database.stop()
        for minute in range(4):
            clock[0] += 30_000
            write(log, alert(f"during-{minute}", f"n{minute}"))
            with pytest.raises(StoreFailed):
                agent.file()
        database.start()
        file_until_done(agent)
        assert [each for (each,) in rows(store, "alerts", "alert_id")] == [
            "before", "during-0", "during-1", "during-2", "during-3",
        ]  # fmt: skip
        assert {each for (each,) in rows(store, "alerts", "filed_ms")} == {NOW_MS, NOW_MS + 120_000}


def verdicts(log: SqliteLog) -> list[Any]:
    """The alerts that verdicts in the log are on."""
    found = []
    for partition in range(log.partitions("events")):
        records = log.read("events", partition, 0)
        found += [msgspec.json.decode(records.value(i))["alert_id"] for i in range(len(records))]
    return found
