"""Tables that people download hold no formula, whatever merchants call themselves."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from console.tables import CSV, XLSX, as_csv, as_xlsx, download
from domain.visible import visible_lines

HOSTILE = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
]


def cells_of_csv(body: bytes) -> list[list[str]]:
    return [*csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert cells_of_csv(as_csv([text], [[text]])) == [[f"'{visible_lines(text)}"]] * 2
    sheet = load_workbook(io.BytesIO(as_xlsx("t", ["a"], [[text]]))).worksheets[0]
    assert (sheet["A2"].data_type, str(sheet["A2"].value)[0]) == ("s", "'")


def test_numbers_stay_numbers_and_long_numbers_that_are_texts_stay_texts() -> None:
    row = [-5, 1.5, "898210154110002", None, "张三"]
    assert cells_of_csv(as_csv(["a"] * 5, [row]))[1] == ["-5", "1.5", "898210154110002", "", "张三"]
    sheet = load_workbook(io.BytesIO(as_xlsx("t", ["a"] * 5, [row]))).worksheets[0]
    assert [each.value for each in sheet[2]] == row


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_any_text_can_be_written_and_none_is_a_formula(texts: list[str]) -> None:
    as_csv(["a"] * len(texts), [texts])
    sheet = load_workbook(io.BytesIO(as_xlsx("t", ["a"] * len(texts), [texts]))).worksheets[0]
    assert all(each.data_type != "f" for row in sheet.iter_rows() for each in row)


@pytest.mark.parametrize("kind", [CSV, XLSX])
def test_a_download_has_its_name_in_chinese_too(kind: str) -> None:
    answer = download("用户", kind, ["a"], [])
    assert answer.headers["content-disposition"] == (
        f"attachment; filename=\"__.{kind}\"; filename*=UTF-8''%E7%94%A8%E6%88%B7.{kind}"
    )
