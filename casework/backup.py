"""A backup of a store of SQLite, made while it is used and read before it counts as one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from casework import audit
from casework.errors import Refused, StoreFailed
from casework.store import Store

if TYPE_CHECKING:
    from casework.audit import Head

_MODE = 0o600


def back_up(store: Store, target: Path) -> Head:
    """Copy a store, as it is at one moment, to the new file `target`; the end of the copy's audit is returned.

    Raises:
        FileExistsError: `target` is there already.
        OSError: it cannot be written.
        Refused: the store is one of PostgreSQL.
        StoreFailed: the database failed, or the copy is damaged.
        Tampered: the audit was changed.
    """
    if not store.is_sqlite:
        raise Refused("a store must be one of SQLite to be backed up by this command; PostgreSQL has pg_dump for it")
    if target.exists():
        raise FileExistsError(f"a backup must go to a new file, got {target}")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        copy = Path(folder) / target.name
        copy.touch(mode=_MODE)
        store.copy_to(copy)
        head = _checked(copy)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        copy.rename(target)
    return head


def _checked(copy: Path) -> Head:
    with Store(f"sqlite:///{copy}") as copied, copied.reading() as connection:
        for pragma, fine in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
            found = [tuple(each) for each in connection.exec_driver_sql(f"PRAGMA {pragma}").all()]
            if found != fine:
                raise StoreFailed(f"casework store: {pragma} of the copy must find nothing, got {found[0]}")
        return audit.verify(connection)
