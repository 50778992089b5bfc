"""The examples of docs/api.md: a shell runs them against a console, and they print what the page shows."""

from __future__ import annotations

import os
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from casework.filing import file_scores
from casework.people import SYSTEM, put_user
from casework.tokens import SCOPES, make_token
from console.api.caller import AT_ONCE, PER_S
from console.api.problems import MEANINGS
from domain.alerts import Contribution
from tests.casework.world import NOW_MS, score
from tests.console.browsing import serving
from tests.docs.consoles import pattern
from tests.parts import command, require

if TYPE_CHECKING:
    from casework.store import Store
    from console.page import Console

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
_EXAMPLE = re.compile(r"^```sh\n(.*?)^```\n\n```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_examples_print_what_the_page_shows(console: Console, store: Store) -> None:
    for each in ("curl", "jq"):
        require(partial(command, each, each))
    put_user(store, SYSTEM, "nightly", "Nightly", ["analyst"], NOW_MS, is_service=True)
    token = make_token(store, SYSTEM, "nightly", "docs", SCOPES, 1, NOW_MS)
    put_user(store, SYSTEM, "feed", "Feed", ["admin"], NOW_MS, is_service=True)
    events_token = make_token(store, SYSTEM, "feed", "docs", ["events:write"], 1, NOW_MS)
    with store.writing() as connection:
        contributions = (Contribution("mcc_jump", 5.5, "a"),)
        file_scores(store, connection, [replace(score("m1", "C", 1), score=52.5, contributions=contributions)], NOW_MS)
    found = _EXAMPLE.findall(PAGE)
    assert len(found) == PAGE.count("```sh") > 4
    with serving(console) as address:
        for shell, shown in found:
            told = {**os.environ, "CONSOLE": address, "TOKEN": token, "EVENTS_TOKEN": events_token}
            printed = subprocess.run(
                ["bash", "-ec", shell], env=told, capture_output=True, text=True, check=True
            ).stdout
            assert pattern(shown.splitlines()).fullmatch(printed), f"{shell}\n{printed}"


def test_every_refusal_and_scope_has_its_row() -> None:
    assert {int(each) for each in re.findall(r"^\| (\d{3}) \|", PAGE, re.MULTILINE)} == {*MEANINGS}
    assert {*re.findall(r"^\| `(\w+:\w+)` \|", PAGE, re.MULTILINE)} == {*SCOPES}
    assert f"{PER_S:g} calls a second" in PAGE
    assert f"{AT_ONCE} at once" in PAGE


def test_every_list_has_its_filters_and_no_other(console: Console) -> None:
    from console.app import make_app, schema  # noqa: PLC0415

    described = {}
    for path, operations in schema(make_app(console))["paths"].items():
        names = {each["name"] for each in operations.get("get", {}).get("parameters", ())}
        if "cursor" in names:
            described[path.removeprefix("/api/v1")] = names - {"cursor", "limit"}
    rows = dict(re.findall(r"^\| `GET (\S+)` \| (.+?) \|", PAGE, re.MULTILINE))
    assert {path: {*re.findall(r"`(\w+)`", cell)} for path, cell in rows.items()} == described
