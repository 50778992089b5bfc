"""What the money of each detector's alerts is: the sections "Money" of docs/detectors in a line."""

from __future__ import annotations

from domain.alerts import Text

NONE = Text("No money is reckoned for this finding.", "该类告警不计算金额。")
FORMULAS: dict[str, Text] = {
    "mcc_jump": Text(
        "Loss: interchange and network fees due on the registered MCC less those paid on the MCC sent."
        " Turnover: the sales that were off.",
        "损失为按登记MCC应付的发卡及网络服务费减去按上送MCC实付；涉及金额为异常交易金额合计。",
    ),
    "mcc_drift": Text(
        "Loss: fees lost by pricing the day's cheap sales below the dearest registered class, less the usual loss on as"
        " many sales.",
        "损失为当日低费率交易较最高登记费率少付的费用减去同等笔数的平时水平。",
    ),
    "mcc_static": Text(
        "Loss: the gap between the class of the trade and the registered one, summed over days, at regulated prices.",
        "损失为实际行业费率与登记费率之差，按日累计（政府指导价）。",
    ),
    "mcc_rotation": Text("Turnover: the sales that changed the merchant number.", "涉及金额为变换商户编号的交易合计。"),
    "fee_over": Text(
        "Loss: fees charged less fees due by contract. Turnover: the sales overcharged.",
        "损失为实扣手续费减去签约应扣手续费；涉及金额为多扣交易合计。",
    ),
    "fee_rise": Text(
        "Loss: fees charged less the usual fees, from the payment at which dearer ones prevail."
        " Turnover: the sales overcharged.",
        "损失为实扣手续费减去历史常用手续费，自费率上升之笔起累计；涉及金额为多扣交易合计。",
    ),
    "fee_under": Text(
        "Loss: fees due by contract less fees charged. Turnover: the sales undercharged.",
        "损失为签约应扣手续费减去实扣手续费；涉及金额为少扣交易合计。",
    ),
    "fee_fall": Text(
        "Loss: the usual fees less fees charged, from the payment at which cheaper ones prevail."
        " Turnover: the sales undercharged.",
        "损失为历史常用手续费减去实扣手续费，自费率下降之笔起累计；涉及金额为少扣交易合计。",
    ),
    "volume_rise": Text(
        "Turnover: what lies above the day's expectation.", "涉及金额为超出当日预期的部分。"
    ),
    "volume_burst": Text(
        "Turnover: the reported sales, above the merchant's own expectation once it has one.",
        "涉及金额为所报交易金额；商户已有自身预期的，仅计超出部分。",
    ),
    "compromised_point": Text(
        "Loss: the payments reported as fraud since the alert began.", "损失为告警开始以来被报欺诈的交易金额合计。"
    ),
    "anomaly": Text("Turnover: approved sales of the days that were found.", "涉及金额为命中日期的成功交易合计。"),
}  # fmt: skip
"""By detector; one that is not named reckons no money."""


def formula(detector: str) -> Text:
    """How the money of a detector's alerts is reckoned."""
    return FORMULAS.get(detector, NONE)
