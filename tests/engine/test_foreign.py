"""An acquirer's own topic, without clock records: the partition's greatest event time stands for the feed's clock."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from detectors.mcc_jump import MccJump
from domain.feature_codes import ROW_CLOSING
from engine.decoding.records import Records
from engine.features.kernel import BEHIND_MS
from engine.monitor import Monitor, MonitorConfig
from tests.engine.test_checkpoints import Shelf
from tests.engine.test_oracle import Spy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from domain.alerts import Alert, Score

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]

Event = dict[str, Any]
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START_MS = 1_783_224_000_000
GAP_S = 7_200


def sale(merchant: str, number: int, time_ms: int, **fields: Any) -> Event:
    event: Event = {
        "txn_id": f"{merchant}{number}", "merchant_id": merchant, "amount": 100_000 + number, "currency": "CNY",
        "event_time": time_ms, "mcc": "5411", "scheme": "unionpay", "card_kind": "credit",
    }  # fmt: skip
    return event | fields


def registered(merchant: str) -> Event:
    return {"type": "merchant", "merchant_id": merchant, "effective_from": START_MS, "mccs": ["5812"]}


def stream(seed: int, merchants: int, days: int, disorder_ms: int) -> list[Event]:
    """Sales of several merchants, all of them jumps, out of order between merchants but not within one."""
    rng, sales = random.Random(seed), list[tuple[int, Event]]()
    for m in range(merchants):
        name, now_ms, late_ms = f"m{m}", START_MS + rng.randrange(HOUR), rng.randrange(disorder_ms + 1)
        while now_ms < START_MS + days * DAY:
            event = sale(name, len(sales), now_ms, feed=rng.choice(("east", "west", None)))
            if rng.random() < 0.05:
                event |= {"txn_type": "void", "original_txn_id": f"unknown{len(sales)}"}
            sales.append((now_ms + late_ms, event))
            now_ms += rng.choice((MINUTE, 20 * MINUTE, HOUR, 5 * HOUR, DAY + HOUR))
    ordered = [event for _, event in sorted(sales, key=lambda each: each[0])]
    return [*(registered(f"m{m}") for m in range(merchants)), *ordered]


def records(events: Sequence[Event], first: int = 0) -> Records:
    values = [json.dumps(each).encode() for each in events]
    return Records.of(values, first_offset=first, appended_ms=START_MS + 400 * DAY)


def monitor_of(*, foreign: bool = True) -> Monitor:
    detector = MccJump(quiet_gap_s=GAP_S, max_age_s=43_200)
    return Monitor(MonitorConfig(capacity=100, foreign=foreign), detectors=[detector], checkpoints=True)


def cut(events: Sequence[Event], rng: random.Random) -> Iterable[Sequence[Event]]:
    at = 0
    while at < len(events):
        size = rng.choice((1, 2, 7, 60))
        yield events[at : at + size]
        at += size


def final(batches: Iterable[Sequence[Event]]) -> tuple[dict[str, Alert], dict[str, Score]]:
    monitor = monitor_of()
    alerts: dict[str, Alert] = {}
    scores: dict[str, Score] = {}
    for batch in batches:
        outputs = monitor.process(records(batch))
        assert outputs.dead_letters == []
        alerts |= {each.alert_id: each for each in outputs.alerts}
        scores |= {each.merchant_id: each for each in outputs.scores}
    return alerts, scores


@pytest.mark.parametrize("seed", range(8))
def test_alerts_do_not_depend_on_where_batches_are_cut(seed: int) -> None:
    """Invariant 1 on a foreign topic."""
    events, rng = stream(seed, 6, 4, 25 * MINUTE), random.Random(seed)
    whole = final([events])
    assert final(cut(events, rng)) == whole
    assert final([each] for each in events) == whole
    assert sum(each.closed + each.reopened for each in whole[0].values()) >= 5, "episodes that were closed"


@pytest.mark.parametrize("seed", range(4))
def test_alerts_do_not_depend_on_how_merchants_are_mixed_within_half_an_hour(seed: int) -> None:
    rng = random.Random(seed)
    one, other = stream(seed, 6, 4, 0), stream(seed, 6, 4, 0)
    behind = {f"m{m}": rng.randrange(29 * MINUTE) for m in range(6)}
    other.sort(key=lambda each: each.get("event_time", 0) + behind[each["merchant_id"]])
    assert [each.get("txn_id") for each in one] != [each.get("txn_id") for each in other]
    end = [sale("m0", 10**6, START_MS + 9 * DAY, mcc="5812")]
    assert final(cut(one + end, rng)) == final(cut(other + end, rng))


def test_a_restored_monitor_goes_on_with_the_same_clock() -> None:
    events = stream(1, 6, 4, 25 * MINUTE)
    first, second = monitor_of(), monitor_of()
    alerts = {each.alert_id: each for each in first.process(records(events[:60])).alerts}
    shelf = Shelf()
    shelf.whole(first)
    shelf.bring_back(second)
    alerts |= {each.alert_id: each for each in second.process(records(events[60:], 60)).alerts}
    assert alerts == final([events])[0]


def closed_at(foreign: bool, behind_ms: int) -> bool:
    """Whether a merchant's episode was closed by another merchant's sale so long after its quiet gap."""
    monitor = monitor_of(foreign=foreign)
    later = sale("b", 2, START_MS + GAP_S * 1000 + behind_ms, mcc="5812", feed="west")
    outputs = monitor.process(records([registered("a"), sale("a", 1, START_MS, feed="east"), later]))
    return outputs.alerts[-1].closed


def test_the_clock_is_the_partitions_greatest_event_time_half_an_hour_behind() -> None:
    assert [closed_at(foreign=True, behind_ms=BEHIND_MS + after_ms) for after_ms in (0, MINUTE)] == [False, True]


def test_without_the_setting_only_clock_records_drive_deadlines() -> None:
    assert not closed_at(foreign=False, behind_ms=30 * DAY)


def test_a_refused_time_moves_no_clock() -> None:
    monitor = monitor_of()
    ahead = sale("b", 2, START_MS + 30 * DAY, received_at=START_MS)
    outputs = monitor.process(records([registered("a"), sale("a", 1, START_MS), ahead]))
    assert [each.reason for each in outputs.dead_letters] == ["future"]
    assert not outputs.alerts[-1].closed


class Closings(Spy):
    """Counts the ends of days, and the sales of those days."""

    days = sales = 0

    def detect(self, features: Any) -> Any:
        closing = features["row_kind"] == ROW_CLOSING
        self.days += int(np.count_nonzero(closing))
        self.sales += int(np.sum(np.maximum(features["closed_sales"][closing], 0)))
        return super().detect({name: column[:0] for name, column in features.items()})


def test_the_days_of_more_merchants_than_there_is_room_for_close_once_each() -> None:
    """One record fires more deadlines than there are rows of features: the walk goes on where it stopped."""
    merchants, spy = 9_000, Closings()
    monitor = Monitor(MonitorConfig(capacity=merchants, foreign=True), detectors=[spy])
    monitor.process(records([sale(f"m{m}", 1, START_MS) for m in range(merchants)]))
    monitor.process(records([sale("m0", 2, START_MS + 3 * DAY, mcc="5812")]))
    assert (spy.days, spy.sales) == (3 * merchants, merchants)
