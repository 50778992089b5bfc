"""Response codes (DE39) with which a transaction is approved, by scheme.

Sources: UnionPay's table of answers (Q/CUP 006.6-2014, and operators' lists of it): 00, 10 (part of the amount), 11
(VIP), 16 (track 3 updated), A2, A4, A5, A6 (approved with defects), Y1 and Y3 (approved offline by the chip, in files
of terminals). ISO 8583:1987 as the international schemes publish it for acquirers: 00, 08 (approved, ask for an
identification), 10, 11, 85 (nothing to decline: account checks), and EMV's Y1 and Y3.
"""

from __future__ import annotations

ACTION_CODE_DIGITS = 3
"""Of an action code of ISO 8583:1993; those from 000 to 099 approve, under every scheme."""
COMMON = ("00", "10", "11")
"""Codes that approve under every scheme."""
UNIONPAY = ("00", "10", "11", "16", "A2", "A4", "A5", "A6", "Y1", "Y3")
INTERNATIONAL = ("00", "08", "10", "11", "85", "Y1", "Y3")

APPROVED: dict[str, tuple[str, ...]] = {
    "": UNIONPAY,
    "unionpay": UNIONPAY,
    "visa": INTERNATIONAL,
    "mastercard": INTERNATIONAL,
    "amex": INTERNATIONAL,
    "jcb": INTERNATIONAL,
    "discover": INTERNATIONAL,
    "alipay": COMMON,
    "wechat": COMMON,
    "other": COMMON,
}
"""By scheme; under "" of transactions that name none. A missing code is an approval, too."""


def approves(code: str, scheme: str = "") -> bool:
    """Whether a response code approves a transaction of a scheme.

    >>> approves("A6"), approves("A6", "visa"), approves("51"), approves("")
    (True, False, False, True)
    >>> approves("000"), approves("116")
    (True, False)
    """
    if len(code) == ACTION_CODE_DIGITS:
        return code.startswith("0")
    return not code or code in APPROVED.get(scheme, APPROVED["other"])
