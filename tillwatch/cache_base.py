"""The folder of caches, in which machine code is kept: checked before anything of it is loaded, for it is run."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from tempfile import gettempdir

from domain.errors import TillwatchError

VARIABLE = "TILLWATCH_CACHE"


class CacheRefused(TillwatchError):
    """A folder of caches in which somebody else could put theirs in the place of ours."""


def check_cache_base() -> None:
    """Refuse a folder of caches that others may change, and name one where the machine knows no home of this user.

    A folder that everybody may write to, such as /tmp, keeps what is ours only if it is sticky.

    Raises:
        CacheRefused: it is writable by everybody and not sticky, or belongs to somebody who is neither this user nor
            root.
    """
    folder = _base()
    try:
        found = folder.stat()
    except OSError:  # there is none yet, or nothing can be read there
        return
    is_open = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
    if is_open or found.st_uid not in {0, os.geteuid()}:
        raise CacheRefused(
            f"folder of caches {folder} must belong to this user or root and be writable by nobody else, got owner"
            f" {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}: machine code in it is run; name another by"
            f" {VARIABLE}"
        )


def _base() -> Path:
    if named := os.environ.get(VARIABLE) or os.environ.get("XDG_CACHE_HOME"):
        return Path(named)
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        os.environ[VARIABLE] = str(Path(gettempdir()) / f"tillwatch-{os.geteuid()}")
        return Path(os.environ[VARIABLE])
