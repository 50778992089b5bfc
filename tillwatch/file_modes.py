"""Who may read the files that Tillwatch makes, whatever mask the process was started with.

They hold merchants, money and hashes of cards. The mask is set, not each file's mode: so it also counts for files that
libraries make, such as SQLite's journals and Numba's machine code.
"""

from __future__ import annotations

import os

SHARED = "0660"
"""The value of the setting `file_mode` with which a group shares the files."""
_NOBODY_ELSE = 0o077
_THE_GROUP = 0o007


def hide_files() -> None:
    """Make files with mode 0600 and folders with 0700 from now on."""
    os.umask(_NOBODY_ELSE)


def share_files() -> None:
    """Make files with mode 0660 and folders with 0770 from now on."""
    os.umask(_THE_GROUP)
