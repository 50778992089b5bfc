"""Public formats that have no ready mapping: what is guessed of their columns, and what is left to say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import openpyxl

from tests.tillwatch.conftest import call

if TYPE_CHECKING:
    from pathlib import Path

PAYPAL = """\
"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net","From Email Address","Transaction ID"
"07/22/2026","10:00:05","PDT","","General Withdrawal","Completed","USD","-96.80","0.00","-96.80","s@example.com","T4"
"07/21/2026","18:20:00","PDT","Ada","Payment Refund","Completed","USD","-100.00","0.00","-100.00","s@example.com","T3"
"07/21/2026","09:00:00","PDT","Grace","Checkout Payment","Completed","EUR","1,250.00","-42.80","1,207.20","g@e.com","T2"
"07/20/2026","10:00:00","PDT","Ada","Checkout Payment","Completed","USD","100.00","-3.20","96.80","a@example.com","T1"
"""
SIBS = """\
Extrato de movimentos;;;;;;;;
Nº Lote;Data Liquidação;Data Movimento;Terminal;Tipo;Montante Bruto;Comissão;Montante Líquido;Moeda
L1;18/09/2026;17/09/2026;1234567;Compra;45,00;0,36;44,64;EUR
L1;18/09/2026;17/09/2026;1234567;Devolução;-20,00;0,00;-20,00;EUR
Total;;;;;1.395,50;11,32;1.384,18;
"""


def guessed(folder: Path, text: str) -> str:
    (folder / "in.csv").write_text(text, encoding="utf-8")
    return guessed_of(folder, "in.csv")


def guessed_of(folder: Path, name: str) -> str:
    """The mapping that is guessed of a file in a folder, and written there, anew."""
    (folder / "m.toml").unlink(missing_ok=True)
    result = call("ingest", folder / name, "--guess", folder / "m.toml")
    assert result.exit_code == 0, result.output
    return (folder / "m.toml").read_text(encoding="utf-8")


def test_of_a_payment_service_all_but_the_merchant_the_zone_and_what_is_no_sale_is_found(tmp_path: Path) -> None:
    found = guessed(tmp_path, PAYPAL)
    for line in (
        'txn_id = "Transaction ID"', 'currency = "Currency"', 'format = "month-first"',
        "is the zone what stands in TimeZone?", '"Payment Refund" = "refund"', '"Checkout Payment" = "purchase"',
        "what is meant by General Withdrawal?", 'fee = { column = "Fee", round = true, negative = "turn" }',
    ):  # fmt: skip
        assert line in found
    said = found.replace(
        'event_time = { columns = ["Date", "Time"], format = "month-first" }',
        'event_time = { template = "{Date} {Time} {TimeZone}", format = "month-first",'
        ' zones = { "PDT" = "America/Los_Angeles" } }',
    )
    said = said.replace('# merchant_id = { constant = "..." }', 'merchant_id = { constant = "shop-1" }')
    said += '\n[[skip]]\ncolumn = "Type"\nin = ["General Withdrawal"]\n'
    (tmp_path / "m.toml").write_text(said, encoding="utf-8")
    shown = call("ingest", tmp_path / "in.csv", "--mapping", tmp_path / "m.toml", "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "3 events, 0 rows refused" in " ".join(shown.output.split())
    assert '"event_time":1784566800000' in shown.output  # 10:00 in Los Angeles


def test_a_currency_is_found_by_what_stands_there_where_its_name_says_nothing(tmp_path: Path) -> None:
    found = guessed(tmp_path, SIBS)
    assert 'currency = "Moeda"' in found
    assert 'format = "day-first"' in found


AGGREGATOR = """\
payoutBatch,trx-id,storeId,merchantId,createdAt,amount.value,amount.currency,orderStatus,feeAmount
B1,8f14e45f-ceea-467f-ab4b-1c2d3e4f5a6b,S1,Merchant-33333333-3333-3333-3333-333333333331,2026-09-18T09:00:00Z,45.00,EUR,SUCCESS,0.36
B1,45c48cce-2e2d-4fbd-9aa1-8f2b3c4d5e6f,S1,Merchant-33333333-3333-3333-3333-333333333331,2026-09-18T09:05:00Z,20.00,EUR,REFUND,-0.16
B1,d3d94468-02a4-4325-b2c0-9f1e2d3c4b5a,S2,Merchant-33333333-3333-3333-3333-333333333332,2026-09-18T09:06:00Z,8.00,EUR,SUCCESS,0.06
"""


def test_names_in_camel_case_long_identifiers_and_refunds_told_by_a_status_are_found(tmp_path: Path) -> None:
    found = guessed(tmp_path, AGGREGATOR)
    for line in (
        'txn_id = "trx-id"', 'merchant_id = { column = "merchantId", hash = 32 }', 'currency = "amount.currency"',
        'txn_type = { column = "orderStatus", values = { "SUCCESS" = "purchase", "REFUND" = "refund" } }',
    ):  # fmt: skip
        assert line in found
    shown = call("ingest", tmp_path / "in.csv", "--mapping", tmp_path / "m.toml", "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "3 events, 0 rows refused" in " ".join(shown.output.split())
    assert shown.output.count('"txn_type":"refund"') == 1


def test_a_payout_is_no_payment(tmp_path: Path) -> None:
    found = guessed(tmp_path, AGGREGATOR.replace("orderStatus", "type").replace("REFUND", "Payout"))
    assert 'values = { "SUCCESS" = "purchase" }' in found
    assert "what is meant by Payout?" in found


BANK = """\
Händlernummer;Terminal-ID;Belegnummer;Datum;Uhrzeit;Vorgang;Betrag;Gebühr;Währung
4556000001;60000001;000001;18.09.26;09:00;Kauf;1.045,00 €;2,10 €;EUR
4556000001;60000001;000002;18.09.26;09:05;Gutschrift;20,00 €;0,04 €;EUR
4556000002;60000002;000003;18.09.26;09:06;Kauf;8,00 €;0,02 €;EUR
;;;;;Summe;1.073,00 €;;
"""
FEN = """\
商户编号,终端编号,交易日期,交易时间,交易类型,金额(分),手续费（分）,参考号
822581070110001,10100001,20260918,090000,消费,4500,27,650115224295
822581070110001,10100001,20260918,090500,消费撤销,4500,27,650115224296
"""


def dry(folder: Path, name: str) -> str:
    """What a dry run by the guessed mapping says, as one line."""
    shown = call("ingest", folder / name, "--mapping", folder / "m.toml", "--dry-run")
    assert shown.exit_code == 0, shown.output
    return " ".join(shown.output.split())


def test_a_text_in_a_western_encoding_with_decimal_commas_is_read_as_guessed(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(BANK.encode("cp1252"))
    assert 'encoding = "cp1252"  # not sure' in guessed_of(tmp_path, "in.csv")
    said = dry(tmp_path, "in.csv")
    assert '"fee":210,"amount":104500' in said
    assert '"txn_type":"refund"' in said
    assert "3 events, 0 rows refused" in said


def test_amounts_are_in_the_unit_that_stands_behind_a_columns_name(tmp_path: Path) -> None:
    found = guessed(tmp_path, FEN)
    assert 'amount = { column = "金额(分)", unit = "minor" }\n' in found, "nothing is unsure of it"
    said = dry(tmp_path, "in.csv")
    assert '"fee":27,"amount":4500' in said
    assert "2 events, 0 rows refused" in said


def test_records_are_found_within_a_document_and_on_the_fullest_sheet(tmp_path: Path) -> None:
    of = [{"id": f"t{k}", "merchant": {"id": "m1"}, "amount": {"value": "8.00", "currency": "EUR"},
           "createdAt": f"2026-09-18T09:0{k}:00+02:00"} for k in range(3)]  # fmt: skip
    (tmp_path / "in.json").write_text(json.dumps({"page": 1, "data": {"payments": of, "links": [{"next": "x"}]}}))
    assert 'records = "data.payments"' in guessed_of(tmp_path, "in.json")
    assert "3 events, 0 rows refused" in dry(tmp_path, "in.json")
    book = openpyxl.Workbook()
    book.worksheets[0].append(["汇总", "金额"])
    sheet = book.create_sheet("明细")
    for row in (["商户对账单"], ["门店", "交易时间", "交易订单号", "交易金额（元）"],
                *(["一店", f"2026-09-18 09:0{k}:00", f"t{k}", 8.5] for k in range(3))):  # fmt: skip
        sheet.append(row)
    book.save(tmp_path / "in.xlsx")
    assert 'merchant_id = { column = "门店", hash = 32 }  # not sure' in guessed_of(tmp_path, "in.xlsx")
    assert '"amount":850' in (said := dry(tmp_path, "in.xlsx"))
    assert "3 events, 0 rows refused" in said
