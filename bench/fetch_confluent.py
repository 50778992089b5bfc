"""Reads a topic with confluent-kafka, which is no dependency of ours: `bench/fetch.py` runs this in its environment."""

from __future__ import annotations

import sys
import time

BATCH = 5_000


class Clock:
    """Times records, from behind the first batch on."""

    def __init__(self) -> None:
        self._first = self._rest = 0
        self._began = 0.0, 0.0

    def count(self, records: int) -> int:
        """Note a batch; how many records there were in all."""
        if self._first:
            self._rest += records
        elif records:
            self._first = records
            self._began = time.perf_counter(), time.process_time()
        return self._first + self._rest

    def report(self) -> str:
        """Records a second, and processor time of a record in µs."""
        wall_s, cpu_s = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        return f"{self._rest / wall_s} {cpu_s / self._rest * 1e6}"


def main() -> None:
    from confluent_kafka import Consumer, TopicPartition  # noqa: PLC0415  not where `Clock` is taken from

    bootstrap, topic, records, check_crcs = sys.argv[1:]
    settings = {
        "bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False,
        "check.crcs": check_crcs == "1", "fetch.queue.backoff.ms": 5,
    }  # fmt: skip
    consumer = Consumer(settings)
    consumer.assign([TopicPartition(topic, 0, 0)])
    clock = Clock()
    while clock.count(sum(each.value() is not None for each in consumer.consume(BATCH, 1.0))) < int(records):
        pass
    print(clock.report())


if __name__ == "__main__":
    main()
