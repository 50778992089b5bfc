"""The filing agent killed anywhere: nothing lost, nothing twice. And on Kafka: what is committed, and what is not."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from casework import filing
from casework.agent import FilingAgent
from casework.store import Store
from streams.kafka.address import KafkaAddress
from streams.kafka.checkpoints import KafkaCheckpointStore
from streams.kafka.options import KafkaOptions
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, create_topics
from tests.casework.world import NOW_MS, alert, rows, score, write
from tests.kafka.topics import delete_topics
from tests.seeds import new_seeds

if TYPE_CHECKING:
    from domain.alerts import Alert
    from tests.kafka.broker import Cluster

ROOT = Path(__file__).parents[2]
KILLS = 5
_AGENT = """
import sys
from casework import agent
from casework.store import Store
from streams.sqlite.log import SqliteLog
agent._RECORDS = 10  # many transactions, so that kills fall between and inside them
with SqliteLog(sys.argv[1]) as log, Store(sys.argv[2]) as store:
    found = agent.FilingAgent(store, log)
    print("ready", flush=True)
    found.file()
    print("done", flush=True)
"""


def told(seed: int, count: int) -> list[Alert]:
    """Revisions of alerts of some merchants, some written once more by a later owner."""
    draw, revisions, found = random.Random(seed), dict[str, int](), list[Any]()
    for _ in range(count):
        number = draw.randrange(count // 2)
        alert_id = f"a{number}"
        revisions[alert_id] = revisions.get(alert_id, 0) + 1
        code = "29" if number % 11 == 0 else ""
        made = alert(
            alert_id,
            f"m{number % 40}",
            revision=revisions[alert_id],
            severity=min(1.0, revisions[alert_id] / 10),
            epoch=1,
            risk_code=code,
        )
        found.append(made)
        if draw.random() < 0.1:
            found.append(msgspec.structs.replace(made, epoch=2))
    return found


def what_was_filed(store: Store) -> dict[str, Any]:
    merchant_of = dict(rows(store, "cases", "case_id", "merchant_id"))
    return {
        "alerts": sorted(
            (*each, merchant_of[case_id])
            for case_id, *each in rows(store, "alerts", "case_id", "alert_id", "revision", "state", "is_aml")
        ),
        "transactions": rows(store, "alert_transactions"),
        "cases": rows(store, "cases", "merchant_id", "is_aml", "status", "severity"),
        "merchants": rows(store, "merchants", "merchant_id", "grade", "score_revision", "score_epoch", "score_body"),
        "positions": rows(store, "positions"),
    }  # fmt: skip


def start(log: Path, url: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _AGENT, str(log), url]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("seed", new_seeds(1))
def test_an_agent_that_is_killed_anywhere_loses_nothing_and_files_nothing_twice(tmp_path: Path, seed: int) -> None:
    draw, path, url = random.Random(seed), tmp_path / "tillwatch.db", f"sqlite:///{tmp_path}/killed.db"
    listed, killed = told(seed, 1_200), 0
    with Store(url) as store:
        store.check_version(make=True)
    with SqliteLog(path, durable=False) as log:
        create_topics(log, 2)
        for round_ in range(KILLS):
            for each in listed[round_::KILLS]:
                write(log, each, partition=int(each.merchant_id[1:]) % 2)
            write(log, *(score(f"m{i}", "C", round_ + 1) for i in range(20)))
            process = start(path, url)
            with suppress(subprocess.TimeoutExpired):
                process.wait(draw.uniform(0.0, 0.15))
            killed += process.poll() is None
            process.kill()
            process.communicate()
        with Store(url) as store, Store(f"sqlite:///{tmp_path}/undisturbed.db") as other:
            FilingAgent(store, log).file()
            other.check_version(make=True)
            FilingAgent(other, log).file()
            assert what_was_filed(store) == what_was_filed(other)
            kept, newest = (rows(each, "alert_revisions", "alert_id", "revision") for each in (store, other))
            assert {*newest} <= {*kept}, "the log keeps the newest of each; the store has earlier ones too"
    assert killed > 0, "none was killed while it filed"


def test_on_kafka_alerts_are_provisional_until_their_transaction_is_committed(kafka: Cluster, store: Store) -> None:
    options = KafkaOptions(bootstrap=(kafka.bootstrap,))
    clock = [NOW_MS]
    with KafkaAddress(options).open(TOPICS) as log:
        create_topics(log, 1)
        agent = FilingAgent(store, log, lambda: clock[0])

        async def an_owner(*alert_ids: str, commits: bool) -> None:
            checkpoints = KafkaCheckpointStore(options, TOPICS)
            await checkpoints.fence([0])
            writer = checkpoints.result_writer(0)
            values = [msgspec.json.encode(alert(each, epoch=writer.epoch)) for each in alert_ids]
            await writer.send_many("alerts", 0, values, [each.encode() for each in alert_ids])
            await asyncio.to_thread(agent.file)
            assert rows(store, "alerts", "alert_id", "state")[: len(alert_ids)] == [
                (each, "provisional") for each in alert_ids
            ]
            if commits:
                await writer.commit()
            await checkpoints.close()  # which aborts what is not committed

        asyncio.run(an_owner("a", "b", commits=False))
        agent.file()
        assert rows(store, "alerts", "state") == [("provisional",)] * 2, "the next owner may write it again"
        asyncio.run(an_owner("a", commits=True))
        agent.file()
        assert rows(store, "alerts", "alert_id", "state") == [("a", "confirmed"), ("b", "provisional")]
        clock[0] += filing.WITHDRAW_AFTER_MS
        FilingAgent(store, log, lambda: clock[0]).file()
        assert rows(store, "alerts", "alert_id", "state") == [("a", "confirmed"), ("b", "withdrawn")]
        delete_topics(kafka.bootstrap, log.topic_names())
