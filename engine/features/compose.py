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

from domain.feature_codes import ROW_TRANSACTION
from engine import jit
from engine.decoding.columns import MISSING
from engine.features import kernel
from engine.features.families.registry import FAMILIES, columns, told_by_closings
from engine.features.rows import row_dtype
from engine.features.state import Into

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from numpy.typing import NDArray

    from engine.features.families import Column

_BEGIN, _END = "# families: begin\n", "# families: end\n"
_HOOKS = {
    "update": "row, event, master_data, reference, out",
    "undo": "row, undone",
    "settle": "row, event, master_data, reference, out",
    "close": "row, closing, reference, out",
    "revise": "row, revision, reference, out",
}
"""What the kernel calls of a family, with which arguments; `engine.features.families` says what for."""
_DTYPES = {"int": np.int64, "float": np.float64}


@dataclass(frozen=True, slots=True)
class Composition:
    """A set of families, ready to run.

    Attributes:
        families: the families, in the order they run.
        dtype: the row's dtype.
        keep_bytes: leading bytes of a row that a reset keeps.
        columns: every column, in order.
        nulls: (1,) a row of features in which every column is null.
        run: the compiled kernel; `engine.features.kernel.run` says what it takes.
        snapshot: the features of one merchant; `engine.features.kernel.snapshot` says what it takes.
    """

    families: tuple[ModuleType, ...]
    dtype: np.dtype[np.void]
    keep_bytes: int
    columns: tuple[Column, ...]
    nulls: NDArray[np.void]
    run: Callable[..., int]
    snapshot: Callable[..., None]

    def outputs(self, room: int) -> tuple[NDArray[np.void], Into, Mapping[str, NDArray[Any]]]:
        """Where the kernel puts up to `room` rows of features: as it takes it (twice), and by column name."""
        scratch, table = self.nulls.copy(), np.empty((len(self.columns), room), np.int64)
        by_name = {column.name: table[k].view(_DTYPES[column.kind]) for k, column in enumerate(self.columns)}
        told = told_by_closings(self.families)
        nulls, of_closings = self.nulls.view(np.int64), np.flatnonzero(told)
        table[of_closings] = nulls[of_closings, None]
        table[0] = ROW_TRANSACTION
        into = Into(
            scratch.view(np.int64), nulls, table, np.flatnonzero(~told), of_closings, np.empty(room, np.int32),
            np.empty(room, np.int32), np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64),
            np.empty(room, np.int64), np.empty(room, np.int8), np.empty(room, np.int64), np.empty(room, np.int32),
            np.empty((room, 3), np.int64),
        )  # fmt: skip
        return scratch, into, by_name


@cache
def compose(families: tuple[ModuleType, ...] = FAMILIES) -> Composition:
    """Compose `families`; the first must be the lifetime sums.

    Raises:
        ValueError: two families share a column's or a row field's name.
    """
    found = columns(families)
    dtype, keep_bytes = row_dtype(families)
    module = _load(_write(families, dtype))
    return Composition(families, dtype, keep_bytes, found, _nulls(found), module.run, module.snapshot)


def _nulls(columns: tuple[Column, ...]) -> NDArray[np.void]:
    nulls = np.zeros(1, [(column.name, _DTYPES[column.kind]) for column in columns])
    for column in columns:
        nulls[column.name] = MISSING if column.kind == "int" else np.nan
    return nulls


def _source(families: tuple[ModuleType, ...]) -> str:
    """The kernel's source with `families` in it."""
    text = Path(kernel.__file__).read_text(encoding="utf-8")
    head, rest = text.split(_BEGIN)
    _, tail = rest.split(_END)
    imports = "".join(f"import {each.__name__} as family_{k}\n" for k, each in enumerate(families))
    hooks = "\n\n".join(_hook(name, taken, families) for name, taken in _HOOKS.items())
    return f"{head}{imports}\n\n{hooks}\n\n{tail}"


def _hook(name: str, taken: str, families: tuple[ModuleType, ...]) -> str:
    """A function that calls every family's function `name`, where it has one."""
    calls = [f"    family_{k}.{name}({taken})\n" for k, each in enumerate(families) if hasattr(each, name)]
    return f"@njit_inner\ndef {name}_all({taken}):\n{''.join(calls) or '    pass'}\n"


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
