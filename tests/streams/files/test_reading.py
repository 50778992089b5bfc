"""Files of every kind, packing and encoding give the same events; what is none is refused by what it seems."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from cramjam import zstd
from openpyxl import Workbook
from pyarrow import parquet

from streams.files.errors import FileRefused
from streams.files.mapping import read_mapping
from streams.files.reading import Door, Passed, items_of
from tests.streams.files.files_made import HEADER, MAPPING, events, ids, items, sale, table

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [sale(k) for k in range(5)]
WANTED = [f"t{k}" for k in range(5)]
DATA = table(*ROWS)


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def workbook(*rows: list[Any]) -> bytes:
    book, out = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for each in rows:
        sheet.append(each)
    book.save(out)
    return out.getvalue()


def columns() -> dict[str, list[str]]:
    return {name: [row.split(",")[k] for row in ROWS] for k, name in enumerate(HEADER.split(","))}


def records() -> list[dict[str, str]]:
    return [dict(zip(HEADER.split(","), row.split(","), strict=True)) for row in ROWS]


@pytest.mark.parametrize(
    "data",
    [
        DATA, table(*ROWS, end="\r\n"), table(*ROWS, end="\r"), b"\xef\xbb\xbf" + DATA, DATA.rstrip(),
        DATA.decode().encode("utf-16"), DATA.decode().encode("utf-16-le"), DATA.decode().encode("utf-16-be"),
        DATA.decode().encode("gb18030"), DATA.decode().encode("gbk"), DATA.replace(b",", b"\t"),
        DATA.replace(b",", b";"), DATA.replace(b",", b"|"), gzip.compress(DATA), bytes(zstd.compress(DATA)),
        zipped(a=DATA),
        zipped(**{"a.csv.gz": gzip.compress(DATA), "__MACOSX/a": b"x"}),
        gzip.compress(DATA.decode().encode("gb18030")),
        b"\n\n" + DATA, DATA + DATA,
        "账单\n导出时间：2026\n----,,\n".encode() + DATA + "共5笔\n合计,,,15.00\n".encode(),
        "\n".join(f'"{row}"'.replace(",", '","') for row in (HEADER, *ROWS)).encode(),
        HEADER.replace(",", "  ,\t").encode() + b"\n" + "\n".join(f"{row}," for row in ROWS).encode(),
    ],
)  # fmt: skip
def test_a_table_of_text_is_read_in_every_dress(data: bytes) -> None:
    assert ids(data)[:5] == WANTED


def test_workbooks_parquet_and_json_give_the_same_events() -> None:
    plain = events(DATA)
    header = HEADER.split(",")
    typed = [[datetime(2026, 7, 5, 0, k), f"t{k}", "m1", k + 1] for k in range(5)]  # noqa: DTZ001  as Excel has them
    arrow = pa.table({**columns(), "金额": [Decimal(f"{k + 1}.00") for k in range(5)]})
    out = io.BytesIO()
    parquet.write_table(arrow, out)
    for data in (
        workbook(["账单"], [], header, *typed), out.getvalue(), json.dumps(records()).encode(),
        json.dumps(records(), indent=2, ensure_ascii=False).encode(), "\n".join(map(json.dumps, records())).encode(),
        "\n".join(json.dumps(each, indent=1) for each in records()).encode(), zipped(a=workbook(header, *typed)),
        gzip.compress(out.getvalue()), json.dumps(records()).encode("utf-16"),
    ):  # fmt: skip
        assert events(data) == plain


def test_a_list_within_a_document_is_named_by_the_mapping() -> None:
    data = json.dumps({"data": {"items": records()}}).encode()
    assert ids(data, f'records = "data.items"\n{MAPPING}') == WANTED
    with pytest.raises(FileRefused, match=r"must have a list at records = 'items', it has data"):
        ids(data, f'records = "items"\n{MAPPING}')


def test_columns_of_fixed_widths_are_bytes_of_the_files_encoding() -> None:
    text = "".join(f"t{k:<9}m1   餐厅  {k + 1:012d}2026070500{k:02d}00\r\n" for k in range(5))
    mapping = """
fixed = [["id", 1, 10], ["mid", 11, 5], ["name", 16, 6], ["sum", 22, 12], ["at", 34, 14]]
[fields]
txn_id = "id"
merchant_id = "mid"
amount = { column = "sum", unit = "minor" }
currency = { constant = "156" }
event_time = { column = "at", time_zone = "Asia/Shanghai" }
"""
    found = events(text.encode("gbk"), mapping)
    assert [(each["txn_id"], each["merchant_id"], each["amount"]) for each in found] == [
        (f"t{k}", "m1", k + 1) for k in range(5)
    ]


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"), (b"\n \r\n", "is empty"), (gzip.compress(b""), "is empty"),
        (PNG, "seems to be a picture"), (b"<!DOCTYPE html><html>502</html>", r"a web page \(HTML\)"),
        (b"<?xml version='1.0'?><a/>", "seems to be XML"), (b"%PDF-1.7", "a PDF"), (b"BZh91AY", "bzip2"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"an old Excel workbook \(.xls\) or one with a password"),
        (gzip.compress(DATA * 50)[:-30], "cut short"), (bytes(zstd.compress(DATA * 50))[:-9], "cut short"),
        (gzip.compress(DATA)[:20] + b"xxxxxxxxxxxxxxxxxxx", "damaged|cut short"),
        (zipped(a=DATA, b=DATA), "must hold one file, it holds a, b"), (zipped(), "must hold one file, it holds none"),
        (zipped(a=DATA)[:60], "cut short|damaged"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (zipped(mimetype=b"x", **{"content.xml": b"y"}), "an OpenDocument file"),
        (bytes(range(32)) * 9, "no text and no format"), (gzip.compress(PNG), "seems to be a picture"),
        (b"PAR1" + DATA, "a damaged Parquet file"), (workbook(["a"])[:-40], "damaged|cut short"),
        (b"a,b\n1,2\n", "'单号' is missing"), (workbook(["单号", "x"]), "'商户' is missing"),
        ("caf\xe9,a\xe8b\n".encode("latin-1") * 5, "another encoding: name it in the mapping"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_what_it_seems_to_be(data: bytes, words: str) -> None:
    with pytest.raises(FileRefused, match=f"june .*{words}" if "|" not in words else words):
        items(data)


def test_a_zip_with_a_password_is_refused() -> None:
    data = bytearray(zipped(a=DATA))
    for at in (6, data.rindex(b"PK\x01\x02") + 8):
        data[at] |= 1
    with pytest.raises(FileRefused, match="a zip with a password"):
        items(bytes(data))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2026-07-05 00:01,x,m1", "row must have 4 cells as the header has, got 3"),
        ('2026-07-05 00:01,"x,m1,1.00', "row must close its quotes, one stays open"),
        ("2026-07-05 00:01,8.98E+14,m1,1.00", "a spreadsheet has lost its digits"),
        ("2026-07-05 00:01,x,m1,1,00.5", "row must have 4 cells"),
        ("2026-07-05 25:01,x,m1,1.00", "event_time must be a time such as"),
        ("2026-07-05 00:01,x,m1,one", "amount must be an amount"),
        ("2026-07-05 00:01,x,,1.00", "merchant_id must be given (column 商户), got a blank cell"),
        ("2026-07-05 00:01,x,m1,1.00" + "x" * 70_000, "line must be at most 65,536 characters"),
    ],
)
def test_a_bad_row_is_refused_by_its_line_and_takes_no_neighbour_along(row: str, words: str) -> None:
    found = items(table(sale(1), row, sale(2), sale(3)))
    assert [each.line for each in found if each.event] == [2, 4, 5]
    (letter,) = [each.letter for each in found if each.letter]
    assert (letter.position, letter.source) == (3, "june")
    assert words in letter.message


def test_bytes_of_another_encoding_cost_their_row_alone() -> None:
    data = table(sale(1), sale(2), sale(3)).replace(b"t2", b"t\xff2")
    assert [bool(each.event) for each in items(data)] == [True, False, True]


def test_a_row_may_go_over_lines_where_its_quotes_do() -> None:
    assert ids(table('2026-07-05 00:01,"a\nb",m1,1.00', sale(2)).replace(b"a\nb", b"a\n")) == ["a", "t2"]


def test_a_card_number_is_in_no_dead_letter_and_a_forbidden_columns_row_is_not_kept() -> None:
    found = items(table("2026-07-05 00:01,x 6222021234567894,m1,oops"))
    assert found[0].letter is not None
    assert "6222021234567894" not in found[0].letter.record
    hidden = items(f"{HEADER},cvv\n2026-07-05 00:01,x,m1,1.00,987,\u4e00\n".encode())
    assert hidden[0].letter is not None
    assert hidden[0].letter.record == ""


def test_rows_at_the_end_that_lack_most_cells_are_a_footer_and_in_the_middle_bad_rows() -> None:
    assert [bool(each.event) for each in items(table(sale(1), "小计,,,1.00", sale(2), "合计,,,2.00"))] == [
        True,
        False,
        True,
    ]


def test_two_files_are_joined_by_a_key(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id,shop\no1,m1\no2,m2\no3,m3\no3,m4\n")
    (tmp_path / "m.toml").write_text(
        '[fields]\ntxn_id = "id"\nmerchant_id = "orders.shop"\namount = "sum"\ncurrency = { constant = "CNY" }\n'
        'event_time = "at"\n[join.orders]\nfile = "orders.csv"\nkey = "id"\non = "order"\n'
    )
    data = b"id,order,sum,at\na,o2,1,2026-07-05\nb,o9,1,2026-07-05\nc,o3,1,2026-07-05\n"
    mapping = read_mapping(tmp_path / "m.toml")
    found = list(items_of(io.BytesIO(data), "june", Door((mapping,)), ExitStack(), Passed()))
    assert b'"merchant_id":"m2"' in found[0].event
    assert found[1].letter is not None
    assert "merchant_id must be given (column orders.shop)" in found[1].letter.message
    assert found[2].letter is not None
    assert "must stand once in orders.csv" in found[2].letter.message


def test_a_quote_that_stays_open_in_the_header_costs_no_row() -> None:
    data = DATA.replace("金额".encode(), '"金额'.encode(), 1)
    assert ids(data) == WANTED


def test_a_name_that_stands_twice_in_a_workbook_is_told_by_its_number() -> None:
    data = workbook([*HEADER.split(","), "金额"], *([*row.split(","), "7.00"] for row in ROWS))
    found = events(data, MAPPING.replace('"金额"', '"金额#2"'))
    assert {each["amount"] for each in found} == {700}
    with pytest.raises(FileRefused, match="'金额#3' is missing"):
        events(data, MAPPING.replace('"金额"', '"金额#3"'))
