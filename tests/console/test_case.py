"""The page of a case: what it shows, to whom, and what is done on it."""

from __future__ import annotations

import io
import shutil
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import select

from casework import filing, operations
from casework.agent import FilingAgent
from casework.people import SYSTEM, Actor, put_user
from casework.schema import cases
from casework.store import Store
from console.case import charts, evidence
from detectors.registry import DETECTORS
from domain.alerts import Evidence, Text
from domain.readings import MerchantDays, Profile, TransactionRow
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS, alert, cause, rows, score, write
from tests.causes.world import FIRST, profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.console.conftest import Clock, Visitor

HOSTILE = '<script>alert("x")</script>'
LEAD, ANALYST = (Actor(role, frozenset({role})) for role in ("lead", "analyst"))


@dataclass(frozen=True)
class Case:
    """A store in which m1, with a hostile name and of grade E, has two alerts in one case."""

    store: Store
    folder: Path
    case_id: int

    def file(self, *values: Any) -> None:
        with SqliteLog(self.folder / "tillwatch.db", durable=False) as log:
            write(log, *values)
            FilingAgent(self.store, log, lambda: NOW_MS).file()

    def row(self, case_id: int = 0) -> Any:
        with self.store.reading() as connection:
            return connection.execute(select(cases).where(cases.c.case_id == (case_id or self.case_id))).one()

    @property
    def path(self) -> str:
        return f"/cases/{self.case_id}"


@pytest.fixture(scope="module")
def filed(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with such a store and its log, made once."""
    folder = tmp_path_factory.mktemp("case")
    shutil.copytree(seeded, folder, dirs_exist_ok=True)
    shop = profile("m1", FIRST, rep_id="rep", name=HOSTILE, mccs=["5722"], currency="CNY")
    prices = {"prices": [{"rate_ppm": 6000}, {"card_kind": "debit", "rate_ppm": 5000, "cap": 2000}]}
    contract = Profile(merchant_id="m1", kind="contract", effective_from="2025-01-01T00:00:00.000Z", fields=prices)
    days = MerchantDays(
        merchant_id=["m1"] * 2, day=["2024-12-31", "2025-01-01"], currency=["CNY"] * 2, score=[None] * 2,
        columns={"closed_sales": [9, 14], "closed_mcc_1": [5722, 8211], "closed_mcc_1_sales": [9, 14]},
    )  # fmt: skip
    with Store(f"sqlite:///{folder}/casework.db") as store:
        with store.writing() as connection:
            filing.file_profiles(store, connection, [shop, contract], NOW_MS)
            filing.file_scores(store, connection, [score("m1", "E", 1)], NOW_MS)
            filing.file_days(store, connection, [days])
        put_user(store, SYSTEM, "lead-2", "Second lead", {"lead"}, NOW_MS)
        Case(store, folder, 0).file(alert("d", detector="fee_over", severity=0.4))
    return folder


@pytest.fixture
def store(filed: Path, tmp_path: Path) -> Iterator[Store]:
    shutil.copytree(filed, tmp_path, dirs_exist_ok=True)
    with Store(f"sqlite:///{tmp_path}/casework.db") as found:
        yield found


@pytest.fixture
def case(store: Store, tmp_path: Path) -> Case:
    with store.reading() as connection:
        found = connection.execute(select(cases.c.case_id).where(cases.c.merchant_id == "m1")).scalar_one()
    return Case(store, tmp_path, int(found))


def text_of(visitor: Visitor, path: str) -> str:
    answer = visitor.get(path)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def sent(visitor: Visitor, path: str, **form: Any) -> int:
    """Send a form as scripts do; the status of the answer."""
    return int(visitor.post(path, data=form, headers={"HX-Request": "true"}).status_code)


# -- what it shows


def test_the_leading_alert_is_open_and_the_others_wait_to_be_unfolded(
    case: Case, visit: Callable[[str], Visitor]
) -> None:
    page = text_of(visit("analyst"), case.path)
    assert 'id="alert-a" open' in page
    assert f'id="alert-d" hx-get="{case.path}/alerts/d"' in page
    part = visit("analyst").get(f"{case.path}/alerts/d", headers={"HX-Request": "true"}).text
    assert "t-d" in part
    assert "<html" not in part


def test_an_alerts_address_leads_to_its_case_with_the_alert_open(case: Case, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("viewer")
    answer = visitor.get("/alerts/d")
    assert answer.headers["location"] == f"{case.path}?alert=d#alert-d"
    assert 'id="alert-d" open' in text_of(visitor, f"{case.path}?alert=d")
    assert visitor.get("/alerts/nothing").status_code == 404


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", ("What it rests on", "Verdict", "nobody", "in 23 h")), ("zh", ("证据", "判定", "未分配", "剩23小时"))],
)
def test_it_says_in_both_languages_what_is_known(
    lang: str, words: tuple[str, ...], case: Case, visit: Callable[[str], Visitor], clock: Clock
) -> None:
    clock.now_ms += 60_000
    visitor = visit("analyst")
    visitor.cookies.set("tillwatch_lang", lang)
    page = text_of(visitor, case.path)
    assert [each for each in words if each not in page] == []


def test_what_merchants_and_people_write_is_inert(case: Case, visit: Callable[[str], Visitor]) -> None:
    operations.comment(case.store, ANALYST, case.case_id, HOSTILE, NOW_MS)
    page = text_of(visit("analyst"), case.path)
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;alert") >= 3  # title, heading, comment


def test_transactions_are_a_table_that_no_spreadsheet_computes(case: Case, visit: Callable[[str], Visitor]) -> None:
    txn = TransactionRow(
        txn_id="=1+1", time="2025-01-01T04:00:00.000Z", amount=12_800, currency="CNY", mcc="8211", rrn="99"
    )
    case.file(alert("f", detector="mcc_drift", transactions=(txn,)))
    answer = visit("viewer").get("/alerts/f/transactions.csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert "'=1+1,purchase,2025-01-01T04:00:00.000Z,12800,CNY,8211,,99" in answer.content.decode("utf-8-sig")


def test_the_chart_shows_the_days_of_what_the_detector_finds(case: Case, visit: Callable[[str], Visitor]) -> None:
    page = text_of(visit("analyst"), case.path)
    assert "Sales a day by MCC sent" in page
    assert "8211 (schools)" in page
    assert '<td class="number">14</td>' in page  # in the table beneath, for those who do not see the chart


def test_every_detector_has_a_chart() -> None:
    assert {*charts.KINDS} == {each.name for each in DETECTORS}


def test_a_cause_shows_its_members_and_one_verdict_is_for_all(case: Case, visit: Callable[[str], Visitor]) -> None:
    said = Text("Fees at one agent", "同一代理商费率")
    case.file(cause("c1", {"m1": ["d"], "m2": ["b"]}, title=said, reason=said, detector="fee_over"))
    made = operations.open_cause_case(case.store, LEAD, "c1", NOW_MS)
    visitor = visit("analyst")
    page = text_of(visitor, f"/cases/{made}")
    assert "agent A-17" in page
    assert "2 of 80 merchants" in page
    form = {"version": case.row(made).version, "reason_code": "fees"}
    assert sent(visitor, f"/cases/{made}/decide/confirmed", **form) == 204
    assert {verdict for alert_id, verdict in rows(case.store, "alerts", "alert_id", "verdict") if alert_id != "a"} == {
        "confirmed"
    }


def test_the_timeline_has_what_was_done_with_the_texts_newest_first(
    case: Case, visit: Callable[[str], Visitor]
) -> None:
    operations.take(case.store, ANALYST, case.case_id, case.row().version, NOW_MS + 1)
    operations.comment(case.store, ANALYST, case.case_id, "card 6222021234567890123", NOW_MS + 2)
    page = text_of(visit("viewer"), case.path)
    timeline = page[page.index('class="plain timeline"') :]
    assert timeline.index("card ") < timeline.index("took the case") < timeline.index("opened the case")
    assert "6222021234567890123" not in page
    assert "<b>Analyst</b>" in timeline


# -- who sees what


def test_a_rep_sees_cases_of_its_own_merchants_alone_and_no_form_of_analysts(
    case: Case, visit: Callable[[str], Visitor]
) -> None:
    visitor = visit("rep")
    page = text_of(visitor, case.path)
    assert "/comments" in page
    assert [each for each in ("/decide/", "/take", "/suppress", "/queue?", "/drafts/") if each in page] == []
    with case.store.reading() as connection:
        others = connection.execute(select(cases.c.case_id).where(cases.c.merchant_id == "m2")).scalar_one()
    assert visitor.get(f"/cases/{others}").status_code == 404
    assert visitor.get("/alerts/b").status_code == 404


def test_a_case_of_money_laundering_is_for_aml_alone(hidden: int, visit: Callable[[str], Visitor]) -> None:
    paths = (f"/cases/{hidden}", "/alerts/z", "/alerts/z/transactions.csv", f"/cases/{hidden}/news")
    assert {visit("lead").get(path).status_code for path in paths} == {404}
    assert "AML" in text_of(visit("aml"), f"/cases/{hidden}")


def test_whoever_may_only_look_gets_no_form(case: Case, visit: Callable[[str], Visitor]) -> None:
    page = text_of(visit("viewer"), case.path)
    assert "hx-post" not in page


def test_an_analyst_gets_no_form_of_leads(case: Case, visit: Callable[[str], Visitor]) -> None:
    analyst, lead = (text_of(visit(each), case.path) for each in ("analyst", "lead"))
    assert [f"{case.path}/{each}" in analyst for each in ("assign", "suppress")] == [False, False]
    assert [f"{case.path}/{each}" in lead for each in ("assign", "suppress")] == [True, True]


# -- going on


def test_the_cases_beside_are_those_of_the_queues_filter(case: Case, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    assert 'id="case-before"' in text_of(visitor, case.path) or 'id="case-after"' in text_of(visitor, case.path)
    page = text_of(visitor, f"{case.path}?grade=E")
    assert 'id="case-before"' not in page
    assert 'id="case-after"' not in page
    assert 'href="/queue?grade=E"' in page


def test_news_is_nothing_until_somebody_changes_the_case(case: Case, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    version = case.row().version
    entry = max(each[0] for each in rows(case.store, "audit", "entry_id"))
    path = f"{case.path}/news?version={version}&entry={entry}"
    assert visitor.get(path).status_code == 204
    operations.take(case.store, LEAD, case.case_id, version, NOW_MS)
    bar = text_of(visitor, path)
    assert "Lead: took the case" in bar
    assert "Held by Lead." in bar


# -- what is done


def test_chosen_alerts_alone_are_decided(case: Case, visit: Callable[[str], Visitor]) -> None:
    form = {"version": case.row().version, "reason_code": "mcc", "alert_id": ["a"]}
    assert sent(visit("analyst"), f"{case.path}/decide/confirmed", **form) == 204
    found = dict(rows(case.store, "alerts", "alert_id", "verdict"))
    assert (found["a"], found["d"]) == ("confirmed", None)


def test_a_verdict_can_be_taken_back_on_the_page_for_ten_seconds(
    case: Case, visit: Callable[[str], Visitor], clock: Clock
) -> None:
    visitor = visit("analyst")
    sent(visitor, f"{case.path}/decide/confirmed", version=case.row().version, reason_code="mcc")
    assert "data-undo" in text_of(visitor, case.path)
    clock.now_ms += 10_000
    assert "data-undo" not in text_of(visitor, case.path)


def test_whoever_was_slower_is_told_so_and_changes_nothing(case: Case, visit: Callable[[str], Visitor]) -> None:
    version = case.row().version
    operations.take(case.store, LEAD, case.case_id, version, NOW_MS)
    form = {"version": version, "reason_code": "mcc"}
    assert sent(visit("analyst"), f"{case.path}/decide/confirmed", **form) == 409
    assert dict(rows(case.store, "alerts", "alert_id", "verdict"))["a"] is None


def test_what_clears_a_merchant_of_grade_e_waits_until_another_lead_agrees(
    case: Case, visit: Callable[[str], Visitor]
) -> None:
    lead, other = visit("lead"), visit("lead-2")
    sent(lead, f"{case.path}/decide/false_alarm", version=case.row().version, reason_code="usual")
    assert "a lead who is another agrees" in text_of(lead, case.path)
    (made,) = [each[0] for each in rows(case.store, "decisions", "decision_id")]
    agree = f"{case.path}/decisions/{made}/agree"
    assert agree not in text_of(lead, case.path)
    assert agree in text_of(other, case.path)
    assert sent(lead, agree, comment="mine") == 422
    assert sent(other, agree, comment="seen") == 204
    assert case.row().status == "decided"


def test_alerts_are_taken_out_moved_and_merged(case: Case, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    made = int(visitor.post(f"{case.path}/detach", data={"alert_id": ["d"]}).headers["location"].rpartition("/")[2])
    assert dict(rows(case.store, "alerts", "alert_id", "case_id"))["d"] == made
    assert sent(visitor, f"{case.path}/move", alert_id=["d"], into=case.case_id) == 422  # it is not in this case
    assert visitor.post(f"/cases/{made}/merge", data={"into": case.case_id}).headers["location"] == case.path
    assert f'href="{case.path}"' in text_of(visitor, f"/cases/{made}")
    assert dict(rows(case.store, "alerts", "alert_id", "case_id"))["d"] == case.case_id


@pytest.mark.parametrize(
    ("path", "form", "table", "kept"),
    [
        ("comments", {"text": "seen"}, "comments", {"text": "seen"}),
        ("flag", {"comment": "look"}, "flags", {"why": "look"}),
        ("snooze", {"until": "7", "comment": "later"}, "snoozes", {"reason": "later"}),
        ("escalate", {"to": "role:lead", "comment": "big"}, "escalations", {"to_role": "lead", "reason": "big"}),
        ("actions", {"action": "suspend", "text": "now"}, "actions", {"kind": "suspend", "approvals_wanted": 2}),
        ("remind", {"until": "3", "comment": "call"}, "reminders", {"text": "call", "user_id": "lead"}),
        (
            "suppress", {"kind": "fee_over:m1", "until": "30", "comment": "known"}, "suppressions",
            {"detector": "fee_over", "merchant_id": "m1"},
        ),
    ],
)  # fmt: skip
def test_what_is_done_is_kept_and_shown(
    path: str, form: dict[str, str], table: str, kept: dict[str, Any], case: Case, visit: Callable[[str], Visitor]
) -> None:
    visitor = visit("lead")
    assert sent(visitor, f"{case.path}/{path}", **form) == 204
    (found,) = rows(case.store, table, *kept)
    assert found == (*kept.values(),)
    assert form.get("comment", form.get("text", "")) in text_of(visitor, case.path)


def test_two_leads_approve_a_suspension_before_it_is_recorded(case: Case, visit: Callable[[str], Visitor]) -> None:
    put_user(case.store, SYSTEM, "lead-3", "Third lead", {"lead"}, NOW_MS)
    lead = visit("lead")
    sent(lead, f"{case.path}/actions", action="suspend", text="now")
    approve, record = f"{case.path}/actions/1/approve", f"{case.path}/actions/1/record"
    assert approve not in text_of(lead, case.path)
    assert sent(lead, record, outcome="done") == 422
    for each in ("lead-2", "lead-3"):
        assert approve in text_of(visit(each), case.path)
        assert sent(visit(each), approve) == 204
    assert sent(lead, record, outcome="suspended by phone") == 204
    assert "suspended by phone" in text_of(lead, case.path)


def test_only_findings_of_the_case_are_suppressed_from_it(case: Case, visit: Callable[[str], Visitor]) -> None:
    form = {"kind": "volume_rise:m2", "until": "30", "comment": "no"}
    assert sent(visit("lead"), f"{case.path}/suppress", **form) == 422


# -- papers


def test_an_attached_file_is_saved_by_whoever_looks_and_never_shown(
    case: Case, visit: Callable[[str], Visitor]
) -> None:
    page = b"<html><script>alert(1)</script></html>"
    visitor = visit("rep")
    answer = visitor.post(f"{case.path}/attachments", files={"file": ("../门头.html", page)})
    assert answer.headers["location"] == case.path
    found = visit("analyst").get("/attachments/1")
    assert found.content == page
    assert found.headers["content-type"].startswith("text/plain")
    assert found.headers["content-disposition"].startswith("attachment; ")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in found.headers["content-security-policy"]


def test_a_file_that_is_too_long_or_none_is_refused(case: Case, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    for file in (("a.bin", b"\0" * ((10 << 20) + 1)), ("a.bin", b"")):
        assert visitor.post(f"{case.path}/attachments", files={"file": file}).status_code == 422
    assert rows(case.store, "attachments") == []


def test_documents_are_asked_for_received_packed_and_judged(case: Case, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    txn = msgspec.json.encode(["a", "t-a", "purchase", "2025-01-01T04:00:00.000Z"]).decode()
    assert txn.replace('"', "&#34;") in text_of(visitor, case.path)
    form = {"txn": [txn], "document": ["sales_slip", "licence"], "text": "slips, please"}
    asked = visitor.post(f"{case.path}/retrievals", data=form).headers["location"]
    page = text_of(visitor, asked)
    assert "slips, please" in page
    assert page.count("missing") == 2
    visit("rep").post(f"{asked}/documents/licence", files={"file": ("licence.pdf", b"%PDF-1.7")})
    assert text_of(visitor, asked).count("missing") == 1
    packed = zipfile.ZipFile(io.BytesIO(visitor.get(f"{asked}/pack.zip").content))
    assert [each.filename for each in packed.infolist()][2:] == ["documents/01-licence-licence.pdf"]
    assert sent(visitor, f"{asked}/close", result="in_doubt", text="one is missing") == 204
    assert "doubtful" in text_of(visitor, case.path)


def test_a_transaction_that_is_none_is_refused(case: Case, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    for txn, status in (("nonsense", 422), ('["a","other","purchase","2025"]', 404)):
        form = {"txn": txn, "document": "licence", "text": "a"}
        assert sent(visitor, f"{case.path}/retrievals", **form) == status


@pytest.mark.parametrize(
    ("path", "form", "changes"),
    [
        ("mcc", {"mcc": "8211", "until": "90"}, {"mccs": ["5722", "8211"]}),
        ("field", {"field": "city", "value": "合肥"}, {"city": "合肥"}),
        ("field", {"field": "name", "value": ""}, {"name": None}),
        (
            "rate", {"place": "1", "rate": "0.45 %"},
            {"prices": [{"rate_ppm": 6000}, {"card_kind": "debit", "rate_ppm": 4500, "cap": 2000}]},
        ),
    ],
)  # fmt: skip
def test_a_draft_waits_for_a_lead_who_is_another(
    path: str, form: dict[str, str], changes: dict[str, Any], case: Case, visit: Callable[[str], Visitor]
) -> None:
    lead, other = visit("lead"), visit("lead-2")
    assert sent(lead, f"{case.path}/drafts/{path}", comment="as agreed", **form) == 204
    ((kept,),) = rows(case.store, "drafts", "changes")
    assert msgspec.json.decode(kept) == changes
    approve = f"{case.path}/drafts/1/approve"
    assert approve not in text_of(lead, case.path)
    assert approve in text_of(other, case.path)
    assert sent(lead, approve) == 422
    assert sent(other, approve) == 204
    assert rows(case.store, "drafts", "status") == [("approved",)]


@pytest.mark.parametrize("rate", ["-1", "101", "0.00001", "much", "NaN"])
def test_a_rate_that_is_none_is_refused(rate: str, case: Case, visit: Callable[[str], Visitor]) -> None:
    form = {"place": "0", "rate": rate, "comment": "a"}
    assert sent(visit("lead"), f"{case.path}/drafts/rate", **form) == 422


# -- evidence in words


def test_evidence_is_in_words_of_both_languages_with_units() -> None:
    found = evidence.lines(
        alert(
            "e",
            evidence=(
                Evidence("mcc_used", "txn", "8211", None, "5722", "MCC"),
                Evidence("fee_rate_ppm", "txn", 12_004, None, 6_000, "parts per million"),
                Evidence("leakage_1d", "1d", 138_029, 0, None, "minor units"),
                Evidence("mcc_sources", "txn", "presented MCC, settlement", None, None, "places"),
                Evidence("mcc_off_share_28d", "28d", 0.64, 0, 0, "share"),
            ),
        )
    )
    assert [each.title.zh for each in found] == ["上送MCC", "实扣费率", "当日少收", "发现位置", "异常笔数占比"]
    assert [each.value.zh if each.value else "" for each in found] == [
        "8211（中小学校）", "1.20%", "¥1,380.29", "上送MCC、清算", "64%",
    ]  # fmt: skip
    assert [each.bar.value if each.bar else None for each in found] == [None, 100.0, None, None, 64.0]
