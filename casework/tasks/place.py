"""How far a phone says that it is from the registered address, whichever map either is of.

GPS gives WGS-84. Maps in China are of GCJ-02, which shifts every point by up to some 700 m, and Baidu's are of BD-09,
which shifts that once more. Two points are compared in GCJ-02. Where it is not known which map one of them is of, the
shift may lie between them: the radius within which they count as near is wider, and whoever reads the distance is told.
"""

from __future__ import annotations

from math import asin, atan2, cos, hypot, pi, radians, sin, sqrt
from typing import NamedTuple

from casework.errors import Refused
from domain.events import COORD_SYSTEMS

NEAR_M, NEAR_UNKNOWN_M = 300, 800
"""Within how many metres a position is near, where both maps are known, and where one is not: our own defaults."""
_WGS84, _GCJ02, _BD09 = COORD_SYSTEMS
_AXIS_M, _FLATNESS = 6_378_245.0, 0.006_693_421_622_965_943  # of the ellipsoid of Krasovsky, on which GCJ-02 rests
_EARTH_M = 6_371_008.8
_CHINA = (0.8293, 55.8271, 72.004, 137.8347)
_BD_TURN, _BD_LAT, _BD_LON = pi * 3000 / 180, 0.006, 0.0065


class Position(NamedTuple):
    """A position as a phone tells it.

    Attributes:
        lat: degrees north.
        lon: degrees east.
        coord_sys: of `domain.events.COORD_SYSTEMS`; "" where it is not known.
        accuracy_m: as the phone says; None where it does not.
    """

    lat: float
    lon: float
    coord_sys: str = ""
    accuracy_m: float | None = None


class Apart(NamedTuple):
    """How far two places are apart.

    Attributes:
        distance_m: metres.
        radius_m: within which they count as near.
    """

    distance_m: float
    radius_m: int


def checked(position: Position) -> Position:
    """A position that can be; raises Refused for another."""
    if not (-90 <= position.lat <= 90 and -180 <= position.lon <= 180):
        raise Refused(f"a position must be of -90 to 90 and -180 to 180 degrees, got {position.lat}, {position.lon}")
    if position.coord_sys not in {*COORD_SYSTEMS, ""}:
        raise Refused(f"coord_sys must be one of {', '.join(COORD_SYSTEMS)} or none, got {position.coord_sys[:16]!r}")
    if position.accuracy_m is not None and not 0 <= position.accuracy_m <= 1e6:
        raise Refused(f"accuracy_m must be 0 to 1000000, got {position.accuracy_m}")
    return position


def apart(one: Position, other: Position) -> Apart:
    """How far two positions are apart.

    >>> shop = Position(31.2304, 121.4737, "gcj02")
    >>> near = apart(Position(*gcj02_of(Position(31.2304, 121.4737, "wgs84"))), shop)
    >>> round(near.distance_m), near.radius_m
    (481, 800)
    >>> apart(Position(31.2304, 121.4737, "wgs84"), shop).radius_m
    300
    """
    known = one.coord_sys and other.coord_sys
    ends = [gcj02_of(each) if known else (each.lat, each.lon) for each in (one, other)]
    return Apart(_metres(*ends), NEAR_M if known else NEAR_UNKNOWN_M)


def gcj02_of(position: Position) -> tuple[float, float]:
    """A position's latitude and longitude in GCJ-02; outside China, and of an unknown map, as they are."""
    lat, lon = position.lat, position.lon
    if position.coord_sys == _BD09:
        lat, lon = _from_baidu(lat, lon)
    south, north, west, east = _CHINA
    if position.coord_sys == _WGS84 and south <= lat <= north and west <= lon <= east:
        return _shifted(lat, lon)
    return lat, lon


def _from_baidu(lat: float, lon: float) -> tuple[float, float]:
    x, y = lon - _BD_LON, lat - _BD_LAT
    far = hypot(x, y) - 2e-5 * sin(y * _BD_TURN)
    turn = atan2(y, x) - 3e-6 * cos(x * _BD_TURN)
    return far * sin(turn), far * cos(turn)


def _shifted(lat: float, lon: float) -> tuple[float, float]:
    """WGS-84 to GCJ-02: two polynomials with waves, as metres on the ellipsoid."""
    x, y = lon - 105, lat - 35
    waves = 20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    north += (waves + 20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3
    north += (160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    east += (waves + 20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3
    east += (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    bend = 1 - _FLATNESS * sin(radians(lat)) ** 2
    north_degrees = north * 180 / (_AXIS_M * (1 - _FLATNESS) / (bend * sqrt(bend)) * pi)
    east_degrees = east * 180 / (_AXIS_M / sqrt(bend) * cos(radians(lat)) * pi)
    return lat + north_degrees, lon + east_degrees


def _metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Along the great circle."""
    (lat, lon), (lat_2, lon_2) = one, other
    half = sin(radians(lat_2 - lat) / 2) ** 2
    half += cos(radians(lat)) * cos(radians(lat_2)) * sin(radians(lon_2 - lon) / 2) ** 2
    return 2 * _EARTH_M * asin(min(1.0, sqrt(half)))
