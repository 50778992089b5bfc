"""What the machine has: packages, compiled code, room on its disks, and who may read the secrets."""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from engine.jit import cache_folder
from streams.diagnosis import fault, ok
from streams.kafka.address import KafkaAddress
from streams.sqlite.address import SqliteAddress
from tillwatch.language import counted
from tillwatch.warm import marker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.diagnosis import Finding
    from tillwatch.settings import Settings

LEAST_FREE_BYTES = 1 << 30
_NO_SECRETS = "no files with secrets are set"
"""Room that a disk must have: as much as the rows of 400,000 merchants take, at 2,700 bytes each."""
_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*(?P<bounds>[^;]*)(?P<marker>;.*)?$")
_BOUND = re.compile(r"(==|>=|<=|<|>|!=)\s*([0-9][0-9.]*)")
_REINSTALL = "install Tillwatch anew into an environment of its own, from its requirements.lock"


def packages() -> Iterator[Finding]:
    """Whether what Tillwatch builds on is there, in versions it was made for."""
    faults, count = [], 0
    for each in requires("tillwatch") or ():
        matched = _REQUIREMENT.match(each)
        if matched is None or matched["marker"]:
            continue
        count += 1
        name, bounds = matched["name"], _BOUND.findall(matched["bounds"])
        try:
            found = version(name)
        except PackageNotFoundError:
            faults.append(fault("packages", f"{name} must be installed, it is not", _REINSTALL))
            continue
        if not all(_holds(_numbers(found), bound, _numbers(wanted)) for bound, wanted in bounds):
            wanted = ",".join(map("".join, bounds))
            faults.append(fault("packages", f"{name} must be {wanted}, got {found}", _REINSTALL))
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    own = f"Tillwatch {version('tillwatch')}, {machine}; {count} packages are as they must be"
    yield from faults or [ok("packages", own)]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", re.match(r"[0-9.]*", text)[0]))  # type: ignore[index]


def _holds(found: tuple[int, ...], bound: str, wanted: tuple[int, ...]) -> bool:
    length = max(len(found), len(wanted))
    a, b = (each + (0,) * (length - len(each)) for each in (found, wanted))
    return {"==": a == b, ">=": a >= b, "<=": a <= b, "<": a < b, ">": a > b, "!=": a != b}[bound]


def compiled_code() -> Finding:
    """Whether compiled code can be kept, and is there."""
    folder = cache_folder()
    if marker().exists():
        return ok("compiled code", f"is there, in {folder}")
    above = folder
    while not above.exists():
        above = above.parent
    if not (above.is_dir() and os.access(above, os.W_OK)):
        cure = "let the user of the worker write there, or name another folder in the environment as TILLWATCH_CACHE"
        return fault("compiled code", f"{above} must be a folder that can be written to, it is not", cure)
    return ok("compiled code", "is not there yet: the first start compiles it, which takes about a minute")


def secrets(settings: Settings) -> Iterator[Finding]:
    """Whether nobody else can read the files with passwords and keys."""
    faults, looked, names = [], 0, ["casework_password_file"]
    if isinstance(settings.address(), KafkaAddress):
        names += ["kafka_password_file", "kafka_key_file"]
    for name in names:
        if file := getattr(settings, name):
            looked += 1
            mode = stat.S_IMODE(Path(file).stat().st_mode)
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                message = f"{name} {file} must have mode 0600, got {mode:04o}: others can read the secret"
                faults.append(fault("secrets", message, f"chmod 600 {file}"))
    said = f"{counted(looked, 'file')} with secrets, which nobody else can read" if looked else _NO_SECRETS
    yield from faults or [ok("secrets", said)]


def disk(settings: Settings) -> Iterator[Finding]:
    """Whether there is room for log, state and compiled code."""
    folders = [cache_folder()]
    address = settings.address()
    if isinstance(address, SqliteAddress):
        folders.insert(0, address.path.absolute().parent)
    for folder in folders:
        there = folder
        while not there.exists():
            there = there.parent
        free = shutil.disk_usage(there).free
        if free < LEAST_FREE_BYTES:
            message = f"{there} must have {LEAST_FREE_BYTES >> 20:,} MiB free, it has {free >> 20:,}"
            yield fault("disk", message, "make room there, or move the log (log_url) or the cache (TILLWATCH_CACHE)")
        else:
            yield ok("disk", f"{free >> 20:,} MiB are free at {there}")
