"""What people say of a merchant, verdicts and overrides, as changes of its risk account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from domain.cards import mask
from engine.risk import Manual, Verdict
from engine.state import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

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


class Place(NamedTuple):
    """Where a change stands among those of a batch."""

    record: int
    """That brought it about."""
    part: int = 0
    """Of the batch's rows of features."""
    j: int = 0
    """Among them."""
    rank: int = 0
    """Of its detector."""


class Part(NamedTuple):
    """Part of a batch's rows of features; one entry for each."""

    by: NDArray[np.int32]
    """The record that brought it about."""
    row: NDArray[np.int32]
    watermark_ms: NDArray[np.int64]


def changes_of(
    answers: Iterable[Answer],
    rows: Rows,
    verdicts: NDArray[np.uint8],
    parts: Sequence[Part],
) -> Iterator[tuple[Place, Verdict | Manual]]:
    """The changes that the kernel accepted, each with its place.

    They count from where the merchant's watermark stood at their place among its records, whenever they were given:
    a score never fades because somebody's clock is ahead.

    Args:
        answers: of `answers_of`.
        rows: after the batch.
        verdicts: what became of each record.
        parts: all of the batch.
    """
    for record, event, before_ms in answers:
        if verdicts[record] != OTHER:
            continue
        r = rows.find(event["merchant_id"])
        at_ms = before_ms
        for by, row, watermark_ms in parts:
            mine = np.flatnonzero(row[: np.searchsorted(by, record)] == r)
            at_ms = int(watermark_ms[mine[-1]]) if len(mine) else at_ms
        if event["type"] == "verdict":
            until_ms = event.get("expires_at", 0)
            change: Verdict | Manual = Verdict(
                r, at_ms, event["alert_id"], event["verdict"], event["event_time"], until_ms
            )
        else:
            change = Manual(r, at_ms, event["grade"], mask(event["reason"]), event["expires_at"])
        yield Place(record), change
