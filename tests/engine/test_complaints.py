"""Complaints: counted by their own time, once, and shown where they support a finding."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from detectors.fee_over import FeeOver
from domain.feature_codes import ROW_CLOSING
from engine.decoding.records import Records
from engine.features.families import complaints
from engine.features.partition import MonitorConfig
from engine.features.pipeline import FeaturePipeline
from tests.detectors.made import DAY, HOUR, MIDNIGHT, Till, alerts_of, master, only

if TYPE_CHECKING:
    from tests.detectors.made import Event

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]
NAMES = tuple(column.name for column in complaints.COLUMNS)
CLOSED_MS = 3 * HOUR


def complaint(at_ms: int, received_ms: int, reason_code: str | None) -> Event:
    return {
        "type": "complaint", "merchant_id": "m1", "event_time": at_ms, "received_at": received_ms, "feed": "f",
        "reason_code": reason_code,
    }  # fmt: skip


class Case:
    """A shop at random with complaints that come late, twice or in bulk; and what its rows are to tell."""

    def __init__(self, seed: int) -> None:
        self.rng, till = random.Random(seed), Till(seed)
        self.events: list[Event] = [master("5812")]
        self.told: list[tuple[int, ...] | None] = []
        self.held: list[tuple[int, bool]] = []
        for day in range(140):
            at_ms = MIDNIGHT + day * DAY
            for _ in range(self.rng.choice((0, 0, 0, 1, 5 if seed % 2 else 1))):
                self.complain(at_ms + self.rng.randrange(CLOSED_MS))
            for each in till.day(day, [{"feed": "f"}] * self.rng.randrange(3)):
                self.events.append(each)
                self.told.append(self.row(each["event_time"]))

    def complain(self, received_ms: int) -> None:
        late_ms = self.rng.choice((-HOUR, 0, 0, DAY, 30 * DAY, 100 * DAY))
        reason = self.rng.choice(("fee", "FEES-01", "attitude", None))
        said = complaint(received_ms - late_ms, received_ms, reason)
        self.events += [said] * self.rng.choice((1, 1, 2))
        one = (min(received_ms - late_ms, received_ms) // 1000, (reason or "").lower().startswith("fee"))
        if one not in self.held and (len(self.held) < 16 or one[0] > min(self.held)[0]):
            if len(self.held) == 16:
                first = min(at for at, _ in self.held)
                self.held.remove(next(each for each in self.held if each[0] == first))
            self.held.append(one)

    def row(self, now_ms: int) -> tuple[int, ...] | None:
        now_s = now_ms // 1000
        recent = [each for each in self.held if now_s - 90 * 86_400 < each[0] <= now_s]
        if not recent:
            return None
        return len(recent), sum(of_fees for _, of_fees in recent), (now_s - max(recent)[0]) // 86_400


def rows_of(events: list[Event], cuts: list[int]) -> list[dict[str, Any]]:
    pipeline = FeaturePipeline(MonitorConfig(capacity=10), historic=True)
    raw = [json.dumps({name: value for name, value in each.items() if value is not None}).encode() for each in events]
    found = []
    for first, last in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        for rows in pipeline.rows(Records.of(raw[first:last], first_offset=first)):
            kinds = rows.columns["row_kind"].tolist()
            values = zip(*(rows.columns[name].tolist() for name in NAMES), strict=True)
            found += [(kind, value) for kind, value in zip(kinds, values, strict=True)]
    return found


@pytest.mark.parametrize("seed", range(12))
def test_every_row_counts_the_complaints_of_ninety_days_however_batches_are_cut(seed: int) -> None:
    case = Case(seed)
    cuts = sorted(case.rng.sample(range(1, len(case.events)), 10))
    null = (-(2**63),) * 3
    found = [value for kind, value in rows_of(case.events, cuts) if kind != ROW_CLOSING]
    assert found == [each or null for each in case.told]
    assert sum(each is not None for each in case.told) > 20


def test_an_overcharge_shows_the_complaints_about_fees() -> None:
    till = Till()
    contract = {
        "type": "contract", "merchant_id": "m1", "effective_from": MIDNIGHT - DAY, "prices": [{"rate_ppm": 6_000}]
    }  # fmt: skip
    said = [complaint(MIDNIGHT + HOUR * k, MIDNIGHT + HOUR * k, "fee") for k in (1, 2, 2)]
    other = complaint(MIDNIGHT, MIDNIGHT + HOUR, "attitude")
    sales = till.day(1, [{"fee": 900, "feed": "f"}] * 3)
    shown = {
        each.feature: each.value
        for each in only(alerts_of([master("5812"), contract, other, *said, *sales], FeeOver())).evidence
    }
    assert shown["fee_complaints_90d"] == 2
    without = only(alerts_of([master("5812"), contract, other, *sales], FeeOver()))
    assert "fee_complaints_90d" not in {each.feature for each in without.evidence}
