"""Quix Streams: a stateful `apply`, RocksDB, and its changelog."""

from __future__ import annotations

from typing import Any

from quixstreams import Application, State

from bench.reference.contender import Meter, arguments
from bench.reference.plain import Alert, Event, judge, new_state

CONSUMER = {
    "fetch.queue.backoff.ms": 5,
    "fetch.min.bytes": 1,
    "fetch.message.max.bytes": 4 << 20,
    "queued.min.messages": 100_000,
}
PRODUCER = {"compression.type": "lz4", "linger.ms": 5, "batch.size": 1 << 20}
COMMIT_INTERVAL_S = 5.0


def main() -> None:
    args = arguments(("rocksdb",))
    meter = Meter("quix", args.records)
    app = Application(
        broker_address=args.bootstrap,
        consumer_group=args.group,
        auto_offset_reset="earliest",
        commit_interval=COMMIT_INTERVAL_S,
        consumer_extra_config=CONSUMER,
        producer_extra_config=PRODUCER,
        state_dir="state",
        loglevel="WARNING",
    )

    def check(event: Event, state: State[str, Any]) -> list[Alert]:
        meter.begin()
        known: Any = state.get("merchant")
        if known is None:
            known = new_state()
        found = judge(known, event)
        state.set("merchant", known)
        meter.alerts += len(found)
        if meter.add(1):
            app.stop()
        return found

    frame = app.dataframe(app.topic(args.input, value_deserializer="json", key_deserializer="str"))
    frame = frame.apply(check, stateful=True, expand=True)
    frame.to_topic(app.topic(args.output, value_serializer="json", key_serializer="str"))
    app.run()
    meter.report(variant=args.variant, commit_interval_s=COMMIT_INTERVAL_S, consumer=CONSUMER, producer=PRODUCER)


if __name__ == "__main__":
    main()
