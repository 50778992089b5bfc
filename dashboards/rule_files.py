"""Writes the rules of `dashboards.alerting` and Alertmanager's configuration as YAML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dashboards.alerting import ALERTS, APART, RECORDINGS, SILENCING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboards.alerting import Rule

HEAD = "# Written by `make dashboards` from dashboards/alerting.py and dashboards/thresholds.py: change those.\n"
RUNBOOKS = "docs/runbooks"
"""Where runbooks are, relative to the repository, unless a site says where it serves them."""


def recording_rules() -> str:
    """The file of recording rules, which panels and alerting rules read."""
    lines = [HEAD + "groups:", "- name: tillwatch-recording", "  rules:"]
    for each in RECORDINGS:
        lines += [f"  - record: {each.name}", f"    expr: {json.dumps(each.expression)}"]
    return "\n".join(lines) + "\n"


def alerting_rules(runbooks: str = RUNBOOKS) -> str:
    """The file of alerting rules.

    Args:
        runbooks: address or folder that the names of runbooks are put behind.
    """
    lines = [HEAD + "groups:"]
    for name, rules in ALERTS.items():
        lines += [f"- name: {name}", "  rules:"]
        for each in rules:
            lines += _alert(each, runbooks)
    return "\n".join(lines) + "\n"


def _alert(rule: Rule, runbooks: str) -> Iterator[str]:
    yield f"  - alert: {rule.name}"
    yield f"    expr: {json.dumps(rule.expression)}"
    yield f"    for: {rule.lasting}"
    yield f"    labels: {{severity: {rule.severity}, service: tillwatch}}"
    yield "    annotations:"
    yield f"      summary: {json.dumps(rule.summary.en)}"
    yield f"      summary_zh: {json.dumps(rule.summary.zh, ensure_ascii=False)}"
    yield f"      runbook_url: {json.dumps(f'{runbooks}/{rule.runbook}.md')}"


_RECEIVERS = """\
receivers:
- name: pages
  webhook_configs:
  - url: http://127.0.0.1:9099/pages
- name: tickets
  webhook_configs:
  - url: http://127.0.0.1:9099/tickets
- name: dead-mans-switch
  webhook_configs:
  - url: http://127.0.0.1:9099/dead-mans-switch
    send_resolved: false
"""
"""Webhooks on this machine."""


def alertmanager_config() -> str:
    """Alertmanager's routes and inhibition, with receivers on this machine that a site replaces by its own."""
    silencing, others = "|".join(SILENCING), "|".join((*SILENCING, *APART))
    return (
        HEAD
        + f"""\
# The receivers are webhooks on this machine, to be replaced by the site's own: pages to whoever is on call, tickets
# to the tracker, and the dead-man's switch to something outside that complains when it stops.
route:
  receiver: tickets
  group_by: [alertname, severity]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 12h
  routes:
  - receiver: dead-mans-switch
    matchers: [alertname="TillwatchDeadMansSwitch"]
    group_wait: 0s
    group_interval: 1m
    repeat_interval: 5m
  - receiver: pages
    matchers: [severity="page"]
    group_wait: 10s
    repeat_interval: 1h
inhibit_rules:
# No worker, or none that reaches the log: all else follows from it.
- source_matchers: [alertname=~"{silencing}"]
  target_matchers: [service="tillwatch", alertname!~"{others}"]
- source_matchers: [alertname="TillwatchNoWorker"]
  target_matchers: [alertname="TillwatchNotReady"]
# Whoever is called about a matter needs no ticket about the same.
- source_matchers: [severity="page"]
  target_matchers: [severity="ticket"]
  equal: [alertname, partition, feed, instance]
{_RECEIVERS}"""
    )
