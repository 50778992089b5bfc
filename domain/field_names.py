"""What the fields of merchants and people are called in Chinese, in tables that people read and keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELD_NAMES_ZH: Mapping[str, Mapping[str, str]] = {
    "merchant": {
        "merchant_id": "商户号", "effective_from": "生效时间", "name": "商户名称", "short_name": "商户简称",
        "status": "商户状态", "mccs": "登记MCC", "approved_channel_mccs": "已批渠道MCC",
        "special_fee_types": "特殊计费类型", "time_zone": "时区", "region": "地区", "country": "国家",
        "currency": "币种",
        "city": "城市", "address": "地址", "lat": "纬度", "lon": "经度", "coord_sys": "坐标系", "premises": "经营场所",
        "channel": "拓展渠道", "agent_id": "代理商", "rep_id": "客户经理", "opened_at": "入网时间",
        "licence_expires_at": "营业执照到期日", "settlement_account_key": "结算账户标识", "owner_key": "法人标识",
    },
    "person": {
        "person_id": "工号", "effective_from": "生效时间", "role": "角色", "name": "姓名", "supervisor_id": "主管",
        "deputy_id": "代理人", "absent_from": "缺勤开始", "absent_until": "缺勤结束", "wecom_id": "企业微信",
        "dingtalk_id": "钉钉", "feishu_id": "飞书", "email": "邮箱", "mobile": "手机号", "region": "负责地区",
        "time_zone": "时区", "language": "语言",
    },
    "contract": {
        "merchant_id": "商户号", "effective_from": "生效时间", "notice_from": "公示开始", "prices": "费率",
    },
}  # fmt: skip
"""Chinese names of a kind's fields, by the kind and the field; not of those that intake writes."""
PRICE_NAMES_ZH: Mapping[str, str] = {
    "scheme": "卡组织", "card_kind": "卡类型", "channel": "渠道", "settlement_mode": "结算方式",
    "fee_class": "费率类别",
    "amount_from": "单笔起点", "month_from": "月累计起点", "rate_ppm": "费率", "cap": "封顶", "minimum": "保底",
    "fixed": "每笔固定",
}  # fmt: skip
"""Chinese names of the fields of a contract's prices."""


def columns_zh(kind: str) -> dict[str, str]:
    """Chinese names of the columns of a kind's tables: of contracts, in which a row is a price, those of prices too."""
    names = {field: zh for field, zh in FIELD_NAMES_ZH[kind].items() if field != "prices"}
    return {**names, **(PRICE_NAMES_ZH if kind == "contract" else {})}


def field_name(kind: str, field: str, lang: str) -> str:
    """What a field is called in a language: in English, its own name.

    >>> field_name("merchant", "short_name", "zh"), field_name("merchant", "short_name", "en")
    ('商户简称', 'short_name')
    """
    return FIELD_NAMES_ZH[kind][field] if lang == "zh" else field
