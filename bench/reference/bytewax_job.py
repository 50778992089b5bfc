"""Bytewax: a stateful operator over batches by key, with recovery (epochs of 10 s) or without."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bytewax.operators as op
import msgspec
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSinkMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir

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


class Merchant(StatefulBatchLogic[Event, Any, State]):
    """One merchant's state."""

    def __init__(self, known: State | None) -> None:
        self._state = known or new_state()

    def on_batch(self, values: list[Event]) -> tuple[Iterable[KafkaSinkMessage[bytes, bytes]], bool]:
        found = [alert for event in values for alert in judge(self._state, event)]
        return [KafkaSinkMessage(each["merchant_id"].encode(), _encode(each)) for each in found], self.RETAIN

    def snapshot(self) -> State:
        return copy.deepcopy(self._state)


def dataflow(args: argparse.Namespace, meter: Meter) -> Dataflow:
    def by_merchant(messages: list[Any]) -> list[tuple[str, Event]]:
        meter.begin()
        meter.add(len(messages))
        events = [_decode(each.value) for each in messages]
        return [(each["merchant_id"], each) for each in events if "merchant_id" in each]

    def counted(alerts: list[tuple[str, Any]]) -> list[Any]:
        meter.alerts += len(alerts)
        return [alert for _, alert in alerts]

    flow = Dataflow("reference")
    source = kop.input(
        "read", flow, brokers=[args.bootstrap], topics=[args.input], batch_size=BATCH, add_config=CONSUMER,
        tail=not args.records,
    )  # fmt: skip
    events = op.flat_map_batch("decode", source.oks, by_merchant)
    judged = op.stateful_batch("judge", events, Merchant)
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
