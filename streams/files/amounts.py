"""Amounts as files write them, in minor units."""

from __future__ import annotations

import re
from functools import lru_cache

from domain.currencies import DIGITS

_SIGN = "¥$€£₩₹₽₺฿₫₱₪₦₴₸₮₡₲₵₭₼₾円圆元"
_CURRENCY = rf"(?:[A-Z]{{0,3}}[{_SIGN}]|[A-Z]{{3}}|人民币[{_SIGN}]?|zł|kr\.?)"
_AMOUNT = re.compile(
    rf"(?P<open>\()?\s*(?P<before>[-+])?\s*{_CURRENCY}?\s*(?P<between>[-+])?\s*(?P<inner>\()?"
    rf"(?P<number>[0-9.,'’ \xa0\u202f]*[0-9][0-9.,'’ \xa0\u202f]*?)"
    rf"(?P<shut>\))?\s*{_CURRENCY}?\s*(?P<behind>[-+])?\s*(?P<close>\))?"
)
_PLAIN = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,4}))?")
_GROUPS = re.compile(r"[0-9]{1,3}(?:([,.'’ \xa0\u202f])[0-9]{2,3})(?:\1[0-9]{2,3})*(?<=[,.'’ \xa0\u202f][0-9]{3})")
_MINUS = str.maketrans({"−": "-", "–": "-", "—": "-", "﹣": "-", "－": "-", "（": "(", "）": ")", "￥": "¥", "＄": "$"})
_NUMERIC = {
    "036": "AUD", "048": "BHD", "104": "MMK", "116": "KHR", "124": "CAD", "156": "CNY", "208": "DKK", "344": "HKD",
    "356": "INR", "360": "IDR", "392": "JPY", "398": "KZT", "410": "KRW", "414": "KWD", "418": "LAK", "446": "MOP",
    "458": "MYR", "484": "MXN", "496": "MNT", "512": "OMR", "554": "NZD", "578": "NOK", "608": "PHP", "643": "RUB",
    "682": "SAR", "702": "SGD", "704": "VND", "710": "ZAR", "752": "SEK", "756": "CHF", "764": "THB", "784": "AED",
    "826": "GBP", "840": "USD", "901": "TWD", "949": "TRY", "978": "EUR", "985": "PLN", "986": "BRL",
}  # fmt: skip
_WORDS = {
    **dict.fromkeys(("RMB", "CNH", "人民币", "人民币元", "元", "¥", "￥"), "CNY"),
    "美元": "USD", "港币": "HKD", "欧元": "EUR", "日元": "JPY",
}  # fmt: skip


@lru_cache(1024)
def currency_code(text: str) -> str:
    """The code of ISO 4217 of a currency as files name it; what is none is left for the event's own check.

    >>> currency_code("156"), currency_code("36"), currency_code("usd"), currency_code("人民币")
    ('CNY', 'AUD', 'USD', 'CNY')
    """
    if text.isascii() and text.isdigit() and len(text) <= 3:
        return _NUMERIC.get(text.zfill(3), text)
    return _WORDS.get(text) or text.upper()


def digits_in(unit: str | int, currency: str) -> int:
    """Digits behind the point of amounts in a currency's major unit, or in its minor one.

    >>> digits_in("major", "JPY"), digits_in("major", "CNY"), digits_in("minor", "CNY")
    (0, 2, 0)
    """
    return DIGITS.get(currency, 2) if unit == "major" else 0


def minor_units(text: str, digits: int, *, decimal: str = ".", times: int = 1, rounds: bool = False) -> int:
    """An amount in minor units.

    Args:
        text: as it was written, cleaned.
        digits: of the minor unit behind the point.
        decimal: the point, or a comma.
        times: what one of the file's units is, where that is no power of ten.
        rounds: whether digits beyond the minor unit are rounded, half up.

    Raises:
        ValueError: it is no amount, or has more digits; the message says what was expected.

    >>> minor_units("¥1,234.50", 2), minor_units("(5.00)", 2), minor_units("5,00-", 2, decimal=",")
    (123450, -500, -500)
    """
    plain = _PLAIN.fullmatch(text) if decimal == "." else None
    if plain:
        negative, whole, part = plain[1] == "-", plain[2], plain[3] or ""
    else:
        negative, whole, part = _parted(text, decimal)
    if times != 1:
        digits_behind = len(part)
        one = int(10**digits_behind)
        scaled, rest = divmod(int(whole + part or "0") * times, one)
        if rest and not rounds:
            raise ValueError("an amount of whole minor units")
        found = scaled + (1 if rest * 2 >= one and rest else 0)
        return -found if negative else found
    beyond = part[digits:].rstrip("0")
    if beyond and not rounds:
        raise ValueError(f"an amount of at most {digits} digits behind the point")
    found = int((whole + part[:digits].ljust(digits, "0")) or "0") + (1 if beyond and beyond[0] >= "5" else 0)
    return -found if negative else found


def _parted(text: str, decimal: str) -> tuple[bool, str, str]:
    """Whether an amount is negative, the digits before its point, and those behind it."""
    found = _AMOUNT.fullmatch(text.translate(_MINUS))
    if not found or bool(found["open"] or found["inner"]) != bool(found["close"] or found["shut"]):
        raise ValueError("an amount")
    signs = [each for each in (found["before"], found["between"], found["behind"]) if each]
    brackets = bool(found["open"] or found["inner"])
    if len(signs) > 1 or (brackets and signs):
        raise ValueError("an amount with one sign")
    whole, point, part = found["number"].strip().partition(decimal)
    if not part.isascii() or (part and not part.isdigit()) or (point and not (whole or part)):
        raise ValueError(f"an amount with the point {decimal!r}")
    if whole and not whole.isdigit():
        if not _GROUPS.fullmatch(whole) or decimal in whole:
            raise ValueError(f"an amount with the point {decimal!r}")
        whole = re.sub(r"[^0-9]", "", whole)
    return brackets or "-" in signs, whole or "0", part
