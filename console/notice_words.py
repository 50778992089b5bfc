"""What notices, their states and the labels that silences go by are called."""

from __future__ import annotations

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
LABEL_WORDS: Mapping[str, Text] = {
    "kind": Text("kind", "类别"), "merchant": Text("merchant", "商户编号"), "detector": Text("detector", "检测项"),
    "code": Text("risk type", "风险类型"), "grade": Text("grade", "等级"), "cause": Text("cause", "共同原因"),
    "region": Text("region", "地区"), "city": Text("city", "城市"), "mcc": Text("MCC", "MCC"),
    "rep": Text("sales rep", "客户经理"), "agent": Text("agent", "代理商"), "lane": Text("lane", "队列"),
    "verdict": Text("verdict", "判定"), "duty": Text("duty", "时限规则"), "bearer": Text("loss borne by", "损失方"),
}  # fmt: skip
