"""Merchants: a list by risk, and the page of each with all that the store knows of it."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Form, Query, Response

from casework import drafts, notes
from casework.bodies import ms_of
from casework.days import midnights_ms
from casework.errors import Refused
from casework.people import COMMENTS, LEADS, OFFICE_ROLES, WORKS
from casework.reading import case as cases
from casework.reading import merchants, series
from casework.reading.merchant import MerchantPage, Version, in_force
from casework.reading.merchant import merchant as read_merchant
from casework.reading.standing import standing_of, verdicts_of
from casework.reasons import VERDICT_WORDS
from console.filters import detector_title, merchant_path
from console.merchant import charts, memory, profile, rhythm, words
from console.merchant.charts import Mark, wall, wall_text
from console.merchant.column_words import PROGRAMMES
from console.page import AnyPage, CommentPage, LeadPage, Page, Words, WorkPage
from console.times import parse_day
from domain.timestamps import iso

router = APIRouter()
ROWS = 50
SPANS = (30, 90, 400)
"""Days that charts can go back."""
SINCE_D = 7
"""Days back that the ledger of the score begins, where nobody says another."""
OVERRIDE_DAYS = (7, 30, 90)
MOST_APPROVED = 5
"""Drafts that were approved last, whose way to the log is shown."""


class View(NamedTuple):
    """What of a merchant is looked at; the page's address.

    Attributes:
        days: that charts go back.
        as_of: the day whose profile is shown, ISO 8601; "" for now.
        since: the day from which on the score's changes are told, ISO 8601; "" for a week.
    """

    days: int = SPANS[1]
    as_of: str = ""
    since: str = ""

    def but(self, **other: Any) -> str:
        """The address of another view."""
        return "?" + urlencode({name: value for name, value in self._replace(**other)._asdict().items() if value})


@router.get("/merchants")
def show_list(page: AnyPage, after: str = "") -> Response:
    """The list; for scripts further rows alone."""
    wanted = merchants.parse(page.request.query_params.multi_items())
    found = merchants.listed(page.store, page.actor, wanted, page.now_ms, most=ROWS, after=after)
    values: dict[str, Any] = {"wanted": wanted, "found": found, "is_more": bool(after), "statuses": profile.STATUSES}
    if page.is_part:
        return page.render("merchants/rows.html", **values)
    count = merchants.count(page.store, page.actor, wanted, page.now_ms)
    return page.render("merchants/list.html", count=count, choices=merchants.CHOICES, **values)


@router.get("/merchants/{merchant_id:path}")
def show(
    page: AnyPage, merchant_id: str, days: Annotated[int, Query(ge=1, le=max(SPANS))] = SPANS[1], as_of: str = "",
    since: str = "",
) -> Response:  # fmt: skip
    """A merchant."""
    view = View(days, as_of, since)
    then_ms = _bounds(as_of, page.console.zone)[1] if as_of else page.now_ms
    it = read_merchant(page.store, page.actor, merchant_id, page.now_ms, as_of_ms=then_ms)
    last = series.last_day(page.store, page.actor, merchant_id, page.now_ms)
    versions = in_force(it.versions, page.now_ms)
    master = versions["merchant"].fields if "merchant" in versions else {}
    known = (last[1] if last else "", master.get("currency", ""), *(each.currency for each in it.alerts))
    return page.render(
        "merchants/page.html", it=it, view=view, path=merchant_path(merchant_id), spans=SPANS, now_ms=page.now_ms,
        words=words, verdict_words=VERDICT_WORDS, kinds=profile.KINDS, programmes=PROGRAMMES, last=last,
        gauges=series.gauges(page.store, page.actor, merchant_id, page.now_ms),
        memory=memory.groups(last[2], last[1]) if last else (), sees_risk=page.is_of(OFFICE_ROLES),
        open_alerts=[each for each in it.alerts if each.stands == "open"],
        past_alerts=[each for each in it.alerts if each.stands != "open"],
        **_profile(page, it, versions, next(filter(None, known), "")), **_risk(page, it, view),
        **_drawn(page, it, view, master, last[0] if last else ""), **_written(page, it),
    )  # fmt: skip


def _profile(page: Page, it: MerchantPage, versions: dict[str, Version], currency: str) -> dict[str, Any]:
    """Master data, contract and assignment in words, now (`versions`) and then, and what changed when."""
    zone = page.console.zone
    master = versions["merchant"].fields if "merchant" in versions else {}
    return {
        "master": {each.name: each for each in profile.lines(master, currency, zone)}, **_whose(page, versions),
        "licence_over": master.get("licence_expires_at", page.now_ms) < page.now_ms,
        "in_force": {kind: (each, profile.lines(each.fields, currency, zone)) for kind, each in it.in_force.items()},
        "history": profile.history(it.versions, currency, zone),
    }  # fmt: skip


def _whose(page: Page, versions: dict[str, Version]) -> dict[str, Any]:
    """Rep and agent now: the assignment in force says, else the master data; the rep by name, where it is known."""
    found: dict[str, str] = {}
    for kind in ("merchant", "assignment"):
        fields = versions[kind].fields if kind in versions else {}
        found |= {name: fields[name] for name in ("rep_id", "agent_id") if fields.get(name)}
    rep_id = found.get("rep_id", "")
    name = cases.names(page.store, [rep_id], page.now_ms).get(rep_id, "") if rep_id else ""
    return {"rep": f"{name} ({rep_id})" if name else rep_id, "agent": found.get("agent_id", "")}


def _by(*rows: Any) -> set[str]:
    """Who wrote, or answered, rows of notes, visits and drafts."""
    return {who for each in rows for who in (each.by, getattr(each, "answered_by", None)) if who}


def _written(page: Page, it: MerchantPage) -> dict[str, Any]:
    """What people wrote of the merchant: notes, visits, and drafts that wait for a second person."""
    works = page.is_of(WORKS)
    waiting, approved = (
        drafts.listed(page.store, page.actor, page.now_ms, status=status, merchant_id=it.merchant_id) if works else ()
        for status in (drafts.DRAFTED, drafts.APPROVED)
    )
    noted, visited = (
        read(page.store, page.actor, it.merchant_id, page.now_ms) for read in (notes.notes_of, notes.visits_of)
    )
    named = _by(*noted, *visited, *waiting, *approved) | {each.holder for each in it.cases if each.holder}
    return {
        "notes": noted, "visits": visited,
        "people": cases.names(page.store, named, page.now_ms),
        "waiting": [(each, profile.drafted(each.changes, page.console.zone)) for each in waiting],
        "approved": [
            (each, profile.drafted(each.changes, page.console.zone), drafts.sent(page.store, each.draft_id))
            for each in approved[-MOST_APPROVED:]
        ],
        "came": words.SENT,
        "override_days": OVERRIDE_DAYS, "may_write": page.is_of(COMMENTS), "may_draft": works,
        "may_answer": page.is_of(LEADS), "now_text": wall_text(page.now_ms, page.console.zone),
    }  # fmt: skip


def _risk(page: Page, it: MerchantPage, view: View) -> dict[str, Any]:
    """How the merchant stands, and why its score is another than it was."""
    standing = standing_of(page.store, page.actor, it.merchant_id, page.now_ms)
    if standing is None or not page.is_of(OFFICE_ROLES):
        return {"standing": standing, "ledger": None, "since": view.since}
    here = ZoneInfo(page.console.zone)
    last = datetime.fromisoformat(standing.time).astimezone(here).date()
    since = view.since or (last - timedelta(days=SINCE_D)).isoformat()
    begins = iso(_bounds(since, page.console.zone)[0])
    ledger = series.ledger(page.store, page.actor, it.merchant_id, begins, page.now_ms)
    return {"standing": standing, "ledger": ledger, "since": since}


def _drawn(page: Page, it: MerchantPage, view: View, master: dict[str, Any], last: str) -> dict[str, Any]:
    """Days and scores as charts, heat maps and a table, up to the last closed day; "" where there is none."""
    first = (date.fromisoformat(last) - timedelta(days=view.days - 1)).isoformat() if last else ""
    names = (*charts.COLUMNS, *rhythm.COLUMNS)
    found = series.days(page.store, page.actor, it.merchant_id, first, last, names, page.now_ms)
    days, zone = charts.calendar(found), _zone(master, page.console.zone)
    marks = tuple(sorted(each for each in _marks(page, it, zone) if not days.x or each.x >= days.x[0]))
    points = series.score_history(page.store, page.actor, it.merchant_id, first, page.now_ms)
    say = page.say
    return {
        "charts": charts.aligned({
            "risk": charts.risk(points, marks, zone, say), "volume": charts.volume(days, marks, say),
            "rarity": charts.rarity(days, say), "mix": charts.mix(days, master.get("mccs") or (), say),
            "fees": charts.fees(days, say),
        }),
        "events": charts.by_day(marks), "weekdays": rhythm.weekdays(days), "parts": rhythm.parts(days),
        "days": charts.rows(days),
    }  # fmt: skip


def _marks(page: Page, it: MerchantPage, zone: str) -> list[Mark]:
    """What happened to the merchant, as its charts mark it."""
    say, found = page.say, []
    for each in it.alerts:
        if each.stands == "withdrawn":
            continue
        title = detector_title(each.detector, page.lang)
        found.append(Mark(wall(ms_of(each.first_time), zone), "alert", say("alert: {x}", "告警：{x}", x=title)))
    for verdict in verdicts_of(page.store, page.actor, it.merchant_id, page.now_ms):
        said = say(VERDICT_WORDS[verdict.verdict])
        heard = say("{x}, by {who}", "{x}（{who}）", x=said, who=verdict.by)
        found.append(Mark(wall(verdict.decided_ms, zone), "verdict", say("verdict: {x}", "判定：{x}", x=heard)))
    for version in it.versions:
        kind = say(profile.KINDS[version.kind])
        found.append(Mark(wall(version.effective_from_ms, zone), "version", say("new {x}", "{x}变更", x=kind)))
    for visit in notes.visits_of(page.store, page.actor, it.merchant_id, page.now_ms):
        outcome = say(words.VISIT_OUTCOMES.get(visit.outcome, words.UNSAID))
        found.append(Mark(wall(visit.visited_ms, zone), "visit", say("visit: {x}", "走访：{x}", x=outcome)))
    return found


def _bounds(day: str, zone: str) -> tuple[int, int]:
    """The first and the last moment of a day by a zone's clock, UTC milliseconds; raises Refused for what is no day."""
    try:
        first_ms, after_ms = midnights_ms(date.fromisoformat(day), zone)
        return first_ms, after_ms - 1
    except (ValueError, OverflowError) as error:
        raise Refused(f"a day must be YYYY-MM-DD, got {day[:20]!r}") from error


def _zone(master: dict[str, Any], usual: str) -> str:
    """The zone that the merchant's days are of: its own, where it names one that is known here."""
    named = str(master.get("time_zone") or usual)
    try:
        return ZoneInfo(named).key
    except (ZoneInfoNotFoundError, ValueError):
        return usual


# -- what people write


@router.post("/merchants/{merchant_id:path}/notes")
def write_note(
    page: CommentPage, merchant_id: str, text: Words, of_aml: Annotated[bool, Form()] = False
) -> Response:  # fmt: skip
    """Write a note."""
    notes.write_note(page.store, page.actor, merchant_id, text, page.now_ms, of_aml=of_aml)
    return page.go(merchant_path(merchant_id))


@router.post("/merchants/{merchant_id:path}/visits")
def record_visit(
    page: CommentPage, merchant_id: str, visited: Words, kind: Words, outcome: Words, note: Words = ""
) -> Response:
    """Record a visit of the person's own, at a time as the office's clock shows it."""
    try:
        at = datetime.fromisoformat(visited).replace(tzinfo=ZoneInfo(page.console.zone))
    except ValueError as error:
        raise Refused(f"visited must be a day and a time, got {visited[:20]!r}") from error
    visited_ms = round(at.timestamp() * 1000)
    notes.record_visit(page.store, page.actor, merchant_id, visited_ms, kind, outcome, note, page.now_ms)
    return page.go(merchant_path(merchant_id))


# -- a grade set by hand, by two people


@router.post("/merchants/{merchant_id:path}/override")
def draft_override(page: WorkPage, merchant_id: str, grade: Words, until: Words, why: Words) -> Response:
    """Draft a grade that holds until a day, or for some days; another approves it."""
    until_ms = parse_day(until, page.console.zone, page.now_ms)
    drafts.draft(
        page.store, page.actor, drafts.OVERRIDE, merchant_id, {"grade": grade}, why, page.now_ms, until_ms=until_ms
    )
    return page.go(merchant_path(merchant_id))


@router.post("/merchants/{merchant_id:path}/drafts/{draft_id}/approve")
def approve_draft(page: LeadPage, merchant_id: str, draft_id: int) -> Response:
    """Approve another's draft, which goes to the log then."""
    drafts.approve(page.store, page.actor, draft_id, page.now_ms)
    return page.go(merchant_path(merchant_id))


@router.post("/merchants/{merchant_id:path}/drafts/{draft_id}/reject")
def reject_draft(page: LeadPage, merchant_id: str, draft_id: int, reason: Words) -> Response:
    """Reject another's draft, with a reason."""
    drafts.reject(page.store, page.actor, draft_id, reason, page.now_ms)
    return page.go(merchant_path(merchant_id))
