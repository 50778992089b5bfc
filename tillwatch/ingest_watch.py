"""Takes each file that comes into a folder, once it is finished."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from domain.errors import TillwatchError
from tillwatch.language import speaker
from tillwatch.show import to_stderr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

POLL_S = 1.0
UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", ".swp")
"""Names of files that somebody is still writing end so, or begin with a dot."""


def watch(folder: Path, take: Callable[[Path], int], lang: str, *, turns: int | None = None) -> None:
    """Take files of a folder as they come, until Ctrl-C.

    A file is finished once its size and time have stayed the same from one look to the next. One that is refused is
    named, and tried again when it changes; the others go on.

    Args:
        folder: where they come.
        take: ingests one, and returns its exit code.
        lang: of what is said.
        turns: looks, for tests; without end by default.
    """
    say, console = speaker(lang), to_stderr()
    seen: dict[Path, tuple[int, int]] = {}
    done: dict[Path, tuple[int, int]] = {}
    console.print(say(f"watching {folder}", f"正在监视{folder}"))
    while turns is None or turns > 0:
        now = dict(_files(folder))
        for path in sorted(now, key=lambda each: (now[each][1], each)):
            if done.get(path) == now[path] or seen.get(path) != now[path]:
                continue
            done[path] = now[path]
            console.print(f"{path.name}:")
            try:
                code = take(path)
            except (TillwatchError, click.ClickException, OSError) as error:
                console.print(say(f"not taken: {error}", f"未写入：{error}"))
            else:
                if code:
                    console.print(say(f"ended with {code}", f"结束，返回码{code}"))
        seen = now
        if turns is not None:
            turns -= 1
            if not turns:
                return
        time.sleep(POLL_S)


def _files(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    for each in folder.iterdir():
        if each.name.startswith((".", "~$")) or each.suffix.lower() in UNFINISHED:
            continue
        try:
            about = each.stat()
        except FileNotFoundError:
            continue
        if each.is_file():
            yield each, (about.st_size, about.st_mtime_ns)
