"""The process of a command: its standard streams, Ctrl-C at any moment, and how a fault of our own is told.

Next to nothing is imported before `main` runs: loading takes a second, and may be interrupted or fail.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType
    from typing import TextIO

INTERRUPTED = 130
FAILED = 1
TRACE = "TILLWATCH_TRACE"
"""The environment variable that has stack traces of our own faults printed instead of kept in a file."""
_AGAIN_S = 0.05
_OBJECTS = 50_000
"""More objects than before after which garbage is looked for, in a process that goes on."""
_STREAMS = (("stdin", os.O_WRONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))
"""The standard streams by number, and how one that came closed is held: reading or writing then fails, as it should."""


def main() -> None:
    """Run the command line, and end the process: without a stack trace, whatever happened."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else whoever started us wants it ignored
        signal.signal(signal.SIGINT, _leave)
    open_streams()
    sys.unraisablehook = _unraisable
    code = FAILED
    try:
        code = _run()
    except KeyboardInterrupt:
        code = INTERRUPTED
        _say("interrupted")
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else FAILED
    except BaseException as error:  # noqa: BLE001  the last resort
        _say(_told(error))
    finally:
        leave_at_once()
    ended = _flushed(code)
    if code == INTERRUPTED:  # Python might else end by the signal: it keeps in mind that one came while it ran a text
        os._exit(ended)
    # Python's own end takes a third of a second, and gives back its first meaning to a signal that is handled: to kill.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(ended)


def _run() -> int:
    from tillwatch.cache_base import check_cache_base

    check_cache_base()
    gc.disable()  # until `loaded`: what is imported stays, and looking it through took a seventh of a worker's start
    from tillwatch.cli import run

    return run()


def _leave(_: int, __: FrameType | None) -> None:
    """Ctrl-C while nothing has begun, or all is done: there is nothing to put in order."""
    with suppress(OSError):
        os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


def interrupt_in_order() -> None:
    """From now on Ctrl-C is raised as KeyboardInterrupt, for what has begun is to be ended in order."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def loaded() -> None:
    """The command is loaded: from now on garbage is collected, and not looked for among what was loaded."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def loaded_for_long() -> None:
    """A process that goes on for days is loaded: its garbage is looked for among what came since, and seldom.

    With Python's own 700 objects a page that reads 20,000 rows is interrupted dozens of times: statistics of reps took
    214 ms at their 95th percentile, where they take 54.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS)


def leave_at_once() -> None:
    """From now on Ctrl-C ends the process where it is."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def open_streams() -> None:
    """Have standard streams that can be asked for, and say what they cannot encode as escapes.

    A number that is free would be given to the next file that is opened, and an error be written into that.
    """
    for number, (name, flags) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # gets the lowest free number, which is this one
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  a number
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Have a Ctrl-C that came where nothing can be raised come again."""
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)
        return
    import threading

    again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()


def _told(error: BaseException) -> str:
    """What is said of an error that nobody expected."""
    if isinstance(error, MemoryError):
        return "Error: this machine has too little memory for that"
    try:
        from domain.cards import mask
        from domain.errors import RecordError, TillwatchError
        from domain.secrets import without_secrets
        from domain.visible import visible, visible_lines
    except Exception as beneath:  # noqa: BLE001  the installation itself is broken
        return f"Error: {_first_line(beneath)}: Tillwatch is not installed as it should be"
    import traceback

    said = visible(mask(without_secrets(_first_line(error))))
    if isinstance(error, TillwatchError) and not isinstance(error, RecordError):
        return f"Error: {visible(without_secrets(str(error)))}"
    trace = visible_lines(mask(without_secrets("".join(traceback.format_exception(error)))))
    return _fault(said, trace)


def _fault(said: str, trace: str) -> str:
    from tempfile import mkstemp

    fault = f"Error: this is a fault of Tillwatch itself: {said}"
    if os.environ.get(TRACE, "0") == "0":
        try:
            number, path = mkstemp(prefix="tillwatch-", suffix=".trace")
            with open(number, "w", encoding="utf-8") as file:  # noqa: PTH123  a number
                file.write(trace)
        except OSError:
            pass  # then it is printed
        else:
            return f"{fault}; please report it with the file {path} ({TRACE}=1 prints that instead)"
    return f"{trace}{fault}; please report it with the lines above"


def _first_line(error: BaseException) -> str:
    words = str(error).splitlines()
    return f"{type(error).__name__}: {words[0]}" if words else type(error).__name__


def _say(words: str) -> None:
    with suppress(OSError, ValueError):
        print(words, file=sys.stderr, flush=True)


def _flushed(code: int) -> int:
    """The exit code, when all that was written is out: a failure of that is one of the command."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if not code and stream is sys.stdout and not isinstance(error, BrokenPipeError):
                _say(f"Error: standard output: {error.strerror}")
            code = code or FAILED
            _discard(stream)
    return code


def _discard(stream: TextIO) -> None:
    """Send what is left in a stream nowhere, which Python would try to write once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
