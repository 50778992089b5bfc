"""Budgets of channels: all senders of a store keep them together."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

from casework.store import Store
from notices.budgets import take
from notices.channels.contract import Budget
from notices.sending import Sender
from tests.notices.far_side import FarSide, plain

if TYPE_CHECKING:
    from tests.casework.conftest import Database
    from tests.notices.field import Field

BUDGET = Budget(5, 60.0)
REPS = 12


def noticed(field: Field) -> None:
    """A notice for each of so many reps."""
    for k in range(REPS):
        field.person(f"rep-{k}", wecom_id=f"id-{k}")
        field.shop(f"m{k}", f"rep-{k}")
        field.confirmed(f"a{k}", f"m{k}")
    assert len(field.look(60_000)) == REPS


def far_side(*budgets: Budget) -> FarSide:
    found = FarSide()
    found.budgets = budgets
    return found


def together(database: Database, now_ms: int) -> list[str]:
    """Two senders at once, each with a channel of its own that keeps no pace; whom they told."""
    both = Barrier(2)

    def one(_: int) -> list[str]:
        far = far_side(BUDGET)
        with Store(database.url) as store:
            sender = Sender(store, {"wecom": far}, plain, lambda *_: "https://c.example/", lambda: now_ms, {})
            both.wait(30)
            for _ in range(2):  # what one had leased when the other looked
                asyncio.run(sender.send_due())
        return [address.recipient_id for _, address in far.got]

    with ThreadPoolExecutor(2) as pool:
        return [each for found in pool.map(one, range(2)) for each in found]


def test_two_senders_at_once_send_no_more_than_one_may(field: Field, database: Database) -> None:
    noticed(field)
    told = together(database, field.now_ms)
    assert len(told) == BUDGET.most
    waiting = [each for each in field.rows("notices") if each.status == "pending"]
    assert {(each.attempts, each.not_before_ms, each.said) for each in waiting} == {
        (0, field.now_ms + 60_000, "held back: 5 messages in 60 s are sent")
    }
    for _ in range(2):
        field.now_ms += 60_000
        told += together(database, field.now_ms)
    assert sorted(told) == sorted(f"rep-{k}" for k in range(REPS))


def test_a_sender_that_is_started_again_has_no_budget_anew(field: Field) -> None:
    far = far_side(Budget(2, 60.0))
    assert [take(field.store, far, field.now_ms + k) is None for k in range(3)] == [True, True, False]
    assert take(field.store, far_side(Budget(2, 60.0)), field.now_ms + 59_999) is not None
    assert take(field.store, far_side(Budget(2, 60.0)), field.now_ms + 60_000) is None
    assert len(field.rows("channel_sends")) == 2


def test_all_budgets_of_a_channel_count_and_other_channels_have_their_own(field: Field) -> None:
    far = far_side(Budget(3, 60.0), Budget(1, 1.0))
    assert take(field.store, far, field.now_ms) is None
    held = take(field.store, far, field.now_ms + 400)
    assert held is not None
    assert (round(held.wait_s, 3), held.said) == (0.6, "held back: 1 messages in 1 s are sent")
    other = FarSide("dingtalk", "dingtalk")
    other.budgets = far.budgets
    assert take(field.store, other, field.now_ms) is None
    assert take(field.store, FarSide("printed", "printed"), field.now_ms) is None
    assert len(field.rows("channel_sends")) == 2
