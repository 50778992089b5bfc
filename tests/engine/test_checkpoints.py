"""Checkpoints of one partition: a monitor brought back to one goes on as if nothing had been, whenever it was taken."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec
import pytest

from engine.checkpoint.checkpoints import OtherState
from engine.checkpoint.pages import decode, encode
from engine.monitor import Monitor, MonitorConfig
from tests.seeds import seeds
from tests.strategies import cut as in_batches
from tests.strategies import records_of, seeded_stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.checkpoint.checkpoints import Checkpoint
    from engine.checkpoint.page_log import Fresh
    from engine.checkpoint.pages import Page
    from engine.decoding.records import Records
    from engine.outputs import Outputs


def monitor(capacity: int = 100, partitions: int = 1, **config: str) -> Monitor:
    return Monitor(MonitorConfig(capacity=capacity, **config), 0, partitions, checkpoints=True)


class Shelf:
    """Keeps the pages of a monitor's last checkpoint, encoded."""

    def __init__(self) -> None:
        self.pages: dict[int, bytes] = {}
        self.notes = b""

    def take(self, fresh: Iterable[Fresh]) -> None:
        for each in fresh:
            assert each.id not in self.pages
            self.pages[each.id] = encode(each.page)

    def finish(self, checkpoint: Checkpoint) -> None:
        self.take(checkpoint.rest())
        for each in checkpoint.dropped:
            del self.pages[each]
        self.notes = checkpoint.notes()
        checkpoint.end()

    def whole(self, taken: Monitor, rows: int = 1_000) -> None:
        """A checkpoint from its beginning to its end."""
        checkpoint = taken.checkpoint()
        while not checkpoint.gathered:
            self.take(checkpoint.gather(rows))
        self.finish(checkpoint)

    def copy(self) -> Shelf:
        made = Shelf()
        made.pages, made.notes = dict(self.pages), self.notes
        return made

    def decoded(self) -> list[tuple[int, Page]]:
        return [(each, decode(raw)) for each, raw in sorted(self.pages.items())]

    def bring_back(self, fresh: Monitor) -> Monitor:
        fresh.restore(self.notes, self.decoded())
        return fresh


def batches(seed: int, length: int = 300) -> list[Records]:
    made, offset = [], 0
    for each in in_batches(seeded_stream(seed, length), random.Random(seed)):
        made.append(records_of(each, offset))
        offset += len(each)
    return made


def rows_of(taken: Monitor) -> bytes:
    """Every byte of every row and its blocks, but for the marks of checkpoints and for where the blocks lie."""
    rows = taken._pipeline.state.rows
    found = rows.row_bytes[: rows.count[0]].copy()
    fields = found.view(rows.rows.dtype)[:, 0]
    fields["touched"] = 0
    parts = [found]
    for kind, held in zip(rows.kinds, rows.blocks, strict=False):
        parts.append(held.bytes[fields[kind.place]])
        fields[kind.place] = 0
    return b"".join(each.tobytes() for each in parts)


class Disturbed:
    """A monitor that is cut at random, in slices, while it goes on, and crashes at random."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed ^ 0x5EED)
        self.monitor, self.shelf = monitor(), Shelf()
        self.kept, self.kept_at = self.shelf, 0
        self.checkpoint: Checkpoint | None = None
        self.checkpoint_at = self.crashes = self.checkpoints = 0

    def run(self, given: list[Records]) -> dict[int, Outputs]:
        """What each batch gave when it was processed last."""
        found, k = {}, 0
        while k < len(given):
            found[k] = self.monitor.process(given[k])
            k += 1
            self._go_on(k)
            if self.checkpoints and self.draw.random() < 0.1:
                self.crashes += 1
                self.monitor, self.shelf, self.checkpoint = self.kept.bring_back(monitor()), self.kept.copy(), None
                k = self.kept_at
        return found

    def _go_on(self, at: int) -> None:
        if self.checkpoint is None and self.draw.random() < 0.5:
            self.checkpoint, self.checkpoint_at = self.monitor.checkpoint(), at
        if self.checkpoint is None:
            return
        if not self.checkpoint.gathered:
            self.shelf.take(self.checkpoint.gather(self.draw.randint(0, 2)))
        elif self.draw.random() < 0.6:
            self.shelf.finish(self.checkpoint)
            self.kept, self.kept_at, self.checkpoint = self.shelf.copy(), self.checkpoint_at, None
            self.checkpoints += 1


@pytest.mark.usefixtures("warm_kernel")
@pytest.mark.parametrize("seed", seeds(40, new=10, quick=10))
def test_crashes_between_cuts_change_nothing(seed: int) -> None:
    given = batches(seed)
    undisturbed = monitor()
    wanted = [undisturbed.process(each) for each in given]
    disturbed = Disturbed(seed)
    found = disturbed.run(given)
    for k, want in enumerate(wanted):
        assert found[k] == want, f"batch {k}"
    assert rows_of(disturbed.monitor) == rows_of(undisturbed)
    assert disturbed.monitor.counts == undisturbed.counts
    assert disturbed.monitor.coverage == undisturbed.coverage
    assert disturbed.monitor.feeds == undisturbed.feeds


def test_the_drawn_runs_crash_and_cut_often() -> None:
    runs = [Disturbed(seed) for seed in range(15)]
    for seed, each in enumerate(runs):
        each.run(batches(seed))
    assert sum(each.crashes for each in runs) >= 10
    assert sum(each.checkpoints for each in runs) >= 30


@pytest.mark.parametrize("seed", range(5))
def test_a_cut_holds_the_moment_it_began_however_much_is_written_meanwhile(seed: int) -> None:
    given = batches(seed)
    half = len(given) // 2
    taken, shelf = monitor(), Shelf()
    for each in given[:half]:
        taken.process(each)
    before = rows_of(taken)
    checkpoint = taken.checkpoint()
    for each in given[half:]:
        taken.process(each)
    assert rows_of(taken) != before
    shelf.take(checkpoint.gather(1_000))
    shelf.finish(checkpoint)
    assert rows_of(shelf.bring_back(monitor())) == before


def test_a_cut_writes_only_what_changed_since_the_last() -> None:
    def sale(k: int, at: int) -> dict[str, object]:
        return {
            "txn_id": f"t{k}-{at}", "merchant_id": f"m{k}", "amount": 100, "currency": "CNY",
            "event_time": 1_700_000_000_000 + at,
        }  # fmt: skip

    taken, shelf = monitor(1_000), Shelf()
    taken.process(records_of([sale(k, 0) for k in range(1_000)]))
    shelf.whole(taken)
    known = set(shelf.pages)
    taken.process(records_of([sale(5, 1), sale(7, 1)], 1_000))
    shelf.whole(taken)
    fresh = {each: page for each, page in shelf.decoded() if each not in known}
    rows = [each for each in fresh.values() if each.kind == "rows"]
    assert [each.arrays["row"].tolist() for each in rows] == [[5, 7]]
    entered = [each for each in fresh.values() if each.kind == "duplicates"]
    assert sum(len(each.arrays["key"]) for each in entered) <= 3_000


def test_pages_that_hold_little_are_written_anew_so_that_there_are_never_many() -> None:
    draw = random.Random(3)
    taken, shelf = monitor(20_000), Shelf()
    everyone = [
        {"txn_id": f"a{k}", "merchant_id": f"m{k}", "amount": 1, "currency": "CNY", "event_time": 1_700_000_000_000}
        for k in range(20_000)
    ]
    taken.process(records_of(everyone))
    for at in range(60):
        shelf.whole(taken)
        some = [each | {"txn_id": f"{k}-{at}"} for k, each in enumerate(draw.sample(everyone, 2_000))]
        taken.process(records_of(some, 20_000 + 2_000 * at))
    shelf.whole(taken)
    held = [len(page.arrays["row"]) for _, page in shelf.decoded() if page.kind == "rows"]
    assert 20_000 <= sum(held) <= 5 * 20_000
    assert rows_of(shelf.bring_back(monitor(20_000))) == rows_of(taken)


def test_many_small_cuts_make_few_pages() -> None:
    taken, shelf = monitor(), Shelf()
    for at in range(300):
        sale = {
            "txn_id": f"{at}", "merchant_id": "m", "amount": 1, "currency": "CNY",
            "event_time": 1_700_000_000_000 + 60_000 * at,
        }  # fmt: skip
        taken.process(records_of([sale], at))
        shelf.whole(taken)
    assert len(shelf.pages) < 30


def test_the_next_cut_waits_for_the_one_in_hand() -> None:
    taken = monitor()
    taken.checkpoint()
    with pytest.raises(RuntimeError, match="done with before the next begins"):
        taken.checkpoint()


def test_a_monitor_without_cuts_says_so() -> None:
    with pytest.raises(RuntimeError, match="checkpoints=True"):
        Monitor(MonitorConfig(capacity=1)).checkpoint()


def test_a_state_of_other_settings_is_refused() -> None:
    taken, shelf = monitor(), Shelf()
    sales = [
        {"txn_id": "t", "merchant_id": each, "amount": 1, "currency": "CNY", "event_time": 1_700_000_000_000}
        for each in "ab"
    ]
    taken.process(records_of(sales))
    shelf.whole(taken)
    with pytest.raises(OtherState, match="time_zone must be Asia/Shanghai as in the state, got UTC"):
        shelf.bring_back(monitor(time_zone="UTC"))
    with pytest.raises(OtherState, match=r"partition must be \[0, 1\] as in the state, got \[0, 2\]"):
        shelf.bring_back(monitor(partitions=2))
    with pytest.raises(OtherState, match="capacity must be at least the 2 of the state, got 1"):
        shelf.bring_back(monitor(capacity=1))


def test_a_snapshot_shows_every_column_and_adds_to_none() -> None:
    taken = monitor()
    for each in batches(2):
        taken.process(each)
    sums = {each.merchant_id: each for each in taken.totals()}
    assert sums
    for merchant_id, want in sums.items():
        seen = taken.snapshot(merchant_id)
        assert seen is not None
        if seen.clock_ms is None:
            continue
        values = {column.name: value for column, value in seen.columns}
        assert (values["sales"], values["sales_minor"], values["attempts"]) == (
            want.sales, want.sales_minor, want.attempts,
        )  # fmt: skip
        assert msgspec.json.encode(seen.versions)
    assert list(taken.totals()) == list(sums.values())
    assert taken.snapshot("nobody") is None


def jump(at: int, **more: object) -> dict[str, object]:
    """A restaurant's sale, presented as a hospital's."""
    return {
        "txn_id": f"j{at}", "merchant_id": "m", "amount": 1_000_000, "currency": "CNY", "mcc": "8062",
        "scheme": "unionpay", "card_kind": "credit", "event_time": 1_700_000_000_000 + 60_000 * at,
    } | more  # fmt: skip


def master(at: int, merchant_id: str, time_zone: str) -> dict[str, object]:
    return {
        "type": "merchant", "merchant_id": merchant_id, "effective_from": 1_690_000_000_000 + at, "mccs": ["5812"],
        "time_zone": time_zone,
    }  # fmt: skip


def both(before: list[dict[str, object]], after: list[dict[str, object]]) -> tuple[Outputs, Outputs]:
    """What `after` gives a monitor that took `before`, and one that was brought back to a checkpoint in between."""
    taken, shelf = monitor(), Shelf()
    taken.process(records_of(before))
    shelf.whole(taken)
    again = shelf.bring_back(monitor())
    given = records_of(after, len(before))
    want, got = taken.process(given), again.process(given)
    assert rows_of(again) == rows_of(taken)
    return want, got


def test_an_episode_goes_on_with_its_money() -> None:
    want, got = both([master(0, "m", "Asia/Shanghai"), jump(0), jump(1)], [jump(2), jump(3)])
    assert got == want
    (alert,) = want.alerts
    assert (alert.hits, alert.at_stake > 0) == (4, True)
    assert (alert.loss, alert.bearer) == (alert.at_stake, "issuer_network")
    assert alert.turnover is not None
    assert alert.turnover > alert.at_stake


def test_time_zones_keep_their_numbers() -> None:
    zones = ["Asia/Tokyo", "America/New_York", "Europe/Paris"]
    known = [master(0, f"m{k}", zone) for k, zone in enumerate(zones)]
    later = [master(1, f"m{k}", zone) for k, zone in enumerate([*zones[::-1], "Asia/Kolkata"])]
    sales = [jump(k, merchant_id=f"m{k % 4}") for k in range(40)]
    want, got = both(known + sales[:8], later + sales[8:])
    assert got == want


def priced(at: int, merchant_id: str, *rates_ppm: int) -> dict[str, object]:
    return {
        "type": "contract", "merchant_id": merchant_id, "effective_from": 1_690_000_000_000 + at,
        "prices": [{"rate_ppm": each, "amount_from": 1_000 * k} for k, each in enumerate(rates_ppm)],
    }  # fmt: skip


def test_contracts_and_what_was_charged_under_them_go_on() -> None:
    known = [priced(k, f"m{k % 3}", 6_000 + k, 3_000) for k in range(7)]
    later = [priced(k, f"m{k % 4}", 9_000 + k, 4_000, 5_000) for k in range(5)]
    sales = [jump(k, merchant_id=f"m{k % 4}", fee=5_000 + k) for k in range(60)]
    want, got = both(known + sales[:30], [*sales[30:40], *later, *sales[40:]])
    assert got == want
    assert {"fee_over", "fee_notice"} <= {each.detector for each in want.alerts}


def test_contracts_of_many_pages_can_be_added_to_after_a_restart() -> None:
    def versions(first: int, count: int) -> list[dict[str, object]]:
        return [priced(k, f"m{k % 50}", *range(3_000, 3_000 + k % 16 + 1)) for k in range(first, first + count)]

    taken, shelf = monitor(1_000), Shelf()
    for first, count in ((0, 2_000), (2_000, 500)):
        taken.process(records_of(versions(first, count), first))
        shelf.whole(taken)
    again = shelf.bring_back(monitor(1_000))
    more = records_of([*versions(2_500, 3_000), *(jump(k, merchant_id=f"m{k}", fee=40_000) for k in range(50))], 2_500)
    assert again.process(more) == taken.process(more)
    assert rows_of(again) == rows_of(taken)


def test_learned_tariffs_go_on() -> None:
    def day(k: int) -> list[dict[str, object]]:
        return [jump(1_440 * k + i, amount=10_000 * i, fee=60 * i * (1 + k // 15)) for i in range(1, 21)]

    want, got = both([each for k in range(14) for each in day(k)], [each for k in range(14, 17) for each in day(k)])
    assert got == want
    assert {"fee_rise"} == {each.detector for each in want.alerts if each.detector.startswith("fee")}


def test_master_data_of_many_pages_can_be_added_to_after_a_restart() -> None:
    def versions(first: int, count: int) -> list[dict[str, object]]:
        return [master(k, f"m{k % 50}", "Asia/Shanghai") for k in range(first, first + count)]

    taken, shelf = monitor(1_000), Shelf()
    for first, count in ((0, 2_000), (2_000, 500)):
        taken.process(records_of(versions(first, count), first))
        shelf.whole(taken)
    again = shelf.bring_back(monitor(1_000))
    more = records_of(versions(2_500, 3_000), 2_500)
    assert again.process(more) == taken.process(more)
    assert rows_of(again) == rows_of(taken)
    assert again.snapshot("m7") == taken.snapshot("m7")
    shelf.whole(again)
    assert shelf.bring_back(monitor(1_000)).snapshot("m7") == taken.snapshot("m7")


def test_many_small_cuts_of_many_merchants_make_few_pages_of_rows() -> None:
    draw = random.Random(4)
    taken, shelf = monitor(2_000), Shelf()
    taken.process(records_of([jump(k, merchant_id=f"m{k}") for k in range(2_000)]))
    for at in range(1_500):
        shelf.whole(taken)
        taken.process(records_of([jump(3_000 + at, merchant_id=f"m{draw.randrange(2_000)}")], 2_000 + at))
    assert sum(page.kind == "rows" for _, page in shelf.decoded()) < 200
    shelf.whole(taken)
    assert rows_of(shelf.bring_back(monitor(2_000))) == rows_of(taken)


def test_restarts_leave_no_small_pages_behind() -> None:
    taken, shelf = monitor(), Shelf()
    for at in range(60):
        taken.process(records_of([jump(at), master(at, "m", "Asia/Shanghai")], 2 * at))
        shelf.whole(taken)
        taken = shelf.bring_back(monitor())
    kinds = [page.kind for _, page in shelf.decoded()]
    assert all(kinds.count(each) < 12 for each in ("duplicates", "contracts", "undone", "episodes", "risk"))
