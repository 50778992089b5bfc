"""Ready mappings: a sample of each shape, as its source writes it, gives the right events by a mapping's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from domain.timestamps import iso
from streams.files.mapping import read_mapping
from streams.mappings import named, names
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from tests.mappings.pages import ROOT, page_of, table_of
from tests.tillwatch.conftest import call

if TYPE_CHECKING:
    from streams.files.rules import FileMapping

SAMPLES = Path(__file__).parent / "samples"
NOODLES, BOOKS = "2bee5c3fb0ecef34", "3fbae335c1e4332e"
"""城南面馆 and 城西书店, hashed."""
FIELDS = ("txn_id", "merchant_id", "txn_type", "amount", "currency")
EVENTS: dict[str, list[tuple[Any, ...]]] = {
    "alipay-merchant.zip": [
        ("2026070522001400000000000001", "alipay", "purchase", 3600, "CNY", "2026-07-05T03:41:09Z"),
        ("2026070522001400000000000002", "alipay", "purchase", 128050, "CNY", "2026-07-05T04:03:44Z"),
        ("RF-0001", "alipay", "refund", 3600, "CNY", "2026-07-05T07:20:12Z"),
    ],
    "alipay-web.csv": [
        ("2026070522001400000000000011", f"ap-{NOODLES}", "purchase", 3600, "CNY", "2026-07-05T03:41:09Z"),
        ("2026070722001400000000000012", f"ap-{NOODLES}", "refund", 3600, "CNY", "2026-07-07T02:00:00Z"),
        ("2026070822001400000000000014", "ap-d9a9518879c67287", "adjustment", 123, "CNY", "2026-07-08T01:00:00Z"),
    ],
    "alipay-app.csv": [
        ("2026070522001400000000000020", f"ap-{NOODLES}", "purchase", 3600, "CNY", "2026-07-05T03:41:09Z"),
        ("20260706000000000000000021", "ap-d9a9518879c67287", "adjustment", 25, "CNY", "2026-07-06T01:30:12Z"),
        ("2026070722001400000000000022_SO-8", f"ap-{NOODLES}", "refund", 3600, "CNY", "2026-07-07T02:00:00Z"),
    ],
    "wechat-merchant.csv": [
        ("4200000000000000000000000001", "1900000001", "purchase", 3600, "CNY", "2026-07-05T03:41:09Z"),
        ("4200000000000000000000000002", "1600000001", "purchase", 128050, "CNY", "2026-07-05T04:03:44Z"),
        ("50300000000000000000000000001", "1900000001", "refund", 3600, "CNY", "2026-07-05T07:20:12Z"),
    ],
    "wechat-personal.xlsx": [
        ("4200000000000000000000000031", f"wx-{NOODLES}", "purchase", 3600, "CNY", "2026-07-05T03:41:09Z"),
        ("1000500000000000000000000032", "wx-61edb99c5b5ed0f5", "adjustment", 10000, "CNY", "2026-07-06T01:30:12Z"),
        ("5300000000000000000000000033", f"wx-{NOODLES}", "refund", 3600, "CNY", "2026-07-07T02:00:00Z"),
        ("5300000000000000000000000034", "wx-95427d5908e7b548", "adjustment", 50000, "CNY", "2026-07-08T10:00:00Z"),
    ],
    "meituan-personal.csv": [
        ("26070511200701670041", f"mt-{NOODLES}", "purchase", 3600, "CNY", "2026-07-05T03:41:09Z"),
        ("26070611200701670042", f"mt-{BOOKS}", "purchase", 10046, "CNY", "2026-07-06T11:34:20Z"),
        ("26070711200701670043", f"mt-{NOODLES}", "refund", 3600, "CNY", "2026-07-07T01:12:31Z"),
        ("26070811200701670044", "mt-faa92c61938309a0", "adjustment", 9900, "CNY", "2026-07-08T02:00:03Z"),
    ],
    "stripe-itemized.csv": [
        ("txn_1Sample000000000000001", "stripe", "purchase", 4591, "USD", "2026-07-05T09:12:00Z"),
        ("txn_1Sample000000000000002", "stripe", "purchase", 4500, "JPY", "2026-07-05T10:02:11Z"),
        ("txn_1Sample000000000000003", "stripe", "refund", 4591, "USD", "2026-07-06T08:00:00Z"),
        ("txn_1Sample000000000000004", "stripe", None, 2000, "USD", "2026-07-07T11:00:00Z"),
    ],
    "stripe-history.csv": [
        ("txn_1Sample000000000000011", "stripe", "purchase", 3000, "USD", "2026-07-05T21:56:00Z"),
        ("txn_1Sample000000000000013", "stripe", "refund", 3000, "USD", "2026-07-06T08:00:00Z"),
    ],
    "adyen-settlement.csv": [
        ("8536000000000011", "SampleShopNL", "purchase", 2440, "EUR", "2026-07-05T09:41:09Z"),
        ("8536000000000012", "SampleShopNL", "purchase", 4500, "JPY", "2026-07-05T10:03:44Z"),
        ("8536000000000013", "SampleShopNL", "refund", 2440, "EUR", "2026-07-06T07:00:00Z"),
        ("8536000000000014", "SampleShopNL", None, 8000, "EUR", "2026-07-06T08:00:00Z"),
    ],
    "square-transactions.csv": [
        ("PAY1-Payment", "sq-1dbc749b8d8f8c77", "purchase", 101250, "USD", "2026-07-05T16:03:44Z"),
        ("PAY3-Refund", "sq-1dbc749b8d8f8c77", "refund", 1250, "USD", "2026-07-06T13:00:00Z"),
    ],
    "unionpay-zm.txt": [
        ("202607051141090000001", "898310058120001", "purchase", 3600, "CNY", "2026-07-05T03:41:09Z"),
        ("202607051203440000002", "898310058120001", "purchase", 128050, "CNY", "2026-07-05T04:03:44Z"),
        ("202607051520120000003", "898310058120001", "refund", 3600, "CNY", "2026-07-05T07:20:12Z"),
    ],
    "tabformer-card_transactions.csv": [
        ("tf-2", "m30f32dc266812b59", None, 13409, "USD", "2026-07-05T13:21:00Z"),
        ("tf-3", "mf5e700a841b8b4f5", None, 3848, "USD", "2026-07-05T13:42:00Z"),
        ("tf-4", "mf5e700a841b8b4f5", "refund", 12034, "USD", "2026-07-06T13:22:00Z"),
    ],
}  # fmt: skip
"""By sample, its events in their order: fields and time."""
MORE: dict[str, dict[str, list[Any]]] = {
    "alipay-merchant.zip": {"fee": [14, 487, -14], "terminal_id": ["T01", "T02", "T01"]},
    "wechat-merchant.csv": {"fee": [22, 768, -22], "terminal_id": [None, "POS7", None]},
    "stripe-itemized.csv": {"fee": [163, 162, 0, None], "type": ["transaction"] * 3 + ["chargeback"]},
    "adyen-settlement.csv": {"scheme": ["visa", "mastercard", "visa", "mastercard"]},
    "square-transactions.csv": {"fee": [2643, 0], "card_last4": ["0042", "0042"], "entry_mode": ["07", "07"]},
    "unionpay-zm.txt": {
        "fee": [14, 768, 0], "mcc": ["5812"] * 3, "card_last4": ["0018", "0026", "0018"],
        "stan": ["000045", "000046", "000047"],
        "original_txn_id": [None, None, "202607051141090000001"], "card_kind": ["debit", "credit", "debit"],
    },
    "tabformer-card_transactions.csv": {"response_code": ["00", "55", "00"], "mcc": ["5300", "5411", "0742"]},
}  # fmt: skip
"""Other fields that a sample is there for."""


def ingested(sample: str, log: Path, *more: str) -> list[dict[str, Any]]:
    """The events that a sample gives by its name, ascending in time."""
    name = sample.partition("-")[0]
    result = call(
        "--log-url", SqliteAddress(log).url, "ingest", SAMPLES / sample, "--mapping", name, "--historic", *more
    )
    assert result.exit_code == 0, result.output
    found = []
    with SqliteLog(log) as opened:
        assert opened.end_offset("dead-letters", 0) == 0
        for partition in range(opened.partitions("events")):
            batch = opened.read("events", partition, 0)
            found += [json.loads(batch.value(i)) for i in range(len(batch))]
    return sorted((each for each in found if each.get("type") != "clock"), key=lambda each: each["event_time"])


@pytest.mark.parametrize("sample", EVENTS)
def test_a_sample_gives_the_right_events_by_the_mappings_name(sample: str, tmp_path: Path) -> None:
    found = ingested(sample, tmp_path / "log.db")
    told = [(*(each.get(name) for name in FIELDS), iso(each["event_time"]).replace(".000", "")) for each in found]
    assert told == EVENTS[sample]
    for field, expected in MORE.get(sample, {}).items():
        assert [each.get(field) or None if field != "fee" else each.get(field) for each in found] == expected, field


def test_each_shape_has_its_sample_and_its_name_is_a_mapping_by_itself() -> None:
    shapes = {f"{path.parent.name}-{path.stem}" for name in names() for path in named(name)}
    assert shapes == {sample.rpartition(".")[0] for sample in EVENTS}
    assert {each.name for each in SAMPLES.iterdir()} == {*EVENTS}
    assert [path.stem for path in named("alipay/app")] == ["app"]
    assert named("nothing") == named("alipay/nothing") == named("alipay/../stripe/history") == ()


def test_a_merchant_that_the_file_does_not_name_is_given_as_a_constant(tmp_path: Path) -> None:
    found = ingested("stripe-history.csv", tmp_path / "log.db", "--constant", "merchant_id=898310058120001")
    assert {each["merchant_id"] for each in found} == {"898310058120001"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--mapping", "nothing"], "must be a file, or one of adyen, alipay"),
        (["--mapping", "stripe", "--constant", "merchant=1"], "must be of a field, got 'merchant'"),
        (["--mapping", "stripe", "--constant", "merchant_id"], "must be FIELD=VALUE, got 'merchant_id'"),
    ],
)
def test_what_is_no_mapping_or_no_field_is_refused_with_what_there_is(given: list[str], told: str) -> None:
    result = call("ingest", SAMPLES / "stripe-history.csv", *given)
    assert result.exit_code > 0
    assert told in " ".join(result.output.split())
    assert result.exception is None or isinstance(result.exception, SystemExit)


def mappings() -> list[FileMapping]:
    return [read_mapping(path) for name in names() for path in named(name)]


@pytest.mark.parametrize("name", names())
def test_its_page_has_every_field_of_every_shape_and_one_command(name: str) -> None:
    page = page_of(name).read_text(encoding="utf-8")
    assert f"--mapping {name}" in page
    for path in named(name):
        table = table_of(read_mapping(path))
        assert table in page, f"docs/mappings/{name}.md lacks this table of {path.stem}:\n{table}"
    assert f"mappings/{name}.md" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert f"mappings/{name}.md" in (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")


def test_no_mapping_reads_whole_card_numbers() -> None:
    for each in mappings():
        assert each.card == ""
        whole = [rule for rule in each.fields if rule.source.columns == ("账号",) and not rule.last]
        assert whole == []
