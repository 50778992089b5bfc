"""What the store keeps counted, counted plainly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select

from casework.people import sees
from casework.queue.header import Header, is_late, standing
from casework.schema import alert_totals, alerts, cases, detector_days, verdict_counts
from casework.states import OPEN
from casework.summary import refresh
from tests.casework.world import rows

if TYPE_CHECKING:
    from casework.people import Actor
    from casework.store import Store

_OF_MERCHANTS = ("grade", "shop_name", "mcc", "city", "region", "agent_id", "rep_id")


def plain_header(store: Store, actor: Actor, now_ms: int) -> Header:
    """The header by looking at each alert."""
    how = standing(now_ms).label("how")
    joined = select(how, func.count()).join(cases, cases.c.case_id == alerts.c.case_id).where(sees(actor, now_ms))
    with store.reading() as connection:
        found = dict(connection.execute(joined.group_by(how)).tuples().all())
        mine, late = (
            dict(connection.execute(joined.where(condition).group_by(how)).tuples().all()).get("open", 0)
            for condition in (cases.c.holder == actor.user_id, and_(is_late(now_ms), cases.c.status == "open"))
        )
    return Header(**found, mine=mine, late=late)


def check_derived(store: Store, now_ms: int) -> None:
    """Compute anew what follows from alerts, and find nothing else than what was kept."""

    def kept() -> list[Any]:
        # Priorities also follow from verdicts on other cases, and are brought up to them once a day; what a merchant
        # is called and graded is shown as it is now by open cases alone, by others as it was when they were settled.
        names = [each.name for each in cases.c if each.name not in {"priority", *_OF_MERCHANTS}]
        with store.reading() as connection:
            shown = select(cases.c.case_id, *(cases.c[each] for each in _OF_MERCHANTS)).where(cases.c.status == OPEN)
            of_open = sorted(map(tuple, connection.execute(shown)))
        return [rows(store, "cases", *names), rows(store, "alert_totals"), of_open]

    before = kept()
    with store.writing() as connection:
        connection.execute(alert_totals.update().values(filed=0, undecided=0, withdrawn=0))
        connection.execute(cases.update().values(filed=0, undecided=0, withdrawn=0))
        refresh(connection, [*connection.execute(select(cases.c.case_id)).scalars()], now_ms)
    assert kept() == before
    _check_verdicts(store)


def _check_verdicts(store: Store) -> None:
    of_it = (alerts.c.detector, alerts.c.mcc, alerts.c.is_aml, alerts.c.verdict)
    given = alerts.c.verdict.is_not(None)
    with store.reading() as connection:
        plain = connection.execute(select(*of_it, func.count()).where(given).group_by(*of_it)).all()
        counted = connection.execute(select(verdict_counts).where(verdict_counts.c.count != 0)).all()
        total = connection.execute(select(func.coalesce(func.sum(detector_days.c.count), 0))).scalar_one()
        dated = select(func.count()).where(given, alerts.c.decision_id.is_not(None))
        assert sorted(map(tuple, counted)) == sorted(map(tuple, plain))
        assert int(total) == connection.execute(dated).scalar_one()
