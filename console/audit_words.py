"""What an entry of the audit says, in words: a sentence for each kind of change, made of its details."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from casework.reasons import REASONS, VERDICT_WORDS
from casework.retrieval import DOCUMENTS, OUTCOMES
from casework.tasks.words import KINDS as TASK_KINDS
from casework.tasks.words import WITHDRAWN_WHY
from casework.visit_words import VISIT_OUTCOMES
from console.audit_kinds import KINDS
from console.filters import UNKNOWN, as_json, clock, detector_title, money, whole
from console.navigation import ROLE_NAMES, role_name
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from casework.reading.audit import Entry

ACTION_NAMES: Mapping[str, Text] = {
    "visit": Text("visit", "现场核查"), "training": Text("training", "培训"), "limit": Text("limit", "限额"),
    "hold_settlement": Text("hold of settlement", "延迟结算"), "correct_mcc": Text("correction of the MCC", "更正MCC"),
    "refund_fees": Text("refund of fees", "退还手续费"), "suspend": Text("suspension", "暂停交易"),
    "terminate": Text("termination", "终止合作"), "report": Text("report", "上报"),
    "other": Text("other action", "其他"),
}  # fmt: skip


_YES, _NO = Text("yes", "是"), Text("no", "否")
_OF = {
    "merchant": Text("master data", "登记信息"), "contract": Text("contract", "签约费率"),
    "override": Text("grade", "等级"),
}  # fmt: skip
_STATUSES = {
    "recommended": Text("recommended", "待审批"), "approved": Text("approved", "已审批"),
    "recorded": Text("recorded", "已登记"),
    "declined": Text("declined", "不同意"), "taken_back": Text("taken back", "已撤回"),
}  # fmt: skip
_WAYS = {"password": Text("password", "密码"), "link": Text("one-time link", "一次性链接"),
         "first link": Text("first link", "首次链接")}  # fmt: skip
_NAMES = {
    "verdict": VERDICT_WORDS, "action": ACTION_NAMES, "status": _STATUSES, "by": _WAYS, "to": ROLE_NAMES, "of": _OF,
    "outcome": {**VISIT_OUTCOMES, **OUTCOMES}, "of_kind": TASK_KINDS, "reason": WITHDRAWN_WHY,
}  # fmt: skip


class _Shown(dict[str, Any]):
    """Details as they are shown, by name; what an entry of an older version lacks is `–`."""

    def __missing__(self, name: str) -> str:
        return UNKNOWN


def kind_title(kind: str, lang: str) -> str:
    """What a kind of change is called; its name where it is unknown here."""
    found = KINDS.get(kind)
    return kind if found is None else str(getattr(found.title, lang))


def sentence(entry: Entry, lang: str, zone: str) -> str:
    """What an entry says."""
    found = KINDS.get(entry.kind)
    shown = _Shown({name: _value(name, each, lang, zone) for name, each in entry.detail.items()})
    if reason := REASONS.get(str(entry.detail.get("verdict")), {}).get(str(entry.detail.get("reason_code"))):
        shown["reason_code"] = str(getattr(reason, lang))
    if found is None:
        return "; ".join(f"{name} {each}" for name, each in shown.items())
    return str(getattr(found.sentence, lang)).format_map(shown)


def _value(name: str, value: Any, lang: str, zone: str) -> str:
    """A detail as it is shown."""
    if value is None or value in ("", []):
        return UNKNOWN
    if name.endswith("_ms"):
        return clock(value, zone)
    if isinstance(value, bool):
        return str(getattr(_YES if value else _NO, lang))
    if isinstance(value, int):
        return str(value) if name.endswith("_id") or name == "version" else whole(value)
    if name in _SPECIAL:
        return _SPECIAL[name](value, lang)
    known = _NAMES.get(name, {}).get(str(value))
    return str(getattr(known, lang)) if known else str(value)


def _several(words: Text) -> Callable[[list[Any], str], str]:
    return lambda found, lang: str(getattr(words, lang)).format(n=len(found)) if len(found) > 1 else str(found[0])


def _joined(found: list[str], lang: str) -> str:
    return ("、" if lang == "zh" else ", ").join(found)


def _documents(found: list[str], lang: str) -> str:
    return _joined([str(getattr(DOCUMENTS[each], lang)) for each in found], lang)


def _roles(found: list[str], lang: str) -> str:
    return _joined([role_name(each, lang) for each in found], lang)


def _money(sums: Mapping[str, Mapping[str, int]], lang: str) -> str:
    words = Text("turnover {turnover}, loss {loss}", "涉及金额{turnover}，损失{loss}")
    return ("；" if lang == "zh" else "; ").join(
        str(getattr(words, lang)).format(
            turnover=money(each["turnover_minor"], currency), loss=money(each["loss_minor"], currency)
        )
        for currency, each in sums.items()
    )


_SPECIAL: Mapping[str, Callable[[Any, str], str]] = {
    "alert_ids": _several(Text("{n} alerts", "{n}条告警")), "case_ids": _several(Text("{n} cases", "{n}个案件")),
    "transactions": _several(Text("{n} transactions", "{n}笔交易")), "documents": _documents,
    "changes": lambda value, _: value if isinstance(value, str) else as_json(value),
    "costs": lambda value, _: as_json(value),
    "roles": _roles, "detector": detector_title, "money": _money,
}  # fmt: skip
