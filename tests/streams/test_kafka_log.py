"""What is Kafka's own in the log on it; what it shares with the other is in test_carrier_contract."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kafka.errors import KafkaTimeoutError  # type: ignore[import-untyped]

from streams.app import WorkerSettings
from streams.errors import Fenced, LogFailed, UnknownFormat, UnknownTopic
from streams.intake import ingest
from streams.kafka.admin import KafkaAdmin
from streams.kafka.kafka_python_compat import admin_client
from streams.kafka.log import FORMAT, KafkaLog
from streams.kafka.options import KafkaOptions
from streams.stage import Stage
from streams.topics import TOPICS, WantedTopic, create_topics
from tests.faults.waiting import wait_until
from tests.kafka.ports import HOST, free_ports
from tests.streams.sums import SumMonitor

if TYPE_CHECKING:
    from tests.kafka.broker import Cluster, Secure
    from tests.kafka.fixtures import NewKafka
    from tests.streams.conftest import KafkaBackend

SOON_S = 20.0


def test_a_later_writer_of_a_name_ends_the_earlier(on_kafka: KafkaBackend) -> None:
    with on_kafka.open() as first, on_kafka.open() as second:
        first.create_topic("events", 1)
        with first.transaction(writer="file"):
            first.append("events", 0, [b"1"])
        fenced = pytest.raises(Fenced, match="another has begun to write as 'tillwatch-file'")
        with fenced, first.transaction(writer="file"):
            first.append("events", 0, [b"lost"])
            with second.transaction(writer="file"):
                second.append("events", 0, [b"2"])
            first.append("events", 0, [b"lost, too"])
        with second.transaction(writer="other"):
            at_three = second.append("events", 0, [b"3"])
        # A broker answers that a transaction is committed before it has written so into its partitions.
        wait_until(lambda: first.end_offset("events", 0) > at_three, "the last transaction to be seen", SOON_S)
        records = first.read("events", 0, 0)
        assert [records.value(i) for i in range(len(records))] == [b"1", b"2", b"3"]


def test_what_is_not_committed_is_not_seen_and_the_end_is_before_it(on_kafka: KafkaBackend) -> None:
    with on_kafka.open() as log, on_kafka.open() as other:
        log.create_topic("events", 1)
        other.append("events", 0, [b"a"])
        with log.transaction():
            log.append("events", 0, [b"b"])
            assert other.end_offset("events", 0) == 1
            assert len(other.read("events", 0, 1)) == 0
        assert log.read("events", 0, 1).value(0) == b"b"
        wait_until(lambda: len(other.read("events", 0, 1)) == 1, "the other sees it, too")


def test_alerts_are_seen_before_they_are_committed(on_kafka: KafkaBackend) -> None:
    with on_kafka.open() as log, on_kafka.open() as other:
        log.create_topic("alerts", 1, compacted=True)
        with log.transaction():
            log.append("alerts", 0, [b"b"], keys=[b"k"])
            assert other.end_offset("alerts", 0) == 1
            assert [each.value for each in other.read_keyed("alerts", 0, 0)] == [b"b"]


def test_aborted_transactions_are_passed_over_however_many_there_are(on_kafka: KafkaBackend) -> None:
    with on_kafka.open() as log:
        log.create_topic("events", 1)
        for each in range(4):
            # an append to a partition that is none aborts the transaction
            with suppress(ValueError), log.transaction(writer="x"):
                log.append("events", 0, [b"aborted"] * 3)
                log.append("events", 0 if each == 2 else 9, [b"kept"])
        found = log.read("events", 0, 0)
        assert [found.value(i) for i in range(len(found))] == [b"aborted"] * 3 + [b"kept"]
        assert found.offsets.tolist() == [8, 9, 10, 11]
        assert len(log.read("events", 0, 12)) == 0


@pytest.mark.slow
def test_a_position_that_stands_behind_an_open_transaction_is_waited_for(on_kafka: KafkaBackend) -> None:
    with on_kafka.open() as log:
        log.create_topic("events", 1)
        stuck = on_kafka.python(
            "with log.transaction():\n"
            "    log.set_position('other', 1)\n"
            "    log._append('positions', 0, [b'1'], [b'other'])\n"
            "    print('appended', flush=True)\n"
            "    input()\n"
            "    raise SystemExit\n"
        )
        assert stuck.stdout.readline() == "appended\n"
        with on_kafka.open() as writer, writer.transaction(writer="file"):
            writer.set_position("file", 7)
        stuck.kill()
        stuck.communicate()
        assert log.position("file") == 7  # once the brokers have given the dead one's transaction up
        assert log.position("other") is None


def test_a_batch_as_long_as_may_be_and_many_batches_are_carried(on_kafka: KafkaBackend) -> None:
    with on_kafka.open() as log:
        log.create_topic("events", 1)
        values = [bytes([i % 251]) * 65_536 for i in range(40)]
        assert log.append("events", 0, values) == 0
        found, offset = [], 0
        while len(batch := log.read("events", 0, offset)):
            found += [batch.value(i) for i in range(len(batch))]
            offset = int(batch.offsets[-1]) + 1
        assert found == values


def test_topics_are_set_as_their_table_says(kafka: Cluster, on_kafka: KafkaBackend) -> None:
    admin = KafkaAdmin(KafkaOptions(bootstrap=(kafka.bootstrap,)))
    with on_kafka.open() as log:
        create_topics(log, 3)
        create_topics(log, 3, keep_events_days=2)
        assert log.topic_names() == sorted(each.name for each in TOPICS)
        for each in TOPICS:
            found = admin.topic(each.name)
            assert (found.partitions, found.compacted) == (each.partitions or 3, each.compacted)
            assert found.configs["message.timestamp.type"] == "LogAppendTime"
            assert found.configs["max.message.bytes"] == "1048576"
            if each.segment_bytes:
                assert found.configs["segment.bytes"] == str(each.segment_bytes)
        assert admin.topic(TOPICS.events.name).configs["retention.ms"] == str(2 * 86_400_000)
        assert admin.topic(TOPICS.dead_letters.name).configs["retention.ms"] == str(TOPICS.dead_letters.retention_ms)
        create_topics(log, 3)
        assert admin.topic(TOPICS.events.name).configs["retention.ms"] == "-1"
        with pytest.raises(ValueError, match="topic 'events' has 3 partitions, compacted=False; got 4"):
            create_topics(log, 4)
        with pytest.raises(UnknownTopic, match=r"topic must be one of .*'events'.*, got 'nothing'"):
            log.append("nothing", 0, [b""])


def test_where_one_topic_is_otherwise_none_is_made(on_kafka: KafkaBackend) -> None:
    with on_kafka.open() as log:
        log.create_topic("events", 1)
        with pytest.raises(ValueError, match="topic 'events' has 1 partitions, compacted=False; got 2"):
            log.create_topics([WantedTopic("alerts", 2, compacted=True), WantedTopic("events", 2)])
        assert "alerts" not in log.topic_names()


def test_a_log_of_a_later_format_is_refused_before_anything_is_made(on_kafka: KafkaBackend) -> None:
    with on_kafka.open() as log:
        log.check_format()
        log.mark_format()
        log.check_format()
        log.set_position("log-format", FORMAT + 1)
    settings = WorkerSettings(address=on_kafka.address, partitions=1)
    with pytest.raises(UnknownFormat, match=r"the log at kafka://.* must be of format 1 or below, got format 2"):
        on_kafka.address.backend(settings, Stage.monitor(SumMonitor))
    with on_kafka.open() as log:
        assert "events" not in log.topic_names()


def test_a_log_whose_events_were_made_anew_is_another(kafka: Cluster, on_kafka: KafkaBackend) -> None:
    seen = set()
    for _ in range(2):
        with on_kafka.open() as log:
            log.create_topic("events", 1)
            seen.add(log.identity)
            assert log.identity in seen
        on_kafka.clear()
    assert len(seen) == 2


def test_a_cluster_that_does_not_answer_is_named() -> None:
    (port,) = free_ports(1)
    with pytest.raises(LogFailed, match=f"kafka://127.0.0.1:{port}: .*Unable to bootstrap"):
        KafkaLog(KafkaOptions(bootstrap=(f"127.0.0.1:{port}",)))


@pytest.mark.parametrize("ends", ["refuses", "hangs"])
def test_a_cluster_that_does_not_answer_leaves_no_thread_and_no_socket_behind(ends: str) -> None:
    with socket.socket() as listening, ExitStack() as waiting:
        listening.bind((HOST, 0))
        address = listening.getsockname()
        if ends == "hangs":
            listening.listen(0)
            for _ in range(3):  # as many as there is room for; the next one waits to be let in
                each = waiting.enter_context(socket.socket())
                each.settimeout(0)
                each.connect_ex(address)
        threads, sockets = threading.active_count(), open_sockets()
        with pytest.raises(KafkaTimeoutError, match="Unable to bootstrap"):
            admin_client(bootstrap_servers=[f"{HOST}:{address[1]}"], bootstrap_timeout_ms=300)
        assert (threading.active_count(), open_sockets()) == (threads, sockets)


def open_sockets() -> int:
    files = Path("/proc/self/fd").iterdir()
    return sum(str(each.readlink()).startswith("socket:") for each in files if each.is_symlink())


def test_a_log_lets_go_within_seconds_of_a_broker_that_died(new_kafka: NewKafka) -> None:
    kafka = new_kafka()
    log = KafkaLog(KafkaOptions(bootstrap=(kafka.bootstrap,)))
    log.create_topic("events", 1)
    log.append("events", 0, [b"a"])
    with log.transaction(writer="x"):
        log.append("events", 0, [b"b"])
    kafka.kill()
    begun = time.monotonic()
    log.close()
    assert time.monotonic() - begun < SOON_S


def test_tls_with_a_password_and_with_a_certificate(on_kafka: KafkaBackend, secure: Secure) -> None:
    scram = KafkaOptions(
        bootstrap=(secure.scram,), security="sasl_tls", user=secure.user, password=secure.password,
        ca_file=secure.certificates.authority,
    )  # fmt: skip
    with KafkaLog(scram) as log:
        log.create_topic("events", 1)
        log.append("events", 0, [b"a"])
    mtls = KafkaOptions(
        bootstrap=(secure.mtls,), security="tls", ca_file=secure.certificates.authority,
        cert_file=secure.certificates.client, key_file=secure.certificates.client_key,
    )  # fmt: skip
    with KafkaLog(mtls) as log:
        assert log.read("events", 0, 0).value(0) == b"a"
    wrong = KafkaOptions(
        bootstrap=(secure.scram,), security="sasl_tls", user=secure.user, password="guessed",
        ca_file=secure.certificates.authority,
    )  # fmt: skip
    with pytest.raises(LogFailed) as failed:
        KafkaLog(wrong)
    assert "guessed" not in str(failed.value)


LINES, KILLS = 2_000, 2


def test_an_intake_killed_at_any_moment_and_begun_again_gives_each_line_once(
    on_kafka: KafkaBackend, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for i in range(LINES):
            sale = {"txn_id": str(i), "merchant_id": f"m{i % 7}", "amount": 100, "currency": "CNY"}
            out.write(json.dumps({**sale, "event_time": 1_700_000_000_000 + i * 1_000}) + "\n")
    code = (
        "import streams.intake as intake\n"
        "intake._CHUNK_BYTES = 4_000\n"
        f"with open({str(file)!r}, 'rb') as lines:\n"
        "    intake.ingest(log, lines, name='f', historic=True, on_progress=lambda _: print('more', flush=True))\n"
    )
    with on_kafka.open() as log:
        create_topics(log, 2)
        for kill in range(KILLS):
            taking = on_kafka.python(code)
            for _ in range(1 + 7 * kill):
                assert taking.stdout.readline() == "more\n"
            taking.kill()
            taking.communicate()
        for left in (True, False):
            with file.open("rb") as lines:
                assert bool(ingest(log, lines, name="f", historic=True).lines) is left
        found = []
        for partition in range(2):
            offset = 0
            while len(batch := log.read("events", partition, offset)):
                found += [json.loads(batch.value(i)) for i in range(len(batch))]
                offset = int(batch.offsets[-1]) + 1
    assert sorted(int(each["txn_id"]) for each in found if "txn_id" in each) == list(range(LINES))
