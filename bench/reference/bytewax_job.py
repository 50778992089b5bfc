"""Bytewax: a stateful operator over batches, with recovery (epochs of 10 s) or without."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bytewax.operators as op
import msgspec
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bench.reference.contender import Meter, arguments
from bench.reference.plain import Event, State, judge, new_state

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

BATCH = 5_000
EPOCH_S = 10
CONSUMER = {"fetch.queue.backoff.ms": 5, "fetch.message.max.bytes": 4 << 20, "enable.auto.commit": False}
PRODUCER = {"compression.type": "lz4"}
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


class Values(StatefulSourcePartition[bytes, int]):
    """The values of one partition.

    Bytewax's own source makes a message of eight fields of each record, which costs more than checking it.
    """

    def __init__(self, args: argparse.Namespace, number: int, offset: int) -> None:
        self._args, self._number, self._offset, self._ended = args, number, offset, False
        ends = {"enable.partition.eof": bool(args.records)}
        self._consumer = Consumer({"bootstrap.servers": args.bootstrap, "group.id": args.group, **CONSUMER, **ends})
        self._consumer.assign([TopicPartition(args.input, number, offset)])

    def next_batch(self) -> list[bytes]:
        """The next values.

        Raises:
            StopIteration: the input has an end, and this partition is at it.
            KafkaException: the broker answered with an error.
        """
        if self._ended:
            raise StopIteration
        values = []
        for message in self._consumer.consume(BATCH, 0.001):
            error = message.error()
            if error is None:
                values.append(message.value())
                self._offset = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                self._ended = True
            else:
                raise KafkaException(error)
        return values

    def snapshot(self) -> int:
        return self._offset

    def close(self) -> None:
        self._consumer.close()


class Topic(FixedPartitionedSource[bytes, int]):
    """All partitions of the input."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args

    def list_parts(self) -> list[str]:
        return [str(each) for each in range(self._args.partitions)]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Values:  # noqa: ARG002
        return Values(self._args, int(for_part), resume_state or 0)


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
    values = op.input("read", flow, Topic(args))
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
