from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import pytest

from domain.alerts import Alert, DeadLetter, Score
from streams.sqlite.log import SqliteLog
from tests.tillwatch.conftest import MERCHANTS, call, json_lines, newest
from tests.tillwatch.forked import run
from tillwatch.logs import Follower

if TYPE_CHECKING:
    from pathlib import Path

OUTPUTS = ("alerts", "scores", "dead-letters", "totals")


def replayed(events: Path, folder: Path) -> dict[str, int]:
    """Replay into files of `folder`; the totals."""
    folder.mkdir()
    outs = [text for name in OUTPUTS for text in (f"--{name}-out", folder / name)]
    result = call("replay", events, *outs, "--json", "--max-refused", "10")
    assert result.exit_code == 0, result.output
    totals: dict[str, int] = msgspec.json.decode(result.stdout)
    return totals


@pytest.fixture(scope="module")
def replay(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay") / "first"
    replayed(events, folder)
    return folder


def test_the_same_file_gives_the_same_output_byte_for_byte(events: Path, replay: Path, tmp_path: Path) -> None:
    replayed(events, tmp_path / "again")
    for name in OUTPUTS:
        written = (replay / name).read_bytes()
        assert written
        assert (tmp_path / "again" / name).read_bytes() == written


def test_every_line_is_counted_once_and_totals_agree_with_what_was_written(events: Path, tmp_path: Path) -> None:
    totals = replayed(events, tmp_path / "out")
    lines = [line for line in events.read_bytes().splitlines() if line]
    assert totals["records"] == len(lines)
    kinds = ("transactions", "duplicates", "other", "dead_letters")
    assert sum(totals[name] for name in kinds) == len(lines)
    assert totals["dead_letters"] == len(json_lines(tmp_path / "out" / "dead-letters"))
    assert totals["alerts"] == len(newest(json_lines(tmp_path / "out" / "alerts"), "alert_id")) > 0
    assert totals["merchants"] == len(json_lines(tmp_path / "out" / "totals")) == MERCHANTS


def test_a_dead_letter_has_the_files_name_and_the_line_number(replay: Path) -> None:
    letters = [each for each in json_lines(replay / "dead-letters") if each["reason"] == "not-json"]
    assert [(each["source"], each["position"]) for each in letters] == [("poisoned.jsonl", 501)]


def test_the_tables_show_totals_reasons_money_and_coverage(events: Path) -> None:
    out = call("replay", events).stdout
    for words in ("transactions", "not-json", "missing-field", "MCC code-jumping", "¥", "special_fee_type", "%"):
        assert words in out
    chinese = call("replay", events, "--lang", "zh").stdout
    for words in ("交易笔数", "未计入记录", "跳码", "¥", "special_fee_type", "覆盖情况"):
        assert words in chinese
    assert not re.search(r"Totals|Alerts|Coverage|Dead|code-jumping", chinese)


def test_a_detector_without_its_fields_is_said_to_find_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bare.jsonl"
    file.write_text('{"txn_id":"1","merchant_id":"m","amount":100,"currency":"CNY","event_time":1700000000000}\n')
    assert "none: finds nothing" in call("replay", file).stdout


def test_the_merchants_sums_are_those_of_the_simulators_own_ledger(simulated: Path, tmp_path: Path) -> None:
    # Receipt is the event time here, so that what a terminal's wrong clock dated ahead is counted as well.
    totals = tmp_path / "totals.jsonl"
    result = call("replay", simulated / "events.jsonl", "--totals-out", totals, "--json")
    assert result.exit_code == 0
    ledger = msgspec.json.decode((simulated / "ledger.json").read_bytes())
    differ = [
        each["merchant_id"]
        for each in json_lines(totals)
        if each["sales_minor"] != ledger[each["merchant_id"]]["approved_minor"]
        and not ledger[each["merchant_id"]]["future"]
    ]
    assert differ == []


def test_ingest_and_worker_come_to_what_replay_came_to(worked: Path, replay: Path) -> None:
    with SqliteLog(worked) as log:
        alerts = Follower(log, "alerts", Alert, from_start=True).poll()
        scores = Follower(log, "merchant-risk", Score, from_start=True).poll()
        letters = {  # a worker started again has written them again
            (each.source, each.position): each.reason
            for partition in range(log.partitions("dead-letters"))
            for batch in [log.read("dead-letters", partition, 0)]
            for i in range(len(batch))
            for each in [msgspec.json.decode(batch.value(i), type=DeadLetter)]
        }
    plain = msgspec.json.decode(msgspec.json.encode(alerts))
    assert newest(plain, "alert_id") == newest(json_lines(replay / "alerts"), "alert_id")
    plain = msgspec.json.decode(msgspec.json.encode(scores))
    assert newest(plain, "merchant_id") == newest(json_lines(replay / "scores"), "merchant_id")
    assert Counter(letters.values()) == Counter(each["reason"] for each in json_lines(replay / "dead-letters"))


def test_a_file_that_is_not_there_is_a_usage_error() -> None:
    assert call("replay", "nowhere.jsonl").exit_code == 2


def test_an_output_that_cannot_be_written_is_one_line_and_code_1(events: Path) -> None:
    result = call("replay", events, "--alerts-out", "no/such/folder/alerts")
    assert result.exit_code == 1
    assert result.stderr == "Error: no/such/folder/alerts: No such file or directory\n"


def test_they_agree_on_a_file_without_clock_records_and_with_times_to_come(tmp_path: Path) -> None:
    """A quiet gap is passed by other merchants' traffic alone; a sale of 2096 must not make all others late."""
    t0, day = 1_735_700_400_000, 86_400_000
    hit: dict[str, object] = {
        "merchant_id": "m", "mcc": "8062", "amount": 100_000, "currency": "CNY", "scheme": "unionpay",
        "card_kind": "credit",
    }  # fmt: skip
    stream: list[dict[str, object]] = [
        {"type": "merchant", "merchant_id": "m", "effective_from": t0 - day, "mccs": ["5812"]},
        *({**hit, "txn_id": f"h{k}", "event_time": t0 + k * 60_000} for k in range(3)),
        {**hit, "txn_id": "f", "event_time": 3_976_214_400_000},
        *({**hit, "merchant_id": "n", "txn_id": f"o{k}", "event_time": t0 + k * day} for k in range(12)),
    ]  # fmt: skip
    file = tmp_path / "plain.jsonl"
    file.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in stream))
    totals = replayed(file, tmp_path / "out")
    assert (totals["transactions"], totals["dead_letters"], totals["alerts"]) == (15, 1, 1)
    (alert,) = newest(json_lines(tmp_path / "out" / "alerts"), "alert_id").values()
    assert (alert["closed"], alert["hits"], alert["at_stake"]) == (True, 3, 1545)
    log_url = f"sqlite:///{tmp_path / 'log.db'}"
    assert call("--log-url", log_url, "ingest", file, "--historic").exit_code == 0
    code, _, errors = run("--log-url", log_url, "worker", "--until-idle")
    assert code == 0, errors
    with SqliteLog(tmp_path / "log.db") as log:
        alerts = Follower(log, "alerts", Alert, from_start=True).poll()
    assert newest(msgspec.json.decode(msgspec.json.encode(alerts)), "alert_id") == {alert["alert_id"]: alert}


def test_an_output_that_is_the_file_itself_is_refused_and_left_alone(events: Path) -> None:
    before = events.read_bytes()
    assert call("replay", events, "--alerts-out", events).exit_code == 2
    assert events.read_bytes() == before
