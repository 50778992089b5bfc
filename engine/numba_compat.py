"""What Tillwatch uses of Numba that it does not document: compiled functions that exist inside their callers alone.

Numba optimizes every compiled function and makes machine code of it, then puts it into each caller and optimizes it
there again, and so on up to the outermost. For the kernel, eleven calls deep, that was a quarter of the compile time.
A function compiled by `InnerCompiler` is kept as intermediate code; one compiled by `OuterCompiler`, or by Numba's own
compiler, takes in all that it calls, and optimizes it once.

Read for Numba 0.68; `tests/engine/test_numba_compat.py` holds the installed version to this list:

- `CPUDispatcher`, its constructor; `get_call_template`, overridden.
- `CompilerBase`: its constructor and `_compile_core`, overridden; `state.library`, which the lowering uses where
  there is one.
- `Flags`: `values`, overridden; `_values`. `PassManager.passes`, and the passes of `_UNUSED`.
- `JITCodeLibrary`: `_final_module`, `_linking_libraries`, `_reload_init`, `_finalized`, `_raise_if_finalized`,
  `_ensure_finalized`, `_finalize_dynamic_globals`, `_codegen` with `_data_layout` and `_module_pass_manager`;
  overridden: `_optimize_functions`, `_optimize_final_module`, `_finalize_specific`, `_get_module_for_linking`,
  `finalize`, `get_pointer_to_function`, `codegen`.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numba.core import typed_passes, types, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.compiler_machinery import PassManager
from numba.core.registry import CPUDispatcher

from models.kept_code import interrupts_deferred

if TYPE_CHECKING:
    from collections.abc import Callable

READ_FOR = {"numba": "0.68"}
"""The version that this was read for."""


_UNUSED = {
    typed_passes.AnnotateTypes,
    typed_passes.NopythonRewrites,
    untyped_passes.FindLiterallyCalls,
    untyped_passes.InlineClosureLikes,
    untyped_passes.InlineInlinables,
    untyped_passes.LiteralPropagationSubPipelinePass,
    untyped_passes.LiteralUnroll,
    untyped_passes.MakeFunctionToJitFunction,
    untyped_passes.WithLifting,
}
"""Passes over a function for closures, comprehensions, `with`, mixed tuples, whole-array expressions and listings, of
which inner functions have none. One that had would not compile, or would compile to the same."""


class OuterLibrary(JITCodeLibrary):
    """Machine code of a function and all that it calls."""

    def _optimize_final_module(self) -> None:
        """Optimize once. Numba does so twice, for the sake of counted owners, of which we pass on none."""
        manager, builder = self._codegen._module_pass_manager()  # noqa: SLF001
        manager.run(self._final_module, builder)

    def _finalize_specific(self) -> None:
        """Make machine code, and have it kept: seconds for the kernel, in which Ctrl-C waits."""
        with interrupts_deferred():
            super()._finalize_specific()


class InnerLibrary(JITCodeLibrary):
    """A function's intermediate code, neither optimized nor made machine code of."""

    @property
    def codegen(self) -> Any:
        """Itself: Numba writes the address of a function's Python objects where machine code finds it."""
        return self

    def set_env(self, env_name: str, env: object) -> None:
        """Do nothing, as there is no machine code."""

    def finalize(self) -> None:
        """Take nothing in after this."""
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        for each in self._linking_libraries:
            self._reload_init.update(each._reload_init)  # noqa: SLF001
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:  # noqa: ARG002  (Numba's signature)
        """0, which stands for a function that Python cannot call."""
        self._ensure_finalized()
        return 0

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout  # noqa: SLF001

    def _get_module_for_linking(self) -> Any:
        """This function and all that it calls, in one module."""
        whole = _mergeable(self._final_module)
        for each in self._callees():
            if isinstance(each, InnerLibrary):
                whole.link_in(_mergeable(each._final_module))  # noqa: SLF001
            else:
                whole.link_in(each._get_module_for_linking(), preserve=True)  # noqa: SLF001
        return whole

    def _callees(self) -> list[Any]:
        """The libraries that this needs, directly or through other inner ones."""
        found: dict[int, Any] = {}
        waiting = list(self._linking_libraries)
        while waiting:
            each = waiting.pop()
            if id(each) not in found:
                found[id(each)] = each
                waiting += each._linking_libraries if isinstance(each, InnerLibrary) else []  # noqa: SLF001
        return list(found.values())


def _mergeable(module: Any) -> Any:
    """A copy whose functions may be there more than once, and are dropped where nothing calls them any more."""
    copy = module.clone()
    for function in copy.functions:
        if not function.is_declaration and function.linkage.name == "external":
            function.linkage = "linkonce_odr"
    return copy


class _Flags(Flags):
    """Numba's, which compares and hashes them thousands of times a function."""

    def values(self) -> dict[str, Any]:
        """All values by name, as Numba gives them, but made at once."""
        return {**_DEFAULTS, **self._values}


_DEFAULTS = Flags().values()


class _OwnLibrary(Compiler):
    """Numba's compiler, with another library to write to."""

    library: type[JITCodeLibrary]

    def __init__(
        self,
        typingctx: Any,
        targetctx: Any,
        library: Any,
        args: Any,
        return_type: Any,
        flags: Flags,
        locals: Any,  # noqa: A002
    ) -> None:
        super().__init__(typingctx, targetctx, library, args, return_type, _Flags(flags), locals)

    def _compile_core(self) -> Any:
        library = self.library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        library.enable_object_caching()
        self.state.library = library
        return super()._compile_core()


class InnerCompiler(_OwnLibrary):
    """For functions that only compiled code calls."""

    library = InnerLibrary

    def define_pipelines(self) -> list[PassManager]:
        """Numba's passes but for those that no inner function needs."""
        lean = PassManager("inner")
        lean.passes.extend(each for each in super().define_pipelines()[0].passes if each[0] not in _UNUSED)
        lean.finalize()
        return [lean]


class OuterCompiler(_OwnLibrary):
    """For functions that Python calls."""

    library = OuterLibrary


class InnerDispatcher(CPUDispatcher):
    """A function that only compiled code calls: one for all values of an argument.

    Numba takes a literal for a type of its own, and would compile `f(row, 0)` and `f(row, k)` apart.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002  (any call is wrong)
        """Refuse: there is no entry for Python.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{self.py_func.__qualname__} must be called by compiled code, got a call from Python")

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """What Numba makes of a call with arguments of types `args` and `kws`."""
        plain = [types.unliteral(each) for each in args]
        return super().get_call_template(plain, {name: types.unliteral(each) for name, each in kws.items()})


def inner(**options: Any) -> Callable[[Callable[..., Any]], InnerDispatcher]:
    """A decorator like `numba.njit(**options)`, for functions that only compiled code calls."""
    options |= {"nopython": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

    def decorate(function: Callable[..., Any]) -> InnerDispatcher:
        return InnerDispatcher(function, targetoptions=options, pipeline_class=InnerCompiler)

    return decorate
