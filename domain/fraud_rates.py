"""How often payments of honest merchants are reported as fraud: the base of a merchant that has none of its own.

The figures are our own default, and no statistic: the background that acquirers tell of is 200 to 1,000 reports a
million payments, at the counter the fewer, on the net the more, and twice that in the trades whose goods thieves can
sell at once. A merchant's own history takes their place as it grows.
"""

from __future__ import annotations

PRESENT_PPM, ABSENT_PPM = 200, 1_000
"""Reports per million payments, card at the counter and card not present."""
SOLD_AT_ONCE = frozenset({
    "4722", "4812", "4814", "4816", "5732", "5734", "5815", "5816", "5817", "5818", "5944", "5967", "6051", "7273",
    "7994", "7995",
})  # fmt: skip
"""MCCs of goods that can be sold on at once, or are used up at once: travel, top-ups, electronics, digital goods,
jewels, games and bets. Their base is twice that of the others."""


def base_ppm(mcc: str, *, present: bool) -> int:
    """Reports per million payments to be expected of an honest merchant of an MCC; "" where it is not known.

    >>> base_ppm("5411", present=True), base_ppm("5816", present=False), base_ppm("", present=False)
    (200, 2000, 1000)
    """
    return (PRESENT_PPM if present else ABSENT_PPM) * (2 if mcc in SOLD_AT_ONCE else 1)
