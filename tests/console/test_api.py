"""The API: what it gives, what it changes once, what it refuses and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from casework import audit
from casework.drafts import draft
from casework.filing import file_scores
from casework.people import Actor
from console.api.caller import AT_ONCE
from domain.alerts import Contribution
from tests.casework.world import NOW_MS, rows, score

if TYPE_CHECKING:
    from collections.abc import Callable

    from casework.store import Store
    from tests.console.conftest import Clock, Visitor


def version(program: Visitor, case_id: int = 1) -> int:
    return int(program.get(f"cases/{case_id}").json()["version"])


def decision(program: Visitor, case_id: int = 1) -> dict[str, Any]:
    return {
        "expected_version": version(program, case_id), "verdict": "false_alarm", "reason_code": "R1",
        "comment": "looked at",
    }  # fmt: skip


def test_alerts_and_cases_are_given_page_by_page(call: Callable[..., Visitor]) -> None:
    program = call("viewer")
    first = program.get("alerts", params={"limit": 1}).json()
    assert [each["alert_id"] for each in first["items"]] == ["a"]
    assert first["more"] is True
    second = program.get("alerts", params={"limit": 1, "cursor": first["cursor"]}).json()
    assert ([each["alert_id"] for each in second["items"]], second["more"]) == (["b"], False)
    end = program.get("alerts", params={"cursor": second["cursor"]}).json()
    assert end == {"items": [], "cursor": second["cursor"], "more": False}
    assert [each["merchant_id"] for each in program.get("cases").json()["items"]] == ["m1", "m2"]
    assert program.get("alerts", params={"detector": "fee_over"}).json()["items"][0]["alert_id"] == "b"


def test_an_alert_has_its_revision_and_a_case_all_it_holds(call: Callable[..., Visitor]) -> None:
    program = call("analyst")
    assert program.get("alerts/a").json()["body"]["transactions"][0]["txn_id"] == "t-a"
    program.post("cases/1/comments", json={"text": "call 4111111111111111"})
    program.post("cases/1/actions", json={"kind": "visit", "text": "go and see"})
    program.post("cases/1/decisions", json=decision(program))
    case = program.get("cases/1").json()
    assert case["status"] == "decided"
    assert "4111111111111111" not in case["comments"][0]["text"]
    assert [len(case[each]) for each in ("alerts", "comments", "decisions", "actions")] == [1, 1, 1, 1]


def test_a_case_is_worked_from_taking_to_undoing(call: Callable[..., Visitor], store: Store) -> None:
    program = call("analyst")
    taken = program.post("cases/1/take", json={"expected_version": version(program)})
    assert taken.json()["case"]["holder"] == "program-analyst"
    made = program.post("cases/1/decisions", json=decision(program))
    assert made.status_code == 201
    assert program.get("verdicts").json()["items"][0]["verdict"] == "false_alarm"
    assert program.post(f"decisions/{made.json()['created_id']}/undo").json()["undone_ms"] == NOW_MS
    snoozed = program.post("cases/1/snoozes", json={"until_ms": NOW_MS + 1_000, "reason": "later"})
    assert snoozed.json()["case"]["snoozed_until_ms"] == NOW_MS + 1_000
    assert program.post("cases/1/end-snooze").json()["case"]["snoozed_until_ms"] is None
    assert program.post("cases/1/merge", json={"into": 2}).json()["case"]["case_id"] == 2
    detached = program.post("alerts/detach", json={"alert_ids": ["a"]}).json()["case"]["case_id"]
    assert program.post("alerts/move", json={"alert_ids": ["a"], "into": 2}).status_code == 200
    assert program.get(f"cases/{detached}").json()["status"] == "merged"
    kinds = [kind for _, kind in sorted(rows(store, "audit", "entry_id", "kind"))]
    assert kinds[-8:] == ["take", "decide", "undo", "snooze", "end_snooze", "merge", "detach", "move"]


def test_somebody_elses_case_is_a_conflict_that_names_the_holder(call: Callable[..., Visitor]) -> None:
    first, second = call("analyst"), call("lead")
    seen = version(second)
    first.post("cases/1/take", json={"expected_version": seen})
    answer = second.post("cases/1/take", json={"expected_version": seen})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["holder"] == "program-analyst"
    assert answer.json()["version"] == seen + 1


def test_an_action_is_approved_by_two_others_and_recorded(call: Callable[..., Visitor]) -> None:
    analyst, leads = call("analyst"), [call("lead", user_id=f"lead-{k}") for k in range(2)]
    made = analyst.post("cases/1/actions", json={"kind": "limit", "text": "halve it", "approved_by_two": True}).json()
    path = f"actions/{made['action_id']}"
    assert analyst.post(f"{path}/record", json={"outcome": "done"}).status_code == 422
    assert [each.post(f"{path}/approve").json()["status"] for each in leads] == ["recommended", "approved"]
    assert analyst.get("actions", params={"status": "approved"}).json()["items"][0]["merchant_id"] == "m1"
    assert analyst.post(f"{path}/record", json={"outcome": "done"}).json()["status"] == "recorded"


def test_what_was_executed_is_recorded_at_once_and_what_cannot_be_is_told(call: Callable[..., Visitor]) -> None:
    program = call("analyst")
    for kind in ("visit", "suspend"):
        program.post("cases/1/actions", json={"kind": kind, "text": "do it"})
    assert [each["action_id"] for each in program.get("actions/to-execute").json()["items"]] == [1]
    assert program.get("actions/to-execute", params={"for_ms": 1}).json()["items"] == []
    executed = [{"action_id": each, "outcome": "done"} for each in (1, 2, 9)]
    answer = program.post("actions/record", json={"executed": executed}).json()
    assert answer["recorded"] == [1]
    assert [each["action_id"] for each in answer["refused"]] == [2, 9]
    assert "0 of 2 approvals" in answer["refused"][0]["reason"]
    assert program.get("actions/to-execute").json()["items"] == []


def test_many_cases_are_decided_and_undone_as_one(call: Callable[..., Visitor], hidden: int) -> None:
    program = call("analyst")
    cases = [{"case_id": each, "expected_version": version(program, each)} for each in (1, 2)]
    cases += [{"case_id": hidden, "expected_version": 1}]
    asked = {"cases": cases, "verdict": "confirmed", "reason_code": "R1", "comment": "all of them"}
    made = program.post("bulks", json=asked)
    assert made.status_code == 201
    assert made.json()["case_ids"] == [1, 2]
    assert made.json()["alerts"] == 2
    assert made.json()["skipped"] == [
        {"case_id": hidden, "reason": f"there is no case {hidden}", "holder": None, "version": None}
    ]
    assert program.post(f"bulks/{made.json()['bulk_id']}/undo").status_code == 200
    assert program.get("cases/1").json()["status"] == "open"
    assert program.post("bulks", json={**asked, "cases": cases[:1] * 2}).status_code == 422


def test_a_case_is_assigned_flagged_and_escalated_and_they_answer(call: Callable[..., Visitor]) -> None:
    analyst, lead = call("analyst"), call("lead")
    given = lead.post("cases/1/assign", json={"expected_version": version(lead), "to": "program-analyst"})
    assert given.json()["case"]["holder"] == "program-analyst"
    assert analyst.post("cases/1/assign", json={"expected_version": 1, "to": "lead"}).status_code == 403
    flag = analyst.post("cases/1/flags", json={"why": "look at the fees"}).json()["created_id"]
    assert analyst.post(f"flags/{flag}/lift", json={"found": "mine"}).status_code == 422
    assert lead.post(f"flags/{flag}/lift", json={"found": "they are due"}).status_code == 200
    both = {"reason": "too great for me", "to_role": "lead", "to_user": "lead"}
    assert analyst.post("cases/1/escalations", json=both).status_code == 422
    made = analyst.post("cases/1/escalations", json={"reason": "too great for me", "to_role": "lead"})
    assert made.json()["case"]["holder"] is None
    (waiting,) = lead.get("escalations").json()["items"]
    assert analyst.get("escalations").json()["items"] == []
    answered = lead.post(f"escalations/{waiting['escalation_id']}/answer", json={"text": "mine"})
    assert answered.json()["case"]["case_id"] == 1
    case = analyst.get("cases/1").json()
    assert [each["found"] for each in case["flags"]] == ["they are due"]
    assert [each["answer"] for each in case["escalations"]] == ["mine"]


def test_a_grade_set_by_hand_needs_another_and_goes_to_the_log_then(call: Callable[..., Visitor], store: Store) -> None:
    lead, second = call("lead"), call("lead", user_id="second")
    asked = {"grade": "D", "until_ms": NOW_MS + 86_400_000, "reason": "owner is gone"}
    made = lead.put("merchants/m1/override", json=asked)
    assert (made.status_code, made.json()["status"], made.json()["grade"]) == (201, "drafted", "D")
    path = f"overrides/{made.json()['draft_id']}"
    assert lead.post(f"{path}/approve").status_code == 422
    assert second.post(f"{path}/approve").json()["status"] == "approved"
    assert [each["draft_id"] for each in lead.get("overrides", params={"status": "approved"}).json()["items"]] == [1]
    assert len(rows(store, "outbox")) == 1
    other = lead.put("merchants/m1/override", json={**asked, "grade": "A"}).json()["draft_id"]
    assert second.post(f"overrides/{other}/reject", json={"text": "no"}).json()["answer"] == "no"
    assert lead.put("merchants/m1/override", json={**asked, "grade": "F"}).status_code == 422
    assert call("viewer").get("overrides").status_code == 403


def test_an_override_is_no_way_to_approve_another_draft(call: Callable[..., Visitor], store: Store) -> None:
    author = Actor("author", frozenset({"analyst"}))
    made = draft(store, author, "merchant", "m1", {"city": "Hefei", "name": "Shop"}, "moved", NOW_MS)
    assert call("lead").post(f"overrides/{made}/approve").status_code == 404


def test_a_suppression_is_made_and_lifted(call: Callable[..., Visitor]) -> None:
    lead = call("lead")
    asked = {"detector": "mcc_jump", "merchant_id": "m1", "until_ms": NOW_MS + 9, "reason": "known"}
    made = lead.post("suppressions", json=asked).json()["suppression_id"]
    assert lead.post(f"suppressions/{made}/lift").status_code == 200
    assert lead.post(f"suppressions/{made}/lift").status_code == 404


def test_a_request_with_a_key_is_done_once_however_often_it_comes(call: Callable[..., Visitor], store: Store) -> None:
    program, headers = call("analyst"), {"Idempotency-Key": "k-1"}
    answers = [program.post("cases/1/comments", json={"text": "once"}, headers=headers) for _ in range(3)]
    assert {(each.status_code, each.text) for each in answers} == {(201, answers[0].text)}
    assert [each.headers.get("idempotency-replayed") for each in answers] == [None, "true", "true"]
    assert len(rows(store, "comments")) == 1
    other = program.post("cases/1/comments", json={"text": "another"}, headers=headers)
    assert (other.status_code, other.json()["detail"][:15]) == (422, "Idempotency-Key")
    assert call("lead").post("cases/1/comments", json={"text": "mine"}, headers=headers).status_code == 201


def test_a_refused_request_may_come_again_with_its_key(call: Callable[..., Visitor]) -> None:
    program, headers = call("analyst"), {"Idempotency-Key": "k-1"}
    stale = {"expected_version": version(program) + 1}
    assert program.post("cases/1/take", json=stale, headers=headers).status_code == 409
    assert program.post("cases/1/release", headers=headers).status_code == 422
    fresh = {"expected_version": version(program)}
    assert program.post("cases/1/take", json=fresh, headers=headers).status_code == 200


UNFIT = [
    ("alerts", {"merchant": "m1"}), ("alerts", {"limit": 0}), ("alerts", {"limit": "501"}),
    ("alerts", {"cursor": "x"}), ("alerts", {"cursor": "WzFd"}), ("cases", {"cursor": "WyJhIl0"}),
    ("cases", {"cursor": "WzFlOTld"}), ("cases", {"status": "shut"}), ("cases/0", {}), ("cases/x", {}),
    ("cases/9223372036854775808", {}), ("cases/1", {"full": "1"}), ("audit", {"case_id": "-1"}),
]  # fmt: skip


def test_parameters_that_cannot_be_are_refused_and_named(call: Callable[..., Visitor]) -> None:
    program = call("aml")
    for path, params in UNFIT:
        answer = program.get(path, params=params)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), (path, params)
        assert answer.json()["faults"]


NO_COMMENTS = [
    b"", b"{", b"[]", b'{"text": 1}', b'{"text": ""}', b'{"text": " "}', b'{"text": "a", "more": 1}',
    b'{"text": "\\u0000"}', b'{"text": "\\ud800"}', b'{"text": "' + b"x" * 4_001 + b'"}',
]  # fmt: skip


def test_bodies_that_cannot_be_are_refused(call: Callable[..., Visitor]) -> None:
    program, headers = call("analyst"), {"Content-Type": "application/json"}
    for body in NO_COMMENTS:
        answer = program.post("cases/1/comments", content=body, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), body


def test_a_body_that_is_no_text_is_refused(call: Callable[..., Visitor]) -> None:
    headers = {"Content-Type": "application/json"}
    answer = call("analyst").post("cases/1/comments", content=b"\xff", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_whoever_has_no_token_or_an_ended_one_is_told_how_to_come(call: Callable[..., Visitor]) -> None:
    program = call("viewer")
    for given in ("", "Bearer", "Bearer x", "Basic eDp5", f"bearer {'x' * 5_000}"):
        answer = program.get("cases", headers={"Authorization": given})
        assert answer.status_code == 401, given
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_session_of_a_browser_opens_no_api(visit: Callable[[str], Visitor]) -> None:
    assert visit("lead").get("/api/v1/cases").status_code == 401


def test_a_scope_that_a_token_lacks_is_named(call: Callable[..., Visitor]) -> None:
    program = call("analyst", scopes=["alerts:read"])
    assert program.get("alerts").status_code == 200
    refused = program.post("cases/1/release")
    assert (refused.status_code, refused.json()["detail"]) == (
        403, "the token must have the scope cases:write, it has alerts:read",
    )  # fmt: skip


def test_who_calls_too_often_waits_and_others_do_not(call: Callable[..., Visitor], clock: Clock) -> None:
    program, other = call("viewer"), call("lead")
    answers = [program.get("verdicts").status_code for _ in range(AT_ONCE + 1)]
    assert answers == [200] * AT_ONCE + [429]
    late = program.get("verdicts")
    assert (late.status_code, late.headers["retry-after"]) == (429, "1")
    assert other.get("verdicts").status_code == 200
    clock.now_ms += 1_000
    assert program.get("verdicts").status_code == 200


@pytest.mark.usefixtures("hidden")
def test_the_risk_leaves_out_what_its_reader_must_not_learn(store: Store, call: Callable[..., Visitor]) -> None:
    parts = (Contribution("mcc_jump", 5.0, "a"), Contribution("volume_rise", 9.0, "z"))
    with store.writing() as connection:
        file_scores(store, connection, [replace(score("m1", "C", 1), contributions=parts)], NOW_MS)
    for role, seen in (("lead", ["a"]), ("aml", ["a", "z"])):
        risk = call(role).get("merchants/m1/risk").json()
        assert [each["alert_id"] for each in risk["contributions"]] == seen
    assert call("viewer").get("merchants/nobody/risk").status_code == 404


def test_the_audit_is_read_on_from_where_one_was(store: Store, call: Callable[..., Visitor]) -> None:
    program = call("lead")
    first = program.get("audit").json()
    with store.writing() as connection:
        audit.append(connection, time_ms=1, actor="x", kind="comment", is_aml=True, detail={})
        audit.append(connection, time_ms=2, actor="y", kind="comment", detail={"comment_id": 1})
    further = program.get("audit", params={"cursor": first["cursor"]}).json()
    assert [each["actor"] for each in further["items"]] == ["y"]


def test_the_schema_describes_every_refusal(call: Callable[..., Visitor]) -> None:
    schema = call("viewer").get("openapi.json").json()
    operations = [it for path in schema["paths"].values() for it in path.values()]
    assert len(operations) > 20
    for each in operations:
        assert each["security"] == [{"HTTPBearer": []}]
        assert {"401", "403", "422", "429", "503"} <= {*each["responses"]}
        for status, answer in each["responses"].items():
            assert list(answer["content"]) == [
                "application/json" if status.startswith("2") else "application/problem+json"
            ]
    assert "Problem" in schema["components"]["schemas"]


def test_unknown_paths_and_methods_are_problems_too(call: Callable[..., Visitor]) -> None:
    program = call("viewer")
    assert (program.get("nothing").status_code, program.get("nothing").json()["title"]) == (404, "Not Found")
    refused = program.delete("cases/1")
    assert (refused.status_code, refused.json()["status"], refused.headers["allow"]) == (405, 405, "GET")


def test_a_decision_that_needs_two_is_answered_by_another(call: Callable[..., Visitor], store: Store) -> None:
    with store.writing() as connection:
        file_scores(store, connection, [score("m1", "E", 1)], NOW_MS)
    given = call("lead").post("cases/1/decisions", json=decision(call("lead"))).json()["created_id"]
    other = call("lead", user_id="other")
    assert call("lead").post(f"decisions/{given}/agree", json={"text": "yes"}).status_code == 422, "its own"
    assert call("analyst").post(f"decisions/{given}/agree", json={"text": "yes"}).status_code == 403
    declined = other.post(f"decisions/{given}/decline", json={"text": "look again"}).json()
    assert (declined["status"], declined["second_by"]) == ("declined", "other")
    again = call("lead").post("cases/1/decisions", json=decision(call("lead"))).json()["created_id"]
    assert other.post(f"decisions/{again}/agree", json={"text": "yes"}).json()["status"] == "given"
    assert other.get("cases/1").json()["status"] == "decided"


def test_reminders_are_set_listed_and_ended(call: Callable[..., Visitor]) -> None:
    program, other = call("analyst"), call("lead")
    made = program.post("cases/1/reminders", json={"due_ms": NOW_MS + 5, "text": "call the shop"})
    assert (made.status_code, made.json()["created_id"]) == (201, 1)
    program.post("cases/2/reminders", json={"due_ms": NOW_MS + 2, "text": "for you", "whom": "program-lead"})
    assert [each["text"] for each in program.get("reminders").json()["items"]] == ["call the shop"]
    assert [each["by"] for each in other.get("reminders").json()["items"]] == ["program-analyst"]
    assert other.post("reminders/1/done").status_code == 404, "another's"
    assert program.post("reminders/1/done").json() == {"items": []}
    late = program.post("cases/1/reminders", json={"due_ms": NOW_MS, "text": "then"})
    assert late.status_code == 422


def test_many_cases_are_taken_and_put_off_at_once(call: Callable[..., Visitor], store: Store) -> None:
    program = call("analyst")
    cases = [{"case_id": 1, "expected_version": 1}, {"case_id": 2, "expected_version": 9}]
    taken = program.post("bulks/take", json={"cases": cases}).json()
    assert (taken["case_ids"], [each["case_id"] for each in taken["skipped"]]) == ([1], [2])
    cases[0]["expected_version"] = version(program)
    asked = {"cases": cases[:1], "until_ms": NOW_MS + 1_000, "reason": "holiday"}
    assert program.post("bulks/snooze", json=asked).json()["case_ids"] == [1]
    assert rows(store, "cases", "case_id", "holder", "snoozed_until_ms")[0] == (1, "program-analyst", NOW_MS + 1_000)
    assert program.post("bulks/take", json={"cases": [*cases, cases[0]]}).status_code == 422
