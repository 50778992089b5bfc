from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from domain.risk import (
    FLOOR_D,
    FLOORS,
    GRADES,
    HYSTERESIS,
    MCC_PRIORS,
    NEW_MERCHANT_D,
    NEW_MERCHANT_POINTS,
    RISK_GROUPS,
)
from domain.timestamps import DAY_MS
from engine.risk.ledger import MOST_ALERTS, MOST_ENTRIES, Change, ManualGrade, Rise, RiskLedger, Verdict

DOC = (Path(__file__).parents[2] / "docs" / "risk-score.md").read_text(encoding="utf-8")
START_MS = 1_783_224_000_000


def rows(*headings: str) -> list[list[list[str]]]:
    """The tables with these headings: rows of cells."""
    line = re.escape(f"| {' | '.join(headings)} |") + "\n"
    found = re.findall(rf"^{line}\|[-|]+\|\n((?:\|.*\|\n)+)", DOC, re.MULTILINE)
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()] for table in found]


EXAMPLES = rows("day", "risk group", "alert", "what", "score", "grade")
NAMES = re.findall(r"^\*\*Example: (.+?)\.\*\*", DOC, re.MULTILINE)


def change(
    day: int, risk_group: str, alert: str, what: str, peaks: dict[str, float], reopened: Counter[str]
) -> Change | None:  # fmt: skip
    """What a row of an example tells of."""
    at_ms = START_MS + day * DAY_MS
    if risen := re.fullmatch(r"(reopened, )?rises to (\d\.\d\d)(?:, new (\d+) days, MCC (\d{4}))?", what):
        again, peak, age_d, mcc = risen[1], float(risen[2]), risen[3], risen[4]
        reopened[alert] += bool(again)
        by = max(0.0, peak - peaks.get(alert, 0.0))
        peaks[alert] = peaks.get(alert, 0.0) + by
        first_ms = at_ms - int(age_d) * DAY_MS if age_d else 0
        return Rise(0, at_ms, risk_group, alert, peak, by, first_ms, mcc or "", reopened[alert])
    if override := re.fullmatch(r"override ([A-E]) until day (\d+)", what):
        return ManualGrade(0, at_ms, override[1], "seen", START_MS + int(override[2]) * DAY_MS)
    if what in {"open", "confirmed", "false alarm"}:
        return Verdict(0, at_ms, alert, what.replace(" ", "_"), at_ms)
    assert what == "nothing", what
    return None


def test_there_is_an_example_of_everything() -> None:
    assert len(EXAMPLES) == len(NAMES) >= 7
    said = {row[3] for table in EXAMPLES for row in table}
    assert {"open", "confirmed", "false alarm", "nothing"} <= said


@pytest.mark.parametrize("table", EXAMPLES, ids=NAMES)
def test_an_example_comes_out_as_it_stands_there(table: list[list[str]]) -> None:
    ledger = RiskLedger({name: name for name in RISK_GROUPS}, str)
    peaks: dict[str, float] = {}
    reopened: Counter[str] = Counter()
    for day, risk_group, alert, what, score, grade in table:
        if it := change(int(day), risk_group, alert, what, peaks, reopened):
            ledger.apply(it)
        found = ledger.score(0, START_MS + int(day) * DAY_MS)
        assert (f"{found.score:.2f}", found.grade) == (score, grade), f"day {day}, {what}"


def test_the_risk_groups_are_those_of_the_code() -> None:
    (table,) = rows("risk group", "half-life, days", "cap", "points", "why")
    found = {name.strip("`"): [int(each) for each in figures] for name, *figures, _ in table}
    assert found == {name: list(asdict(each).values()) for name, each in RISK_GROUPS.items()}


def test_the_other_figures_are_those_of_the_code() -> None:
    (priors,), (floors,) = rows("MCC", "points", "why"), rows("severity from", "floor", "which is the least of grade")
    (grades,) = rows("grade", "from", "meant response (default policy; it recommends, it never acts)")
    assert {mcc: int(points) for mcc, points, _ in priors} == MCC_PRIORS
    assert [(float(severity), int(floor)) for severity, floor, _ in floors] == list(FLOORS)
    assert [(int(floor), grade) for _, floor, grade in floors] == list(GRADES[:-1])
    assert sorted((int(least), grade) for grade, least, _ in grades) == sorted(GRADES)
    words = " ".join(DOC.split())
    for said in (
        f"{NEW_MERCHANT_POINTS} points at the first transaction, fading evenly to none on day {NEW_MERCHANT_D}",
        f"for {FLOOR_D} days from", f"more than {HYSTERESIS} points below", f"the last {MOST_ENTRIES} changes",
        f"Up to {MOST_ALERTS} alerts",
    ):  # fmt: skip
        assert said in words


def test_no_risk_group_s_reason_says_more_than_its_cap_gives() -> None:
    (table,) = rows("risk group", "half-life, days", "cap", "points", "why")
    least = {grade: points for points, grade in GRADES}
    for _, _, cap, _, why in table:
        if alone := re.search(r"alone at most ([A-E])", why):
            above = chr(ord(alone[1]) + 1)
            assert least[alone[1]] <= int(cap) < least[above] + 5
