"""`tillwatch topics` on both logs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, create_topics
from tests.kafka.topics import admin, delete_topics
from tests.tillwatch.conftest import call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kafka.broker import Cluster


def faults(*arguments: str) -> list[tuple[str, str, str]]:
    """What `check` finds: topic, kind and message."""
    result = call(*arguments, "topics", "check", "--json")
    found = msgspec.json.decode(result.stdout)
    assert result.exit_code == (1 if found else 0)
    assert all(each["cure"] for each in found)
    return [(each["topic"], each["kind"], each["message"]) for each in found]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return SqliteAddress(tmp_path / "tillwatch.db").url


def test_create_makes_a_log_whose_topics_fit_and_says_how_many_it_made(url: str) -> None:
    assert call("--log-url", url, "topics", "check").exit_code == 1
    assert call("--log-url", url, "topics", "create").exit_code == 0
    assert faults("--log-url", url) == []
    assert "all topics fit" in call("--log-url", url, "topics", "check").stdout
    assert "all fit" in call("--log-url", url, "topics", "create").stderr


def test_an_embedded_log_of_other_partitions_or_compaction_is_refused_with_the_cure(url: str, tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "tillwatch.db") as log:
        log.create_topic("events", 3)
        log.create_topic("alerts", 4)
    assert faults("--log-url", url)[:2] == [
        ("events", "unfit", "partitions must be 4, got 3"), ("alerts", "unfit", "compacted must be True, got False"),
    ]  # fmt: skip
    result = call("--log-url", url, "topics", "create")
    assert result.exit_code == 1
    assert "set partitions = 3, or begin a new log under another log_url" in result.stdout
    assert "2 faults" in result.stderr
    with SqliteLog(tmp_path / "tillwatch.db") as log:
        assert log.topic_names() == ["alerts", "events"]
    assert "处理：" in call("--log-url", url, "topics", "check", "--lang", "zh").stdout


def test_an_acquirers_topic_that_is_not_there_is_not_made(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("--log-url", url, "topics", "create").exit_code == 0
    monkeypatch.setenv("TILLWATCH_FOREIGN_TOPIC", "switch.out")
    assert faults("--log-url", url) == [("switch.out", "missing", "the topic must be there, it is not")]
    assert "or correct foreign_topic" in call("--log-url", url, "topics", "check").stdout


def lag_of(url: str) -> list[dict[str, Any]]:
    result = call("--log-url", url, "topics", "lag", "--json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = msgspec.json.decode(result.stdout)
    return found


def test_lag_is_what_lies_behind_the_last_checkpoint(worked: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copy(worked, tmp_path / "log.db"))
    url = SqliteAddress(copied).url
    before = lag_of(url)
    assert [(each["lag"], each["behind"]) for each in before] == [(0, 0)] * 4
    with SqliteLog(copied) as log:
        log.append("events", 2, [b"{}"] * 7)
    assert [(each["lag"], each["behind"]) for each in lag_of(url)] == [(0, 0), (0, 0), (7, 7), (0, 0)]
    assert [each["checkpoint"] for each in lag_of(url)] == [each["end"] for each in before]
    assert "total lag: 7" in call("--log-url", url, "topics", "lag").stdout
    assert "积压合计：7" in call("--log-url", url, "topics", "lag", "--lang", "zh").stdout


def test_before_the_first_checkpoint_everything_lies_behind(url: str, tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "tillwatch.db") as log:
        create_topics(log)
        log.append("events", 1, [b"{}"] * 3)
    found = lag_of(url)
    assert [each["lag"] for each in found] == [0, 3, 0, 0]
    assert {(each["checkpoint"], each["reached"], each["behind"], each["shown_ms"]) for each in found} == {(None,) * 4}


def test_lag_makes_no_log_where_there_is_none(url: str) -> None:
    result = call("--log-url", url, "topics", "lag")
    assert result.exit_code == 1
    assert "there is no log at" in result.stderr


@pytest.fixture
def cluster(kafka: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The broker of all tests, whose topics are deleted behind."""
    monkeypatch.setenv("TILLWATCH_LOG_URL", f"kafka://{kafka.bootstrap}")
    yield kafka
    with admin(kafka.direct) as asked:
        there = {each for each in asked.list_topics() if not each.startswith("__")}
    delete_topics(kafka.direct, sorted(there & {each.name for each in TOPICS}))


def test_on_kafka_create_makes_topics_that_fit(cluster: Cluster) -> None:
    assert {kind for _, kind, _ in faults()} == {"missing"}
    result = call("topics", "create")
    assert result.exit_code == 0, result.output
    assert "topics made or set anew: 11" in result.stderr
    assert faults() == []


def test_on_kafka_each_topic_that_does_not_fit_is_named_with_the_command_that_cures_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with admin(cluster.direct) as asked:
        stamped = {"message.timestamp.type": "LogAppendTime"}
        asked.create_topics({
            "events": {"num_partitions": 3, "configs": stamped | {"retention.ms": "-1"}},
            "alerts": {"num_partitions": 4, "configs": stamped | {"cleanup.policy": "compact,delete"}},
            "merchant-risk": {"num_partitions": 4, "configs": {"cleanup.policy": "compact"}},
            "dead-letters": {"num_partitions": 4, "configs": stamped | {"retention.ms": "1000"}},
            "controls": {"num_partitions": 2, "configs": stamped | {"cleanup.policy": "compact"}},
        }, wait_for_metadata=True)  # fmt: skip
    monkeypatch.setenv("TILLWATCH_KAFKA_REPLICATION", "2")
    found = [each for each in faults() if each[1] != "missing"]
    assert {topic for topic, _, message in found if "kafka_replication = 2 brokers, got 1" in message} == {
        "events", "alerts", "merchant-risk", "dead-letters", "controls",
    }  # fmt: skip
    monkeypatch.delenv("TILLWATCH_KAFKA_REPLICATION")
    found = [each for each in faults() if each[1] != "missing" and "max.message.bytes" not in each[2]]
    assert found == [
        ("events", "unfit", "partitions must be 4, got 3"),
        ("alerts", "unfit", "cleanup.policy must be compact, got compact,delete"),
        ("merchant-risk", "unfit", "message.timestamp.type must be LogAppendTime, got CreateTime"),
        ("dead-letters", "settable", "retention.ms must be 7776000000, got 1000"),
        ("controls", "unfit", "partitions must be 1, got 2"),
    ]
    result = call("topics", "create")
    assert result.exit_code == 1
    assert (
        f"kafka-configs.sh --bootstrap-server {cluster.bootstrap} --alter --topic alerts --add-config"
        " cleanup.policy=compact" in result.stdout.replace("\n", " ")
    )
    with admin(cluster.direct) as asked:
        assert "checkpoints" not in asked.list_topics()


def test_on_kafka_retention_is_set_anew(cluster: Cluster) -> None:
    assert call("topics", "create").exit_code == 0
    from streams.kafka.admin import KafkaAdmin  # noqa: PLC0415  only for tests that want Kafka
    from streams.kafka.options import KafkaOptions  # noqa: PLC0415  likewise

    KafkaAdmin(KafkaOptions(bootstrap=(cluster.bootstrap,))).set_configs("events", {"retention.ms": "5000"})
    assert faults() == [("events", "settable", "retention.ms must be -1, got 5000")]
    assert call("topics", "create").exit_code == 0
    assert faults() == []


def test_an_acquirers_topic_on_kafka_may_not_be_compacted_nor_dated_ahead(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with admin(cluster.direct) as asked:
        asked.create_topics({"switch.out": {"num_partitions": 4, "configs": {
            "cleanup.policy": "compact", "message.timestamp.after.max.ms": "3600000",
        }}}, wait_for_metadata=True)  # fmt: skip
    monkeypatch.setenv("TILLWATCH_FOREIGN_TOPIC", "switch.out")
    try:
        messages = [message for topic, _, message in faults() if topic == "switch.out"]
    finally:
        delete_topics(cluster.direct, ["switch.out"])
    assert messages == [
        "cleanup.policy must be delete, got compact",
        "message.timestamp.after.max.ms must be at most 600000, got 3600000",
    ]


@pytest.mark.slow
def test_on_kafka_lag_is_what_lies_behind_the_last_checkpoint(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"kafka://{cluster.bootstrap}"
    sale = {"amount": 100, "currency": "CNY", "event_time": 1_790_000_000_000, "merchant_id": "m"}
    file = tmp_path / "sales.jsonl"
    monkeypatch.setenv("TILLWATCH_PARTITIONS", "1")

    def more(count: int) -> None:
        with file.open("a") as opened:
            opened.writelines(json.dumps({**sale, "txn_id": f"{count}-{each}"}) + "\n" for each in range(count))
        assert call("--log-url", url, "ingest", file, "--feed", "pos", "--historic").exit_code == 0

    more(30)
    (before,) = lag_of(url)
    assert (before["checkpoint"], before["reached"], before["behind"]) == (None, None, None)
    assert before["lag"] == before["end"] >= 30
    assert call("--log-url", url, "worker", "--until-idle").exit_code == 0
    (idle,) = lag_of(url)
    assert idle["lag"] <= 1  # the marker of a transaction
    assert idle["behind"] <= 1  # the marker of a transaction
    more(7)
    (behind,) = lag_of(url)
    assert 7 <= behind["lag"] == behind["end"] - behind["checkpoint"]
    assert f"total lag: {behind['lag']}" in call("--log-url", url, "topics", "lag").stdout


def test_a_cluster_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.admin._TIMEOUT_MS", 300)
    result = call("--log-url", "kafka://127.0.0.1:1", "topics", "check")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: kafka://127.0.0.1:1: ")
    assert result.stderr.count("\n") == 1
