"""Positions of three maps: published pairs of them, and how far they are apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.tasks.place import Position, apart, gcj02_of
from domain.events import COORD_SYSTEMS

LATS, LONS = st.floats(-89, 89), st.floats(-179, 179)


@pytest.mark.parametrize(
    ("position", "lat", "lon"),
    [
        (Position(39.915, 116.404, "wgs84"), 39.91640428150164, 116.41024449916938),
        (Position(39.915, 116.404, "bd09"), 39.90865673957631, 116.39762729119315),
        (Position(39.915, 116.404, "gcj02"), 39.915, 116.404),
        (Position(39.915, 116.404), 39.915, 116.404),
        (Position(48.85, 2.35, "wgs84"), 48.85, 2.35),
    ],
)
def test_maps_are_shifted_as_published_pairs_of_points_have_it(position: Position, lat: float, lon: float) -> None:
    assert gcj02_of(position) == pytest.approx((lat, lon), abs=1e-9)


def test_a_degree_of_latitude_is_111_km() -> None:
    found = apart(Position(30, 120, "gcj02"), Position(31, 120, "gcj02"))
    assert found.distance_m == pytest.approx(111_195, abs=1)


@given(LATS, LONS, LATS, LONS, st.sampled_from(["", *COORD_SYSTEMS]), st.sampled_from(["", *COORD_SYSTEMS]))
def test_distances_are_the_same_both_ways_and_none_from_a_place_to_itself(
    lat: float, lon: float, other_lat: float, other_lon: float, system: str, other_system: str
) -> None:
    one, other = Position(lat, lon, system), Position(other_lat, other_lon, other_system)
    assert apart(one, other) == apart(other, one)
    assert apart(one, one).distance_m == 0
    assert 0 <= apart(one, other).distance_m <= 20_038_000
    assert apart(one, other).radius_m == (300 if system and other_system else 800)
