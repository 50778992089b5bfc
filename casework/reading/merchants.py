"""Pages of merchants: the riskiest first, by what somebody filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.sql.expression import literal

from casework.errors import Refused
from casework.people import sees, sees_all, sees_merchant
from casework.persons import names_of_people
from casework.rep_view import risk_for_rep
from casework.schema import cases, merchants
from casework.states import OPEN
from domain.risk import GRADES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection

    from casework.people import Actor
    from casework.store import Store

UNSCORED = "none"
"""The value of `grade` for merchants that have no score."""
CHOICES = (*sorted(grade for _, grade in GRADES), UNSCORED)
"""Values of `Wanted.grade` besides "" for any."""
MOST_LISTED = 200
_LONGEST = 128


class Wanted(NamedTuple):
    """Which merchants; "" and None for any.

    Attributes:
        q: the beginning of an id, or a part of a name.
        grade: of `CHOICES`.
        least_score: 0 to 100.
        mcc: the first of the registered ones.
        city: as master data have it.
        region: likewise.
        agent: the agent's id.
        rep: the rep's id.
        status: of the master data.
    """

    q: str = ""
    grade: str = ""
    least_score: float | None = None
    mcc: str = ""
    city: str = ""
    region: str = ""
    agent: str = ""
    rep: str = ""
    status: str = ""

    @property
    def query(self) -> str:
        """The filter as an address has it; "" where nothing is filtered."""
        return urlencode({name: value for name, value in self._asdict().items() if value not in {"", None}})


def parse(pairs: Iterable[tuple[str, str]]) -> Wanted:
    """The filter that an address spells; what is no filter is passed over.

    Raises:
        Refused: a value is none of its field's.

    >>> parse([("grade", "E"), ("least_score", "80"), ("after", "x")]).query
    'grade=E&least_score=80.0'
    """
    given: dict[str, Any] = {name: text for name, text in pairs if name in Wanted._fields and text}
    for name, text in given.items():
        if len(text) > _LONGEST or "\0" in text:
            raise Refused(f"{name} must have at most {_LONGEST} characters, got {len(text)}")
    if given.get("grade", UNSCORED) not in CHOICES:
        raise Refused(f"grade must be one of {', '.join(CHOICES)}, got {given['grade'][:8]!r}")
    if "least_score" in given:
        given["least_score"] = _score(given["least_score"])
    return Wanted(**given)


class MerchantLine(NamedTuple):
    """A merchant in a list; "" or None where something is not known.

    Attributes:
        merchant_id: its id.
        name: over the door.
        grade: A to E.
        score: 0 to 100.
        mcc: the first registered one.
        city: or the region where there is none.
        rep_id: whose it is.
        rep_name: the rep's name, where it is known.
        agent_id: who brought it.
        status: of the master data.
        alerts: undecided ones in open cases of the merchant that the actor sees.
    """

    merchant_id: str
    name: str
    grade: str
    score: float | None
    mcc: str
    city: str
    rep_id: str
    rep_name: str
    agent_id: str
    status: str
    alerts: int


class Listed(NamedTuple):
    """A page of merchants, and the cursor of what follows; "" at the end."""

    rows: tuple[MerchantLine, ...]
    after: str


def listed(
    store: Store, actor: Actor, wanted: Wanted, now_ms: int, *, most: int = 50, after: str = ""
) -> Listed:  # fmt: skip
    """A page of merchants, by score, the highest first; then those without a score, by id.

    Args:
        store: the store.
        actor: who looks.
        wanted: which merchants.
        now_ms: UTC milliseconds.
        most: rows, 1 to 200.
        after: the cursor of the page before.

    Raises:
        Refused: the cursor is none.
    """
    most = min(most, MOST_LISTED)
    seen = sees_merchant(actor, merchants.c.merchant_id, now_ms)
    with store.reading() as connection:
        if sees_all(actor):
            listed = _page(connection, [*_conditions(wanted), seen], after, most + 1, wanted)
            found = [MerchantLine._make((*each, 0)) for each in listed]
        else:
            found = _behind(_of_rep(connection, seen, wanted), after)[: most + 1]
        alerts = _alerts(connection, actor, [each.merchant_id for each in found[:most]], now_ms)
        people = names_of_people(connection, {each.rep_id for each in found[:most] if each.rep_id}, now_ms)
    rows = tuple(
        each._replace(alerts=alerts.get(each.merchant_id, 0), rep_name=people.get(each.rep_id, ""))
        for each in found[:most]
    )
    return Listed(rows, _cursor(rows[-1]) if len(found) > most else "")


def count(store: Store, actor: Actor, wanted: Wanted, now_ms: int) -> int:
    """How many merchants a filter has."""
    seen = sees_merchant(actor, merchants.c.merchant_id, now_ms)
    statement = select(func.count()).select_from(merchants).where(*_conditions(wanted), seen)
    with store.reading() as connection:
        if not sees_all(actor):
            return len(_of_rep(connection, seen, wanted))
        return int(connection.execute(statement).scalar_one())


def _of_rep(connection: Connection, seen: ColumnElement[bool], wanted: Wanted) -> list[MerchantLine]:
    """All merchants of a rep's that a filter has, in their order, by the risk that a rep is shown."""
    every = _conditions(wanted._replace(grade="", least_score=None))
    rows = connection.execute(_selected().where(*every, seen)).all()
    risks = risk_for_rep(connection, [each.merchant_id for each in rows])
    found = []
    for each in rows:
        risk = risks[each.merchant_id]
        if wanted.grade and wanted.grade != (risk.grade or UNSCORED):
            continue
        if wanted.least_score is not None and (risk.score is None or risk.score < wanted.least_score):
            continue
        found.append(MerchantLine._make((*each, 0))._replace(grade=risk.grade, score=risk.score))
    scored = [each for each in found if each.score is not None]
    rest = [each for each in found if each.score is None]
    return [
        *sorted(scored, key=lambda each: (each.score or 0.0, each.merchant_id), reverse=True),
        *sorted(rest, key=lambda each: each.merchant_id),
    ]


def _behind(rows: list[MerchantLine], after: str) -> list[MerchantLine]:
    """Those that follow a cursor."""
    if not after:
        return rows
    score, merchant_id = _place(after)
    if score is None:
        return [each for each in rows if each.score is None and each.merchant_id > merchant_id]
    return [each for each in rows if each.score is None or (each.score, each.merchant_id) < (score, merchant_id)]


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    table = merchants.c
    named = {
        table.mcc: wanted.mcc, table.city: wanted.city, table.region: wanted.region, table.agent_id: wanted.agent,
        table.rep_id: wanted.rep, table.status: wanted.status, table.grade: wanted.grade,
    }  # fmt: skip
    found = [column == ("" if value == UNSCORED else value) for column, value in named.items() if value]
    if wanted.least_score is not None:
        found.append(table.score >= wanted.least_score)
    if text := wanted.q.strip():
        by_id = table.merchant_id.startswith(text, autoescape=True)
        found.append(or_(by_id, func.lower(table.name).contains(text.lower(), autoescape=True)))
    return found


def _page(
    connection: Connection, seen: Sequence[ColumnElement[bool]], after: str, most: int, wanted: Wanted
) -> list[Any]:  # fmt: skip
    """Rows with a score after the cursor, then those without: two walks, each along an index of its own."""
    table = merchants.c
    score, merchant_id = _place(after)
    found: list[Any] = []
    if (score is not None or not after) and wanted.grade != UNSCORED:
        statement = _selected().where(*seen, table.score.is_not(None))
        if score is not None:
            follows = tuple_(table.score, table.merchant_id) < tuple_(literal(score), literal(merchant_id))
            statement = statement.where(follows)
        by_score = statement.order_by(table.score.desc(), table.merchant_id.desc())
        found += connection.execute(by_score.limit(most)).all()
        merchant_id = ""
    if len(found) < most and wanted.grade in {"", UNSCORED} and wanted.least_score is None:
        rest = _selected().where(*seen, table.score.is_(None), table.merchant_id > merchant_id)
        found += connection.execute(rest.order_by(table.merchant_id).limit(most - len(found))).all()
    return found


def _selected() -> Any:
    table = merchants.c
    return select(
        table.merchant_id, table.name, table.grade, table.score, table.mcc, table.city, table.rep_id,
        literal("").label("rep_name"), table.agent_id, table.status,
    )  # fmt: skip


def _alerts(connection: Connection, actor: Actor, merchant_ids: Sequence[str], now_ms: int) -> dict[str, int]:
    counted = select(cases.c.merchant_id, func.sum(cases.c.undecided)).where(
        cases.c.merchant_id.in_(merchant_ids), cases.c.status == OPEN, sees(actor, now_ms)
    )
    return {each[0]: int(each[1]) for each in connection.execute(counted.group_by(cases.c.merchant_id))}


def _cursor(row: MerchantLine) -> str:
    return f"{'' if row.score is None else repr(row.score)}:{row.merchant_id}"


def _place(after: str) -> tuple[float | None, str]:
    """Where a page ended: its last score, None without one, and its last id."""
    if not after:
        return None, ""
    score, colon, merchant_id = after.partition(":")
    if not colon:
        raise Refused(f"after must be the cursor of a page, got {after[:40]!r}")
    return (_score(score) if score else None), merchant_id


def _score(text: str) -> float:
    try:
        found = float(text)
    except ValueError as error:
        raise Refused(f"a score must be a number, got {text[:16]!r}") from error
    if not 0 <= found <= 100:  # nan too
        raise Refused(f"a score must be 0 to 100, got {text[:16]}")
    return found
