"""What tasks are called: their kinds, what a checklist may have, how each item is answered, what photos are of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from casework import states
from casework.retrieval import DOCUMENTS as DOCUMENT_WORDS
from casework.tasks.ending import BY_DECISION, BY_MERGE
from casework.tasks.kinds import CALL, DOCUMENTS, INSPECTION, RECHECK, REPAIR, VISIT, WARNING
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Mapping[str, Text] = {
    VISIT: Text("Visit", "商户走访"),
    CALL: Text("Phone call", "电话回访"),
    DOCUMENTS: Text("Documents", "调单"),
    REPAIR: Text("Terminal repair", "机具维修"),
    RECHECK: Text("Re-check", "整改复查"),
    INSPECTION: Text("Inspection", "例行巡检"),
    WARNING: Text("Follow-up", "经营回访"),
}
"""By kind, what it is called."""
VISIT_KINDS: Mapping[str, str] = {VISIT: "alert", REPAIR: "alert", RECHECK: "follow_up", INSPECTION: "routine"}
"""By kind of those that are done at the shop, the `visit_kind` of the event that the answer becomes."""


class Check(NamedTuple):
    """An item of a checklist.

    Attributes:
        question: what is looked at.
        photo: the slot of a photo that belongs to it; "" for none.
    """

    question: Text
    photo: str = ""


CHECKS: Mapping[str, Check] = {
    "sign": Check(Text("Sign and trade are as registered", "门头、经营内容与登记一致"), "shop_front"),
    "cashier": Check(Text("Cash desk and terminal stand in this shop", "收银台、机具在本店内"), "cashier"),
    "terminal_sn": Check(Text("Terminal's serial number is as installed", "机身SN与装机登记一致"), "terminal_sn"),
    "slips": Check(
        Text("Slips of the last three days name this shop and its number", "近三日签购单的商户名称、编号为本店"),
        "sales_slip",
    ),
    "payer": Check(Text("Paid in time, and by us", "到账及时，付款方为本机构")),
    "rate": Check(Text("The rate that the merchant states is the signed one", "商户所述费率与签约一致")),
    "rectified": Check(Text("What was found has been put right", "上次发现的问题已整改"), "interior"),
    "trades": Check(Text("Business goes on as before", "经营照常")),
    "all_ours": Check(Text("All payments still go over our terminal", "刷卡、扫码仍全部使用本机构机具")),
    "works": Check(Text("The terminal works: one test sale", "机具正常，测试交易成功"), "cashier"),
}
"""By item, what is looked at. None of them says what an alert was about."""
OK, DIFFERS, UNSEEN = "ok", "differs", "unseen"
SAID: Mapping[str, Text] = {
    OK: Text("Yes", "是"), DIFFERS: Text("No", "否"), UNSEEN: Text("Not seen", "未核实"),
}  # fmt: skip
"""How an item is answered."""
STANDARD: Mapping[str, tuple[str, ...]] = {
    VISIT: ("sign", "cashier", "terminal_sn", "slips", "payer", "rate"),
    CALL: ("payer", "rate"),
    DOCUMENTS: (),
    REPAIR: ("terminal_sn", "works"),
    RECHECK: ("rectified", "sign"),
    WARNING: ("trades", "all_ours", "works"),
    INSPECTION: ("sign", "cashier", "terminal_sn", "slips", "payer", "rate"),
}
"""The checklist of a kind where none is given."""
SLOTS: Mapping[str, Text] = {**DOCUMENT_WORDS, "other": Text("another photo", "其他照片")}
"""What a photo is of: a document of a retrieval, or something else."""
OPEN, ANSWERED, WITHDRAWN = states.OPEN, states.ANSWERED, states.WITHDRAWN
STATUSES: Mapping[str, Text] = {
    OPEN: Text("open", "待办"), ANSWERED: Text("answered", "已反馈"), WITHDRAWN: Text("withdrawn", "已撤销"),
}  # fmt: skip
"""By status, what it is called."""
WITHDRAWN_WHY: Mapping[str, Text] = {
    BY_DECISION: Text("The case was decided.", "案件已判定。"),
    BY_MERGE: Text("The case was merged; its rep has the same task already.", "案件已合并，客户经理已有相同任务。"),
}
"""Why a task was taken back, where no person has said it."""
