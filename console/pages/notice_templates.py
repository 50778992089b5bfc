"""What notices say: every template in both languages, with made-up shops, as recipients read them."""

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Response

from casework.people import ADMINS, LEADS
from console.page import Page, page_for
from domain.alerts import Text
from notices.channels import sms, wecom
from notices.channels.contract import Message
from notices.rendering import KINDS, LANGUAGES, render
from notices.samples import sample
from notices.view import NoticeKind

router = APIRouter()
PreviewPage = Annotated[Page, page_for(LEADS | ADMINS)]
KIND_NAMES = {
    "visit": Text("Visit", "走访"),
    "documents": Text("Documents", "调单"),
    "repair": Text("Repair of a terminal", "机具检修"),
    "warning": Text("Business falls off", "经营回访"),
    "digest": Text("Several tasks", "任务清单"),
    "reminder": Text("Reminder", "任务提醒"),
    "escalation_supervisor": Text("To the supervisor", "升级：主管"),
    "escalation_desk": Text("To the risk desk", "升级：风险管理组"),
    "desk": Text("For the risk desk alone", "风险管理组直接处理"),
}
SIGNATURE = "某支付"
"""Stands for the registered signature, which settings name."""


class Preview(NamedTuple):
    """A notice in one language.

    Attributes:
        lang: of the notice.
        message: its words.
        words_bytes: how long its text is.
        sms: the text message that goes out instead; "" where none does.
        sms_characters: as carriers count them.
    """

    lang: str
    message: Message
    words_bytes: int
    sms: str
    sms_characters: int


@router.get("/notices/templates")
def show_templates(page: PreviewPage) -> Response:
    """Every template, in the reader's language first."""
    langs = sorted(LANGUAGES, key=lambda each: each != page.lang)
    return page.render(
        "notices/templates.html", kinds=[(kind, [_preview(kind, lang) for lang in langs]) for kind in KINDS],
        names=KIND_NAMES, may_lead=page.is_of(LEADS),
        most_bytes=wecom.MOST_TEXT_BYTES, most_characters=sms.MOST_CHARACTERS,
    )  # fmt: skip


def _preview(kind: NoticeKind, lang: str) -> Preview:
    view = sample(kind)
    message = render(view, lang)
    text = ""
    if lang == "zh":  # what is registered with carriers is Chinese
        template = sms.MANY if len(message.rows) > 1 else sms.ONE
        _, text = sms.fill(template, message.fields, SIGNATURE)
    return Preview(lang, message, len(message.text.encode()), text, sms.characters(text))
