"""Visits as a table: out and in again, from other programs' files, with every fault by its line."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from casework import visit_table
from casework.errors import NotAllowed, Refused
from casework.inspections import RECHECK
from casework.visit_table import COLUMNS, Fault, read_table, rows_of, take_in
from console.tables import as_csv, as_xlsx
from domain.timestamps import iso
from tests.casework.desk import DAY_MS, LI, REP, Desk
from tests.casework.test_field_events import tell
from tests.casework.world import NOW_MS, rows

ZONE = "Asia/Shanghai"
HEAD = "商户号,走访时间,走访人,走访类别,走访结果,备注,纬度,经度,坐标系\n"


def taken(desk: Desk, text: str | bytes, **more: Any) -> visit_table.Taken:
    raw = text if isinstance(text, bytes) else text.encode()
    return take_in(desk.store, LI, read_table(raw, ZONE, desk.now_ms), desk.now_ms, **more)


def test_a_chinese_table_of_another_program_is_taken_in_once(desk: Desk) -> None:
    text = HEAD + (
        "m1,2026-11-20 10:15,rep-1,日常回访,与登记不符,卡号6222021234567894,31.2,121.5,GCJ-02\n"
        "m2,2026/11/21 9:05:30,rep-2,alert,as_registered,,,,\n"
    )
    assert taken(desk, text, dry_run=True)[:3] == (2, 0, 0)
    assert rows(desk.store, "visits") == []
    assert taken(desk, text.encode("gb18030"))[:3] == (2, 0, 0)
    assert taken(desk, text)[:3] == (0, 0, 2)
    found = rows(desk.store, "visits", "merchant_id", "visited_ms", "by", "visit_kind", "outcome", "note", "coord_sys")
    assert [(each[0], iso(each[1]), *each[2:]) for each in found] == [
        ("m1", "2026-11-20T02:15:00.000Z", "rep-1", "routine", "differs", "卡号************7894", "gcj02"),
        ("m2", "2026-11-21T01:05:30.000Z", "rep-2", "alert", "as_registered", "", ""),
    ]
    assert RECHECK in {each for (each,) in rows(desk.store, "inspections", "rule")}
    desk.agent.file()
    assert [(each["type"], each["merchant_id"]) for each in desk.sent()].count(("visit", "m1")) == 1
    assert desk.kinds().count("import_visits") == 1


def test_a_row_that_says_otherwise_corrects_the_visit_and_the_log_hears_of_it(desk: Desk) -> None:
    taken(desk, "merchant_id,visited_at,person_id,outcome\nm1,2026-11-20 10:15,rep-1,not_found\n")
    desk.now_ms += 1
    again = "merchant_id,visited_at,person_id,outcome\nm1,2026-11-20T10:15:00+08:00,rep-1,as_registered\n"
    assert taken(desk, again)[:3] == (0, 1, 0)
    assert rows(desk.store, "visits", "outcome") == [("as_registered",)]
    desk.agent.file()
    assert [each["outcome"] for each in desk.sent()] == ["not_found", "as_registered"]


def test_faults_are_told_by_line_and_the_other_rows_are_taken(desk: Desk) -> None:
    text = HEAD + (
        "m1,2026-11-20 10:15,rep-1,,,,,,\n"
        ",2026-11-20 10:15,rep-1,,,,,,\n"
        "m1,gestern,rep-1,,,,,,\n"
        "\n"
        'm1,2026-11-20 11:15,rep-1,,fine,"two\nlines",,,\n'
        "m1,2027-11-20 10:15,rep-1,,,,,,\n"
        "nobody,2026-11-20 10:15,rep-1,,,,,,\n"
        "m1,2026-02-30 10:15,rep-1,,,,,,\n"
        "m1,2026-11-19 10:15,rep-1,,,,95,1,wgs84\n"
        "m1,2026-11-18 10:15,rep-1,,,,1,1,utm\n"
        "m1,2026-11-17 10:15,6222021234567894,,,,,,\n"
    )
    found = taken(desk, text)
    assert found[:3] == (1, 0, 0)
    assert [each.line for each in found.faults] == [3, 4, 6, 8, 9, 10, 11, 12, 13]
    begins = (
        "merchant_id must be given", "visited_at must be a time such as", "outcome must be one of",
        "visited_at must not be after now", "there is no merchant nobody", "visited_at must be a time such as",
        "lat must be -90 to 90 degrees, got 95", "coord_sys must be one of wgs84", "person_id: ",
    )  # fmt: skip
    for fault, words in zip(found.faults, begins, strict=True):
        assert fault.message.startswith(words), fault


def test_an_excel_file_with_dates_and_numbers_is_read(desk: Desk) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["merchant_id", "visited_at", "person_id", "outcome", "lat", "lon", "anything"])
    at = datetime(2026, 11, 20, 10, 15)  # noqa: DTZ001  as Excel has it
    sheet.append(["m1", at, "rep-1", "搬迁", 31.25, 121, "x"])
    sheet.append([None] * 7)
    sheet.append(["m2", "2026-11-20 10:15", 7, "搬迁", None, None, None])
    file = io.BytesIO()
    book.save(file)
    assert taken(desk, file.getvalue())[:3] == (2, 0, 0)
    found = rows(desk.store, "visits", "merchant_id", "by", "visited_ms")
    assert [(each[0], each[1], iso(each[2])) for each in found] == [
        ("m1", "rep-1", "2026-11-20T02:15:00.000Z"), ("m2", "7", "2026-11-20T02:15:00.000Z"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "header must have merchant_id and visited_at"),
        (b"shop,visited_at\n", "got 'shop,visited_at'"), (b"merchant_id,visited_at,merchant_id\n", "each column once"),
        (b'merchant_id,visited_at\n"m1,x\n', "must be CSV, line 2"), (b"\xff\xfe\xff", "in UTF-8 or GB18030"),
        (b"PK\x03\x04nothing", "must be an Excel file"), (b"x" * (visit_table.MOST_BYTES + 1), "at most 5242880 bytes"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(Refused, match=message):
        read_table(raw, ZONE, NOW_MS)


def test_an_excel_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit_table, "_MOST_UNPACKED", 100)
    with pytest.raises(Refused, match="must unpack to at most 100 bytes"):
        read_table(as_xlsx("x", ["merchant_id", "visited_at"], [["m1", "2026-11-20"]]), ZONE, NOW_MS)


def test_those_who_do_not_work_on_cases_take_nothing_in(desk: Desk) -> None:
    found = read_table(b"merchant_id,visited_at\nm1,2026-11-20\n", ZONE, NOW_MS)
    with pytest.raises(NotAllowed):
        take_in(desk.store, REP, found, NOW_MS)


@pytest.mark.parametrize("write", [as_csv, lambda head, cells: as_xlsx("visits", head, cells)])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_table_that_was_kept_and_is_taken_in_again_changes_nothing(desk: Desk, write: Any, lang: str) -> None:
    for k, note in enumerate(("=1+1", "'quoted", "-5", "@x", "two\nlines", "店主“王”,外出", "")):
        tell(desk.log, "visit", "m1", NOW_MS - DAY_MS + k, k, person_id="rep-1", note=note, lat=31.25, lon=-0.5)
    desk.agent.file()
    before = rows(desk.store, "visits")
    cells = rows_of(desk.store, LI, 0, NOW_MS, ZONE, NOW_MS)
    raw = write([getattr(each, lang) for each in COLUMNS.values()], cells)
    assert b"\n=1+1" not in raw
    assert taken(desk, raw)[:3] == (0, 0, 7)
    assert rows(desk.store, "visits") == before
    assert rows_of(desk.store, REP, 0, NOW_MS, ZONE, NOW_MS) == cells
    assert len(rows_of(desk.store, LI, NOW_MS - DAY_MS + 2, NOW_MS - DAY_MS + 5, ZONE, NOW_MS)) == 3


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for given_ in (raw, b"merchant_id,visited_at,note\n" + raw, b"PK\x03\x04" + raw):
        try:
            found = read_table(given_, ZONE, NOW_MS)
        except Refused:
            continue
        assert all(isinstance(each, Fault) and each.line > 1 for each in found.faults)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2026, 11, 1)))  # noqa: DTZ001  by a clock on the wall
def test_a_time_is_read_as_it_was_written(made: datetime) -> None:
    shown = made.replace(microsecond=made.microsecond // 1000 * 1000, tzinfo=UTC)
    raw = f"merchant_id,visited_at\nm1,{shown.isoformat(sep=' ', timespec='milliseconds')}\n".encode()
    (row,) = read_table(raw, ZONE, NOW_MS).rows
    assert row.event["event_time"] == iso(round(shown.timestamp() * 1000))
