"""Trades: what a merchant of an MCC sells, when, and at what prices.

The MCC classes follow the Chinese price list of 2016 (docs/simulator.md). Shapes, medians, spreads and shares
are assumptions, chosen to be plausible; no source states them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FeeClass = Literal[0, 1, 2]
"""Index into `domain.events.FEE_CLASSES`: standard, concession, exempt."""

HOURS: dict[str, tuple[int, ...]] = {
    "meals": (0, 0, 0, 0, 0, 0, 1, 3, 2, 1, 3, 12, 16, 9, 3, 2, 4, 12, 16, 12, 6, 3, 1, 0),
    "shop": (0, 0, 0, 0, 0, 0, 0, 1, 3, 6, 8, 8, 7, 7, 7, 7, 8, 9, 9, 8, 6, 3, 1, 0),
    "grocery": (0, 0, 0, 0, 0, 0, 2, 5, 7, 8, 8, 7, 5, 4, 4, 5, 8, 11, 11, 8, 5, 2, 1, 0),
    "all_day": (2, 1, 1, 1, 1, 2, 4, 7, 9, 8, 7, 7, 7, 6, 6, 7, 8, 9, 8, 6, 5, 4, 3, 2),
    "office": (0, 0, 0, 0, 0, 0, 0, 1, 6, 10, 10, 8, 3, 5, 9, 9, 7, 2, 0, 0, 0, 0, 0, 0),
    "evening": (6, 4, 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 3, 5, 8, 10, 12, 11, 9),
    "hotel": (1, 1, 0, 0, 0, 1, 3, 6, 8, 8, 9, 11, 9, 7, 8, 9, 9, 8, 7, 6, 5, 4, 3, 2),
    "commute": (0, 0, 0, 0, 0, 2, 6, 12, 11, 5, 3, 4, 5, 4, 3, 4, 7, 12, 11, 6, 4, 3, 2, 1),
}
"""Relative volume of each local hour of the day."""

WEEKS: dict[str, tuple[float, ...]] = {
    "even": (1, 1, 1, 1, 1, 1, 1),
    "leisure": (0.8, 0.8, 0.85, 0.9, 1.15, 1.35, 1.2),
    "working": (1.25, 1.2, 1.2, 1.2, 1.15, 0.6, 0.4),
    "weekend": (0.85, 0.85, 0.85, 0.9, 1.05, 1.3, 1.25),
}
"""Relative volume of each day, Monday first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One trade.

    Attributes:
        mcc: its MCC.
        fee_class: what interchange the MCC pays.
        share: its share of merchants, relative to the others'.
        median_yuan: median of the log-normal ticket.
        sigma: its standard deviation of logarithms.
        unit_fen: tickets are multiples of this.
        prices_yuan: the price list, at most 8 prices, equally likely; empty where there is none.
        list_share: share of tickets taken from the price list, 0 to 1.
        hours: a key of `HOURS`.
        week: a key of `WEEKS`.
        companions: further MCCs a merchant of this trade may register.
        word: what such a shop is called in Chinese.
        word_en: the same in English.
    """

    mcc: int
    fee_class: FeeClass
    share: float
    median_yuan: float
    sigma: float
    unit_fen: int = 10
    prices_yuan: tuple[int, ...] = ()
    list_share: float = 0.0
    hours: str = "shop"
    week: str = "even"
    companions: tuple[int, ...] = ()
    word: str
    word_en: str


TRADES = (
    Trade(mcc=5812, fee_class=0, share=18, median_yuan=120, sigma=0.8, unit_fen=100, hours="meals",
          week="leisure", companions=(5813, 5814), word="餐馆", word_en="Restaurant"),
    Trade(mcc=5411, fee_class=1, share=14, median_yuan=55, sigma=0.9, hours="grocery", week="weekend",
          companions=(5311, 5462), word="超市", word_en="Supermarket"),
    Trade(mcc=5814, fee_class=0, share=10, median_yuan=28, sigma=0.5, hours="meals",
          companions=(5812, 5462), word="快餐店", word_en="Snack Bar"),
    Trade(mcc=5541, fee_class=1, share=4, median_yuan=260, sigma=0.4, hours="all_day", unit_fen=1,
          prices_yuan=(200, 300, 200, 300, 100, 250, 400, 500), list_share=0.6, companions=(5411,),
          word="加油站", word_en="Petrol Station"),
    Trade(mcc=5311, fee_class=0, share=4, median_yuan=280, sigma=1.0, week="weekend",
          companions=(5411, 5651), word="百货商场", word_en="Department Store"),
    Trade(mcc=5651, fee_class=0, share=8, median_yuan=240, sigma=0.7, unit_fen=100, week="weekend",
          prices_yuan=(99, 129, 159, 199, 259, 299, 399, 599), list_share=0.5, companions=(5311,),
          word="服装店", word_en="Clothing"),
    Trade(mcc=5732, fee_class=0, share=4, median_yuan=900, sigma=1.1, unit_fen=100, week="weekend",
          prices_yuan=(999, 1999, 2999, 3999, 4999, 5999, 199, 99), list_share=0.4, companions=(5722,),
          word="数码店", word_en="Electronics"),
    Trade(mcc=5912, fee_class=0, share=6, median_yuan=62, sigma=0.8, hours="grocery", word="药房", word_en="Pharmacy"),
    Trade(mcc=7011, fee_class=0, share=4, median_yuan=420, sigma=0.7, unit_fen=100, hours="hotel",
          week="leisure", companions=(5812, 5813), word="酒店", word_en="Hotel"),
    Trade(mcc=5944, fee_class=0, share=2, median_yuan=2800, sigma=1.0, unit_fen=100, week="weekend",
          word="珠宝行", word_en="Jeweller"),
    Trade(mcc=5722, fee_class=1, share=2, median_yuan=1600, sigma=0.8, unit_fen=100, week="weekend",
          companions=(5732,), word="电器城", word_en="Appliances"),
    Trade(mcc=5999, fee_class=0, share=7, median_yuan=95, sigma=1.0, word="商行", word_en="Trading"),
    Trade(mcc=7230, fee_class=0, share=5, median_yuan=80, sigma=0.8, unit_fen=100, week="leisure",
          prices_yuan=(38, 58, 68, 98, 128, 198, 298, 500), list_share=0.8, companions=(7298,),
          word="美发店", word_en="Hair Salon"),
    Trade(mcc=7298, fee_class=0, share=2, median_yuan=300, sigma=0.7, unit_fen=100, week="leisure",
          companions=(7230,), word="养生馆", word_en="Spa"),
    Trade(mcc=5813, fee_class=0, share=2, median_yuan=380, sigma=0.8, unit_fen=100, hours="evening",
          week="leisure", companions=(5812,), word="酒吧", word_en="Bar"),
    Trade(mcc=5462, fee_class=0, share=4, median_yuan=32, sigma=0.5, hours="grocery", word="面包店", word_en="Bakery"),
    Trade(mcc=7832, fee_class=0, share=1, median_yuan=85, sigma=0.4, hours="evening", week="leisure",
          prices_yuan=(39, 45, 49, 78, 90, 98, 59, 118), list_share=0.9, unit_fen=100, word="影城", word_en="Cinema"),
    Trade(mcc=4111, fee_class=1, share=1, median_yuan=5, sigma=0.4, hours="commute", week="working",
          prices_yuan=(2, 3, 4, 5, 6, 7, 8, 10), list_share=1.0, unit_fen=100, word="公交公司", word_en="Buses"),
    Trade(mcc=4900, fee_class=1, share=1, median_yuan=150, sigma=0.7, unit_fen=1, hours="office",
          week="working", word="水电公司", word_en="Utilities"),
    Trade(mcc=5200, fee_class=1, share=2, median_yuan=480, sigma=1.0, week="weekend",
          word="建材家居城", word_en="Building Supplies"),
    Trade(mcc=5533, fee_class=0, share=2, median_yuan=350, sigma=0.9, unit_fen=100, word="汽配店", word_en="Car Parts"),
    Trade(mcc=5045, fee_class=0, share=1, median_yuan=3200, sigma=1.2, unit_fen=100, hours="office",
          week="working", word="电脑批发部", word_en="Computer Wholesale"),
    Trade(mcc=8062, fee_class=2, share=1, median_yuan=190, sigma=1.1, unit_fen=1, hours="office",
          week="working", companions=(5912,), word="医院", word_en="Hospital"),
    Trade(mcc=8211, fee_class=2, share=1, median_yuan=1200, sigma=0.8, unit_fen=100, hours="office",
          week="working", word="学校", word_en="School"),
)  # fmt: skip
"""The trades of simulated merchants."""

FEE_CLASS_OF: dict[int, FeeClass] = {
    **{trade.mcc: trade.fee_class for trade in TRADES},
    4121: 1, 4112: 1, 5542: 1, 8011: 2, 8220: 2, 8398: 2, 4829: 0, 5967: 0, 6051: 0, 7995: 0,
}  # fmt: skip
"""Fee class by MCC, of all MCCs the simulator presents."""

HIGH_RISK = (4829, 5967, 6051, 7995)
"""MCCs of trades that schemes watch, which no merchant of the simulation has."""

CHEAPER: dict[FeeClass, tuple[int, ...]] = {
    0: (5411, 5411, 4900, 5541, 5541, 5722, 8062, 8211, 4121, 8398),
    1: (8062, 8211, 8011, 8398),
    2: (),
}
"""MCCs a jumper of a class presents instead, equally likely; 5411 and 5541 are the usual ones."""


@dataclass(frozen=True, slots=True)
class City:
    """A place where merchants are.

    Attributes:
        code: its region in acceptor numbers, 4 characters.
        name: its name in records.
        zh: its name in merchants' names.
        lat: degrees north.
        lon: degrees east.
        time_zone: IANA name.
        offset_h: its offset from UTC in hours (no daylight saving in any of them).
        share: its share of merchants, relative to the others'.
    """

    code: str
    name: str
    zh: str
    lat: float
    lon: float
    time_zone: str
    offset_h: int
    share: float


_SH = "Asia/Shanghai"
CITIES = (
    City("1000", "Beijing", "北京", 39.90, 116.40, _SH, 8, 12),
    City("2900", "Shanghai", "上海", 31.23, 121.47, _SH, 8, 14),
    City("3310", "Hangzhou", "杭州", 30.27, 120.16, _SH, 8, 8),
    City("3320", "Ningbo", "宁波", 29.87, 121.55, _SH, 8, 4),
    City("5810", "Guangzhou", "广州", 23.13, 113.26, _SH, 8, 10),
    City("5840", "Shenzhen", "深圳", 22.54, 114.06, _SH, 8, 11),
    City("58D7", "Dongguan", "东莞", 23.02, 113.75, _SH, 8, 3),
    City("6510", "Chengdu", "成都", 30.57, 104.07, _SH, 8, 8),
    City("6530", "Chongqing", "重庆", 29.56, 106.55, _SH, 8, 6),
    City("5210", "Wuhan", "武汉", 30.59, 114.31, _SH, 8, 6),
    City("7910", "Xian", "西安", 34.34, 108.94, _SH, 8, 5),
    City("3010", "Nanjing", "南京", 32.06, 118.80, _SH, 8, 6),
    City("8810", "Urumqi", "乌鲁木齐", 43.83, 87.62, "Asia/Urumqi", 6, 4),
    City("0702", "Bangkok", "曼谷", 13.76, 100.50, "Asia/Bangkok", 7, 1),
    City("0392", "Tokyo", "东京", 35.68, 139.69, "Asia/Tokyo", 9, 1),
    City("0682", "Riyadh", "利雅得", 24.71, 46.68, "Asia/Riyadh", 3, 0),
)
"""Cities, the last for worlds alone (`RIYADH_SHARE`).

Their region codes have the layout of the real ones, some are made up.
"""

RIYADH, RIYADH_SHARE = len(CITIES) - 1, 0.004
"""Its place among the cities, and its share of the merchants that belong to a world."""

ACQUIRERS = ("898", "812", "818", "821", "822", "833", "836", "102", "105", "301")
"""First three characters of acceptor numbers."""
