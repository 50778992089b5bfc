"""Who runs a command, for what it publishes under a name."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """The user's name; its number where the machine knows none, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
