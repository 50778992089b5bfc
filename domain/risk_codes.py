"""PCAC's risk types (支付清算协会风险类型): what an alert is reported as, and who may not hear of it.

Payment & Clearing Association of China numbers the wrongs that acquirers report to it. `docs/risk-codes.md` has the
same table for people, and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTING = (
    "code list in the public code of an acquirer's reports to PCAC (gitldy1013/payment-clean); not the official text"
)
"""Where codes and Chinese names are from; the English names are our translation."""


@dataclass(frozen=True, slots=True)
class RiskCode:
    """A risk type.

    Attributes:
        code: two digits.
        name: what it is called.
        source: where code and Chinese name are from.
        is_aml: whether it is of money laundering, so that nobody in the field may be told: our own reading.
        by_rep_or_agent: whether the merchant's rep or agent may be the cause, so that another must look: likewise.
    """

    code: str
    name: Text
    source: str = REPORTING
    is_aml: bool = False
    by_rep_or_agent: bool = False


RISK_CODES: Mapping[str, RiskCode] = {
    each.code: each
    for each in (
        RiskCode("01", Text("false application", "虚假申请")),
        RiskCode("02", Text("cash-out", "套现")),
        RiskCode("03", Text("unlawful business", "违法经营")),
        RiskCode("04", Text("sale of stolen goods", "销赃")),
        RiskCode("05", Text("trade in accounts", "买卖账户")),
        RiskCode("06", Text("skimming", "侧录")),
        RiskCode("07", Text("point where counterfeit cards gather", "伪卡集中点")),
        RiskCode("08", Text("leak of information", "泄露信息")),
        RiskCode("09", Text("fraudulent closure", "恶意倒闭")),
        RiskCode("10", Text("splitting of sales in bad faith", "恶意分单")),
        RiskCode("11", Text("relocated terminal", "移机")),
        RiskCode("12", Text("high-risk merchant", "高风险商户")),
        RiskCode("13", Text("collusive fraud", "合谋欺诈"), by_rep_or_agent=True),
        RiskCode("14", Text("bankruptcy", "破产")),
        RiskCode("15", Text("forced sale", "强迫交易")),
        RiskCode("20", Text("refusal of credit cards", "拒刷信用卡")),
        RiskCode("21", Text("fee passed on", "转嫁手续费")),
        RiskCode("22", Text("sensitive data kept", "敏感信息")),
        RiskCode("23", Text("modified terminal", "改装终端")),
        RiskCode("24", Text("terminal switched to another acquirer", "切机")),
        RiskCode("25", Text("unlicensed settlement", "二清")),
        RiskCode("26", Text("miscoding", "套码")),
        RiskCode("27", Text("application in another's name", "冒用申请")),
        RiskCode("29", Text("money laundering", "洗钱"), is_aml=True),
        RiskCode("33", Text("split transactions", "分拆交易")),
        RiskCode("42", Text("cross-border gambling", "跨境赌博"), is_aml=True),
        RiskCode("45", Text("terminal used by others", "终端挪用")),
        RiskCode("46", Text("gambling", "赌博"), is_aml=True),
        RiskCode("99", Text("other", "其他")),
    )
}
"""Risk types by code."""


def risk_code_name(code: str) -> Text:
    """What a risk type is called; the code itself where it is none of the list, "" for "".

    >>> risk_code_name("26")
    Text(en='miscoding', zh='套码')
    >>> risk_code_name("98"), risk_code_name("")
    (Text(en='98', zh='98'), Text(en='', zh=''))
    """
    known = RISK_CODES.get(code)
    return known.name if known else Text(code, code)
