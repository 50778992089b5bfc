"""Plain Faust: an agent over single events, `dict` values, a Table with its changelog (or a `dict` that is lost)."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

import faust

from bench.reference.contender import Meter, arguments
from bench.reference.plain import judge, new_state

SETTINGS: dict[str, Any] = {
    "table_standby_replicas": 0,
    "topic_disable_leader": True,
    "producer_compression_type": "lz4",
    "producer_linger": 0.005,
    "producer_max_batch_size": 1 << 20,
    "consumer_max_fetch_size": 4 << 20,
    "broker_max_poll_records": 5_000,
}


def main() -> None:
    args = arguments(("table", "memory"))
    meter = Meter(f"faust-{args.variant}", args.records)
    app = faust.App(
        args.group,
        broker=f"kafka://{args.bootstrap}",
        topic_partitions=args.partitions,
        topic_replication_factor=1,
        web_enabled=False,
        datadir="state",
        **SETTINGS,
    )
    events = app.topic(args.input, key_serializer="raw", value_serializer="json")
    alerts = app.topic(args.output, key_serializer="raw", value_serializer="json")
    lasting = args.variant == "table"
    states: Any = app.Table("merchants", default=new_state) if lasting else defaultdict(new_state)

    @app.agent(events)
    async def check(stream: Any) -> None:
        async for event in stream:
            meter.begin()
            merchant_id = event["merchant_id"]
            state = states[merchant_id]
            found = judge(state, event)
            if lasting:
                states[merchant_id] = state
            for alert in found:
                meter.alerts += 1
                await alerts.send(key=merchant_id.encode(), value=alert)
            if meter.add(1):
                await app.producer.flush()
                meter.report(variant=args.variant, **SETTINGS)
                os._exit(0)  # everything is flushed; a worker takes seconds to leave its group

    faust.Worker(app, loglevel="warning", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
