"""The queue's page as a server answers it: what it shows to whom, and what acting on it does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from casework import flags, operations, outbox, reminders
from casework.agent import FilingAgent
from casework.people import Actor
from casework.queue.order import Policy, put_policy
from casework.schema import outbox as outbox_table
from domain.readings import Shop
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS, alert, rows, score, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from casework.store import Store
    from console.page import Console
    from tests.console.conftest import Clock, Visitor

LI = Actor("lead", frozenset({"lead"}))


@pytest.fixture
def file(store: Store, tmp_path: Path) -> Callable[..., None]:
    """Files more in the store."""

    def more(*values: object) -> None:
        with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
            write(log, *values)  # type: ignore[arg-type]
            FilingAgent(store, log, lambda: NOW_MS).file()

    return more


def cases(page: str) -> list[str]:
    return re.findall(r'data-case="(\d+)"', page)


def form(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def test_what_a_shop_is_called_is_text_and_never_markup(
    file: Callable[..., None], visit: Callable[[str], Visitor]
) -> None:
    name = "<script>alert(1)</script><img src=x onerror=alert(2)> & \"Söhne\" 'x'"
    file(alert("h", "m9", shop=Shop(name=name, city="</td><b>")))
    page = visit("viewer").get("/queue").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_cases_of_money_laundering_are_there_for_aml_alone(
    file: Callable[..., None], visit: Callable[[str], Visitor]
) -> None:
    file(alert("z", "m7", risk_code="29"))
    assert len(cases(visit("aml").get("/queue").text)) == 3
    assert len(cases(visit("lead").get("/queue").text)) == 2
    assert "m7" not in visit("lead").get("/queue").text


@pytest.mark.parametrize(("lang", "words"), [("en", "alerts filed"), ("zh", "已归档告警")])
def test_the_page_is_in_the_language_that_was_chosen(lang: str, words: str, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    visitor.post("/settings", data={"lang": lang, "theme": "dark"})
    page = visitor.get("/queue").text
    assert words in page
    assert 'data-theme="dark"' in page


def test_an_empty_filter_says_so_and_an_impossible_one_is_refused(visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    assert "No case fits this filter." in visitor.get("/queue?city=Nowhere").text
    assert visitor.get("/queue?grade=Z").status_code == 422
    assert visitor.get("/queue?after=x").status_code == 422


def test_a_taken_case_is_refused_to_another_with_the_holders_name(
    store: Store, visit: Callable[[str], Visitor]
) -> None:
    one, other = visit("analyst"), visit("aml")
    taken = {"version": 1, "from": "queue"}
    without_scripts = one.post("/cases/1/take", data=taken)
    assert (without_scripts.status_code, without_scripts.headers["location"]) == (303, "/queue")
    answer = other.post("/cases/1/take", data=taken, headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert "held by analyst" in answer.text
    assert answer.headers["HX-Retarget"] == "#notices"
    assert rows(store, "cases", "case_id", "holder")[0] == (1, "analyst")


def test_a_verdict_is_given_with_the_reasons_words_where_there_is_no_comment(
    store: Store, visit: Callable[[str], Visitor]
) -> None:
    visitor = visit("analyst")
    page = visitor.get("/queue").text
    assert 'id="case-1" data-case="1" data-version="1" data-holder="" data-usual="mcc"' in page
    line = page[page.index('<template id="ask-confirmed">') :]
    given = form(line[: line.index("</template>")]) | {"version": "1", "reason_code": "mcc"}
    answer = visitor.post("/cases/1/decide/confirmed", data=given, headers={"HX-Request": "true"})
    assert 'hx-post="/decisions/1/undo"' in answer.text
    assert answer.headers["HX-Trigger-After-Swap"] == '{"case-done":{"case":"1"}}'
    assert rows(store, "decisions", "verdict", "reason_code", "by") == [("confirmed", "mcc", "analyst")]
    visitor.post("/decisions/1/undo")
    assert "<b>2</b> open" in visitor.get("/queue").text


@pytest.mark.parametrize(
    ("verdict", "given"),
    [
        ("confirmed", {"reason_code": "other"}), ("confirmed", {"reason_code": "nonsense", "comment": "x"}),
        ("confirmed", {}),
    ],
)  # fmt: skip
def test_a_reason_that_says_nothing_wants_a_comment(
    verdict: str, given: dict[str, str], store: Store, visit: Callable[[str], Visitor]
) -> None:
    answer = visit("analyst").post(f"/cases/1/decide/{verdict}", data={"version": "1", **given})
    assert answer.status_code == 422
    assert rows(store, "decisions") == []


def test_clearing_a_merchant_of_grade_e_waits_for_a_lead(
    file: Callable[..., None], visit: Callable[[str], Visitor]
) -> None:
    file(score("m1", "E", 1))
    visitor = visit("analyst")
    given = {"version": "1", "reason_code": "usual", "from": "queue"}
    answer = visitor.post("/cases/1/decide/false_alarm", data=given, headers={"HX-Request": "true"})
    assert "waits for a lead" in answer.text
    assert "case-changed" in answer.headers["HX-Trigger-After-Swap"]


def test_many_cases_are_decided_as_they_were_shown_or_shown_again(
    store: Store, visit: Callable[[str], Visitor]
) -> None:
    visitor = visit("analyst")
    shown = form(visitor.get("/queue/bulk?status=open").text)
    operations.comment(store, LI, 1, "looked at it", NOW_MS)
    operations.take(store, LI, 1, 1, NOW_MS)
    what = {"what": "data_error:feed"}
    again = visitor.post("/queue/bulk", data=shown | what)
    assert "They have changed" in again.text
    assert rows(store, "decisions") == []
    done = visitor.post("/queue/bulk", data=form(again.text) | what, headers={"HX-Request": "true"})
    assert 'hx-post="/bulks/1/undo"' in done.text
    assert len(rows(store, "decisions")) == 2


def test_many_picked_cases_are_put_off(store: Store, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    shown = form(visitor.get("/queue/bulk?cases=2").text)
    visitor.post("/queue/bulk", data=shown | {"what": "snooze:7", "comment": "holiday"})
    assert [bool(each[1]) for each in rows(store, "cases", "case_id", "snoozed_until_ms")] == [False, True]


def test_a_viewer_is_offered_nothing_that_it_may_not_do(visit: Callable[[str], Visitor], console: Console) -> None:
    visitor = visit("viewer")
    page = visitor.get("/queue").text
    assert "data-take" not in page
    assert 'id="bulk"' not in page
    assert visitor.post("/cases/1/take", data={"version": 1}).status_code == 403
    assert rows(console.store, "cases", "holder") == [(None,), (None,)]


def test_the_line_of_the_day_stands_after_what_is_worked_in_order_and_those_drawn_follow_it(
    store: Store, file: Callable[..., None], visit: Callable[[str], Visitor]
) -> None:
    file(*(alert(f"n{i}", f"n{i}", severity=0.9 - i / 100) for i in range(30)))
    put_policy(store, LI, Policy(per_day=20), NOW_MS)
    page = visit("analyst").get("/queue").text
    before, after = page.split('<tr class="capacity">')
    assert (len(cases(before)), page.count("抽中") + page.count(">drawn<")) == (19, 1)
    assert "19 in this order, up to here, and 1 drawn at random" in after
    assert ">drawn<" in after[: after.index("</tr>", after.index('<tr class="case'))]
    assert len(cases(page)) == len({*cases(page)}) == 32, "who is drawn stands there once"
    assert "capacity" not in visit("analyst").get("/queue?holder=nobody").text, "a part of the queue has no line"


def test_due_reminders_and_what_events_lack_are_told_above_the_queue(
    store: Store, clock: Clock, visit: Callable[[str], Visitor]
) -> None:
    reminders.remind(store, LI, 1, NOW_MS + 1_000, "call <the> shop", NOW_MS)
    lead = visit("lead")
    assert "call &lt;the&gt; shop" not in lead.get("/queue").text
    assert "call &lt;the&gt; shop" in lead.get("/reports/mine").text
    clock.now_ms += 1_000
    assert "call &lt;the&gt; shop" in lead.get("/queue").text
    assert "call" not in visit("analyst").get("/queue").text
    with store.writing() as connection:
        outbox.post(connection, [{"type": "verdict"}], NOW_MS)
        connection.execute(update(outbox_table).values(status=outbox.KEPT))
    assert (
        "1 verdicts and changes stay in casework"
        in lead.get("/queue", headers={"X-Live": "1", "HX-Request": "true"}).text
    )
    done = lead.post("/reports/reminders/1/done", data={"back": "queue"})
    assert done.headers["location"] == "/queue"
    assert "call &lt;the&gt; shop" not in lead.get("/queue").text


def test_a_second_pair_of_eyes_is_asked_and_answers_from_a_list(store: Store, visit: Callable[[str], Visitor]) -> None:
    flags.flag(store, LI, 1, "is this lawful?", NOW_MS)
    asker, other = visit("lead"), visit("analyst")
    assert "another answers" in asker.get("/reports/mine").text
    assert "is this lawful?" in other.get("/reports/mine").text
    assert ">second look<" in other.get("/queue").text
    assert other.post("/reports/flags/1/lift", data={"text": "yes"}).headers["location"] == "/reports/mine"
    assert "is this lawful?" not in other.get("/reports/mine").text
    assert rows(store, "flags", "lifted_by", "found") == [("analyst", "yes")]
