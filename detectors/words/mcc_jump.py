"""What `mcc_jump` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, mcc_text, underpaid, volume
from domain.alerts import Text

TITLE = Text("MCC code-jumping", "跳码")
CLASSES = {
    "standard": Text("standard class", "标准类"),
    "concession": Text("concession class", "优惠类"),
    "exempt": Text("exempt class", "减免类"),
}
FEE_TYPES = {
    "00": Text("none", "无"),
    "01": Text("periodic", "周期计费"),
    "02": Text("micro-merchant package", "小微商户套餐"),
    "03": Text("fixed ratio", "固定比例"),
    "04": Text("county", "县乡优惠"),
    "05": Text("large merchant", "大商户优惠"),
}
"""UnionPay's special pricing (field 60.11.1)."""
PLACES = {
    "presented": Text("presented MCC", "上送MCC"),
    "acceptor": Text("acceptor number", "受理商户编号（42域）"),
    "channel": Text("channel's registration", "通道登记MCC"),
    "fee_type": Text("special-fee type", "特殊计费类型"),
    "settlement": Text("settlement", "清算"),
}


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert. What is off is of the latest hit.

    Attributes:
        hits: sales, and settlements, with something off so far.
        turnover_minor: money of these.
        loss_minor: what issuers and UnionPay were paid too little.
        expected: the merchant's MCC.
        learned: whether history says so, and no master data.
        used: the MCC that is off.
        used_class: its fee class, or that of a settlement, of `CLASSES`; None where it is no cheaper.
        fee_type: the special-fee type that is off.
        places: where it was found, of `PLACES`.
        high_risk: whether the MCC that is off is of a high-risk trade, and the merchant's is not.
        history: approved sales before the MCC that is off came for the first time; None where it is not new.
        history_d: days that they took.
    """

    hits: int
    turnover_minor: int | None = None
    loss_minor: int | None = None
    expected: str | None = None
    learned: bool = False
    used: str | None = None
    used_class: str | None = None
    fee_type: str | None = None
    places: tuple[str, ...] = ()
    high_risk: bool = False
    history: int | None = None
    history_d: int | None = None


def sentence(facts: Facts, currency: str) -> Text:
    """What the merchant is registered for, what was sent instead, how often, and at whose cost."""
    sales, lost, where = _sales(facts, currency), underpaid(facts.loss_minor, currency), _where(facts)
    if facts.used is None:
        found = _priced(facts, sales)
        return Text(f"{found.en}{lost.en}", f"{found.zh}{lost.zh}")
    own, used = mcc_text(facts.expected or ""), mcc_text(facts.used)
    kind = CLASSES.get(facts.used_class or "") if currency == "CNY" else None  # the classes are UnionPay's, at home
    used_en, used_zh = (f"{used.en}, {kind.en}", f"{used.zh[:-1]}，{kind.zh}）") if kind else (used.en, used.zh)
    by_en, by_zh = ("Usual MCC", "惯用MCC为") if facts.learned else ("Registered", "登记MCC为")
    how_en, how_zh = ("settled", "清算") if facts.places == ("settlement",) else ("sent", "上送")
    if facts.hits == 1:
        said = Text(f"{sales.en} {how_en} as {used_en}", f"{sales.zh}按{used_zh}{how_zh}")
    else:
        said = Text(
            f"{sales.en} {how_en} under another MCC, the latest {used_en}",
            f"{sales.zh}按其他MCC{how_zh}，最近一笔为{used_zh}",
        )
    new = _new(facts)
    return Text(
        f"{by_en} {own.en}; {said.en}{where.en}{new.en}{lost.en}",
        f"{by_zh}{own.zh}；{said.zh}{where.zh}{new.zh}{lost.zh}",
    )


def _sales(facts: Facts, currency: str) -> Text:
    worth = volume(facts.turnover_minor, currency)
    worth_en, worth_zh = (f" ({worth.en})", f"（{worth.zh}）") if facts.turnover_minor else ("", "")
    return Text(f"{counted(facts.hits, 'sale')}{worth_en}", f"{facts.hits:,}笔{worth_zh}")


def _priced(facts: Facts, sales: Text) -> Text:
    """Sales of which the special-fee type, or the class that they were settled in, is off."""
    if facts.fee_type is None:
        kind = CLASSES[facts.used_class or "standard"]
        return Text(
            f"{sales.en} settled in the {kind.en}, not the merchant's", f"{sales.zh}按{kind.zh}清算，与商户登记不符"
        )
    name = FEE_TYPES.get(facts.fee_type)
    type_en, type_zh = (f" ({name.en})", f"（{name.zh}）") if name else ("", "")
    not_en, not_zh = ("not usual for", "以往未使用") if facts.learned else ("not approved for", "未获批")
    return Text(
        f"{sales.en} sent with special-fee type {facts.fee_type}{type_en}, {not_en} this shop",
        f"{sales.zh}上送特殊计费类型{facts.fee_type}{type_zh}，该商户{not_zh}",
    )


def _new(facts: Facts) -> Text:
    """That the trade is one of high risk, and for how long the MCC had never come."""
    en, zh = (", a high-risk trade", "，属高风险行业") if facts.high_risk else ("", "")
    if facts.history is not None:
        sales, days = counted(facts.history, "sale"), counted(facts.history_d or 0, "day")
        en += f"; not seen before in {days} and {sales}"
        zh += f"；此前{facts.history_d or 0}天、{facts.history:,}笔交易中从未出现"
    return Text(en, zh)


def _where(facts: Facts) -> Text:
    """Where it was found, if elsewhere than in the MCC presented."""
    if facts.places in {(), ("presented",), ("settlement",)}:
        return Text("", "")
    found = [PLACES[each] for each in facts.places if each in PLACES]
    names = [each.en for each in found]
    listed = " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
    return Text(f", seen in the {listed}", f"，来源为{'、'.join(each.zh for each in found)}")
