"""A real Alertmanager with the configuration that is shipped: who hears of what, and what is held back."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from dashboards.alerting import ALERTS, APART, SILENCING
from tests.dashboards.reading import ROOT
from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports
from tests.parts import command, require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.monitoring
RULES = [rule for group in ALERTS.values() for rule in group]
WAITING = "http://127.0.0.1:9099"


class Alertmanager(NamedTuple):
    """A server and what it has sent: by receiver, names of alerts."""

    url: str
    sent: dict[str, set[str]]

    def fire(self, *alerts: tuple[str, str], **labels: str) -> None:
        """Let alerts fire, of a name and a severity each."""
        body = [
            {"labels": {"alertname": name, "severity": severity, "service": "tillwatch", "job": "tillwatch", **labels}}
            for name, severity in alerts
        ]
        self._ask("/api/v2/alerts", json.dumps(body).encode())

    def held_back(self) -> set[tuple[str, str]]:
        """Names and severities of alerts that another one silences."""
        return {
            (each["labels"]["alertname"], each["labels"]["severity"])
            for each in self._ask("/api/v2/alerts")
            if each["status"]["inhibitedBy"]
        }

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        asked = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@contextmanager
def receiver(sent: dict[str, set[str]]) -> Iterator[int]:
    """A webhook on a free port, which notes what comes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            read = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            names = {each["labels"]["alertname"] for each in read["alerts"] if each["status"] == "firing"}
            sent.setdefault(self.path.strip("/"), set()).update(names)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    binary = require(lambda: command("prometheus-alertmanager", "prometheus-alertmanager"))
    sent: dict[str, set[str]] = {}
    with receiver(sent) as port:
        text = (ROOT / "alertmanager.yml").read_text(encoding="utf-8").replace(WAITING, f"http://127.0.0.1:{port}")
        config = tmp_path / "alertmanager.yml"
        config.write_text(
            text.replace("group_wait: 30s", "group_wait: 1s").replace("group_wait: 10s", "group_wait: 1s")
        )
        own, log = free_ports(1)[0], (tmp_path / "log").open("wb")
        where = [f"--config.file={config}", f"--storage.path={tmp_path / 'data'}", "--cluster.listen-address="]
        process = subprocess.Popen(
            [binary, *where, f"--web.listen-address=127.0.0.1:{own}"], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            made = Alertmanager(f"http://127.0.0.1:{own}", sent)
            wait_until(lambda: answers(f"{made.url}/-/ready"), "Alertmanager answers", 30)
            yield made
        finally:
            process.terminate()
            process.wait(20)
            log.close()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_pages_tickets_and_the_dead_mans_switch_go_different_ways(alertmanager: Alertmanager) -> None:
    alertmanager.fire(("TillwatchNoProgress", "page"), ("TillwatchAlertStorm", "ticket"))
    alertmanager.fire(("TillwatchDeadMansSwitch", "none"))
    expected = {
        "pages": {"TillwatchNoProgress"}, "tickets": {"TillwatchAlertStorm"},
        "dead-mans-switch": {"TillwatchDeadMansSwitch"},
    }  # fmt: skip
    wait_until(lambda: alertmanager.sent == expected, "each receiver hears of its own", 30)


@pytest.mark.parametrize("silencing", SILENCING)
def test_a_broker_or_all_workers_down_hold_back_what_follows(alertmanager: Alertmanager, silencing: str) -> None:
    alertmanager.fire((silencing, "page"))
    others = {(rule.name, rule.severity) for rule in RULES if rule.name not in {*SILENCING, *APART}}
    alertmanager.fire(*sorted(others), ("TillwatchDeadMansSwitch", "none"), partition="1")
    wait_until(lambda: alertmanager.held_back() == others, "all others are held back", 30)
    alertmanager.fire(("TillwatchAuditBroken", "page"))
    alertmanager.fire(("OfSomethingElse", "ticket"), service="database")  # sent later than those would have been
    wait_until(lambda: "OfSomethingElse" in alertmanager.sent.get("tickets", ()), "another service's is sent", 30)
    wait_until(lambda: "dead-mans-switch" in alertmanager.sent, "the dead-man's switch is heard", 30)
    wait_until(lambda: len(alertmanager.sent["pages"]) == 2, "the audit is heard of", 30)
    assert alertmanager.sent == {
        "pages": {silencing, "TillwatchAuditBroken"}, "tickets": {"OfSomethingElse"},
        "dead-mans-switch": {"TillwatchDeadMansSwitch"},
    }  # fmt: skip


def test_a_page_holds_back_the_ticket_on_the_same_matter_alone(alertmanager: Alertmanager) -> None:
    alertmanager.fire(("TillwatchLag", "page"), ("TillwatchLag", "ticket"), partition="1")
    alertmanager.fire(("TillwatchLag", "ticket"), partition="2")
    wait_until(lambda: alertmanager.held_back() == {("TillwatchLag", "ticket")}, "one ticket is held back", 30)
    both = {"pages": {"TillwatchLag"}, "tickets": {"TillwatchLag"}}
    wait_until(lambda: alertmanager.sent == both, "the page and the other ticket are sent", 30)


def test_amtool_finds_nothing_wrong_with_the_configuration() -> None:
    amtool = require(lambda: command("amtool", "prometheus-alertmanager"))
    done = subprocess.run(
        [amtool, "check-config", str(ROOT / "alertmanager.yml")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout
