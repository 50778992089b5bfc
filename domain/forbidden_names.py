"""Names of fields that may not be stored, however they are spelled, at any depth.

A name is compared as letters and digits alone, in lower case and without accents: `CVV-2` and `cvv_2` are one, of
whatever width. What is left must be a stem, or an element of ISO 8583 by its number, with known words before and
behind it (`card_cvv_code`): `pinyin`, `tracking_id` and `de22` are others and pass.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from domain.forbidden_words import CARD_DATA, EXPIRY

if TYPE_CHECKING:
    from collections.abc import Iterable


class Rule(Enum):
    """What becomes of a field by its name."""

    FREE = 0
    """It may be stored, masked."""
    REMOVED = 1
    """Its value is removed, and the record goes on: it is of no use here, or the name may mean something harmless."""
    FORBIDDEN = 2
    """It refuses the record: storing track, verification or PIN data, or whole card numbers, is prohibited."""


ENGLISH = frozenset({
    # Verification values, as schemes call theirs.
    "cvv", "cvv2", "cvc", "cvc2", "cvn", "cvn2", "csc", "cav", "cav2", "icvv", "dcvv", "cvvcvc", "cvvcvn", "pvv",
    "securitycode", "verificationcode", "verificationvalue", "cardverification", "cardsecurity", "cardsec",
    # PINs and their blocks.
    "pin", "pinblock", "pindata", "encryptedpin", "encpin", "pinoffset", "onlinepin",
    # Tracks, and the chip's data that repeats them.
    "track", "track1", "track2", "track3", "trk1", "trk2", "trk3", "tracks", "track1data", "track2data", "track3data",
    "track2equivalent", "track2equivalentdata", "magstripe", "magneticstripe", "magtrack", "swipedata", "icc",
    "iccdata", "emv", "emvdata", "chipdata", "tlvdata", "tag56", "tag57", "tag5a", "tag9f6b", "emv57", "emv5a",
    # Whole card numbers.
    "pan", "cardnumber", "cardno", "cardnum", "cardnbr", "cardnr", "ccnumber", "ccno", "ccnum", "dpan", "fpan",
    "primaryaccountnumber", "fullpan", "rawpan",
})  # fmt: skip
"""What refuses a record, in English and as schemes call it."""
ELEMENTS = ("2", "35", "36", "45", "52", "55")
"""Elements of ISO 8583 that hold those: number, tracks, PIN, chip."""
ELEMENT_WORDS = ("de", "df", "f", "fld", "bit", "field", "element", "dataelement", "iso8583")
"""What stands before the number of an element, which may have zeros before it; `f2` may be anything."""
ALSO_REMOVED = frozenset({
    "cid", "cardcode", "seccode", "epb", "cardholder", "cardholdername", "holdername", "nameoncard", "nameonthecard",
    "embossedname", "持卡人", "持卡人姓名",
})  # fmt: skip
"""What is removed. `cid` is American Express's verification value and many others' customer; so with `cardcode`."""

_BEFORE = (
    "card", "cards", "cc", "credit", "debit", "prepaid", "bank", "virtual", "account", "acct", "atm", "billing",
    "payment", "customer", "user", "payer", "payee", "from", "to", "in", "out", "source", "original", "new", "old",
    "raw", "full", "plain", "clear", "cleartext", "unmasked", "enc", "encrypted", "iso", "chip", "emv", "mag", "device",
    "second", "txn", "transaction", "request", "message",
    "卡", "卡片", "银行", "銀行", "信用", "借记", "借記", "账户", "帳戶", "支付", "交易", "个人", "個人", "主", "第",
    "一", "二", "三", "cvv", "cvv2", "cvn", "cvn2", "pin",
)  # fmt: skip
_BEHIND = (
    "s", "code", "cd", "value", "val", "number", "num", "nbr", "nr", "no", "data", "info", "block", "blk", "digits",
    "text", "string", "raw", "full", "plain", "enc", "encrypted", "clear", "input", "new", "old", "tlv", "equivalent",
    "equiv", "hex", "field", "one", "two", "three", "ii", "码", "碼", "号", "號", "信息", "資訊", "数据", "數據",
    "明文", "密文",
)  # fmt: skip
_OTHER = re.compile(r"[\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f\u0640\u064b-\u065f\u0670]")
_FIRST_INDIC, _LAST_INDIC = "\u0900", "\u0eff"
"""Devanagari to Lao."""
# Of Arabic: teh marbuta is heh, alef maksura and Persian yeh are yeh, Persian kaf is kaf, alef wasla is alef.
_ALIKE = str.maketrans({
    "\u0131": "i", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d", "ø": "o", "Ø": "o",
    "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe",
    "\u0629": "\u0647", "\u0649": "\u064a", "\u06cc": "\u064a", "\u06a9": "\u0643", "\u0671": "\u0627",
})  # fmt: skip


def normal(name: str) -> str:
    """A name's letters and digits, in lower case and without accents.

    Accents are what Latin, Greek and Cyrillic letters bear, and Arabic's points and hamzas; the vowel signs of Indic
    scripts and Thai are letters here. Letters that are written for each other are one.

    >>> normal("\uff23vv\uff12 "), normal("Track_2"), normal("Numéro_carte"), normal("KART NUMARASI")
    ('cvv2', 'track2', 'numerocarte', 'kartnumarasi')
    """
    if not name.isascii():
        name = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", name)))
        name = "".join(each for each in name.translate(_ALIKE) if _is_letter(each))
        return name.casefold()
    return _OTHER.sub("", name.casefold())


def _is_letter(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LN" or (category[0] == "M" and _FIRST_INDIC <= character <= _LAST_INDIC)


STEMS = ENGLISH | {normal(each) for words in CARD_DATA.values() for each in words}
"""What refuses a record, in all languages, each as `normal` gives it."""
REMOVED_STEMS = ALSO_REMOVED | {normal(each) for words in EXPIRY.values() for each in words}
"""What is removed, and the record goes on."""
_MOST = 64


def _any_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(sorted(words, key=len, reverse=True))})"


_ELEMENT = rf"(?!f2){_any_of(ELEMENT_WORDS)}0{{0,2}}{_any_of(ELEMENTS)}"
_FORBIDDEN = re.compile(
    rf"{_any_of(_BEFORE)}*(?:{_any_of(STEMS)}(?:{_any_of(_BEHIND)}|[0-3])*|{_ELEMENT}{_any_of(_BEHIND)}*)"
)
_REMOVED = re.compile(rf"{_any_of(_BEFORE)}*{_any_of(REMOVED_STEMS)}")


@lru_cache(4096)
def rule_of(name: str) -> Rule:
    """What becomes of a field of this name.

    >>> rule_of("CVV-2"), rule_of("card.cvvCode"), rule_of("cid"), rule_of("pinyin")
    (<Rule.FORBIDDEN: 2>, <Rule.FORBIDDEN: 2>, <Rule.REMOVED: 1>, <Rule.FREE: 0>)
    """
    short = normal(name)
    if len(short) > _MOST:
        return Rule.FREE
    if _FORBIDDEN.fullmatch(short):
        return Rule.FORBIDDEN
    return Rule.REMOVED if _REMOVED.fullmatch(short) else Rule.FREE
