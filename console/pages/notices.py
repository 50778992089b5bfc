"""Notices for leads: how deliveries stand, silences, and who would have got what by the routing in force."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Form, Response

from casework.errors import Refused
from casework.reading import case as cases
from console.notice_words import (
    ATTEMPT_WORDS,
    KIND_WORDS,
    LABEL_WORDS,
    STATE_WORDS,
    attempt_words,
    channel_name,
)
from console.page import LeadPage, Page, Words
from domain.timestamps import DAY_MS
from notices import outbox, silences
from notices.bodies import Body
from notices.check import check, sums
from notices.culprit_rules import listed, set_rule
from notices.culprits import GOES_TO, KINDS, NAMES_SOMEBODY, OWN
from notices.routing.labels import Matcher

router = APIRouter()
LENGTHS_D = (1, 3, 7, 14, 30, 90)
"""Days that a silence may be made for."""
PREVIEWS_D = (7, 30, 90)
"""Days that the routing may be tried against."""


@router.get("/notices")
def show(page: LeadPage, status: str = "") -> Response:
    """The last notices, and how many stand how."""
    rows = outbox.listed(page.store, page.actor, status)
    return page.render(
        "notices/deliveries.html", rows=rows, chosen=status,
        names=[msgspec.json.decode(each.body, type=Body).name for each in rows],
        counts=outbox.counts(page.store, page.actor), states=STATE_WORDS, kinds=KIND_WORDS, called=channel_name,
        told=attempt_words,
    )  # fmt: skip


@router.get("/notices/silences")
def show_silences(page: LeadPage) -> Response:
    """Silences that count, will, or have ended lately."""
    return _silences(page)


@router.post("/notices/silences")
def make_silence(
    page: LeadPage, reason: Words = "", days: Annotated[int, Form()] = 1, merchant: Words = "", detector: Words = "",
    rep: Words = "", region: Words = "",
) -> Response:  # fmt: skip
    """Make a silence of alerts that have one of the values given of each label."""
    given = {"merchant": merchant, "detector": detector, "rep": rep, "region": region}
    matchers = [
        Matcher(label, tuple(dict.fromkeys(one.strip() for one in said.split(",") if one.strip())))
        for label, said in given.items()
        if said.strip()
    ]
    try:
        until_ms = page.now_ms + days * DAY_MS
        silences.make(page.store, page.actor, matchers, reason, page.now_ms, until_ms, page.now_ms)
    except Refused as error:
        return _silences(page, str(error), given | {"reason": reason})
    return page.go("/notices/silences")


@router.post("/notices/silences/{silence_id}/expire")
def expire_silence(page: LeadPage, silence_id: int) -> Response:
    """End a silence now."""
    silences.expire(page.store, page.actor, silence_id, page.now_ms)
    return page.go("/notices/silences")


@router.get("/notices/routing")
def show_routing(page: LeadPage, days: int = 30) -> Response:
    """Who would have got what by the routing in force, and where findings go behind which somebody may stand."""
    if days not in PREVIEWS_D:
        raise Refused(f"days must be one of {', '.join(map(str, PREVIEWS_D))}, got {days}")
    found = check(page.store, page.console.routing(), page.now_ms, days, page.lang)
    of_each = sums(found.notices)
    return page.render(
        "notices/routing.html", found=found, sums=of_each, days=days, previews=PREVIEWS_D,
        names=cases.names(page.store, [each.recipient for each in of_each], page.now_ms),
        rules=listed(page.store, page.actor), kinds=KINDS, places=GOES_TO, fixed=NAMES_SOMEBODY, own=OWN,
    )  # fmt: skip


@router.post("/notices/rules/{rule_kind}")
def change_rule(page: LeadPage, rule_kind: str, goes_to: Words = "", reason: Words = "") -> Response:
    """Say where a kind of finding goes."""
    set_rule(page.store, page.actor, rule_kind, goes_to, reason, page.now_ms)
    return page.go("/notices/routing#rules")


@router.get("/notices/{notice_id}")
def show_one(page: LeadPage, notice_id: str) -> Response:
    """A notice: what it says, and every attempt to send it."""
    row, attempts = outbox.one(page.store, page.actor, notice_id)
    body = msgspec.json.decode(row.body, type=Body)
    return page.render(
        "notices/notice.html", row=row, body=body, attempts=attempts, states=STATE_WORDS, kinds=KIND_WORDS,
        became=ATTEMPT_WORDS, called=channel_name, told=attempt_words, may_resend=row.status in {"dead", "sent"},
    )  # fmt: skip


@router.post("/notices/{notice_id}/resend")
def resend(page: LeadPage, notice_id: str) -> Response:
    """Send a notice again under the same id."""
    outbox.resend(page.store, page.actor, notice_id, page.now_ms)
    return page.go(f"/notices/{notice_id}")


def _silences(page: Page, refused: str = "", given: dict[str, str] | None = None) -> Response:
    found = silences.listed_silences(page.store, page.actor, page.now_ms)
    return page.render(
        "notices/silences.html", 422 if refused else 200, silences=found, now_ms=page.now_ms, lengths=LENGTHS_D,
        refused=refused, given=given or {}, labels=LABEL_WORDS, stale_d=silences.STALE_D,
    )  # fmt: skip
