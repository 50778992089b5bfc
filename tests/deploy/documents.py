"""The files of a deployment, as data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


_VARIABLE = re.compile(r"\$\{\w+:-([^}]*)\}")


def compose() -> dict[str, Any]:
    """The compose file, with its anchors resolved, and variables that nobody set."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    return yaml.safe_load(_VARIABLE.sub(r"\1", text))


def services() -> dict[str, dict[str, Any]]:
    return compose()["services"]


def documents(path: str) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    return [*yaml.safe_load_all((ROOT / path).read_text(encoding="utf-8"))]
