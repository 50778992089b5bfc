"""Settings that cannot be, each with its cure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from streams.diagnosis import fault, ok
from tillwatch.settings import DEFAULT_FILE, PREFIX, Settings, SettingsError
from tillwatch.worker import worker_settings

if TYPE_CHECKING:
    from streams.diagnosis import Finding
    from tillwatch.cli import Invocation


def checked_settings(invocation: Invocation) -> tuple[Settings | None, list[Finding]]:
    """The settings, None where they cannot be, and what is to be said of them."""
    file = str(invocation.config or DEFAULT_FILE)
    try:
        settings = invocation.settings()
        worker_settings(settings)
    except (SettingsError, ValueError) as error:
        return None, [fault("settings", line, _cure(line, file)) for line in str(error).splitlines()]
    except OSError as error:
        message = f"{file} must be readable, it is not: {error.strerror}"
        return None, [fault("settings", message, f"let the user of the worker read it: chmod u+r {file}")]
    return settings, [ok("settings", f"valid; the log is {settings.address()}")]


def _cure(line: str, file: str) -> str:
    """What is to be done about a line of SettingsError."""
    name = re.split(r"[\s.:]", line, maxsplit=1)[0]
    own = f"correct {name} in {file}, or {PREFIX}{name.upper()} in the environment: docs/settings.md#{name}"
    cures = (
        (name.startswith(PREFIX) and "is no setting" in line, f"unset {name}, or correct its name: docs/settings.md"),
        ("is no setting" in line, f"take {name} out of {file}, or correct its name: docs/settings.md has them all"),
        ("must be TOML" in line, f"correct {file} where the message says"),
        (
            "KEY_VALUES_MISMATCH" in line,
            "name the key in kafka_key_file that belongs to the certificate in kafka_cert_file",
        ),
        (name.endswith("_file") and name in Settings.model_fields, f"put the file there, or {own}"),
        (name in Settings.model_fields, own),
    )
    return next((cure for applies, cure in cures if applies), f"correct it in {file}: docs/settings.md")
