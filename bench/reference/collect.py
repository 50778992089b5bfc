"""Print the alerts of an output topic, one a line: `python -m bench.reference.collect --bootstrap … --topic …`."""

from __future__ import annotations

import argparse

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

_SETTINGS = {"group.id": "collect", "enable.auto.commit": False, "enable.partition.eof": True}
"""Consumers of librdkafka read what is committed unless told otherwise."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    args = parser.parse_args()
    consumer = Consumer({"bootstrap.servers": args.bootstrap, **_SETTINGS})
    partitions = consumer.list_topics(args.topic).topics[args.topic].partitions
    consumer.assign([TopicPartition(args.topic, each, 0) for each in partitions])
    open_partitions = set(partitions)
    while open_partitions:
        for message in consumer.consume(10_000, 0.2):
            error = message.error()
            if error is None:
                print(message.value().decode())
            elif error.code() == KafkaError._PARTITION_EOF:
                open_partitions.discard(message.partition())
            else:
                raise KafkaException(error)
    consumer.close()


if __name__ == "__main__":
    main()
