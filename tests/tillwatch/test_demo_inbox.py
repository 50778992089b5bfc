"""The inbox of the demonstration: what a robot's request must be, and what the page is given."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

import pytest

from tillwatch.demo.inbox import receiving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tillwatch.demo.inbox import Inbox


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with receiving() as found:
        yield found


def ask(inbox: Inbox, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", inbox.port, timeout=5)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        said = answer.read()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(said) if is_json else said.decode(), dict(answer.headers)
    finally:
        connection.close()


def text(content: str, *mentioned: str) -> bytes:
    said = {"content": content, "mentioned_list": mentioned, "mentioned_mobile_list": []}
    return json.dumps({"msgtype": "text", "text": said}).encode()


def test_what_the_robot_takes_is_shown_in_order_with_whom_it_mentions(inbox: Inbox) -> None:
    for content, mentioned in (("first", ("rep-1",)), ("<b>second</b>", ())):
        status, said, _ = ask(inbox, "POST", f"/robot?key={inbox.key}", text(content, *mentioned))
        assert (status, said) == (200, {"errcode": 0, "errmsg": "ok"})
    _, shown, _ = ask(inbox, "GET", "/messages")
    assert [(each["number"], each["to"], each["text"]) for each in shown] == [
        (1, "rep-1", "first"), (2, "", "<b>second</b>"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [("/robot?key=guessed", text("x"), 93_000), ("/robot", text("x"), 93_000), ("/", text("x"), 93_000),
     ("", b"{", 40_058), ("", b'{"msgtype": "text"}', 40_058)],
    ids=["another key", "no key", "another path", "no JSON", "no text"],
)  # fmt: skip
def test_what_is_no_message_of_ours_is_refused_with_an_error_code(
    inbox: Inbox, path: str, body: bytes, code: int
) -> None:
    _, said, _ = ask(inbox, "POST", path or f"/robot?key={inbox.key}", body)
    assert said["errcode"] == code
    assert inbox.messages() == []


def test_a_message_that_is_too_long_is_not_read(inbox: Inbox) -> None:
    status, _, _ = ask(inbox, "POST", f"/robot?key={inbox.key}", text("x" * 20_000))
    assert status == 413
    assert inbox.messages() == []


def test_the_oldest_messages_give_way(inbox: Inbox) -> None:
    for k in range(205):
        inbox.take(text(f"{k}"))
    assert [each.number for each in inbox.messages()] == [*range(6, 206)]


def test_the_page_runs_no_script_but_its_own_and_is_shown_by_its_address_alone(inbox: Inbox) -> None:
    for path in ("/", "/inbox.css", "/inbox.js"):
        status, _, headers = ask(inbox, "GET", path)
        assert status == 200
        assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert ask(inbox, "GET", "/", Host="evil.example")[0] == 421
    assert ask(inbox, "GET", "/other")[0] == 404
