"""Every query of the dashboards on casework, run on a real store as the role that Grafana has."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from psycopg.rows import dict_row
from sqlalchemy import select, text, update

from casework.agent import FilingAgent
from casework.decisions import UNDO_MS, decide
from casework.people import SYSTEM, actor_of, put_user
from casework.schema import METADATA, alerts, cases
from casework.store import Store
from domain.readings import MerchantDays
from domain.timestamps import iso
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.postgres import serving
from tests.casework.world import alert, score, write
from tests.causes.world import FIRST, profile
from tests.dashboards.reading import LANGUAGES, SQL_BOARDS, board
from tests.parts import command, require

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from psycopg import Connection

    from tests.casework.postgres import Server

pytestmark = pytest.mark.postgres
DEPLOY = Path(__file__).parents[2] / "deploy" / "postgres"
DAY_MS = 86_400_000
NOW_MS = int(time.time() * 1000)
SECRET = "m9"
"""A merchant of whom nobody but `aml` may hear."""
DAY_COLUMNS: dict[str, list[int | float | None]] = {
    "closed_sales": [40, 90], "closed_minor": [400_000, 900_000], "expected_1d": [45.5, 46.0],
    "expected_low_1d": [30.0, 31.0], "expected_high_1d": [60.0, 61.0], "closed_fee_minor": [2_400, 5_400],
    "closed_fee_judged_minor": [2_400, 5_400], "closed_fee_due_minor": [2_000, 4_500], "closed_mcc_1": [5_411, 742],
    "closed_mcc_1_sales": [30, 80], "closed_mcc_2": [5_812, None], "closed_mcc_2_sales": [10, None],
    "gauge_vamp_share": [0.4, 0.9],
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with the database that deploy/postgres/init.sh makes."""
    secrets = tmp_path_factory.mktemp("secrets")
    (secrets / "postgres").mkdir()
    for name in ("casework", "grafana"):
        (secrets / "postgres" / f"{name}-password").write_text(f"it's {name}'s own")
    with contextmanager(require_server)() as found:
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(found.port), "TILLWATCH_SECRETS": str(secrets)}
        subprocess.run([DEPLOY / "init.sh"], check=True, env=os.environ | where, capture_output=True)
        yield found


def require_server() -> Iterator[Server]:
    require(lambda: command("psql", "postgresql-client"))
    running = contextmanager(serving)("postgres")
    yield require(running.__enter__)
    running.__exit__(None, None, None)


@pytest.fixture(scope="module")
def store(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with something of everything, whose views Grafana may read."""
    with (
        Store(server.url("casework", "tillwatch")) as made,
        SqliteLog(tmp_path_factory.mktemp("log") / "tillwatch.db", durable=False) as log,
    ):
        create_topics(log, 1)
        made.check_version(make=True)
        fill(made, log)
        run_sql(server.url("casework", "tillwatch"))
        yield made


def run_sql(url: str) -> None:
    done = subprocess.run(
        ["psql", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "-d", url, "-f", DEPLOY / "grafana.sql"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def fill(store: Store, log: SqliteLog) -> None:
    then = {"first_time": iso(NOW_MS - DAY_MS), "last_time": iso(NOW_MS - DAY_MS // 2)}
    write(log, alert("a", **then), alert("b", "m1", "fee_over", **then), alert("c", "m2", **then))
    write(log, alert("d", "m3", **then), alert("x", SECRET, risk_code="29", **then), alert("y", SECRET, risk_code="29"))
    write(log, score("m1", "D", 1), score("m2", "E", 1))
    shop = profile("m1", FIRST, name="Baihe", city="西安")
    log.append("merchant-profiles", 0, [msgspec.json.encode(shop)], keys=[shop.key.encode()])
    days = [iso(NOW_MS - k * DAY_MS)[:10] for k in (2, 1)]
    rows = MerchantDays(
        merchant_id=["m1", "m1"], day=days, currency=["CNY"] * 2, score=[20.0, 60.0], columns=DAY_COLUMNS
    )
    log.append("merchant-days", 0, [msgspec.json.encode(rows)])
    FilingAgent(store, log, lambda: NOW_MS - DAY_MS).file()
    put_user(store, SYSTEM, "li", "Li", ("analyst", "aml"), NOW_MS)
    decided(store, "a", ["a"], NOW_MS - 3 * UNDO_MS)
    decided(store, "x", ["x"], NOW_MS - 3 * UNDO_MS)
    decided(store, "c", ["c"], NOW_MS - 3 * UNDO_MS, "false_alarm")  # of a merchant of grade E: another must agree
    with store.writing() as connection:
        held = {"holder": "li", "due_ms": NOW_MS - 3_600_000}
        connection.execute(update(cases).where(cases.c.merchant_id == "m2").values(held))


def decided(store: Store, alert_id: str, ids: Sequence[str], now_ms: int, verdict: str = "confirmed") -> None:
    with store.reading() as connection:
        case = connection.execute(
            select(cases.c.case_id, cases.c.version)
            .join(alerts, alerts.c.case_id == cases.c.case_id)
            .where(alerts.c.alert_id == alert_id)
        ).one()
    decide(store, actor_of(store, "li"), case.case_id, case.version, verdict, "A1", "so it is", now_ms, alert_ids=ids)


@pytest.fixture
def grafana(server: Server, store: Store) -> Iterator[Connection[dict[str, Any]]]:
    with psycopg.connect(
        server.url("casework", "tillwatch_grafana"), autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


def expanded(sql: str, merchant_id: str = "m1") -> str:
    """A query as Grafana sends it, of the last 90 days."""
    while (at := sql.find("$__timeFilter(")) >= 0:
        first = end = at + len("$__timeFilter(")
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        inside = sql[first : end - 1]
        bounds = f"'{iso(NOW_MS - 90 * DAY_MS)}' AND '{iso(NOW_MS)}'"
        sql = f"{sql[:at]}{inside} BETWEEN {bounds}{sql[end:]}"
    return sql.replace("${merchant_id:sqlstring}", f"'{merchant_id}'")


QUERIES = [
    pytest.param(target["rawSql"], id=f"{name}: {panel['title']}")
    for name in SQL_BOARDS
    for panel in board("en", name)["panels"]
    for target in panel["targets"]
]


@pytest.mark.parametrize("sql", QUERIES)
def test_a_panel_shows_something_and_nothing_of_money_laundering(sql: str, grafana: Connection[dict[str, Any]]) -> None:
    found = grafana.execute(expanded(sql).encode()).fetchall()
    assert found
    assert any(value not in {None, ""} for row in found for value in row.values())
    assert SECRET not in repr(found)
    if " AS time, " in sql:
        assert {*found[0]} == {"time", "metric", "value"}
    of_secret = grafana.execute(expanded(sql, SECRET).encode()).fetchall()
    assert "'m1'" not in expanded(sql) or not any(row.get("value") for row in of_secret)


def test_the_merchants_that_are_offered_are_the_riskiest(grafana: Connection[dict[str, Any]]) -> None:
    for language in LANGUAGES:
        (variable,) = [
            each for each in board(language, "merchant")["templating"]["list"] if each["name"] == "merchant_id"
        ]
        found = grafana.execute(variable["query"].encode()).fetchall()
        assert {(each["__value"], each["__text"]) for each in found} == {("m1", "m1 · Baihe · 西安"), ("m2", "m2")}


def test_a_decision_that_waits_for_another_to_agree_is_not_shown(grafana: Connection[dict[str, Any]]) -> None:
    found = grafana.execute("SELECT merchant_id, verdict FROM view_decisions").fetchall()
    assert [(each["merchant_id"], each["verdict"]) for each in found] == [("m1", "confirmed")]
    of_m2 = grafana.execute("SELECT status, undecided FROM view_cases WHERE merchant_id = 'm2'").fetchone()
    assert of_m2 == {"status": "open", "undecided": 1}


def test_days_are_filed_in_columns_and_an_mcc_has_four_digits(grafana: Connection[dict[str, Any]]) -> None:
    found = grafana.execute("SELECT mcc, sales FROM view_merchant_mccs ORDER BY sales").fetchall()
    assert [(each["mcc"], each["sales"]) for each in found] == [("5812", 10.0), ("5411", 30.0), ("0742", 80.0)]


def test_grafana_reads_views_alone_and_changes_nothing(grafana: Connection[dict[str, Any]], store: Store) -> None:
    for table in METADATA.tables:
        with pytest.raises(InsufficientPrivilege):
            grafana.execute(f'SELECT * FROM "{table}"'.encode())
    with pytest.raises(ReadOnlySqlTransaction):
        grafana.execute("CREATE TABLE theirs (one INTEGER)")
    grafana.execute("SET default_transaction_read_only = off")
    with pytest.raises(InsufficientPrivilege):
        grafana.execute("CREATE TABLE theirs (one INTEGER)")


def test_passwords_are_kept_as_salted_hashes(server: Server) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        found = connection.execute(
            "SELECT rolname, left(rolpassword, 13) FROM pg_authid WHERE rolname LIKE 'tillwatch%'"
        )
        assert sorted(found.fetchall()) == [("tillwatch", "SCRAM-SHA-256"), ("tillwatch_grafana", "SCRAM-SHA-256")]


def test_columns_of_days_that_were_filed_before_are_filled_by_the_migration(store: Store) -> None:
    with store.reading() as connection:
        before = connection.execute(text("SELECT * FROM merchant_days ORDER BY day")).mappings().all()
    store.migrate("005")
    store.migrate()
    with store.reading() as connection:
        after = connection.execute(text("SELECT * FROM merchant_days ORDER BY day")).mappings().all()
    assert [dict(each) for each in after] == [dict(each) for each in before]
