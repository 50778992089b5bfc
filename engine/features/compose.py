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
from engine.features.blocks import Block, blocks_of, whole_dtype
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
    "update": ("event, master_data, reference, out", ("{}_needed(row, event, master_data, reference)",)),
    "undo": ("undone", ("{}_undone(row, undone)",)),
    "settle": (
        "event, master_data, reference, out",
        ("{}_settled(row, event, master_data, reference)", "{}_needed(row, event, master_data, reference)"),
    ),
    "report": ("report, master_data, reference, out", ("{}_reported(row, report)",)),
    "close": ("closing, reference, out", ()),
    "revise": ("revision, reference, out", ()),
    "equip": ("equipment", ()),
    "complain": ("complaint", ("{}_complained(row, complaint)",)),
    "month": ("day, was_ms", ()),
}
"""What the kernel calls of a family, with which arguments after the row and its blocks, and which functions may say
whether a block is needed; `engine.features.families` says what for."""
_FOUND = {"month": "i64(0), i64(0), False"}
"""What a hook that finds something finds where no family has it; the first family that has it is asked."""
_DTYPES = {"int": np.int64, "float": np.float64}


@dataclass(frozen=True, slots=True)
class Composition:
    """A set of families, ready to run.

    Attributes:
        families: the families, in the order they run.
        dtype: the row's dtype.
        keep_bytes: leading bytes of a row that a reset keeps.
        columns: every column, in order.
        blocks: the kinds of blocks, the optional parts of rows, in order.
        nulls: (1,) a row of features in which every column is null.
        run: the compiled kernel; `engine.features.kernel.run` says what it takes.
        snapshot: the features of one merchant; `engine.features.kernel.snapshot` says what it takes.
    """

    families: tuple[ModuleType, ...]
    dtype: np.dtype[np.void]
    keep_bytes: int
    columns: tuple[Column, ...]
    blocks: tuple[Block, ...]
    nulls: NDArray[np.void]
    run: Callable[..., int]
    snapshot: Callable[..., None]

    def outputs(self, room: int) -> tuple[NDArray[np.void], Into, Mapping[str, NDArray[Any]]]:
        """Where the kernel puts up to `room` rows of features: as it takes it (twice), and by column name."""
        scratch, table = self.nulls.copy(), np.empty((len(self.columns), room), np.int64)
        by_name = {column.name: table[k].view(_DTYPES[column.kind]) for k, column in enumerate(self.columns)}
        told = told_by_closings(self.families)
        nulls = self.nulls.view(np.int64)
        table[told] = nulls[told, None]
        table[0] = ROW_TRANSACTION
        into = Into(
            scratch.view(np.int64), nulls, table, _runs(~told), _runs(told), np.empty(room, np.int32),
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
    blocks = blocks_of(families)
    return Composition(families, dtype, keep_bytes, found, blocks, _nulls(found), module.run, module.snapshot)


def _runs(which: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(runs, 2) the first place of each run of true ones, and the place behind its last."""
    edges = np.flatnonzero(np.diff(which, prepend=False, append=False))
    return edges.reshape(-1, 2)


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
    hooks = "\n\n".join(_hook(name, families) for name in _HOOKS)
    return f"{head}{imports}\n\n{_block_functions(blocks_of(families), row_dtype(families)[0])}\n\n{hooks}\n\n{tail}"


def _hook(name: str, families: tuple[ModuleType, ...]) -> str:
    """A function that calls every family's function `name`, where it has one."""
    taken, asked = _HOOKS[name]
    calls, kinds = [], [each.name for each in blocks_of(families)]
    for k, family in enumerate(families):
        if not hasattr(family, name):
            continue
        given = ["row"]
        for block in getattr(family, "BLOCKS", ()):
            if block.late:
                given.append(f"blocks.kind_{kinds.index(block.name)}")
                continue
            asks = (each.format(block.name) for each in asked)
            found = next((each for each in asks if hasattr(family, each.split("(", maxsplit=1)[0])), None)
            needed = f"family_{k}.{found}" if found else "False"
            given.append(f"block_{block.name}(row, blocks, {needed})")
        given += (f"block_{each}(row, blocks, False)" for each in getattr(family, "READS", ()))
        found = "return " if name in _FOUND else ""
        calls.append(f"    {found}family_{k}.{name}({', '.join(given)}, {taken})\n")
    if name in _FOUND:
        calls = calls[:1] or [f"    return {_FOUND[name]}\n"]
    return f"@njit_inner\ndef {name}_all(row, blocks, {taken}):\n{''.join(calls) or '    pass'}\n"


_TAKE = """@njit_inline
def block_{name}(row, blocks, needed):
    at = i64(row.{name}_block)
    if needed and at == 0:
        at = blocks.kind_{k}.used[0] + 1
        blocks.kind_{k}.used[0] = at
        row.{name}_block = at
    return blocks.kind_{k}.record[at]
"""
_EACH = {
    "fetch_blocks(row, blocks)": "fetch_block({block}, {size})",
    "save_blocks(row, blocks, saved, copy)": "save_block({block}, saved, copy, {at})",
    "reset_blocks(row, blocks)": "reset_block({block}, {keep})",
}
"""What is done to each block of a row, by the kernel's name for it."""
_BLOCK = "blocks.kind_{k}.bytes, i64(row.{name}_block)"


def _block_functions(kinds: tuple[Block, ...], row: np.dtype[np.void]) -> str:
    """The functions of the kernel that know which blocks there are."""
    whole: Any = whole_dtype(row, kinds)
    found = [_TAKE.format(name=kind.name, k=k) for k, kind in enumerate(kinds)]
    for name, call in _EACH.items():
        calls = []
        for k, kind in enumerate(kinds):
            block = _BLOCK.format(k=k, name=kind.name)
            size, at = whole.fields[kind.name][0].itemsize, whole.fields[kind.name][1]
            done = call.format(block=block, size=size, keep=kind.dtype()[1], at=at)
            calls.append(f"    {done}\n")
        found.append(f"@njit_inline\ndef {name}:\n{''.join(calls) or '    pass'}\n")
    return "\n\n".join(found)


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
