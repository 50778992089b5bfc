"""The timeline of a case: what the audit has of it, with the texts that people wrote, and when its alerts came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from casework.filing import AGENT
from console.audit_words import kind_title, sentence
from console.filters import UNKNOWN, as_json, detector_title
from console.merchant import profile
from console.pages.work import own_comment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from casework.reading.audit import Entry
    from casework.reading.case import CasePage, CaseWork
    from console.page import Page

_COMMENT = "comment"
_HASH_SHOWN = 12


class Item(NamedTuple):
    """Something that happened.

    Attributes:
        time_ms: when, UTC milliseconds.
        who: who did it, as people are called.
        title: what kind of thing it was.
        said: what was done, in a sentence; "" where the text says it.
        text: what the person wrote; "" for nothing.
    """

    time_ms: int
    who: str
    title: str
    said: str
    text: str


def items(page: Page, it: CasePage, work: CaseWork, entries: Sequence[Entry]) -> list[Item]:
    """What happened to a case, the newest first."""
    written = {each.comment_id: each.text for each in work.comments}
    given = {each.decision_id: each for each in work.decisions}
    titles = _titles(page, it)
    found = [_item(page, _named(page, each, titles), work.names, _text(each, written, given)) for each in entries]
    opened = page.say("opened the case", "创建案件")
    opener = who(it.case.opened_by, work.names, page)
    found.append(Item(it.case.opened_ms, opener, page.say("case", "案件"), opened, ""))
    for alert in it.alerts:
        title = detector_title(alert.detector, page.lang)
        said = page.say("filed an alert: {x}", "归档告警：{x}", x=title)
        found.append(Item(alert.filed_ms, who(AGENT, work.names, page), page.say("alert", "告警"), said, ""))
    return sorted(found, key=lambda each: -each.time_ms)


def said(page: Page, it: CasePage, entries: Sequence[Entry], names: Mapping[str, str]) -> list[Item]:
    """Entries of the audit in words, the newest first."""
    titles = _titles(page, it)
    return [_item(page, _named(page, each, titles), names, "") for each in reversed(entries)]


def _titles(page: Page, it: CasePage) -> dict[str, str]:
    return {each.alert_id: detector_title(each.detector, page.lang) for each in it.alerts}


def who(user_id: str | None, names: Mapping[str, str], page: Page) -> str:
    """What somebody is called; the agent that files is the program itself."""
    if user_id == AGENT:
        return "Tillwatch"
    if user_id == page.actor.user_id:
        return page.say("you", "我")
    return names.get(user_id or "", user_id or "")


def _named(page: Page, entry: Entry, titles: Mapping[str, str]) -> Entry:
    """An entry whose alert, where it is a single one, is called by what it finds, drafts in words and hashes short."""
    ids, digest = entry.detail.get("alert_ids", ()), str(entry.detail.get("sha256", ""))
    shown: dict[str, Any] = {"alert_ids": [titles[ids[0]]]} if len(ids) == 1 and ids[0] in titles else {}
    shown |= {"sha256": f"{digest[:_HASH_SHOWN]}…"} if digest else {}
    if "changes" in entry.detail:
        shown["changes"] = _changes(page, entry.detail["changes"])
    return entry._replace(detail={**entry.detail, **shown})


def _changes(page: Page, changes: dict[str, Any]) -> str:
    """What a draft changes, in words."""
    comma = page.say(", ", "、")
    lines = profile.drafted(as_json(changes), page.console.zone)
    told = (f"{page.say(each.title)} {comma.join(map(page.say, each.values)) or UNKNOWN}" for each in lines)
    return page.say("; ", "；").join(told)


def _item(page: Page, entry: Entry, names: Mapping[str, str], text: str) -> Item:
    said = "" if entry.kind == _COMMENT and text else sentence(entry, page.lang, page.console.zone)
    return Item(entry.time_ms, who(entry.actor, names, page), kind_title(entry.kind, page.lang), said, text)


def _text(entry: Entry, written: Mapping[int, str], given: Mapping[int, Any]) -> str:
    if entry.kind == _COMMENT:
        return written.get(entry.detail.get("comment_id", 0), "")
    decision = given.get(entry.detail.get("decision_id", 0))
    if entry.kind in {"decide", "propose"}:
        return "" if decision is None else own_comment(decision.verdict, decision.reason_code, decision.comment)
    if entry.kind in {"agree", "decline"}:
        return str(getattr(decision, "second_text", ""))
    return ""
