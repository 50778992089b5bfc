"""Signals that a process sends itself at an exact point: before or after the n-th call of a named function."""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """Where a process strikes itself.

    Attributes:
        target: `module:function` or `module:Class.method`. The call of a context manager is its end without error.
        moment: `BEFORE` or `AFTER` the call.
        call: at which call of it, from 1.
        signal: what is sent: SIGKILL or SIGSTOP.
    """

    target: str
    moment: str
    call: int
    signal: signal.Signals = signal.SIGKILL

    def __str__(self) -> str:
        return f"{self.signal.name} {self.moment} call {self.call} of {self.target.rpartition(':')[2]}"


def owner_of(target: str) -> tuple[Any, str]:
    """The module or class that has what `module:Class.name` means, and its name there."""
    module, _, path = target.partition(":")
    *outer, name = path.split(".")
    return functools.reduce(getattr, outer, importlib.import_module(module)), name


def arm(strike: Strike) -> None:
    """Wrap the strike's target in this process, for good."""
    calls = itertools.count(1)  # a step of it is whole, whichever thread takes it

    def before() -> bool:
        due = next(calls) == strike.call
        if due and strike.moment == BEFORE:
            os.kill(os.getpid(), strike.signal)
        return due

    def after(due: bool) -> None:
        if due and strike.moment == AFTER:
            os.kill(os.getpid(), strike.signal)

    owner, name = owner_of(strike.target)
    setattr(owner, name, _between(before, getattr(owner, name), after))


def _between(before: Callable[[], bool], function: Callable[..., Any], after: Callable[[bool], None]) -> Any:
    """`function` with `before` and `after` about its calls, of whichever kind it is."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        due = before()
        result = function(*args, **kwargs)
        after(due)
        return result

    @functools.wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        due = before()
        result = await function(*args, **kwargs)
        after(due)
        return result

    @functools.wraps(function)
    @contextmanager
    def entered(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with function(*args, **kwargs) as value:
            yield value
            due = before()
        after(due)

    inner = inspect.unwrap(function)
    if inspect.isgeneratorfunction(inner):
        return entered
    return awaited if inspect.iscoroutinefunction(inner) else call
