"""The room a merchant takes."""

from __future__ import annotations

import pytest

from engine.decoding.records import Records
from engine.features.compose import compose
from engine.features.families.registry import FAMILIES
from engine.features.rows import row_dtype
from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.simulation import simulate

ROW_BYTES, MEAN_BYTES = 2_704, 3_530
"""What every merchant has, and what one has on average with its blocks, on the simulator's mix. `docs/performance.md`
says where it goes; a family that needs more must save elsewhere."""


def test_a_row_stays_within_its_budget() -> None:
    assert row_dtype(FAMILIES)[0].itemsize <= ROW_BYTES
    assert row_dtype(FAMILIES)[1] <= 360


@pytest.mark.timeout(300)  # the kernel may have to be compiled
def test_a_merchant_of_the_simulator_takes_no_more_on_average_with_its_blocks() -> None:
    source = simulate(SimulationConfig(merchants=300, days=4, seed=7))
    monitor = Monitor(MonitorConfig(capacity=300))
    monitor.process(Records.of(source.master_records()))
    for batch in source.batches():
        monitor.process(Records.of(batch.values()))
    rows = monitor._pipeline.state.rows
    blocks = sum(int(each.used[0]) * each.bytes.shape[1] for each in rows.blocks)
    assert blocks > 0
    assert row_dtype(FAMILIES)[0].itemsize + blocks / int(rows.count[0]) <= MEAN_BYTES


def test_there_are_not_many_more_columns_than_detectors_can_use() -> None:
    assert 40 <= len(compose().columns) <= 340
