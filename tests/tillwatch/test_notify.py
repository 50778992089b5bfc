"""`tillwatch notify` and `tillwatch notices check`, called."""

from __future__ import annotations

import json
import urllib.request
from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
import pytest
from sqlalchemy import select

from casework.agent import FilingAgent
from casework.schema import notices
from casework.store import Store
from casework.tasks.links import look_at
from notices.bodies import Entry
from streams.log import now_utc_ms
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.world import alert, write
from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports
from tests.tillwatch.conftest import call, finish, start
from tillwatch.notify import links

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

ROUTING = """\
desk: risk
receivers: {risk: {to: desk, channels: [list]}}
route: {receiver: risk, group_wait: 0s}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a log, a store with an alert of some time ago, and settings with a channel that writes lists."""
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log, Store(f"sqlite:///{tmp_path}/c.db") as store:
        create_topics(log)
        store.check_version(make=True)
        write(log, alert("a"), alert("b", "m2"))
        FilingAgent(store, log, lambda: now_utc_ms() - 60_000).file()
    (tmp_path / "routing.yaml").write_text(ROUTING, encoding="utf-8")
    (tmp_path / "lists").mkdir()
    (tmp_path / "tillwatch.toml").write_text(
        f'log_url = "{SqliteAddress(tmp_path / "tillwatch.db").url}"\ncasework_url = "sqlite:///{tmp_path}/c.db"\n'
        f'notices_routing = "{tmp_path}/routing.yaml"\nnotices_health_port = 0\n'
        f'[channels.list]\nkind = "printed"\nfolder = "{tmp_path}/lists"\n',
        encoding="utf-8",
    )
    return tmp_path


def run(site: Path, *arguments: str) -> Result:
    return call("--config", site / "tillwatch.toml", *arguments)


def stands(site: Path) -> list[tuple[str, str]]:
    with Store(f"sqlite:///{site}/c.db") as store, store.reading() as connection:
        return [(each.recipient, each.status) for each in connection.execute(select(notices))]


def test_what_stands_is_planned_sent_and_told_once(site: Path) -> None:
    result = run(site, "notify", "--once", "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    said = json.loads(line)
    assert {name: said[name] for name in ("recipient", "kind", "shops", "tasks")} == {
        "recipient": "risk", "kind": "desk", "shops": 2, "tasks": 0,
    }  # fmt: skip
    assert stands(site) == [("risk", "sent")]
    assert [*(site / "lists").iterdir()]
    assert run(site, "notify", "--once").stdout == ""


def test_a_file_is_tried_against_the_past_without_sending_anything(site: Path) -> None:
    result = run(site, "notices", "check", "--each")
    assert result.exit_code == 0, result.output
    assert "2 alerts, 2 of them told" in result.output
    assert "m1, m2" in result.output
    (line,) = run(site, "notices", "check", "--json").stdout.splitlines()
    assert json.loads(line)["listed"] == ["m1", "m2"]
    assert "告警2条，其中通知2条" in run(site, "notices", "check", "--lang", "zh").output
    assert stands(site) == []


def test_a_file_that_cannot_be_ends_the_command_with_its_line(site: Path) -> None:
    bad = site / "bad.yaml"
    bad.write_text(ROUTING.replace("0s", "soon"), encoding="utf-8")
    result = run(site, "notices", "check", str(bad))
    assert result.exit_code == 1
    assert "bad.yaml:3: route.group_wait must be a duration such as 30s, 5m, 24h or 3d, got 'soon'" in result.stderr


def test_channels_none_of_which_the_routing_names_are_refused(site: Path) -> None:
    settings = site / "tillwatch.toml"
    settings.write_text(settings.read_text().replace("channels.list", "channels.other"), encoding="utf-8")
    result = run(site, "notify", "--once")
    assert result.exit_code == 2
    assert "channels must be some that the routing names, list, got other" in result.stderr


def test_it_answers_while_it_runs_and_ends_when_it_is_told_to(site: Path) -> None:
    (port,) = free_ports(1)
    settings = site / "tillwatch.toml"
    settings.write_text(settings.read_text().replace("health_port = 0", f"health_port = {port}"), encoding="utf-8")
    process = start("--config", settings, "notify")

    def metrics() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    try:
        wait_until(lambda: 'tillwatch_notices_notices{status="sent"} 1.0' in metrics(), "the notice is sent", 60)
        assert 'tillwatch_notices_attempts_total{channel="list",status="sent"} 1.0' in metrics()
    finally:
        process.terminate()
        code, _, _ = finish(process)
    assert code == 0


def test_a_rep_answers_by_a_link_of_its_own_and_a_desk_in_the_console(site: Path) -> None:
    entry = Entry(merchant_id="m/1", shop="", address="", task="decide", due_ms=0)
    to_rep, to_desk, to_head = (
        SimpleNamespace(recipient="rep-1", is_desk=is_desk, escalates=escalates)
        for is_desk, escalates in ((False, None), (True, None), (False, "notice"))
    )
    with Store(f"sqlite:///{site}/c.db") as store:
        link_of = links(store, "https://risk.example")
        base, _, secret = link_of(to_rep, None).partition("/phone/l/")
        assert base == "https://risk.example"
        looked = look_at(store, secret, "192.0.2.1", now_utc_ms())
        assert (looked.user_id, looked.task_id, looked.is_used) == ("rep-1", None, False)
        assert link_of(to_desk, entry) == link_of(to_head, entry) == "https://risk.example/merchants/m%2F1"
        assert link_of(to_desk, msgspec.structs.replace(entry, case_id=7)) == "https://risk.example/cases/7"
        assert link_of(to_desk, None) == "https://risk.example/queue"
        assert link_of(to_head, None) == "https://risk.example/merchants"
