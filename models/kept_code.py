"""Where Numba keeps machine code, by content instead of by place: read-only folders and copied folders work.

Numba names a function's folder by a hash of the absolute path of its file, and refuses a folder that it cannot write
to. Our cache folder, which `engine.jit` tells Numba, is already named by a digest of all compiled sources, so a
function's folder is named by its module alone. Then a cache that was compiled while an image was built, or that came
with a bundle, serves at any path, and a container's root file system can be read-only.

The files are pickles, and loading one runs what is in it. `check_folder` refuses a folder that others may write to.

Read for Numba 0.68; `tests/models/test_kept_code.py` holds the installed version to this list: `FunctionCache` with
`_impl_class`, `load_overload` and `save_overload`, `CompileResultCacheImpl` with `_locator_classes`,
`UserProvidedCacheLocator` with `get_suitable_cache_subpath` and `from_function`, and the attribute `_cache` of a
dispatcher.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import errno
import logging
import os
import signal
import stat
import threading
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, UserProvidedCacheLocator

from domain.errors import TillwatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READ_FOR = {"numba": "0.68"}
"""The version that this was read for."""
_ROOT = Path(__file__).resolve().parents[1]
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
_logger = logging.getLogger("tillwatch")


class FolderRefused(TillwatchError):
    """A folder of machine code that somebody else could have written to."""


def check_folder(folder: Path) -> None:
    """Refuse a folder of machine code that others may write to; one that is not there yet passes.

    Raises:
        FolderRefused: it belongs to somebody who is neither this user nor root, or everybody may write to it.
    """
    try:
        found = folder.stat()
    except OSError:
        return
    if found.st_uid not in {0, os.geteuid()} or found.st_mode & stat.S_IWOTH:
        raise FolderRefused(
            f"folder of machine code {folder} must belong to this user or root and be writable by nobody else, got"
            f" owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}: its files are run when they are loaded"
        )


@contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Raise what Ctrl-C raises after the block instead of inside it.

    LLVM asks Python for machine code, and hands it over, in callbacks. An exception there is lost, and the code with
    it: the function then has address 0, and a call of it ends the process with SIGSEGV.
    """
    in_main = threading.current_thread() is threading.main_thread()  # Python raises it in no other thread
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    came = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: came.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if came.is_set():
            signal.raise_signal(signal.SIGINT)


class _Locator(UserProvidedCacheLocator):
    """A function's folder, by the module that it is in."""

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """A folder's name: of our files by their place in the source tree, of the composed kernel by its own name."""
        path = Path(py_file).resolve()
        if path.is_relative_to(Path(_folder()).resolve()):  # first: a bundle's folder is made in the source tree
            return path.stem
        if path.is_relative_to(_ROOT):
            return ".".join(path.relative_to(_ROOT).with_suffix("").parts)
        return str(super().get_suitable_cache_subpath(py_file))

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _Locator | None:
        """Where a function is kept, also where nothing can be written: then what lies there is used.

        None where no folder was named, or there is no file: then Numba's own ways are tried.
        """
        return cls(py_func, py_file) if _folder() and Path(py_file).exists() else None


class _Impl(CompileResultCacheImpl):
    _locator_classes = [_Locator, *CompileResultCacheImpl._locator_classes[1:]]  # noqa: RUF012, SLF001  Numba's names


class _KeptCode(FunctionCache):
    """Numba's cache of a function, that goes on where it may not write."""

    _impl_class = _Impl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load machine code, wholly or not at all."""
        with interrupts_deferred():
            return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code; where the folder is read-only, say once that each start compiles anew."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            _say_read_only(_folder())


def _folder() -> str:
    """The folder of machine code, "" where none was named. Numba makes the variable as it reads its environment."""
    return str(getattr(config, "CACHE_DIR", ""))


@cache
def _say_read_only(folder: str) -> None:
    _logger.warning(
        "machine code for this processor is not in %s, which is read-only: it is compiled at each start."
        " NUMBA_CPU_NAME must be as it was when the folder was made",
        folder,
    )


def kept(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator like `numba.njit(cache=True, **options)` that keeps machine code by the function's module."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher: Any = numba.njit(**options)(function)
        dispatcher._cache = _KeptCode(function)  # noqa: SLF001  as `enable_caching` does
        return dispatcher

    return decorate
