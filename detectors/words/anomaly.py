"""What `anomaly` says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from detectors.words.figures import FactsOf, counted, percent, since, volume
from domain.alerts import Text
from domain.habits import HABITS

if TYPE_CHECKING:
    from domain.habits import Habit

TITLE = Text("Unusual for its trade", "经营特征异常")
REASONS = 3
"""Habits that are named at most."""
_HABITS = {each.name: each for each in HABITS}
_EXACT_BELOW = 10
"""Below it a count a day is shown to a tenth."""


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        habit_1: name of the habit that says most, of `domain.habits.NAMES`; "" for none. The next ones likewise.
        value_1: what it is, in its unit; money in the merchant's currency.
        low_1: below it lies one in twenty of the peers.
        high_1: above it lies one in twenty of the peers.
        usual_1: what it usually is of the merchant.
        percentile: days of merchants that are less odd, percent.
        first_day: the first day that was found.
        day: the local day that ended.
        hits: days so far.
        turnover_minor: sold on these days.
    """

    habit_1: str = ""
    value_1: float | None = None
    low_1: float | None = None
    high_1: float | None = None
    usual_1: float | None = None
    habit_2: str = ""
    value_2: float | None = None
    low_2: float | None = None
    high_2: float | None = None
    usual_2: float | None = None
    habit_3: str = ""
    value_3: float | None = None
    low_3: float | None = None
    high_3: float | None = None
    usual_3: float | None = None
    percentile: float
    first_day: str | None = None
    day: str | None = None
    hits: int
    turnover_minor: int | None = None


class _Figure(NamedTuple):
    """A figure, and what stands behind it, in both languages."""

    en: str
    zh: str
    en_unit: str = ""
    zh_unit: str = ""


def sentence(facts: Facts, currency: str) -> Text:
    """Each habit against that of peers and the merchant's own, and what was sold on such days."""
    told = [each for k in range(1, REASONS + 1) if (each := _habit(facts, k, currency)) is not None]
    if not told:
        odder = f"{facts.percentile:.2f}"
        told = [Text(f"habits odder than on {odder} % of days of merchants", f"经营特征比{odder}%的商户日更异常")]
    first, *others = told
    days, sold = since(facts.first_day, facts.day), volume(facts.turnover_minor, currency)
    also_en = f"; also {'; '.join(each.en for each in others)}" if others else ""
    also_zh = f"；另有{'；'.join(each.zh for each in others)}" if others else ""
    return Text(
        f"{first.en[0].upper()}{first.en[1:]}{also_en}; {sold.en} sold on {counted(facts.hits, 'such day')}{days.en}",
        f"{first.zh}{also_zh}；{days.zh}有{facts.hits}天如此，交易额{sold.zh}",
    )


def _habit(facts: Facts, k: int, currency: str) -> Text | None:
    """What habit number `k` is, of peers and usually; None where there is none, or none of that name any more."""
    habit, value = _HABITS.get(getattr(facts, f"habit_{k}")), getattr(facts, f"value_{k}")
    if habit is None or value is None:
        return None
    now = _figure(habit, value, currency)
    en, zh = f"{habit.title.en} {now.en}{now.en_unit}", f"{habit.title.zh}{now.zh}{now.zh_unit}"
    low, high, usual = (getattr(facts, f"{name}_{k}") for name in ("low", "high", "usual"))
    if low is not None and high is not None:
        peers = _range(_figure(habit, low, currency), _figure(habit, high, currency))
        en, zh = f"{en}, peers {peers.en}", f"{zh}，同类商户{peers.zh}"
    if usual is not None:
        own = _figure(habit, usual, currency)
        en, zh = f"{en}, own {own.en}{own.en_unit}", f"{zh}，本店平时{own.zh}{own.zh_unit}"
    return Text(en, zh)


def _figure(habit: Habit, value: float, currency: str) -> _Figure:
    """A habit's figure; octaves as the factor that they are.

    >>> _figure(_HABITS["refund_share"], 0.31, "CNY"), _figure(_HABITS["ticket_spread"], 1.0, "CNY")
    (_Figure(en='31', zh='31', en_unit=' %', zh_unit='%'), _Figure(en='2.0', zh='2.0', en_unit=' times', zh_unit='倍'))
    """
    if habit.unit == "share":
        figure = percent(value).zh.removesuffix("%")
        return _Figure(figure, figure, " %", "%")
    if habit.unit == "minor units":
        sum_of = volume(value, currency)
        return _Figure(sum_of.en, sum_of.zh)
    if habit.unit == "octaves":
        figure = f"{2.0 ** min(value, 20):,.1f}"
        return _Figure(figure, figure, " times", "倍")
    digits = 2 if habit.unit == "ratio" else 1 if value < _EXACT_BELOW else 0
    figure = f"{value:,.{digits}f}"
    return _Figure(figure, figure)


def _range(low: _Figure, high: _Figure) -> Text:
    """From one figure to another, with the unit once; one figure where both read alike."""
    en = high.en if low.en == high.en else f"{low.en}–{high.en}"
    zh = high.zh if low.zh == high.zh else f"{low.zh}–{high.zh}"
    return Text(f"{en}{high.en_unit}", f"{zh}{high.zh_unit}")
