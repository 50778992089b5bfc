"""What the console counts, and to whom it shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from console.app import make_app
from console.metric_names import CONSOLE_METRICS
from console.page import Console

if TYPE_CHECKING:
    from collections.abc import Callable

    from casework.store import Store
    from tests.console.conftest import Clock, Visitor

TOKEN = "a-token-of-some-length"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def console(store: Store, clock: Clock) -> Console:
    return Console(store=store, zone="UTC", now_ms=clock, metrics_token=TOKEN)


def scraped(visitor: Visitor) -> Samples:
    text = visitor.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def count(found: Samples, page: str, status: int) -> float:
    return found.get(("tillwatch_console_requests_total", frozenset({"page": page, "status": str(status)}.items())), 0)


def test_requests_are_counted_by_route_and_status(visit: Callable[[str], Visitor]) -> None:
    visitor = visit("lead")
    for path in ("/queue", "/audit", "/users", "/static/console.css", "/nothing", "/else", "/users/lead/x"):
        visitor.get(path)
    visitor.head("/queue")
    visitor.get("/queue", headers={"Host": "other.example"})
    found = scraped(visitor)
    pages = (("/queue", 200), ("/audit", 200), ("/users", 403), ("static", 200), ("none", 404))
    assert [count(found, *each) for each in pages] == [3, 1, 1, 1, 3]
    seconds = ("tillwatch_console_request_seconds_count", frozenset({("page", "/queue")}))
    assert found[seconds] == 3


def test_tries_to_get_in_that_were_refused_are_counted(visit: Callable[[str], Visitor]) -> None:
    visitor = visit("")
    for _ in range(6):
        visitor.post("/login", data={"user_id": "x", "password": "y"})
    visitor.post("/login/none")
    visitor.get("/api/v1/cases")
    found = scraped(visitor)
    refused = {
        dict(labels)["by"]: value for (name, labels), value in found.items()
        if name == "tillwatch_console_sign_ins_refused_total"
    }  # fmt: skip
    assert refused == {"password": 5, "wait": 1, "link": 1, "token": 1}


def test_prometheus_reads_them_by_whatever_name_it_reaches_the_console(store: Store, clock: Clock) -> None:
    named = Console(store=store, zone="UTC", now_ms=clock, metrics_token=TOKEN, hosts=("risk.example",))
    with TestClient(make_app(named), base_url="https://console:8643") as prometheus:
        assert prometheus.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert prometheus.get("/metrics").status_code == 401
        assert prometheus.get("/login").status_code == 400


def test_every_metric_of_the_table_is_shown_and_no_other(visit: Callable[[str], Visitor]) -> None:
    visitor = visit("lead")
    visitor.get("/queue")
    shown = {name for name, _ in scraped(visitor) if name.startswith("tillwatch_")}
    ends = ("_bucket", "_count", "_sum")
    assert {name.removesuffix(next((end for end in ends if name.endswith(end)), "")) for name in shown} == {
        each.name for each in CONSOLE_METRICS
    }


def test_nobody_reads_them_without_the_token(visit: Callable[[str], Visitor], store: Store, clock: Clock) -> None:
    visitor = visit("admin")
    for given in ("", "Bearer", "Bearer x", f"Basic {TOKEN}"):
        assert visitor.get("/metrics", headers={"Authorization": given}).status_code == 401
    without = TestClient(make_app(Console(store=store, zone="UTC", now_ms=clock)))
    assert without.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
