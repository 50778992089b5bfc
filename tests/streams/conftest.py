"""What the carriers' shared contract needs of a carrier; each carrier gives it here."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from streams.sqlite_log import SqliteLog

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class SqliteCarrier:
    """The embedded log in a folder of its own."""

    path: Path

    def open(self) -> SqliteLog:
        return SqliteLog(self.path)

    def python(self, code: str) -> subprocess.Popen[str]:
        """Start another process that runs `code` with `log` open."""
        opened = f"from streams.sqlite_log import SqliteLog\nlog = SqliteLog({str(self.path)!r})\n"
        return subprocess.Popen(
            [sys.executable, "-c", opened + code],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


Carrier = SqliteCarrier


@pytest.fixture(params=["sqlite"])
def carrier(request: pytest.FixtureRequest, tmp_path: Path) -> Carrier:
    return {"sqlite": SqliteCarrier}[request.param](tmp_path / "tillwatch.db")
