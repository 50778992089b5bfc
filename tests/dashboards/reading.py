"""Reads what was generated: panels, queries, the metrics and labels that an expression names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2] / "dashboards"
LANGUAGES = ("en", "zh")
BOARDS = ("risk-overview", "operations", "detectors", "wall")
SQL_BOARDS = ("merchant", "casework")
_WORDS = re.compile(r'"(?:[^"\\]|\\.)*"|\$\{?\w+\}?|(?<![\w:])\d+(?:ms|[smhdwy])\b')
_NAME = re.compile(r"\b([a-zA-Z_:][\w:]*)\b(?!\s*\()")
_SELECTED = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")


class Asked(NamedTuple):
    """A query and who asks it."""

    where: str
    expression: str


def board(language: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / language / f"{name}.json").read_text(encoding="utf-8"))
    return found


def asked_by(found: dict[str, Any]) -> list[Asked]:
    """The queries of a dashboard's panels, and of one on Prometheus those of its annotations and variables."""
    panels = [
        Asked(f"{found['uid']}: {panel['title']}", target.get("expr") or target["rawSql"])
        for panel in found["panels"]
        for target in panel["targets"]
    ]
    if "rawSql" in found["panels"][0]["targets"][0]:
        return panels
    notes = [Asked(f"{found['uid']}: {each['name']}", each["expr"]) for each in found["annotations"]["list"]]
    choices = [
        Asked(f"{found['uid']}: ${each['name']}", re.findall(r"label_values\((.*), \w+\)", each["query"]["query"])[0])
        for each in found["templating"]["list"]
        if each["type"] == "query"
    ]
    return panels + notes + choices


def metrics_of(expression: str) -> set[str]:
    """The series that an expression reads.

    Words behind `by`, `without`, `on`, `ignoring`, `group_left` and inside braces are labels.
    """
    text = _WORDS.sub(" ", expression)
    text = re.sub(r"\{[^}]*\}", " ", text)
    text = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    words = {"and", "or", "unless", "offset", "bool", "end", "start", "by", "on", "Inf", "NaN", "inf"}
    return {name for name in _NAME.findall(text) if name not in words and not name[0].isdigit()}


def selected_labels(expression: str) -> dict[str, set[str]]:
    """The labels that braces behind each series name."""
    found: dict[str, set[str]] = {}
    for name, inside in _SELECTED.findall(expression):
        found.setdefault(name, set()).update(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))
    return found
