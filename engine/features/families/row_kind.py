"""What a row of features is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.feature_codes import ROW_CLOSING, ROW_CONTRACT, ROW_SETTLEMENT, ROW_TRANSACTION
from engine.features.families import Column
from engine.jit import njit_inner

if TYPE_CHECKING:
    from engine.features.event import Closing, Event, Revision

FIELDS = ()
COLUMNS = (
    Column("row_kind", "code", "txn",
           "0 a transaction, 1 a settlement, 2 the end of a local day, 3 a version of the contract"),
)  # fmt: skip


@njit_inner
def update(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Mark the row as a transaction's."""
    out.row_kind = ROW_TRANSACTION


@njit_inner
def settle(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Mark the row as a settlement's."""
    out.row_kind = ROW_SETTLEMENT


@njit_inner
def close(row: Any, closing: Closing, reference: Any, out: Any) -> None:
    """Mark the row as a day's closing."""
    out.row_kind = ROW_CLOSING


@njit_inner
def revise(row: Any, revision: Revision, reference: Any, out: Any) -> None:
    """Mark the row as a contract version's."""
    out.row_kind = ROW_CONTRACT
