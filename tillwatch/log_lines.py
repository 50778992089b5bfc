"""How log lines are written to standard error: for people, or as JSON for what collects them."""

from __future__ import annotations

import json
import logging
import sys
from typing import Literal

from domain.secrets import without_secrets
from domain.timestamps import iso

LogFormat = Literal["text", "json"]

_logger = logging.getLogger("tillwatch")


class TextLines(logging.Formatter):
    """A line of text for each record, with its stack trace where it has one; passwords of URLs are masked."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return without_secrets(super().format(record))


class JsonLines(logging.Formatter):
    """A line of JSON for each record: `time` (ISO 8601 UTC), `level`, `logger`, `message`, and `error` with one.

    Passwords of URLs are masked.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "time": iso(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(line, ensure_ascii=False))


def log_to_stderr(log_format: LogFormat = "text") -> None:
    """Write Tillwatch's log lines to standard error, and Faust's from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    text = TextLines("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines() if log_format == "json" else text)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    _logger.setLevel(logging.INFO)
