"""A storm of alerts: bounded messages, and nobody missed."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec
import pytest

from casework.territory import Holder
from domain.readings import Profile
from domain.timestamps import iso
from notices.channels.registry import make_channels
from notices.dispatch import dispatch, sorted_into
from notices.recipients import Chooser
from notices.rendering import render
from notices.routing.reading import read_routing
from notices.sending import Sender
from notices.signals import Signal
from notices.timing import Group
from tests.casework.world import alert, write
from tests.causes.world import FIRST, profile
from tests.notices.channels.far_side import OK, Bench, FarSide, Say

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notices.field import Field

ALERTS, MERCHANTS, REPS = 10_000, 500, 20
MINUTE_MS = 60_000
STORM_MIN, EVERY_MIN, PER_MINUTE = 60, 5, 18
ROUTING = f"""\
desk: risk
receivers: {{rep: {{to: rep, channels: [wecom]}}, risk: {{to: desk, channels: [wecom]}}}}
route:
  receiver: risk
  group_by: [lane]
  routes:
    - match: {{detector: terminal_failing}}
      receiver: rep
      task: repair
      group_by: [rep]
      group_wait: 10s
      group_interval: {EVERY_MIN}m
"""


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


def know_everybody(field: Field) -> None:
    """Have the log know the reps and their shops, and casework file them, all at once."""
    since_ms = 1_600_000_000_000
    people = [
        Profile(
            merchant_id=f"rep-{k}", kind="person", effective_from=iso(since_ms),
            fields={"effective_from": since_ms, "role": "rep", "name": f"Rep {k}", "wecom_id": f"id-{k}"},
        )
        for k in range(REPS)
    ]  # fmt: skip
    shops = [
        profile(f"m{k}", FIRST, rep_id=f"rep-{k % REPS}", short_name=f"店{k}", address=f"路{k}号")
        for k in range(MERCHANTS)
    ]
    known = [*people, *shops]
    values, keys = [msgspec.json.encode(each) for each in known], [each.key.encode() for each in known]
    field.log.append("merchant-profiles", 0, values, keys=keys)
    field.agent.file()


async def storm(field: Field, folder: Path) -> FarSide:
    """An hour of alerts, filed, planned, and sent to a robot each minute, until nothing waits; the far side."""
    bench = Bench(folder)
    async with FarSide(Say({"errcode": 45009, "errmsg": "too many"}), Say(OK["wecom"])) as far:
        table = bench.table("wecom", far.url, per_minute=PER_MINUTE)
        channels = make_channels({"wecom": table}, lambda: field.now_ms / 1000)
        sender = Sender(field.store, channels, render, lambda *_: "https://c.example/", lambda: field.now_ms, {})
        each_minute = -(-ALERTS // STORM_MIN)
        for minute in range(STORM_MIN + 3 * EVERY_MIN):
            numbers = range(minute * each_minute, min(ALERTS, (minute + 1) * each_minute))
            write(field.log, *(alert(f"a{k}", f"m{k % MERCHANTS}", "terminal_failing") for k in numbers))
            field.agent.file()
            field.look()
            while await sender.send_due():
                pass
            field.now_ms += MINUTE_MS
        return far


@pytest.mark.slow
def test_a_storm_goes_all_the_way_from_filing_to_a_robot(field: Field, tmp_path: Path) -> None:
    """10,000 alerts of 500 merchants within an hour, filed as they come; the robot refuses the first message."""
    field.route(ROUTING)
    know_everybody(field)
    far = asyncio.run(storm(field, tmp_path))

    rows = {each.notice_id: each for each in field.rows("notices")}
    assert {each.status for each in rows.values()} == {"sent"}
    told, messages = defaultdict[str, set[str]](set), Counter(each.recipient for each in rows.values())
    for entry in field.rows("notice_entries"):
        told[rows[entry.notice_id].recipient] |= {*msgspec.json.decode(entry.alert_ids)}
    assert told == {f"rep-{k}": {f"a{i}" for i in range(ALERTS) if i % MERCHANTS % REPS == k} for k in range(REPS)}
    assert max(messages.values()) <= STORM_MIN // EVERY_MIN + 2

    attempts = sorted(each.tried_ms for each in field.rows("notice_attempts"))
    assert len(attempts) == len(far.asked) == len(rows) + 1
    within = (sum(start <= each < start + MINUTE_MS for each in attempts) for start in attempts)
    assert max(within) <= PER_MINUTE
    asked = Counter(name for each in far.asked for name in each.body["text"]["mentioned_list"])
    assert {*asked} == {f"id-{k}" for k in range(REPS)}
