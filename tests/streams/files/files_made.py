"""Files as exports have them, made by hand, and what is read of them."""

from __future__ import annotations

import io
import tomllib
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import msgspec

from streams.files.inputs import SortedInput
from streams.files.mapping import parse_mapping
from streams.files.reading import Door, Item, Passed, items_of
from streams.files.sorting import Sorter

if TYPE_CHECKING:
    from domain.alerts import DeadLetter

MAPPING = """
time_zone = "Asia/Shanghai"
[fields]
txn_id = "单号"
merchant_id = "商户"
amount = { column = "金额", negative = "refund" }
currency = { constant = "CNY" }
event_time = "时间"
"""
HEADER = "时间,单号,商户,金额"
NOW_MS = 1_790_000_000_000


def door(mapping: str = MAPPING, **options: Any) -> Door:
    return Door((parse_mapping("m.toml", tomllib.loads(mapping)),) if mapping else (), "UTC", **options)


def sale(minute: int, name: str = "", *, day: int = 5, month: int = 7) -> str:
    """A row of a table: a sale in a minute of a day."""
    return (
        f"2026-{month:02d}-{day:02d} {minute // 60:02d}:{minute % 60:02d}:00,{name or f't{minute}'},m1,{minute + 1}.00"
    )


def table(*rows: str, end: str = "\n") -> bytes:
    return (end.join((HEADER, *rows)) + end).encode()


def items(data: bytes, mapping: str = MAPPING) -> list[Item]:
    return list(items_of(io.BytesIO(data), "june", door(mapping), ExitStack(), Passed()))


def events(data: bytes, mapping: str = MAPPING) -> list[dict[str, Any]]:
    """What a file's rows give; none may be refused."""
    found = items(data, mapping)
    assert [each.letter for each in found if each.letter] == []
    return [msgspec.json.decode(each.event) for each in found]


def ids(data: bytes, mapping: str = MAPPING) -> list[str]:
    return [each["txn_id"] for each in events(data, mapping)]


def taken(*files: bytes, mapping: str = MAPPING, run_bytes: int = 10**6) -> tuple[list[str], list[DeadLetter]]:
    """What finished inputs give in the order of time: ids of events, and dead letters."""
    found = SortedInput(
        [(f"f{k}", lambda data=each: io.BytesIO(data)) for k, each in enumerate(files)],  # type: ignore[misc]
        door(mapping), feed="main", forms=None, now_ms=NOW_MS, sorter=Sorter(run_bytes),
    )  # fmt: skip
    names: list[str] = []
    letters: list[DeadLetter] = []
    for part in found.parts():
        names += [msgspec.json.decode(each)["txn_id"] for each in part.lines]
        letters += part.letters
    found.close()
    return names, letters
