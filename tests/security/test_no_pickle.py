"""Nothing that is read from a file, a topic or a socket can run: no pickle and its kin, eval, exec or shell."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.house.test_house import PACKAGES, ROOT, tracked

if TYPE_CHECKING:
    from collections.abc import Iterator

PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle", "klepto"}
BY_NAME = {"read_pickle", "to_pickle", "allow_pickle", "load_module"}
RUNS = {"eval", "exec", "compile", "__import__"}
SUFFIXES = {".pkl", ".pickle", ".joblib", ".dill", ".nbi", ".nbc", ".npy", ".pt", ".pth", ".sav"}
SHIPPED = [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] != "tests"]


def faults(source: str) -> Iterator[str]:
    """What in a source reads or runs pickles, or runs a text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.split(".")[0] in PICKLES)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in PICKLES:
                yield str(node.module)
            yield from (each.name for each in node.names if each.name in BY_NAME | PICKLES)
        elif isinstance(node, ast.Attribute) and node.attr in BY_NAME:
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not is_false(node.value):
            yield "allow_pickle"
        elif isinstance(node, ast.keyword) and node.arg == "shell" and not is_false(node.value):
            yield "shell"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RUNS:
            yield node.func.id
        elif isinstance(node, ast.Constant) and node.value in PICKLES:
            yield f"the name {node.value!r}"  # importlib.import_module("pickle")


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "import numpy as np\nnp.load('a', allow_pickle=True)",
        "import pandas as pd\npd.read_pickle('a')", "import_module('cloudpickle')", "eval('1')", "exec(text)",
        "subprocess.run('ls', shell=True)", "import marshal as m", "from sklearn.externals import joblib",
    ],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(source: str) -> None:
    assert [*faults(source)]


def test_no_source_reads_a_pickle_or_runs_a_text() -> None:
    assert len(SHIPPED) > 150
    found = {
        f"{path.relative_to(ROOT)}: {each}" for path in SHIPPED for each in faults(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_no_pickle_lies_in_the_tree() -> None:
    """Neither by its name nor by its first bytes: protocols 2 to 5 begin with 0x80 and their number."""
    named = [str(path.relative_to(ROOT)) for path in tracked() if path.suffix in SUFFIXES]
    begun = [str(path.relative_to(ROOT)) for path in tracked() if path.read_bytes()[:2] in PROTOCOLS]
    assert (named, begun) == ([], [])


PROTOCOLS = {bytes((0x80, version)) for version in range(2, 6)}


def test_the_one_exception_is_machine_code_and_is_where_it_is_said_to_be() -> None:
    """`models/kept_code.py` alone uses the part of Numba that loads pickles, and checks who may write there."""
    users = {
        str(path.relative_to(ROOT))
        for path in SHIPPED
        if path.relative_to(ROOT).parts[0] in PACKAGES and "numba.core.caching" in path.read_text(encoding="utf-8")
    }
    assert users == {"models/kept_code.py"}
    assert "Its files are pickles that Numba" in (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
