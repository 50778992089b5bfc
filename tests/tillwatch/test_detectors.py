"""`tillwatch detectors`, on logs and files of its own."""

from __future__ import annotations

import io
import json
import tomllib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from rich.console import Console

from detectors.registry import DETECTORS, make_detectors
from domain.readings import Shop
from evaluation.verdicts import AlertRevision, Answers
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.causes.world import FIRST, alert, ms
from tests.tillwatch.conftest import call
from tillwatch.detector_tables import Listing, print_listing

if TYPE_CHECKING:
    from pathlib import Path

    from domain.alerts import Alert

LATER = FIRST + timedelta(days=100)


def made() -> tuple[list[Alert], list[dict[str, Any]]]:
    """60 alerts of fees of which analysts dismissed most of the milder half, and one of MCCs 100 days before."""
    alerts, events = [alert("old", "m", "mcc_jump", FIRST)], []
    for k in range(60):
        mild, shop = k < 30, Shop(name="s", city="Harbin" if k % 2 else "Sanya", agent_id="A-17")
        severity = 0.31 if mild else 0.72
        alerts.append(
            alert(
                f"a{k}",
                "m",
                "fee_over",
                LATER,
                severity=severity,
                turnover=90_000,
                loss=1_250,
                bearer="merchant",
                shop=shop,
            )
        )
        given = ("false_alarm", "lawful_change", "data_error")[k % 3] if mild else "confirmed"
        given = {4: "confirmed", 28: "duplicate", 29: "open", 59: "false_alarm"}.get(k, given)
        if k < 30 or k > 40:
            events.append({
                "type": "verdict", "merchant_id": "m", "event_time": ms(LATER), "alert_id": f"a{k}", "verdict": given,
            })  # fmt: skip
    return alerts, events


@pytest.fixture
def url(tmp_path: Path) -> str:
    path = tmp_path / "tillwatch.db"
    alerts, events = made()
    with SqliteLog(path, durable=False) as log:
        create_topics(log, 4)
        log.append("alerts", 1, [*map(msgspec.json.encode, alerts)], keys=[each.alert_id.encode() for each in alerts])
        log.append("events", 1, [json.dumps(each).encode() for each in events])
    return SqliteAddress(path).url


@pytest.fixture
def files(tmp_path: Path) -> list[str | Path]:
    """Options that name the same alerts and events as files."""
    alerts, events = made()
    (tmp_path / "alerts.jsonl").write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in alerts))
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events))
    return ["--alerts", tmp_path / "alerts.jsonl", "--events", tmp_path / "events.jsonl"]


def told(*arguments: str | Path) -> dict[str, Any]:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


def test_each_detector_is_shown_with_what_analysts_confirmed(url: str) -> None:
    shown = call("--log-url", url, "detectors").output.splitlines()
    assert shown[0].startswith("Detectors, 2025-01-11 12:00 to 2025-04-11 12:00 (times: Asia/Shanghai)")
    (fee,) = [each for each in shown if each.startswith("fee_over ")]
    for each in (
        "Fee above contract",
        " 60 ",
        "40.4 % (28-55) 19/47",
        "false alarm",
        "open 1, duplicate 1",
        "2025-04-11 12:00",
    ):
        assert each in fee
    (jump,) = [each for each in shown if each.startswith("mcc_jump ")]
    assert "none for 100 days" in jump
    (silent,) = [each for each in shown if each.startswith("dormancy ")]
    assert "never" in silent
    assert {each.name for each in DETECTORS} <= {each.split(maxsplit=1)[0] for each in shown if each}


def test_what_verdicts_suggest_is_shown_in_both_languages_and_can_be_published(url: str) -> None:
    shown = call("--log-url", url, "detectors").output
    assert (
        "fee_over: of verdicts on alerts below severity 0.72 96.4 % (82-99) 27/28 dismissed, from 0.72 on 5.3 % (1-25)"
        " 1/19. At 0.72 it would have left out 27 (turnover ¥24,300.00, loss ¥337.50) that were dismissed;"
        " 1 (turnover ¥900.00, loss ¥12.50) that were confirmed; 2 (turnover ¥1,800.00, loss ¥25.00) without either."
    ) in " ".join(shown.split())
    chinese = call("--log-url", url, "detectors", "--lang", "zh").output
    assert "级别低于0.72的告警被排除96.4%(82-99)27/28" in "".join(chinese.split())
    assert "已属实的1条（涉及金额¥900.00，损失¥12.50）" in "".join(chinese.split())
    assert " %" not in chinese
    lines = "[detectors.fee_over]\nleast_severity = 0.72\n"
    assert lines in shown
    assert lines in chinese
    make_detectors(tomllib.loads(lines)["detectors"])


def test_nothing_is_suggested_once_it_is_in_force(url: str, tmp_path: Path) -> None:
    toml = tmp_path / "detectors.toml"
    toml.write_text("".join(_suggested(told("--log-url", url, "detectors"))))
    assert call("--log-url", url, "controls", "publish", toml, "--kind", "detectors").exit_code == 0
    assert _suggested(told("--log-url", url, "detectors")) == []
    assert "Verdicts suggest no other least severity." in call("--log-url", url, "detectors").output


def _suggested(found: dict[str, Any]) -> list[str]:
    return [each["suggestion"]["toml"] for each in found["detectors"] if each["suggestion"]]


def test_files_say_the_same_as_a_log(url: str, files: list[str | Path]) -> None:
    assert told("detectors", *files) == told("--log-url", url, "detectors")


def test_a_shorter_window_has_fewer_alerts_and_a_longer_one_more(url: str) -> None:
    alerts = [
        {each["detector"]: each["alerts"] for each in told("--log-url", url, "detectors", "--days", days)["detectors"]}
        for days in ("1", "100")
    ]
    assert [(each["fee_over"], each["mcc_jump"]) for each in alerts] == [(60, 0), (60, 1)]


def test_what_is_confirmed_is_shown_by_city_and_agent(url: str, files: list[str | Path]) -> None:
    shown = call("--log-url", url, "detectors", "--by", "city").output
    assert "Confirmed by city" in shown
    assert {"Harbin", "Sanya"} <= set(shown.split())
    assert "按代理商的属实率" in call("--log-url", url, "detectors", "--by", "agent", "--lang", "zh").output
    assert "no MCC has enough verdicts" in call("detectors", *files[:2], "--by", "mcc").output


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 80, 129, 160])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(width: int, lang: str) -> None:
    alerts, _ = made()
    answers = Answers(90)
    for each in alerts:
        answers.take_alert(msgspec.convert(msgspec.to_builtins(each), type=AlertRevision))
        answers.take_verdict(each.alert_id, "m", "false_alarm" if each.severity < 0.5 else "confirmed")
    detectors = make_detectors()
    listing = Listing(
        as_of="2025-04-11T04:00:00.000Z", since="2025-01-11T04:00:00.000Z", days=90,
        standings=answers.standings({each.name: each.title for each in detectors}, {}),
        needs={each.name: each.needs for each in detectors}, coverage={"fee_over": (100, {"fee": 92})},
        missing={"mcc_static": "profiles"}, costs=None,
    )  # fmt: skip
    out = io.StringIO()
    print_listing(Console(file=out, width=width, highlight=False), listing, lang, "Asia/Shanghai", "city")
    lines = out.getvalue().splitlines()
    assert max(_cells(each) for each in lines) <= width
    together = "".join(out.getvalue().split())
    for each in ("Harbin", "fee92", "least_severity=0.72", "profiles", "…"):
        assert (each in together) is (each != "…")


def _cells(line: str) -> int:
    return sum(1 + (ord(each) > 0x2E7F) for each in line)


def test_what_a_worker_has_checkpointed_is_shown_as_coverage(worked: Path) -> None:
    found = {each["detector"]: each for each in told("--log-url", SqliteAddress(worked).url, "detectors")["detectors"]}
    jumps = found["mcc_jump"]
    assert jumps["alerts"] > 0
    assert jumps["last_hit"] is not None
    assert 0 < jumps["coverage"]["transactions"] >= jumps["coverage"]["present"]["mcc"] > 0
    assert found["mcc_static"]["missing_control"] == "profiles"
    (row,) = [
        each for each in call("--log-url", SqliteAddress(worked).url, "detectors").output.splitlines()
        if each.startswith("mcc_jump ")
    ]  # fmt: skip
    assert "mcc 100 %" in row


def test_costs_are_measured_on_a_file_of_events(events: Path, url: str) -> None:
    found = told("--log-url", url, "detectors", "--cost", events)
    assert found["features_ms_per_1000"] > 0
    costs = {each["detector"]: each["ms_per_1000"] for each in found["detectors"]}
    assert set(costs) == {each.name for each in DETECTORS}
    assert 0 < sum(costs.values()) < 1_000
    shown = call("--log-url", url, "detectors", "--cost", events, "--lang", "zh").output
    assert "解码与特征（各检测共用）" in shown


def test_events_alone_are_refused_and_so_is_what_is_no_alert(tmp_path: Path, files: list[str | Path]) -> None:
    assert "--events must be given with --alerts" in call("detectors", *files[2:]).output
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("?\n")
    result = call("detectors", "--alerts", wrong)
    assert result.exit_code == 1
    assert f"Error: {wrong}: line 1 must be an alert" in result.output
    assert call("--log-url", "sqlite:///none.db", "detectors").exit_code == 1
