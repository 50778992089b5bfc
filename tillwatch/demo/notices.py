"""The demonstration's notices: they go to an inbox on this machine, which shows them as on a rep's phone."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tillwatch.demo.children import Child, child
from tillwatch.demo.inbox import receiving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_ROUTING = Path(__file__).with_name("routing.yaml")
_KEY = "robot.key"
_CHANNELS = ("WECOM", "RISK_DESK")
_PER_MINUTE = 60


@contextmanager
def telling(common: Sequence[str], folder: Path, given: Mapping[str, str]) -> Iterator[tuple[Child, str]]:
    """The process that plans and sends, and the page of the inbox; both end with the block.

    Args:
        common: arguments that every command of the demonstration has.
        folder: of the demonstration.
        given: settings of its casework and console.
    """
    with receiving() as inbox:
        key = folder / _KEY
        key.unlink(missing_ok=True)
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(inbox.key)
        robot = {
            "KIND": "wecom", "URL": f"{inbox.url}robot", "HOSTS": "127.0.0.1", "LOOPBACK": "true",
            "KEY_FILE": str(key.resolve()), "PER_MINUTE": str(_PER_MINUTE),
        }  # fmt: skip
        settings = {
            **given, "TILLWATCH_NOTICES_ROUTING": str(_ROUTING), "TILLWATCH_NOTICES_HEALTH_PORT": "0",
            **{f"TILLWATCH_CHANNELS__{name}__{each}": value for name in _CHANNELS for each, value in robot.items()},
        }  # fmt: skip
        with child("notify", [*common, "notify", "--tied"], folder, settings) as sender:
            yield sender, inbox.url
