"""`docs/notices.md` against the code: its example, labels, words and kinds."""

from __future__ import annotations

import re
from pathlib import Path

from notices import culprits, signals, silences
from notices.outbox import LEASE_MS, MOST_ATTEMPTS
from notices.routing.labels import LABELS
from notices.routing.reading import TASKS, parse_routing
from tests.docs.headings import sections

PAGE = (Path(__file__).parents[2] / "docs" / "notices.md").read_text(encoding="utf-8")
SECTIONS = sections(PAGE, 2)


def rows(heading: str) -> dict[str, str]:
    return dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", SECTIONS[heading], re.MULTILINE))


def names(text: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", text)


def test_the_example_is_a_routing_file_that_says_what_it_seems_to() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", SECTIONS["The routing file"], re.MULTILINE | re.DOTALL)
    found = parse_routing(text)
    confirmed = {"verdict": "confirmed", "lane": "risk", "region": "2102"}
    for labels, loss, receiver, hours, days, urgent in (
        (confirmed | {"grade": "E"}, None, "rep", 24, 0, True),
        (confirmed, 1_000_000, "rep", 0, 1, False),
        (confirmed, 999_999, "rep", 0, 3, False),
        ({"detector": "terminal_silent", "agent": "A-17"}, None, "risk", 0, 5, False),
        ({"detector": "terminal_silent", "agent": "A-18"}, None, "rep", 0, 5, False),
    ):
        (route,) = found.route.taken(labels, loss)
        assert (route.receiver, route.due.hours, route.due.working_days, route.urgent) == (
            receiver, hours, days, urgent,
        )  # fmt: skip
    assert found.desks["risk"] == {"risk_mail": "risk@acquirer.example"}


def test_every_label_and_kind_of_task_is_explained() -> None:
    said = rows("The routing file")
    first = [name for cell in said for name in names(cell)]
    assert {*LABELS} <= {*first}
    assert [each for each in names(said["`task`"]) if each != "none"] == [*TASKS]


def test_every_kind_that_is_kept_from_the_own_rep_is_listed_with_its_findings() -> None:
    said = {cell.split(" (")[0]: found for cell, found in rows("To whom").items()}
    for kind in culprits.KINDS.values():
        found = said[kind.words.en]
        assert {*names(found)} == kind.detectors
        assert {*re.findall(r"\b(\d\d)\b", found)} == kind.codes


def test_figures_are_those_of_the_code() -> None:
    assert f"for {signals.CONFIRMED_D} days after it was confirmed" in PAGE
    assert f"{silences.STALE_D} days are marked" in PAGE
    assert (MOST_ATTEMPTS, LEASE_MS) == (12, 300_000)
