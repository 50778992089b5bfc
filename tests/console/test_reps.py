"""Pages of reps: their merchants, the visit list, visits in and out, statistics; nothing of money laundering in any."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from casework.agent import FilingAgent
from casework.logins import make_link
from casework.people import SYSTEM, put_user
from domain.readings import MerchantDays, Profile
from domain.timestamps import iso
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS, alert, rows, score, write
from tests.console.filed import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from casework.store import Store
    from tests.console.conftest import Clock, Visitor

DAY_MS = 86_400_000
TODAY = date.fromisoformat(iso(NOW_MS)[:10])
PAGES = ("/shops", "/shops?show=due", "/visits", "/visits?order=value", "/visits.csv", "/visits/made.csv")


def tell(log: SqliteLog, kind: str, whose: str, time_ms: int, offset: int | None = None, **fields: Any) -> None:
    name = "effective_from" if offset is None else "event_time"
    made = Profile(
        merchant_id=whose, kind=kind, effective_from=iso(time_ms), fields={name: time_ms, **fields}, offset=offset
    )
    log.append("merchant-profiles", 0, [msgspec.json.encode(made)], keys=[made.key.encode()])


def fill(log: SqliteLog) -> None:
    """Four shops of `rep`, one of another: a declining one, one with terminals, one late, one with new prices."""
    shops = (("m1", "老王五金"), ("m2", HOSTILE), ("m3", "好又多"), ("m4", "新店"), ("m5", "别人家"))
    for k, (merchant_id, name) in enumerate(shops):
        opened_ms = NOW_MS - (20 + 40 * k) * DAY_MS
        tell(
            log, "merchant", merchant_id, opened_ms, short_name=name, opened_at=opened_ms, status="active",
            rep_id="rep" if k < 4 else "rep2", address=f"{k} 路", lat=31.2 + k / 10, lon=121.5, coord_sys="gcj02",
            region="安徽", agent_id="A-17",
        )  # fmt: skip
        days = [(TODAY - timedelta(days=each)).isoformat() for each in range(1, 40)]
        made = MerchantDays(
            merchant_id=[merchant_id] * len(days), day=days, currency=["CNY"] * len(days), score=[None] * len(days),
            columns={
                "closed_sales": [5 + k] * len(days), "closed_minor": [100_000 * (k + 1)] * len(days),
                "closed_fee_minor": [600] * len(days), "expected_1d": [10.0] * len(days),
            },
        )  # fmt: skip
        log.append("merchant-days", 0, [msgspec.json.encode(made)])
    time = iso(NOW_MS - 5 * DAY_MS)
    write(
        log, alert("d1", "m1", "volume_decline", first_time=time, last_time=time),
        alert("t1", "m2", "terminal_failing", first_time=time, last_time=time, facts={"terminal_id": "21000417"}),
        alert("t2", "m2", "terminal_silent", first_time=time, last_time=time, facts={"terminal_id": "21000418"}),
        alert("f1", "m3", "fee_over", first_time=time, last_time=time),
    )  # fmt: skip
    tell(log, "contract", "m4", NOW_MS - 130 * DAY_MS, prices=[{"rate_ppm": 6_000}])
    tell(log, "contract", "m4", NOW_MS + 5 * DAY_MS, prices=[{"rate_ppm": 6_500}], notice_from=NOW_MS - 30 * DAY_MS)
    tell(log, "visit", "m1", NOW_MS - 3 * DAY_MS, 4, person_id="rep", visit_kind="routine", outcome="other_acquirer")
    tell(log, "complaint", "m2", NOW_MS - DAY_MS, 5, reason_code="fee")
    tell(log, "person", "rep2", 1, name="苇杪")


@pytest.fixture
def full(store: Store, tmp_path: Path) -> Path:
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
        fill(log)
        FilingAgent(store, log, lambda: NOW_MS).file()
        FilingAgent(store, log, lambda: NOW_MS + 1).file()
    return tmp_path


def table(body: bytes) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))]


def section(page: str, name: str) -> str:
    return next(each for each in page.split('<li class="card')[1:] if name in each)


@pytest.mark.usefixtures("full")
def test_a_rep_sees_what_its_merchants_sell_and_what_they_need(visit: Callable[[str], Visitor]) -> None:
    page = visit("rep").get("/shops").text
    assert "老王五金" in page
    assert "别人家" not in page
    assert "<script>alert" not in page
    declining = section(page, "老王五金")
    assert "50%" in declining
    assert "Business declines" in declining
    assert "Ask what the other terminal does better" in declining
    failing = section(page, "&lt;script&gt;")
    assert failing.count("2100041") == 2
    assert "Terminal fails" in failing
    assert "Terminal not used" in failing
    assert "Business declines" not in section(page, "好又多")
    assert "change on 2026-12" in section(page, "新店")
    places = [page.index(each) for each in ("新店", "好又多", "&lt;script&gt;", "老王五金")]
    assert places == sorted(places), "of those that want one thing, those with a visit due first, then by turnover"


@pytest.mark.usefixtures("full")
def test_no_word_of_rules_grades_or_scores_is_on_a_reps_pages(store: Store, visit: Callable[[str], Visitor]) -> None:
    assert rows(store, "alerts", "detector")
    for path in PAGES:
        body = visit("rep").get(path).text.lower()
        for word in ("volume_decline", "fee_over", "terminal_failing", "severity", "grade", "评分", "跳码", "alert "):
            assert word not in body, (path, word)


@pytest.mark.usefixtures("full")
def test_the_office_names_the_rep_and_a_rep_cannot_name_another(visit: Callable[[str], Visitor]) -> None:
    assert "别人家" in visit("lead").get("/shops?rep=rep2").text
    assert "Merchants of 苇杪" in visit("lead").get("/shops?rep=rep2").text
    assert "别人家" not in visit("rep").get("/shops?rep=rep2").text
    assert "别人家" not in visit("rep").get("/visits?rep=rep2").text
    assert visit("rep").get("/shops?show=score").status_code == 422


def test_a_finding_of_money_laundering_changes_no_byte_of_a_reps_pages(
    full: Path, store: Store, clock: Clock, visit: Callable[[str], Visitor]
) -> None:
    rep = visit("rep")
    before = [rep.get(path).content for path in PAGES]
    time = iso(NOW_MS - 5 * DAY_MS)
    with SqliteLog(full / "tillwatch.db", durable=False) as log:
        for k, detector in enumerate(("volume_decline", "terminal_failing", "mcc_jump", "anomaly")):
            write(log, alert(f"x{k}", "m3", detector, first_time=time, last_time=time, risk_code="29", severity=0.99))
        write(log, score("m3", "E", 1), score("m1", "D", 1))
        FilingAgent(store, log, clock).file()
    assert (True,) in rows(store, "cases", "is_aml")
    assert {"D", "E"} <= {each for (each,) in rows(store, "merchants", "grade")}
    assert [rep.get(path).content for path in PAGES] == before


@pytest.mark.usefixtures("full")
def test_the_visit_list_is_ordered_and_kept_as_a_file(visit: Callable[[str], Visitor]) -> None:
    rep = visit("rep")
    assert [each["merchant_id"] for each in table(rep.get("/visits.csv").content)] == ["m4", "m3", "m2"]
    near = rep.get("/visits.csv?order=distance&lat=31.31&lon=121.5&coord_sys=gcj02").content
    nearest = table(near)[0]
    assert (nearest["merchant_id"], nearest["distance, m"], nearest["shop"]) == ("m2", "1112", HOSTILE)
    assert rep.get("/visits.xlsx").content.startswith(b"PK")
    assert "&lt;script&gt;" in rep.get("/visits").text
    for wrong in ("order=score", "within=9999", "order=distance", "lat=x&lon=1", "lat=99&lon=1", "within=x"):
        assert rep.get(f"/visits?{wrong}").status_code == 422, wrong
    assert rep.get("/visits?lat=&lon=&coord_sys=").status_code == 200
    chinese = rep.get("/visits", headers={"Accept-Language": "zh"}).text
    assert "新商户首访" in chinese
    assert "走访清单" in chinese


@pytest.mark.usefixtures("full")
def test_visits_go_out_as_a_table_and_come_in_again(store: Store, visit: Callable[[str], Visitor]) -> None:
    lead = visit("lead")
    made = lead.get("/visits/made.csv").content
    assert [each["outcome"] for each in table(made)] == ["other_acquirer"]
    before = rows(store, "visits")
    again = lead.post("/visits/import", files={"file": ("v.csv", made)})
    assert "0 visits are new, 0 are corrected, 1 were known" in again.text
    text = "商户号,走访时间,走访人,走访结果\nm3,2026-11-20 10:00,rep,与登记一致\nnobody,2026-11-20 10:00,rep,搬迁\n"
    tried = lead.post("/visits/import", files={"file": ("v.csv", text.encode())}, data={"dry_run": "true"})
    assert "Nothing was changed" in tried.text
    assert rows(store, "visits") == before
    taken = lead.post("/visits/import", files={"file": ("v.csv", text.encode("gb18030"))})
    assert "1 visits are new" in taken.text
    assert "Line 3: there is no merchant nobody" in taken.text
    assert lead.post("/visits/import", files={"file": ("v.csv", b"nothing")}).status_code == 422
    assert visit("rep").post("/visits/import", files={"file": ("v.csv", text.encode())}).status_code == 403


@pytest.mark.usefixtures("full")
def test_statistics_of_a_month_are_shown_and_kept_as_a_file(visit: Callable[[str], Visitor]) -> None:
    viewer = visit("viewer")
    found = {each["rep"]: each for each in table(viewer.get("/reps.csv").content)}
    assert {name: found["rep"][name] for name in ("merchants", "active merchants", "visits made", "complaints")} == {
        "merchants": "4", "active merchants": "4", "visits made": "1", "complaints": "1",
    }  # fmt: skip
    assert (found["rep"]["early warnings"], found["rep"]["currency"]) == ("1", "CNY")
    assert found["rep2"]["name"] == "苇杪"
    page = viewer.get("/reps?month=2026-10&by=agent").text
    assert "A-17" in page
    assert 'href="/reps?month=2026-09&amp;by=agent"' in page
    assert "月度统计" in viewer.get("/reps", headers={"Accept-Language": "zh"}).text
    for wrong in ("month=2026-13", "month=2027-01", "month=x", "by=grade"):
        assert viewer.get(f"/reps?{wrong}").status_code == 422, wrong
    assert visit("rep").get("/reps").status_code == 403


def test_pages_of_an_empty_store_say_so(store: Store, visit: Callable[[str], Visitor]) -> None:
    put_user(store, SYSTEM, "new", "New", {"rep"}, NOW_MS)
    assert "No merchant." in visit("new").get("/shops").text
    assert "No visit is due." in visit("new").get("/visits").text
    assert "Nothing is known of this month." in visit("viewer").get("/reps").text


def test_a_rep_begins_with_its_own_merchants_and_the_office_with_the_queue(
    store: Store, clock: Clock, visit: Callable[[str], Visitor]
) -> None:
    for who, begins in (("rep", "/shops"), ("lead", "/queue")):
        link = make_link(store, who, clock(), 60_000)
        answer = visit("").post(f"/login/{link}", headers={"Origin": "http://testserver"})
        assert (answer.status_code, answer.headers["location"]) == (303, begins)
