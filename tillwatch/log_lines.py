"""How log lines are written to standard error: for people, or as JSON for what collects them."""

from __future__ import annotations

import json
import logging
import sys
from typing import Literal

from domain.errors import RecordError, TillwatchError
from domain.secrets import without_secrets
from domain.timestamps import iso
from domain.visible import visible, visible_json, visible_lines

LogFormat = Literal["text", "json"]

_logger = logging.getLogger("tillwatch")
_CRASHED = "Crashed reason"
"""What mode writes, which Faust is built on, when a service of its kind ends by an error."""


class TextLines(logging.Formatter):
    """A line of text for each record, with its stack trace where it has one; passwords of URLs are masked."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return visible_lines(without_secrets(super().format(record)))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        """The record's own line: a newline in what it tells of does not begin another."""
        return visible(super().formatMessage(record))


class NoRefusals(logging.Filter):
    """Leaves out the stack traces of errors of our own: the command's last line says what is wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written: Faust's news that a service crashed by such an error is not."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, TillwatchError) or isinstance(error, RecordError):
            return True
        record.exc_info = None
        return _CRASHED not in str(record.msg)


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
        return visible_json(without_secrets(json.dumps(line, ensure_ascii=False)))


def log_to_stderr(log_format: LogFormat = "text") -> None:
    """Write Tillwatch's log lines to standard error, and Faust's from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    text = TextLines("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines() if log_format == "json" else text)
    handler.addFilter(NoRefusals())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    _logger.setLevel(logging.INFO)
