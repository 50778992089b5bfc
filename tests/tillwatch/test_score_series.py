from __future__ import annotations

import csv
import gzip
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from tests.tillwatch.conftest import call, finish, start
from tillwatch.cli import commands
from tillwatch.score_series import NAMED, parse_ts_ms

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

MIDNIGHT_S = 1_700_006_400


def rows(entity: str, count: int, seed: int = 1, spike: int | None = None) -> list[str]:
    value = 100 + np.random.default_rng(seed).normal(0, 2, count)
    if spike is not None:
        value[spike] = 200
    return [f"{entity},{MIDNIGHT_S + 300 * k},{each:.4f}" for k, each in enumerate(value)]


def written(text: str) -> list[list[str]]:
    heading, *found = csv.reader(io.StringIO(text))
    assert heading == ["entity_id", "ts", "score", "expected", "alert"]
    return found


def score(tmp_path: Path, lines: list[str], header: str = "entity_id,ts,value") -> Result:
    file = tmp_path / "in.csv"
    file.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return call("score-series", file)


def test_each_row_has_its_score_in_the_order_of_the_file(tmp_path: Path) -> None:
    lines = rows("shop", 1500, spike=1200)
    result = score(tmp_path, lines)
    assert result.exit_code == 0
    found = written(result.stdout)
    assert [each[:2] for each in found] == [line.split(",")[:2] for line in lines]
    scores = np.array([float(each[2]) for each in found])
    assert scores.min() >= 0
    assert scores.max() < 1
    assert int(scores[750:].argmax()) + 750 == 1200
    assert float(found[1200][3]) == pytest.approx(100, abs=1)


def test_a_row_at_the_threshold_is_an_alert_and_the_threshold_may_be_another(tmp_path: Path) -> None:
    lines = rows("shop", 1500, spike=1200)
    found = written(score(tmp_path, lines).stdout)
    assert {each[4] for each in found} == {"0", "1"}
    assert found[1200][4] == "1"
    assert not any(each[4] == "1" for each in found[1201:1260])
    high = written(call("score-series", tmp_path / "in.csv", "--threshold", "0.99").stdout)
    assert [each[:4] for each in high] == [each[:4] for each in found]
    assert {each[4] for each in high} == {"0"}


@pytest.mark.parametrize("threshold", ["0", "1", "-0.5", "high"])
def test_a_threshold_lies_between_0_and_1(tmp_path: Path, threshold: str) -> None:
    file = tmp_path / "in.csv"
    file.write_text("entity_id,ts,value\n")
    assert call("score-series", file, "--threshold", threshold).exit_code == 2


def test_daily_rows_with_compact_dates_are_judged_as_the_same_dates_in_iso(tmp_path: Path) -> None:
    day = np.arange("2024-01-01", "2025-12-01", dtype="datetime64[D]")
    weekday = np.arange(len(day)) % 7
    value = np.where(weekday == 6, 0, np.random.default_rng(1).poisson(100, len(day)))
    value[598:601] = 0  # Thursday to Saturday
    iso = [f"a,{each},{count}" for each, count in zip(day, value, strict=True)]
    compact = [line.replace("-", "") for line in iso]
    ours, theirs = written(score(tmp_path, compact).stdout), written(score(tmp_path, iso).stdout)
    assert [each[2:] for each in ours] == [each[2:] for each in theirs]
    assert not any(each[4] == "1" for each, day in zip(ours, weekday, strict=True) if day == 6)
    assert any(each[4] == "1" for each in ours[598:601])


def test_series_may_be_interleaved_or_one_after_another(tmp_path: Path) -> None:
    first, second = rows("a", 900, 1, 800), rows("b", 900, 2)
    mixed = [line for pair in zip(first, second, strict=True) for line in pair]
    apart, together = written(score(tmp_path, first + second).stdout), written(score(tmp_path, mixed).stdout)
    assert sorted(apart) == sorted(together)


def test_a_longer_file_only_adds_lines(tmp_path: Path) -> None:
    lines = rows("a", 1200)
    short, long = score(tmp_path, lines[:700]).stdout, score(tmp_path, lines).stdout
    assert long.startswith(short)


def test_bad_lines_are_named_and_counted_and_the_others_scored(tmp_path: Path) -> None:
    bad = ["a,yesterday,1", "a,1700000000", "a,1700000000,many", "a,1700000000,nan", ",1700000000,1", 'a,"1700000000,1']
    result = score(tmp_path, [*rows("a", 3), *bad, "", *rows("b", 2)])
    assert result.exit_code == 0
    assert len(written(result.stdout)) == 5
    named = [line for line in result.stderr.splitlines() if line.startswith("line ")]
    assert [line.split(":")[0] for line in named] == [f"line {k}" for k in range(5, 11)]
    accepted = "ISO 8601, YYYYMMDD[hhmm[ss]] or integer epoch seconds or milliseconds"
    assert named[0] == f"line 5: ts must be {accepted}, got 'yesterday'"
    assert named[1] == "line 6: 3 fields expected, got 2"
    assert named[2] == "line 7: value must be a number, got 'many'"
    assert "5 rows of 2 series, 6 bad lines" in result.stderr


def test_a_flood_of_bad_lines_is_counted_and_no_longer_named(tmp_path: Path) -> None:
    result = score(tmp_path, [*rows("a", 1), *["a,b,c"] * (NAMED + 50)])
    assert sum(line.startswith("line ") for line in result.stderr.splitlines()) == NAMED
    assert f"{NAMED + 50} bad lines" in result.stderr


def test_a_file_of_which_nothing_can_be_read_fails(tmp_path: Path) -> None:
    result = score(tmp_path, ["a,b,c", "d,e,f"])
    assert result.exit_code == 1
    assert "no row could be read, 2 bad lines" in result.stderr


@pytest.mark.parametrize("text", ["", "id,when,what\n1,2,x\n"])
def test_a_file_without_header_and_row_fails(tmp_path: Path, text: str) -> None:
    file = tmp_path / "in.csv"
    file.write_text(text)
    assert call("score-series", file).exit_code == 1


def test_a_header_alone_is_an_empty_result(tmp_path: Path) -> None:
    result = score(tmp_path, [])
    assert (result.exit_code, result.stdout) == (0, "entity_id,ts,score,expected,alert\n")


def test_columns_are_found_by_name_and_others_left_out(tmp_path: Path) -> None:
    lines = [",".join(["EUR", *reversed(line.split(","))]) for line in rows("a", 5)]
    assert written(score(tmp_path, lines, "Currency,VALUE, ts,entity_id").stdout) == written(
        score(tmp_path, rows("a", 5)).stdout
    )


def test_a_file_may_have_no_header_and_windows_line_ends_and_a_mark_at_its_start(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(rows("a", 5)).encode())
    assert written(call("score-series", file).stdout) == written(score(tmp_path, rows("a", 5)).stdout)


def test_names_keep_commas_quotes_chinese_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    names = [b'"a, b"', b'"say ""hi"""', "商户".encode(), b"\xff\xfe"]
    file, out = tmp_path / "in.csv", tmp_path / "out.csv"
    file.write_bytes(b"entity_id,ts,value\n" + b"".join(name + b",1700000000,1\n" for name in names))
    assert call("score-series", file, "--out", out).exit_code == 0
    heading, *found = out.read_bytes().splitlines()
    assert heading == b"entity_id,ts,score,expected,alert"
    assert [line.split(b",1700000000,")[0] for line in found] == names


def test_a_gzipped_file_and_standard_input_give_the_same(tmp_path: Path) -> None:
    text = "\n".join(["entity_id,ts,value", *rows("a", 400)])
    zipped = tmp_path / "in.csv.gz"
    zipped.write_bytes(gzip.compress(text.encode()))
    piped = CliRunner().invoke(commands, ["score-series", "-"], input=text)
    assert piped.exit_code == 0
    assert call("score-series", zipped).stdout == piped.stdout


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("entity_id,ts,value\na,1700000000,1\n")
    assert call("score-series", file, "--out", file).exit_code == 2
    assert file.read_text().startswith("entity_id")


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T03:02:03Z",
        "2026-11-21T11:02:03+08:00",
        "2026-11-21 03:02:03",
        " 2026-11-21T03:02:03.000",
        "20261121030203",
        "20261121T110203+0800",
        "1795230123",
        "1795230123000",
    ],
)
def test_a_time_may_be_written_in_any_of_these_ways(text: str) -> None:
    assert parse_ts_ms(text) == 1_795_230_123_000


@pytest.mark.parametrize(("text", "iso"), [
    ("20261121", "2026-11-21T00:00:00Z"),
    ("202611210302", "2026-11-21T03:02:00Z"),
    ("19991231", "1999-12-31T00:00:00Z"),
    ("20280229", "2028-02-29T00:00:00Z"),
    ("20261121T1102", "2026-11-21T11:02:00Z"),
])  # fmt: skip
def test_a_date_may_be_written_without_separators_and_is_utc(text: str, iso: str) -> None:
    assert parse_ts_ms(text) == parse_ts_ms(iso)


@pytest.mark.parametrize(("text", "ts_ms"), [
    ("2026112103", 2_026_112_103_000),  # ten digits are seconds, never a date with an hour
    ("2026112103020", 2_026_112_103_020),  # thirteen digits are milliseconds
    ("915148800000", 915_148_800_000),  # twelve digits of 1999: no year begins with 91
    ("915148800", 915_148_800_000),
    ("86400", 86_400_000),
    ("-20261121", -20_261_121_000),
    ("0", 0),
])  # fmt: skip
def test_digits_that_could_be_an_epoch_or_a_date_are_read_by_their_number(text: str, ts_ms: int) -> None:
    assert parse_ts_ms(text) == ts_ms


@pytest.mark.parametrize(
    "text",
    [
        "20261301",
        "20260229",
        "21112026",
        "01112026",
        "12345678",
        "22000101",
        "202611212460",
        "202613010000",
        "20261121030260",
        "99991231235959",
    ],
)
def test_digits_of_a_date_that_does_not_exist_are_refused_and_not_read_as_an_epoch(text: str) -> None:
    with pytest.raises(ValueError, match=rf"ts of {len(text)} digits must be a date .*, got '{text}'"):
        parse_ts_ms(text)


@pytest.mark.parametrize("text", ["", "noon", "2026-13-01", "1.5", "9" * 30, "\uff11\uff12"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ts must"):
        parse_ts_ms(text)


def test_a_date_that_cannot_be_read_is_named_with_its_line_and_column(tmp_path: Path) -> None:
    result = score(tmp_path, ["a,20260227,1", "a,20260229,1", "a,20260301,1"])
    assert [each[1] for each in written(result.stdout)] == ["20260227", "20260301"]
    assert "line 3: ts of 8 digits must be a date YYYYMMDD[hhmm[ss]] of 1900 to 2099, got '20260229'" in result.stderr
    assert "2 rows of 1 series, 1 bad line" in result.stderr


def test_a_row_that_comes_through_a_pipe_is_scored_without_waiting_for_more() -> None:
    process = start("score-series", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("entity_id,ts,value\na,1700000000,1\n")
    process.stdin.flush()
    assert process.stdout.readline() == "entity_id,ts,score,expected,alert\n"
    assert process.stdout.readline().startswith("a,1700000000,0.")
    code, rest, _ = finish(process)
    assert (code, rest) == (0, "")
