"""The caps in docs/state.md are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from engine.features.partition import LEAST_PENDING, VERSIONS_A_MERCHANT
from engine.features.state import MAX_FEEDS
from engine.risk.ledger import MOST_ALERTS, MOST_ENTRIES
from engine.stories import STORY_D
from tests.docs.headings import sections

DOC = (Path(__file__).parents[2] / "docs" / "state.md").read_text(encoding="utf-8")


def test_the_caps_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", sections(DOC, 2)["Caps"], re.MULTILINE))
    starts = {
        "versions of master data of a partition": f"{VERSIONS_A_MERCHANT} times `capacity`",
        "reversals that wait in a partition": f"{LEAST_PENDING:,}, or `capacity`",
        "alerts listed singly in a merchant's score": f"{MOST_ALERTS};",
        "changes of a merchant's score that are kept": f"{MOST_ENTRIES};",
        "feeds of a partition": f"{MAX_FEEDS};",
    }
    assert f"forgotten {STORY_D} days after its last hit" in rows["closed alerts that a hit would reopen"]
    assert {name: rows[name].startswith(start) for name, start in starts.items()} == dict.fromkeys(starts, True)
