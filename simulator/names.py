"""Invented names of shops, in Chinese and English; a likeness to a real one is chance."""

from __future__ import annotations

_FIRST = (
    ("榆", "Yu"), ("岚", "Lan"), ("霁", "Ji"), ("薜", "Bi"), ("栎", "Li"), ("砚", "Yan"),
    ("汀", "Ting"), ("苇", "Wei"), ("椿", "Chun"), ("杼", "Zhu"), ("琮", "Cong"), ("芷", "Zhi"),
)  # fmt: skip
_SECOND = (
    ("桅", "wei"), ("篱", "li"), ("蓼", "liao"), ("筝", "zheng"), ("堇", "jin"), ("杪", "miao"),
    ("杉", "shan"), ("笙", "sheng"), ("畦", "qi"), ("榭", "xie"), ("鹭", "lu"), ("樵", "qiao"),
)  # fmt: skip
NAMES = tuple((a + b, c + d) for a, c in _FIRST for b, d in _SECOND)
"""What shops are called before their trade, in Chinese and in pinyin."""


def shop_name(which: int, city: tuple[str, str], trade: tuple[str, str]) -> str:
    """A shop's name as its sign has it: in Chinese, then in English.

    Args:
        which: its place in `NAMES`.
        city: in English and Chinese.
        trade: what such a shop is called, in English and Chinese.

    >>> shop_name(0, ("Hangzhou", "杭州"), ("Jeweller", "珠宝行"))
    '杭州榆桅珠宝行 Yuwei Jeweller, Hangzhou'
    """
    zh, en = NAMES[which]
    return f"{city[1]}{zh}{trade[1]} {en} {trade[0]}, {city[0]}"
