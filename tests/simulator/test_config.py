from __future__ import annotations

from typing import Any

import pytest

from domain.timestamps import DAY_MS
from simulator.config import SimulationConfig


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1),
        ("merchants", 0),
        ("merchants", 1_200_001),
        ("start_ms", 1_736_092_800_001),
        ("start_ms", 0),
        ("days", 0.0),
        ("days", float("nan")),
        ("days", 1e6),
        ("tx_per_merchant_day", -1.0),
        ("jump_share", 1.5),
        ("late_share", float("nan")),
        ("record_size", "small"),
        ("time_format", "rfc"),
        ("world", "quiet"),
        ("disorder_s", 601),
        ("clock_skew_s", 541),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{key}.*got"):
        SimulationConfig(**{key: value})


def test_the_end_lies_the_days_after_the_start() -> None:
    config = SimulationConfig(days=1.5)
    assert config.end_ms - config.start_ms == DAY_MS * 3 // 2
