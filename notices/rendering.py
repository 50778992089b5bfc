"""Puts a notice into words: templates of Jinja in a sandbox, in Chinese and English, one for each kind of notice.

A template is given the view of the notice (`notices/view.py`) and nothing else. What master data say of a shop is
anybody's words: before it stands in a notice it loses line breaks, marks of Markdown and of mentions, and card numbers.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import ZoneInfo

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.alerts import Text
from domain.cards import mask
from notices.channels.contract import Message
from notices.channels.words import one_line
from notices.view import NoticeKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notices.view import NoticeView, TaskKind, TaskView

LANGUAGES = ("zh", "en")
KINDS: tuple[NoticeKind, ...] = get_args(NoticeKind)
WHAT: Mapping[TaskKind, Text] = {
    "visit": Text("Visit", "走访"), "call": Text("Phone", "电话回访"), "recheck": Text("Visit once more", "复查"),
    "inspection": Text("Inspect", "巡检"), "documents": Text("Send documents of", "调单"),
    "repair": Text("Repair a terminal at", "检修机具"), "warning": Text("Follow up with", "经营回访"),
    "decide": Text("To be decided", "待判定"), "act": Text("Confirmed, to be acted on", "已属实，待处置"),
    "duty": Text("To be seen to in time", "须按时办理"),
}  # fmt: skip
"""By kind of task, what is to be done with the shop, as a list says it."""
MOST_SHOP, MOST_ADDRESS, MOST_NAME = 60, 120, 40
"""Characters of what master data say that stand in a notice."""
_FOLDER = Path(__file__).parent / "templates"
_HARMLESS = str.maketrans("<>[]*`|", "＜＞［］＊｀｜")  # noqa: RUF001  they look alike, and mark nothing
_RINGS = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def render(view: NoticeView, lang: str) -> Message:
    """A notice in words.

    Raises:
        ValueError: the view has no task, or a link that is none; a template fails.
    """
    _check(view)
    tasks = [_task(each, view.zone, lang) for each in view.tasks]
    earliest = deadline(min(each.due_ms for each in view.tasks), view.zone, lang)
    values = {
        "recipient": harmless(view.recipient, MOST_NAME), "tasks": tasks, "task": tasks[0], "more": view.more,
        "count": len(tasks) + view.more, "deadline": earliest, "link": view.link,
    }  # fmt: skip
    title, text, markdown = _blocks(view.kind, lang, values)
    fields = {each: tasks[0][each] for each in ("shop", "address", "tail", "no")} | {
        "kind": view.kind, "recipient": values["recipient"], "deadline": earliest, "link": view.link,
        "count": str(values["count"]),
    }  # fmt: skip
    rows = tuple({**each, "checklist": "\n".join(each["checklist"])} for each in tasks)
    return Message(
        notice_id=view.notice_id, title=one_line(title, 120), text=text, markdown=markdown, link=view.link, lang=lang,
        fields=fields, rows=rows, urgent=view.urgent,
    )  # fmt: skip


def deadline(due_ms: int, zone: str, lang: str) -> str:
    """A time as people read it; midnight is the end of the day before.

    >>> deadline(1_782_813_600_000, "Asia/Shanghai", "zh"), deadline(1_782_813_600_000, "Asia/Shanghai", "en")
    ('6月30日18:00', '18:00 on 30 June')
    >>> deadline(1_782_835_200_000, "Asia/Shanghai", "zh"), deadline(1_782_835_200_000, "Asia/Shanghai", "en")
    ('6月30日24:00', 'the end of 30 June')
    """
    at = datetime.fromtimestamp(due_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    if is_midnight := (at.hour, at.minute) == (0, 0):
        at -= timedelta(days=1)
    if lang == "zh":
        return f"{at.month}月{at.day}日{'24:00' if is_midnight else f'{at:%H:%M}'}"
    if is_midnight:
        return f"the end of {at.day} {_MONTHS[at.month - 1]}"
    return f"{at:%H:%M} on {at.day} {_MONTHS[at.month - 1]}"


def harmless(words: str, most: int) -> str:
    r"""Somebody's words in one line: without marks of Markdown and mentions, links that open, and card numbers.

    >>> harmless("老张便利店\nhttps://evil.example", 60)
    '老张便利店 https：//evil.example'
    """
    seen = "".join(each for each in words if unicodedata.category(each) not in {"Cf", "Co", "Cs"})
    return one_line(mask(seen), most).translate(_HARMLESS).replace("://", "：//")


def _task(task: TaskView, zone: str, lang: str) -> dict[str, Any]:
    what = WHAT[task.kind]
    return {
        "no": harmless(task.no, MOST_NAME), "what": what.zh if lang == "zh" else what.en,
        "shop": harmless(task.shop, MOST_SHOP), "address": harmless(task.address, MOST_ADDRESS),
        "tail": harmless(task.tail, 4), "deadline": deadline(task.due_ms, zone, lang),
        "checklist": [harmless(each.zh if lang == "zh" else each.en, 200) for each in task.checklist],
        "link": task.link, "holder": harmless(task.holder, MOST_NAME),
    }  # fmt: skip


def _check(view: NoticeView) -> None:
    if not view.tasks:
        raise ValueError(f"a notice must have at least one task, got none in {view.notice_id}")
    for link in (view.link, *(each.link for each in view.tasks)):
        if not link.startswith(("https://", "http://")) or link != one_line(link) or " " in link:
            raise ValueError(f"a link must be https:// without blanks, got {link!r} in {view.notice_id}")


def _blocks(kind: str, lang: str, values: dict[str, Any]) -> tuple[str, str, str]:
    name = f"{lang}/{kind}.jinja"
    try:
        template = _environment().get_template(name)
        context = template.new_context(values)
        title, text, markdown = (
            "".join(template.blocks[each](context)).strip() for each in ("title", "text", "markdown")
        )
    except (TemplateError, KeyError) as error:
        raise ValueError(f"the template {name} must be one with title, text and markdown: {error}") from error
    return title, text, markdown


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    found = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,  # plain words; `harmless` has been over what others wrote
    )  # fmt: skip
    found.filters["numbered"] = _numbered
    return found


def _numbered(items: Sequence[str]) -> str:
    """Items behind ringed numbers, as Chinese notices have them; one alone has none."""
    if len(items) < 2:
        return "".join(items)
    return " ".join(f"{_RINGS[k]}{each}" if k < len(_RINGS) else each for k, each in enumerate(items))
