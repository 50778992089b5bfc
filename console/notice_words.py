"""What notices, their states and the labels that silences go by are called."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from domain.alerts import Text
from notices.states import ANSWERED, DEAD, OPENED, PENDING, SENT, WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE_WORDS: Mapping[str, Text] = {
    PENDING: Text("pending", "待发送"), SENT: Text("sent", "已发送"), OPENED: Text("opened", "已知晓"),
    ANSWERED: Text("answered", "已反馈"), WITHDRAWN: Text("withdrawn", "已撤销"),
    DEAD: Text("not sent", "发送失败"),
}  # fmt: skip
KIND_WORDS: Mapping[str, Text] = {
    "visit": Text("visit", "走访"), "documents": Text("documents", "调单"), "repair": Text("repair", "维修"),
    "warning": Text("call", "回访"), "digest": Text("list", "清单"), "reminder": Text("reminder", "提醒"),
    "escalation_supervisor": Text("to the supervisor", "升级至主管"),
    "escalation_desk": Text("to the desk", "升级至风控台"), "desk": Text("for the desk", "风控台处理"),
}  # fmt: skip
ATTEMPT_WORDS: Mapping[str, Text] = {
    "sent": Text("sent", "已发送"), "retry": Text("tried again later", "稍后重试"),
    "unknown": Text("not known: it may have arrived", "结果不明，可能已送达"), "refused": Text("refused", "被拒绝"),
}  # fmt: skip
"""What became of an attempt to send."""
CHANNEL_WORDS: Mapping[str, Text] = {
    "wecom": Text("WeCom", "企业微信"), "dingtalk": Text("DingTalk", "钉钉"), "feishu": Text("Feishu", "飞书"),
    "email": Text("e-mail", "邮件"), "sms": Text("text message", "短信"),
}  # fmt: skip
"""Channels that settings call by their kind; others are shown by the name that they were given."""
LABEL_WORDS: Mapping[str, Text] = {
    "kind": Text("kind", "类别"), "merchant": Text("merchant", "商户编号"), "detector": Text("detector", "检测项"),
    "code": Text("risk type", "风险类型"), "grade": Text("grade", "等级"), "cause": Text("cause", "共同原因"),
    "region": Text("region", "地区"), "city": Text("city", "城市"), "mcc": Text("MCC", "MCC"),
    "rep": Text("sales rep", "客户经理"), "agent": Text("agent", "代理商"), "lane": Text("lane", "队列"),
    "verdict": Text("verdict", "判定"), "duty": Text("duty", "时限规则"), "bearer": Text("loss borne by", "损失方"),
}  # fmt: skip
_OWN = {
    r"channel (\S+) is not set": "渠道{0}未配置",
    r"(\S+) has no (\S+)": "{0}没有{1}",
    r"the notice cannot be put into words: (.*)": "通知无法生成文字：{0}",
    r"held back: the far side asked for a pause, or failed before": "暂缓发送：对方要求暂停，或此前失败",
    r"held back: kept off the full and half hour": "暂缓发送：避开整点和半点",
    r"held back: (\d+) messages in (\S+) s are sent": "暂缓发送：{1}秒内已发{0}条",
    r"(\S+) names the recipient": "{0}列有该接收人",
    r"the results leave the recipient out": "返回结果中没有该接收人",
    r"the file could not be written: (.*)": "文件写入失败：{0}",
}
_PARTS = {
    "wecom_id": "企业微信账号", "dingtalk_id": "钉钉账号", "feishu_id": "飞书账号", "email": "邮箱", "mobile": "手机号",
}  # fmt: skip


def channel_name(name: str, lang: str) -> str:
    """What a channel is called.

    >>> channel_name("wecom", "zh"), channel_name("risk_desk", "zh"), channel_name("", "en")
    ('企业微信', 'risk_desk', '–')
    """
    known = CHANNEL_WORDS.get(name)
    return str(getattr(known, lang)) if known else name or "–"


def attempt_words(said: str, lang: str) -> str:
    """Why an attempt failed: our own reasons in the reader's language, the far side's as it gave them.

    >>> attempt_words("channel sms is not set; rep-1 has no mobile", "zh"), attempt_words("code 45009: busy", "zh")
    ('渠道sms未配置；rep-1没有手机号', 'code 45009: busy')
    """
    if lang != "zh":
        return said
    return "；".join(map(_in_chinese, said.split("; ")))


def _in_chinese(part: str) -> str:
    for pattern, words in _OWN.items():
        if found := re.fullmatch(pattern, part, re.DOTALL):
            return words.format(*(_PARTS.get(each, each) for each in found.groups()))
    return part
