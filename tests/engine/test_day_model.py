"""What the model of days makes of what an earlier version knew of a merchant, and of lawful rhythms."""

from __future__ import annotations

import numpy as np
import pytest

from bench.volume_model import _ROW, THRESHOLDS, _views, reference
from engine.features import day_model

pytestmark = pytest.mark.usefixtures("warm_kernel")
FIRST_DAY = 20_332
"""Monday, 2025-09-01."""


def known_before() -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """A merchant as version 0.1 kept it: 60 days seen at 30 sales a day, and none of the newer fields."""
    rows = np.zeros(1, _ROW)
    rows["level_log"], rows["spread"], rows["seen_days"] = np.log(30.0), 0.05, 60
    return rows


def views_of(
    counts: list[int], rows: np.ndarray[tuple[int], np.dtype[np.void]]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    out = np.zeros((len(counts), 1, len(day_model.VIEWS)))
    _views(np.array(counts, np.int64)[:, None], FIRST_DAY, reference("platform"), rows, out)
    return out[:, 0]


def test_a_merchant_that_an_earlier_version_knew_is_judged_on_the_first_day() -> None:
    spike = views_of([120], known_before())[0]
    usual = views_of([30], known_before())[0]
    assert spike[day_model.DAY_UP] > 4.0
    assert np.all(np.abs(usual) < 1.0)


def test_its_silence_is_judged_from_the_first_day_and_its_decline_once_the_fast_level_has_fallen() -> None:
    silent = views_of([0] * 12, known_before())
    assert silent[11, day_model.SILENCE] > silent[0, day_model.SILENCE] > 0.5
    rng = np.random.default_rng(1)
    fading = [int(each) for each in rng.poisson(30 * np.linspace(1.0, 0.35, 40))]
    found = views_of(fading, known_before())[:, day_model.DECLINE]
    assert found[:10].max() == 0.0
    assert found.max() > 1.2


def test_thresholds_stand_for_what_a_lawful_shop_comes_to_less_than_once_in_a_thousand_days() -> None:
    assert all(each > 3.0 for each in THRESHOLDS)
