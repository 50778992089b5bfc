"""Figures in words: what an alert rests on and what is remembered of a merchant, each with its unit.

How rare something is, is kept as logarithms, which nobody reads: here it is "once in 1,000 days".
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from console.languages import same
from detectors.words.figures import mcc_text
from domain.alerts import Text
from domain.currencies import money_text
from domain.habits import HABITS

_AS_MONEY = {"minor units": 1, "1e-7 minor units": 10_000_000}
_UNITS = {
    "transactions": Text("", "笔"), "days": Text(" d", "天"), "hours": Text(" h", "小时"), "ratio": Text("", ""),
    "code": Text("", ""), "1": Text("", ""), "reports": Text("", "份"), "complaints": Text("", "件"),
    "alerts": Text("", "条"), "percent": Text("%", "%"), "parts per million": Text(" ppm", " ppm"),
    "payments": Text("", "笔"), "classes": Text("", "档"), "numbers": Text("", "个"), "changes": Text("", "次"),
    "deviations": Text(" deviations", "倍标准差"), "places": Text("", "个"),
}  # fmt: skip
_OF_ONE_TEST, _AGAINST = frozenset({"point_evidence"}), frozenset({"hour_surprise"})
"""Rarities that count no days: of a test that is made once, and of an hour against what was to be expected of it."""
LOGARITHMS = frozenset({"octaves", "nats", "decades"})
"""Units of which the value is a power."""
_DAYS_A_YEAR = 365
_YEARS_FROM_D = 1_000
"""Days from which on a rarity is told in years."""
_MOST_YEARS, _MOST_ODDS = 1_000, 10_000_000


def figure(value: float, unit: str, currency: str, *, of: str = "") -> Text:
    """A value with its unit.

    Args:
        value: the value.
        unit: as features and evidence name it.
        currency: of its money, ISO 4217; "" where it is not known.
        of: the feature, where it matters for how its rarity is told.

    >>> figure(12_800, "minor units", "CNY").en, figure(0.125, "share", "CNY").zh, figure(3.0, "days", "").zh
    ('¥128.00', '12.5%', '3天')
    >>> figure(0.5, "ratio", "").en, figure(2, "transactions", "").en, figure(4, "place", "").zh
    ('0.5', '2', '客单价双峰程度')
    >>> figure(3.0, "decades", ""), figure(3.0, "nats", "").en, figure(1.5, "octaves", "").zh
    (Text(en='once in 2.7 years', zh='约2.7年一遇'), '20:1', '2.8倍')
    """
    if unit in _AS_MONEY and currency:
        return same(money_text(round(value / _AS_MONEY[unit]), currency))
    if unit == "MCC":
        return mcc_text(f"{value:04.0f}")
    if unit == "place":
        return HABITS[int(value)].title
    if unit in {"share", "UTC seconds"}:
        return same(f"{100 * value:.3g}%" if unit == "share" else f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d}")
    if unit in LOGARITHMS:
        return _power(value, unit, of)
    after = _UNITS.get(unit, Text(f" {unit}", unit))
    return Text(f"{number(value)}{after.en}", f"{number(value)}{after.zh}")


def _power(value: float, unit: str, of: str) -> Text:
    """What is kept as a logarithm: a factor, odds, a chance, or how seldom a day is."""
    if unit == "octaves":
        factor = _two(2.0 ** min(value, 20))
        return Text(f"{factor}×", f"{factor}倍")
    if unit == "nats" or of in _AGAINST:
        return odds(value / math.log(10) if unit == "nats" else value)
    return one_in(value) if of in _OF_ONE_TEST else once_in(value)


def once_in(decades: float) -> Text:
    """How seldom a lawful shop has such a day.

    Args:
        decades: powers of ten of the days in which it comes once.

    >>> once_in(2).en, once_in(3.15), once_in(7).zh, once_in(0)
    ('once in 100 days', Text(en='once in 3.9 years', zh='约3.9年一遇'), '千年不遇', Text(en='any day', zh='寻常'))
    """
    days = 10.0 ** min(decades, 9)
    if days < 2:
        return Text("any day", "寻常")
    if days < _YEARS_FROM_D:
        return Text(f"once in {_two(days)} days", f"约{_two(days)}天一遇")
    years = days / _DAYS_A_YEAR
    if years > _MOST_YEARS:
        return Text("less than once in 1,000 years", "千年不遇")
    return Text(f"once in {_two(years)} years", f"约{_two(years)}年一遇")


def one_in(decades: float) -> Text:
    """A chance.

    >>> one_in(5), one_in(5.3).en, one_in(12).zh
    (Text(en='1 in 100,000', zh='1/100,000'), '1 in 200,000', '不足1/10,000,000')
    """
    of = 10.0 ** min(decades, 9)
    if of > _MOST_ODDS:
        return Text(f"less than 1 in {_MOST_ODDS:,}", f"不足1/{_MOST_ODDS:,}")
    return Text(f"1 in {_two(of)}", f"1/{_two(of)}")


def odds(decades: float) -> Text:
    """How many times as well the odd explains what is seen as the usual does.

    >>> odds(1.3).en, odds(0).en, odds(-1).zh, odds(8)
    ('20:1', '1:1', '1:10', Text(en='over 10,000,000:1', zh='超过10,000,000:1'))
    """
    of = 10.0 ** min(abs(decades), 9)
    over = Text("over ", "超过") if of > _MOST_ODDS else same("")
    large = f"{_MOST_ODDS:,}" if over.en else _two(of)
    sides = f"{large}:1" if decades >= 0 else f"1:{large}"
    return Text(f"{over.en}{sides}", f"{over.zh}{sides}")


def number(value: float) -> str:
    """A number to three digits, a great or a whole one to the unit.

    >>> number(1_234.5), number(3.0), number(0.12345)
    ('1,234', '3', '0.123')
    """
    return f"{value:,.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.3g}"


def _two(value: float) -> str:
    """A number to two digits: a rarity is known no better."""
    digits = 1 - math.floor(math.log10(value))
    rounded = round(value, digits)
    return f"{rounded:,.0f}" if digits <= 0 or rounded.is_integer() else f"{rounded:.{digits}f}"
