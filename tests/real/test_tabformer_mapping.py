"""The TabFormer file by a mapping alone: the events, and so the alerts, that its converter makes."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from bench.tabformer import alerts_of, convert
from streams.files.inputs import SortedInput
from streams.files.mapping import parse_mapping
from streams.files.reading import Door
from streams.log import now_utc_ms
from tests.real.test_tabformer import ROWS, SOURCE

if TYPE_CHECKING:
    from pathlib import Path

    from evaluation.matching import Found

pytestmark = pytest.mark.skipif(
    not SOURCE.is_file(), reason="the TabFormer file is kept beside the project, not in it, and is not there"
)

MAPPING = """
time_zone = "America/Los_Angeles"
[fields]
txn_id = { template = "tf-{line}" }
merchant_id = { column = "Merchant Name", hex = true, prefix = "m" }
amount = { column = "Amount", negative = "refund" }
currency = { constant = "USD" }
event_time = { template = "{Year}-{Month}-{Day} {Time}" }
mcc = "MCC"
card_token = { columns = ["User", "Card"], between = "/" }
entry_mode = { column = "Use Chip", values = { "Swipe Transaction" = "90", "Chip Transaction" = "05", \
"Online Transaction" = "01" } }
[fields.response_code]
column = "Errors?"
before = ","
blank = "00"
values = { "Bad Card Number" = "14", "Bad CVV" = "05", "Bad Expiration" = "54", "Bad PIN" = "55", \
"Bad Zipcode" = "05", "Insufficient Balance" = "51", "Technical Glitch" = "96" }
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The events of the converter, and those of the mapping."""
    folder = tmp_path_factory.mktemp("tabformer")
    converted, mapped = folder / "converted.jsonl", folder / "mapped.jsonl"
    convert(SOURCE, converted)
    found = SortedInput(
        [("tabformer", lambda: SOURCE.open("rb"))], Door((parse_mapping("tabformer", tomllib.loads(MAPPING)),)),
        feed="main", forms=None, now_ms=now_utc_ms(),
    )  # fmt: skip
    with mapped.open("wb") as out:
        for part in found.parts():
            assert part.letters == []
            out.writelines(part.lines)
    found.close()
    return converted, mapped


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_mapping_makes_the_converters_events(both: tuple[Path, Path]) -> None:
    converted, mapped = map(events, both)
    assert len(mapped) == ROWS
    compared = ("merchant_id", "amount", "currency", "mcc", "entry_mode", "response_code")
    for ours, theirs in zip(mapped, converted, strict=True):
        assert [ours[each] for each in compared] == [theirs[each] for each in compared]
        assert int(ours["txn_id"][3:]) == int(theirs["txn_id"][3:]) + 1  # a line has the header above it
        assert ours.get("txn_type", "purchase") == theirs["txn_type"]


def shown(alerts: list[Found]) -> list[tuple[Any, ...]]:
    """What an alert is but for the ids in it."""
    return sorted(
        (each.merchant_id, each.detector, each.first_ms, each.last_ms, each.hits, each.severity, each.reason,
         each.turnover_minor or 0, each.loss_minor or 0)
        for each in alerts
    )  # fmt: skip


@pytest.mark.slow
def test_the_mapping_gives_the_converters_alerts(both: tuple[Path, Path]) -> None:
    converted, mapped = (shown(alerts_of(each)) for each in both)
    assert converted
    assert mapped == converted
