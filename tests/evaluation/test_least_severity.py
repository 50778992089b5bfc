"""The least severity that verdicts speak for."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.least_severity import DISMISSED, LEAST_BELOW, LEAST_VERDICTS, least_severity

Verdicts = list[tuple[int, int, int]]
"""Severity, how many were dismissed, how many confirmed."""


def suggested(verdicts: Verdicts) -> int | None:
    severity = np.repeat([each[0] for each in verdicts], [sum(each[1:]) for each in verdicts])
    dismissed = np.concatenate([np.arange(gone + kept) < gone for _, gone, kept in verdicts])
    shuffled = np.random.default_rng(1).permutation(len(severity))
    return least_severity(severity[shuffled], dismissed[shuffled])


def test_it_is_where_the_share_of_dismissed_alerts_falls_below_four_fifths() -> None:
    assert suggested([(2000, 9, 1), (3000, 8, 2), (4000, 7, 3), (9000, 0, 10)]) == 4000


def test_a_confirmed_severity_ends_the_range_however_many_milder_alerts_were_dismissed() -> None:
    assert suggested([(3000, 80, 0), (5000, 0, 20), (8000, 0, 20)]) == 5000


def test_a_lone_confirmed_alert_among_dismissed_ones_does_not() -> None:
    assert suggested([(2000, 20, 0), (2500, 0, 1), (3000, 20, 0), (6000, 1, 10)]) == 6000


@pytest.mark.parametrize(
    "verdicts",
    [
        [(3000, LEAST_VERDICTS - 11, 0), (6000, 0, 10)],
        [(3000, LEAST_BELOW - 1, 0), (6000, 0, 30)],
        [(3000, 20, 2), (6000, 20, 2)],
        [(3000, 0, 20), (6000, 20, 0)],
        [(3000, 7, 13)],
        [],
    ],
    ids=["few verdicts", "few below", "dismissed throughout", "the severest dismissed", "one severity", "none"],
)
def test_nothing_is_suggested_where_no_severity_parts_the_alerts(verdicts: Verdicts) -> None:
    severity = np.repeat([each[0] for each in verdicts], [sum(each[1:]) for each in verdicts])
    assert (suggested(verdicts) if len(severity) else least_severity(severity, severity > 0)) is None


@pytest.mark.parametrize("seed", range(20))
def test_below_it_at_least_four_fifths_were_dismissed_whatever_the_verdicts(seed: int) -> None:
    draw = np.random.default_rng(seed)
    severity = draw.integers(0, 10_001, 300) // 500 * 500
    dismissed = draw.random(300) > severity / 8_000
    found = least_severity(severity, dismissed)
    assert found is not None
    assert dismissed[severity < found].mean() >= DISMISSED
    assert dismissed[severity == found].mean() < DISMISSED
