"""Mappings: what they may say, and what of rows comes of it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from domain.card_tokens import TokenKey
from streams.files.errors import BadRow, MappingRefused
from streams.files.mapping import parse_mapping, read_mapping
from streams.files.row_events import RowEvents
from streams.files.rules import FORMATS, FieldRule, Layout
from streams.pan_field import PanField

DOC = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text(encoding="utf-8")
BASE = """
[fields]
txn_id = "id"
merchant_id = { constant = "m" }
amount = "sum"
currency = { constant = "CNY" }
event_time = { column = "at", time_zone = "Asia/Shanghai" }
"""
NOON_MS = 1_783_224_000_000
"""2026-07-05 12:00 in Shanghai."""
PAN = "6222021234567894"


def rows(toml: str, header: str, **options: Any) -> RowEvents:
    return RowEvents(parse_mapping("m.toml", tomllib.loads(toml)), header.split("|"), "UTC", **options)


def event(more: str, header: str = "", row: str | list[object] = "", *, base: str = BASE) -> dict[str, Any] | None:
    """The event of a row that has the columns of `BASE` and some more; a later line of a field counts."""
    lines = {line.partition(" =")[0]: line for line in (base + more).splitlines() if " = " in line and "[" not in line}
    tables = "\n" + more[more.index("[[") :] if "[[" in more else ""
    cells = row.split("|") if isinstance(row, str) else row
    toml = "[fields]\n" + "\n".join(line for line in lines.values() if line not in tables) + tables
    names = "id|sum|at" + (f"|{header}" if header else "")
    return rows(toml, names).event(["t1", "5.00", "2026-07-05 12:00:00", *(cells if header else [])], 7)


def value(name: str, rule: str, cell: object) -> Any:
    """What a field's rule makes of a cell of the column `x`."""
    found = event(f"{name} = {rule}\n", "x", [cell])
    assert found is not None
    return found.get(name)


def refused(name: str, rule: str, cell: object) -> str:
    with pytest.raises(BadRow) as caught:
        value(name, rule, cell)
    assert caught.value.field == name
    return caught.value.message


def test_a_row_becomes_an_event_by_its_columns() -> None:
    assert event("") == {
        "txn_id": "t1", "merchant_id": "m", "amount": 500, "currency": "CNY", "event_time": NOON_MS
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("¥1,234.50", 123_450), ("￥12", 1_200), (" 5.00\t", 500), ("１２．５０", 1_250), ("5元", 500), ("CNY 5", 500),
        ("1'234.50", 123_450), ("0", 0), (".5", 50), (134.09, 13_409), (0.1 + 0.2, 30), (7, 700), ('="5.00"', 500),
    ],
)  # fmt: skip
def test_an_amount_is_read_however_it_is_written(cell: object, expected: int) -> None:
    assert value("amount", '"x"', cell) == expected


@pytest.mark.parametrize("cell", ["1,5", "5.001", "1.234,56", "abc", "5 CR", "1,23", "--5", "(5", "1.2E+05"])
def test_what_is_no_plain_amount_is_refused_rather_than_read_otherwise(cell: str) -> None:
    assert refused("amount", '"x"', cell).startswith("amount must be")


def test_digits_of_an_amount_are_those_of_the_rows_currency() -> None:
    for code, text, minor in (
        ("JPY", "2091", 2_091),
        ("KWD", "1.234", 1_234),
        ("156", "5.00", 500),
        ("人民币", "5", 500),
    ):
        found = event('currency = "c"\namount = "x"\n', "c|x", f"{code}|{text}")
        assert found is not None
        assert found["amount"] == minor
    assert refused("amount", '{ column = "x", unit = "minor" }', "5.5") == (
        "amount must be an amount of at most 0 digits behind the point, got '5.5'"
    )


def test_units_points_and_rounding_are_what_the_mapping_says() -> None:
    assert value("amount", '{ column = "x", unit = "minor" }', "1,234") == 1_234
    assert value("amount", '{ column = "x", unit = 1000000 }', "1.5") == 1_500_000
    assert value("amount", '{ column = "x", decimal = "," }', "1.234,50") == 123_450
    assert value("amount", '{ column = "x", round = true }', "5.005") == 501
    assert value("fee", '{ column = "x", round = true }', "-0.0049") == 0
    assert value("fee", '{ column = "x", negative = "turn" }', "-0.60") == 60


@pytest.mark.parametrize("cell", ["-5.00", "5.00-", "(5.00)", "（5.00）", "−5", "-¥5.00", "¥-5.00"])
def test_a_negative_amount_is_a_refund_where_the_mapping_says_so(cell: str) -> None:
    found = event('amount = { column = "x", negative = "refund" }\n', "x", cell)
    assert found is not None
    assert (found["amount"], found["txn_type"]) == (500, "refund")
    assert "the mapping's key negative says what such are" in refused("amount", '"x"', cell)
    assert value("amount", '{ column = "x", negative = "absolute" }', cell) == 500


def test_a_type_of_its_own_column_stands_against_the_sign() -> None:
    more = 'amount = { column = "x", negative = "refund" }\ntxn_type = { column = "y", values = { "撤销" = "void" } }\n'
    found = event(more, "x|y", "-5|撤销")
    assert found is not None
    assert found["txn_type"] == "void"


@pytest.mark.parametrize(
    ("form", "cell"),
    [
        ("auto", "2026-07-05 12:00:00"), ("auto", "2026/7/5 12:00"), ("auto", "2026年7月5日 12:00:00"),
        ("auto", "20260705120000"), ("auto", "202607051200"), ("auto", "2026-07-05T04:00:00Z"),
        ("auto", "20260705 120000"),
        ("auto", "2026-07-05T12:00:00.000+08:00"), ("excel", "46208.5"), ("excel-1904", "44746.5"),
        ("epoch-s", "1783224000"), ("epoch-ms", "1783224000000"), ("epoch-us", "1783224000000000"),
        ("day-first", "05/07/2026 12:00"), ("month-first", "07/05/26 12:00 PM"),
        ("%d-%b-%Y %H:%M", "05-Jul-2026 12:00"),
        ("auto", datetime(2026, 7, 5, 12)),  # noqa: DTZ001  as a spreadsheet has it
    ],
)  # fmt: skip
def test_a_time_is_read_by_its_format_and_zone(form: str, cell: object) -> None:
    rule = f'{{ column = "x", format = "{form}", time_zone = "Asia/Shanghai" }}'
    assert value("event_time", rule, cell) == NOON_MS


@pytest.mark.parametrize(
    "cell", ["1783224000", "1783224000000", "05/07/2026", "2026-13-05", "2026-07-05 24:00:00", "noon"]
)
def test_a_time_that_may_be_several_is_refused(cell: str) -> None:
    assert refused("event_time", '"x"', cell).startswith("event_time must be a time such as 2026-07-05")


def test_day_and_time_of_two_columns_are_one_time_typed_or_not() -> None:
    rule = 'event_time = { columns = ["d", "t"], time_zone = "Asia/Shanghai" }\n'
    for row in (["20260705", "120000"], ["2026-07-05", "12:00"], [datetime(2026, 7, 5), "12:00:00"]):  # noqa: DTZ001
        found = event(rule, "d|t", list(row))
        assert found is not None
        assert found["event_time"] == NOON_MS


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("\t4200001234\t", "4200001234"), ('="000123"', "000123"), ("'00123", "00123"), ("\u00a0a\u3000", "a"),
     ("\ufeffa\u200b", "a"), ("ＡＢ１２", "AB12"), (123, "123"), (123.0, "123"), ("`77'", "`77'"), ('"q"', "q")],
)  # fmt: skip
def test_what_stands_around_an_identifier_is_no_part_of_it(cell: object, expected: str) -> None:
    assert value("txn_id", '"x"', cell) == expected


@pytest.mark.parametrize("cell", ["8.98E+14", "1e+16", 8.98210158120002e17])
def test_an_identifier_that_lost_its_digits_is_refused(cell: object) -> None:
    assert "a spreadsheet has lost its digits" in refused("txn_id", '"x"', cell)


def test_a_required_field_that_is_blank_names_its_column() -> None:
    for cell in ("", "--", " \t", "N/A", "无"):
        assert refused("txn_id", '"x"', cell) == "txn_id must be given (column x), got a blank cell"
    assert value("terminal_id", '"x"', "--") is None


def test_texts_are_cut_looked_up_padded_and_prefixed_in_that_order() -> None:
    assert value("txn_id", '{ column = "x", prefix = "w-" }', "7") == "w-7"
    assert value("mcc", '"x"', 742) == "0742"
    assert value("mcc", '"x"', "5812.0") == "5812"
    assert value("card_last4", '{ column = "x", last = 4 }', "622202******7894") == "7894"
    assert (
        value("response_code", '{ column = "x", before = ",", values = { "Bad PIN" = "55" } }', "Bad PIN,Glitch")
        == "55"
    )
    assert value("merchant_id", '{ column = "x", hex = true, prefix = "m" }', "-1") == "mffffffffffffffff"
    assert value("txn_id", '{ template = "{x}/{line}" }', "a") == "a/7"
    assert value("txn_id", '{ first_of = ["x", "id"] }', "") == "t1"
    assert value("channel", '{ column = "x", blank = "pos" }', "") == "pos"


def test_a_name_is_hashed_where_it_is_to_be_an_identifier() -> None:
    hashed = sha256("城南面馆".encode()).hexdigest()
    assert value("terminal_id", '{ column = "x", hash = 16 }', " 城南面馆\t") == hashed[:16]
    assert (
        value("txn_id", '{ column = "x", before = "-", hash = 32, prefix = "s-" }', "城南面馆-套餐")
        == f"s-{hashed[:32]}"
    )
    assert value("terminal_id", '{ column = "x", hash = 16 }', "/") is None


def test_what_stands_for_nothing_is_passed_over_where_the_mapping_says_so() -> None:
    made = rows(BASE + 'terminal_id = { first_of = ["x", "y"], none = ["0", "00"] }\n', "id|sum|at|x|y")
    for cells, expected in ((["0", "7"], "7"), (["5", "7"], "5"), (["`00", "`7"], "7"), (["0", "`"], None)):
        found = made.event(["t1", "5.00", "2026-07-05 12:00:00", *cells], 7)
        assert found is not None
        assert found.get("terminal_id") == expected
    template = rows(BASE + 'terminal_id = { template = "t{x}", none = ["0"] }\n', "id|sum|at|x")
    assert "terminal_id" not in (template.event(["t1", "5.00", "2026-07-05 12:00:00", "0"], 7) or ())


@pytest.mark.parametrize(
    ("cell", "hours"), [("CEST", 2), ("Eastern Time (US & Canada)", -4), ("(US & Canada)", 8), ("UTC", 0)]
)
def test_a_zone_that_stands_behind_a_time_is_the_times_own(cell: str, hours: int) -> None:
    zones = (
        '{ "CEST" = "Europe/Amsterdam", "Eastern Time (US & Canada)" = "America/New_York",'
        ' "(US & Canada)" = "Asia/Shanghai", "UTC" = "UTC" }'
    )
    rule = f'{{ template = "{{at}} {{x}}", zones = {zones} }}'
    assert value("event_time", rule, cell) == NOON_MS + (8 - hours) * 3_600_000
    assert "event_time must be" in refused("event_time", rule, "Nowhere Time")


def test_a_word_that_the_code_table_lacks_refuses_the_row_or_is_otherwise() -> None:
    table = 'column = "x", values = { "消费" = "purchase" }'
    assert "txn_type must be one of the mapping's values, got '充值'" in refused("txn_type", f"{{ {table} }}", "充值")
    assert value("txn_type", f'{{ {table}, otherwise = "adjustment" }}', "充值") == "adjustment"
    assert value("txn_type", f'{{ {table}, otherwise = "same" }}', "void") == "void"
    assert value("txn_type", f"{{ {table} }}", "") is None


def test_rows_are_skipped_and_fields_set_by_conditions() -> None:
    more = """
[[skip]]
column = "s"
in = ["交易关闭"]
[[when]]
column = "s"
begins = ["退"]
set = { txn_type = "refund" }
"""
    assert event(more, "s", "交易关闭") is None
    found = event(more, "s", "退款成功")
    assert found is not None
    assert found["txn_type"] == "refund"
    for key, cell, holds in (
        ('not_in = ["a"]', "b", True), ('holds = ["a"]', "bab", True), ("blank = true", "--", True),
        ("blank = false", "--", False), ('sign = "negative"', "(5)", True), ('sign = "zero"', "0.00", True),
    ):  # fmt: skip
        assert (event(f'\n[[skip]]\ncolumn = "s"\n{key}\n', "s", cell) is None) is holds


def test_a_card_number_becomes_a_token_and_needs_a_key() -> None:
    toml = BASE + '[card]\ncolumn = "card"\n'
    with pytest.raises(MappingRefused, match="has a column of card numbers, 'card': give --token-key"):
        rows(toml, "id|sum|at|card")
    tokens = PanField("card", TokenKey("k1", b"0123456789abcdef"))
    found = rows(toml, "id|sum|at|card", pan_field=tokens).event(["t", "5", "2026-07-05", PAN], 1)
    assert found is not None
    assert found["card_token"] == "k1:cldgjckdailflllegbbfhjandpobepkc"
    assert found["card_last4"] == "7894"
    assert PAN not in str(found)


def test_a_type_by_row_chooses_the_kind_and_its_fields() -> None:
    toml = (
        BASE + 'type = { column = "k", values = { "CB" = "chargeback", "S" = "transaction" } }\n'
        'mcc = { constant = "5812" }\n'
    )
    made = rows(toml, "id|sum|at|k")
    reported = made.event(["t", "5", "2026-07-05", "CB"], 1)
    assert reported is not None
    assert reported["type"] == "chargeback"
    assert "mcc" not in reported
    sale = made.event(["t", "5", "2026-07-05", "S"], 1)
    assert sale is not None
    assert sale["mcc"] == "5812"


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("", r"must have a table \[fields\]"),
        (
            '[fields]\ntxn_id = "a"',
            "must have the fields that a transaction requires, merchant_id, amount, currency, event_time are",
        ),
        (BASE + 'ammount = "a"', "got 'ammount': amount?"),
        (BASE + 'mcc = { column = "a", constant = "b" }', "must have one of column, .* got column and constant"),
        (BASE + 'mcc = { colum = "a", constant = "b" }', "has a key that is not known, 'colum': column?"),
        (BASE + 'mcc = { column = "a", unit = "major" }', "has a key that is not known, 'unit'"),
        (BASE + 'fee = { column = "a", unit = "cents" }', "unit must be major, minor or a number"),
        (BASE + 'transmitted_at = { column = "a", format = "iso" }', "format must be one of auto, excel"),
        ('time_zone = "Beijing"\n' + BASE, "time_zone must be one such as Asia/Shanghai, got 'Beijing'"),
        ('encoding = "utf-9"\n' + BASE, "encoding must be auto or one that Python knows, got 'utf-9'"),
        ('delimiter = "||"\n' + BASE, "delimiter must be one character"),
        ('fixed = [["a", 0, 3]]\n' + BASE, "fixed must have"),
        ('type = "sale"\n' + BASE, "type must be one of transaction, .* got 'sale'"),
        (BASE + '[[skip]]\ncolumn = "a"', "must have one of in, not_in"),
        (BASE + '[[when]]\ncolumn = "a"\nblank = true', "set must have values of fields"),
        (BASE + '[join.o]\nfile = "f"\non = "a"', "key must be a text"),
        (BASE + "[table]", "has a key that is not known, 'table'"),
        (BASE + 'mcc = { template = "{a" }', "template must have columns in braces"),
        (BASE + 'mcc = { column = "a", otherwise = "b" }', "otherwise must stand beside values"),
        (BASE + 'terminal_id = { column = "a", hash = 7 }', "hash must be 8 to 64 digits, got 7"),
        (
            BASE + 'transmitted_at = { column = "a", zones = { "CET" = "Mars" } }',
            "CET must be one such as Asia/Shanghai",
        ),
        (BASE + 'transmitted_at = { column = "a", zones = { "" = "UTC" } }', "must have a word and an IANA name"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_by_name(toml: str, words: str) -> None:
    with pytest.raises(MappingRefused, match=words):
        parse_mapping("m.toml", tomllib.loads(toml))


def test_a_file_that_is_no_toml_is_refused_and_one_with_a_mark_and_crlf_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert read_mapping(path).fields[0].target.name == "txn_id"
    path.write_bytes(b"[fields")
    with pytest.raises(MappingRefused, match=r"mapping m\.toml must be TOML in UTF-8"):
        read_mapping(path)


def test_a_column_that_the_file_lacks_is_named() -> None:
    with pytest.raises(MappingRefused, match="column 'sum' is not among id, at"):
        rows(BASE, "id|at")


def test_the_page_of_mappings_is_what_the_parser_takes() -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    parse_mapping("page", tomllib.loads(blocks[0]))
    for part in blocks[1:]:
        parse_mapping("page", tomllib.loads(BASE + part))
    keys = set(re.findall(r"^\| `([a-z_0-9]+)`", DOC, re.MULTILINE)) | set(
        re.findall(r", `([a-z_]+)`(?:, `[a-z_]+`)* \|", DOC)
    )
    renamed = {"formats": "format", "target": "column", "source": "column"}
    assert {renamed.get(each.name, each.name) for each in fields(FieldRule)} <= keys | {"last", "after"}
    assert {each.name for each in fields(Layout)} <= keys
    assert all(f"`{each}`" in DOC for each in FORMATS)
