"""Analysts' verdicts and overrides as changes of a merchant's risk account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.cards import mask
from engine.risk.ledger import ManualGrade, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.features.feature_rows import AnalystEvent


def decisions_of(events: Iterable[AnalystEvent]) -> Iterator[tuple[int, Verdict | ManualGrade]]:
    """Accepted verdicts and overrides as changes, each with how many rows of features came before it.

    A change counts from where the merchant's watermark stood at the event's place among the merchant's records,
    whenever the decision was made: a score never fades because somebody's clock is ahead.
    """
    for each in events:
        row, watermark_ms, event = each.merchant_row, each.watermark_ms, each.event
        if event["type"] == "verdict":
            until_ms = event.get("expires_at", 0)
            change = Verdict(row, watermark_ms, event["alert_id"], event["verdict"], event["event_time"], until_ms)
            yield each.before_row, change
        else:
            manual = ManualGrade(row, watermark_ms, event["grade"], mask(event["reason"]), event["expires_at"])
            yield each.before_row, manual
