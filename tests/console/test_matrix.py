"""Role × route × foreign object, of pages and the API: every route is walked, so that a new one is in it by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from casework.people import ADMIN, AML, LEAD, REP, ROLES, RULE_EDITOR
from casework.tokens import SCOPES
from tests.casework.world import NOW_MS
from tests.console.hidden import MARK, hide
from tests.console.test_access import PUBLIC, roles_of, routes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastapi.routing import APIRoute

    from casework.store import Store
    from console.page import Console
    from tests.console.conftest import Visitor
    from tests.console.hidden import Hidden

API = "/api/v1/"
HIDDEN = {
    "case_id", "alert_id", "cause_id", "decision_id", "action_id", "suppression_id", "draft_id", "flag_id",
    "escalation_id", "reminder_id", "attachment_id", "recheck_id",
}  # fmt: skip
"""Parameters of routes that name what only `aml` may see; a rep must not see the merchant either."""
OF_ANOTHER_REP = {"merchant_id", "task_id", "photo_id"}
"""Parameters of routes that name what is another rep's, and which the office sees."""
BODIES: dict[str, dict[str, Any]] = {
    "Expecting": {"expected_version": 1}, "Commenting": {"text": "a"}, "Merging": {"into": 1},
    "Deciding": {"expected_version": 1, "verdict": "confirmed", "reason_code": "R", "comment": "a"},
    "Snoozing": {"until_ms": NOW_MS + 1, "reason": "a"}, "Moving": {"into": 1, "alert_ids": [f"{MARK}-z"]},
    "Detaching": {"alert_ids": [f"{MARK}-z"]}, "Recommending": {"kind": "visit", "text": "a"},
    "Recording": {"outcome": "a"}, "RecordingMany": {"executed": [{"action_id": 1, "outcome": "a"}]},
    "DecidingMany": {
        "cases": [{"case_id": 3, "expected_version": 1}], "verdict": "confirmed", "reason_code": "R", "comment": "a",
    },
    "TakingMany": {"cases": [{"case_id": 3, "expected_version": 1}]},
    "SnoozingMany": {"cases": [{"case_id": 3, "expected_version": 1}], "until_ms": NOW_MS + 1, "reason": "a"},
    "Reminding": {"due_ms": NOW_MS + 1, "text": "a"},
    "Assigning": {"expected_version": 1, "to": "lead"}, "Flagging": {"why": "a"}, "Lifting": {"found": "a"},
    "Escalating": {"reason": "a", "to_role": "lead"}, "Answering": {"text": "a"},
    "Overriding": {"grade": "D", "until_ms": NOW_MS + 1, "reason": "a"},
    "Suppressing": {"detector": "d", "merchant_id": "m", "until_ms": NOW_MS + 1, "reason": "a", "of_aml": True},
}  # fmt: skip
"""A body that fits for each that the API takes; a new one wants a line here."""
WORDS = {
    "verdict": "confirmed", "bulk_id": 1, "notice_id": "none", "silence_id": 1, "rule_kind": "fees", "digest": "0" * 64,
    "number": 0, "lang": "en",
}  # fmt: skip
"""Parameters of routes that name nothing hidden."""
FORM = {
    "version": "1", "reason_code": "mcc", "comment": "a", "to": "lead", "until": "7", "text": "a", "reason": "a",
    "why": "a", "visited": "2025-01-02T10:30", "kind": "alert", "outcome": "differs", "grade": "A",
    "what": "take", "mark": "m", "alert_id": f"{MARK}-z", "into": "1", "document": "invoice", "mcc": "5411",
    "txn": f'["{MARK}-z","t","purchase","2025-01-01T04:00:00.000Z"]', "field": "city", "value": "a", "place": "0",
    "rate": "0.6", "action": "visit", "day": "2025-01-02", "agrees": "true", "count": "5", "per_day": "40",
    "code": "42", "cost": "10", "when": "600000", "key": "k-12345678",
    "rep_id": "rep", "slot": "other", "body": '{"late_s": 7200, "country": "CN"}', "result": "in_order",
}  # fmt: skip
"""Fields that pages' forms have; a new form wants its own here, so that it is refused for its role and not for them."""
OWN_FORMS = {
    "/cases/{case_id}/actions": {"kind": "limit"}, "/cases/{case_id}/close": {"outcome": "in_doubt"},
    "/phone/shops/visits": {"lat": "31.2", "lon": "121.4"},
}  # fmt: skip
"""What a route's form has otherwise."""

QUERY = {"version": "1", "entry": "0"}
"""Parameters that pages must be asked with."""
FILES = {"file": ("a.txt", b"a")}
"""A file, for forms that want one."""
UNMARKED = {
    "/cases/{case_id}/news", "/cases/{case_id}/pack.zip",
}  # fmt: skip
"""Routes that have no text of what they are about: the first says only what was done, the second is of retrievals."""


@pytest.fixture
def hidden(store: Store, tmp_path: Path) -> Hidden:
    return hide(store, tmp_path)


def parameters(route: APIRoute) -> set[str]:
    return {*re.findall(r"{(\w+)", route.path)}


def path_of(route: APIRoute, hidden: Hidden) -> str:
    """The route's path to what is hidden; a parameter that `Hidden` has not is a kind of object that it must get."""
    return re.sub(r":\w+}", "}", route.path).format(**hidden._asdict(), **WORDS)


def body_of(route: APIRoute) -> dict[str, Any] | None:
    if not route.path.startswith(API) or route.body_field is None:
        return None
    return BODIES[route.body_field.field_info.annotation.__name__]  # type: ignore[union-attr]


def ask(route: APIRoute, path: str, visitor: Visitor, program: Visitor) -> Any:
    (method,) = route.methods
    if not path.startswith(API):
        if method == "GET":
            wanted = {each.alias for each in route.dependant.query_params if each.field_info.is_required()}
            return visitor.get(path, params={name: QUERY[name] for name in wanted})
        return visitor.post(path, data=FORM | OWN_FORMS.get(route.path, {}), files=FILES)
    return program.request(method, f"http://testserver{path}", json=body_of(route))


def reads_of(route: APIRoute) -> bool:
    return "GET" in route.methods


def asks_for_what_is_hidden(route: APIRoute, role: str) -> bool:
    """Whether the route's parameters, or its body, name what the role must not see."""
    body = body_of(route) or {}
    named = parameters(route) & (HIDDEN | (OF_ANOTHER_REP if role == REP else set()))
    return bool(named) or MARK in str(body) or "of_aml" in body


def walked(console: Console) -> list[APIRoute]:
    """All routes but public ones and the stream, which never ends; signing out comes last."""
    found = [each for each in routes(console) if each.path not in {*PUBLIC, "/live"}]
    return sorted(found, key=lambda route: route.path == "/logout")


@pytest.mark.parametrize("role", sorted({*ROLES} - {AML}))
def test_no_role_but_aml_gets_at_what_is_hidden_by_any_route(
    role: str, console: Console, hidden: Hidden, visit: Callable[[str], Visitor], call: Callable[..., Visitor]
) -> None:
    visitor, program = visit(role), call(role)
    for route in walked(console):
        answer = ask(route, path_of(route, hidden), visitor, program)
        where = f"{role}: {route.methods} {route.path}: {answer.status_code}"
        assert answer.status_code < 500, where
        if role not in (roles_of(route) or ()):
            assert answer.status_code == 403, where
        elif asks_for_what_is_hidden(route, role):
            assert answer.status_code in {403, 404}, where
        assert MARK not in without_the_question(answer.text, hidden), where


def without_the_question(text: str, hidden: Hidden) -> str:
    """An answer without the ids that were asked for, which a refusal repeats."""
    for each in (hidden.alert_id, hidden.cause_id):
        text = text.replace(f"there is no alert {each}", "").replace(f"there is no cause {each}", "")
        text = text.replace(f"/{each}", "")
    return text


def test_aml_gets_at_it_so_that_the_others_are_refused_for_their_role(
    console: Console, hidden: Hidden, visit: Callable[[str], Visitor], call: Callable[..., Visitor]
) -> None:
    visitor, program = visit(AML), call(AML)
    read = [each for each in walked(console) if reads_of(each) and parameters(each) & HIDDEN]
    assert len(read) >= 3
    for route in read:
        answer = ask(route, path_of(route, hidden), visitor, program)
        if answer.has_redirect_location:
            answer = visitor.get(answer.headers["location"])
        if route.path in UNMARKED:
            continue
        assert answer.status_code == 200, route.path
        assert MARK in answer.text, route.path


def test_nobody_gets_at_anything_without_signing_in(
    console: Console, hidden: Hidden, visit: Callable[[str], Visitor]
) -> None:
    visitor = visit("")
    for route in walked(console):
        answer = ask(route, path_of(route, hidden), visitor, visitor)
        is_kept_out = answer.status_code == 401 or answer.headers.get("location", "").startswith("/login")
        assert is_kept_out, f"{route.methods} {route.path}: {answer.status_code}"


def test_no_change_is_made_without_the_sessions_token(
    console: Console, hidden: Hidden, visit: Callable[[str], Visitor]
) -> None:
    visitors = {role: visit(role) for role in (AML, ADMIN, LEAD, RULE_EDITOR, REP)}
    for route in walked(console):
        if reads_of(route) or route.path.startswith(API):
            continue
        visitor = next((each for role, each in visitors.items() if role in (roles_of(route) or ())), None)
        assert visitor is not None, route.path
        answer = visitor.request("POST", path_of(route, hidden), headers={"X-CSRF-Token": "another"})
        assert answer.status_code == 403, route.path


def test_a_token_without_a_routes_scope_is_refused_whatever_its_roles(
    console: Console, hidden: Hidden, call: Callable[..., Visitor]
) -> None:
    programs = {scope: call(*ROLES, user_id=f"p-{k}", scopes={*SCOPES} - {scope}) for k, scope in enumerate(SCOPES)}
    for route in walked(console):
        if not route.path.startswith(API):
            continue
        (scope,) = [each.call.scope for each in route.dependant.dependencies if hasattr(each.call, "scope")]
        answer = ask(route, path_of(route, hidden), programs[scope], programs[scope])
        assert (answer.status_code, scope in answer.text) == (403, True), route.path


def test_a_token_of_another_user_cannot_be_revoked_through_ones_own_page(
    hidden: Hidden, visit: Callable[[str], Visitor]
) -> None:
    assert visit(ADMIN).post(f"/users/lead/tokens/{hidden.token_id}/revoke").status_code == 404


def test_a_rep_sees_its_own_merchants_alone(hidden: Hidden, call: Callable[..., Visitor], store: Store) -> None:
    own = call(REP, user_id="rep2")
    assert own.get("cases").json()["items"] == []
    program = _as_rep(call, store)
    assert [each["merchant_id"] for each in program.get("cases").json()["items"]] == ["m2"]
    assert [each["merchant_id"] for each in program.get("alerts").json()["items"]] == ["m2"]
    assert program.get("cases/1").status_code == 404
    assert program.get(f"merchants/{hidden.merchant_id}/risk").status_code == 404


def _as_rep(call: Callable[..., Visitor], store: Store) -> Visitor:
    """A program that acts as the rep whom the master data name."""
    from sqlalchemy import update  # noqa: PLC0415

    from casework.schema import users  # noqa: PLC0415

    with store.writing() as connection:
        connection.execute(update(users).where(users.c.user_id == "rep").values(is_service=True))
    return call(REP, user_id="rep")
