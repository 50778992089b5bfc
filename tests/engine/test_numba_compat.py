from __future__ import annotations

import pytest
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.dispatcher import Dispatcher

from engine import numba_compat
from engine.jit import njit, njit_inline, njit_inner
from tests.streams.compat import signature_faults, version_fault


@njit_inner
def _half(x: float) -> float:
    return x / 2


@njit_inline
def _quarter(x: float) -> float:
    return _half(_half(x))


@njit_inner
def _shifted(x: float, by: int) -> float:
    return _quarter(x) + by


@njit
def _sum(x: float) -> float:
    return _shifted(x, 1) + _shifted(x, 2) + _half(x)


@njit
def _outer(x: float) -> float:
    return _sum(x) + _quarter(x)


def test_numba_is_the_version_that_was_read() -> None:
    for distribution, read_for in numba_compat.READ_FOR.items():
        assert version_fault(numba_compat, distribution, read_for) == ""


def test_what_is_overridden_takes_the_same_arguments() -> None:
    assert not signature_faults("numba", {
        CompilerBase._compile_core: "",
        Dispatcher.__init__: "py_func, locals, targetoptions, pipeline_class",
        Dispatcher.get_call_template: "args, kws",
        JITCodeLibrary._optimize_functions: "ll_module",
        JITCodeLibrary._get_module_for_linking: "",
        JITCodeLibrary._finalize_dynamic_globals: "",
        JITCodeLibrary._optimize_final_module: "",
        JITCodeLibrary._finalize_specific: "",
        JITCodeLibrary.finalize: "",
        JITCodeLibrary.get_pointer_to_function: "name",
    })  # fmt: skip


def test_inner_functions_compute_in_whatever_calls_them() -> None:
    assert _sum(8.0) == 4.0 + 3 + 4.0
    assert _outer(8.0) == _sum(8.0) + 2.0
    assert _sum(8) == _sum(8.0)


def test_an_inner_function_is_compiled_once_for_all_values_of_an_argument() -> None:
    _sum(8.0)
    assert len({signature for signature in _shifted.signatures if "int64" in str(signature)}) <= 2  # type: ignore[attr-defined]
    assert not any("Literal" in str(signature) for signature in _shifted.signatures)  # type: ignore[attr-defined]


def test_python_cannot_call_an_inner_function() -> None:
    with pytest.raises(TypeError, match="_half must be called by compiled code"):
        _half(1.0)
