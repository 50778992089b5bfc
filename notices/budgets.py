"""The budgets of channels, kept by all senders of a store together: what each sends is counted where all of them look.

The count outlives a sender, so that one that is started again has no budget anew. Times are the senders' own: hosts
whose clocks are apart by so much may exceed a budget by what is sent within that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from casework.schema import channel_sends
from notices.channels.pace import over_budget

if TYPE_CHECKING:
    from casework.store import Store
    from notices.channels.contract import Channel, Hold


def take(store: Store, channel: Channel, now_ms: int) -> Hold | None:
    """Count a message that is about to be sent; where the budgets are used up, what holds it back, and nothing counts.

    Writers of a store wait for each other, so two senders never take the same room.
    """
    if not channel.budgets:
        return None
    table, widest_ms = channel_sends.c, round(1000 * max(each.window_s for each in channel.budgets))
    of_it = table.channel == channel.name
    with store.writing() as connection:
        connection.execute(delete(channel_sends).where(of_it, table.sent_ms <= now_ms - widest_ms))
        sent_ms = connection.execute(select(table.sent_ms).where(of_it).order_by(table.sent_ms)).scalars()
        hold = over_budget(channel.budgets, [each / 1000 for each in sent_ms], now_ms / 1000)
        if hold is None:
            connection.execute(insert(channel_sends), {"channel": channel.name, "sent_ms": now_ms})
        return hold
