"""What stands before every request, and how often somebody may call."""

from __future__ import annotations

import asyncio
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from casework.logins import make_link, set_password
from casework.people import SYSTEM
from console.app import make_app
from console.guard import MOST_BYTES, MOST_UPLOAD_BYTES, Guard
from console.limits import MOST_NAMES, Buckets, TooOften
from console.page import COOKIE, Console
from tests.casework.world import NOW_MS
from tests.console.browsing import serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from casework.store import Store
    from tests.console.conftest import Clock, Visitor


async def _length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def guarded(**given: Any) -> TestClient:
    app = Starlette(routes=[Route("/", _length, methods=["GET", "POST"])])
    app.add_middleware(Guard, cookies=(COOKIE,), **given)
    return TestClient(app, base_url="http://testserver")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("risk.example", 200), ("RISK.example:8443", 200), ("127.0.0.1:8643", 200), ("[::1]:8643", 200),
        ("evil.example", 400), ("risk.example.evil.example", 400), ("risk.example@evil.example", 400), ("", 400),
        ("[::1", 400),
    ],
)  # fmt: skip
def test_only_names_of_the_console_are_answered(host: str, status: int) -> None:
    visitor = guarded(hosts=("risk.example", "127.0.0.1", "::1"))
    assert visitor.get("/", headers={"Host": host}).status_code == status


def test_a_body_is_as_large_as_it_may_be_and_no_larger() -> None:
    visitor = guarded()
    assert visitor.post("/", content=b"x" * MOST_BYTES).text == str(MOST_BYTES)
    assert visitor.post("/", content=b"x" * (MOST_BYTES + 1)).status_code == 413


def test_a_body_whose_length_is_not_told_is_counted() -> None:
    parts = (b"x" * 65_536 for _ in range(MOST_BYTES // 65_536 + 1))
    assert guarded().post("/", content=parts).status_code == 413


def test_files_may_be_larger_from_who_is_signed_in() -> None:
    body, headers = b"x" * MOST_UPLOAD_BYTES, {"Content-Type": "multipart/form-data; boundary=a"}
    assert guarded().post("/", content=body, headers=headers).status_code == 413
    headers["Cookie"] = f"{COOKIE}=abc"
    assert guarded().post("/", content=body, headers=headers).status_code == 200
    assert guarded().post("/", content=body + b"x", headers=headers).status_code == 413


def test_a_body_that_comes_too_slowly_is_not_waited_for() -> None:
    scope = {"type": "http", "path": "/", "method": "POST", "headers": []}

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def send(message: Any) -> None:
        raise AssertionError(message)

    with pytest.raises(HTTPException) as caught:
        asyncio.run(Guard(app, body_s=0.001)(scope, receive, send))
    assert caught.value.status_code == 408


def test_head_is_get_without_a_body(visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    for path in ("/queue", "/login", "/static/console.css", "/api/v1/openapi.json"):
        head, get = visitor.head(path), visitor.get(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers.get("content-type") == get.headers.get("content-type")


def test_a_server_keeps_the_connection_after_head(console: Console) -> None:
    with serving(console) as address:
        connection = HTTPConnection(address.removeprefix("http://"), timeout=10)
        for method in ("HEAD", "GET"):
            connection.request(method, "/login")
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (200, method == "GET")
        connection.close()


def test_a_bucket_gives_a_burst_and_then_a_rate() -> None:
    calls = Buckets("who", 2, 3)
    for _ in range(3):
        calls.take("a", 0)
    with pytest.raises(TooOften) as caught:
        calls.take("a", 0)
    assert 500 <= caught.value.wait_ms <= 502
    calls.take("b", 0)
    calls.take("a", 501)
    with pytest.raises(TooOften):
        calls.take("a", 502)


def test_a_clock_that_goes_back_takes_nothing_away() -> None:
    calls = Buckets("who", 1, 2)
    calls.take("a", 10_000)
    calls.take("a", 0)
    with pytest.raises(TooOften):
        calls.take("a", 0)


def test_of_more_callers_than_are_kept_the_oldest_is_forgotten() -> None:
    calls = Buckets("who", 1, 1)
    for k in range(MOST_NAMES + 1):
        calls.take(str(k), 0)
    calls.take("0", 0)
    with pytest.raises(TooOften):
        calls.take(str(MOST_NAMES), 0)


@pytest.fixture
def over_tls(store: Store, clock: Clock) -> TestClient:
    console = Console(
        store=store, zone="UTC", now_ms=clock, public_url="https://risk.example", is_https=True, hosts=("risk.example",)
    )
    return TestClient(make_app(console), base_url="https://risk.example", follow_redirects=False)


def test_over_tls_the_session_is_of_this_host_alone(over_tls: TestClient, store: Store) -> None:
    answer = over_tls.post(f"/login/{make_link(store, 'lead', NOW_MS, 1_000)}")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert {"Secure", "HttpOnly", "Path=/"} <= {each.strip() for each in cookie.split(";")}
    assert "domain" not in cookie.lower()
    assert over_tls.get("/queue").status_code == 200
    over_tls.cookies.clear()
    over_tls.cookies.set(COOKIE, cookie.partition("=")[2].partition(";")[0])
    assert over_tls.get("/queue").status_code == 303, "a cookie of the plain name counts nothing"


def test_a_session_that_was_planted_before_signing_in_is_none_afterwards(
    visit: Callable[[str], Visitor], store: Store
) -> None:
    visitor = visit("")
    visitor.cookies.set(COOKIE, "planted")
    answer = visitor.post(f"/login/{make_link(store, 'lead', NOW_MS, 1_000)}")
    assert "planted" not in answer.headers["set-cookie"]
    visitor.cookies.clear()
    visitor.cookies.set(COOKIE, "planted")
    assert visitor.get("/queue").status_code == 303


def test_a_password_is_compared_for_an_unknown_user_too(
    visit: Callable[[str], Visitor], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from casework import logins  # noqa: PLC0415

    set_password(store, SYSTEM, "analyst", "correct horse battery", NOW_MS)
    compared: list[str] = []
    real = logins._verified

    def counted(kept: str, password: str) -> bool:
        compared.append(kept.partition("m=")[2].partition("$")[0])
        return real(kept, password)

    monkeypatch.setattr(logins, "_verified", counted)
    visitor = visit("")
    for user_id in ("analyst", "nobody"):
        visitor.post("/login", data={"user_id": user_id, "password": "wrong password"})
    assert len(compared) == 2
    assert compared[0] == compared[1], "both hashes cost the same"
