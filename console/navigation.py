"""Where one can go from every page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from casework.people import (
    ADMIN,
    ADMINS,
    AML,
    ANALYST,
    AUDITORS,
    LEAD,
    LEADS,
    OFFICE_ROLES,
    REP,
    ROLES,
    RULE_EDITOR,
    VIEWER,
)  # fmt: skip
from domain.alerts import Text

if TYPE_CHECKING:
    from console.page import Page


class Link(NamedTuple):
    """A page that the bar leads to.

    Attributes:
        path: where it is.
        words: what it is called.
        roles: who sees the link.
    """

    path: str
    words: Text
    roles: frozenset[str]


LINKS = (
    Link("/phone", Text("Tasks", "任务"), frozenset({REP})),
    Link("/queue", Text("Queue", "待办队列"), OFFICE_ROLES),
    Link("/merchants", Text("Merchants", "商户"), frozenset(ROLES)),
    Link("/portfolio", Text("Portfolio", "业务总览"), OFFICE_ROLES),
    Link("/shops", Text("My merchants", "我的商户"), frozenset({REP})),
    Link("/visits", Text("Visits", "走访"), frozenset(ROLES)),
    Link("/reps", Text("Reps", "客户经理"), OFFICE_ROLES),
    Link("/reports", Text("Reports", "报告"), OFFICE_ROLES),
    Link("/notices", Text("Notices", "通知"), LEADS),
    Link("/notices/templates", Text("What notices say", "通知模板"), ADMINS),
    Link("/controls", Text("Controls", "控制项"), OFFICE_ROLES),
    Link("/audit", Text("Audit", "审计"), AUDITORS),
    Link("/users", Text("Users", "用户"), ADMINS),
)  # fmt: skip
ROLE_NAMES = {
    VIEWER: Text("viewer", "只读"), ANALYST: Text("analyst", "分析员"), LEAD: Text("lead", "主管"),
    RULE_EDITOR: Text("rule editor", "规则编辑"), AML: Text("AML officer", "反洗钱专员"),
    ADMIN: Text("admin", "管理员"), REP: Text("sales rep", "客户经理"),
}  # fmt: skip


def navigation(page: Page) -> list[tuple[str, Text]]:
    """The links that somebody sees, with what they are called; none to a part of what another leads to."""
    seen = [each for each in LINKS if each.roles & page.actor.roles]
    return [
        (each.path, each.words) for each in seen if not any(each.path.startswith(f"{one.path}/") for one in seen)
    ]  # fmt: skip


def role_name(role: str, lang: str) -> str:
    """What a role is called."""
    return str(getattr(ROLE_NAMES[role], lang))
