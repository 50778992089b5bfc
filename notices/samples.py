"""A notice of each kind, made up, for the preview of templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.alerts import Text
from notices.view import NoticeView, TaskView

if TYPE_CHECKING:
    from notices.view import NoticeKind, TaskKind

DUE_MS = 1_782_813_600_000
"""30 June 2026, 18:00 in Shanghai."""
LINK = "https://console.example/t/kY3x9"
_CHECKS = (
    Text("sign and trade are as registered", "门头、经营内容与登记是否一致"),
    Text("the terminal's serial number is as installed", "机身SN与装机登记是否一致"),
    Text("slips of the last three days name this shop and its number", "近三日签购单上的商户名称、编号是否为本店"),
    Text("who pays the merchant, and when", "商户到账是否及时、付款方是谁"),
    Text("the rate that the merchant states", "商户说的费率"),
)
_CHECKLISTS: dict[TaskKind, tuple[Text, ...]] = {
    "documents": (
        Text("slips of the payments on the list", "清单所列交易的签购单"),
        Text("photos of sign and cash desk", "门头、收银台照片"),
    ),
    "repair": (Text("a test sale goes through", "测试交易是否成功"), Text("paper and cables", "热敏纸与连接线")),
    "warning": (
        Text("business goes on as before", "经营是否照常"),
        Text("all payments still go over our terminal", "刷卡、扫码是否仍全部使用本机构机具"),
    ),
    "decide": (), "act": (), "duty": (),
}  # fmt: skip
_SHOPS = (
    ("老张便利店", "上海市浦东新区人民路1号", "0002"),
    ("小满咖啡", "上海市静安区南京西路88号", "0117"),
    ("和风家电", "上海市徐汇区漕溪路9号", "4410"),
)
_ONE_TASK: dict[NoticeKind, TaskKind] = {
    "visit": "visit", "documents": "documents", "repair": "repair", "warning": "warning",
}  # fmt: skip
_RECIPIENTS = {"escalation_supervisor": "陈主管", "escalation_desk": "风险管理组", "desk": "风险管理组"}


def sample(kind: NoticeKind) -> NoticeView:
    """A notice of a kind."""
    if kind in _ONE_TASK:
        return _view(kind, "王芳", (_task(0, _ONE_TASK[kind]),))
    if kind == "desk":
        return _view(kind, _RECIPIENTS[kind], (_task(0, "decide"), _task(1, "act"), _task(2, "duty")), more=2)
    holder = "王芳" if kind.startswith("escalation") else ""
    tasks = (_task(0, "visit", holder), _task(1, "documents", holder), _task(2, "inspection", holder))
    return _view(kind, _RECIPIENTS.get(kind, "王芳"), tasks, more=2)


def _view(kind: NoticeKind, recipient: str, tasks: tuple[TaskView, ...], more: int = 0) -> NoticeView:
    return NoticeView(
        notice_id=f"sample-{kind}", kind=kind, recipient=recipient, tasks=tasks, link=LINK, more=more
    )  # fmt: skip


def _task(at: int, kind: TaskKind, holder: str = "") -> TaskView:
    shop, address, tail = _SHOPS[at]
    return TaskView(
        no=str(88 + at), shop=shop, address=address, tail=tail, due_ms=DUE_MS + at * 86_400_000, kind=kind, link=LINK,
        checklist=_CHECKLISTS.get(kind, _CHECKS), holder=holder,
    )  # fmt: skip
