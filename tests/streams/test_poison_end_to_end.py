"""One record in a hundred damaged, through ingest, log and worker: nothing crashes, nothing is lost or leaked."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.poison import Poisoned, poison
from simulator.simulation import simulate
from streams.app import WorkerSettings
from streams.intake import ingest
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from streams.worker import run_worker

if TYPE_CHECKING:
    from pathlib import Path

PARTITIONS = 2
AMEX_DIGITS = 15
"""By rule a declared 15-digit number is no card number: a tenth of all merchant numbers pass Luhn."""


@pytest.fixture(scope="module")
def damaged() -> Poisoned:
    source = simulate(SimulationConfig(seed=5, merchants=60, days=3, record_size="all", jump_share=0.2))
    values = [value for batch in source.batches() for value in batch.values()]
    return poison(values, seed=3, share=0.01)


def letters(log: SqliteLog, partitions: int) -> list[dict[str, Any]]:
    found = []
    for partition in range(partitions):
        offset = 0
        while len(batch := log.read("dead-letters", partition, offset)):
            found += [json.loads(batch.value(i)) for i in range(len(batch))]
            offset = int(batch.offsets[-1]) + 1
    return found


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


@pytest.mark.timeout(300)
def test_every_line_is_accounted_for_and_no_card_number_is_in_any_file(damaged: Poisoned, tmp_path: Path) -> None:
    lines = [record.replace(b"\n", b" ") for record in damaged.records]
    path = tmp_path / "log.db"
    with SqliteLog(path) as log:
        create_topics(log, PARTITIONS)
        taken = ingest(log, io.BytesIO(b"\n".join(lines) + b"\n"), name="poisoned", feed="sim", historic=True)
    counts = run_worker(
        WorkerSettings(address=SqliteAddress(path), partitions=PARTITIONS),
        lambda partition, partitions: Monitor(MonitorConfig(capacity=1000), partition, partitions, checkpoints=True),
        until_idle=True,
    )
    with SqliteLog(path) as log:
        found = letters(log, PARTITIONS)
    clocks = counts.records - taken.forwarded
    assert clocks % PARTITIONS == 0
    assert taken.lines == taken.forwarded + taken.dead_letters + taken.skipped_lines == len(lines)
    assert counts.records == counts.transactions + counts.duplicates + counts.other + counts.dead_letters
    assert len(found) == taken.dead_letters + counts.dead_letters
    assert taken.dead_letters > len(damaged.damages) / 2
    assert all(letter["reason"] and letter["message"] and letter["position"] >= 0 for letter in found)
    content = written(tmp_path)
    assert [pan for pan in damaged.pans if len(pan) > AMEX_DIGITS and pan.encode() in content] == []


@pytest.mark.timeout(300)
def test_of_a_foreign_producers_topic_no_card_number_is_in_what_we_write(damaged: Poisoned, tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log.db") as log:
        create_topics(log, 1)
        log.append("events", 0, damaged.records)
    counts = run_worker(
        WorkerSettings(address=SqliteAddress(tmp_path / "log.db"), partitions=1),
        lambda partition, partitions: Monitor(MonitorConfig(capacity=1000), partition, partitions, checkpoints=True),
        until_idle=True,
    )
    assert counts.records == len(damaged.records)
    assert counts.records == counts.transactions + counts.duplicates + counts.other + counts.dead_letters
    with SqliteLog(tmp_path / "log.db") as log:
        outputs = [
            record.value for topic in ("alerts", "merchant-risk") for record in log.read_keyed(topic, 0, 0, 10**6)
        ]
        outputs += [json.dumps(letter, ensure_ascii=False).encode() for letter in letters(log, 1)]
    content = b"\n".join(outputs)
    assert len(outputs) > len(damaged.damages) / 2
    assert [pan for pan in damaged.pans if len(pan) > AMEX_DIGITS and pan.encode() in content] == []
