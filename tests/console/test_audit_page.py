"""The audit's page: every change in words, chosen by person, kind, case and day, and checked."""

from __future__ import annotations

import ast
import string
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

import casework
import notices
from casework.audit import append
from casework.decisions import decide
from casework.people import ROLES, SYSTEM, Actor, put_user
from casework.reading.audit import Chosen, Entry, entries
from console.audit_kinds import KINDS
from console.audit_words import sentence
from tests.casework.world import NOW_MS, rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from casework.store import Store
    from tests.console.conftest import Visitor

ANALYST = Actor("analyst", frozenset({"analyst"}))
AML = Actor("aml", frozenset({"aml"}))


def kinds_in_code() -> set[str]:
    """Kinds that are entered: the first text that `note`, or a helper of the kind, is given; `kind` of `append`."""
    found: set[str] = set()
    for path in (each for of in (casework, notices) for each in Path(of.__path__[0]).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            given = {"note": call.args[:1], "_note": call.args[1:2], "_audit": call.args[1:2]}.get(name, [])
            if name == "append":
                given = [
                    it.value for it in call.keywords if it.arg == "kind" and not isinstance(it.value, ast.JoinedStr)
                ]
            texts = [it.value for each in given for it in ast.walk(each) if isinstance(it, ast.Constant)]
            found |= {each for each in texts if isinstance(each, str)}
    return found


def test_every_kind_of_change_has_words() -> None:
    found = kinds_in_code()
    assert {"take", "decide", "put_user", "sign_in"} <= found
    assert found - {*KINDS} == set()


def test_both_languages_have_the_same_details_and_no_sentence_is_left_with_a_hole() -> None:
    for kind, words in KINDS.items():
        names = [{name for _, name, _, _ in string.Formatter().parse(each) if name} for each in
                 (words.sentence.en, words.sentence.zh)]  # fmt: skip
        assert names[0] == names[1], kind
        for lang in ("en", "zh"):
            assert sentence(Entry(1, 0, "a", kind, None, is_aml=False, detail={}, hash=""), lang, "UTC")


def test_what_is_counted_in_one_kind_and_listed_in_another_is_told_in_both() -> None:
    dropped = {"days": 3, "scores": 2, "transactions": 5_000, "days_before": "2025-01-02", "transactions_before": "x"}
    asked = {"due_ms": 0, "from_case_id": 1, "transactions": ["t1", "t2"], "documents": ["invoice"]}
    for kind, detail, said in (("drop", dropped, "5,000 transactions before x"), ("ask", asked, "2 transactions")):
        assert said in sentence(Entry(1, 0, "a", kind, None, is_aml=False, detail=detail, hash=""), "en", "UTC")


def test_details_are_told_in_words_of_both_languages(store: Store, visit: Callable[[str], Visitor]) -> None:
    decide(store, ANALYST, 1, _version(store, 1), "false_alarm", "R7", "no <b>harm</b>", NOW_MS)
    page = visit("lead").get("/audit?kind=decide").text
    assert "gave the verdict false alarm (reason R7) on a; decision 1" in page
    chinese = visit("lead").get("/audit?kind=decide", headers={"Accept-Language": "zh"}).text
    assert "将a判定为误报（原因R7）；判定编号1" in chinese


def _version(store: Store, case_id: int) -> int:
    return dict(rows(store, "cases", "case_id", "version"))[case_id]


def test_entries_of_money_laundering_are_for_aml_alone(store: Store, visit: Callable[[str], Visitor]) -> None:
    with store.writing() as connection:
        append(
            connection, time_ms=NOW_MS, actor="aml", kind="comment", case_id=9, is_aml=True, detail={"comment_id": 77}
        )
    for role in ("lead", "admin"):
        visitor = visit(role)
        assert "comment 77" not in visitor.get("/audit").text
        assert b"77" not in visitor.get("/audit.csv?case=9").content
    assert "comment 77" in visit("aml").get("/audit?case=9").text


def test_entries_are_chosen_and_paged_from_the_newest(store: Store, visit: Callable[[str], Visitor]) -> None:
    for k in range(120):
        put_user(store, SYSTEM, "li", f"Li {k}", ["viewer"], NOW_MS + 86_400_000 * (k // 60))
    lead = visit("lead")
    first = lead.get("/audit?actor=casework&kind=put_user").text
    assert first.count("set user li") == 100
    (older,) = [line for line in first.splitlines() if 'rel="next"' in line]
    path = older.partition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert lead.get(path).text.count("set user") == 20 + len(ROLES)
    assert lead.get("/audit?kind=put_user&day=2026-12-01").text.count("set user li") == 60


@pytest.mark.parametrize("query", ["case=x", "case=9999999999999999999", "day=today", "day=9999-12-31", "before=x"])
def test_a_choice_that_is_none_is_refused(query: str, visit: Callable[[str], Visitor]) -> None:
    assert visit("lead").get(f"/audit?{query}").status_code == 422


def test_the_chain_is_checked_and_its_head_shown(store: Store, visit: Callable[[str], Visitor]) -> None:
    lead = visit("lead")
    (head,) = rows(store, "audit_head", "hash")
    assert head[0] in lead.post("/audit/verify", data={"noted": head[0]}).text
    assert lead.post("/audit/verify", data={"noted": "0" * 64}).status_code == 409
    with store.writing() as connection:
        connection.execute(text("DROP TRIGGER audit_no_update"))
        connection.execute(text("UPDATE audit SET actor = 'nobody' WHERE entry_id = 2"))
    answer = lead.post("/audit/verify")
    assert answer.status_code == 409
    assert "the hash of entry 2 does not fit" in answer.text


def test_reading_on_from_an_entry_gives_the_oldest_first(store: Store) -> None:
    found = entries(store, AML, Chosen(), after=2, most=3)
    assert [each.entry_id for each in found] == [3, 4, 5]
