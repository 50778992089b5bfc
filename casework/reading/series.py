"""Days of a merchant, decoded from `merchant_days`, and its score over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import select

from casework.bodies import day_columns
from casework.people import AML, sees_all, sees_merchant
from casework.schema import alerts, merchant_days, merchant_scores, merchants
from domain.alerts import Score

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from casework.people import Actor
    from casework.store import Store

GAUGES = ("vamp", "ecm", "hecm", "efm", "approval", "returns")
"""Programmes of schemes that `merchant_days` has `gauge_…_share` of."""


class Days(NamedTuple):
    """Days of a merchant, the oldest first, as lists of one length.

    Attributes:
        day: local days, ISO 8601; days without a closing are left out.
        currency: of each day's money.
        score: after each day, 0 to 100; None before the first, and for reps.
        columns: by column of `merchant_days`, what was asked for; None where it is not known.
    """

    day: tuple[str, ...]
    currency: tuple[str, ...]
    score: tuple[float | None, ...]
    columns: dict[str, tuple[int | float | None, ...]]


def days(
    store: Store, actor: Actor, merchant_id: str, first: str, last: str, names: Collection[str], now_ms: int
) -> Days:
    """Days of a merchant by column name; without any where the actor does not see the merchant.

    Args:
        store: the store.
        actor: who looks.
        merchant_id: which merchant.
        first: from this local day on, ISO 8601.
        last: up to this one.
        names: columns of [merchant-days](docs/topics.md#merchant-days); one that there is none of is None throughout.
        now_ms: UTC milliseconds.
    """
    table = merchant_days.c
    statement = select(table.day, table.currency, table.score, table.body).where(
        table.merchant_id == merchant_id, table.day >= first, table.day <= last,
        sees_merchant(actor, table.merchant_id, now_ms),
    )  # fmt: skip
    with store.reading() as connection:
        rows = connection.execute(statement.order_by(table.day)).all()
    told = [day_columns(each.body) for each in rows]
    columns = {name: tuple(each.get(name) for each in told) for name in names}
    return Days(
        tuple(each.day for each in rows), tuple(each.currency for each in rows),
        tuple(each.score if sees_all(actor) else None for each in rows),
        columns,
    )  # fmt: skip


def last_day(
    store: Store, actor: Actor, merchant_id: str, now_ms: int
) -> tuple[str, str, dict[str, int | float]] | None:
    """A merchant's last closed day: the day, its currency, and all its columns that are not null; None for none."""
    table = merchant_days.c
    seen = sees_merchant(actor, table.merchant_id, now_ms)
    statement = select(table.day, table.currency, table.body).where(table.merchant_id == merchant_id, seen)
    with store.reading() as connection:
        found = connection.execute(statement.order_by(table.day.desc()).limit(1)).first()
    return None if found is None else (found.day, found.currency, day_columns(found.body))


class Gauge(NamedTuple):
    """How far a merchant is from a scheme's limit.

    Attributes:
        programme: of `GAUGES`.
        share: of the limit that is reached; None where nothing can be told.
        days: until the breach at the pace of now, 0 where it is reached; None where it will not be.
    """

    programme: str
    share: float | None
    days: int | None


def gauges(store: Store, actor: Actor, merchant_id: str, now_ms: int) -> tuple[Gauge, ...]:
    """The gauges of a merchant's last closed day; none where no scheme counts it."""
    table = merchant_days.c
    seen = sees_merchant(actor, table.merchant_id, now_ms)
    statement = select(table.body).where(table.merchant_id == merchant_id, seen)
    with store.reading() as connection:
        body = connection.execute(statement.order_by(table.day.desc()).limit(1)).scalar()
    told: Mapping[str, Any] = day_columns(body) if body else {}
    found = ((each, told.get(f"gauge_{each}_share"), told.get(f"gauge_{each}_days")) for each in GAUGES)
    return tuple(
        Gauge(each, share, None if left is None else int(left))
        for each, share, left in found
        if share is not None or left is not None
    )


class ScorePoint(NamedTuple):
    """A merchant's score: of a day (UTC) the last, and the last before each change of grade."""

    time: str
    score: float
    grade: str


class Step(NamedTuple):
    """A part of what a score rose or fell by.

    Attributes:
        kind: `alert`, `prior`, `caps` or `floor`.
        points: of the score.
        detector: of the alert; "" for the rest.
        alert_id: which; "" for older alerts of the detector that are not told apart any more.
        verdict: on it now; "" for none.
    """

    kind: str
    points: float
    detector: str = ""
    alert_id: str = ""
    verdict: str = ""


class Ledger(NamedTuple):
    """Why a score is another than it was: the points of the steps add up to the difference, to the hundredth.

    Attributes:
        then: the score at the beginning; None where the merchant had none.
        now: the score now; None likewise.
        steps: the greatest first.
    """

    then: ScorePoint | None
    now: ScorePoint | None
    steps: tuple[Step, ...]


def score_history(
    store: Store, actor: Actor, merchant_id: str, first: str, now_ms: int
) -> tuple[ScorePoint, ...]:  # fmt: skip
    """A merchant's score from a day on, ISO 8601, the oldest first; none for reps, for whom it is not the score."""
    if not sees_all(actor):
        return ()
    table = merchant_scores.c
    statement = select(table.time, table.score, table.grade).where(
        table.merchant_id == merchant_id, table.day >= first, sees_merchant(actor, table.merchant_id, now_ms)
    )
    with store.reading() as connection:
        return tuple(ScorePoint(*each) for each in connection.execute(statement.order_by(table.score_revision)))


def ledger(store: Store, actor: Actor, merchant_id: str, since: str, now_ms: int) -> Ledger:
    """Why a merchant's score has changed since a time, ISO 8601 UTC, by what was filed of it.

    Points of alerts that the actor may not hear of are summed up without a name; a rep gets nothing at all, for the
    sum alone would give such an alert away.
    """
    if not sees_all(actor):
        return Ledger(None, None, ())
    table = merchant_scores.c
    seen = sees_merchant(actor, table.merchant_id, now_ms)
    of_it = select(table.body).where(table.merchant_id == merchant_id, seen, table.time <= since)
    newest = select(merchants.c.score_body).where(
        merchants.c.merchant_id == merchant_id, merchants.c.score_revision >= 0,
        sees_merchant(actor, merchants.c.merchant_id, now_ms),
    )  # fmt: skip
    with store.reading() as connection:
        before = connection.execute(of_it.order_by(table.score_revision.desc()).limit(1)).scalar()
        body = connection.execute(newest).scalar()
        then, now = (msgspec.json.decode(each, type=Score) if each else None for each in (before, body))
        hidden = _hidden(connection, actor, [each for each in (then, now) if each is not None])
    return Ledger(_point(then), _point(now), _steps(then, now, hidden))


def _point(score: Score | None) -> ScorePoint | None:
    return None if score is None else ScorePoint(score.time, score.score, score.grade)


def _hidden(connection: Any, actor: Actor, scores: Sequence[Score]) -> set[str]:
    """Alerts in scores that only `aml` may hear of."""
    if AML in actor.roles:
        return set()
    ids = {part.alert_id for each in scores for part in each.contributions}
    return {*connection.execute(select(alerts.c.alert_id).where(alerts.c.alert_id.in_(ids), alerts.c.is_aml)).scalars()}


def _steps(then: Score | None, now: Score | None, hidden: set[str]) -> tuple[Step, ...]:
    before, after = _parts(then, hidden), _parts(now, hidden)
    verdicts = {part.alert_id: part.verdict for part in (now.contributions if now else ())}
    steps = []
    for key in {**before, **after}:
        kind, detector, alert_id = key
        points = round(after.get(key, 0.0) - before.get(key, 0.0), 2)
        if points:
            steps.append(Step(kind, points, detector, alert_id, verdicts.get(alert_id, "") if alert_id else ""))
    return tuple(sorted(steps, key=lambda each: (-abs(each.points), each)))


def _parts(score: Score | None, hidden: set[str]) -> dict[tuple[str, str, str], float]:
    """What a score is put together of: by kind, detector and alert its points."""
    if score is None:
        return {}
    found: dict[tuple[str, str, str], float] = {}
    for each in score.contributions:
        key = ("alert", "", "") if each.alert_id in hidden else ("alert", each.detector, each.alert_id)
        found[key] = found.get(key, 0.0) + each.points
    found["prior", "", ""] = score.prior
    found["caps", "", ""] = -score.capped
    found["floor", "", ""] = score.score - sum(found.values())
    return found
