"""`docs/casework.md` against the code: functions, tables, documents, deadlines, kinds of actions."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from casework import actions, attachments, deadlines, retrieval
from casework.queue import order, ranking, today
from casework.retention import DAYS_KEPT
from casework.schema import METADATA

PAGE = (Path(__file__).parents[2] / "docs" / "casework.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return PAGE.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]


def test_the_functions_that_it_names_are_there() -> None:
    listed = re.findall(r"^\| (`[a-z_]+\.[^|]+`) \|", section("## What people do"), re.MULTILINE)
    count = 0
    for row in listed:
        module = ""
        for each in re.findall(r"`([a-z_.]+)`", row):
            module, _, name = each.rpartition(".") if "." in each else (module, "", each)
            assert callable(getattr(import_module(f"casework.{module}"), name)), each
            count += 1
    assert count > 50


def test_what_pages_read_by_is_there() -> None:
    listed = re.findall(r"^\| (`[a-z_]+\.[^|]+`) \|", section("## What pages read by"), re.MULTILINE)
    assert len(listed) == 9
    for row in listed:
        (module,) = set(re.findall(r"`([a-z]+)\.", row))
        for name in re.findall(r"`(?:[a-z]+\.)?([a-z_]+)`", row):
            assert callable(getattr(import_module(f"casework.reading.{module}"), name)), name


def test_the_costs_are_those_of_the_code() -> None:
    said = section("### The order")
    rows = re.findall(r"^\| ([0-9, none]+) \| (\d+) \|", said, re.MULTILINE)
    costs = {code.replace("none", ""): float(cost) for codes, cost in rows for code in codes.split(", ")}
    assert costs == order.COSTS
    assert f"({order.PER_DAY} by default)" in said
    assert f"{today.DRAWN_PERCENT} % is drawn" in said
    assert f"From {ranking.LEAST_VERDICTS} verdicts on" in said


def test_what_is_kept_how_long_is_as_the_code_has_it() -> None:
    said = section("## What is kept how long")
    assert f"| {DAYS_KEPT} days |" in said
    assert f"({DAYS_KEPT}) from the alert's last hit" in said


def test_the_tables_that_it_names_are_those_of_the_store() -> None:
    listed = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", section("## Tables"), re.MULTILINE)
    named = {each for row in listed for each in re.findall(r"`([a-z_]+)`", row)}
    assert named >= set(METADATA.tables)


def test_the_documents_are_those_that_can_be_asked_for() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \| ([^|]+) \|$", section("### Retrievals"), re.MULTILINE)
    assert [(code, en, zh) for code, en, zh in rows] == [
        (code, each.en, each.zh) for code, each in retrieval.DOCUMENTS.items()
    ]
    for each in retrieval.OUTCOMES:
        assert f"`{each}`" in section("### Retrievals")


def test_the_deadlines_are_those_of_the_code() -> None:
    said = section("### Deadlines")
    assert deadlines.WITHIN_H == {"E": 24}
    assert "| a merchant of grade E | 24 h |" in said
    assert deadlines.WITHIN_WORKING_DAYS == {"D": 3, "C": 5}
    assert "| D or worse | end of the third working day |" in said
    assert "| C or worse | end of the fifth working day |" in said
    assert deadlines.RETRIEVAL_WORKING_DAYS == 5


def test_the_kinds_of_actions_and_those_that_need_two_are_those_of_the_code() -> None:
    said = section("### Actions").split("executes", 1)[0]
    assert set(re.findall(r"`([a-z_]+)`", said)) == {*actions.KINDS}
    two = section("### What needs two")
    (row,) = re.findall(r"^\| actions (.+?) \|", two, re.MULTILINE)
    assert set(re.findall(r"`([a-z_]+)`", row)) == actions.BY_TWO
    assert "| action `limit` on a merchant of grade E |" in two
    assert {"E": {"limit"}} == actions.BY_TWO_AT


def test_the_limits_of_files_are_those_of_the_code() -> None:
    limits = (attachments.MOST_BYTES >> 20, attachments.MOST_OF_CASE, attachments.MOST_BYTES_OF_CASE >> 20)
    assert "at most {} MiB, a case {} of them and {} MiB together".format(*limits) in section("### Files")
