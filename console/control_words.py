"""What each kind of control says, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

ABOUT: Mapping[str, Text] = {
    "detectors": Text(
        "settings of detectors: thresholds and quiet gaps; what is not named has its default",
        "检测项的阈值与静默间隔；未列出的取默认值",
    ),
    "peers": Text("what merchants of each trade usually do", "各行业商户的通常水平"),
    "profiles": Text("what the merchants of each MCC look like", "各MCC商户的画像"),
    "model": Text("the anomaly model that merchants' days are scored by", "为商户每日评分的异常模型"),
    "trade": Text("the trade model that MCCs of merchants are held against", "用于核对商户MCC的行业模型"),
    "calendar": Text("what kind of day each day is, by country", "各国家、地区的节假日历"),
    "engine": Text(
        "how late a transaction may be, how long a repeat is known, the acquirer's country",
        "交易最多可迟到多久、重复识别时长、收单机构所在国",
    ),
    "prices": Text("regulated prices of card payments, and price classes of MCCs", "银行卡交易定价及MCC计费类别"),
    "layouts": Text("where merchant numbers hide acquirer, region and MCC", "商户编号中机构、地区、MCC的位置"),
    "approval_codes": Text("response codes that approve, by scheme", "各卡组织的成功应答码"),
    "rates": Text("what other currencies are in the acquirer's own", "外币折算本币的汇率"),
    "id_forms": Text("forms of identifiers that are not taken for card numbers", "不视为卡号的编号格式"),
}
