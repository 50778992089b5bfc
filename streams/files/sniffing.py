"""What a file is, by its first bytes, never by its name."""

from __future__ import annotations

import re

import msgspec

GZ, ZST, ZIP, PARQUET, JSON_LINES, JSON, TEXT, EMPTY = (
    "gz", "zst", "zip", "Parquet", "JSON lines", "JSON", "text", "empty",
)  # fmt: skip
HEAD_BYTES = 65_536
"""As many bytes are looked at."""
_SAVE = "save it as CSV or .xlsx"
_STRANGE: tuple[tuple[bytes, int, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, "an old Excel workbook (.xls) or one with a password",
     "save it as .xlsx without a password, or as CSV"),
    (b"%PDF", 0, "a PDF", "export it as CSV or .xlsx instead"),
    (b"\x89PNG", 0, "a picture", "export the table as CSV or .xlsx instead"),
    (b"\xff\xd8\xff", 0, "a picture", "export the table as CSV or .xlsx instead"),
    (b"GIF8", 0, "a picture", "export the table as CSV or .xlsx instead"),
    (b"WEBP", 8, "a picture", "export the table as CSV or .xlsx instead"),
    (b"BZh", 0, "packed with bzip2", "unpack it first, or pack it with gzip or zstd"),
    (b"\xfd7zXZ", 0, "packed with xz", "unpack it first, or pack it with gzip or zstd"),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7z archive", "unpack it first"),
    (b"Rar!", 0, "a rar archive", "unpack it first"),
    (b"\x04\x22\x4d\x18", 0, "packed with lz4", "unpack it first, or pack it with gzip or zstd"),
    (b"ustar", 257, "a tar archive", "unpack it first, and give the files in it"),
    (b"SQLite format 3\x00", 0, "an SQLite database", "export the table as CSV"),
    (b"ORC", 0, "an ORC file", "write it as Parquet or CSV"),
    (b"Obj\x01", 0, "an Avro file", "write it as Parquet or JSON lines"),
    (b"ARROW1", 0, "an Arrow file", "write it as Parquet"),
    (b"{\\rtf", 0, "a text document (RTF)", _SAVE),
    (b"\x7fELF", 0, "a program", "give a file of transactions"),
    (b"MZ\x90", 0, "a program", "give a file of transactions"),
    (b"-----BEGIN", 0, "a key or certificate", "give a file of transactions"),
)  # fmt: skip
_HTML = re.compile(rb"\s*<(?:!doctype html|html|head|body|!--)", re.IGNORECASE)
_XML = re.compile(rb"\s*<(?:\?xml|[A-Za-z_][\w:.-]*[\s>])")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_BLANK = b" \t\r\n\x0b\x0c"


def strange(head: bytes) -> tuple[str, str] | None:
    """What a file is that cannot be read, and what to do; None of one that may be read.

    >>> strange(b"<html><body>502 Bad Gateway")
    ('a web page (HTML)', 'was the download an error page? fetch it again')
    """
    for magic, at, what, cure in _STRANGE:
        if head[at : at + len(magic)] == magic:
            return what, cure
    body = head.removeprefix(_MARKS[0])
    if _HTML.match(body):
        return "a web page (HTML)", "was the download an error page? fetch it again"
    if _XML.match(body):
        return "XML", "export it as CSV, .xlsx or JSON instead"
    if not head.startswith(_MARKS) and head and not utf_16_of(head):
        controls = sum(head.count(bytes((each,))) for each in (*range(9), *range(14, 27), *range(28, 32)))
        if controls * 50 > len(head):
            return "no text and no format that is known", "give JSON lines, JSON, CSV, TSV, .xlsx or Parquet"
    return None


def kind_of(head: bytes) -> str:  # noqa: PLR0911  one kind after another
    """What a file is: one of the names above; `TEXT` is a table of text, of whatever delimiter."""
    if head[:2] == b"\x1f\x8b":
        return GZ
    if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F):
        return ZST
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return ZIP
    if head[:4] == b"PAR1":
        return PARQUET
    body = head.removeprefix(_MARKS[0]).lstrip(_BLANK)
    if not body:
        return EMPTY
    if name := utf_16_of(head):
        first = head.decode(name, "replace").lstrip("\ufeff \t\r\n")[:1]
        return JSON if first in ("{", "[") else EMPTY if not first else TEXT
    if body[:1] == b"[":
        return JSON if body[1:].lstrip(_BLANK)[:1] in (b"{", b"]", b"") else TEXT
    if body[:1] != b"{":
        return JSON_LINES if any(map(_is_object, map(bytes.strip, body.split(b"\n")[:200]))) else TEXT
    return JSON_LINES if _has_lines(body) else JSON


def utf_16_of(head: bytes) -> str:
    r"""The name of UTF-16 or UTF-32 that bytes are in, by their mark or by where noughts stand; "" for none.

    >>> utf_16_of("a,b\n1,2\n".encode("utf-16-le")), utf_16_of("\ufeffa".encode("utf-16-be")), utf_16_of(b"a,b")
    ('utf-16-le', 'utf-16', '')
    """
    if head[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"):
        return "utf-32"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    sample = head[: len(head) // 2 * 2]
    even, odd, pairs = sample[::2].count(0), sample[1::2].count(0), len(sample) // 2
    if pairs < 4 or max(even, odd) * 8 < pairs or min(even, odd) * 8 > max(even, odd):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _has_lines(body: bytes) -> bool:
    """Whether objects stand one a line: some line is one, or none has ended yet; else one goes over several."""
    lines = body.split(b"\n")
    whole = [each.strip() for each in lines[:-1]] or [lines[0].strip()]
    if len(lines) == 1:
        return True
    return any(_is_object(each) for each in whole[:200]) or not _goes_on(whole)


def _is_object(line: bytes) -> bool:
    if line[:1] != b"{" or line[-1:] != b"}":
        return False
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _goes_on(lines: list[bytes]) -> bool:
    """Whether the first lines are of an object that goes over several: a brace alone, or a key and its value."""
    first = lines[0]
    return first == b"{" or first[-1:] in (b"{", b"[", b",") or (len(lines) > 1 and lines[1][:1] in (b'"', b"}"))
