from __future__ import annotations

import json
from typing import TYPE_CHECKING

from simulator.config import SimulationConfig
from simulator.simulation import simulate
from simulator.write import write_jsonl, write_truth

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = SimulationConfig(merchants=40, days=0.8, jump_share=0.1, tx_per_merchant_day=100.0)


def test_the_file_holds_master_data_records_and_clocks_in_order(tmp_path: Path) -> None:
    simulation = simulate(CONFIG)
    lines = write_jsonl(simulation, tmp_path / "events.jsonl")
    written = (tmp_path / "events.jsonl").read_bytes().splitlines()
    assert len(written) == lines
    assert written[:80] == simulation.master_records()
    clocks = [line for line in written if b'"type":"clock"' in line]
    assert len(clocks) == round(0.8 * 24 * 60) + 1
    assert json.loads(written[-1])["event_time"] == CONFIG.end_ms
    others = [line for line in written[80:] if b'"type":"clock"' not in line]
    assert others == [value for batch in simulation.batches() for value in batch.values()]
    clock = 0
    for event in map(json.loads, written[80:]):
        if event.get("type") == "clock":
            clock = event["event_time"]
        else:
            assert event["received_at"] > clock


def test_truth_and_ledger_are_written_beside_it(tmp_path: Path) -> None:
    simulation = simulate(CONFIG)
    write_truth(simulation, tmp_path)
    truth = json.loads((tmp_path / "truth.json").read_bytes())
    ledger = json.loads((tmp_path / "ledger.json").read_bytes())
    assert [label["merchant_id"] for label in truth["violations"]] == [
        label.merchant_id for label in simulation.violations()
    ]
    assert truth["look_alikes"]
    assert ledger.keys() == {simulation.merchant_id(i) for i in range(40)}
    assert sum(sums["accepted"] for sums in ledger.values()) == simulation.ledger()["accepted"].sum()
