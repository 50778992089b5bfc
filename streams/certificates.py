"""From when until when certificates are valid, read from their files."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import TillwatchError

if TYPE_CHECKING:
    from pathlib import Path

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_UTC_TIME, _VERSION, _LONG = 0x17, 0xA0, 0x80


class BadCertificate(TillwatchError):
    """A file holds no certificate that can be read."""


class Validity(NamedTuple):
    """From when until when a certificate is valid."""

    begins: datetime
    ends: datetime


def validities(file: Path) -> list[Validity]:
    """Those of the certificates of a PEM file, in its order.

    Raises:
        BadCertificate: there is none, or one cannot be read.
        OSError: the file cannot be read.
    """
    blocks = _PEM.findall(file.read_text(encoding="ascii", errors="replace"))
    if not blocks:
        raise BadCertificate(f"{file} must hold a certificate in PEM, it holds none")
    try:
        return [validity_of(ssl.PEM_cert_to_DER_cert(each)) for each in blocks]
    except (ValueError, IndexError) as error:
        raise BadCertificate(f"{file} must hold certificates in PEM, one cannot be read: {error}") from error


def validity_of(certificate: bytes) -> Validity:
    """That of a certificate in DER (RFC 5280, 4.1); raises ValueError or IndexError where it is none."""
    _, body, _ = _element(certificate, 0)
    _, at, _ = _element(certificate, body)
    tag, _, _ = _element(certificate, at)
    for _ in range(4 if tag == _VERSION else 3):  # version, serial number, signature, issuer
        _, _, at = _element(certificate, at)
    _, begins_at, _ = _element(certificate, at)
    _, _, ends_at = _element(certificate, begins_at)
    return Validity(_time(certificate, begins_at), _time(certificate, ends_at))


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """An element's tag, where its content starts, and where it ends."""
    length, start = data[at + 1], at + 2
    if length >= _LONG:
        start += length - _LONG
        length = int.from_bytes(data[at + 2 : start])
    if start + length > len(data):
        raise ValueError("it is cut short")
    return data[at], start, start + length


def _time(data: bytes, at: int) -> datetime:
    tag, start, end = _element(data, at)
    text = data[start:end].decode("ascii")
    if tag == _UTC_TIME:  # years of two digits lie between 1950 and 2049
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
