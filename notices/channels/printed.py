"""Lists to print, for a rep whom no channel reaches: `docs/channels/printed.md`.

Each notice is a file in a folder, HTML to print or CSV, which somebody hands out. The same notice is the same file.
"""

from __future__ import annotations

import csv
import hashlib
import html
import io
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from notices.channels.contract import Outcome
from notices.channels.options import Options, one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notices.channels.contract import Address, Budget, Message

FORMATS = ("html", "csv")
MOST_BYTES = 200_000
COLUMNS = {
    "no": ("Task", "工单"), "what": ("What", "事项"), "shop": ("Shop", "商户"), "address": ("Address", "地址"),
    "tail": ("Number ends in", "商户号尾号"), "deadline": ("By", "截止时间"), "checklist": ("Check", "核对内容"),
    "holder": ("With", "当前负责人"),
}  # fmt: skip
"""Fields of a row in the order of columns, with their names; a column that is empty in all rows is left out."""
DONE = ("Done, found", "完成情况")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_STYLE = (
    "body{font:12pt/1.5 sans-serif;margin:2em}table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #444;padding:.4em;text-align:left;vertical-align:top}"
    "thead{display:table-header-group}tr{break-inside:avoid}td:last-child{min-width:9em}"
)


class PrintedOptions(Options, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table of the kind `printed` sets.

    Attributes:
        folder: where the files go; made with mode 0700.
        format: `html` or `csv`.
    """

    folder: str
    format: str = "html"

    def check(self) -> None:
        """Refuse what does not fit together."""
        one_of("format", self.format, FORMATS)
        if not self.folder:
            raise ValueError("folder must be a folder, got none")


class Printed:
    """Files of lists.

    Args:
        name: as the settings call it.
        options: its table.
    """

    kind = "printed"
    most_bytes = MOST_BYTES
    budgets: tuple[Budget, ...] = ()

    def __init__(self, name: str, options: PrintedOptions) -> None:
        self.name = name
        self._folder, self._format = Path(options.folder), options.format

    def hold(self, notice_id: str, *, urgent: bool) -> None:
        """Nothing holds a notice back."""

    async def send(self, message: Message, recipients: Sequence[Address]) -> list[Outcome]:
        """Write one file for each recipient."""
        return [self._write(message, each) for each in recipients]

    def _write(self, message: Message, address: Address) -> Outcome:
        name = file_name(message, address, self._format)
        words = as_csv(message) if self._format == "csv" else as_html(message, address)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _put(self._folder / name, words.encode())
        except OSError as error:
            return Outcome(address=address, status="retry", said=f"the file could not be written: {error.strerror}")
        return Outcome(address=address, status="sent", message_id=name)


def file_name(message: Message, address: Address, form: str) -> str:
    """The name of a notice's file: whose it is, and an end that tells notices apart."""
    whose = _UNSAFE.sub("-", address.recipient_id).strip("-")[:40] or "list"
    told = hashlib.sha256(f"{message.notice_id}\n{address.recipient_id}".encode()).hexdigest()[:16]
    return f"{whose}-{told}.{form}"


def as_html(message: Message, address: Address) -> str:
    """A page to print, which loads nothing."""
    at, names = 1 if message.lang == "zh" else 0, _columns(message)
    head = "".join(f"<th>{html.escape(COLUMNS[each][at])}</th>" for each in names) + f"<th>{DONE[at]}</th>"
    cells = ["".join(f"<td>{_lines(row.get(each, ''))}</td>" for each in names) for row in message.rows]
    rows = "".join(f"<tr>{each}<td>□</td></tr>" for each in cells)
    words = "" if message.rows else f"<p>{_lines(message.text)}</p>"
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if message.rows else ""
    lang = "zh-CN" if message.lang == "zh" else "en"
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{html.escape(message.title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{html.escape(message.title)}</h1>"
        f"<p>{html.escape(address.name or address.recipient_id)}</p>{words}{table}</body></html>\n"
    )


def as_csv(message: Message) -> str:
    """A table for spreadsheets, in which no value is a formula."""
    at, names = 1 if message.lang == "zh" else 0, _columns(message)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([COLUMNS[each][at] for each in names] + [DONE[at]])
    for row in message.rows:
        writer.writerow([_harmless(row.get(each, "")) for each in names] + [""])
    return "\ufeff" + file.getvalue()


def _columns(message: Message) -> list[str]:
    return [each for each in COLUMNS if any(row.get(each) for row in message.rows)]


def _lines(words: str) -> str:
    return html.escape(words).replace("\n", "<br>")


def _harmless(words: str) -> str:
    return f"'{words}" if words.startswith(_FORMULA) else words


def _put(path: Path, data: bytes) -> None:
    """Write a file of mode 0600, all of it or nothing."""
    handle, name = tempfile.mkstemp(prefix="written-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def make(name: str, options: PrintedOptions, now_s: Callable[[], float]) -> Printed:
    """The channel of a table."""
    del now_s
    return Printed(name, options)
