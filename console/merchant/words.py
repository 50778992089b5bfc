"""Words of a merchant's page: visits, parts of a score, how alerts stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casework import visit_words
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

VISIT_KINDS, VISIT_OUTCOMES = visit_words.VISIT_KINDS, visit_words.VISIT_OUTCOMES
UNSAID = Text("result not given", "未填写结果")
"""What an outcome is called that a visit of the log does not have."""
STANDS: Mapping[str, Text] = {
    "open": Text("open", "待处理"),
    "snoozed": Text("snoozed", "已暂缓"),
    "suppressed": Text("suppressed", "已屏蔽"),
    "decided": Text("decided", "已判定"),
    "withdrawn": Text("withdrawn", "已撤回"),
}
"""How an alert stands, as `casework.reading.merchant.AlertLine` has it."""
TERMINAL_STATUSES: Mapping[str, Text] = {
    "active": Text("active", "在用"), "spare": Text("spare", "备机"), "returned": Text("returned", "已收回"),
}  # fmt: skip
"""By `terminal_status` of master data, what it is called."""
CASE_STATUS: Mapping[str, Text] = {
    "open": Text("open", "待处理"),
    "decided": Text("decided", "已判定"),
    "merged": Text("merged", "已合并"),
}
"""By status of a case, what it is called."""
STEPS: Mapping[str, Text] = {
    "prior": Text("prior points: new, or of a risky trade", "初始分（新商户或高风险行业）"),
    "caps": Text("deducted by caps", "封顶扣减"),
    "floor": Text("least score of a confirmed alert", "已核实告警的最低分"),
}
"""By kind of a ledger's step that is of no alert, what it is called."""
OTHER_ALERTS = Text("other alerts", "其他告警")
"""A ledger's step of alerts that are not told apart."""
SENT: Mapping[str, Text] = {
    "pending": Text("on its way to the log", "等待写入日志"),
    "sent": Text("in the log", "已写入日志"),
    "cancelled": Text("taken back", "已撤销"),
    "refused": Text("refused by intake", "被接入校验拒绝"),
    "kept": Text("stays in casework: events cannot be written", "保留在案件系统：目前无法写入事件"),
}
"""By what became of a record for the log, `casework.outbox`, what that is called."""
