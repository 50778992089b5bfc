from __future__ import annotations

import re
from pathlib import Path

from streams.topics import TOPICS

DOCS = Path(__file__).parents[2] / "docs" / "topics.md"


def test_every_topic_has_its_heading_with_key_and_retention() -> None:
    sections = re.split(r"^## ", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert [section.split("\n", 1)[0].strip("`") for section in sections] == [each.name for each in TOPICS]
    for section, topic in zip(sections, TOPICS, strict=True):
        days = None if topic.retention_ms is None else topic.retention_ms // 86_400_000
        kept = "newest record of each key" if topic.compacted else f"{days} days" if days else "everything"
        assert f"| kept | {kept} |" in section
        assert f"| key | `{topic.key}` |" in section if topic.key else "| key | none" in section
