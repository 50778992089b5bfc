"""What Visa and Mastercard hold merchants to, by calendar month, with the dates from which on it holds.

`docs/gauges.md` has the same table for people, with sources. A figure that changes gets a further row; none is edited,
for a day is judged by what was in force on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain.alerts import Text

ALWAYS = date(1970, 1, 1)
"""From when on a programme holds whose beginning none of our sources says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """A programme from a day on. A merchant breaches it where all that it asks for is reached.

    Attributes:
        name: of its gauge.
        title: what it is called.
        since: the first day it holds.
        least_items: reports, chargebacks or attempts from which on it looks at a merchant.
        ratio_ppm: share of the payments from which on it is breached, parts per million.
        least_base: payments from which on it looks at a merchant.
        least_usd_minor: money at stake from which on it looks at a merchant, US cents.
    """

    name: str
    title: Text
    since: date
    least_items: int
    ratio_ppm: int
    least_base: int = 1
    least_usd_minor: int = 0


VAMP, ECM, HECM, EFM, APPROVAL, RETURNS = "vamp", "ecm", "hecm", "efm", "approval", "returns"
NAMES = (VAMP, ECM, HECM, EFM, APPROVAL, RETURNS)
"""Gauges in the order of the bits of `gauge_breached`."""

_VAMP = Text("Visa excessive merchant (VAMP)", "Visa超标商户（VAMP）")
_SCAM_EN, _SCAM_ZH = "Mastercard scam merchant monitoring", "万事达诈骗商户监测"
PROGRAMMES: tuple[Programme, ...] = (
    Programme(name=VAMP, title=_VAMP, since=date(2025, 6, 1), least_items=1_501, ratio_ppm=22_000),
    Programme(name=VAMP, title=_VAMP, since=date(2026, 4, 1), least_items=1_501, ratio_ppm=15_000),
    Programme(
        name=ECM, title=Text("Mastercard excessive chargebacks (ECM)", "万事达拒付超标（ECM）"), since=ALWAYS,
        least_items=100, ratio_ppm=15_000,
    ),
    Programme(
        name=HECM, title=Text("Mastercard high excessive chargebacks (HECM)", "万事达拒付严重超标（HECM）"),
        since=ALWAYS, least_items=300, ratio_ppm=30_000,
    ),
    Programme(
        name=EFM, title=Text("Mastercard excessive fraud (EFM)", "万事达欺诈超标（EFM）"), since=ALWAYS,
        least_items=1, ratio_ppm=5_000, least_base=1_000, least_usd_minor=5_000_000,
    ),
    Programme(
        name=APPROVAL, title=Text(f"{_SCAM_EN} (approval rate)", f"{_SCAM_ZH}（授权通过率）"), since=date(2026, 7, 24),
        least_items=25, ratio_ppm=300_000,
    ),
    Programme(
        name=RETURNS, title=Text(f"{_SCAM_EN} (refunds and chargebacks)", f"{_SCAM_ZH}（退款及拒付）"),
        since=date(2026, 7, 24), least_items=1, ratio_ppm=50_000, least_base=500,
    ),
)  # fmt: skip
"""Each programme as it holds from a day on, of one name the later last."""

EFM_SECURE_PPM = 100_000
"""EFM looks only at merchants of whose e-commerce less than this share is authenticated (3-D Secure)."""
APPROVAL_DROP_PPM = 500_000
"""A fall of the approval rate by as much breaches `approval` too."""
RETURNS_AGE_D = 183
"""`returns` looks only at merchants younger than six months."""
INVESTIGATED_WITHIN_S = 72 * 3_600
"""A merchant that breaches `approval` or `returns` is to be investigated within as long."""
VAMP_GRACE_S = 90 * 86_400
"""A merchant identified for the first time has three months to come below the limit."""


def programme_of(name: str, day: date | None = None) -> Programme:
    """A programme as it holds on a day, or as it held first on days before; without a day, as it holds by now.

    >>> programme_of("vamp", date(2026, 3, 31)).ratio_ppm, programme_of("vamp").ratio_ppm
    (22000, 15000)
    """
    versions = [each for each in PROGRAMMES if each.name == name]
    held = [each for each in versions if day is None or each.since <= day]
    return (held or versions[:1])[-1]
