"""`ingest` and files as they are: by a mapping alone, in any order, accounted for, gone on with after a kill."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from streams.files import sorting
from streams.sqlite.address import SqliteAddress
from tests.tillwatch.conftest import call, finish, start
from tillwatch import ingest as command
from tillwatch.ingest_watch import watch
from tillwatch.logs import open_log
from tillwatch.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from streams.intake import IntakeTotals

MAPPING = """
time_zone = "Asia/Shanghai"
[fields]
txn_id = "交易单号"
merchant_id = { constant = "m1" }
amount = "金额"
currency = { constant = "CNY" }
event_time = "交易时间"
txn_type = { column = "类型", values = { "支付" = "purchase", "退款" = "refund" } }
"""
START = datetime(2026, 7, 1, 9)  # noqa: DTZ001  as exports write times
HEADER = "交易时间,交易单号,金额,类型"


@pytest.fixture
def url(tmp_path: Path) -> str:
    (tmp_path / "log").mkdir()
    return SqliteAddress(tmp_path / "log" / "tillwatch.db").url


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "m.toml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


def rows(count: int = 120) -> list[str]:
    """Rows of ten days, two hours apart."""
    return [
        f"{START + timedelta(hours=2 * k):%Y-%m-%d %H:%M:%S},2502{k:015d}\t,¥{k + 1}.00,{_kind(k)}"
        for k in range(count)
    ]


def _kind(k: int) -> str:
    return "退款" if k % 20 == 7 else "支付"


def written(path: Path, *lines: str, encoding: str = "utf-8", end: str = "\n") -> Path:
    path.write_bytes(end.join((*lines, "")).encode(encoding))
    return path


def forwarded(url: str) -> list[str]:
    """Ids of the transactions in the log, sorted."""
    found = []
    with open_log(Settings(log_url=url)) as log:
        topic = log.topics.events.name
        for partition in range(log.partitions(topic)):
            records = log.read(topic, partition, log.first_offset(topic, partition))
            found += [msgspec.json.decode(records.value(k)) for k in range(len(records))]
    return sorted(each["txn_id"] for each in found if "txn_id" in each)


def ingested(url: str, *arguments: Path | str) -> tuple[int, dict[str, Any]]:
    found = call("--log-url", url, "ingest", *arguments, "--historic", "--json")
    return found.exit_code, msgspec.json.decode(found.stdout) if found.stdout else {"error": found.output}


EVERY = sorted(row.split(",")[1].strip() for row in rows())


@pytest.mark.parametrize("shape", ["newest first", "preamble", "gb18030", "utf-16", "gz"])
def test_exports_as_they_are_are_counted_whole_by_a_mapping_alone(
    url: str, tmp_path: Path, mapping: Path, shape: str
) -> None:
    file, newest_first = tmp_path / "june.csv", rows()[::-1]
    if shape == "newest first":
        written(file, HEADER, *newest_first)
    elif shape == "preamble":
        preamble = ["美团交易账单明细(列表)", "用户名：[张三]", "", "----------------,,,", *["说明"] * 14]
        written(file, *preamble, HEADER, *newest_first, "共120笔记录", encoding="utf-8-sig", end="\r\n")
    elif shape == "gb18030":
        padded = ",".join(f"{name}    " for name in HEADER.split(",")) + ","
        written(file, *["特别提示："] * 24, padded, *(f"{row}   ," for row in newest_first), encoding="gb18030")
    elif shape == "utf-16":
        written(file, HEADER.replace(",", "\t"), *(row.replace("\t", "").replace(",", "\t") for row in newest_first),
                encoding="utf-16")  # fmt: skip
    else:
        file.write_bytes(gzip.compress(written(file, HEADER, *newest_first).read_bytes()))
    code, totals = ingested(url, file, "--mapping", mapping)
    assert (code, totals["forwarded"], totals["dead_letters"]) == (0, 120, 0)
    assert forwarded(url) == EVERY


def test_newest_first_json_lines_lose_nothing_and_a_misdated_row_is_refused_alone(url: str, tmp_path: Path) -> None:
    events = [
        {"txn_id": f"t{k}", "merchant_id": "m", "amount": 1, "currency": "CNY",
         "event_time": f"2026-03-{20 - k // 4:02d}T12:{59 - k % 4:02d}:00+08:00"}
        for k in range(60)
    ]  # fmt: skip
    events.insert(30, {**events[0], "txn_id": "odd", "event_time": "2026-06-05T12:00:00+08:00"})
    file = written(tmp_path / "march.jsonl", *map(json.dumps, events))
    code, totals = ingested(url, file)
    assert (code, totals["forwarded"], totals["dead_letters"]) == (3, 60, 1)
    (refused,) = totals["refused"]
    assert (refused["reason"], refused["first"][0]["line"]) == ("misdated", 31)
    assert "odd" not in forwarded(url)


def test_what_was_refused_is_accounted_for_by_reason_and_decides_the_exit_code(
    url: str, tmp_path: Path, mapping: Path
) -> None:
    bad = ["2026-07-02 00:00:00,x,oops,支付", "2026-07-02 00:00:00,8.98E+14,1.00,支付", "2026-07-02 00:00:00,y,1.00"]
    file = written(tmp_path / "june.csv", HEADER, *rows()[:3], *bad, *rows()[3:])
    code, totals = ingested(url, file, "--mapping", mapping)
    assert (code, totals["lines"], totals["forwarded"], totals["dead_letters"]) == (3, 123, 120, 3)
    assert {(each["field"], each["first"][0]["line"]) for each in totals["refused"]} == {
        ("amount", 5), ("txn_id", 6), ("", 7)
    }  # fmt: skip
    shown = call(
        "--log-url", url, "ingest", file, "--mapping", mapping, "--name", "again", "--historic", "--max-refused", "5"
    )
    assert shown.exit_code == 0
    assert "june.csv" in shown.output
    assert "left out: brought before by another input" in shown.output


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"<html></html>", "a web page"),
        (b"a,b\n1,2\n", "say by --mapping"),
        (b"\x89PNG\r\n", "a picture"),
    ],
)
def test_rubbish_is_refused_with_what_it_seems_and_exit_code_one(
    url: str, tmp_path: Path, data: bytes, words: str
) -> None:
    file = tmp_path / "june.jsonl"
    file.write_bytes(data)
    for arguments in (("ingest", file), ("replay", file), ("peers", "build", file, "--out", tmp_path / "p.json")):
        found = call("--log-url", url, *arguments)
        assert found.exit_code == 1
        assert words in found.output
    assert not (tmp_path / "p.json").exists()


def test_all_refused_is_exit_code_one(url: str, tmp_path: Path, mapping: Path) -> None:
    file = written(tmp_path / "june.csv", HEADER, *(row.replace("¥", "x") for row in rows()))
    code, totals = ingested(url, file, "--mapping", mapping)
    assert (code, totals["forwarded"], totals["dead_letters"]) == (1, 0, 120)


def test_an_ingest_that_was_killed_goes_on_without_a_double_or_a_loss(
    url: str, tmp_path: Path, mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.files.inputs._BATCH", 16)
    monkeypatch.setattr(sorting, "RUN_BYTES", 2_000)
    bad = "2026-07-05 00:00:00,x,oops,支付"
    file = written(tmp_path / "june.csv", HEADER, *rows()[::-1][:60], bad, *rows()[::-1][60:])
    real, parts = command.ingest, 0

    def killed(*arguments: Any, **options: Any) -> IntakeTotals:
        def progress(_: IntakeTotals) -> None:
            nonlocal parts
            parts += 1
            if parts == 3:
                raise KeyboardInterrupt

        return real(*arguments, **{**options, "on_progress": progress})

    with monkeypatch.context() as patched:
        patched.setattr(command, "ingest", killed)
        assert call("--log-url", url, "ingest", file, "--mapping", mapping, "--historic").exit_code == 130
    assert 0 < len(forwarded(url)) < 120
    code, totals = ingested(url, file, "--mapping", mapping, "--max-refused", "5")
    assert code == 0
    assert 0 < totals["forwarded"] < 120
    assert forwarded(url) == EVERY
    assert ingested(url, file, "--mapping", mapping)[1]["lines"] == 0


def test_an_export_that_grew_at_its_top_is_taken_from_its_new_rows_on(url: str, tmp_path: Path, mapping: Path) -> None:
    file = written(tmp_path / "june.csv", HEADER, *rows(60)[::-1])
    assert ingested(url, file, "--mapping", mapping)[1]["forwarded"] == 60
    written(file, HEADER, *rows()[::-1])
    assert ingested(url, file, "--mapping", mapping)[1]["forwarded"] == 60
    assert forwarded(url) == EVERY


def test_a_file_is_gone_on_with_as_it_was_begun_whatever_settings_and_names_are(url: str, tmp_path: Path) -> None:
    def lines(*days: int) -> list[str]:
        return [
            json.dumps({"txn_id": f"t{day}", "merchant_id": "m1", "amount": 1, "currency": "CNY",
                        "event_time": f"2026-07-{day:02d}T10:00:00+08:00"}) for day in days
        ]  # fmt: skip

    for name in ("j", "j/lines", "j/lines/mark"):
        file = written(tmp_path / "newest-first.jsonl", *lines(4, 1))
        assert ingested(url, file, "--name", name)[0] == 0
        written(file, *lines(5, 4, 1))
        config = written(tmp_path / "late.toml", "late_s = 999999")  # now the file could be read as it stands
        found = call("--config", config, "--log-url", url, "ingest", file, "--historic", "--json", "--name", name)
        assert found.exit_code == 0, found.output
    for name in ("k", "k/lines"):
        file = written(tmp_path / "as-it-stands.jsonl", *lines(6, 7))
        ingested(url, file, "--name", name)
        written(file, *lines(6, 7, 5))  # now it would be sorted
        assert ingested(url, file, "--name", name)[0] == 0


@pytest.mark.parametrize("mapped", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_what_is_piped_again_without_a_name_is_not_doubled_and_more_of_it_is_taken(
    url: str, mapping: Path, mapped: bool
) -> None:
    def piped(count: int) -> int:
        each = rows(count) if mapped else [
            json.dumps({"txn_id": row.split(",")[1].strip(), "merchant_id": "m1", "amount": 1, "currency": "CNY",
                        "event_time": f"{row[:10]}T{row[11:19]}+08:00"}) for row in rows(count)
        ]  # fmt: skip
        given = "\n".join([HEADER, *each] if mapped else each) + "\n"
        options = ("--mapping", mapping) if mapped else ()
        process = start("--log-url", url, "ingest", "-", *options, "--historic", "--json")
        code, out, errors = finish(process, given)
        assert code == 0, errors
        return int(json.loads(out)["forwarded"])

    assert [piped(60), piped(60), piped(120), piped(120)] == [60, 0, 60, 0]
    assert forwarded(url) == EVERY


def test_replay_ends_as_ingest_does_where_all_or_much_was_refused(tmp_path: Path, mapping: Path) -> None:
    good, bad = rows(50), "2026-07-02 00:00:00,x,oops,支付"
    for lines, code in (([*good, bad], 3), ([bad], 1), (good, 0)):
        file = written(tmp_path / "june.csv", HEADER, *lines)
        found = call("replay", file, "--mapping", mapping)
        assert found.exit_code == code
        assert ("amount must be an amount, got 'oops'" in " ".join(found.stdout.split())) == (code != 0)
    written(tmp_path / "june.csv", HEADER, *good, bad)
    assert call("replay", tmp_path / "june.csv", "--mapping", mapping, "--max-refused", "5").exit_code == 0


def test_files_given_together_are_merged_each_by_the_mapping_that_fits(url: str, tmp_path: Path, mapping: Path) -> None:
    refunds = tmp_path / "r.toml"
    refunds.write_text(
        '[fields]\ntxn_id = "rid"\nmerchant_id = { constant = "m1" }\namount = "sum"\ncurrency = { constant = "CNY" }\n'
        'event_time = { column = "at", format = "epoch-s" }\ntxn_type = { constant = "refund" }\n'
    )
    other = written(tmp_path / "refunds.csv", "rid,sum,at", "r1,1.00,1783000000")
    file = written(tmp_path / "june.csv", HEADER, *rows())
    code, totals = ingested(url, file, other, "--mapping", mapping, "--mapping", refunds)
    assert (code, totals["forwarded"]) == (0, 121)


def test_a_dry_run_shows_ten_events_and_every_problem_and_writes_nothing(
    url: str, tmp_path: Path, mapping: Path
) -> None:
    file = written(tmp_path / "june.csv", HEADER, *rows(), "2026-07-02 00:00:00,x,oops,支付")
    found = call("--log-url", url, "ingest", file, "--mapping", mapping, "--dry-run")
    assert found.exit_code == 0
    assert [json.loads(line)["amount"] for line in found.stdout.splitlines()] == [100 * k for k in range(1, 11)]
    assert "june.csv:122: amount must be an amount" in found.stderr
    assert "121 rows read, 120 events, 1 row refused; nothing was written" in found.stderr
    assert list((tmp_path / "log").iterdir()) == []


def test_a_guess_is_a_mapping_that_takes_the_file_and_names_its_doubts(url: str, tmp_path: Path) -> None:
    shop = [f"{row},S1,{'否' if k % 2 else '是'}" for k, row in enumerate(rows())]
    file, out = written(tmp_path / "june.csv", "账单", f"{HEADER},商户号,备注", *shop), tmp_path / "guess.toml"
    shown = call("--log-url", url, "ingest", file, "--guess", out)
    assert shown.exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert "不" not in text
    assert 'currency = { constant = "CNY" }  # not sure: no column has it; by the signs of amounts' in text
    assert "# Columns that are not read: 备注" in text
    assert ingested(url, file, "--mapping", out)[1]["forwarded"] == 120
    assert call("--log-url", url, "ingest", file, "--guess", out).exit_code == 2


def test_a_guess_that_lacks_a_required_field_is_refused_until_it_is_filled_in(url: str, tmp_path: Path) -> None:
    file, out = written(tmp_path / "june.csv", HEADER, *rows()), tmp_path / "guess.toml"
    call("--log-url", url, "ingest", file, "--guess", out)
    assert '# merchant_id = { constant = "..." }  # not sure' in out.read_text(encoding="utf-8")
    refused = call("--log-url", url, "ingest", file, "--mapping", out)
    assert refused.exit_code == 1
    assert "must have the fields that a transaction requires, merchant_id are missing" in refused.output


def test_a_folder_is_watched_and_each_finished_file_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tillwatch.ingest_watch.POLL_S", 0.0)
    for name in ("a.csv", ".hidden", "b.csv.part"):
        written(tmp_path / name, "x")
    took: list[str] = []
    watch(tmp_path, lambda path: took.append(path.name) or 0, "en", turns=4)  # type: ignore[func-returns-value]
    assert took == ["a.csv"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument 'FILE…'"), (("-", "x.csv"), "- must stand alone"),
        (("x.csv", "x.csv"), "given once each"),
        (("x.csv", "--watch", "."), "--watch must stand without FILE"), (("x.csv", "--join", "a"), "must be NAME=FILE"),
        (("x.csv", "--max-refused", "101"), "is not in the range"),
        (("x.csv", "--max-refused", "nan"), "is not a finite number"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    written(tmp_path / "x.csv", "a")
    monkeypatch.chdir(tmp_path)
    found = call("--log-url", url, "ingest", *arguments)
    assert found.exit_code == 2
    assert words in found.output
