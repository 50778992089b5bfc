"""Puts the feature families together: the row's dtype, the columns' arrays and the compiled kernel.

Numba's cache does not notice that a function a cached one calls was edited. So the kernel is written to a file
named by a digest of the compiled engine sources, the families' sources, the dtype and the versions, in a cache folder
(`TILLWATCH_CACHE`, or `~/.cache/tillwatch`), and compiled from there: an edit gives a new file.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine import jit, kernel
from engine.families.registry import FAMILIES, columns
from engine.rows import row_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from numpy.typing import NDArray

    from engine.families import Column

_BEGIN, _END = "# families: begin\n", "# families: end\n"


@dataclass(frozen=True, slots=True)
class Composition:
    """A set of families, ready to run.

    Attributes:
        families: the families, in the order they run.
        dtype: the row's dtype.
        keep_bytes: leading bytes of a row that a reset keeps.
        columns: every column, in order.
        run: the compiled kernel; `engine.kernel.run` says what it takes.
    """

    families: tuple[ModuleType, ...]
    dtype: np.dtype[np.void]
    keep_bytes: int
    columns: tuple[Column, ...]
    run: Callable[..., int]

    def outputs(self, n: int) -> tuple[tuple[Any, Any, Any], Mapping[str, NDArray[Any]]]:
        """Arrays for the features of `n` transactions: as the kernel takes them, and by column name."""
        dtype = [(column.name, np.int64 if column.kind == "int" else np.float64) for column in self.columns]
        scratch = np.zeros(1, dtype)
        table = np.empty((len(dtype), n), np.int64)
        by_name = {name: table[k].view(kind) for k, (name, kind) in enumerate(dtype)}
        return (scratch, scratch.view(np.int64), table), by_name


@cache
def compose(families: tuple[ModuleType, ...] = FAMILIES) -> Composition:
    """Compose `families`; the first must be the lifetime sums.

    Raises:
        ValueError: two families share a column's or a row field's name.
    """
    found = columns(families)
    dtype, keep_bytes = row_dtype(families)
    module = _load(_write(families, dtype))
    return Composition(families, dtype, keep_bytes, found, module.run)


def _source(families: tuple[ModuleType, ...]) -> str:
    """The kernel's source with `families` in it."""
    text = Path(kernel.__file__).read_text(encoding="utf-8")
    head, rest = text.split(_BEGIN)
    _, tail = rest.split(_END)
    imports = "".join(f"import {each.__name__} as family_{k}\n" for k, each in enumerate(families))
    updates = "".join(f"    family_{k}.update(row, event, contract, side, out)\n" for k in range(len(families)))
    undos = "".join(
        f"    family_{k}.undo(row, amount, time_ms, day, now_ms, now_day)\n"
        for k, each in enumerate(families)
        if hasattr(each, "undo")
    )
    return (
        f"{head}{imports}\n\n@njit\ndef update_all(row, event, contract, side, out):\n{updates or '    pass'}\n\n"
        f"@njit\ndef undo_all(row, amount, time_ms, day, now_ms, now_day):\n{undos or '    pass'}\n\n{tail}"
    )


def _write(families: tuple[ModuleType, ...], dtype: np.dtype[np.void]) -> Path:
    digest = hashlib.sha256(jit.source_digest().encode())
    for family in families:
        digest.update(family.__name__.encode() + Path(family.__file__ or "").read_bytes())
    digest.update(repr(dtype).encode())
    path = jit.cache_folder() / f"kernel_{digest.hexdigest()[:16]}.py"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(_source(families), encoding="utf-8")
        draft.replace(path)
    return path


def _load(path: Path) -> Any:
    name = f"tillwatch_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"kernel must be a Python file, got {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
