"""Fill an input topic: `python -m bench.reference.produce --bootstrap … --topic … --records …`."""

from __future__ import annotations

import argparse

from confluent_kafka import KafkaError, Message, Producer

from bench.reference.data import Traffic

LIKE_JAVA = {"partitioner": "murmur2_random", "compression.type": "lz4"}
"""What every producer of the input sets: partitions as Java's producer chooses them."""
_SETTINGS = {
    "linger.ms": 20,
    "batch.size": 1 << 20,
    "queue.buffering.max.messages": 500_000,
    "enable.idempotence": True,
}
"""Idempotent, for what is sent again must not come behind what was sent later."""
_POLL_EVERY = 1_000


def produce(bootstrap: str, topic: str, traffic: Traffic) -> None:
    """Produce all records; raises RuntimeError at the first that the broker refuses."""
    producer = Producer({"bootstrap.servers": bootstrap, **LIKE_JAVA, **_SETTINGS, "on_delivery": check})
    for count, (key, value) in enumerate(traffic):
        if count % _POLL_EVERY == 0:
            while len(producer) > 400_000:
                producer.poll(0.05)
            producer.poll(0)
        producer.produce(topic, value, key)
    producer.flush()


def check(error: KafkaError | None, message: Message) -> None:
    """Delivered, or an error."""
    if error is not None:
        raise RuntimeError(f"a record for {message.topic()} should be delivered, got {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--records", type=int, required=True)
    args = parser.parse_args()
    produce(args.bootstrap, args.topic, Traffic(args.records))


if __name__ == "__main__":
    main()
