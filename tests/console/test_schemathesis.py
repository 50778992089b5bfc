"""Requests of every shape against the API's own schema, by every role: nothing fails, and nothing hidden is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from casework.people import ROLES, SYSTEM, put_user
from casework.tokens import SCOPES, make_token
from console.app import make_app
from console.page import Console
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS
from tests.console.hidden import MARK, hide
from tests.seeds import examples

if TYPE_CHECKING:
    from pathlib import Path

    from casework.store import Store

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance,
]  # fmt: skip

QUICK = ("analyst", "rep")
"""Roles that `make test` tries; `make test-all` tries all, with more requests."""
MANY = 6
"""Requests of each operation; every run draws others."""


class Hurried:
    """A clock that lets so much time pass at each look that nobody calls too often."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        self.now_ms += 100
        return self.now_ms


def try_all(store: Store, folder: Path, role: str, count: int) -> int:
    """Call each operation so many times as a role; how many answers there were. The store's log is in the folder."""
    path = folder / "tillwatch.db"
    app = make_app(Console(store=store, zone="UTC", now_ms=Hurried(), open_log=lambda: SqliteLog(path, durable=False)))
    put_user(store, SYSTEM, f"p-{role}", role, [role], NOW_MS, is_service=True)
    secret = make_token(store, SYSTEM, f"p-{role}", "test", SCOPES, 1, NOW_MS)
    headers = {"Authorization": f"Bearer {secret}"}
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        cases = st.one_of(
            operation.as_strategy(generation_mode=mode)
            for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
        )

        @settings(
            max_examples=count, database=None, deadline=None, suppress_health_check=[*HealthCheck],
            phases=[Phase.generate],
        )  # fmt: skip
        @given(cases)
        def run(case: schemathesis.Case) -> None:
            nonlocal tried
            answer = case.call(headers=headers)
            case.validate_response(answer, checks=CHECKS)
            told = answer.text if answer.status_code < 400 else ""
            assert role == "aml" or MARK not in told
            tried += 1

        run()
    app.state.receiver.close()
    return tried


@pytest.mark.parametrize("role", QUICK)
def test_no_request_fails_and_none_is_told_what_is_hidden(role: str, store: Store, tmp_path: Path) -> None:
    hide(store, tmp_path)
    assert try_all(store, tmp_path, role, examples(7)) > 20


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_many_requests_of_each_kind_do_not_either(role: str, store: Store, tmp_path: Path) -> None:
    hide(store, tmp_path)
    assert try_all(store, tmp_path, role, MANY) > 20 * MANY
