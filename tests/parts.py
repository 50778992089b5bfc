"""What some tests need beside Python packages: a broker, a browser, a tool. One rule for all where it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


class Missing(Exception):
    """A part is not on this machine; the message says which, and how to get it."""


def command(name: str, package: str) -> str:
    """The path of a command.

    Args:
        name: of the command.
        package: the Debian package that has it.

    Raises:
        Missing: the command is not on the path.
    """
    found = shutil.which(name)
    if found is None:
        raise Missing(f"{name} is needed and not installed: apt install {package}")
    return found


def mount_small_disk(folder: Path, size: str) -> None:
    """Mount a tmpfs of a size such as "16m" on a folder; the caller unmounts it.

    Raises:
        Missing: this user, or this container, may not mount.
    """
    mount = [command("mount", "mount"), "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    if mounted.returncode:
        raise Missing(f"a tmpfs cannot be mounted here, only as root: {mounted.stderr.strip()}")


def require(find: Callable[[], T]) -> T:
    """Return what `find` returns; where it raises Missing, skip the test, or fail it under TILLWATCH_REQUIRE_ALL."""
    try:
        return find()
    except Missing as why:
        if os.environ.get("TILLWATCH_REQUIRE_ALL"):
            pytest.fail(str(why))
        pytest.skip(f"MISSING: {why}")
