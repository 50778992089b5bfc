"""Commands in processes that are forked from one that has loaded everything: they need not load it for a second."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.faults.processes import fork
from tillwatch.start import main

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parents[2]
_ENDS_WITHIN_S = 100.0


def run(*arguments: str | Path, first: Callable[[], object] | None = None) -> tuple[int, str, str]:
    """Run the command line in a process of its own, without input: exit code, standard output, standard error.

    `first`, a function of a module, is called there before it.
    """
    with TemporaryDirectory(prefix="tillwatch-run-") as folder:
        said = Path(folder) / "out", Path(folder) / "errors"
        process = fork(
            _be, [str(each) for each in arguments], {"TILLWATCH_HEALTH_PORT": "0", **os.environ}, said, first
        )
        process.join(_ENDS_WITHIN_S)
        late = process.is_alive()
        process.kill()
        process.join()
        out, errors = (each.read_text(encoding="utf-8") if each.exists() else "" for each in said)
        assert not late, f"{arguments} should have ended within {_ENDS_WITHIN_S:g} s; it said {out + errors}"
        assert process.exitcode is not None
        return process.exitcode, out, errors


def _be(
    arguments: Sequence[str], environment: Mapping[str, str], said: tuple[Path, Path],
    first: Callable[[], object] | None,
) -> None:  # fmt: skip
    """Be `tillwatch` with these arguments and environment variables; what it says goes to two files."""
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate((Path(os.devnull), *said)):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["tillwatch", *arguments]
    if first is not None:
        first()
    main()
