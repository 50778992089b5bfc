"""What others wrote is shown as text: no markup, no control of the terminal, no line that nobody wrote."""

from __future__ import annotations

import ast
import json
import random
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import tillwatch.show
from domain.visible import unseen_at
from streams.controls import publish
from streams.sqlite.address import SqliteAddress
from tests.tillwatch.conftest import call
from tests.tillwatch.forked import run
from tillwatch.show import Terminal, styled, table

if TYPE_CHECKING:
    from click.testing import Result

FOLDER = Path(tillwatch.show.__file__).parent
START_MS = 1_767_571_200_000
MERCHANTS = ("[/red]", "[link=http://evil]x[/link]", "[bold]m", ":smile:", "=1+1")
HOSTILE = (
    "\x1b[2J", "\x1b]0;owned\x07", "\x1b]8;;http://evil\x1b\\here", "\x9b31m", "\x90q\x9c", "\x7f\x08\x08",
    "\u202egpj.exe\u202c", "\u200b\u200c\u2066x\u2069", "\ufeff", "\r2026-01-05 00:00   +0.00  A",
    "\n2026-01-05 00:00   -99.00  A      confirmed",
    "\u2028new line", "[/red][link=http://evil]x[/link]", ":warning:", "\U000e0041\U000e007f", "\t\x0b\x0c\x85",
)  # fmt: skip
"""Titles, colours, links, erased and forged lines, turned and invisible writing, markup."""


def events(seed: int) -> list[dict[str, Any]]:
    """Restaurants that sold as hospitals, with hostile texts wherever a text may stand."""
    draw = random.Random(seed)

    def text() -> str:
        return "A" + "".join(draw.sample(HOSTILE, 4)) + "Z"

    found: list[dict[str, Any]] = []
    for k, name in enumerate(MERCHANTS):
        found.append({
            "type": "merchant", "merchant_id": name, "event_time": START_MS, "effective_from": START_MS,
            "mccs": ["5812"], "name": text(), "note": text(),
        })  # fmt: skip
        for i in range(6):
            at = START_MS + 60_000 * (i + 1) + k
            found.append({
                "txn_id": f"{k}-{i}", "merchant_id": name, "amount": 1_000_000, "currency": "CNY", "mcc": "8062",
                "scheme": "unionpay", "card_kind": "credit", "event_time": at, text(): text(),
            })  # fmt: skip
        found.append({
            "type": "override", "merchant_id": name, "event_time": START_MS + 900_000, "grade": "D", "reason": text(),
            "expires_at": START_MS + 86_400_000_000,
        })  # fmt: skip
        found += [{"type": text(), "merchant_id": name}, {"merchant_id": text(), "mcc": text(), "feed": text()}]
    return sorted(found, key=lambda each: each.get("event_time", START_MS))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "events.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in events(7)))
    return path


@pytest.fixture(scope="module")
def log(file: Path) -> Path:
    """A log whose worker has read it all."""
    path = file.with_name("tillwatch.db")
    url = SqliteAddress(path).url
    assert call("--log-url", url, "ingest", file, "--historic", "--max-refused", "100").exit_code == 0
    code, _, errors = run("--log-url", url, "worker", "--until-idle")
    assert code == 0, errors
    return path


def shown(result: Result) -> str:
    """What a command printed, all of it seen."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    for said in (result.stdout, result.stderr):
        lines = said.split("\n")
        assert [line for line in lines if unseen_at(line)] == []
    return result.stdout


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    "arguments",
    [
        *(("explain", name, "--since", "9d") for name in MERCHANTS),
        *(("state", "inspect", name) for name in MERCHANTS[:2]),
        ("dead-letters", "list"), ("dead-letters", "show", "0/0"), ("dead-letters", "show", "0/3"), ("causes",),
        ("detectors",), ("topics", "lag"), ("controls", "list"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_command_prints_what_a_terminal_would_obey(log: Path, arguments: tuple[str, ...], lang: str) -> None:
    result = call("--log-url", SqliteAddress(log).url, *arguments, "--lang", lang)
    assert result.exit_code == 0, result.output
    out = shown(result)
    if arguments[0] in {"explain", "state"}:
        assert arguments[1] == "state" or arguments[-3 if arguments[0] == "explain" else -1] in out


@pytest.mark.parametrize("arguments", [("dead-letters", "show", "0/0"), ("explain", "[/red]")], ids=" ".join)
def test_json_says_the_same_in_characters_that_are_seen(log: Path, arguments: tuple[str, ...]) -> None:
    result = call("--log-url", SqliteAddress(log).url, *arguments, "--json")
    assert result.exit_code == 0, result.output
    assert isinstance(json.loads(shown(result)), dict)


def test_a_reason_forges_no_line_of_explain(log: Path) -> None:
    out = shown(call("--log-url", SqliteAddress(log).url, "explain", "[/red]", "--since", "9d"))
    assert "\\x1b" in out or "\\n" in out or "\\u" in out
    assert not any(line.startswith("2026-01-05 00:00   ") for line in out.splitlines())


def test_a_replay_and_a_comparison_of_tables_print_no_such_thing(file: Path, log: Path, tmp_path: Path) -> None:
    shown(call("replay", file))
    rows = tmp_path / "merchants.csv"
    rows.write_text(f'merchant_id,name,mccs\n"[/red]","{HOSTILE[0]}{HOSTILE[6]}",5812\n"{HOSTILE[1]}",x,nonsense\n')
    shown(call("--log-url", SqliteAddress(log).url, "merchants", "diff", rows))


def test_who_published_a_version_is_shown_as_text(log: Path) -> None:
    from tillwatch.logs import open_log  # noqa: PLC0415
    from tillwatch.settings import load  # noqa: PLC0415

    f"[red]{HOSTILE[0]}{HOSTILE[6]}"
    with open_log(load(log_url=SqliteAddress(log).url)) as opened:
        publish(
            opened,
            "detectors",
            b"{}",
            effective_ms=START_MS + 86_400_000,
            by=f"[red]{HOSTILE[0]}{HOSTILE[6]}",
            zero=b"{}",
        )
    assert "[red]\\x1b[2J" in shown(call("--log-url", SqliteAddress(log).url, "controls", "list"))


def test_a_table_shows_cells_titles_and_headings_as_they_are() -> None:
    out = StringIO()
    made = table("of [/red]\x1b", "[bold]h\u202e")
    made.add_row("[/x]\n:smile:\x9b")
    made.add_row(styled(("[link=a]b\u200b", "bold")))
    Terminal(file=out, width=80).print(made)
    assert out.getvalue().split() == ["of", "[/red]\\x1b", "[bold]h\\u202e", "[/x]\\n:smile:\\x9b", "[link=a]b\\u200b"]


ALLOWED = {"Group", "Live", "Panel"}
"""Of Rich, what shows nothing by itself; a grid of them is a table without titles."""


def from_rich(path: Path) -> list[str]:
    """What a module takes from Rich, not for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typed = {id(node) for each in tree.body if isinstance(each, ast.If) for node in ast.walk(each)}
    return [
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rich" and id(node) not in typed
        for name in node.names
    ]


def test_only_one_module_shows_texts_by_rich() -> None:
    found = {str(path.relative_to(FOLDER)): from_rich(path) for path in FOLDER.rglob("*.py")}
    found.pop("show.py")
    grids = found.pop("demo/board.py")
    assert {"show.py", "demo/board.py"}.isdisjoint(found)
    assert {name: each for name, each in found.items() if {*each} - ALLOWED} == {}
    assert {*grids} - ALLOWED <= {"Table", "Text"}
    source = (FOLDER / "demo" / "board.py").read_text(encoding="utf-8")
    assert source.count("Table(") == 0
    assert "Text(" not in source.replace("Text()", "")


def test_no_module_prints_by_itself_or_turns_markup_on() -> None:
    found = [
        f"{path.name}: {ast.unparse(node)}"
        for path in FOLDER.rglob("*.py")
        if path.name != "start.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == "print")
            or any(each.arg in {"markup", "emoji"} and ast.unparse(each.value) != "False" for each in node.keywords)
        )
    ]
    assert found == []
