"""The contract with Faust and mode: what `streams.faust_compat` touches is there, as it was when that was written."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, cast

import pytest
from faust.app.base import App
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer
from faust.types import TP

from engine.decoding.records import Records
from streams import faust_compat
from streams.app import WorkerSettings, build_app
from streams.batches import BatchMessage
from streams.fetched_batch import Batch, FetchedBatch
from streams.sqlite.address import SqliteAddress
from tests.streams.compat import attribute_faults, signature_faults, version_fault

if TYPE_CHECKING:
    from pathlib import Path

    from streams.batches import BatchConsumer

FAUST = "faust-streaming"
TOUCHED = {
    App._create_directories: "",
    Consumer._add_gap: "tp, offset_from, offset_to",
    Consumer._commit: "offsets",
    Consumer._filter_tps_with_pending_acks: "topics",
    Consumer._get_active_partitions: "",
    Consumer._getmany: "active_partitions, timeout",
    Consumer._new_offset: "tp",
    Consumer._new_topicpartition: "topic, partition",
    Consumer._seek: "partition, offset",
    Consumer._should_commit: "tp, offset",
    Consumer._to_message: "tp, record",
    Consumer._wait_next_records: "timeout",
    TableManager._update_channels: "",
}
AWAITED = {
    Consumer._add_gap,
    Consumer._commit,
    Consumer._getmany,
    Consumer._seek,
    Consumer._wait_next_records,
    TableManager._update_channels,
}


@pytest.mark.parametrize("distribution", faust_compat.READ_FOR)
def test_the_installed_version_is_the_one_that_was_read(distribution: str) -> None:
    assert version_fault(faust_compat, distribution, faust_compat.READ_FOR[distribution]) == ""


def test_what_is_called_or_overridden_takes_what_it_took() -> None:
    assert signature_faults(FAUST, TOUCHED) == []
    assert {each for each in TOUCHED if inspect.iscoroutinefunction(each)} == AWAITED


def test_the_table_manager_waits_and_then_does_what_ours_does_at_once() -> None:
    source = inspect.getsource(TableManager.on_start)
    steps = [source.find(each) for each in ("self.sleep(1.0)", "self._update_channels()", "self.recovery.start()")]
    assert -1 < steps[0] < steps[1] < steps[2]


def test_a_message_that_is_let_go_of_is_waited_for_no_longer(tmp_path: Path) -> None:
    async def test() -> None:
        app = build_app(WorkerSettings(address=SqliteAddress(tmp_path / "tillwatch.db"), partitions=2))
        consumer = cast("BatchConsumer", app.consumer)
        assert attribute_faults(FAUST, [(consumer, ("_unacked_messages", "_waiting_for_ack"))]) == []
        message = BatchMessage(TP("events", 0), FetchedBatch(1, Batch.of(Records.of([b"1"]))), 1)
        consumer.track_message(message)
        assert message in consumer.unacked
        waiting = asyncio.create_task(consumer._wait_for_ack(timeout=30.0))
        await asyncio.sleep(0)
        signal = consumer._waiting_for_ack
        consumer.forget_unacked(message)
        assert signal is not None
        assert signal.done()
        await waiting
        assert message not in consumer.unacked

    asyncio.run(test())
