"""What a row of features is of."""

from __future__ import annotations

from typing import Any

from engine.features.event import CLOSING, REVISION, SETTLEMENT, TRANSACTION, Closing, Event, Revision
from engine.features.families import Column
from engine.jit import njit_inner

FIELDS = ()
COLUMNS = (
    Column("occasion", "code", "txn",
           "0 a transaction, 1 a settlement, 2 the end of a local day, 3 a version of the contract"),
)  # fmt: skip


@njit_inner
def update(row: Any, event: Event, contract: Any, side: Any, out: Any) -> None:
    """Say so."""
    out.occasion = TRANSACTION


@njit_inner
def settle(row: Any, event: Event, contract: Any, side: Any, out: Any) -> None:
    """Say so."""
    out.occasion = SETTLEMENT


@njit_inner
def close(row: Any, closing: Closing, side: Any, out: Any) -> None:
    """Say so."""
    out.occasion = CLOSING


@njit_inner
def revise(row: Any, revision: Revision, side: Any, out: Any) -> None:
    """Say so."""
    out.occasion = REVISION
