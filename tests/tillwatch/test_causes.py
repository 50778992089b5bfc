"""`tillwatch causes`, on a log of its own."""

from __future__ import annotations

import json
import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from domain.causes import Cause
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.causes.world import FIRST, alert, profile
from tests.faults.waiting import wait_until
from tests.tillwatch.conftest import call, start
from tillwatch.causes import line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log with 400 merchants, 80 of them an agent's, of whom 9 were overcharged."""
    made = tmp_path / "tillwatch.db"
    with SqliteLog(made, durable=False) as log:
        create_topics(log, 4)
        since = FIRST - timedelta(days=400)
        profiles = [
            profile(f"m{i}", since, city=f"c{i % 4}", rep_id=f"r{i % 5}", **({"agent_id": "A-17"} if i < 80 else {}))
            for i in range(400)
        ]
        keys = [each.key.encode() for each in profiles]
        log.append("merchant-profiles", 0, [*map(msgspec.json.encode, profiles)], keys=keys)
        append(log, range(9))
    return made


def test_a_line_says_when_how_severe_what_and_whether_it_is_closed(path: Path) -> None:
    (found,) = call("--log-url", SqliteAddress(path).url, "causes", "--json").output.splitlines()
    cause = msgspec.structs.replace(msgspec.json.decode(found, type=Cause), closed=True)
    assert line(cause, "en").plain.startswith("2025-01-01  ■■■□□ 0.60 high  9 of 80 merchants of agent A-17")
    assert line(cause, "zh").plain.endswith("（已结束）")


def append(log: SqliteLog, found: Iterable[int]) -> None:
    alerts = [
        alert(f"a{i}", f"m{i}", "fee_over", FIRST, hour=9 + i / 10, loss=1_250, turnover=90_000, bearer="merchant")
        for i in found
    ]
    log.append("alerts", 0, [*map(msgspec.json.encode, alerts)], keys=[each.alert_id.encode() for each in alerts])


def test_causes_are_shown_as_a_table_in_both_languages(path: Path) -> None:
    shown = call("--log-url", SqliteAddress(path).url, "causes").output.splitlines()
    assert shown[0] == "Causes (days: Asia/Shanghai)"
    (row,) = [each for each in shown if each.startswith("2025-01-01")]
    for each in (
        "0.60 high",
        "agent A-17",
        "Fee above contract",
        "9 / 80",
        "0 %",
        "¥112.50 (merchant)",
        "13 collusive",
    ):
        assert each in row
    chinese = call("--log-url", SqliteAddress(path).url, "causes", "--lang", "zh").output
    assert "集中异常（日期：北京时间）" in chinese
    assert "代理商A-17" in chinese
    assert "超签约费率扣费" in chinese


def test_causes_are_shown_as_lines_of_json_and_nothing_is_written(path: Path) -> None:
    (line,) = call("--log-url", SqliteAddress(path).url, "causes", "--json").output.splitlines()
    cause = msgspec.json.decode(line, type=Cause)
    assert (cause.kind, cause.key, cause.count, cause.merchants) == ("agent", "A-17", 9, 80)
    assert [each.merchant_id for each in cause.members] == [f"m{i}" for i in range(9)]
    assert cause.reason.en.startswith(
        "9 of 80 merchants of agent A-17 since 2025-01-01: fee above contract, 11.2 % against 0 %"
    )
    with SqliteLog(path) as log:
        assert log.end_offset("causes", 0) == 0
        assert log.positions(":causes:") == []


def test_where_there_is_no_cause_it_says_so(tmp_path: Path) -> None:
    empty = tmp_path / "empty.db"
    with SqliteLog(empty, durable=False) as log:
        create_topics(log, 4)
    result = call("--log-url", SqliteAddress(empty).url, "causes", "--lang", "zh")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "未发现集中异常\n")
    assert call("--log-url", SqliteAddress(tmp_path / "none.db").url, "causes").exit_code == 1


def test_a_service_publishes_and_says_nothing_of_whom_it_suspects(path: Path) -> None:
    process = start("--log-url", SqliteAddress(path).url, "causes", "--follow")
    with SqliteLog(path) as log:
        wait_until(lambda: log.end_offset("causes", 0) == 1, "the cause is published", 60.0)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("", "")


def test_a_follower_publishes_each_revision_until_it_is_stopped_and_goes_on_afterwards(path: Path) -> None:
    url, pulse = SqliteAddress(path).url, path.parent / "pulse"
    process = start("--log-url", url, "causes", "--follow", "--json", "--pulse", pulse)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert (first["count"], first["revision"], first["epoch"]) == (9, 1, 1)
    with SqliteLog(path) as log:
        append(log, [20, 21])
    second = json.loads(process.stdout.readline())
    assert pulse.exists()
    assert (second["cause_id"], second["count"], second["revision"]) == (first["cause_id"], 11, 2)
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out, errors) == (0, "", "")
    again = start("--log-url", url, "causes", "--follow", "--json")
    with SqliteLog(path) as log:
        append(log, [40])
        assert again.stdout is not None
        assert "12 of 80 merchants of agent A-17" in again.stdout.readline()
        again.kill()
        again.communicate()
        told = [msgspec.json.decode(each.value, type=Cause) for each in log.read_keyed("causes", 0, 0)]
    assert [(each.revision, each.epoch) for each in told] == [(1, 1), (2, 1), (3, 2)]
