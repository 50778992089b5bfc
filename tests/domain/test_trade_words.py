from __future__ import annotations

import pytest

from domain.mcc import known_mccs
from domain.mcc_risk import HIGH_RISK_MCCS
from domain.trade_words import WORDS, likely_trade
from simulator.trades import TRADES


@pytest.mark.parametrize(
    ("name", "mcc"),
    [
        ("成都市老王火锅餐饮有限公司", "5812"), ("小李烧烤（万达广场店）", "5812"), ("海鲜大排档(人民医院店)", "5812"),
        ("如月酒店", "7011"), ("如月酒店咖啡", "5814"), ("永安珠宝行", "5944"), ("Golden Dragon Restaurant", "5812"),
        ("THE CORNER BAR", "5813"), ("Joe's Barber", "7230"), ("安安宠物医院", "0742"), ("阳光超市", "5411"),
        ("市第一人民医院", "8062"), ("Sunrise Supermarket", "5411"), ("大学城小吃", "5812"),
    ],
)  # fmt: skip
def test_a_name_speaks_of_its_last_trade(name: str, mcc: str) -> None:
    assert likely_trade(name) == mcc


@pytest.mark.parametrize(
    "name",
    [
        "", "万达广场店", "百货商场", "Plaza Department Store", "张三", "人民医院食堂餐厅", "School Canteen Restaurant",
        "第二中学咖啡", "家电超市手机专卖", "酒店用品商行", "Barnaby Trading", "永辉", "餐厅设备",
    ],
)  # fmt: skip
def test_a_name_of_no_trade_or_of_several_classes_says_nothing(name: str) -> None:
    assert likely_trade(name) is None


def test_words_are_of_known_mccs_and_stand_once() -> None:
    assert {*WORDS} - {""} <= known_mccs()
    words = [word for zh, en in WORDS.values() for word in (*zh.split(), *en.split("|"))]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("trade", TRADES, ids=lambda trade: trade.word_en)
def test_a_simulated_shop_s_name_speaks_of_its_own_class_or_of_nothing(trade: object) -> None:
    for word in (trade.word, trade.word_en):  # type: ignore[attr-defined]
        found = likely_trade(word)
        assert found is None or found == f"{trade.mcc:04d}" or trade.fee_class == 0  # type: ignore[attr-defined]


def test_high_risk_trades_are_known_mccs_in_order() -> None:
    assert list(HIGH_RISK_MCCS) == sorted(set(HIGH_RISK_MCCS))
    assert {*HIGH_RISK_MCCS} <= known_mccs()
