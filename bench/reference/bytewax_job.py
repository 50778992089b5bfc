"""Bytewax: a stateful operator over batches, with recovery (epochs of 10 s) or without."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bytewax.operators as op
import msgspec
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSource, _KafkaSourcePartition
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from confluent_kafka import KafkaError

from bench.reference.contender import Meter, arguments
from bench.reference.plain import Event, State, judge, new_state

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

BATCH = 5_000
EPOCH_S = 10
CONSUMER = {"fetch.queue.backoff.ms": "5", "fetch.message.max.bytes": str(4 << 20)}
PRODUCER = {"compression.type": "lz4"}
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


class Values(_KafkaSourcePartition):
    """Values alone: making a message of eight fields from each record costs more than checking it."""

    def next_batch(self) -> list[bytes]:
        """The next values.

        Raises:
            StopIteration: the partition has ended, and that matters.
            RuntimeError: the broker answered with an error.
        """
        if self._eof:
            raise StopIteration
        values, last = [], None
        for message in self._consumer.consume(self._batch_size, 0.001):
            error = message.error()
            if error is None:
                values.append(message.value())
                last = message
            elif error.code() == KafkaError._PARTITION_EOF:
                self._eof = True
            else:
                raise RuntimeError(f"partition {self._part_idx} of {self._topic} should be readable, got {error}")
        if last is not None:
            self._offset = last.offset() + 1
        return values


class ValueSource(KafkaSource):
    """Bytewax's own source, but of values."""

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Values:
        part = super().build_part(step_id, for_part, resume_state)
        part.__class__ = Values
        return part


class Shard(StatefulBatchLogic[Event, Any, bytes]):
    """The merchants whose ids end in the same two digits: a key for each merchant costs a third more."""

    def __init__(self, known: bytes | None) -> None:
        self._states: defaultdict[str, State] = defaultdict(new_state, _decode(known) if known else {})

    def on_batch(self, values: list[Event]) -> tuple[Iterable[KafkaSinkMessage[bytes, bytes]], bool]:
        found = [alert for event in values for alert in judge(self._states[event["merchant_id"]], event)]
        return [KafkaSinkMessage(each["merchant_id"].encode(), _encode(each)) for each in found], self.RETAIN

    def snapshot(self) -> bytes:
        return _encode(self._states)


def dataflow(args: argparse.Namespace, meter: Meter) -> Dataflow:
    def by_shard(values: list[bytes]) -> list[tuple[str, Event]]:
        meter.begin()
        meter.add(len(values))
        events = [_decode(each) for each in values]
        return [(each["merchant_id"][-2:], each) for each in events if "merchant_id" in each]

    def counted(alerts: list[tuple[str, Any]]) -> list[Any]:
        meter.alerts += len(alerts)
        return [alert for _, alert in alerts]

    flow = Dataflow("reference")
    source = ValueSource([args.bootstrap], [args.input], tail=not args.records, add_config=CONSUMER, batch_size=BATCH)
    values = op.input("read", flow, source)
    events = op.flat_map_batch("decode", values, by_shard)
    judged = op.stateful_batch("judge", events, Shard)
    alerts = op.flat_map_batch("count", judged, counted)
    kop.output("write", alerts, brokers=[args.bootstrap], topic=args.output, add_config=PRODUCER)
    return flow


def main() -> None:
    args = arguments(("recovery", "memory"))
    meter = Meter(f"bytewax-{args.variant}", args.records)
    recovery = None
    if args.variant == "recovery":
        folder = Path("state")
        folder.mkdir()
        init_db_dir(folder, 1)
        recovery = RecoveryConfig(str(folder))
    cli_main(dataflow(args, meter), epoch_interval=timedelta(seconds=EPOCH_S), recovery_config=recovery)
    meter.report(variant=args.variant, batch=BATCH, epoch_s=EPOCH_S, consumer=CONSUMER, producer=PRODUCER)


if __name__ == "__main__":
    main()
