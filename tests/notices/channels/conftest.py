from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from notices.channels import options
from notices.channels.post import Poster
from tests.notices.channels.far_side import Bench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Channels that ask a far side on loopback."""
    return Bench(tmp_path)


@pytest.fixture
def impatient(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The same, which do not wait long for one that hangs."""
    monkeypatch.setattr(options, "Poster", partial(Poster, timeout_s=0.4))
    return bench
