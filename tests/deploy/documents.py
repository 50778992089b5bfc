"""The files of a deployment, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


class _Compose(yaml.SafeLoader):
    """YAML of a compose file; of ours no tag is needed."""


def compose() -> dict[str, Any]:
    """The compose file, with its anchors resolved."""
    return yaml.load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"), _Compose)


def services() -> dict[str, dict[str, Any]]:
    return compose()["services"]


def documents(path: str) -> list[dict[str, Any]]:
    """The documents of a YAML file."""
    return [*yaml.safe_load_all((ROOT / path).read_text(encoding="utf-8"))]
