from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.app import WorkerSettings
from streams.errors import UnknownTopic
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, create_topics
from streams.worker import run_worker
from tests.streams.sums import SumMonitor

DOCS = Path(__file__).parents[2] / "docs" / "topics.md"


def test_every_topic_has_its_heading_with_key_and_retention() -> None:
    sections = re.split(r"^## ", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert [section.split("\n", 1)[0].strip("`") for section in sections] == [each.name for each in TOPICS]
    for section, topic in zip(sections, TOPICS, strict=True):
        days = None if topic.retention_ms is None else topic.retention_ms // 86_400_000
        kept = "newest record of each key" if topic.compacted else f"{days} days" if days else "everything"
        assert f"| kept | {kept} |" in section
        assert f"| key | `{topic.key}` |" in section if topic.key else "| key | none" in section


FOREIGN = TOPICS.reading("switch.out")


def test_an_acquirers_own_topic_is_read_as_it_is_and_only_the_others_are_made(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log.db", FOREIGN) as log:
        with pytest.raises(UnknownTopic, match=r"got 'switch\.out'"):
            create_topics(log, 2)
        log.create_topic("switch.out", 2, retention_ms=7)
        with pytest.raises(ValueError, match=r"topic 'switch\.out' has 2 partitions, got 3"):
            create_topics(log, 3)
        create_topics(log, 2, keep_events_days=1)
        assert log.topic_names() == [
            "alerts", "causes", "controls", "dead-letters", "merchant-days", "merchant-profiles", "merchant-risk",
            "switch.out",
        ]  # fmt: skip
        log.append("switch.out", 1, [b"20", b"22"])
        settings = WorkerSettings(address=SqliteAddress(log.path), topics=FOREIGN, partitions=2)
        assert run_worker(settings, SumMonitor, until_idle=True).transactions == 2
        assert [each.topic for each in log.progress()] == ["switch.out"]
        assert log.committed("tillwatch", "switch.out", 1) == 2


def test_logs_with_other_topics_are_used_side_by_side(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "a.db", FOREIGN) as foreign, SqliteLog(tmp_path / "b.db") as own:
        foreign.create_topic("switch.out", 1)
        create_topics(foreign, 1)
        create_topics(own, 1)
        assert (foreign.topics.events.name, own.topics.events.name) == ("switch.out", "events")
        assert "events" in own.topic_names()
        assert "events" not in foreign.topic_names()


@pytest.mark.parametrize("name", [*(each.name for each in TOPICS), "links-checkpoints"])
def test_a_topic_that_workers_write_is_no_foreign_topic(name: str) -> None:
    with pytest.raises(ValueError, match=f"foreign_topic must be none of our own topics events, .* got '{name}'"):
        TOPICS.reading(name)


def test_a_foreign_topic_may_be_named_like_one_of_ours() -> None:
    assert TOPICS.reading("pos.alerts").events.name == "pos.alerts"
