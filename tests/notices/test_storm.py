"""A storm of alerts: bounded messages, and nobody missed."""

from __future__ import annotations

from collections import Counter

from casework.territory import Holder
from notices.dispatch import dispatch, sorted_into
from notices.recipients import Chooser
from notices.routing.reading import read_routing
from notices.signals import Signal
from notices.timing import Group

ALERTS, MERCHANTS, REPS = 10_000, 500, 20
MINUTE_MS = 60_000


def signal(k: int, since_ms: int) -> Signal:
    merchant = k % MERCHANTS
    holder = Holder(f"rep-{merchant % REPS}", "")
    labels = {
        "kind": "alert", "merchant": f"m{merchant}", "detector": "volume_rise", "verdict": "confirmed", "lane": "risk",
        "rep": holder.rep_id,
    }  # fmt: skip
    return Signal(f"a{k}", f"m{merchant}", labels, None, since_ms, None, holder, holder)


def test_ten_thousand_alerts_of_five_hundred_merchants_are_some_messages_to_each_of_twenty_reps() -> None:
    """An hour of alerts, one each 0.36 s, looked at each five minutes: at most one message each time to each rep."""
    routing = read_routing()
    groups = dict[str, Group]()
    messages, told = Counter[str](), dict[str, set[str]]()
    every = [signal(k, k * 360) for k in range(ALERTS)]
    for minute in range(0, 70, 5):
        now_ms = minute * MINUTE_MS
        signals = every[: now_ms // 360]
        choose = Chooser(routing, {}, {}, {}, now_ms).of
        members = sorted_into(routing, choose, signals)
        changed, batches = dispatch(members, groups, lambda _: False, {}, now_ms)
        groups |= {key: each for key, each in changed.items() if each is not None}
        for each in batches:
            messages[each.recipient.name] += 1
            told.setdefault(each.recipient.name, set()).update(one.merchant_id for one in each.signals)
    assert {*messages} == {f"rep-{k}" for k in range(REPS)}
    assert max(messages.values()) <= 60 // 5
    assert {rep: len(found) for rep, found in told.items()} == dict.fromkeys(messages, MERCHANTS // REPS)
