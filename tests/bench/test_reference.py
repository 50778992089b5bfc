"""The reference job: its plain version against cases made by hand, and its input."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import Any

import msgspec
import pytest

from bench.reference.contender import Meter
from bench.reference.data import START_MS, STEP_MS, Traffic
from bench.reference.plain import Alert, State, expected, judge, new_state
from bench.reference.render import plot, section
from bench.reference.run import WrongAlerts, compare, summary
from bench.reference.tillwatch_job import Reference
from domain.timestamps import MINUTE_MS
from engine.decoding.records import Records

T0 = 1_736_092_800_000  # a whole window's start


def registered() -> State:
    state = new_state()
    judge(state, {"type": "merchant", "merchant_id": "m", "mccs": ["5411"]})
    judge(state, {"type": "contract", "merchant_id": "m", "prices": [{"rate_ppm": 6300}]})
    return state


def sale(txn_id: str, time_ms: int, amount: int = 1000, fee: int | None = None, mcc: str = "5411") -> dict[str, Any]:
    due = (amount * 6300 + 500_000) // 1_000_000
    return {
        "txn_id": txn_id, "merchant_id": "m", "amount": amount, "event_time": time_ms, "mcc": mcc,
        "fee": due if fee is None else fee,
    }  # fmt: skip


def kinds(alerts: list[Alert]) -> list[tuple[str, str]]:
    return [(each["kind"], each["at"]) for each in alerts]


def windows(state: State, totals: list[int], first: int = 0) -> list[tuple[str, str]]:
    """One sale in each of so many windows, five minutes apart."""
    found = []
    for k, total in enumerate(totals, first):
        found += kinds(judge(state, sale(f"w{k}", T0 + 5 * k * MINUTE_MS, total)))
    return found


@pytest.mark.slow  # it compiles a kernel of its own
def test_tillwatchs_own_job_gives_the_alerts_of_the_plain_one() -> None:
    records = [value for _, value in Traffic(60_000, merchants=200)]
    monitor, got = Reference(0, 1, Meter("tillwatch", 0), capacity=1_000), set()
    for first in range(0, len(records), 5_000):
        outputs = monitor.process(Records.of(records[first : first + 5_000], first_offset=first))
        got |= {(each.kind, each.merchant_id, each.at) for each in outputs.alerts}  # type: ignore[attr-defined]
    assert got == expected(records)
    assert {kind for kind, _, _ in got} == {"mcc", "fee", "late", "volume"}


def test_a_sale_as_agreed_raises_nothing() -> None:
    assert judge(registered(), sale("a", T0)) == []


def test_another_mcc_than_the_registered_one_is_flagged() -> None:
    assert kinds(judge(registered(), sale("a", T0, mcc="5812"))) == [("mcc", "a")]


@pytest.mark.parametrize(("fee", "flagged"), [(4, True), (5, False), (6, False), (7, False), (8, True)])
def test_a_fee_is_flagged_if_it_is_more_than_one_off(fee: int, flagged: bool) -> None:
    found = judge(registered(), sale("a", T0, amount=1000, fee=fee))  # 6.3, so 6 is due
    assert kinds(found) == [("fee", "a")] * flagged


def test_half_a_unit_of_fee_is_rounded_up() -> None:
    state = registered()
    judge(state, {"type": "contract", "merchant_id": "m", "prices": [{"rate_ppm": 5000}]})
    assert judge(state, sale("a", T0, amount=100, fee=2)) == []  # 0.5, so 1 is due
    assert kinds(judge(state, sale("b", T0, amount=99, fee=2))) == [("fee", "b")]


def test_a_window_closes_one_minute_after_its_end() -> None:
    state = registered()
    judge(state, sale("a", T0))
    assert judge(state, sale("b", T0 + 6 * MINUTE_MS - 1)) == []
    assert judge(state, sale("c", T0 + 1)) == []  # still open
    assert state["n"] == 0
    judge(state, sale("d", T0 + 6 * MINUTE_MS))
    assert state["n"] == 1
    assert kinds(judge(state, sale("e", T0 + 1))) == [("late", "e")]


def test_a_late_sale_counts_in_no_window_and_is_checked_all_the_same() -> None:
    state = registered()
    judge(state, sale("a", T0 + 20 * MINUTE_MS))
    before = json.dumps(state)
    assert kinds(judge(state, sale("b", T0, mcc="5812", fee=900))) == [("mcc", "b"), ("fee", "b"), ("late", "b")]
    assert json.dumps(state) == before


def test_a_late_sale_closes_nothing_even_as_the_first_of_its_window() -> None:
    state = registered()
    judge(state, sale("a", T0 + 20 * MINUTE_MS))
    judge(state, sale("b", T0))
    assert [window for window, _ in state["open"]] == [T0 + 20 * MINUTE_MS]


def test_two_windows_that_close_at_once_close_in_order() -> None:
    state = registered()
    judge(state, sale("b", T0 + 5 * MINUTE_MS, 300))
    judge(state, sale("a", T0 + 4 * MINUTE_MS, 100))  # out of order, into the window before
    judge(state, sale("c", T0 + 60 * MINUTE_MS))
    assert (state["n"], state["mean"], state["m2"]) == (2, 200.0, 20_000.0)


def test_a_high_window_is_flagged_after_eight_others() -> None:
    state = registered()
    assert windows(state, [1000, 1100] * 4 + [5000]) == []
    # Mean 1050, deviation 50: more than 1250 is high.
    assert kinds(judge(state, sale("z", T0 + 46 * MINUTE_MS))) == [("volume", str(T0 + 40 * MINUTE_MS))]


def test_a_high_window_is_not_flagged_after_seven_others() -> None:
    state = registered()
    assert windows(state, [1000, 1100] * 3 + [1000, 5000, 1000, 1000]) == []


def test_four_deviations_exactly_are_not_high() -> None:
    state = registered()
    assert windows(state, [1000, 1100] * 4 + [1250, 1000]) == []
    other = registered()
    assert windows(other, [1000, 1100] * 4 + [1251, 1000]) == []  # open until the next sale
    assert windows(other, [1000], first=10) == [("volume", str(T0 + 40 * MINUTE_MS))]


def test_windows_without_any_spread_flag_nothing() -> None:
    assert windows(registered(), [1000] * 9 + [9000, 1000, 1000]) == []


def test_empty_windows_do_not_count() -> None:
    state = registered()
    judge(state, sale("a", T0))
    judge(state, sale("b", T0 + 600 * MINUTE_MS))
    assert state["n"] == 1


def test_other_records_change_nothing() -> None:
    clock = b'{"type":"clock","feed":"f","event_time":1736092800000}'
    assert expected([clock, clock]) == set()


def test_a_state_survives_json_at_any_moment() -> None:
    kept, passed = registered(), registered()
    for k in range(100):
        event = sale(f"t{k}", T0 + k * 2 * MINUTE_MS, 1000 + k * k % 700)
        assert judge(kept, event) == judge(passed, event)
        passed = msgspec.json.decode(msgspec.json.encode(passed))
    assert passed == kept


def test_a_longer_input_begins_with_the_shorter_one() -> None:
    short, long = Traffic(1_000, merchants=50), Traffic(60_000, merchants=50)
    assert list(short) == list(islice(long, 1_000))


def test_the_input_begins_with_the_master_data_of_each_merchant() -> None:
    records = [(key, json.loads(value)) for key, value in Traffic(1_000, merchants=50)]
    assert all(key.decode() == event["merchant_id"] for key, event in records)
    assert Counter(event.get("type") for _, event in records[:100]) == {"merchant": 50, "contract": 50}
    assert {event.get("type") for _, event in records[100:]} == {None}
    assert [event["received_at"] for _, event in records[100:103]] == [START_MS, START_MS + STEP_MS, START_MS + 100]


def test_every_check_fires_on_the_smallest_input_of_the_harness() -> None:
    values = [value for _, value in Traffic(100_000)]
    found = Counter(kind for kind, _, _ in expected(values))
    assert set(found) == {"mcc", "fee", "volume", "late"}
    assert min(found.values()) >= 20
    sizes = [len(value) for value in values[20_000:]]
    assert 355 < sum(sizes) / len(sizes) < 361


def test_too_few_records_are_refused() -> None:
    with pytest.raises(ValueError, match="records must be at least 20000"):
        Traffic(19_999)


def test_alerts_that_differ_are_told_apart() -> None:
    a, b = ("mcc", "m", "t1"), ("fee", "m", "t2")
    compare("x", {a, b}, {a, b})
    with pytest.raises(WrongAlerts, match=r"x should give 1 alerts, 1 are missing .* 1 should not be there"):
        compare("x", {a}, {b})


def run(name: str, k: int, rate: float) -> dict[str, Any]:
    return {
        "contender": name, "round": k, "records": 1000, "rate": rate, "rate_second_half": rate, "cpu_seconds": 1.0,
        "load": 0.5,
    }  # fmt: skip


def test_ratios_are_taken_within_a_round() -> None:
    found = summary([run("a", 0, 100), run("b", 0, 50), run("a", 1, 300), run("b", 1, 150), run("a", 2, 200)])
    assert (found["a"]["rate"], found["a"]["ratio"]) == (200, 1.0)
    assert (found["b"]["rate"], found["b"]["ratio"], found["b"]["lowest"]) == (100, 0.5, 50)


def test_results_become_a_table_and_a_plot() -> None:
    rounds = [run("a", 0, 100_000), run("b", 0, 50_000)]
    result = {
        "machine": {"cpu": "X", "cores": 2, "memory_gb": 8.0}, "versions": {"quixstreams": "3"}, "partitions": 4,
        "record_bytes": 357.5, "rounds": rounds, "summary": summary(rounds),
    }  # fmt: skip
    text = section(result, None)
    assert "| b | 50,000 (50,000 to 50,000) | 50,000 | 1000.00 | 0.5 | 1,000 |" in text
    drawn = plot(summary(rounds))
    assert drawn.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 60">')
    assert drawn.index("100,000/s") < drawn.index("50,000/s")
