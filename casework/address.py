"""Where a store is: its URL, checked without any library of databases."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

MUST_BE = "sqlite:///folder/file.db, sqlite:////folder/file.db from the root, or postgresql://user@host:5432/database"


def check_url(url: str) -> None:
    """Refuse what is no store's URL.

    Raises:
        ValueError: so it is, or it holds a password, which belongs into a file.

    >>> check_url("postgresql://tillwatch@db.example:5432/casework")
    >>> check_url("postgresql://tillwatch:secret@db.example/casework")
    Traceback (most recent call last):
    ValueError: the URL of a casework store must hold no password: casework_password_file names its file
    """
    parts = urlsplit(url)
    of_file = parts.scheme == "sqlite" and not parts.netloc
    if not (of_file or (parts.scheme == "postgresql" and parts.hostname)) or len(parts.path) < 2:
        raise ValueError(f"the URL of a casework store must be {MUST_BE}")
    if parts.password is not None:
        raise ValueError("the URL of a casework store must hold no password: casework_password_file names its file")


def file_of(url: str) -> Path | None:
    """The file of a store of SQLite; None of one that is on a server.

    >>> file_of("sqlite:///var/casework.db"), file_of("postgresql://tillwatch@db.example/casework")
    (PosixPath('var/casework.db'), None)
    """
    parts = urlsplit(url)
    return Path(unquote(parts.path.removeprefix("/"))) if parts.scheme == "sqlite" else None
