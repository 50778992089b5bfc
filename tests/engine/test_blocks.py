"""Optional parts of rows: who needs none has none, and whoever has one is told the same as if all had."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.lib.recfunctions as rfn
import pytest

from detectors.calibration import RAW
from domain.profiles import CARDS
from engine.checkpoint.fitting import Moved, OtherState, fitted
from engine.checkpoint.pages import decode
from engine.decoding.records import Records
from engine.features.blocks import MOST_BLOCKS, blocks_of
from engine.features.families import complaints, gauges, habits, reports, season, terminals
from engine.features.families.registry import FAMILIES
from engine.features.fees_off import OFF_FIELDS, OFF_KEPT
from engine.monitor import Monitor, MonitorConfig
from tests.engine.test_checkpoints import Shelf, rows_of
from tests.strategies import cut, records_of, seeded_stream

if TYPE_CHECKING:
    from engine.outputs import Outputs

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]
SINCE = {
    "months",
    *(each.name for family in (terminals, complaints, reports, gauges, habits) for each in family.BLOCKS),
}
"""Kinds of blocks whose fields no earlier version had in the row."""
NOON_MS, DAY_MS = 1_783_224_000_000, 86_400_000
HELD: dict[str, Any] = msgspec.msgpack.decode(
    (Path(__file__).parent / "data" / "state-of-format-3.msgpack").read_bytes()
)
"""A checkpoint that commit f353866 took, before there were blocks, and the events behind it: streams of `seeded_stream`
one after the other, with merchants of their own."""


def monitor(**config: Any) -> Monitor:
    """With raw severities, as open episodes of older states have them."""
    return Monitor(MonitorConfig(capacity=100, **config), historic=True, checkpoints=True, curves=RAW)


def sale(k: int, merchant_id: str = "m", **fields: Any) -> bytes:
    event = {"txn_id": f"t{k}", "merchant_id": merchant_id, "amount": 100, "currency": "CNY", "event_time": NOON_MS + k}
    return json.dumps(event | fields).encode()


def without_idle_days(seen: Monitor) -> bytes:
    """Every byte of rows and blocks; without the days of counters that count nothing, which rows kept of everybody."""
    rows = seen._pipeline.state.rows
    names = [each.name for each in rows.kinds]
    for name, day, counted in (("cards", "card_day", "known_count"), ("sent", "sent_day", "sent_held")):
        record = rows.blocks[names.index(name)].record
        for place in range(1, int(rows.blocks[names.index(name)].used[0]) + 1):
            if not record[counted][place].any():
                record[day][place] = 0
    return rows_of(seen)


def without_blind(outputs: Outputs) -> Outputs:
    """What a batch gave, without the columns of families that are blind where they started anew."""
    for days in outputs.days:
        for column in (*terminals.COLUMNS, *habits.COLUMNS):
            days.columns.pop(column.name, None)
    return outputs


def without_fees(outputs: Outputs) -> Outputs:
    """What a batch gave, without alerts of fees off the contract, which go on from what was found by another rule, and
    without the scores of merchants that have such."""
    of_fees = {"fee_over", "fee_under"}
    scored = {each.merchant_id for each in outputs.scores if of_fees & {part.detector for part in each.contributions}}
    outputs.alerts = [each for each in outputs.alerts if each.detector not in of_fees]
    outputs.scores = [each for each in outputs.scores if each.merchant_id not in scored]
    for days in outputs.days:
        held = zip(days.merchant_id, days.score, strict=True)
        days.score[:] = [None if name in scored else score for name, score in held]
    return outputs


def forget(seen: Monitor, names: tuple[str, ...], block: str, *, in_rows: bool = False) -> None:
    """Make fields zero that states had not then, in a kind of block and perhaps in the rows."""
    rows = seen._pipeline.state.rows
    held = rows.blocks[[each.name for each in rows.kinds].index(block)].record
    for name in names:
        held[name] = 0
        if in_rows:
            rows.rows[name] = 0


def kinds_of(seen: Monitor, row: int = 0) -> set[str]:
    """The kinds of blocks that a merchant has."""
    rows = seen._pipeline.state.rows
    return {kind.name for kind in rows.kinds if rows.rows[row][kind.place]}


def test_a_merchant_has_the_blocks_that_its_records_need_and_no_others() -> None:
    seen = monitor()
    seen.process(Records.of([sale(1)]))
    assert kinds_of(seen) == {"habits"}
    seen.process(Records.of([sale(2, card_token="0" * 32), sale(3, "other", fee=1)]))
    assert kinds_of(seen) == {"cards", "habits"}
    assert kinds_of(seen, 1) == {"fees", "habits", "tariffs"}


@pytest.mark.parametrize("seed", range(6))
def test_nobody_writes_to_the_block_of_those_who_have_none(seed: int) -> None:
    seen = monitor()
    for events in cut(seeded_stream(seed), random.Random(seed)):
        seen.process(records_of(events))
    rows = seen._pipeline.state.rows
    for kind, held in zip(rows.kinds, rows.blocks, strict=False):
        assert not held.bytes[0].any(), kind.name
        places = rows.rows[kind.place][: int(rows.count[0])]
        assert sorted(places[places > 0].tolist()) == list(range(1, int(held.used[0]) + 1)), kind.name


def test_a_reset_empties_a_block_but_for_what_it_keeps() -> None:
    seen = monitor()
    seen.process(Records.of([sale(1, fee=7), sale(2, event_time=NOON_MS + 500 * DAY_MS)]))
    fees = seen._pipeline.state.rows.block("fees", 0)
    assert kinds_of(seen) >= {"fees", "tariffs"}
    assert (int(fees["fees_charged"]), int(fees["fee_day"])) == (7, 0)
    assert not seen._pipeline.state.rows.block("tariffs", 0)["tariff_count"].any()


def test_a_snapshot_changes_no_block() -> None:
    seen = monitor()
    seen.process(records_of(seeded_stream(3)))
    before = rows_of(seen)
    names = [each.merchant_id for each in seen.totals()]
    assert all(seen.snapshot(each) for each in names)
    assert rows_of(seen) == before


def test_a_state_from_before_there_were_blocks_is_read_as_if_there_had_been() -> None:
    found, undisturbed = monitor(), monitor()
    found.restore(HELD["notes"], [(number, decode(raw)) for number, raw in HELD["pages"]])
    undisturbed.process(Records.of(HELD["events"]))
    held = found._pipeline.state.rows.blocks
    needed = {kind.name for kind, each in zip(blocks_of(FAMILIES), held, strict=False) if each.used[0]}
    assert needed == {each.name for each in blocks_of(FAMILIES)} - SINCE
    for each in (found, undisturbed):  # which learned a day's sales otherwise then
        forgotten = [name for name, *_ in (*season.FIELDS, *terminals.FIELDS)]
        for name in (*forgotten, "fee_told_s", "fee_known_s", *(f"{each}_block" for each in SINCE)):
            each._pipeline.state.rows.rows[name] = 0
        forget(each, ("seen_from_day", "fresh_day", "late_bits", "fresh_bits"), "mcc_other", in_rows=True)
        forget(each, (*(name for name, *_ in CARDS), "trade_cards", "trade_returned"), "trade")
        # 2 basis points were no rounding then, and nothing was looked at for being cheaper
        forget(each, tuple(name for name, *_ in (*OFF_KEPT, *OFF_FIELDS)), "fees_off")
        forget(each, ("unexplained",), "tariffs")  # it was a share of what is explained, and 0 at first
    assert without_idle_days(found) == without_idle_days(undisturbed)
    later = Records.of(HELD["later"], first_offset=len(HELD["events"]))
    outputs = [without_fees(without_blind(each.process(later))) for each in (found, undisturbed)]
    assert outputs[0].alerts
    assert outputs[0] == outputs[1]
    assert without_idle_days(found) == without_idle_days(undisturbed)


def undivided(arrays: dict[str, Any]) -> dict[str, Any]:
    """A page of rows as it was when one kind of block held all sums of fees."""
    rows, fees, off = arrays["rows"], arrays["block_fees"], arrays["block_fees_off"]
    whole = np.zeros(len(fees), [*fees.dtype.descr, *off.dtype.descr])
    for name in fees.dtype.names:
        whole[name] = fees[name]
    for name in off.dtype.names:
        whole[name][rows["fees_off_block"][rows["fees_block"] != 0] != 0] = off[name]
    bare = rows[[name for name in rows.dtype.names if name != "fees_off_block"]]
    return {name: each for name, each in arrays.items() if name != "block_fees_off"} | {
        "rows": rfn.repack_fields(bare), "block_fees": whole,
    }  # fmt: skip


def test_a_block_that_was_part_of_another_is_given_to_those_who_have_something_in_it() -> None:
    prices = {"prices": [{"rate_ppm": 6_000}], "contract_id": "c", "effective_from": NOON_MS - DAY_MS}
    seen = monitor()
    for k, fee in enumerate((60, 75, 60)):  # of which the second is dearer, and the third has no contract
        contract = {"type": "contract", "merchant_id": f"m{k}", "event_time": NOON_MS, "currency": "CNY"} | prices
        seen.process(Records.of([json.dumps(contract).encode()] if k < 2 else []))
        seen.process(Records.of([sale(k, f"m{k}", amount=10_000, fee=fee), sale(9 + k, f"none{k}")]))
    shelf = Shelf()
    shelf.whole(seen)
    pages = [
        (number, replace(page, arrays=undivided(page.arrays)) if page.kind == "rows" else page)
        for number, page in shelf.decoded()
    ]
    found = monitor()
    found.restore(shelf.notes, pages)
    rows = found._pipeline.state.rows
    having = {rows.id_of(row) for row in range(int(rows.count[0])) if "fees_off" in kinds_of(found, row)}
    assert having == {"m1"}
    assert int(rows.block("fees_off", rows.find("m1"))["fees_over"]) == 15
    assert rows_of(found) == rows_of(seen)


def test_a_field_that_was_stored_as_another_type_is_read_as_its_family_says_and_else_refused() -> None:
    stored = np.array([((1, 2, 3),), ((4, 5, 6),)], [("counts", np.int32, 3)])
    today = np.dtype([("counts", np.int32, 2), ("last", np.int64)])
    moved = {
        "counts": Moved("counts", lambda held: held[:, :2]),
        "last": Moved("counts", lambda held: held[:, 2]),
    }
    found = fitted(stored, today, moved=moved)
    assert (found["counts"].tolist(), found["last"].tolist()) == ([[1, 2], [4, 5]], [3, 6])
    assert fitted(found, today, moved=moved) is found
    assert fitted(stored, today, {"last"}, moved)["last"].tolist() == [0, 0]
    with pytest.raises(OtherState, match="field counts must be of type"):
        fitted(stored, today)


def test_there_are_no_more_kinds_than_the_kernel_has_room_for() -> None:
    kinds = blocks_of(FAMILIES)
    assert len({each.name for each in kinds}) == len(kinds) <= MOST_BLOCKS
    with pytest.raises(ValueError, match=f"blocks must be at most {MOST_BLOCKS}, got {2 * len(kinds)}"):
        blocks_of(FAMILIES * 2)
