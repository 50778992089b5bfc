"""What the contract tests of the compat modules share."""

from __future__ import annotations

import ast
import inspect
from importlib.metadata import version
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import ModuleType

LIBRARIES = ("aiokafka", "kafka", "faust", "mode")


def version_fault(module: ModuleType, distribution: str, read_for: str) -> str:
    """Why an installed version is none that the module was read for, "" where it is."""
    found = version(distribution)
    if found == read_for or found.startswith(f"{read_for}."):
        return ""
    return f"{module.__name__} was read for {distribution} {read_for}, found {found}: read it anew for that version"


def signature_faults(distribution: str, expected: Mapping[Callable[..., object], str]) -> list[str]:
    """The functions that take other arguments than they are given."""
    return [
        f"{distribution} {version(distribution)}: {each.__qualname__} must take {arguments}, found {found}"
        for each, arguments in expected.items()
        if (found := _arguments(each)) != arguments
    ]


def attribute_faults(distribution: str, expected: Iterable[tuple[object, tuple[str, ...]]]) -> list[str]:
    """The attributes that objects have not."""
    return [
        f"{distribution} {version(distribution)}: {type(each).__name__} must have {name}"
        for each, names in expected
        for name in names
        if not hasattr(each, name)
    ]


def _arguments(function: Callable[..., object]) -> str:
    """What a function takes besides `self`; types and defaults are left out."""
    given = inspect.signature(function).parameters.values()
    bare = [each.replace(annotation=each.empty, default=each.empty) for each in given if each.name != "self"]
    return str(inspect.Signature(bare))[1:-1]


def private_names_of(cls: type) -> set[str]:
    """The names with one underscore that the libraries' classes among those that a class derives from use."""
    found: set[str] = set()
    for each in cls.__mro__:
        if each.__module__.partition(".")[0] in LIBRARIES:
            found |= {name for name in vars(each) if _is_private(name)}
            found |= {name for name, _ in own_names(ast.parse(dedent(inspect.getsource(each))))}
    return found


def own_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names with one underscore, and their lines, that code takes of `self`, `cls` and `super()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr) and _is_own(node.value):
            yield node.attr, node.lineno


def _is_own(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        value = value.func
    return isinstance(value, ast.Name) and value.id in {"self", "cls", "super"}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
