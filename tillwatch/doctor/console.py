"""Whether `tillwatch console` can start: its certificate and key, and its port."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from streams.certificates import BadCertificate, validities
from streams.diagnosis import fault, ok
from tillwatch.console import check_exposure
from tillwatch.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.diagnosis import Finding
    from tillwatch.settings import Settings

_CHECK = "console"
_ANSWER_S = 5.0


def console(settings: Settings, certificate_days: int) -> Iterator[Finding]:
    """What keeps the console from starting, or from being safe."""
    found = [*_exposure(settings), *_key(settings), *_certificate(settings, certificate_days), *_port(settings)]
    if found:
        yield from found
        return
    how = f"over TLS with {settings.console_cert_file}" if settings.console_cert_file else "without TLS of its own"
    yield ok(_CHECK, f"can answer at {settings.console_host}:{settings.console_port}, {how}")


def _exposure(settings: Settings) -> Iterator[Finding]:
    try:
        check_exposure(settings)
    except SettingsError as error:
        yield fault(_CHECK, str(error), "give console_cert_file and console_key_file: docs/settings.md#console_host")


def _key(settings: Settings) -> Iterator[Finding]:
    """Whether nobody else can read the key."""
    file = settings.console_key_file
    if not file or not Path(file).exists():
        return  # reading it with its certificate says so
    mode = stat.S_IMODE(Path(file).stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        message = f"console_key_file {file} must have mode 0600, got {mode:04o}: others can read the key"
        yield fault(_CHECK, message, f"chmod 600 {file}")


def _certificate(settings: Settings, days: int) -> Iterator[Finding]:
    file, key = settings.console_cert_file, settings.console_key_file
    if not file:
        return
    try:
        ends = min(each.ends for each in validities(Path(file)))
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, key or None)
    except BadCertificate as error:
        yield fault(_CHECK, f"console_cert_file: {error}", "put the certificate in PEM there")
    except ssl.SSLError as error:
        message = f"console_key_file {key or file} must be the key of console_cert_file {file}: {error.reason}"
        yield fault(_CHECK, message, "name the key in console_key_file that belongs to the certificate")
    except OSError as error:
        message = f"console_cert_file and console_key_file must be readable, they are not: {error.strerror}"
        yield fault(_CHECK, message, "put the files there, or correct the two settings")
    else:
        if ends < datetime.now(UTC) + timedelta(days=days):
            message = f"console_cert_file {file} must be valid for {days} days, it ends at {ends:%Y-%m-%d}"
            yield fault(_CHECK, message, f"ask whoever issued it for a new one, and replace {file}")


def _port(settings: Settings) -> Iterator[Finding]:
    """Whether the port is free, or the console has it already."""
    family = socket.AF_INET6 if ":" in settings.console_host else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((settings.console_host, settings.console_port))
        except OSError as error:
            if not _is_console(settings):
                where = f"{settings.console_host}:{settings.console_port}"
                message = f"console_port must be free, {where} is not: {error.strerror}"
                yield fault(_CHECK, message, "end what listens there, or choose another console_port or console_host")


def _is_console(settings: Settings) -> bool:
    """Whether what listens there is a console."""
    connection: http.client.HTTPConnection
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.console_host, settings.console_host)  # noqa: S104
    if settings.console_cert_file:
        context = ssl._create_unverified_context()  # noqa: S323, SLF001  nothing is sent, and only a title is read
        connection = http.client.HTTPSConnection(host, settings.console_port, timeout=_ANSWER_S, context=context)
    else:
        connection = http.client.HTTPConnection(host, settings.console_port, timeout=_ANSWER_S)
    try:
        connection.request("GET", "/api/v1/openapi.json")
        return bool(json.loads(connection.getresponse().read())["info"]["title"] == "Tillwatch")
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return False
    finally:
        connection.close()
