from __future__ import annotations

import asyncio
import signal
import ssl
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    RequestTimedOutError,
    UnknownTopicOrPartitionError,
)

from tests.faults.waiting import wait_until
from tests.kafka.broker import BrokerFailed, Cluster, Secure, brokers_known
from tests.kafka.proxy import Proxy
from tests.kafka.topics import make_topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from tests.kafka.fixtures import NewKafka
    from tests.kafka.topics import Topics

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def started(client: Any) -> AsyncIterator[Any]:
    """A client of aiokafka that is also stopped where it could not start; its own context manager leaves it open."""
    try:
        await client.start()
        yield client
    finally:
        await client.stop()


async def write(bootstrap: str, topic: str, values: Sequence[bytes], **settings: Any) -> None:
    """Write to partition 0, each once those before are kept."""
    async with started(AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", **settings)) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def read(bootstrap: str, topic: str, count: int, **settings: Any) -> list[bytes]:
    """The first `count` values of partition 0."""
    found: list[bytes] = []
    async with asyncio.timeout(20), started(AIOKafkaConsumer(bootstrap_servers=bootstrap, **settings)) as consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        while len(found) < count:
            found += [each.value for each in (await consumer.getmany(timeout_ms=1000)).get(partition, [])]
    return found


def write_and_read(bootstrap: str, topic: str, value: bytes, **settings: Any) -> None:
    asyncio.run(write(bootstrap, topic, [value], **settings))
    assert asyncio.run(read(bootstrap, topic, 1, **settings)) == [value]


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def harmed(proxy: Proxy, new_kafka: NewKafka) -> Cluster:
    """One for tests that kill it, or cut it off, with a proxy in front; a start takes too long for more."""
    harmed = new_kafka(advertised_ports=[proxy.port])
    proxy.target = harmed.brokers[0].ports["CLIENT"]
    return harmed


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
def test_what_is_compressed_is_read_back(kafka: Cluster, topic: Topics, compression: str | None) -> None:
    values = [f"{each} {'till' * 100}".encode() for each in range(20)]
    name = topic("compressed")
    asyncio.run(write(kafka.bootstrap, name, values, compression_type=compression))
    assert asyncio.run(read(kafka.bootstrap, name, len(values))) == values


def test_a_topic_carries_records_of_two_megabytes_where_it_asks_for_them(kafka: Cluster, topic: Topics) -> None:
    name = topic("wide", max_message_bytes=2 << 20)
    value = bytes(2_000_000)
    asyncio.run(write(kafka.bootstrap, name, [value], max_request_size=2 << 20))
    assert asyncio.run(read(kafka.bootstrap, name, 1)) == [value]


def test_a_topic_that_nobody_made_is_not_there(kafka: Cluster) -> None:
    with pytest.raises(UnknownTopicOrPartitionError):
        asyncio.run(write(kafka.bootstrap, "nobody-made-it", [b"?"], request_timeout_ms=500))


@pytest.mark.slow
def test_a_record_is_read_back_after_the_broker_was_killed_and_is_up_again_within_a_minute(harmed: Cluster) -> None:
    name = make_topic(harmed.direct, "kept")
    asyncio.run(write(harmed.bootstrap, name, [b"kept"]))
    harmed.kill()
    assert not harmed.brokers[0].alive
    before = time.monotonic()
    harmed.start()
    assert time.monotonic() - before < 60
    assert asyncio.run(read(harmed.bootstrap, name, 1)) == [b"kept"]


def test_a_broker_that_stands_still_does_not_answer_until_it_goes_on(kafka: Cluster) -> None:
    port = kafka.brokers[0].ports["DIRECT"]
    kafka.pause()
    try:
        with pytest.raises(TimeoutError):
            brokers_known(port, timeout_s=1)
    finally:
        kafka.resume()
    assert brokers_known(port) == {1}


@pytest.mark.slow  # a broker of its own; tests/kafka/test_proxy.py shows the black hole itself
def test_a_black_hole_before_the_broker_stops_clients_until_it_is_healed(proxy: Proxy, harmed: Cluster) -> None:
    assert harmed.bootstrap == f"127.0.0.1:{proxy.port}"
    name = make_topic(harmed.direct, "beyond")

    async def muted_in_between() -> None:
        async with started(AIOKafkaProducer(bootstrap_servers=harmed.bootstrap, request_timeout_ms=1000)) as producer:
            await producer.send_and_wait(name, b"before", partition=0)
            proxy.mute()
            with pytest.raises(RequestTimedOutError):
                await producer.send_and_wait(name, b"lost or late", partition=0)
            proxy.heal()
            await producer.send_and_wait(name, b"after", partition=0)

    asyncio.run(muted_in_between())
    first, *_, last = asyncio.run(read(harmed.direct, name, 2))
    assert first == b"before"
    assert last in {b"lost or late", b"after"}


def test_a_password_over_tls_is_accepted_and_a_wrong_one_is_not(secure: Secure, topic: Topics) -> None:
    bootstrap = secure.scram
    trusting = ssl.create_default_context(cafile=str(secure.certificates.authority))
    settings = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "ssl_context": trusting}
    settings |= {"sasl_plain_username": Secure.user, "sasl_plain_password": Secure.password}
    name = topic("by-password")
    write_and_read(bootstrap, name, b"known", **settings)
    for wrong in ({"sasl_plain_password": "wrong"}, {"ssl_context": ssl.create_default_context()}):
        with pytest.raises(KafkaConnectionError):
            asyncio.run(write(bootstrap, name, [b"?"], **(settings | wrong)))


def test_a_certificate_is_accepted_and_none_is_not(secure: Secure, topic: Topics) -> None:
    certificates = secure.certificates
    unknown, known = (ssl.create_default_context(cafile=str(certificates.authority)) for _ in range(2))
    known.load_cert_chain(certificates.client, certificates.client_key)
    name = topic("by-certificate")
    write_and_read(secure.mtls, name, b"known", security_protocol="SSL", ssl_context=known)
    with pytest.raises(KafkaConnectionError):
        asyncio.run(write(secure.mtls, name, [b"?"], security_protocol="SSL", ssl_context=unknown))


@pytest.mark.faults
@pytest.mark.timeout(300)  # four starts, on a machine that may do much else
def test_three_brokers_carry_on_after_one_was_killed(new_kafka: NewKafka) -> None:
    three = new_kafka(brokers=3)
    name = make_topic(three.direct, "kept-thrice", 3)

    async def killed_in_between() -> None:
        async with started(AIOKafkaProducer(bootstrap_servers=three.bootstrap, acks="all")) as producer:
            for partition in range(3):
                await producer.send_and_wait(name, b"before", partition=partition)
            three.brokers[0].kill()
            for partition in range(3):
                await producer.send_and_wait(name, b"after", partition=partition)

    asyncio.run(killed_in_between())
    assert asyncio.run(read(three.bootstrap, name, 2)) == [b"before", b"after"]
    three.start()
    assert brokers_known(three.brokers[0].ports["DIRECT"]) == {1, 2, 3}
    three.stop()
    assert not any(each.alive for each in three.brokers)


def test_a_broker_that_cannot_start_shows_what_it_said(kafka: Cluster, tmp_path: Path) -> None:
    (broker,) = Cluster(tmp_path).brokers
    broker.format()
    (tmp_path / "broker-1" / "data" / "meta.properties").write_text("version=1\ncluster.id=another\nnode.id=7\n")
    with pytest.raises(BrokerFailed, match=r"(?s)broker 1: should run, but ended with 1; .*Stored node id 7"):
        broker.start()
    broker.close()


def test_a_broker_ends_with_the_process_that_started_it_also_if_that_is_killed(kafka: Cluster, tmp_path: Path) -> None:
    starting = (
        "import sys; from pathlib import Path; from tests.kafka.broker import Cluster\n"
        "broker, = Cluster(Path(sys.argv[1])).brokers; broker.format(); broker.launch()\n"
        "print(broker.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", starting, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        status = Path(f"/proc/{int(starter.stdout.readline())}/stat")
        assert status.exists()
        starter.kill()
        wait_until(lambda: not status.exists() or ") Z " in status.read_text(), "the broker has ended", 10)


@pytest.mark.slow
def test_one_started_by_hand_says_where_it_is_and_ends_when_asked(kafka: Cluster, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.kafka.broker", "--data", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as by_hand:
        assert by_hand.stdout is not None
        try:
            host, port = by_hand.stdout.readline().strip().split(":")
            assert host == "127.0.0.1"
            assert brokers_known(int(port)) == {1}
            by_hand.send_signal(signal.SIGINT)
            assert by_hand.wait(30) == 0
        finally:
            by_hand.kill()
