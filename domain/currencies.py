"""Currencies of ISO 4217 that have minor units, and how many digits these are.

Source: ISO 4217, list one (maintained by SIX), as of 2026. Codes without minor units (metals, funds of account, XTS,
XXX) are none that anybody pays in.
"""

from __future__ import annotations

_TWO = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF"
    " CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF"
    " IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN"
    " MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS"
    " SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"

DIGITS: dict[str, int] = {
    code: digits for digits, codes in ((0, _NONE), (2, _TWO), (3, _THREE), (4, _FOUR)) for code in codes.split()
}
"""By code, how many digits the minor unit is behind the point."""
MOST_DIGITS = 4


def digits_of(currency: str) -> int:
    """Digits of a currency's minor unit; 2 where the currency is not known.

    >>> digits_of("CNY"), digits_of("JPY"), digits_of("KWD"), digits_of("CLF"), digits_of("")
    (2, 0, 3, 4, 2)
    """
    return DIGITS.get(currency, 2)


def amount_text(minor: int, currency: str) -> str:
    """An amount with the currency's digits, thousands parted by commas.

    >>> amount_text(123456, "CNY"), amount_text(209100, "JPY"), amount_text(-4304000, "KWD")
    ('1,234.56', '209,100', '-4,304.000')
    """
    digits = digits_of(currency)
    whole, part = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole:,}.{part:0{digits}d}" if digits else f"{sign}{whole:,}"


def in_units(minor: int | None, currency: str) -> int | float | None:
    """An amount in units of the currency, for tables that compute; None of None.

    >>> in_units(12345, "CNY"), in_units(12345, "JPY"), in_units(None, "CNY")
    (123.45, 12345, None)
    """
    digits = digits_of(currency)
    return minor if minor is None or digits == 0 else minor / 10**digits


def money_text(minor: int, currency: str) -> str:
    """An amount with its currency: yuan by their sign, every other by its code.

    >>> money_text(-123_456_05, "CNY"), money_text(209_100, "JPY"), money_text(950, "KWD")
    ('-¥123,456.05', '209,100 JPY', '0.950 KWD')
    """
    sign, figure = "-" if minor < 0 else "", amount_text(abs(minor), currency)
    return f"{sign}¥{figure}" if currency == "CNY" else f"{sign}{figure} {currency}".rstrip()
