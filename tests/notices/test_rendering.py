"""Notices in words: every template with every detector's alert, with what a rep needs and nothing of what led to it."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.registry import DETECTORS
from detectors.words.registry import WORDS
from domain.alerts import Text
from domain.cards import holds_pan_anywhere
from domain.risk import RISK_GROUPS
from domain.severity import LEVELS
from notices.rendering import KINDS, LANGUAGES, WHAT, render
from notices.samples import sample
from notices.view import NoticeView, TaskView
from tests.seeds import examples

if TYPE_CHECKING:
    from notices.channels.contract import Message
    from notices.view import NoticeKind

CARD = "6222021234567894"
GUILT = (
    "嫌疑", "涉嫌", "违规", "欺诈", "套现", "跳码", "套码", "二清", "切机", "移机", "洗钱", "风险评分", "告警",
    "预警", "异常", "阈值", "模型", "规则", "命中", "严重", "suspic", "fraud", "violat", "alert", "threshold",
    "detector", "severity", "score", "grade", "model", "anomal", "unusual", "launder", "evasion", "risk",
)  # fmt: skip
"""Words that would say what led to a task, or hint at guilt."""
FIELDS_OF_A_TASK = {"no", "shop", "address", "tail", "due_ms", "checklist", "link", "kind", "holder"}
FIELDS_OF_A_NOTICE = {"notice_id", "kind", "recipient", "tasks", "link", "zone", "urgent", "more"}
PAIRS = [(kind, lang) for kind in KINDS for lang in LANGUAGES]


def shown(message: Message) -> str:
    """Everything of a notice that somebody may read, but for links."""
    values = [*message.fields.values(), *(value for row in message.rows for value in row.values())]
    words = "\n".join([message.title, message.text, message.markdown, *values])
    return re.sub(r"https://\S+", "", words).replace("风险管理组", "")  # the desk's own name


def of_alert(kind: NoticeKind, detector: str) -> NoticeView:
    """The notice of a kind about a shop which a detector's alert is of; a view has no place for more."""
    view = sample(kind)
    number = f"8982900{sum(map(ord, detector)):08}"
    tasks = tuple(dataclasses.replace(each, tail=number[-4:]) for each in view.tasks)
    return dataclasses.replace(view, tasks=tasks)


def test_a_view_has_no_place_for_what_led_to_a_task() -> None:
    assert {each.name for each in dataclasses.fields(TaskView)} == FIELDS_OF_A_TASK
    assert {each.name for each in dataclasses.fields(NoticeView)} == FIELDS_OF_A_NOTICE


@pytest.mark.parametrize("detector", [each.name for each in DETECTORS])
def test_no_template_says_anything_of_any_detector(detector: str) -> None:
    title: Text = WORDS[detector].TITLE
    for kind, lang in PAIRS:
        words = shown(render(of_alert(kind, detector), lang))
        for told in (detector, title.zh, title.en, title.en.lower(), detector.replace("_", " ")):
            assert told not in words, f"{kind} in {lang} says {told}"


@pytest.mark.parametrize(("kind", "lang"), PAIRS)
def test_no_template_hints_at_guilt_or_names_grade_severity_or_group(kind: NoticeKind, lang: str) -> None:
    words = shown(render(sample(kind), lang))
    levels = [level.word.zh for level in LEVELS if len(level.word.zh) > 1] + [f" {level.word.en} " for level in LEVELS]
    groups = [each for each in RISK_GROUPS if "_" in each]
    for told in (*GUILT, *levels, *groups):
        assert told not in words.lower(), f"{kind} in {lang} says {told}"
    assert not re.search(r"\b[A-E]级|[A-E] 级|0\.\d", words)


@pytest.mark.parametrize(("kind", "lang"), PAIRS)
def test_a_notice_has_what_a_rep_needs(kind: NoticeKind, lang: str) -> None:
    view, message = sample(kind), render(sample(kind), lang)
    for text in (message.text, message.markdown):
        for task in view.tasks:
            assert all(each in text for each in (task.shop, task.address, task.tail, task.no))
        assert view.link in text
        assert view.recipient in text
        assert "6月30日18:00" in text or "18:00 on 30 June" in text
    assert message.link == view.link
    assert [row["no"] for row in message.rows] == [each.no for each in view.tasks]
    assert message.fields["count"] == str(len(view.tasks) + view.more)
    assert not re.search(r"\n\n\n|\s$|\{|\}", message.text)
    if len(view.tasks) == 1:
        checks = [each.zh if lang == "zh" else each.en for each in view.tasks[0].checklist]
        assert all(each in message.text for each in checks)


@pytest.mark.parametrize(("kind", "lang"), PAIRS)
def test_a_shop_without_an_address_or_checklist_reads_well(kind: NoticeKind, lang: str) -> None:
    view = sample(kind)
    bare = tuple(dataclasses.replace(each, address="", checklist=()) for each in view.tasks)
    message = render(dataclasses.replace(view, tasks=bare), lang)
    assert not re.search(r"（，|, ,|,\s*\(|，，|：。|: \.|\(\)|（）", message.text)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", ["visit", "call", "recheck", "inspection"])
def test_each_kind_of_visit_is_called_by_its_name(kind: str, lang: str) -> None:
    task = dataclasses.replace(sample("visit").tasks[0], kind=kind)  # type: ignore[arg-type]
    message = render(dataclasses.replace(sample("visit"), tasks=(task,)), lang)
    said = WHAT[task.kind]
    assert (said.zh if lang == "zh" else said.en.lower()) in message.text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_one_task_in_a_list_is_no_plural(lang: str) -> None:
    for kind in ("digest", "reminder", "escalation_supervisor", "escalation_desk", "desk"):
        view = sample(kind)
        message = render(dataclasses.replace(view, tasks=view.tasks[:1], more=0), lang)
        assert not re.search(r"\b1 (tasks|shops)\b|\bthese 1\b", message.title + message.text)


EVIL = (
    "店\n\n【系统】请点击 https://evil.example/x", '<at user_id="all">所有人</at>', "<@all>", "[点我](https://evil.example)",
    "**重要**", "{{ 7 * 7 }}{% for a in b %}", "a\u202eb\u200bc", f"卡号{CARD}",
)  # fmt: skip


@pytest.mark.parametrize("words", EVIL)
@pytest.mark.parametrize(("kind", "lang"), PAIRS)
def test_a_shops_own_words_do_nothing_in_a_notice(kind: NoticeKind, lang: str, words: str) -> None:
    plain, view = render(sample(kind), lang), sample(kind)
    tasks = tuple(
        dataclasses.replace(each, shop=words, address=words, holder=words, checklist=(Text(words, words),))
        for each in view.tasks
    )
    message = render(dataclasses.replace(view, tasks=tasks, recipient=words), lang)
    for text in (message.title, message.text, message.markdown, *message.fields.values()):
        for marked in ("<", "https://evil", "](https://evil", "**重要**", "\u202e", "\u200b", CARD, "49"):
            assert marked not in text
        assert not holds_pan_anywhere(text)
    assert message.text.count("\n") == plain.text.count("\n")


@given(st.text(max_size=200), st.text(max_size=300), st.sampled_from(PAIRS))
@settings(max_examples=examples(100), deadline=None)
def test_whatever_a_shop_is_called_the_link_stands_and_the_lines_stay(
    shop: str, address: str, pair: tuple[NoticeKind, str]
) -> None:
    kind, lang = pair
    view = sample(kind)
    tasks = tuple(dataclasses.replace(each, shop=shop, address=address or "x") for each in view.tasks)
    message = render(dataclasses.replace(view, tasks=tasks), lang)
    assert view.link in message.text
    assert message.text.splitlines() == message.text.split("\n")
    assert "<" not in message.text


@pytest.mark.parametrize("link", ["", "javascript:alert(1)", "https://a.example/ b", "https://a.example/\nb"])
def test_a_link_that_is_none_is_an_error(link: str) -> None:
    with pytest.raises(ValueError, match="a link must be https:// without blanks"):
        render(dataclasses.replace(sample("visit"), link=link), "zh")


def test_a_notice_without_a_task_is_an_error() -> None:
    with pytest.raises(ValueError, match="a notice must have at least one task, got none in sample-digest"):
        render(dataclasses.replace(sample("digest"), tasks=()), "zh")


def test_the_sandbox_refuses_what_leads_out_of_a_template() -> None:
    from jinja2.exceptions import SecurityError  # noqa: PLC0415

    from notices.rendering import _environment  # noqa: PLC0415

    for words in ("{{ ''.__class__.__mro__ }}", "{{ tasks.append(1) }}"):
        with pytest.raises(SecurityError):
            _environment().from_string(words).render(tasks=[])
