"""Attached files as bytes: in a folder beside the store, each under its SHA-256, there once whoever attached it."""

from __future__ import annotations

import os
import re
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from casework.errors import NotFound, StoreFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_PART_BYTES = 1 << 16
_HASH = re.compile("[0-9a-f]{64}")
_WRITTEN = "written-"
"""How the name of a file begins that is being written."""


class Files:
    """The folder; only its owner may look into it.

    Args:
        folder: it is made where there is none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Keep bytes, safely on the disk when this returns; their SHA-256 in hexadecimal.

        What is there already is only made young again, so that no sweep takes it meanwhile.

        Raises:
            StoreFailed: it cannot be written.
        """
        digest = sha256(data).hexdigest()
        path = self._path(digest)
        try:
            if path.exists():
                os.utime(path)
                return digest
            for each in (self._folder, path.parent):
                each.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            self._write(path, data)
        except OSError as error:
            raise StoreFailed(f"casework files: {path.parent} must be writable, it is not: {error.strerror}") from error
        return digest

    def _write(self, path: Path, data: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=_WRITTEN, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), _FILE_MODE)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        for each in (path.parent, self._folder):  # so that the names outlast a loss of power too
            folder = os.open(each, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def has(self, digest: str) -> bool:
        """Whether bytes of a SHA-256 are there."""
        return self._path(digest).exists()

    def read(self, digest: str) -> bytes:
        """The bytes of a SHA-256, checked against it.

        Raises:
            NotFound: they are not there.
            StoreFailed: they are others, or cannot be read.
        """
        data = b"".join(self.parts(digest))
        if sha256(data).hexdigest() != digest:
            raise StoreFailed(f"casework files: {digest} must be the SHA-256 of its bytes, it is not: restore the file")
        return data

    def parts(self, digest: str) -> Iterator[bytes]:
        """The bytes of a SHA-256 part by part, unchecked; raises as `read` does."""
        try:
            with self._path(digest).open("rb") as file:
                while part := file.read(_PART_BYTES):
                    yield part
        except FileNotFoundError:
            raise NotFound(f"there is no attached file {digest}") from None
        except OSError as error:
            raise StoreFailed(f"casework files: {digest} must be readable, it is not: {error.strerror}") from error

    def before(self, time_ms: int) -> Iterator[str]:
        """Each SHA-256 that was put last before a time, UTC milliseconds; what was left half written is deleted."""
        for each in sorted(self._folder.glob("*/*")):
            if each.stat().st_mtime * 1000 < time_ms:
                if _HASH.fullmatch(each.name):
                    yield each.name
                elif each.name.startswith(_WRITTEN):
                    each.unlink()

    def delete(self, digest: str) -> None:
        """Delete the bytes of a SHA-256."""
        self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest
