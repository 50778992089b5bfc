"""`POST /api/v1/events`: on the console, and alone."""

from __future__ import annotations

import gzip
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from casework.people import ADMIN, ANALYST
from casework.tokens import SCOPES
from console.api import posting
from console.api.caller import AT_ONCE
from console.intake import make_intake
from console.limits import Buckets
from streams.receiver import Receiver
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.console.test_schemathesis import CHECKS
from tests.seeds import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.console.conftest import Visitor

NOW_MS = time.time_ns() // 1_000_000
TOKEN = "a-token-of-an-intake"
NDJSON = {"content-type": "application/x-ndjson"}
JSON = {"content-type": "application/json"}
UTF8 = {"content-type": "application/json; charset=utf-8"}


def sale(k: int, **changed: Any) -> dict[str, Any]:
    event = {"txn_id": f"t{k}", "merchant_id": f"m{k}", "amount": 100, "currency": "CNY", "event_time": NOW_MS - 9_000}
    return {**event, **changed}


def sales_of(folder: Path) -> list[str]:
    found = []
    with SqliteLog(folder / "tillwatch.db") as log:
        for partition in range(log.partitions("events")):
            offset = 0
            while len(batch := log.read("events", partition, offset)):
                found += [json.loads(batch.value(i)) for i in range(len(batch))]
                offset = int(batch.offsets[-1]) + 1
    return sorted(each["txn_id"] for each in found if "txn_id" in each)


@pytest.fixture
def program(call: Callable[..., Visitor]) -> Visitor:
    return call(ADMIN, scopes=["events:write"])


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[TestClient]:
    """A program that has the token of an intake without casework."""
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
        create_topics(log, 2)
    receiver = Receiver(lambda: SqliteLog(tmp_path / "tillwatch.db", durable=False), "intake", ["main", "pos"])
    headers = {"Authorization": f"Bearer {TOKEN}"}
    app = make_intake(receiver, TOKEN, now_ms=lambda: NOW_MS)
    with TestClient(app, base_url="http://testserver/api/v1", headers=headers) as found:
        yield found


def taken(received: int, *errors: dict[str, Any]) -> dict[str, Any]:
    refused = len(errors)
    return {"received": received, "accepted": received - refused, "refused": refused, "errors": [*errors]}


def test_one_event_an_array_and_json_lines_are_taken_packed_or_not(program: Visitor, tmp_path: Path) -> None:
    lines = b"\n".join(json.dumps(sale(k)).encode() for k in (3, 4)) + b"\r\n\n"
    packed = {**NDJSON, "content-encoding": "gzip"}
    two_members = gzip.compress(json.dumps(sale(7)).encode()) + gzip.compress(b"\n" + json.dumps(sale(8)).encode())
    for count, body, headers in (
        (1, json.dumps(sale(0), indent=2).encode(), JSON),
        (2, b"\xef\xbb\xbf" + json.dumps([sale(1), sale(2)]).encode(), UTF8),
        (2, lines, NDJSON),
        (2, gzip.compress(lines.replace(b"t3", b"t5").replace(b"t4", b"t6")), packed),
        (2, two_members, packed),
        (0, b"", NDJSON), (0, b"[]", JSON),
    ):  # fmt: skip
        answer = program.post("events", content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, taken(count)), body
    assert sales_of(tmp_path) == [f"t{k}" for k in range(9)]


def test_each_bad_event_is_told_by_place_field_and_message(program: Visitor, tmp_path: Path) -> None:
    long = sale(3, note="x" * 70_000)
    answer = program.post("events", json=[sale(1), sale(2, amount=None), long, 7])
    assert answer.status_code == 200
    found = answer.json()
    assert (found["received"], found["accepted"], found["refused"]) == (4, 1, 3)
    assert [(each["index"], each["reason"], each["field"]) for each in found["errors"]] == [
        (1, "missing-field", "amount"), (2, "too-large", ""), (3, "not-an-object", ""),
    ]  # fmt: skip
    assert all("must" in each["message"] for each in found["errors"])
    assert sales_of(tmp_path) == ["t1"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "told"),
    [
        (b'[{"a": 1}', JSON, 422, "must be JSON"),
        (b"", JSON, 422, "must be JSON"),
        (b"[" * 5000, JSON, 422, "must be JSON"),
        (b"{}", {}, 415, "Content-Type must be one of application/json"),
        (b"{}", {"content-type": "text/csv"}, 415, "got text/csv"),
        (b"{}", {**JSON, "content-encoding": "br"}, 415, "Content-Encoding must be gzip or none, got br"),
        (b"{}", {**JSON, "content-encoding": "gzip"}, 422, "must be packed by gzip"),
        (gzip.compress(b"{}")[:-9], {**JSON, "content-encoding": "gzip"}, 422, "whole"),
        (b"[" + b"7," * posting.MOST_ITEMS + b"7]", JSON, 422, "at most 10000 events, got 10001"),
        (gzip.compress(b" " * (posting.MOST_BODY_BYTES + 1)), {**NDJSON, "content-encoding": "gzip"}, 413, "unpacked"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_as_a_whole_and_changes_nothing(
    body: bytes, headers: dict[str, str], status: int, told: str, program: Visitor, alone: TestClient, tmp_path: Path
) -> None:
    for each in (program, alone):
        answer = each.post("events", content=body, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert told in answer.json()["detail"]
    assert sales_of(tmp_path) == []


def test_a_request_is_done_once_under_its_key(program: Visitor, alone: TestClient, tmp_path: Path) -> None:
    for each, k in ((program, 1), (alone, 3)):
        events, headers = [sale(k), {"merchant_id": "m"}], {"Idempotency-Key": "k"}
        first, again = (each.post("events", json=events, headers=headers) for _ in range(2))
        assert first.json() == again.json()
        assert (first.json()["received"], first.json()["accepted"]) == (2, 1)
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        assert each.post("events", json=[sale(k + 1)], headers=headers).status_code == 422
    assert sales_of(tmp_path) == ["t1", "t3"]


def test_events_need_their_scope_and_a_role_that_may(call: Callable[..., Visitor], tmp_path: Path) -> None:
    assert (
        call(ADMIN, user_id="p1", scopes={*SCOPES} - {"events:write"}).post("events", json=sale(1)).status_code == 403
    )
    assert call(ANALYST, user_id="p2").post("events", json=sale(1)).status_code == 403
    assert sales_of(tmp_path) == []


def test_events_come_as_often_as_they_can_be_appended_and_wrong_tokens_do_not(
    program: Visitor, alone: TestClient, tmp_path: Path
) -> None:
    program.app.state.limits.addresses = Buckets("the address", 1, 3)  # type: ignore[attr-defined]
    alone.app.state.refused = Buckets("the address", 1, 3)  # type: ignore[attr-defined]
    for each in (program, alone):
        assert {each.post("events", json=[sale(1)]).status_code for _ in range(AT_ONCE + 1)} == {200}
        wrong = {"Authorization": "Bearer another"}
        tried = [each.post("events", json=[sale(2)], headers=wrong) for _ in range(5)]
        assert {answer.status_code for answer in tried} == {401, 429}
        assert int(tried[-1].headers["Retry-After"]) >= 1
    assert "t2" not in sales_of(tmp_path)


def test_who_comes_while_too_much_waits_is_told_when_to_come_again(
    alone: TestClient, program: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (alone, program):
        monkeypatch.setattr(each.app.state.receiver, "_most_bytes", 0)  # type: ignore[attr-defined]
        answer = each.post("events", json=sale(1))
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        assert answer.json()["detail"].startswith("events that wait to be appended must be less")


def test_without_a_log_the_answer_is_503_and_it_is_not_ready(tmp_path: Path) -> None:
    from streams.errors import NoLog  # noqa: PLC0415

    def none() -> SqliteLog:
        raise NoLog(tmp_path)

    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(make_intake(Receiver(none, "intake"), TOKEN), headers=headers) as program:
        assert program.get("/ready").status_code == 200
        answer = program.post("/api/v1/events", json=sale(1))
        assert (answer.status_code, "there is no log" in answer.json()["detail"]) == (503, True)
        assert program.get("/ready").status_code == 503
        assert program.get("/live").status_code == 200


def test_alone_nothing_is_taken_without_the_token_or_under_another_name(tmp_path: Path) -> None:
    receiver = Receiver(lambda: SqliteLog(tmp_path / "x.db"), "intake")
    with TestClient(make_intake(receiver, TOKEN, ["testserver"])) as program:
        for headers in ({}, {"Authorization": "Basic x"}, {"Authorization": "Bearer "}, {"Authorization": "Bearer é"}):
            answer = program.post("/api/v1/events", json=sale(1), headers={k: v.encode() for k, v in headers.items()})
            assert answer.status_code == 401
        assert program.post("/api/v1/events", json=sale(1), headers={"Host": "elsewhere"}).status_code == 400
        assert program.post("/api/v1/events", content=b" " * (2 << 20), headers=JSON).status_code == 413


def test_a_stopping_server_takes_what_waits(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
        create_topics(log, 2)
    held = threading.Event()

    def opened() -> SqliteLog:
        assert held.wait(60)
        return SqliteLog(tmp_path / "tillwatch.db", durable=False)

    receiver, answers = Receiver(opened, "intake"), []
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with TestClient(make_intake(receiver, TOKEN), headers=headers) as program:
        posting_thread = threading.Thread(
            target=lambda: answers.append(program.post("/api/v1/events", json=sale(1)).status_code)
        )
        posting_thread.start()
        held.set()
        posting_thread.join()
    assert answers == [200]
    assert sales_of(tmp_path) == ["t1"]


def test_requests_of_every_shape_are_answered_as_the_intakes_schema_says(alone: TestClient) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", alone.app)  # type: ignore[arg-type]
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        cases = st.one_of(
            operation.as_strategy(generation_mode=mode)
            for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
        )

        @settings(
            max_examples=examples(20), database=None, deadline=None, suppress_health_check=[*HealthCheck],
            phases=[Phase.generate],
        )  # fmt: skip
        @given(cases)
        def run(case: schemathesis.Case) -> None:
            nonlocal tried
            case.validate_response(case.call(headers={"Authorization": f"Bearer {TOKEN}"}), checks=CHECKS)
            tried += 1

        run()
    assert tried >= 6
