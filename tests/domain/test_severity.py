from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.severity import CRITICAL, HIGH, LEVELS, LOW, MEDIUM, Level, level_of
from evaluation.matching import SEVERITIES

DOC = (Path(__file__).parents[2] / "docs" / "risk-score.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("level", LEVELS)
def test_a_rung_begins_at_its_least_figure_and_not_below(level: Level) -> None:
    assert level_of(level.least) is level
    assert level is LOW or level_of(level.least - 1e-9) is LEVELS[LEVELS.index(level) - 1]


def test_the_ladder_goes_up_to_1_and_has_words_of_their_own_in_both_languages() -> None:
    assert [each.least for each in LEVELS] == sorted({each.least for each in LEVELS})
    assert level_of(1.0) is CRITICAL
    assert [(each.word.en, each.word.zh) for each in LEVELS] == [
        ("low", "低"), ("medium", "中"), ("high", "高"), ("critical", "紧急")
    ]  # fmt: skip


def test_an_evaluation_counts_from_the_same_rungs() -> None:
    assert (MEDIUM.least, HIGH.least, CRITICAL.least) == SEVERITIES


def test_the_page_has_the_same_ladder() -> None:
    rows = re.findall(r"^\| (\d\.\d\d) \| (\w+) (\w+) \| (.+) \|$", DOC, re.MULTILINE)
    assert rows == [(f"{each.least:.2f}", each.word.en, each.word.zh, each.meaning.en) for each in LEVELS]
