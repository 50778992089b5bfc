"""The list of merchants, and the page of each: what it shows, to whom, and what is written on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import update

from casework import decisions, drafts, filing, notes
from casework.people import SYSTEM, Actor, put_user
from casework.schema import cases
from domain.alerts import Contribution, GradeOverride
from domain.readings import MerchantDays, Profile
from tests.casework.world import NOW_MS, rows, score
from tests.causes.world import FIRST, profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from casework.store import Store
    from tests.console.conftest import Visitor

HOSTILE = '<script>alert("x")</script>'
DAY_MS = 86_400_000
ANALYST = Actor("analyst", frozenset({"analyst"}))


def closed(merchant_id: str, sales: dict[str, int], **columns: float) -> MerchantDays:
    """Closed days of a merchant, with the same further columns each."""
    count = len(sales)
    told: dict[str, list[int | float | None]] = {name: [value] * count for name, value in columns.items()}
    return MerchantDays(
        merchant_id=[merchant_id] * count, day=[*sales], currency=["CNY"] * count, score=[None] * count,
        columns=told | {"closed_sales": [*sales.values()]},
    )  # fmt: skip


@pytest.fixture
def store(store: Store) -> Store:
    """m1, with a hostile name, is of the rep called rep; m2 is another's."""
    second = profile("m1", FIRST, rep_id="rep", name=HOSTILE, mccs=["8211"], status="suspended")
    second = msgspec.structs.replace(second, effective_from="2025-02-01T00:00:00.000Z")
    tariff = Profile(
        merchant_id="m1", kind="contract", effective_from="2025-01-01T00:00:00.000Z",
        fields={"prices": [{"rate_ppm": 6000}]},
    )  # fmt: skip
    shops = [profile("m1", FIRST, rep_id="rep", name=HOSTILE, mccs=["5722"]), second, tariff]
    shops += [profile("m2", FIRST, rep_id="rep-2", name="Second shop"), profile("a/b ?", FIRST, name="Odd id")]
    scored = msgspec.structs.replace(
        score("m1", "E", 2), score=88.0, prior=8.0, contributions=(Contribution("mcc_jump", 80.0, "a"),),
        computed_grade="D", override=GradeOverride("E", f"told: {HOSTILE}", "2027-01-01T00:00:00.000Z"),
    )  # fmt: skip
    with store.writing() as connection:
        filing.file_profiles(store, connection, shops, NOW_MS)
        filing.file_scores(store, connection, [scored], NOW_MS)
        days = closed(
            "m1", {"2025-01-01": 12, "2025-01-02": 7}, closed_mcc_1=5722, closed_mcc_1_sales=7, closed_minor=90_000,
            gauge_vamp_share=0.62, gauge_vamp_days=9, habit_night_share=0.25,
        )  # fmt: skip
        filing.file_days(store, connection, [days])
    return store


def seen(visitor: Visitor, path: str = "/merchants/m1", lang: str = "en") -> str:
    answer = visitor.get(path, headers={"accept-language": lang})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_list_has_the_riskiest_first_and_leads_to_pages(visit: Callable[[str], Visitor]) -> None:
    text = seen(visit("viewer"), "/merchants")
    assert text.index('href="/merchants/m1"') < text.index('href="/merchants/m2"')
    assert 'href="/merchants/a%2Fb%20%3F"' in text
    assert "Odd id" in seen(visit("viewer"), "/merchants/a%2Fb%20%3F")
    assert "没有符合条件的商户" in seen(visit("viewer"), "/merchants?q=nobody", "zh")


def test_scripts_get_further_rows_alone(visit: Callable[[str], Visitor]) -> None:
    answer = visit("viewer").get("/merchants", params={"after": "88.0:m1"}, headers={"hx-request": "true"})
    assert answer.text.lstrip().startswith("<tr>")
    assert "m1" not in answer.text
    assert visit("viewer").get("/merchants?after=x").status_code == 422


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_page_shows_what_the_store_knows_and_names_do_nothing(lang: str, visit: Callable[[str], Visitor]) -> None:
    text = seen(visit("analyst"), lang=lang)
    told = {
        "en": (
            "8211 (schools)", "all else: 0.60 %", "suspended", "62%", "9 days left", "MCC code-jumping",
            "share of 00-06 h",
        ),
        "zh": ("8211（中小学校）", "其他：0.60%", "暂停", "62%", "剩9天", "跳码", "0-6时占比"),
    }[lang]  # fmt: skip
    assert [each for each in told if each not in text] == []
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


def test_a_merchant_of_which_little_is_known_says_so_and_shows_no_noughts(visit: Callable[[str], Visitor]) -> None:
    text = seen(visit("analyst"), "/merchants/m2")
    assert "No day has been closed yet" in text
    assert "data-chart" not in text
    assert '<span class="grade big "' in text
    assert visit("analyst").get("/merchants/nobody").status_code == 404


def test_the_profile_is_that_of_the_day_asked_for(visit: Callable[[str], Visitor]) -> None:
    def part(as_of: str) -> str:
        text = seen(visit("analyst"), f"/merchants/m1?as_of={as_of}")
        return text[text.index('<section class="card" id="profile">') : text.index('id="written"')]

    assert "5722 (appliances)" in part("2025-01-15")
    assert "8211 (schools)" in part("2025-02-01")
    assert "Nothing was on file then" in part("2024-01-01")
    for day in ("yesterday", "0001-01-01", "9999-12-31"):
        assert visit("analyst").get(f"/merchants/m1?as_of={day}").status_code in {200, 422}


def test_what_a_version_changed_stands_beside_what_was_before(visit: Callable[[str], Visitor]) -> None:
    text = seen(visit("analyst"))
    changes = text[text.index('id="history"') : text.index('id="days"')]
    assert changes.index("5722 (appliances)") < changes.index("8211 (schools)")


def test_a_score_is_told_by_its_steps_and_an_override_with_its_reason(visit: Callable[[str], Visitor]) -> None:
    text = seen(visit("analyst"), "/merchants/m1?since=2024-12-25")
    assert "It had no score on 2024-12-25; it is at 88.0 (E) now." in text
    assert "+80.00" in text
    assert "by its score it is D" in text
    assert "Nothing has changed since" in seen(visit("analyst"), "/merchants/m1?since=2025-01-02")
    assert "told:" not in seen(visit("rep"))


def test_a_rep_has_its_own_merchants_alone(visit: Callable[[str], Visitor]) -> None:
    visitor = visit("rep")
    text = seen(visitor, "/merchants")
    assert "/merchants/m1" in text
    assert "Second shop" not in text
    assert visitor.get("/merchants/m2").status_code == 404
    assert visitor.post("/merchants/m2/notes", data={"text": "hello"}).status_code == 404
    assert visitor.post("/merchants/m1/override", data={"grade": "A", "until": "7", "why": "x"}).status_code == 403


def test_alerts_of_money_laundering_are_for_their_officers_alone(store: Store, visit: Callable[[str], Visitor]) -> None:
    with store.writing() as connection:
        connection.execute(update(cases).where(cases.c.merchant_id == "m1").values(is_aml=True))
    text = seen(visit("lead"))
    assert "/alerts/a" not in text[: text.index('id="ledger"')]
    assert "None is open." in text
    assert "/alerts/a" in seen(visit("aml"))


def test_notes_visits_and_verdicts_are_shown_and_marked(store: Store, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    assert visitor.post("/merchants/m1/notes", data={"text": f"owner called {HOSTILE}"}).status_code == 303
    visited = {"visited": "2025-01-02T10:30", "kind": "alert", "outcome": "differs", "note": "other sign"}
    assert visitor.post("/merchants/m1/visits", data=visited).headers["location"] == "/merchants/m1"
    (case_id, version) = next(
        each[:2] for each in rows(store, "cases", "case_id", "version", "merchant_id") if each[2] == "m1"
    )
    decisions.decide(store, ANALYST, case_id, version, "confirmed", "mcc", "seen", NOW_MS)
    text = seen(visit("lead"))
    assert "owner called &lt;script&gt;" in text
    assert "visit: differs from what is registered" in text
    assert "1 past or put aside" in text
    assert HOSTILE not in text


@pytest.mark.parametrize(
    "given", [{"visited": "today"}, {"visited": "2099-01-01T00:00"}, {"outcome": "fine"}, {"kind": "tea"}]
)
def test_a_visit_that_cannot_be_is_refused(
    given: dict[str, str], store: Store, visit: Callable[[str], Visitor]
) -> None:
    usual = {"visited": "2025-01-02T10:30", "kind": "alert", "outcome": "differs"}
    assert visit("analyst").post("/merchants/m1/visits", data=usual | given).status_code == 422
    assert rows(store, "visits") == []


def test_a_note_for_aml_officers_is_seen_by_no_other(store: Store, visit: Callable[[str], Visitor]) -> None:
    assert visit("lead").post("/merchants/m1/notes", data={"text": "tip", "of_aml": "true"}).status_code == 403
    visit("aml").post("/merchants/m1/notes", data={"text": "reported to the authority", "of_aml": "true"})
    assert "reported to the authority" in seen(visit("aml"))
    assert "reported to the authority" not in seen(visit("lead"))
    assert [each.is_aml for each in notes.notes_of(store, Actor("aml", frozenset({"aml"})), "m1", NOW_MS)] == [True]


def test_a_grade_by_hand_takes_two(store: Store, visit: Callable[[str], Visitor]) -> None:
    put_user(store, SYSTEM, "lead-2", "Second lead", {"lead"}, NOW_MS)
    lead, other = visit("lead"), visit("lead-2")
    given = {"grade": "A", "until": "30", "why": "paid back"}
    assert lead.post("/merchants/m1/override", data=given).status_code == 303
    (draft,) = drafts.listed(store, ANALYST, NOW_MS, merchant_id="m1")
    assert drafts.listed(store, ANALYST, NOW_MS, merchant_id="m2") == []
    assert "Waits for a lead other than its author" in seen(lead)
    path = f"/merchants/m1/drafts/{draft.draft_id}"
    assert path in seen(other)
    assert lead.post(f"{path}/approve").status_code == 422
    assert visit("analyst").post(f"{path}/approve").status_code == 403
    assert other.post(f"{path}/approve").status_code == 303
    assert _sent(store) == [("override", "A")]
    assert path not in seen(other)


def test_a_draft_is_rejected_with_a_reason(store: Store, visit: Callable[[str], Visitor]) -> None:
    visit("analyst").post("/merchants/m1/override", data={"grade": "A", "until": "30", "why": "paid back"})
    (draft,) = drafts.listed(store, ANALYST, NOW_MS)
    path = f"/merchants/m1/drafts/{draft.draft_id}/reject"
    assert visit("lead").post(path, data={"reason": ""}).status_code == 422
    assert visit("lead").post(path, data={"reason": "not yet"}).status_code == 303
    assert _sent(store) == []


def _sent(store: Store) -> list[tuple[Any, Any]]:
    found = [msgspec.json.decode(each[0]) for each in rows(store, "outbox", "body")]
    return [(each["type"], each.get("grade")) for each in found]


def test_the_queue_leads_to_the_merchant(visit: Callable[[str], Visitor]) -> None:
    assert 'href="/merchants/m1"' in seen(visit("analyst"), "/queue")
