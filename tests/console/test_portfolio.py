"""The portfolio: what it counts, who sees what of it, and what a lead changes there."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from casework import pauses
from casework.agent import FilingAgent
from casework.decisions import decide
from casework.people import SYSTEM, Actor, put_user
from casework.queue.order import read_policy
from casework.reading.load import load
from casework.reading.pauses import snoozes_running, suppressions_running
from domain.alerts import Text
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS, alert, cause, rows, score, write
from tests.console.filed import HOSTILE, file_more, shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from casework.store import Store
    from tests.console.conftest import Clock, Visitor

LEAD, AML = Actor("lead", frozenset({"lead"})), Actor("aml", frozenset({"aml"}))
DAY_MS = 86_400_000


@pytest.fixture
def full(store: Store, tmp_path: Path) -> None:
    """Two shops of one MCC, one of another, and an alert of money laundering."""
    file_more(
        store, tmp_path, shop("m1", "老王五金", mccs=["5251"]), shop("m2", HOSTILE, region=HOSTILE, mccs=["5411"]),
        shop("m3", "好又多"), alert("c", "m3", "fee_over", loss=70_000), alert("secret", "m3", risk_code="29"),
        score("m1", "E", 1),
    )  # fmt: skip


def table(body: bytes) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))]


def row(html: str, key: str) -> str:
    return next(" ".join(each.split()) for each in html.split("<tr>") if f">{key}</a>" in each)


@pytest.mark.usefixtures("full")
def test_groups_count_merchants_cases_alerts_and_money(visit: Callable[[str], Visitor]) -> None:
    found = {each["MCC"]: each for each in table(visit("viewer").get("/portfolio.csv?by=mcc").content)}
    assert found["5411"] | {"name": ""} == {
        "MCC": "5411", "name": "", "merchants": "2", "open cases": "2", "open alerts": "2",
        "share of the load": str(2 / 3), "currency": "CNY", "loss": "710.0", "turnover": "1800.0",
    }  # fmt: skip
    assert "五金" in table(visit("viewer").get("/portfolio.csv", headers={"Accept-Language": "zh"}).content)[1]["名称"]


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize(
    ("by", "query"),
    [
        ("mcc", "mcc=5251"), ("region", "region=%E5%AE%89%E5%BE%BD"), ("rep", "rep=rep"), ("agent", "agent=A-17"),
        ("grade", "grade=E"),
    ],
)  # fmt: skip
def test_a_row_leads_to_the_queue_with_its_filter(by: str, query: str, visit: Callable[[str], Visitor]) -> None:
    page = visit("viewer").get(f"/portfolio?by={by}").text
    assert f'href="/queue?{query}"' in page
    assert visit("viewer").get(f"/queue?{query}").text.count('<tr class="case') >= 1
    assert "<script>alert" not in page


@pytest.mark.usefixtures("full")
def test_groups_are_ordered_by_any_column(visit: Callable[[str], Visitor]) -> None:
    for sort, first in (("-loss", "5411"), ("loss", "5251"), ("key", "5251"), ("-key", "5411"), ("merchants", "5251")):
        assert table(visit("viewer").get(f"/portfolio.csv?sort={sort}").content)[0]["MCC"] == first, sort
    for wrong in ("?sort=colour", "?by=colour", "?by=merchant_id"):
        assert visit("viewer").get(f"/portfolio{wrong}").status_code == 422


@pytest.mark.usefixtures("full")
def test_what_is_of_money_laundering_counts_for_aml_alone(visit: Callable[[str], Visitor]) -> None:
    for who, count in (("lead", "2"), ("aml", "3")):
        found = {each["MCC"]: each for each in table(visit(who).get("/portfolio.csv").content)}
        assert found["5411"]["open alerts"] == count


def test_the_load_is_of_days_by_the_consoles_clock(store: Store, visit: Callable[[str], Visitor]) -> None:
    case_id = rows(store, "cases", "case_id")[0][0]
    decide(store, LEAD, case_id, 1, "confirmed", "mcc", "seen", NOW_MS)
    days = load(store, LEAD, "Asia/Shanghai", NOW_MS)
    assert (len(days), days[-1].filed, days[-1].opened, days[-1].decided) == (30, 2, 2, 1)
    assert [each.opened for each in days[:-1]] == [0] * 29
    before = load(store, LEAD, "Asia/Shanghai", NOW_MS + DAY_MS)
    assert (before[-1].opened, before[-2].opened) == (0, 2)
    chart = re.search(r'data-chart="([^"]+)"', visit("viewer").get("/portfolio").text)
    assert chart is not None
    drawn = json.loads(unescape(chart[1]))
    assert [each[-1] for each in drawn["data"][1:]] == [2, 1, 40]


def test_detectors_show_hits_confirmed_share_and_silence(store: Store, visit: Callable[[str], Visitor]) -> None:
    decide(store, LEAD, rows(store, "cases", "case_id")[0][0], 1, "confirmed", "mcc", "seen", NOW_MS)
    page = visit("viewer").get("/portfolio/detectors").text
    line = row(page, "MCC code-jumping")
    assert '100% <span class="quiet">(21%–100%)' in line
    assert "never" in row(page, "Burst of a new merchant")


def test_duties_are_listed_until_thirty_days_ahead(
    store: Store, tmp_path: Path, visit: Callable[[str], Visitor]
) -> None:
    assert "No duty is late" in visit("viewer").get("/portfolio/duties").text
    with store.writing() as connection:
        connection.exec_driver_sql(f"UPDATE alerts SET duty_ms = {NOW_MS - 7_200_000} WHERE alert_id = 'a'")
    assert "late by 2 h" in visit("viewer").get("/portfolio/duties").text
    assert "逾期2小时" in visit("viewer").get("/portfolio/duties", headers={"Accept-Language": "zh"}).text


def test_pauses_that_keep_nothing_out_are_marked_and_lifted(
    store: Store, clock: Clock, visit: Callable[[str], Visitor]
) -> None:
    pauses.suppress(store, LEAD, "volume_rise", "m1", NOW_MS + 90 * DAY_MS, HOSTILE, NOW_MS)
    pauses.suppress(store, LEAD, "mcc_jump", "m1", NOW_MS + 90 * DAY_MS, "usual", NOW_MS)
    pauses.snooze(store, LEAD, rows(store, "cases", "case_id")[1][0], NOW_MS + 80 * DAY_MS, "wait", NOW_MS)
    assert "nothing in 30 days" not in visit("lead").get("/portfolio/paused").text
    assert [each.alerts for each in suppressions_running(store, LEAD, NOW_MS)] == [0, 1]
    clock.now_ms += 31 * DAY_MS
    page = visit("lead").get("/portfolio/paused").text
    assert page.count("nothing in 30 days") == 3
    assert "<script>alert" not in page
    assert visit("lead").post("/portfolio/suppressions/1/lift").status_code == 303
    assert visit("analyst").post(f"/portfolio/snoozes/{rows(store, 'cases', 'case_id')[1][0]}/end").status_code == 303
    assert [each.suppression_id for each in suppressions_running(store, LEAD, clock.now_ms)] == [2]
    assert snoozes_running(store, LEAD, clock.now_ms) == ()


def test_only_leads_lift_and_only_aml_sees_what_is_its_own(store: Store, visit: Callable[[str], Visitor]) -> None:
    pauses.suppress(store, AML, "mcc_jump", "m1", NOW_MS + DAY_MS, "ours", NOW_MS, of_aml=True)
    assert "ours" not in visit("lead").get("/portfolio/paused").text
    assert "ours" in visit("aml").get("/portfolio/paused").text
    assert visit("lead").post("/portfolio/suppressions/1/lift").status_code == 404
    for role in ("viewer", "analyst", "admin", "rule_editor"):
        assert visit(role).post("/portfolio/suppressions/1/lift").status_code == 403


def test_a_lead_sets_costs_and_capacity(store: Store, visit: Callable[[str], Visitor]) -> None:
    given = {"per_day": "25", "code": ["26", "none", "29"], "cost": ["7.5", "2", ""]}
    assert visit("lead").post("/portfolio/policy", data=given).status_code == 303
    with store.reading() as connection:
        policy = read_policy(connection)
    assert (policy.per_day, policy.costs) == (25, {"26": 7.5, "": 2.0})
    assert 'value="7.5"' in visit("viewer").get("/portfolio/policy").text
    assert "disabled" in visit("viewer").get("/portfolio/policy").text
    for wrong in (
        {"per_day": "0"},
        {"cost": ["-1", "2", ""]},
        {"code": ["98", "none", "29"]},
        {"cost": ["much", "", ""]},
    ):
        assert visit("lead").post("/portfolio/policy", data=given | wrong).status_code == 422
    assert visit("analyst").post("/portfolio/policy", data=given).status_code == 403


def test_reps_are_shown_by_name(store: Store, tmp_path: Path, visit: Callable[[str], Visitor]) -> None:
    put_user(store, SYSTEM, "rep-9", "张三", {"rep"}, NOW_MS)
    file_more(store, tmp_path, shop("m1", "老王五金", rep_id="rep-9"))
    assert "张三" in visit("viewer").get("/portfolio?by=rep").text


def test_a_case_is_opened_for_a_cause_from_its_line(
    store: Store, tmp_path: Path, visit: Callable[[str], Visitor]
) -> None:
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
        write(log, cause("k-1", {"m1": ["a"], "m2": ["b"]}, title=Text("One <agent>", "同一<代理商>")))
        write(log, alert("z", "m9", risk_code="29"), cause("secret", {"m9": ["z"]}, risk_code="29"))
        FilingAgent(store, log, lambda: NOW_MS).file()
    visitor = visit("analyst")
    page = visitor.get("/portfolio/causes").text
    assert "One &lt;agent&gt;" in page
    assert "secret" not in page
    assert "secret" in visit("aml").get("/portfolio/causes").text
    assert "Open a case" not in visit("viewer").get("/portfolio/causes").text
    opened = visitor.post("/portfolio/causes/k-1/case")
    assert opened.status_code == 303
    assert f'href="{opened.headers["location"]}"' in visitor.get("/portfolio/causes").text
    assert "One &lt;agent&gt;" in visitor.get(opened.headers["location"]).text
    assert visitor.post("/portfolio/causes/k-1/case").status_code == 422, "it has one"
    assert visitor.post("/portfolio/causes/secret/case").status_code == 404
