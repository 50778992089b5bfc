"""Figures as sentences have them. What differs between the languages is a `Text`."""

from __future__ import annotations

from datetime import date

import msgspec

from domain.alerts import Text
from domain.currencies import digits_of, money_text
from domain.mcc_names import mcc_short_name

UNKNOWN = Text("?", "?")
_WHOLE = 100
"""Units of a currency from which on a volume is shown without its minor units."""


class FactsOf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Facts of an alert: codes, ISO dates, and figures with units in their names; None where not known."""


def counted(count: int, one: str, many: str = "") -> str:
    """A count and what is counted, in English; `many` where the plural is not `one` with an s.

    >>> counted(1, "hit"), counted(1_200, "hit"), counted(0, "text was", "texts were")
    ('1 hit', '1,200 hits', '0 texts were')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def money(minor: int | None, currency: str) -> str:
    """An exact sum, as of a loss or a payment; a question mark where it is not known.

    >>> money(91_734, "CNY"), money(209_100, "JPY"), money(None, "CNY")
    ('¥917.34', '209,100 JPY', '?')
    """
    return "?" if minor is None else money_text(minor, currency)


def volume(minor: float | None, currency: str) -> Text:
    """A sum of many sales, as exact as one reads it: whole units from a hundred on, then thousands and millions.

    >>> volume(869_149, "CNY"), volume(258_712_300, "CNY")
    (Text(en='¥8,691', zh='¥8,691'), Text(en='¥2.59 m', zh='¥258.7万'))
    >>> volume(1_500, "KWD"), volume(4_500, "CNY").en, volume(None, "CNY").en
    (Text(en='1.500 KWD', zh='1.500 KWD'), '¥45.00', '?')
    """
    if minor is None:
        return UNKNOWN
    units = minor / 10 ** digits_of(currency)
    if abs(units) < _WHOLE:
        return Text(*2 * (money_text(round(minor), currency),))
    before, after = ("¥", "") if currency == "CNY" else ("", f" {currency}".rstrip())
    en = f"{units / 1e6:,.2f} m" if abs(units) >= 1e6 else f"{units:,.0f}"
    zh = f"{units:,.0f}"
    if abs(units) >= 1e5:
        zh = f"{units / 1e8:,.2f}亿" if abs(units) >= 1e8 else f"{units / 1e4:,.1f}万"
    return Text(f"{before}{en}{after}", f"{before}{zh}{after}")


def percent(share: float | None) -> Text:
    """A share, 0 to 1, to the whole percent, below a tenth to a tenth of one.

    >>> percent(0.3349).en, percent(0.004).en, percent(0.01).en, percent(None).zh
    ('33 %', '0.4 %', '1 %', '?')
    >>> percent(0.33).zh
    '33%'
    """
    if share is None:
        return UNKNOWN
    figure = f"{share * 100:.0f}" if abs(share) >= 0.1 else f"{share * 100:.1f}".removesuffix(".0")
    return Text(f"{figure} %", f"{figure}%")


def tariff(rate_ppm: float | None, fixed_minor: int | None = None, currency: str = "") -> Text:
    """A rate, with its fixed part where it has one.

    >>> tariff(6_300).en, tariff(29_900, 300, "CNY").en, tariff(29_900, 30, "JPY").zh, tariff(2_930).en
    ('0.63 %', '2.99 % + ¥3.00', '2.99% + 30 JPY', '0.293 %')
    """
    if rate_ppm is None:
        return UNKNOWN
    figure = f"{rate_ppm / 10_000:.3f}".removesuffix("0")
    fixed = f" {'+' if fixed_minor > 0 else '-'} {money(abs(fixed_minor), currency)}" if fixed_minor else ""
    return Text(f"{figure} %{fixed}", f"{figure}%{fixed}")


def ratio(value: float, usual: float, least: float) -> str:
    """How many times the usual a value is, the usual taken as `least` at least.

    >>> ratio(58, 12.6, 0.1), ratio(860, 0, 1)
    ('4.6', '860')
    >>> ratio(9.96, 1, 1)
    '10'
    """
    found = value / max(usual, least)
    return f"{found:.1f}" if found < 9.95 else f"{found:,.0f}"


def day_text(iso: str | None) -> Text:
    """A day of the year.

    >>> day_text("2026-06-03"), day_text(None).en
    (Text(en='3 June', zh='6月3日'), '?')
    """
    if iso is None:
        return UNKNOWN
    day = date.fromisoformat(iso)
    return Text(f"{day.day} {_MONTHS[day.month - 1]}", f"{day.month}月{day.day}日")


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def mcc_text(mcc: str) -> Text:
    """An MCC with its name; without one, the MCC alone.

    >>> mcc_text("5722"), mcc_text("5498").en
    (Text(en='5722 (appliances)', zh='5722（家电）'), '5498 (Retail stores)')
    """
    name = mcc_short_name(mcc)
    en, zh = (each.removesuffix(f"(MCC {mcc})").strip() for each in (name.en, name.zh))
    return Text(f"{mcc} ({en})" if en and mcc not in en else mcc, f"{mcc}（{zh}）" if zh and mcc not in zh else mcc)


def since(first_day: str | None, day: str | None = None) -> Text:
    """Since when, where that is known and another day than `day`; else nothing. With a blank after or before it.

    >>> since("2026-06-01", "2026-06-03"), since("2026-06-03", "2026-06-03").en
    (Text(en=' since 1 June', zh='自6月1日起'), '')
    """
    if first_day is None or first_day == day:
        return Text("", "")
    found = day_text(first_day)
    return Text(f" since {found.en}", f"自{found.zh}起")


def underpaid(loss_minor: int | None, currency: str) -> Text:
    """What issuers and the network lose, as the last part of a sentence; nothing where it is not known.

    >>> underpaid(4_735, "CNY").en, underpaid(4_735, "AUD").en, underpaid(None, "CNY").zh
    ('; issuers and UnionPay underpaid ¥47.35', '; issuers and the card network underpaid 47.35 AUD', '')
    """
    if not loss_minor:
        return Text("", "")
    lost = money(loss_minor, currency)
    who = Text("UnionPay", "银联") if currency == "CNY" else Text("the card network", "卡组织")
    return Text(f"; issuers and {who.en} underpaid {lost}", f"；发卡行及{who.zh}少收{lost}")


def terminal_named(terminal_id: str) -> Text:
    """A terminal, by its number where that is known."""
    return Text(f"Terminal {terminal_id}", f"终端{terminal_id}") if terminal_id else Text("One terminal", "一台终端")
