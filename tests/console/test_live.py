"""The stream of changes, that open pages follow."""

from __future__ import annotations

from contextlib import ExitStack
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from casework.operations import comment
from casework.people import Actor
from console.page import COOKIE
from tests.casework.world import NOW_MS
from tests.console.browsing import serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from casework.store import Store
    from console.page import Console
    from tests.console.conftest import Visitor


def test_a_stream_tells_of_a_change_and_ends_whole_when_the_server_stops(
    console: Console, store: Store, visit: Callable[[str], Visitor]
) -> None:
    cookie = f"{COOKIE}={visit('analyst').cookies[COOKIE]}"
    with ExitStack() as until_stopped:
        address = until_stopped.enter_context(serving(console))
        connection = HTTPConnection(urlsplit(address).netloc, timeout=20)
        connection.request("GET", "/live", headers={"Cookie": cookie})
        with connection.getresponse() as answer:
            lines = (each.decode().strip() for each in answer)
            first = next(each for each in lines if each.startswith("id:"))
            comment(store, Actor("analyst", frozenset({"analyst"})), 1, "seen", NOW_MS)
            assert next(each for each in lines if each.startswith("id:")) != first
            until_stopped.close()
            rest = answer.read()  # raises where the answer was cut off
        connection.close()
    assert b"id:" not in rest
