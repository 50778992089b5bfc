"""How long an alert takes: produces at a fixed rate and reads the alerts of a contender that runs; prints JSON.

    python -m bench.reference.probe --bootstrap … --input … --output … [--rate 2000] [--seconds 30]

One transaction in twenty gets a wrong fee. Its latency is from the call that produces it to its alert's arrival here.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from bench.reference.data import Traffic
from bench.reference.produce import LIKE_JAVA, check

if TYPE_CHECKING:
    from collections.abc import Iterator

MERCHANTS = 10_000
WRONG_EVERY, WRONG_BY = 20, 100_000
WARM_UP_S, READY_WITHIN_S, LAST_WITHIN_S = 5, 120.0, 10.0
_READY_EVERY_S = 0.2


class Probe:
    """Offers transactions to a contender, and notes when the alerts of the wrong fees among them come back."""

    def __init__(self, bootstrap: str, source: str, output: str, traffic: Traffic) -> None:
        """Produce the master data to `source`, and listen to `output`."""
        self._source = source
        self._producer = Producer({"bootstrap.servers": bootstrap, **LIKE_JAVA, "linger.ms": 0, "on_delivery": check})
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "probe", "enable.auto.commit": False})
        partitions = self._consumer.list_topics(output).topics[output].partitions
        self._consumer.assign([TopicPartition(output, each, 0) for each in partitions])
        self._records = iter(traffic)
        self._awaited: dict[str, float] = {}
        self.latencies_ms: list[float] = []
        for key, value in islice(self._records, 2 * traffic.merchants):
            self._producer.produce(source, value, key)
        self._producer.flush()

    def wait_until_ready(self) -> None:
        """Send wrong fees until the first comes back; raises TimeoutError if none does."""
        latest = time.perf_counter() + READY_WITHIN_S
        while not self.latencies_ms:
            if time.perf_counter() > latest:
                raise TimeoutError(f"an alert should come within {READY_WITHIN_S:g} s, none came")
            self._send(wrong=True)
            self._listen(until_s=time.perf_counter() + _READY_EVERY_S)
        self._listen(until_s=time.perf_counter() + 1.0)

    def offer(self, rate: int, seconds: int) -> None:
        """Send at a rate, then wait for the alerts that are still to come."""
        begun, sent = time.perf_counter(), 0
        while sent < rate * seconds:
            due = min(rate * seconds, int((time.perf_counter() - begun) * rate))
            for k in range(sent, due):
                self._send(wrong=k % WRONG_EVERY == 0)
            sent = due
            self._listen(until_s=begun + (sent + 1) / rate)
        latest = time.perf_counter() + LAST_WITHIN_S
        while self._awaited and time.perf_counter() < latest:
            self._listen(until_s=time.perf_counter() + 0.1)

    @property
    def missing(self) -> int:
        """Alerts that did not come."""
        return len(self._awaited)

    def _send(self, *, wrong: bool) -> None:
        key, value = next(self._records)
        if wrong:
            head, fee = value[:-1].rsplit(b":", 1)
            value = b"%b:%d}" % (head, int(fee) + WRONG_BY)
            self._awaited[json.loads(value)["txn_id"]] = time.perf_counter()
        self._producer.produce(self._source, value, key)

    def _listen(self, until_s: float) -> None:
        """Take alerts as they come, until that moment; at least those that are there."""
        while True:
            self._producer.poll(0)
            message = self._consumer.poll(max(0.0, until_s - time.perf_counter()))
            now = time.perf_counter()
            if message is not None:
                self._take(message.error(), message.value(), now)
            elif now >= until_s:
                return

    def _take(self, error: object, value: bytes, now: float) -> None:
        if error is not None:
            raise KafkaException(error)
        alert = json.loads(value)
        since = self._awaited.pop(alert["at"], None) if alert["kind"] == "fee" else None
        if since is not None:
            self.latencies_ms.append((now - since) * 1000)


def traffic(rate: int, seconds: int) -> Traffic:
    """Enough for the warm-up, the measuring and the wait before."""
    more = round(READY_WITHIN_S / _READY_EVERY_S) + rate * (seconds + WARM_UP_S)
    return Traffic(2 * MERCHANTS + more, MERCHANTS)


def percentiles(latencies_ms: list[float]) -> Iterator[tuple[str, float]]:
    """What is reported of them."""
    for name, share in (("p50_ms", 50), ("p99_ms", 99), ("most_ms", 100)):
        yield name, float(np.percentile(latencies_ms, share))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--rate", type=int, default=2_000)
    parser.add_argument("--seconds", type=int, default=30)
    args = parser.parse_args()
    probe = Probe(args.bootstrap, args.input, args.output, traffic(args.rate, args.seconds))
    probe.wait_until_ready()
    probe.offer(args.rate, WARM_UP_S)
    probe.latencies_ms.clear()
    probe.offer(args.rate, args.seconds)
    print(
        json.dumps({
            **dict(percentiles(probe.latencies_ms)), "alerts": len(probe.latencies_ms), "missing": probe.missing,
        })
    )  # fmt: skip


if __name__ == "__main__":
    main()
