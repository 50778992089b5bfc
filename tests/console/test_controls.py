"""Controls: their versions, what differs between them, and new ones by two people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from console.control_words import ABOUT
from engine.control_kinds.registry import KINDS
from streams.controls import publish
from streams.errors import LogFailed
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS
from tests.console.filed import HOSTILE
from tillwatch.console import log_of
from tillwatch.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from casework.store import Store
    from console.page import Console
    from tests.console.conftest import Visitor

FIRST, SECOND = b'{"late_s":86400,"country":"CN"}', b'{"late_s":3600,"country":"CN"}'


@pytest.fixture
def open_log(tmp_path: Path) -> Callable[[], SqliteLog]:
    return lambda: SqliteLog(tmp_path / "tillwatch.db", durable=False)


@pytest.fixture
def published(open_log: Callable[[], SqliteLog], store: Store) -> None:
    """Version 0, and version 1 an hour from now."""
    with open_log() as log:
        publish(log, "engine", SECOND, effective_ms=NOW_MS + 3_600_000, by=HOSTILE, zero=FIRST)


def proposed(visitor: Visitor, **more: str) -> str:
    given = {"body": '{"late_s": 7200, "country": "CN"}', "when": "600000", "why": "feeds are in time"} | more
    answer = visitor.post("/controls/engine/propose", data=given)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def test_every_kind_is_said_in_words() -> None:
    assert {*ABOUT} == {*KINDS}


@pytest.mark.usefixtures("published")
def test_versions_are_shown_with_what_differs_between_them(visit: Callable[[str], Visitor]) -> None:
    page = visit("viewer").get("/controls/engine").text
    assert "<del>86400</del>" in page
    assert "<ins>3600</ins>" in page
    assert "not yet in force" in page
    assert "<script>alert" not in page
    assert "待生效" in visit("viewer").get("/controls", headers={"Accept-Language": "zh"}).text


def test_one_proposes_and_another_publishes(visit: Callable[[str], Visitor], open_log: Callable[[], SqliteLog]) -> None:
    path = proposed(visit("rule_editor"))
    own = visit("rule_editor").post(f"{path}/publish")
    assert own.status_code == 422
    assert "must be published by another than rule_editor" in own.text
    assert "<ins>7200</ins>" in visit("lead").get(path).text
    assert visit("lead").post(f"{path}/publish").headers["location"] == "/controls/engine"
    assert "rule_editor + lead" in visit("viewer").get("/controls/engine").text


@pytest.mark.parametrize("role", ["viewer", "analyst", "aml", "admin"])
def test_others_read_and_are_offered_no_change(role: str, visit: Callable[[str], Visitor]) -> None:
    path, visitor = proposed(visit("lead")), visit(role)
    page = visitor.get("/controls/engine").text
    assert "was proposed by lead" in page
    assert "Propose a version" not in page
    assert "/publish" not in visitor.get(path).text
    for change in (f"{path}/publish", f"{path}/close", "/controls/engine/propose", "/controls/engine/withdraw"):
        assert visitor.post(change, data={"text": "x", "why": "x", "when": "600000", "version": 1}).status_code == 403


def test_a_body_that_cannot_be_is_told_and_stays_in_the_field(visit: Callable[[str], Visitor]) -> None:
    for body, told in (('{"late_s": -1}', "late_s and repeat_s"), ("{", "a version must be JSON")):
        answer = visit("lead").post("/controls/engine/propose", data={"body": body, "when": "600000", "why": "x"})
        assert answer.status_code == 422
        assert told in answer.text
        assert body.replace('"', "&#34;") in answer.text


def test_a_file_takes_the_fields_place(visit: Callable[[str], Visitor]) -> None:
    answer = visit("lead").post(
        "/controls/id_forms/propose", data={"when": "at", "at": "2027-01-05T00:00", "why": "x"},
        files={"file": ("forms.json", b"[]", "application/json")},
    )  # fmt: skip
    assert "2027-01-05 00:00" in visit("lead").get(answer.headers["location"]).text


@pytest.mark.usefixtures("published")
def test_a_version_that_waits_is_withdrawn_by_two(visit: Callable[[str], Visitor]) -> None:
    path = visit("lead").post("/controls/engine/withdraw", data={"version": 1, "why": "a slip"}).headers["location"]
    assert visit("rule_editor").post(f"{path}/publish").status_code == 303
    page = visit("viewer").get("/controls/engine").text
    assert "withdraws 1" in page
    assert "not yet in force" not in page


def test_what_is_declined_stays_to_be_read(visit: Callable[[str], Visitor]) -> None:
    path = proposed(visit("lead"), why=HOSTILE)
    assert visit("rule_editor").post(f"{path}/close", data={"text": HOSTILE}).status_code == 303
    for shown in (path, "/controls"):
        page = visit("viewer").get(shown).text
        assert "declined" in page
        assert "<script>alert" not in page


def test_a_log_that_cannot_be_written_is_said(visit: Callable[[str], Visitor], monkeypatch: pytest.MonkeyPatch) -> None:
    path = proposed(visit("lead"))
    monkeypatch.setattr(SqliteLog, "can_append", lambda self, topic: False)
    assert "does not let this console write" in visit("rule_editor").get(path).text
    assert "无日志写入权限" in visit("rule_editor").get(path, headers={"Accept-Language": "zh"}).text


def test_a_log_that_cannot_be_read_is_said(console: Console, visit: Callable[[str], Visitor]) -> None:
    def failing() -> SqliteLog:
        raise LogFailed("disk I/O error")

    object.__setattr__(console, "open_log", failing)
    page = visit("lead").get("/controls")
    assert (page.status_code, "The log cannot be read" in page.text, "disk I/O error" in page.text) == (200, True, True)
    answer = visit("lead").post("/controls/engine/propose", data={"body": "{}", "when": "600000", "why": "x"})
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"log_url": "sqlite:///{folder}/none.db"}, "there is no log at"),
        ({"log_url": "sqlite:///{folder}/tillwatch.db", "partitions": 7}, "has 2 partitions, compacted=False; got 7"),
        ({"log_url": "kafka://127.0.0.1:9", "kafka_security": "sasl_tls", "kafka_user": "tillwatch",
          "kafka_password_file": "{folder}/none"}, "No such file or directory"),
    ],
)  # fmt: skip
def test_a_console_whose_settings_reach_no_log_says_why(
    given: dict[str, Any], why: str, console: Console, visit: Callable[[str], Visitor], tmp_path: Path
) -> None:
    in_folder = {name: each.format(folder=tmp_path) if isinstance(each, str) else each for name, each in given.items()}
    object.__setattr__(console, "open_log", lambda: log_of(Settings(**in_folder)))
    page = visit("lead").get("/controls")
    assert (page.status_code, "The log cannot be read" in page.text, why in page.text) == (200, True, True), page.text


def test_a_kind_that_is_none_is_not_found(visit: Callable[[str], Visitor]) -> None:
    for path in ("/controls/weather", "/controls/proposals/7"):
        assert visit("lead").get(path).status_code == 404


def test_every_setting_of_a_detector_is_listed_with_its_default(
    visit: Callable[[str], Visitor], open_log: Callable[[], SqliteLog]
) -> None:
    with open_log() as log:
        body = b'{"volume_rise":{"decades":4.5}}'
        publish(log, "detectors", body, effective_ms=NOW_MS + 3_600_000, by="li", zero=b"{}")
    page = " ".join(visit("viewer").get("/controls/detectors").text.split())
    assert '<td class="mono">decades</td><td class="number">3.15</td><td class="number"><b>4.5</b></td>' in page
