"""Which files of JSON lines are read as they stand."""

from __future__ import annotations

import json

from streams.files.order import is_in_order

DAY_MS = 86_400_000
T0 = 1_780_000_000_000


def in_order(*times: int, **more: object) -> bool:
    sale = {"txn_id": "t", "merchant_id": "m", "amount": 1, "currency": "CNY", **more}
    lines = [json.dumps({**sale, "event_time": T0 + each}).encode() + b"\n" for each in times]
    return is_in_order([lines[:2], lines[2:]], DAY_MS, T0 + 100 * DAY_MS)


def test_rows_within_the_limit_of_lateness_may_stand_as_they_do() -> None:
    assert in_order(0, DAY_MS, 0, 2 * DAY_MS)
    assert not in_order(0, DAY_MS + 1, 0)
    assert not in_order(3 * DAY_MS, 2 * DAY_MS, DAY_MS)


def test_a_recorded_stream_is_in_the_order_of_its_receipt() -> None:
    assert in_order(9 * DAY_MS, 5 * DAY_MS, 0, received_at=T0)


def test_a_row_of_the_future_makes_no_other_late() -> None:
    assert in_order(0, 200 * DAY_MS, 1)
