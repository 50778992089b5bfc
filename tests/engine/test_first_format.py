"""The state of the version before states carried a format is read: a monitor goes on from it as if it had been there.

`data/state-of-format-1.msgpack` was written by that version (commit 851f4ec): its checkpoint after 64 made-up events of
three merchants (master data, a contract, sales with fees, an MCC that is not registered, a void without its original),
and the events.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec

from detectors.calibration import RAW
from domain.alerts import Alert, Text
from domain.profiles import CARDS
from engine.checkpoint.pages import decode
from engine.decoding.records import Records
from engine.features.families import complaints, daily, habits, season, sent, terminals
from engine.features.fees_off import OFF_FIELDS, OFF_KEPT
from engine.monitor import MerchantSnapshot, Monitor, MonitorConfig
from tests.engine.test_checkpoints import rows_of
from tests.engine.test_readings import days_of

HELD: dict[str, Any] = msgspec.msgpack.decode(
    (Path(__file__).parent / "data" / "state-of-format-1.msgpack").read_bytes()
)
SINCE = (
    *(name for name, *_ in (*OFF_KEPT, *OFF_FIELDS, *CARDS)),
    "tariff_middle", "tariff_middle_fee", "tariff_floor", "tariff_fall", "rough_fall", "unexplained",
)  # fmt: skip
"""What blocks hold otherwise: that version followed no cards, looked for no fees that fall, and counted any difference
above 1 minor unit as charged above the contract."""
SMALL = 4
"""Payments of m1 by then that were charged some minor units above the contract, and no more than 2 basis points."""
START_MS, HOUR_MS = 1_700_000_000_000, 3_600_000


def monitor() -> Monitor:
    """With raw severities: those of that version's open episodes are."""
    return Monitor(MonitorConfig(capacity=10), checkpoints=True, historic=True, curves=RAW)


def restored() -> Monitor:
    found = monitor()
    found.restore(HELD["notes"], [(number, decode(raw)) for number, raw in HELD["pages"]])
    return found


def undisturbed() -> Monitor:
    found = monitor()
    outputs = found.process(Records.of(HELD["events"]))
    assert outputs.dead_letters == []
    assert len(outputs.alerts) == 2
    return found


def without_receipts(seen: Monitor, merchant_id: str) -> MerchantSnapshot:
    """A merchant without when its open alerts' records were received, their turnover, what waiting reversals take out,
    the shop, the transactions and the words of alerts, which that version did not keep, and without `fee_over`."""
    found = seen.snapshot(merchant_id)
    assert found is not None
    if any(each.detector == "fee_over" for each in found.episodes):
        found = dataclasses.replace(found, score=None, account=None)
    episodes = tuple(
        msgspec.structs.replace(unworded(each), received_at=None, turnover=None, shop=None, transactions=())
        for each in found.episodes
        if each.detector != "fee_over"
    )
    waiting = tuple(each | {"amount_minor": 0} for each in found.waiting)
    return dataclasses.replace(found, episodes=episodes, waiting=waiting, blind_until_ms={})


def of_fees(seen: Monitor) -> Alert:
    """The open alert of m1 that it was charged above its contract."""
    found = seen.snapshot("m1")
    assert found is not None
    (alert,) = (each for each in found.episodes if each.detector == "fee_over")
    return alert


def unworded(alert: Alert) -> Alert:
    """An alert without its sentence, and without the facts that rest on turnover and on its first day."""
    facts = {name: fact for name, fact in alert.facts.items() if name not in {"turnover_minor", "first_day"}}
    return msgspec.structs.replace(alert, reason=Text("", ""), facts=facts)


def later() -> list[bytes]:
    return [
        json.dumps(
            {
                "txn_id": f"later{k}", "merchant_id": f"m{k % 3}", "amount": 20_000 + k, "currency": "CNY",
                "mcc": "8062", "scheme": "unionpay", "card_kind": "credit", "card_token": f"{k % 4:032x}", "fee": 900,
                "event_time": START_MS + (70 + k) * HOUR_MS,
            }
        ).encode()
        for k in range(90)
    ]  # fmt: skip


def test_everything_in_it_is_read() -> None:
    old, new = restored(), undisturbed()
    for each in (old, new):  # that version did not count them, or learned a day's sales otherwise
        rows = each._pipeline.state.rows.rows
        of_families = (name for family in (daily, season, sent, terminals) for name, *_ in family.FIELDS)
        of_mcc = ("seen_from_day", "fresh_day", "late_bits", "fresh_bits")
        for name in ("versions", "contract_versions", "fee_told_s", "fee_known_s", *of_mcc, *of_families):
            rows[name] = 0
        held = each._pipeline.state.rows
        for kind, blocks in zip(held.kinds, held.blocks, strict=False):
            if kind in (*sent.BLOCKS, *habits.BLOCKS):
                blocks.bytes[:] = 0
                rows[kind.place] = 0
            for name in set(SINCE) & set(blocks.record.dtype.names):
                blocks.record[name] = 0
    assert rows_of(old) == rows_of(new)
    for merchant_id in ("m0", "m1", "m2"):
        assert without_receipts(old, merchant_id) == without_receipts(new, merchant_id)
    assert old.counts == new.counts
    # `fee_notice` was said to need fees: it needs contracts, which that version did not count. The others
    # were not there.
    others = {
        "fee_notice", "stan_reuse", "volume_rise", "volume_decline", "terminal_failing", "terminal_silent", "dormancy",
        "licence_expiry", "compromised_point", "gauge_breach", "fee_under", "fee_fall", "anomaly",
    }  # fmt: skip
    assert [each for each in old.coverage if each.detector not in others] == [
        each for each in new.coverage if each.detector not in others
    ]


def test_an_episode_of_fees_goes_on_with_what_was_found_by_the_rule_of_then() -> None:
    """Differences within 2 basis points were findings then. What was told is not taken back; no more are added."""
    old, new = restored(), undisturbed()
    told = of_fees(old)
    assert (told.hits, told.at_stake) == (of_fees(new).hits + SMALL, of_fees(new).at_stake + 2 * SMALL + 2)
    later_on = Records.of(later(), first_offset=len(HELD["events"]))
    before = of_fees(new)
    for each in (old, new):
        each.process(later_on)
    went_on, want = of_fees(old), of_fees(new)
    assert went_on.alert_id == told.alert_id
    assert (went_on.hits - told.hits, went_on.last_time) == (want.hits - before.hits, want.last_time)
    assert went_on.at_stake - told.at_stake == want.at_stake - before.at_stake > 0


def test_what_follows_is_as_if_it_had_been_there() -> None:
    given = Records.of(later(), first_offset=len(HELD["events"]))
    found, want = restored().process(given), undisturbed().process(given)
    assert [each.detector for each in found.alerts] == [each.detector for each in want.alerts]
    for outputs in (found, want):
        outputs.alerts = [
            msgspec.structs.replace(unworded(each), shop=None, transactions=())
            for each in outputs.alerts
            if each.detector != "fee_over"
        ]
    assert want.alerts
    # Of an alert that was open then it is not known what the sales before came to.
    known = [each.turnover for each in found.alerts]
    assert {None} < set(known)
    without = [
        msgspec.structs.replace(each, turnover=mine) for each, mine in zip(want.alerts, known, strict=True)
        if mine in {None, each.turnover}
    ]  # fmt: skip
    assert found.alerts == without
    # Nor what the day came to beside its sales, which is not told of it.
    told, whole = days_of([found]), days_of([want])
    blind = {key for key, row in told.items() if row["closed_refunds"] is None}
    assert {day for _, day in blind} == {"2023-11-17"}
    for key in blind:
        whole[key] |= dict.fromkeys(each.name for each in daily.COLUMNS)
    for key in whole:  # nor of its terminals and complaints, until they have been seen for long enough
        whole[key] |= dict.fromkeys((*terminals.CLOSES, *complaints.CLOSES, *habits.CLOSES))
    assert told == whole
    for outputs in (found, want):  # the open alert of `fee_over` is in the scores of m1
        outputs.scores = [each for each in outputs.scores if each.merchant_id != "m1"]
    assert want.scores
    assert dataclasses.replace(found, alerts=[], days=[]) == dataclasses.replace(want, alerts=[], days=[])
