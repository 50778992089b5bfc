"""Numba's decorator with a type, so that strict checking sees through it, and where machine code is kept.

Numba keeps machine code by the file of the function it compiled and does not notice an edit of another file that
this one calls. All of the engine's code is therefore kept in a folder named by a digest of all of its sources.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numba
import numpy as np

from engine.numba_compat import OuterCompiler, inner
from models.kept_code import check_folder, kept

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


_IMPORT = re.compile(r"^(?:from ([\w.]+) import (?:\(([^)]*)\)|(.+))|import ([\w.]+))", re.MULTILINE)
"""An import at the left margin; those under `TYPE_CHECKING` are indented and reach no compiled code."""
_OURS = ("engine", "models", "domain")


def compiled_sources() -> list[Path]:
    """The files whose text can change machine code.

    They are those of `engine` and `models` that hold compiled functions, and those of `engine`, `models` and `domain`
    that these import, directly or not. Machine code of one file holds that of others which it calls.
    """
    root = Path(__file__).parents[1]
    compiled = (path for name in ("engine", "models") for path in (root / name).rglob("*.py"))
    found = {path for path in compiled if "njit" in path.read_text(encoding="utf-8")}
    waiting = list(found)
    while waiting:
        fresh = _imported(root, waiting.pop()) - found
        found |= fresh
        waiting += fresh
    return sorted(found)


def _imported(root: Path, path: Path) -> set[Path]:
    """The files of `_OURS` that a file imports at its left margin."""
    names = set()
    for package, listed, line, module in _IMPORT.findall(path.read_text(encoding="utf-8")):
        parts = (each.split(" as ")[0].strip(" \n") for each in (listed or line).split("  #")[0].split(","))
        names |= {module or package, *(f"{package}.{each}" for each in parts)}
    files = (root.joinpath(*name.split(".")).with_suffix(".py") for name in names if name.split(".")[0] in _OURS)
    return {each for each in files if each.is_file()}


@cache
def source_digest() -> str:
    """Digest of the compiled sources, and of the versions that compile them."""
    digest = hashlib.sha256(f"{sys.version} {numba.__version__} {np.__version__}".encode())
    for path in compiled_sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def cache_folder() -> Path:
    """Where this version's machine code is kept."""
    base = os.environ.get("TILLWATCH_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tillwatch" / source_digest()


Structured = Any
"""A structured array: NumPy's types do not know its fields."""

check_folder(cache_folder().parent)
check_folder(cache_folder())
numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]  # made at import, from the environment

if TYPE_CHECKING:

    def i64(value: Any) -> int:
        """The number as the compiler's 64-bit integer: a mixture of signed and unsigned would become a float."""
        ...

    def njit(function: Callable[P, R]) -> Callable[P, R]:
        """Compile to machine code on first call. For scalars and records."""
        ...

    def njit_inner(function: Callable[P, R]) -> Callable[P, R]:
        """The same, for functions that compiled code alone calls; a call from Python raises TypeError."""
        ...

    def njit_inline(function: Callable[P, R]) -> Callable[P, R]:
        """The same, always put into the caller."""
        ...

    def njit_cached(function: Callable[P, R]) -> Callable[P, R]:
        """Compile on first call and keep the machine code."""
        ...

else:
    i64 = np.int64
    # Nothing divides by zero; that nobody has to look saves code, and compiling it.
    _USUAL = {"nogil": True, "error_model": "numpy"}
    _OUTER = {**_USUAL, "no_cfunc_wrapper": True, "pipeline_class": OuterCompiler}
    njit = numba.njit(**_OUTER)
    njit_inner = inner(**_USUAL)
    njit_inline = inner(**_USUAL, forceinline=True)
    njit_cached = kept(**_OUTER)
