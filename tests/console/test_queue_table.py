"""The queue as a file has every row of the filter, and no cell that a spreadsheet computes."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from openpyxl import load_workbook

from tests.casework.world import alert
from tests.console.filed import file_more, shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from casework.store import Store
    from tests.console.conftest import Visitor


def table(body: bytes) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))]


@pytest.fixture
def full(store: Store, tmp_path: Path) -> None:
    file_more(
        store, tmp_path, shop("m1", "=cmd|' /C calc'!A0"), shop("m2", "老王五金", region="浙江"),
        alert("secret", "m3", risk_code="29"),
    )  # fmt: skip


@pytest.mark.usefixtures("full")
def test_every_row_of_the_filter_is_in_it_page_after_page(
    visit: Callable[[str], Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.pages.queue_table._AT_A_TIME", 1)
    found = table(visit("analyst").get("/queue.csv").content)
    assert [each["place"] for each in found] == ["1", "2"]
    assert {each["merchant"] for each in found} == {"m1", "m2"}
    assert {each["loss"] for each in found} == {"10.0"}
    assert [each["shop"] for each in table(visit("viewer").get("/queue.csv?region=浙江").content)] == ["老王五金"]


@pytest.mark.usefixtures("full")
def test_names_that_are_formulas_are_texts(visit: Callable[[str], Visitor]) -> None:
    assert {each["shop"] for each in table(visit("analyst").get("/queue.csv").content)} == {
        "'=cmd|' /C calc'!A0", "老王五金",
    }  # fmt: skip
    sheet = load_workbook(io.BytesIO(visit("analyst").get("/queue.xlsx").content)).worksheets[0]
    assert "f" not in {each.data_type for row in sheet.iter_rows() for each in row}


@pytest.mark.usefixtures("full")
def test_its_columns_are_in_the_language_of_who_asks(visit: Callable[[str], Visitor]) -> None:
    answer = visit("analyst").get("/queue.csv", headers={"Accept-Language": "zh"})
    assert {each["商户名称"] for each in table(answer.content)} >= {"老王五金"}
    assert "filename*=UTF-8''%E5%BE%85%E5%8A%9E%E9%98%9F%E5%88%97.csv" in answer.headers["content-disposition"]


@pytest.mark.usefixtures("full")
def test_cases_of_money_laundering_are_in_the_file_of_aml_alone(visit: Callable[[str], Visitor]) -> None:
    for who, count in (("lead", 2), ("aml", 3)):
        assert len(table(visit(who).get("/queue.csv").content)) == count


def test_what_is_no_kind_of_file_is_not_found(visit: Callable[[str], Visitor]) -> None:
    assert visit("analyst").get("/queue.pdf").status_code == 404
