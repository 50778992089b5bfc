"""Controls: what decides how records are judged; versions, what differs between them, new ones by two people."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Form, Response, UploadFile

from casework import proposals
from casework.errors import NotFound, Refused
from casework.proposals import EDITS, MOST_BODY, Wanted
from console.control_words import ABOUT
from console.differences import differences
from console.page import OfficePage, Page, Words, page_for
from detectors.registry import DETECTORS
from domain.controls import Control
from engine.control_kinds.registry import DETECTORS as OF_DETECTORS
from engine.control_kinds.registry import KINDS
from streams.controls import ControlsReader, reached
from streams.errors import LogFailed, NoLog
from streams.log import Log

router = APIRouter()
EditPage = Annotated[Page, page_for(EDITS)]
IN_FORCE, WAITS, BEFORE, WITHDRAWN, WITHDRAWAL = "in_force", "waits", "before", "withdrawn", "withdrawal"
WHILES_MS = {"600000": ("10 min", "10分钟"), "3600000": ("1 h", "1小时"), "86400000": ("1 day", "1天")}
AT = "at"
MOST_DIFFERENCES = 300
MOST_EDITED = 60_000
"""Characters of a version that is edited on the page; a longer one is given as a file."""
MOST_SHOWN = 20_000


class Version(NamedTuple):
    """A version as it is shown.

    Attributes:
        control: the version.
        state: `IN_FORCE`, `WAITS` to be, was `BEFORE`, `WITHDRAWN`, or a `WITHDRAWAL`.
        since_ms: from when on it is in force, UTC milliseconds; None for the first, which always was, and for those
            that never are.
    """

    control: Control
    state: str
    since_ms: int | None


class Known(NamedTuple):
    """What the log has of controls.

    Attributes:
        by_kind: versions of each kind, the newest first.
        clock_ms: the greatest clock that a worker has shown; 0 before the first.
        can_publish: whether the log lets the console write.
        missing: why there is nothing: in words; "" where the log could be read.
    """

    by_kind: dict[str, list[Version]]
    clock_ms: int
    can_publish: bool
    missing: str = ""

    def newest(self, kind: str) -> Version | None:
        """The one in force, or that will be last."""
        return next((each for each in self.by_kind[kind] if each.state in {IN_FORCE, WAITS}), None)

    def in_force(self, kind: str) -> Version | None:
        """The one by which the greatest clock is judged."""
        return next((each for each in self.by_kind[kind] if each.state == IN_FORCE), None)


@contextmanager
def log_of(page: Page) -> Iterator[Log]:
    """The log; raises LogFailed, NoLog."""
    if page.console.open_log is None:
        raise NoLog("this console")
    with page.console.open_log() as log:
        yield log


def known_of(page: Page) -> Known:
    """What there is; nothing, with the reason, where the log cannot be read."""
    try:
        with log_of(page) as log:
            reader = ControlsReader(log)
            reader.read_all()
            clock_ms = reached(log)[0]
            found = {kind: _versions(reader, kind, clock_ms) for kind in KINDS}
            return Known(found, clock_ms, log.can_append(log.topics.controls.name))
    except (LogFailed, NoLog) as error:
        return Known({kind: [] for kind in KINDS}, 0, can_publish=False, missing=str(error))


def _versions(reader: ControlsReader, kind: str, clock_ms: int) -> list[Version]:
    standing = [each.control for each in reader.standing(kind)]
    passed = [each.version for each in standing if each.effective_from <= clock_ms]
    current = passed[-1] if passed else next((each.version for each in standing), None)
    found = []
    for each in (known.control for known in reader.of(kind)):
        if each.withdraws is not None:
            found.append(Version(each, WITHDRAWAL, None))
        elif each not in standing:
            found.append(Version(each, WITHDRAWN, None))
        else:
            state = IN_FORCE if each.version == current else BEFORE if each.version < (current or 0) else WAITS
            found.append(Version(each, state, None if each is standing[0] else each.effective_from))
    return found[::-1]


@router.get("/controls")
def show(page: OfficePage) -> Response:
    """Every kind with the version in force, and what waits for a second person."""
    answered = [each for each in proposals.listed(page.store) if each.status != proposals.OPEN]
    return page.render(
        "controls/page.html", known=known_of(page), kinds=KINDS, about=ABOUT, answered=answered,
        waiting=proposals.listed(page.store, only_open=True), may_edit=page.is_of(EDITS),
    )  # fmt: skip


# -- proposals


@router.get("/controls/proposals/{proposal_id}")
def show_proposal(page: OfficePage, proposal_id: int) -> Response:
    """What is proposed, and what it changes."""
    row, known = proposals.proposal(page.store, proposal_id), known_of(page)
    wanted = None if row.status == proposals.OPEN else row.newest  # an answered one is shown against what it followed
    listed = [each for each in known.by_kind[row.kind] if each.control.version == wanted]
    base = known.newest(row.kind) if wanted is None else next(iter(listed), None)
    body = _body(base.control) if base else page.console.version_0(row.kind)
    found = [] if row.withdraws is not None else differences(_decoded(body), msgspec.json.decode(row.body))
    return page.render(
        "controls/proposal.html", row=row, known=known, found=found[:MOST_DIFFERENCES], count=len(found), base=base,
        may_edit=page.is_of(EDITS), is_own=row.by == page.actor.user_id, kind=KINDS[row.kind],
    )  # fmt: skip


@router.post("/controls/proposals/{proposal_id}/publish")
def publish(page: EditPage, proposal_id: int) -> Response:
    """Publish what another has proposed."""
    row = proposals.proposal(page.store, proposal_id)
    with log_of(page) as log:
        proposals.publish(page.store, page.actor, log, proposal_id, page.console.version_0, page.now_ms)
    return page.go(f"/controls/{row.kind}")


@router.post("/controls/proposals/{proposal_id}/close")
def close(page: EditPage, proposal_id: int, text: Words) -> Response:
    """Decline a proposal, or take one's own back."""
    proposals.close(page.store, page.actor, proposal_id, text, page.now_ms)
    return page.go(f"/controls/proposals/{proposal_id}")


# -- a kind


@router.get("/controls/{kind}")
def show_kind(page: OfficePage, kind: str, a: int | None = None, b: int | None = None) -> Response:
    """The versions of a kind, what differs between two of them, and a form for another."""
    return _kind(page, kind, a=a, b=b)


@router.post("/controls/{kind}/propose")
def propose(
    page: EditPage, kind: str, when: Words, why: Words,
    body: Words = "", at: Words = "", file: UploadFile | None = None,
) -> Response:  # fmt: skip
    """Propose a version: what the field says, or a file in its place."""
    _check_kind(kind)
    given = file.file.read(MOST_BODY + 1) if file is not None and file.filename else body.encode()
    try:
        wanted = Wanted(kind, _formatted(page, given), **_time(page, when, at))
        with log_of(page) as log:
            made = proposals.propose(page.store, page.actor, log, wanted, why, page.now_ms)
    except Refused as error:
        typed = {"body": body, "why": why, "when": when, "at": at}
        return _kind(page, kind, 422, refused=error, typed=typed)
    return page.go(f"/controls/proposals/{made}")


@router.post("/controls/{kind}/withdraw")
def withdraw(page: EditPage, kind: str, version: Annotated[int, Form()], why: Words) -> Response:
    """Propose that a version be withdrawn before it takes effect."""
    _check_kind(kind)
    with log_of(page) as log:
        wanted = Wanted(kind, withdraws=version)
        made = proposals.propose(page.store, page.actor, log, wanted, why, page.now_ms)
    return page.go(f"/controls/proposals/{made}")


def _kind(
    page: Page, kind: str, status: int = 200, *, a: int | None = None, b: int | None = None,
    refused: Refused | None = None, typed: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    _check_kind(kind)
    known = known_of(page)
    versions = known.by_kind[kind]
    bodies = {each.control.version: _body(each.control) for each in versions if each.state != WITHDRAWAL}
    newest = known.newest(kind)
    shown = bodies[newest.control.version] if newest else page.console.version_0(kind)
    text = msgspec.json.format(shown, indent=2).decode()
    after = b if b in bodies else next(iter(bodies), None)
    before = a if a in bodies else next((each for each in bodies if after is not None and each < after), None)
    found = [] if before is None or after is None else differences(_decoded(bodies[before]), _decoded(bodies[after]))
    return page.render(
        "controls/kind.html", status, kind=KINDS[kind], about=ABOUT[kind], known=known, versions=versions,
        bodies=list(bodies), a=before, b=after, found=found[:MOST_DIFFERENCES], count=len(found), text=text,
        newest=newest, most_shown=MOST_SHOWN, is_edited=len(text) <= MOST_EDITED, may_edit=page.is_of(EDITS),
        settings=_settings(shown) if kind == OF_DETECTORS else [], refused=refused, typed=typed or {},
        whiles=WHILES_MS, at=AT, waiting=proposals.listed(page.store, kind=kind),
    )  # fmt: skip


class Setting(NamedTuple):
    """A setting of a detector: what it is without a version that names it, and in the newest one; None where not."""

    detector: str
    name: str
    default: float
    given: float | None


def _settings(body: bytes) -> list[Setting]:
    """Every setting of every detector, beside what a version of the control `detectors` names."""
    given = _decoded(body)
    return [
        Setting(each.name, field.name, getattr(each(), field.name), given.get(each.name, {}).get(field.name))
        for each in DETECTORS
        for field in fields(each)
    ]


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise NotFound(f"kind must be one of {', '.join(KINDS)}, got {kind[:20]!r}")


def _body(control: Control) -> bytes:
    return bytes(control.body)


def _decoded(body: bytes) -> Any:
    return msgspec.json.decode(body)


def _formatted(page: Page, given: bytes) -> bytes:
    """JSON without spaces, as versions have it."""
    try:
        return msgspec.json.format(given, indent=-1)
    except msgspec.DecodeError as error:
        raise Refused(page.say("a version must be JSON: {error}", "版本必须是JSON：{error}", error=error)) from error


def _time(page: Page, when: str, at: str) -> dict[str, int]:
    if when in WHILES_MS:
        return {"after_ms": int(when)}
    try:
        moment = datetime.fromisoformat(at)
        return {"effective_ms": round(moment.replace(tzinfo=ZoneInfo(page.console.zone)).timestamp() * 1000)}
    except (ValueError, OverflowError) as error:
        raise Refused(f"a time must be such as 2026-01-05T00:00, got {at[:20]!r}") from error
