"""A year of honest agents: storms, holidays, promotions and chains, and nobody is named."""

from __future__ import annotations

import numpy as np
import pytest

from causes.collection import Causes
from tests.causes.world import ZONE, feed, honest_days, world


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_no_honest_agent_or_rep_is_told_within_a_year(seed: int) -> None:
    draw = np.random.default_rng(seed)
    sizes = np.clip(np.exp(draw.normal(4.6, 0.9, 60)), 25, 2_000).astype(int).tolist()
    it, causes = world(sizes, sum(sizes) // 2, seed), Causes(ZONE)
    for each in it.profiles():
        causes.learn(each)
    alerts = 0
    for day, found in honest_days(it, 365, seed):
        feed(causes, it, day, found)
        alerts += len(found)
    told = causes.causes()
    assert alerts > 15_000
    assert [each for each in told if each.kind != "city"] == []
    assert {each.group for each in told} == {"volume_fall"}, "storms are told of their cities"


def test_no_honest_agent_is_told_at_any_moment_of_a_day() -> None:
    it, causes = world([60, 100, 200, 400] * 4, 1_500, 3), Causes(ZONE)
    for each in it.profiles():
        causes.learn(each)
    told = set()
    for day, found in honest_days(it, 40, 3):
        for hour in range(6):
            feed(causes, it, day, [each for each in found if each[0] % 6 == hour])
            told |= {each.cause_id for each in causes.causes() if each.kind != "city"}
    assert told == set()
