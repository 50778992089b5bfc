from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboards.alerting import ALERTS
from dashboards.rule_files import RUNBOOKS, alerting_rules

FOLDER = Path(__file__).parents[2] / RUNBOOKS
RULES = [rule for group in ALERTS.values() for rule in group]


@pytest.mark.parametrize("name", sorted({rule.runbook for rule in RULES}))
def test_a_runbook_says_what_it_is_where_to_look_what_to_do_and_when_it_is_no_fault(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    alerts = {rule.name for rule in RULES if rule.runbook == name}
    assert alerts == {text.splitlines()[0].removeprefix("# ")}
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Look", "Do", "When it is no fault"]
    assert all(len(part.strip()) > 10 for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:])


def test_every_runbook_belongs_to_an_alert() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == {rule.runbook for rule in RULES}


def test_a_site_says_where_it_serves_runbooks() -> None:
    made = alerting_rules("https://wiki.example/runbooks")
    addresses = re.findall(r'runbook_url: "(.+)"', made)
    assert len(addresses) == len(RULES)
    assert all(re.fullmatch(r"https://wiki\.example/runbooks/[a-z-]+\.md", each) for each in addresses)


def test_every_alert_says_what_is_wrong_in_both_languages() -> None:
    chinese = re.compile(r"[一-鿿]")
    for rule in RULES:
        assert chinese.search(rule.summary.zh), rule.name
        assert not chinese.search(rule.summary.en), rule.name
        labels = [re.findall(r"\$labels\.(\w+)", text) for text in (rule.summary.en, rule.summary.zh)]
        assert sorted(labels[0]) == sorted(labels[1]), rule.name


def test_the_docs_list_every_alert_by_severity() -> None:
    page = (FOLDER.parent / "dashboards.md").read_text(encoding="utf-8")
    listed = set()
    for name, page_words, ticket_words in re.findall(r"^\| (Tillwatch\w+) \|([^|]*)\|([^|]*)\|", page, re.MULTILINE):
        listed |= {
            (name, severity) for severity, words in (("page", page_words), ("ticket", ticket_words)) if words.strip()
        }
    assert listed == {(rule.name, rule.severity) for rule in RULES if rule.severity != "none"}
