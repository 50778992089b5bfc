"""What libraries keep to themselves is used in the compat modules only, and listed there."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

import streams
from tests.streams.compat import LIBRARIES, own_names, private_names_of

if TYPE_CHECKING:
    from types import ModuleType

COMPAT = {"streams.faust_compat", "streams.kafka.aiokafka_compat", "streams.kafka.kafka_python_compat"}
DOCUMENTED = {
    "aiokafka", "aiokafka.abc", "aiokafka.errors", "aiokafka.structs",
    "kafka", "kafka.admin", "kafka.errors", "kafka.structs",
}  # fmt: skip
"""Modules of Kafka's clients whose names their documentation covers; of Faust and mode it covers all."""
MODULES = sorted(each.name for each in pkgutil.walk_packages(streams.__path__, "streams."))


def source_of(module: str) -> str:
    return Path(str(import_module(module).__file__)).read_text(encoding="utf-8")


def classes_of(module: ModuleType) -> list[type]:
    return [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]


def used_of_libraries(cls: type) -> set[str]:
    """The private names of a library's class that a class uses or overrides, which derives from it."""
    tree = ast.parse(dedent(inspect.getsource(cls)))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return private_names_of(cls) & (defined | {name for name, _ in own_names(tree)})


def test_the_compat_modules_are_there() -> None:
    assert set(MODULES) > COMPAT


@pytest.mark.parametrize("module", sorted(set(MODULES) - COMPAT))
def test_a_class_uses_no_private_name_of_the_library_it_derives_from(module: str) -> None:
    found = {each.__name__: used for each in classes_of(import_module(module)) if (used := used_of_libraries(each))}
    assert found == {}


@pytest.mark.parametrize("module", sorted(set(MODULES) - COMPAT))
def test_no_private_name_of_another_object_is_used(module: str) -> None:
    """Ruff finds them, unless it is told not to."""
    assert "SLF001" not in source_of(module)


@pytest.mark.parametrize("module", sorted(set(MODULES) - COMPAT))
def test_only_documented_modules_of_kafka_clients_are_imported(module: str) -> None:
    imported = [
        node.module or "" for node in ast.walk(ast.parse(source_of(module))) if isinstance(node, ast.ImportFrom)
    ]
    assert {each for each in imported if each.split(".")[0] in {"aiokafka", "kafka"}} <= DOCUMENTED


@pytest.mark.parametrize("module", sorted(COMPAT))
def test_a_compat_module_lists_every_private_name_that_it_uses(module: str) -> None:
    source, compat = source_of(module), import_module(module)
    used = {name for each in classes_of(compat) for name in used_of_libraries(each)}
    listed = inspect.getdoc(compat) or ""
    assert {name for name in used if f"`{name}`" not in listed} == set()
    foreign = [line for line in source.splitlines() if "SLF001" in line]
    names = {
        node.attr for line in foreign for node in ast.walk(ast.parse(line.strip())) if isinstance(node, ast.Attribute)
    }
    assert {name for name in names if name.startswith("_") and f"`{name}`" not in listed} == set()


def test_a_private_name_of_a_base_class_is_found() -> None:
    from streams.batches import BatchConsumer  # noqa: PLC0415  what is looked at

    assert {"_unacked_messages", "_wait_next_records", "_commit"} <= private_names_of(BatchConsumer)
    assert "_delivered" not in private_names_of(BatchConsumer)
    assert set(LIBRARIES) == {"aiokafka", "kafka", "faust", "mode"}
