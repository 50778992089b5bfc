"""Writes the dashboards, rules and Alertmanager's configuration: `python -m dashboards.build`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import casework_board, detector_board, merchant_board, operations, risk_overview, wall
from dashboards.frame import SCHEMA_VERSION
from dashboards.kit import Kit, Language
from dashboards.rule_files import RUNBOOKS, alerting_rules, alertmanager_config, recording_rules
from dashboards.sql_kit import SqlKit

if TYPE_CHECKING:
    from collections.abc import Callable

    from grafana_foundation_sdk.builders.dashboard import Dashboard

HERE = Path(__file__).parent
BOARDS: dict[str, Callable[[Kit], Dashboard]] = {
    "risk-overview": risk_overview.build,
    "operations": operations.build,
    "detectors": detector_board.build,
    "wall": wall.build,
}


SQL_BOARDS: dict[str, Callable[[SqlKit], Dashboard]] = {
    "merchant": merchant_board.build,
    "casework": casework_board.build,
}
"""Those that read casework's views in PostgreSQL."""


def dashboard_json(name: str, language: Language, currency: str = "CNY") -> str:
    """A dashboard as Grafana imports it.

    Args:
        name: of `BOARDS` or `SQL_BOARDS`.
        language: of its words.
        currency: the acquirer's own, ISO 4217.
    """
    if name in SQL_BOARDS:
        made = SQL_BOARDS[name](SqlKit(language, currency)).build()
    else:
        made = BOARDS[name](Kit(language, currency)).build()
    made.schema_version = SCHEMA_VERSION
    shown: dict[str, Any] = json.loads(json.dumps(made, cls=JSONEncoder))
    place(shown["panels"])
    for each in shown["templating"]["list"]:
        for key in ("auto", "auto_min", "auto_count", "allowCustomValue"):  # of another kind, or newer than 10.4
            each.pop(key, None)
    return json.dumps(shown, indent=1, ensure_ascii=False) + "\n"


def place(panels: list[dict[str, Any]]) -> None:
    """Number panels, and put each where it fits highest, then leftmost: a tall one may have two beside it."""
    low = [0] * 24
    for number, panel in enumerate(panels, start=1):
        at = panel["gridPos"]
        y, x = min((max(low[x : x + at["w"]]), x) for x in range(25 - at["w"]))
        low[x : x + at["w"]] = [y + at["h"]] * at["w"]
        panel["id"], at["x"], at["y"] = number, x, y


def files(currency: str = "CNY", runbooks: str = RUNBOOKS) -> dict[str, str]:
    """Everything that is generated, by path below this folder."""
    made = {
        f"{language}/{name}.json": dashboard_json(name, language, currency)
        for language in get_args(Language)
        for name in (*BOARDS, *SQL_BOARDS)
    }
    return made | {
        "rules/tillwatch-recording.yml": recording_rules(),
        "rules/tillwatch-alerts.yml": alerting_rules(runbooks),
        "alertmanager.yml": alertmanager_config(),
    }


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description="Write the dashboards, the rules and Alertmanager's configuration.")
    parser.add_argument("--into", type=Path, default=HERE, help="folder to write them below")
    parser.add_argument("--currency", default="CNY", help="the acquirer's own, ISO 4217, for panels of money")
    parser.add_argument("--runbooks", default=RUNBOOKS, help="address that the names of runbooks are put behind")
    chosen = parser.parse_args()
    for name, text in files(chosen.currency, chosen.runbooks).items():
        path = chosen.into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
