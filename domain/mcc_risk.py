"""Trades that card schemes watch more closely than others, by MCC.

From the lists of high-integrity-risk merchants of Visa's Integrity Risk Program (in force since 2023-05-01) and of its
predecessor's high-brand-risk merchants (2020-10-17), as acquirers and trade press quote them; the notices themselves
are not public. 4829 is quasi-cash like 6051 and 7995, money that leaves by card. What those lists name only where no
card is present, and what is an ordinary shop at a till, is left out: pharmacies (5122, 5912), tobacconists (5993).
"""

from __future__ import annotations

HIGH_RISK_MCCS = (
    "4816", "4829", "5816", "5962", "5966", "5967", "5968", "6012", "6051", "6211", "7273", "7995",
)  # fmt: skip
"""File hosting, money transfer, games of skill, travel and other direct marketing (calls out, calls in, subscriptions),
financial institutions' goods, exchange and crypto-currencies, securities, dating and escorts, betting; ascending."""


def is_high_risk(mcc: str) -> bool:
    """Whether schemes list the trade of an MCC (four digits).

    >>> is_high_risk("7995"), is_high_risk("5812")
    (True, False)
    """
    return mcc in HIGH_RISK_MCCS
