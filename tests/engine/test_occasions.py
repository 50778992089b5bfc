"""What reaches detectors beside transactions: the ends of days, settlements, versions of contracts."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from detectors.contract import Findings
from domain.alerts import Evidence, Text
from domain.feature_codes import ROW_CLOSING, ROW_CONTRACT, ROW_SETTLEMENT
from domain.timestamps import DAY_MS, HOUR_MS
from engine.decoding.columns import MISSING
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from tests.told import Telling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from domain.alerts import Alert

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]
MIDNIGHT = 1_783_180_800_000
"""2026-07-05 00:00 in Shanghai."""


@dataclass(slots=True)
class Everything(Telling):
    """A detector that finds fault with every row of some occasions."""

    occasions: tuple[int, ...] = (ROW_CLOSING, ROW_SETTLEMENT, ROW_CONTRACT)
    seen: list[int] = field(default_factory=list)

    name = "everything"
    version = 1
    risk_group = "rule"
    title = Text("", "")
    risk_code = ""
    bearer = ""
    needs = ("amount",)
    columns = ("row_kind",)
    quiet_gap_s = 1
    max_age_s = 1

    def detect(self, features: Mapping[str, Any]) -> Findings:
        self.seen += features["row_kind"].tolist()
        index = np.flatnonzero(np.isin(features["row_kind"], self.occasions))
        return Findings(index, np.full(len(index), 0.5), np.zeros(len(index), np.int64))

    def evidence(self, values: Mapping[str, Any]) -> tuple[Evidence, ...]:
        return tuple(Evidence(name, "", value, None, None, "") for name, value in values.items())


def sale(k: int, at_ms: int, merchant: str = "m", **more: Any) -> bytes:
    return json.dumps({
        "txn_id": f"t{k}", "merchant_id": merchant, "amount": 10_000, "currency": "CNY", "event_time": at_ms,
        "feed": "f", **more,
    }).encode()  # fmt: skip


def clock(at_ms: int) -> bytes:
    return json.dumps({"type": "clock", "feed": "f", "event_time": at_ms}).encode()


def alerts_of(
    batches: Sequence[Sequence[bytes]], occasions: tuple[int, ...] = (ROW_CLOSING,), *, checkpoints: bool = False
) -> list[Alert]:
    detector = Everything(occasions)
    monitor = Monitor(MonitorConfig(capacity=20_000), detectors=[detector], checkpoints=checkpoints)
    return [
        alert
        for batch in batches
        for alert in monitor.process(Records.of(list(batch), appended_ms=MIDNIGHT + 400 * DAY_MS)).alerts
    ]


def told(alerts: Sequence[Alert]) -> set[tuple[str, str, str, str, int]]:
    """Alerts at their final revision: whose, which, the first hit and the last, how many."""
    final = {alert.alert_id: alert for alert in alerts}
    return {(it.merchant_id, it.alert_id, it.first_time, it.last_time, it.hits) for it in final.values()}


def hits(alerts: Sequence[Alert]) -> int:
    return sum(count for *_, count in told(alerts))


def test_a_day_is_closed_by_the_clock_or_by_the_next_transaction_alike() -> None:
    first, next_week = sale(1, MIDNIGHT + 9 * HOUR_MS), sale(2, MIDNIGHT + 7 * DAY_MS)
    clocks = [clock(MIDNIGHT + k * HOUR_MS) for k in range(10, 7 * 24 + 1)]
    by_clock = alerts_of([[first], *([each] for each in clocks), [next_week]])
    by_sale = alerts_of([[first, next_week]])
    assert told(by_clock) == told(by_sale)
    assert hits(by_sale) == 6  # 5 to 10 July; the 11th closes at 02:00 of the 12th and later


def test_a_day_closes_two_to_three_hours_after_its_end() -> None:
    (alert,) = [a for a in alerts_of([[sale(1, MIDNIGHT + HOUR_MS), clock(MIDNIGHT + 28 * HOUR_MS)]]) if not a.closed]
    assert "2026-07-05T18:" in alert.first_time  # 02:00 to 03:00 of 6 July in Shanghai
    assert alert.txn_ids == ()


def test_idle_days_are_told_a_hundred_times_and_once_after_a_year() -> None:
    alerts = alerts_of([[sale(1, MIDNIGHT)], [clock(MIDNIGHT + 399 * DAY_MS)]])
    assert hits(alerts) == 1 + 100 + 1


def test_the_days_of_many_merchants_close_in_parts_where_they_do_not_fit_at_once() -> None:
    sales = [sale(k, MIDNIGHT + k, f"m{k}") for k in range(9_000)]
    alerts = alerts_of([sales, [clock(MIDNIGHT + 2 * DAY_MS)]])
    assert {merchant for merchant, *_ in told(alerts)} == {f"m{k}" for k in range(9_000)}
    assert len(told(alerts)) == 9_000


def test_batches_may_be_cut_anywhere() -> None:
    draw = random.Random(7)
    stream, at_ms = [], MIDNIGHT
    for k in range(400):
        at_ms += draw.choice([60_000, HOUR_MS, 7 * HOUR_MS, 3 * DAY_MS])
        stream.append(sale(k, at_ms - draw.choice([0, 0, HOUR_MS]), f"m{draw.randrange(5)}"))
        if draw.random() < 0.5:
            stream.append(clock(at_ms - 2 * HOUR_MS))
        if draw.random() < 0.2:
            stream.append(sale(k, at_ms, f"m{draw.randrange(5)}", type="settlement", fee=draw.randrange(200)))
    whole = alerts_of([stream], (ROW_CLOSING, ROW_SETTLEMENT))
    for _ in range(5):
        edges = sorted({0, len(stream), *draw.sample(range(len(stream)), 60)})
        parts = [stream[a:b] for a, b in pairwise(edges)]
        assert told(alerts_of(parts, (ROW_CLOSING, ROW_SETTLEMENT))) == told(whole)


def test_a_settlement_counts_once_and_without_any_transaction() -> None:
    settlement = sale(1, MIDNIGHT, type="settlement", fee=60)
    (alert,) = alerts_of([[settlement, settlement, sale(2, MIDNIGHT, type="settlement", fee=60)]], (ROW_SETTLEMENT,))
    assert (alert.txn_ids, alert.hits) == (("t1", "t2"), 2)


def test_a_settlement_in_another_currency_is_a_dead_letter() -> None:
    monitor = Monitor(MonitorConfig(capacity=10), detectors=[Everything()])
    outputs = monitor.process(
        Records.of([sale(1, MIDNIGHT), sale(1, MIDNIGHT, type="settlement", currency="USD")], appended_ms=MIDNIGHT)
    )
    assert [letter.reason for letter in outputs.dead_letters] == ["currency"]


def test_every_column_of_another_occasion_is_null_but_its_own() -> None:
    rows: list[dict[str, Any]] = []

    class Keeps(Everything):
        def detect(self, features: Mapping[str, Any]) -> Findings:
            rows.extend({k: v[j] for k, v in features.items()} for j in range(len(features["row_kind"])))
            return Findings(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))

    monitor = Monitor(MonitorConfig(capacity=10), detectors=[Keeps()])
    monitor.process(Records.of([sale(1, MIDNIGHT)], appended_ms=MIDNIGHT))
    monitor.process(Records.of([clock(MIDNIGHT + 2 * DAY_MS)], first_offset=1, appended_ms=MIDNIGHT + 2 * DAY_MS))
    assert [row["row_kind"] for row in rows] == [0, 2]
    assert rows[0]["sales_1d"] == 1
    assert rows[1]["sales_1d"] == MISSING
    assert np.isnan(rows[1]["night_share_1d"])


def test_a_contract_that_comes_before_any_transaction_reaches_detectors_without_a_currency() -> None:
    contract = {"type": "contract", "merchant_id": "m", "effective_from": MIDNIGHT, "prices": [{"rate_ppm": 6000}]}
    (alert,) = alerts_of([[json.dumps(contract).encode()]], (ROW_CONTRACT,))
    assert (alert.currency, alert.txn_ids) == ("", ())
