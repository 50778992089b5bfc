"""Analysts' verdicts and overrides as changes of a merchant's risk account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.cards import mask
from engine.features.state import OTHER
from engine.risk.ledger import ManualGrade, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from engine.features.state import Into


def decisions_of(
    others: Iterable[tuple[int, dict[str, Any]]], first: int, end: int, verdicts: NDArray[np.uint8], into: Into
) -> Iterator[tuple[int, Verdict | ManualGrade]]:
    """The verdicts and overrides that the kernel accepted, each with how many rows of features came before.

    They count from where the merchant's watermark stood at their place among its records, whenever they were given:
    a score never fades because somebody's clock is ahead.

    Args:
        others: a batch's events that are no transactions, with their records.
        first: the first record that the kernel walked.
        end: the one after the last.
        verdicts: what became of each record.
        into: what the kernel wrote.
    """
    for record, event in others:
        if not first <= record < end or event["type"] not in {"verdict", "override"} or verdicts[record] != OTHER:
            continue
        row, watermark_ms, j = into.event_context[record].tolist()
        if event["type"] == "verdict":
            until_ms = event.get("expires_at", 0)
            yield j, Verdict(row, watermark_ms, event["alert_id"], event["verdict"], event["event_time"], until_ms)
        else:
            yield j, ManualGrade(row, watermark_ms, event["grade"], mask(event["reason"]), event["expires_at"])
