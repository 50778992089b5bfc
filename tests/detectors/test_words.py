"""Sentences as analysts read them, from facts alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detectors.contract import Story
from detectors.mcc_jump import MccJump
from detectors.words import (
    compromised_point,
    dormancy,
    fee_notice,
    fee_over,
    gauge_breach,
    licence_expiry,
    mcc_drift,
    mcc_jump,
    mcc_static,
    terminal_failing,
    terminal_silent,
    volume_burst,
    volume_collapse,
    volume_decline,
    volume_rise,
)
from detectors.words.registry import WORDS

JUMP: dict[str, Any] = {
    "hits": 4, "turnover_minor": 230_000, "loss_minor": 4_735, "expected": "5722", "used": "8211",
    "used_class": "exempt", "places": ("presented",),
}  # fmt: skip
RISE: dict[str, Any] = {
    "form": "day", "day": "2026-06-03", "sales": 58, "sales_minor": 869_100, "usual_sales": 12.6,
    "usual_minor": 202_100, "above_minor": 1_502_500, "first_day": "2026-06-01",
}  # fmt: skip


def test_every_file_of_words_is_registered() -> None:
    files = {path.stem for path in Path(mcc_jump.__file__).parent.glob("*.py")}
    assert files - {"__init__", "figures", "registry"} == set(WORDS)


def test_of_several_sales_the_latest_mcc_is_named_as_the_latest() -> None:
    said = mcc_jump.sentence(mcc_jump.Facts(**JUMP), "CNY")
    assert said.en == (
        "Registered 5722 (appliances); 4 sales (¥2,300) sent under another MCC, the latest 8211 (schools), exempt "
        "class; issuers and UnionPay underpaid ¥47.35"
    )
    assert said.zh == (
        "登记MCC为5722（家电）；4笔（¥2,300）按其他MCC上送，最近一笔为8211（中小学校，减免类）；发卡行及银联少收¥47.35"
    )
    one = mcc_jump.sentence(mcc_jump.Facts(**{**JUMP, "hits": 1}), "CNY")
    assert "1 sale (¥2,300) sent as 8211 (schools), exempt class" in one.en
    assert "1笔（¥2,300）按8211（中小学校，减免类）上送" in one.zh


def test_fee_classes_are_told_where_they_are_those_of_the_prices() -> None:
    said = mcc_jump.sentence(mcc_jump.Facts(**{**JUMP, "loss_minor": None}), "EUR")
    assert said.en.endswith("(2,300 EUR) sent under another MCC, the latest 8211 (schools)")


@pytest.mark.parametrize(("used", "drop", "named"), [(8211, 1, "exempt"), (5311, -1, None), (5311, 0, None)])
def test_a_class_is_named_where_it_is_cheaper(used: int, drop: int, named: str | None) -> None:
    values = dict.fromkeys(MccJump.columns) | {"mcc_used": used, "mcc_expected": 5411, "mcc_class_drop": drop}
    assert MccJump().facts(values, Story(1)).used_class == named


@pytest.mark.parametrize(("learned", "why"), [(False, "not approved for"), (True, "not usual for")])
def test_a_special_fee_type_is_not_approved_or_without_master_data_not_usual(learned: bool, why: str) -> None:
    said = mcc_jump.sentence(mcc_jump.Facts(hits=64, fee_type="03", learned=learned, places=("fee_type",)), "CNY")
    assert said.en == f"64 sales sent with special-fee type 03 (fixed ratio), {why} this shop"


def test_a_rise_names_its_day_and_sums_up_since_an_earlier_one() -> None:
    said = volume_rise.sentence(volume_rise.Facts(**RISE), "CNY")
    assert said.en == "3 June: 58 sales (4.6× the usual), ¥8,691 (4.3×); ¥15,025 above the usual since 1 June"
    assert said.zh == "6月3日58笔（平时4.6倍）、¥8,691（4.3倍）；自6月1日起累计超出平时¥15,025"
    of_one = volume_rise.sentence(volume_rise.Facts(**{**RISE, "first_day": "2026-06-03"}), "CNY")
    assert of_one.zh == "6月3日58笔（平时4.6倍）、¥8,691（4.3倍）"


def test_a_return_of_which_nothing_is_known_says_so() -> None:
    said = volume_rise.sentence(
        volume_rise.Facts(form="return", day="2026-06-03", sales=1, sales_minor=2_500_000, idle_d=400), "CNY"
    )
    assert said.en == "3 June, after 400 days or more without a sale: 1 sale, ¥25,000; the usual is not known"
    assert said.zh == "400天以上无交易后，6月3日1笔、¥25,000，此前水平不详"


def test_total_and_rate_lead_and_no_single_payment_does() -> None:
    facts = fee_over.Facts(
        hits=2_408, turnover_minor=245_600_000, loss_minor=910_224, charged_minor=374, due_minor=6, due_ppm=6_300
    )
    said = fee_over.sentence(facts, "CNY")
    assert said.en == (
        "Merchant overcharged ¥9,102.24 on 2,408 payments, on average 0.37 points above the contract rate; the latest: "
        "¥3.74 charged, ¥0.06 due at the contract's 0.63 %"
    )
    assert said.zh.startswith("累计2,408笔多扣商户¥9,102.24，平均比签约费率高0.37个百分点；最近一笔实扣")


@pytest.mark.parametrize(("notice_d", "en", "zh"), [
    (9, "announced 9 days ahead", "仅提前9天公示"), (1, "announced 1 day ahead", "仅提前1天公示"),
    (-3, "announced 3 days after it took effect", "生效3天后才公示"), (None, "without notice", "未作公示"),
])  # fmt: skip
def test_a_dearer_contract_says_how_long_before_it_was_announced(notice_d: int | None, en: str, zh: str) -> None:
    said = fee_notice.sentence(fee_notice.Facts(hits=1, rise_ppm=529_000, notice_d=notice_d), "CNY")
    assert said.en == f"Merchant's fees raised by up to 52.9 %, {en} (30 days required)"
    assert said.zh == f"商户手续费最多上涨52.9%，{zh}（规定不少于30天）"


def test_a_share_is_of_the_day_that_is_named() -> None:
    facts = mcc_drift.Facts(
        hits=16, loss_minor=1_483, first_day="2026-01-30", day="2026-02-24", cheap="5411", dear="5999", share=0.33,
        usual_share=0.01, at_terminal=True,
    )  # fmt: skip
    said = mcc_drift.sentence(facts, "CNY")
    assert said.en.startswith("33 % of one terminal's sales on 24 February sent as 5411 (supermarkets), usually 1 %")
    assert said.zh.startswith("2月24日其中一台终端33%的交易按5411（超市）上送（平时1%）")
    assert said.zh.endswith("自1月30日起共16天；发卡行及银联少收¥14.83")


@pytest.mark.parametrize("share", [None, 0.0])
def test_a_day_that_was_no_more_than_usual_is_not_held_against_the_usual(share: float | None) -> None:
    """The evidence is of several days; on the last of them the terminal may have sent nothing so."""
    facts = mcc_drift.Facts(
        hits=11, first_day="2026-01-30", day="2026-02-15", cheap="5411", dear="5999", share=share, usual_share=0.012,
        at_terminal=True,
    )  # fmt: skip
    said = mcc_drift.sentence(facts, "CNY")
    assert said.en == (
        "One terminal sends more than the usual 1.2 % of its sales as 5411 (supermarkets); also registered, at a "
        "higher fee: 5999 (other retail); 11 such days since 30 January"
    )
    assert said.zh.startswith("其中一台终端按5411（超市）上送的交易占比高于平时的1.2%，同时登记有费率较高的5999")


def test_a_lasting_rise_has_the_figures_of_its_week_alone() -> None:
    facts = volume_rise.Facts(
        form="lasting", day="2026-02-21", sales_minor=733_600, usual_minor=97_200, rise_day="2026-02-09",
        above_minor=3_487_200, first_day="2026-02-14",
    )  # fmt: skip
    said = volume_rise.sentence(facts, "CNY")
    assert said.en == "¥7,336 a day in the week to 21 February, 7.5× the ¥972 before the rise that began on 9 February"
    assert said.zh == "截至2月21日一周日均¥7,336，为2月9日开始上升前日均¥972的7.5倍"


def test_a_silence_says_for_how_long_and_dormancy_what_the_rules_want() -> None:
    facts = volume_collapse.Facts(form="silent", day="2026-06-03", idle_d=1, missed_sales=41.2, usual_minor=869_100)
    silent = volume_collapse.sentence(facts, "CNY")
    assert silent.en == "No sale for 1 day, to 3 June; 41 would be usual (¥8,691 a day)"
    year = dormancy.Facts(form="stop", idle_d=365)
    assert dormancy.sentence(year, "CNY").zh == "已365天（满12个月）无交易：应停止收单服务"


def test_great_sums_are_read_in_millions_and_in_wan() -> None:
    facts = volume_burst.Facts(age_d=5, day="2026-06-03", sales=58, sales_minor=26_000_000, total_minor=258_712_300,
                               by_peers=True)  # fmt: skip
    said = volume_burst.sentence(facts, "CNY")
    assert said.en == (
        "New merchant, day 5 from its first sale, 3 June: 58 sales, ¥260,000, far above new shops of its trade; "
        "¥2.59 m in all"
    )
    assert said.zh == "新商户自首笔交易起第5天（6月3日）：当日58笔、¥26.0万，远高于同业新商户；累计¥258.7万"


def test_a_decline_says_since_when() -> None:
    facts = volume_decline.Facts(day="2026-06-14", first_day="2026-06-05", hits=10, level_share=0.45, week_minor=51_500)
    said = volume_decline.sentence(facts, "CNY")
    assert "at 45 % of their three-month level, low since 5 June" in said.en
    assert "降至近三个月水平的45%，自6月5日起持续偏低" in said.zh


def test_what_was_charged_back_is_told_apart_from_what_was_reported_since_the_alert_began() -> None:
    """It is of all reports, those of before the alert included, so it may be more."""
    reported: dict[str, Any] = {"reports": 20, "sales": 274, "usual": 0.3, "weeks": 2, "loss_minor": 88_507}
    said = compromised_point.sentence(compromised_point.Facts(**reported), "CNY")
    assert said.en.endswith(
        "would be usual; ¥885.07 reported since the alert began, borne by issuers unless charged back"
    )
    back = compromised_point.sentence(compromised_point.Facts(**reported, charged_back_minor=100_000), "CNY")
    assert back.en.endswith(
        "¥885.07 reported since the alert began, borne by issuers unless charged back; ¥1,000.00 of all reports "
        "charged back to the merchant so far"
    )
    assert back.zh.endswith("告警以来欺诈金额¥885.07，未拒付部分由发卡行承担；历次累计拒付¥1,000.00，由商户承担")


@pytest.mark.parametrize(("items", "limit"), [(23, "20.54 %; limit 30 %"), (45, "40.18 %; 50 points or more below")])
def test_an_approval_rate_is_held_against_the_limit_that_it_breaches(items: int, limit: str) -> None:
    facts = gauge_breach.Facts(programmes=("approval",), items=(items,), base=(112,), days=(0,), day="2026-08-21")
    said = gauge_breach.sentence(facts, "EUR")
    assert f"{items} of 112 attempts approved in the three days to 21 August ({limit}" in said.en


def test_a_programme_is_told_with_the_limit_in_force_on_its_day() -> None:
    facts: dict[str, Any] = {"programmes": ("vamp",), "items": (1_600,), "base": (60_000,), "days": (0,)}
    before = gauge_breach.sentence(gauge_breach.Facts(**facts, day="2026-03-31"), "USD")
    after = gauge_breach.sentence(gauge_breach.Facts(**facts, day="2026-04-01"), "USD")
    assert "limit 1,501 and 2.2 %" in before.en
    assert "截至4月1日当月欺诈报告及拒付1,600笔、无卡交易60,000笔（2.67%；阈值1,501笔且1.5%）" in after.zh


def test_a_licence_is_told_with_its_day_which_does_not_grow_old() -> None:
    early = licence_expiry.sentence(licence_expiry.Facts(day="2026-12-30", left_d=15), "CNY")
    assert early.en.endswith("expires on 14 January: ask for the renewed one")
    late = licence_expiry.sentence(licence_expiry.Facts(day="2026-03-31", left_d=0), "CNY")
    assert late.zh == "档案中的营业执照已于3月31日到期：请商户提供有效证照并更新档案，未提供的应暂停收单服务"


def test_a_terminal_and_a_day_that_follow_each_other_are_told_apart() -> None:
    facts = terminal_failing.Facts(
        failed=24, attempts=28, day="2026-08-30", terminal_id="T1", others_failed=0, others_attempts=20
    )
    assert terminal_failing.sentence(facts, "JPY").zh.startswith("终端T1：8月30日28笔中24笔因系统原因失败")


@pytest.mark.parametrize(("longest_d", "en", "zh"), [
    (0, "(never a day before)", "（此前从未中断）"), (2, "(2 days at most before)", "（此前最长2天）"),
])  # fmt: skip
def test_a_silent_terminal_says_whether_it_ever_was(longest_d: int, en: str, zh: str) -> None:
    said = terminal_silent.sentence(terminal_silent.Facts(silent_d=10, longest_d=longest_d, missed=108.2), "EUR")
    assert en in said.en
    assert zh in said.zh


def test_what_a_miscoded_merchant_saves_is_lost_only_if_it_is_miscoded() -> None:
    facts = mcc_static.Facts(hits=101, loss_minor=71_676, own="8062", like="", called="5912")
    said = mcc_static.sentence(facts, "CNY")
    assert said.en.endswith("; if miscoded, issuers and UnionPay underpaid ¥716.76 on 101 days")
    assert said.zh.endswith("；如属套码，发卡行及银联少收¥716.76（101天）")
