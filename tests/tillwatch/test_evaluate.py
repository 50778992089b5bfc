from __future__ import annotations

import gzip
from html.parser import HTMLParser
from io import StringIO
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from rich.console import Console

from detectors.registry import make_detectors
from domain.alerts import Alert, Text
from domain.timestamps import DAY_MS, iso
from evaluation.collection import Collector, Sieve
from evaluation.matching import match_alerts
from evaluation.metrics import report
from evaluation.page import page
from evaluation.queue import queue
from simulator.config import SimulationConfig
from tests.tillwatch.conftest import MERCHANTS, call
from tests.truths import DAY, HOUR, found, look_alike, truth, violation
from tillwatch.evaluate import as_json
from tillwatch.evaluate_queue import print_queue
from tillwatch.evaluate_tables import print_tables

if TYPE_CHECKING:
    from pathlib import Path

    from evaluation.matching import Found
    from simulator.truth import Truth


def as_truth(old: dict[str, Any]) -> dict[str, Any]:
    """What `simulate` writes, in the format that is matched by: it may have been written before that."""
    start_ms = SimulationConfig().start_ms
    end_ms = start_ms + 3 * DAY_MS
    if "start_ms" in old:
        return old
    violations = [
        each
        | {
            "category": "mcc", "effect": each["share"], "effect_unit": "share of sales", "details": {},
            "transactions": len(each["txn_ids"]), "money_minor": each["leakage_minor"],
        }
        for each in old["violations"]
    ]  # fmt: skip
    look_alikes = [each | {"category": "mcc", "until_ms": end_ms} for each in old["look_alikes"]]
    return {
        "violations": violations, "look_alikes": look_alikes, "start_ms": start_ms, "end_ms": end_ms,
        "merchants": MERCHANTS,
    }  # fmt: skip


@pytest.fixture(scope="module")
def folder(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("evaluated")
    (made / "events.jsonl").symlink_to(simulated / "events.jsonl")
    truth = as_truth(msgspec.json.decode((simulated / "truth.json").read_bytes()))
    (made / "truth.json").write_bytes(msgspec.json.encode(truth))
    return made


@pytest.fixture(scope="module")
def result(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], str]:
    """Tables, JSON and page of an evaluation."""
    out = tmp_path_factory.mktemp("out")
    done = call("evaluate", folder, "--json", out / "r.json", "--html", out / "r.html")
    assert done.exit_code == 0, done.output
    return done.stdout, msgspec.json.decode((out / "r.json").read_bytes()), (out / "r.html").read_text()


def mcc_of(figures: dict[str, Any]) -> dict[str, Any]:
    (category,) = [each for each in figures["report"]["categories"] if each["category"] == "mcc"]
    return dict(category)


def test_a_simulated_folder_is_judged(folder: Path, result: tuple[str, dict[str, Any], str]) -> None:
    _, figures, _ = result
    whole = msgspec.json.decode((folder / "truth.json").read_bytes())
    happened = [each for each in whole["violations"] if each["category"] == "mcc" and each["transactions"]]
    mcc = mcc_of(figures)
    assert mcc["at_severity"][0]["whole"] == len(happened) > 10
    assert mcc["at_severity"][0]["value"] > 0.8
    assert mcc["money"]["at_stake"] == sum(each["money_minor"] or 0 for each in happened)
    assert 0 < mcc["money"]["found"] <= mcc["money"]["at_stake"]
    assert mcc["delay_txns"]["median"] >= 1
    assert figures["report"]["merchant_days"] == MERCHANTS * 3
    assert figures["transactions"] > 10_000
    missed = [each for each in figures["missed"] if each["category"] == "mcc"]
    assert len(missed) == len(happened) - mcc["at_severity"][0]["part"]


def test_the_tables_say_the_same_as_the_json(result: tuple[str, dict[str, Any], str]) -> None:
    out, figures, _ = result
    recall = mcc_of(figures)["at_severity"][0]
    assert f"{recall['part']}/{recall['whole']}" in out
    of_all = figures["queue"]["calibration"][0]
    assert of_all["category"] == ""
    for level in of_all["levels"]:
        assert f"{level['true']['part']:,}/{level['true']['whole']:,}" in out or level["true"]["whole"] == 0
    for grade in figures["queue"]["grades"]:
        assert (
            f"{grade['violating']['part']:,}/{grade['violating']['whole']:,}" in out or not grade["violating"]["whole"]
        )
    assert sum(each["head"]["part"] for each in figures["queue"]["head"]) > 20
    for words in ("Recall by effect", "Precision", "the severest 20", "several_mccs", "share of sales"):
        assert words in out


@pytest.mark.slow
def test_a_folder_with_events_of_another_kind_is_judged_alike_by_a_mapping(
    folder: Path, result: tuple[str, dict[str, Any], str], tmp_path: Path
) -> None:
    fields = (
        "txn_id",
        "merchant_id",
        "currency",
        "response_code",
        "mcc",
        "txn_type",
        "original_txn_id",
        "terminal_id",
        "stan",
        "acquirer_code",
    )
    mapping, out = tmp_path / "m.toml", tmp_path / "r.json"
    mapping.write_text(
        '[fields]\namount = { column = "amount", unit = "minor" }\n'
        'event_time = { column = "event_time", format = ["auto", "epoch-ms"] }\n'
        'transmitted_at = { column = "transmitted_at", format = ["auto", "epoch-ms"] }\n'
        'received_at = { column = "received_at", format = ["auto", "epoch-ms"] }\n'
        + "".join(f'{each} = "{each}"\n' for each in fields)
        + '[[skip]]\ncolumn = "txn_id"\nblank = true\n'
    )
    (tmp_path / "truth.json").write_bytes((folder / "truth.json").read_bytes())
    assert "DIR must hold one file events.*" in call("evaluate", tmp_path, "--mapping", mapping).stderr
    (tmp_path / "events.jsonl.gz").write_bytes(gzip.compress((folder / "events.jsonl").read_bytes(), 1))
    done = call("evaluate", tmp_path, "--mapping", mapping, "--json", out)
    assert done.exit_code == 0, done.output
    assert msgspec.json.decode(out.read_bytes())["transactions"] == result[1]["transactions"]
    mapping.write_text(mapping.read_text().replace('["auto", "epoch-ms"]', '"%d"'))
    nothing = call("evaluate", tmp_path, "--mapping", mapping)
    assert nothing.exit_code == 1
    assert "event_time must be a time of the format %d" in " ".join(nothing.stderr.split())


def test_the_page_is_well_formed_and_loads_nothing(result: tuple[str, dict[str, Any], str]) -> None:
    page = result[2]
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert {"svg", "table", "style"} <= parser.seen
    assert not {"script", "link", "img", "iframe"} & parser.seen
    assert "://" not in page
    for words in (
        "Recall by effect",
        "Precision and recall by load",
        "Delay until found",
        "False alarms on look-alikes",
        "What a severity means",
        "Head of the queue",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("whole", "alerts"),
    [
        (truth(), []),
        (truth(violation(effect=0.0), look_alikes=[look_alike()]), []),
        (truth(violation(effect=0.0, effect_unit="ratio")), [found()]),
        (truth(violation(kind="<b>"), look_alikes=[look_alike(category="")]), [found(), found("b", merchant_id="&")]),
    ],
)
def test_whatever_there_is_to_say_has_a_page_and_tables(whole: Truth, alerts: list[Found]) -> None:
    matching = match_alerts(whole, alerts, {})
    figures, of_queue = report(whole, matching), queue(whole, matching, {})
    parser = Balanced()
    parser.feed(page({"folder": "a&b", "left_out": ["merchant"], "transactions": 0}, figures, of_queue, matching))
    assert parser.open == []
    console = Console(width=200, record=True, file=StringIO())
    print_tables(console, figures, matching, "en", "Asia/Shanghai")
    print_queue(console, of_queue, "en")
    text = console.export_text()
    assert ("Missed violations (1; times: Asia/Shanghai)" in text) is bool(matching.missed())
    assert ("False alarms (1; times: Asia/Shanghai)" in text) is bool(matching.false_alarms())
    assert "Grades:" in text
    print_tables(console, figures, matching, "zh", "Asia/Shanghai")
    print_queue(console, of_queue, "zh")
    chinese = console.export_text()
    assert "队列前部" in chinese
    assert ("漏报的违规（1起；时间：北京时间）" in chinese) is bool(matching.missed())
    assert ("误报（1条；时间：北京时间）" in chinese) is bool(matching.false_alarms())
    assert "Recall" not in chinese


def test_the_json_lists_the_severest_false_alarms_and_every_missed_violation() -> None:
    missed = [violation(merchant_id=f"v{k}", effect=k) for k in range(60)]
    alerts = [found(f"a{k}", merchant_id=f"x{k}", severity=0.3 + k / 100) for k in range(60)]
    whole = truth(*missed)
    matching = match_alerts(whole, alerts, {})
    listed = as_json({}, report(whole, matching), queue(whole, matching, {}), matching)
    severities = [each["severity"] for each in listed["false_alarms"]]
    assert severities == [0.3 + k / 100 for k in range(59, 9, -1)]
    assert [each["effect"] for each in listed["missed"]] == list(range(59, -1, -1))
    assert (listed["false_alarms"][0]["reason"], listed["missed"][0]["onset"]) == (
        "because",
        "1970-01-11T00:00:00.000Z",
    )


class Balanced(HTMLParser):
    """Checks that every element is closed in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_without_master_data_the_monitor_learns_and_finds_other_things(
    folder: Path, result: tuple[str, dict[str, Any], str], tmp_path: Path
) -> None:
    out = tmp_path / "r.json"
    done = call("evaluate", folder, "--without-master-data", "--without-contracts", "--json", out)
    assert done.exit_code == 0, done.output
    learned = msgspec.json.decode(out.read_bytes())
    assert learned["left_out"] == ["merchant", "contract"]
    assert learned["transactions"] == result[1]["transactions"]
    assert mcc_of(learned)["at_severity"][0]["part"] < mcc_of(result[1])["at_severity"][0]["part"]


def test_a_truth_that_is_none_is_one_line_and_code_1(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").symlink_to(folder / "events.jsonl")
    (tmp_path / "truth.json").write_text("{}")
    done = call("evaluate", tmp_path)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {tmp_path / 'truth.json'}: Object missing required field")
    assert done.stderr.count("\n") == 1


def test_a_folder_without_a_truth_or_events_is_one_line_and_code_1(folder: Path, tmp_path: Path) -> None:
    done = call("evaluate", tmp_path)
    assert (done.exit_code, done.stderr) == (1, f"Error: {tmp_path / 'truth.json'}: No such file or directory\n")
    (tmp_path / "truth.json").symlink_to(folder / "truth.json")
    done = call("evaluate", tmp_path)
    assert (done.exit_code, done.stderr) == (1, f"Error: {tmp_path / 'events.jsonl'}: No such file or directory\n")


def test_an_output_that_is_an_input_is_refused_and_left_alone(folder: Path) -> None:
    before = (folder / "truth.json").read_bytes()
    for name in ("truth.json", "events.jsonl"):
        assert call("evaluate", folder, "--json", folder / name).exit_code == 2
    assert (folder / "truth.json").read_bytes() == before


def test_a_sieve_leaves_out_types_and_notes_when_named_transactions_first_happened() -> None:
    sieve = Sieve(["merchant"], ["t1", "t2"])
    lines = [
        b'{"type":"merchant","merchant_id":"m"}\n', b'{"type":"contract","merchant_id":"m"}\n', b"?\n", b"\xff\n",
        b'{"txn_id":"t1","event_time":1700000000000}\n', b'{"txn_id":"t1","event_time":1800000000000}\n',
        b'{"type":"transaction","txn_id":"t2","event_time":"2023-11-15T06:13:20.5+08:00"}\n',
        b'{"txn_id":"t3","event_time":1700000000000}\n', b'{"txn_id":7}\n', b'{"txn_id":"t2","event_time":"soon"}\n',
    ]  # fmt: skip
    assert sieve(lines) == lines[1:]
    assert sieve.txn_ms == {"t1": 1_700_000_000_000, "t2": 1_700_000_000_500}


def revision(number: int, last_ms: int, severity: float, *, closed: bool = False) -> Alert:
    text = Text("words", "话")
    return Alert(
        alert_id="a", revision=number, detector="mcc_jump", version=1, merchant_id="m", subject="merchant:m",
        severity=severity, hits=number, first_time=iso(DAY), last_time=iso(last_ms), at_stake=7 * number,
        loss=7 * number, bearer="issuer_network", currency="CNY", title=text, reason=text, evidence=(),
        txn_ids=(), risk_code="", closed=closed,
    )  # fmt: skip


def test_revisions_of_an_alert_are_gathered_and_a_closing_one_is_told_after_the_quiet_gap() -> None:
    collector = Collector(make_detectors())
    collector.take([revision(1, DAY, 0.2), revision(2, DAY + HOUR, 0.28)])
    collector.take([revision(3, DAY + 2 * HOUR, 0.31, closed=True)])
    (found,) = collector.found()
    gap_ms = make_detectors()[0].quiet_gap_s * 1000
    assert [each.emitted_ms for each in found.revisions] == [DAY, DAY + HOUR, DAY + 2 * HOUR + gap_ms]
    assert (found.category, found.severity, found.hits, found.loss_minor) == ("mcc", 0.31, 3, 21)
    assert (found.first_ms, found.last_ms) == (DAY, DAY + 2 * HOUR)
    assert found.detected_ms(DAY) == DAY + 2 * HOUR + gap_ms
