"""No page looks at every row of a large table, as SQLite plans it with the statistics of a million alerts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from bench.casework_made import Made, fill
from bench.casework_scale import functions
from casework.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

STATISTICS = {
    "alerts": 1_000_000, "alert_revisions": 1_100_000, "alert_transactions": 5_000_000, "cases": 350_000,
    "merchants": 100_000, "merchant_profiles": 150_000, "merchant_days": 3_000_000, "merchant_scores": 500_000,
    "audit": 700_000, "decisions": 290_000, "decision_alerts": 880_000, "merchant_reps": 110_000,
    "merchant_months": 1_200_000, "visits": 400_000, "inspections": 500_000, "complaints": 20_000, "declines": 20_000,
}  # fmt: skip
WHOLE = {
    # What is of all merchants is read from an index that has all of it.
    "portfolio by mcc": {"merchants"}, "portfolio by region": {"merchants"}, "portfolio by rep_id": {"merchants"},
    "portfolio by agent_id": {"merchants"}, "portfolio by grade": {"merchants"}, "search of an id": {"merchants"},
    "search of a name": {"merchants"}, "search of four digits": {"merchants"}, "search of an RRN": {"merchants"},
    "search seen by a rep": {"merchants"},
}  # fmt: skip
ALLOWED = {
    "SCAN audit USING INDEX sqlite_autoindex_audit_1",  # from the newest on, until a page is full
    "SCAN cases USING COVERING INDEX ix_cases_open",  # which has open cases alone
    "SCAN cases USING INDEX ix_cases_aml",  # which has those of money laundering alone
    "SCAN inspections USING COVERING INDEX ix_inspections_merchant",  # which has open inspections alone
    "SCAN alerts USING COVERING INDEX ix_alerts_undecided",  # which has undecided alerts alone
}
_SCAN = re.compile(r"^SCAN (\w+)(.*)$")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Made]]:
    made = Made(600, 60, 3)
    with Store(f"sqlite:///{tmp_path_factory.mktemp('plans')}/casework.db") as store:
        store.check_version(make=True)
        fill(store, made)
        with store.writing() as connection:
            found = connection.exec_driver_sql("SELECT tbl, idx, stat FROM sqlite_stat1").all()
            changed = "UPDATE sqlite_stat1 SET stat = ? WHERE tbl = ? AND idx IS ?"
            for table, index, stat in found:
                if table in STATISTICS:
                    scaled = " ".join([str(STATISTICS[table]), *stat.split()[1:]])
                    connection.exec_driver_sql(changed, (scaled, table, index))
        store.close()  # statistics are read when a connection is made
        yield store, made


NAMES = [*functions(None, Made(600, 60, 3))]  # type: ignore[arg-type]  for their names alone


@pytest.mark.parametrize("name", NAMES)
def test_no_large_table_is_read_as_a_whole(filled: tuple[Store, Made], name: str) -> None:
    store, made = filled
    for plan in plans(store, functions(store, made)[name]):
        for line in plan:
            scan = _SCAN.match(line)
            if scan is None or scan[1] not in STATISTICS or line in ALLOWED:
                continue
            assert scan[1] in WHOLE.get(name, set()), (line, plan)
            assert "USING COVERING INDEX" in scan[2], (line, plan)


def plans(store: Store, read: Any) -> list[list[str]]:
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.lstrip().startswith("SELECT"):
            seen.append((statement, parameters))

    engine = store._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        read()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    with store.reading() as connection:
        return [
            [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in seen
        ]
