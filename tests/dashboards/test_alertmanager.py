"""A real Alertmanager with the configuration that is shipped: who hears of what, and what is held back."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dashboards.alerting import ALERTS, APART, SILENCING
from tests.dashboards.alertmanager import Sent, receiving, running
from tests.dashboards.reading import ROOT
from tests.faults.waiting import wait_until
from tests.parts import command, require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.dashboards.alertmanager import Alertmanager

pytestmark = pytest.mark.monitoring
RULES = [rule for group in ALERTS.values() for rule in group]
WAITING = "http://127.0.0.1:9099"


class Shipped(NamedTuple):
    """An Alertmanager with the configuration that is shipped, and what it has sent."""

    far: Alertmanager
    messages: Sent

    @property
    def sent(self) -> dict[str, set[str]]:
        """By receiver, names of alerts that fire."""
        found: dict[str, set[str]] = {}
        for receiver, body in [*self.messages]:
            names = {each["labels"]["alertname"] for each in body["alerts"] if each["status"] == "firing"}
            found.setdefault(receiver, set()).update(names)
        return found

    def fire(self, *alerts: tuple[str, str], **labels: str) -> None:
        """Let alerts fire, of a name and a severity each."""
        body = [
            {"labels": {"alertname": name, "severity": severity, "service": "tillwatch", "job": "tillwatch", **labels}}
            for name, severity in alerts
        ]
        self.far.ask("/api/v2/alerts", body)

    def held_back(self) -> set[tuple[str, str]]:
        """Names and severities of alerts that another one silences."""
        return {
            (each["labels"]["alertname"], each["labels"]["severity"])
            for each in self.far.ask("/api/v2/alerts")
            if each["status"]["inhibitedBy"]
        }


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Shipped]:
    messages: Sent = []
    with receiving(messages) as port:
        config = (ROOT / "alertmanager.yml").read_text(encoding="utf-8").replace(WAITING, f"http://127.0.0.1:{port}")
        for wait in ("30s", "10s"):
            config = config.replace(f"group_wait: {wait}", "group_wait: 1s")
        with running(config, tmp_path) as far:
            yield Shipped(far, messages)


def test_pages_tickets_and_the_dead_mans_switch_go_different_ways(alertmanager: Shipped) -> None:
    alertmanager.fire(("TillwatchNoProgress", "page"), ("TillwatchAlertStorm", "ticket"))
    alertmanager.fire(("TillwatchDeadMansSwitch", "none"))
    expected = {
        "pages": {"TillwatchNoProgress"}, "tickets": {"TillwatchAlertStorm"},
        "dead-mans-switch": {"TillwatchDeadMansSwitch"},
    }  # fmt: skip
    wait_until(lambda: alertmanager.sent == expected, "each receiver hears of its own", 30)


@pytest.mark.parametrize("silencing", SILENCING)
def test_a_broker_or_all_workers_down_hold_back_what_follows(alertmanager: Shipped, silencing: str) -> None:
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


def test_a_page_holds_back_the_ticket_on_the_same_matter_alone(alertmanager: Shipped) -> None:
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
