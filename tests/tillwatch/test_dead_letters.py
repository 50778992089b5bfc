"""`tillwatch dead-letters`: by hand, and through a worker whose fault is cured."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from streams.sqlite.address import SqliteAddress
from tests.tillwatch.conftest import call, json_lines

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tests.kafka.fixtures import NewKafka

SALE = {"amount": 1200, "currency": "CNY", "event_time": 1_790_000_000_000}
PAN = "6222021234567894"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A log with three refused lines: two of a bad amount, one of them with a card number, and one that is no JSON."""
    found = SqliteAddress(tmp_path / "tillwatch.db").url
    lines = [
        {**SALE, "txn_id": "good", "merchant_id": "m0"},
        {**SALE, "txn_id": "low", "merchant_id": "m1", "amount": -1},
        {**SALE, "txn_id": "lower", "merchant_id": "m2", "amount": -2, "note": f"card {PAN}"},
    ]
    file = tmp_path / "june.jsonl"
    file.write_text("\n".join([*map(json.dumps, lines), "?"]) + "\n")
    assert call("--log-url", found, "ingest", file, "--feed", "pos", "--historic", "--name", "june").exit_code == 3
    return found


def done(url: str, *arguments: str | Path) -> Result:
    result = call("--log-url", url, "dead-letters", *arguments)
    assert result.exit_code == 0, result.output
    return result


def parsed(url: str, *arguments: str | Path) -> Any:
    return msgspec.json.decode(done(url, *arguments, "--json").stdout)


def test_list_counts_by_reason_field_and_feed(url: str) -> None:
    found = parsed(url, "list")
    kinds = [(each["reason"], each["field"], each["feed"], each["count"], each["forwarded"]) for each in found]
    assert kinds == [("out-of-range", "amount", "pos", 2, 0), ("not-json", "", "pos", 1, 0)]
    assert [each["count"] for each in parsed(url, "list", "--reason", "not-json")] == [1]
    assert parsed(url, "list", "--until", "2020-01-01") == []
    shown = done(url, "list", "--lang", "zh").stdout
    assert "未计入记录" in shown
    assert "0/0: amount must be" in shown


def test_a_list_of_none_says_so_in_both_languages(url: str) -> None:
    assert done(url, "list", "--reason", "late").stdout == "no dead letters\n"
    assert done(url, "list", "--reason", "late", "--lang", "zh").stdout == "没有未计入的记录\n"
    assert parsed(url, "list", "--reason", "late") == []


def test_show_says_all_of_one_and_no_card_number(url: str) -> None:
    shown = done(url, "show", "0/1").stdout
    assert "amount must be 0 to" in shown
    assert "************7894" in shown
    assert PAN not in shown
    assert parsed(url, "show", "0/1")["forwarded"] is False


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ("0-1", 2, "must be PARTITION/OFFSET"),
        ("0/7", 1, "there is no dead letter 0/7; `tillwatch dead-letters list` names"),
        ("9/0", 1, "must be 0 to 3, got 9"),
    ],
)
def test_one_that_is_not_there_is_said_so(url: str, given: str, code: int, message: str) -> None:
    result = call("--log-url", url, "dead-letters", "show", given)
    assert result.exit_code == code
    assert message in result.output


def test_export_writes_what_was_chosen_masked_to_a_file_of_its_owner_alone(url: str, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    done(url, "export", file, "--field", "amount")
    lines = json_lines(file)
    assert [(each["id"], each["source"], each["position"], each["feed"]) for each in lines] == [
        ("0/0", "june", 2, "pos"), ("0/1", "june", 3, "pos"),
    ]  # fmt: skip
    assert PAN.encode() not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = call("--log-url", url, "dead-letters", "export", file)
    assert again.exit_code == 1
    assert "File exists" in again.output
    assert len(done(url, "export", "-").stdout.splitlines()) == 3


def test_retry_wants_to_know_which(url: str) -> None:
    for arguments in ((), ("--all", "--reason", "late")):
        result = call("--log-url", url, "dead-letters", "retry", *arguments)
        assert result.exit_code == 2
        assert "either --all or an option that chooses dead letters must be given" in result.output


def test_what_is_not_cured_is_counted_by_cause_and_left(url: str) -> None:
    shown = done(url, "retry", "--all").stdout
    assert "would be refused still" in shown
    assert "masked or cut" in shown
    assert parsed(url, "retry", "--all")["left"] == {
        "earlier": 0, "exhausted": 0, "unreadable": 1, "unknown-feed": 0, "clock": 0, "refused": 2,
    }  # fmt: skip
    assert "仍会被拒绝" in done(url, "retry", "--all", "--lang", "zh").stdout


def test_no_log_is_made_where_there_is_none(tmp_path: Path) -> None:
    result = call("--log-url", SqliteAddress(tmp_path / "none.db").url, "dead-letters", "list")
    assert result.exit_code == 1
    assert "there is no log at" in result.output
    assert not (tmp_path / "none.db").exists()


def _worked(url: str) -> dict[str, int]:
    """What a worker counts until it is idle."""
    result = call("--log-url", url, "worker", "--until-idle", "--json")
    assert result.exit_code == 0, result.output
    totals: dict[str, int] = msgspec.json.decode(result.stdout.splitlines()[-1])
    return totals


def _through_a_cure(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Merchants for whom there was no room are counted once there is, each sale once."""
    sales = [{**SALE, "txn_id": f"t{each}", "merchant_id": f"m{each}"} for each in range(40)]
    file = tmp_path / "sales.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in sales))
    monkeypatch.setenv("TILLWATCH_PARTITIONS", "1")
    assert call("--log-url", url, "ingest", file, "--feed", "pos", "--historic", "--name", "sales").exit_code == 0
    monkeypatch.setenv("TILLWATCH_CAPACITY", "10")
    first = _worked(url)
    assert (first["transactions"], first["dead_letters"]) == (10, 30)
    assert parsed(url, "retry", "--reason", "capacity")["forwarded"] == 30
    assert _worked(url)["dead_letters"] == 60  # nothing is cured yet
    monkeypatch.setenv("TILLWATCH_CAPACITY", "1000")
    cured = parsed(url, "retry", "--reason", "capacity")
    assert (cured["forwarded"], cured["left"]["earlier"]) == (30, 30)
    assert parsed(url, "retry", "--reason", "capacity")["forwarded"] == 0
    last = _worked(url)
    assert (last["transactions"], last["merchants"], last["dead_letters"], last["duplicates"]) == (40, 40, 60, 0)
    assert [(each["count"], each["forwarded"]) for each in parsed(url, "list")] == [(60, 60)]


@pytest.mark.slow
def test_records_are_counted_once_after_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _through_a_cure(SqliteAddress(tmp_path / "log.db").url, tmp_path, monkeypatch)


@pytest.mark.slow
def test_records_are_counted_once_after_the_cure_on_kafka(
    new_kafka: NewKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _through_a_cure(f"kafka://{new_kafka().bootstrap}", tmp_path, monkeypatch)
