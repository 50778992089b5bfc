"""Which files machine code depends on."""

from __future__ import annotations

import ast
from pathlib import Path

from engine.jit import compiled_sources

ROOT = Path(__file__).parents[2]
SOURCES = {path.relative_to(ROOT).as_posix() for path in compiled_sources()}


def imported(path: Path) -> set[str]:
    """The files of `engine`, `models` and `domain` that a file imports when it is run, by Python's own reading."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        else:
            continue
        found |= {
            name.replace(".", "/") + ".py" for name in names if name.split(".")[0] in {"engine", "models", "domain"}
        }
    return {each for each in found if (ROOT / each).is_file()}


def test_every_file_with_compiled_functions_is_in_the_key_of_their_cache() -> None:
    compiled = {
        path.relative_to(ROOT).as_posix()
        for folder in ("engine", "models")
        for path in (ROOT / folder).rglob("*.py")
        if any(isinstance(node, ast.FunctionDef) and decorated(node) for node in ast.walk(parsed(path)))
    }
    assert len(compiled) > 15
    assert compiled <= SOURCES


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def decorated(node: ast.FunctionDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id.startswith("njit") for each in node.decorator_list)


def test_so_is_whatever_these_files_import() -> None:
    assert {each for source in SOURCES for each in imported(ROOT / source)} <= SOURCES


def test_what_no_compiled_function_reaches_is_not() -> None:
    assert not SOURCES & {"engine/monitor.py", "engine/episodes.py", "engine/judging.py", "engine/risk/ledger.py"}
