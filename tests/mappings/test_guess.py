"""Public formats that have no ready mapping: what is guessed of their columns, and what is left to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    result = call("ingest", folder / "in.csv", "--guess", folder / "m.toml")
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
