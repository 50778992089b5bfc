"""What people say of a merchant, verdicts and overrides, as changes of its risk account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.cards import mask
from engine.risk import Manual, Verdict
from engine.state import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from engine.episodes import Batch
    from engine.rows import Rows


class Answer(NamedTuple):
    """A verdict or an override of a batch that the kernel has not walked yet."""

    record: int
    event: dict[str, Any]
    watermark_ms: int
    """Of its merchant before the batch; 0 where there was none."""


def answers_of(others: Iterable[tuple[int, dict[str, Any]]], rows: Rows) -> list[Answer]:
    """The verdicts and overrides among a batch's events, in order."""
    found = []
    for record, event in others:
        if event["type"] in {"verdict", "override"}:
            r = rows.find(event["merchant_id"])
            found.append(Answer(record, event, 0 if r < 0 else int(rows.rows[r]["watermark_ms"])))
    return found


def changes_of(
    answers: Iterable[Answer], rows: Rows, verdicts: NDArray[np.uint8], record_of: NDArray[np.int32], batch: Batch
) -> Iterator[tuple[int, Verdict | Manual]]:
    """The changes that the kernel accepted, each with its record.

    They count from where the merchant's watermark stood at their place among its records, whenever they were given:
    a score never fades because somebody's clock is ahead.

    Args:
        answers: of `answers_of`.
        rows: after the batch.
        verdicts: what became of each record.
        record_of: which record each accepted transaction is.
        batch: the accepted transactions.
    """
    for record, event, before_ms in answers:
        if verdicts[record] != OTHER:
            continue
        r = rows.find(event["merchant_id"])
        mine = np.flatnonzero(batch.row[: np.searchsorted(record_of, record)] == r)
        at_ms = int(batch.watermark_ms[mine[-1]]) if len(mine) else before_ms
        if event["type"] == "verdict":
            until_ms = event.get("expires_at", 0)
            yield record, Verdict(r, at_ms, event["alert_id"], event["verdict"], event["event_time"], until_ms)
        else:
            yield record, Manual(r, at_ms, event["grade"], mask(event["reason"]), event["expires_at"])
