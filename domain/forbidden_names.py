"""Names of fields that may not be stored, however they are spelled, at any depth.

A name is compared as letters and digits alone, in lower case, after NFKC: `CVV-2` and `cvv_2` are one, of whatever
width. What is left must be a stem as a whole, or a stem with known words before and behind it (`card_cvv_code`):
`pinyin`, `tracking_id` and `cid_region` are other words and pass.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache


class Rule(Enum):
    """What becomes of a field by its name."""

    FREE = 0
    """It may be stored, masked."""
    REMOVED = 1
    """Its value is removed, and the record goes on: it is of no use here, or the name may mean something harmless."""
    FORBIDDEN = 2
    """It refuses the record: storing track, verification or PIN data, or whole card numbers, is prohibited."""


STEMS = frozenset({
    # Verification values, as schemes call theirs.
    "cvv", "cvv2", "cvc", "cvc2", "cvn", "cvn2", "csc", "cav", "cav2", "icvv", "dcvv", "cvvcvc", "cvvcvn", "pvv",
    "securitycode", "verificationcode", "verificationvalue", "cardverification", "cardsecurity",
    # PINs and their blocks.
    "pin", "pinblock", "pindata", "encryptedpin", "encpin", "pinoffset", "onlinepin",
    # Tracks, and the chip's data that repeats them.
    "track", "track1", "track2", "track3", "trk1", "trk2", "trk3", "tracks", "track1data", "track2data", "track3data",
    "track2equivalent", "track2equivalentdata", "magstripe", "magneticstripe", "icc", "iccdata", "emv", "emvdata",
    "chipdata", "tag57", "tag5a", "emv57", "emv5a",
    # Elements of ISO 8583 that hold those: number, tracks, PIN, chip.
    *(f"{name}{n}" for name in ("de", "df", "f", "bit", "field") for n in (35, 36, 45, 52, 55)),
    "de2", "de02", "df2", "df02", "f02", "field2", "field02", "bit2", "bit02",
    # Whole card numbers.
    "pan", "cardnumber", "cardno", "cardnum", "primaryaccountnumber", "fullpan", "rawpan",
})  # fmt: skip
"""What refuses a record."""
REMOVED_STEMS = frozenset({"cid", "cardholder", "cardholdername", "nameoncard", "holdername", "embossedname"})
"""What is removed. `cid` is American Express's verification value and many others' customer."""

_BEFORE = ("card", "cc", "payment", "customer", "user", "raw", "enc", "encrypted", "clear", "txn", "transaction")
_BEHIND = (
    "code", "value", "number", "num", "no", "data", "block", "digits", "text", "raw", "enc", "encrypted", "clear",
    "hex", "field", "1", "2", "3",
)  # fmt: skip
_OTHER = re.compile(r"[\W_]+")
_MOST = 64


@lru_cache(4096)
def rule_of(name: str) -> Rule:
    """What becomes of a field of this name.

    >>> rule_of("CVV-2"), rule_of("card.cvvCode"), rule_of("cid"), rule_of("pinyin")
    (<Rule.FORBIDDEN: 2>, <Rule.FORBIDDEN: 2>, <Rule.REMOVED: 1>, <Rule.FREE: 0>)
    """
    short = normal(name)
    if len(short) > _MOST:
        return Rule.FREE
    if _is_any_of(short, STEMS):
        return Rule.FORBIDDEN
    return Rule.REMOVED if short in REMOVED_STEMS else Rule.FREE


def normal(name: str) -> str:
    """A name's letters and digits, in lower case.

    >>> normal("\uff23vv\uff12 "), normal("Track_2")
    ('cvv2', 'track2')
    """
    if not name.isascii():
        name = "".join(each for each in unicodedata.normalize("NFKC", name) if unicodedata.category(each)[0] in "LN")
    return _OTHER.sub("", name.casefold())


def _is_any_of(short: str, stems: frozenset[str]) -> bool:
    """Whether a name is one of `stems`, or one with known words before or behind it, taken off one by one."""
    if short in stems:
        return True
    for each in _BEFORE:
        if short.startswith(each) and _is_any_of(short[len(each) :], stems):
            return True
    return any(short.endswith(each) and _is_any_of(short[: -len(each)], stems) for each in _BEHIND)
