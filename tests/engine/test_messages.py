"""What is one message, what is a repeat, and what a reversal takes out: whatever ids say and in whatever currency."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.approvals import APPROVED, approves
from domain.currencies import DIGITS
from engine.control_kinds.engine import EngineSettings
from engine.control_kinds.registry import KINDS
from engine.decoding.records import Records
from engine.features.money import scale
from engine.monitor import Monitor, MonitorConfig
from tests.strategies import seeded_stream

if TYPE_CHECKING:
    from domain.alerts import DeadLetter

DAY = "2026-07-05"
APPENDED_MS = 1_785_000_000_000


def event(txn_id: str, at: str, amount: int = 1_000, *, day: str = DAY, **more: Any) -> dict[str, Any]:
    fields = {"txn_id": txn_id, "merchant_id": "K", "amount": amount, "currency": "CNY"}
    return {**fields, "event_time": f"{day}T{at}:00+08:00", **more}


def master_data(**more: Any) -> dict[str, Any]:
    return {"type": "merchant", "merchant_id": "K", "effective_from": "2026-01-01T00:00:00Z", **more}


@dataclass
class Taken:
    """What came of some records."""

    monitor: Monitor
    letters: list[DeadLetter]
    duplicates: int

    def __getitem__(self, name: str) -> int:
        """A lifetime figure of merchant K."""
        rows = self.monitor._pipeline.state.rows
        return int(rows.rows[rows.find("K")][name])

    def of(self, *names: str) -> tuple[int, ...]:
        return tuple(self[name] for name in names)

    @property
    def currency(self) -> str:
        found = self.monitor.snapshot("K")
        assert found is not None
        return found.currency


def take(*events: dict[str, Any] | bytes, controls: dict[str, Any] | None = None, **config: Any) -> Taken:
    monitor = Monitor(MonitorConfig(capacity=20_000, controls=controls or {}, **config))
    letters = []
    for each in events:
        raw = each if isinstance(each, bytes) else json.dumps(each).encode()
        letters += monitor.process(Records.of([raw], appended_ms=APPENDED_MS)).dead_letters
    return Taken(monitor, letters, monitor.counts.duplicates)


def rates(**ppm: int) -> dict[str, Any]:
    body = json.dumps({"rates": {code: {"ppm": each} for code, each in ppm.items()}}).encode()
    return {"rates": KINDS["rates"].decode(body)}


# -- repeats (K1, B1, B2)


def test_a_refund_and_a_retry_under_the_sale_s_id_are_messages_of_their_own() -> None:
    found = take(
        event("T1", "10:00", 10_000), event("T1", "15:00", 4_000, txn_type="refund"),
        event("O7", "16:00", 9_900, response_code="51"), event("O7", "16:01", 9_900, response_code="00"),
    )  # fmt: skip
    assert found.of("sales", "sales_minor", "refunds_minor", "attempts") == (2, 19_900, 4_000, 4)
    assert (found.duplicates, found.letters) == (0, [])


def test_the_same_message_again_is_a_repeat_whether_or_not_it_names_its_code() -> None:
    found = take(event("1", "10:00"), event("1", "10:00", response_code="00"), event("1", "10:05"))
    assert (found["sales"], found.duplicates, found.letters) == (1, 2, [])


def test_another_amount_under_the_same_id_is_a_conflict_that_names_the_first() -> None:
    found = take(event("1", "10:10", 9_900), event("1", "10:20", 5_000_000))
    (letter,) = found.letters
    assert (letter.reason, letter.field) == ("conflict", "amount")
    assert letter.message == (
        "amount must be 99.00 CNY, as txn_id 1 had at 2026-07-05T02:00:00.000Z with the same type and outcome;"
        " got 50,000.00 CNY"
    )
    assert '"amount": 5000000' in letter.record
    assert found["sales_minor"] == 9_900


def test_ten_batch_uploads_under_one_stan_of_noughts_are_ten_sales() -> None:
    upload = {"txn_type": "offline", "terminal_id": "T1", "stan": "000000", "acquirer_code": "48981000"}
    sent = {"transmitted_at": f"{DAY}T20:00:00+08:00"}
    found = take(*(event(f"B{k}", f"09:{k:02}", 1_000, **upload, **sent) for k in range(10)))
    assert (found["sales"], found.duplicates) == (10, 0)


def test_a_terminal_s_message_is_a_repeat_under_another_id_only_with_the_same_amount() -> None:
    sent = {"terminal_id": "T1", "stan": "7", "acquirer_code": "48", "transmitted_at": f"{DAY}T10:00:00+08:00"}
    found = take(
        event("1", "10:00", **sent), event("2", "10:00", **sent), event("3", "10:00", 1_001, **sent),
        event("4", "10:00", **{**sent, "terminal_id": "T2"}), event("5", "10:00", **sent, txn_type="refund"),
    )  # fmt: skip
    assert (found["sales"], found["refunds"], found.duplicates) == (3, 1, 1)


def test_a_message_is_known_for_two_hours_whether_the_merchant_is_busy_or_not() -> None:
    quiet = take(event("1", "10:00"), event("1", "12:00"), event("1", "14:01"))
    busy = take(event("1", "10:00"), event("2", "11:59"), event("1", "12:00"), event("1", "14:01"))
    assert (quiet.duplicates, quiet["sales"]) == (1, 2)
    assert (busy.duplicates, busy["sales"]) == (1, 3)


def test_how_long_a_message_is_known_is_a_control() -> None:
    engine = {"engine": EngineSettings(repeat_s=86_400)}
    assert take(event("1", "00:10"), event("1", "23:00"), controls=engine).duplicates == 1
    assert (
        take(event("1", "00:10"), event("1", "00:12"), controls={"engine": EngineSettings(repeat_s=60)})["sales"] == 2
    )


@pytest.mark.parametrize(
    ("first", "second"), [("4489352482179594", "4489352882139590"), ("aaaaaaaabbbbbbbb", "aaaaaaaabbbbbbbc")]
)
def test_ids_made_up_to_have_one_hash_are_two_sales(first: str, second: str) -> None:
    found = take(event(first, "10:00", 100), event(second, "10:01", 5_000_000))
    assert (found.duplicates, [each for each in found.letters if each.reason != "card-number"]) == (0, [])


# -- the secret


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1_000))
def test_one_stream_gives_the_same_bytes_under_any_secret(seed: int) -> None:
    events = [json.dumps(each).encode() for each in seeded_stream(seed, 150)]
    given_ = [
        Records.of(events[k : k + 40], first_offset=k, appended_ms=APPENDED_MS) for k in range(0, len(events), 40)
    ]
    one, other = (Monitor(MonitorConfig(capacity=100)) for _ in range(2))
    assert one._pipeline.state.rows.secret.tolist() != other._pipeline.state.rows.secret.tolist()
    for each in given_:
        assert _said(one, each) == _said(other, each)
    size = int(one._pipeline.state.rows.count[0])
    assert one._pipeline.state.rows.row_bytes[:size].tobytes() == other._pipeline.state.rows.row_bytes[:size].tobytes()


def _said(monitor: Monitor, records: Records) -> tuple[Any, ...]:
    out = monitor.process(records)
    return out.alerts, out.scores, out.dead_letters, out.counts


# -- currency (K2, K8, B4)


@pytest.mark.parametrize(
    "first",
    [
        event("C1", "10:00", 0, currency="USD", txn_type="balance"),
        event("C1", "10:00", 5_000, currency="USD", response_code="51"),
        event("C1", "10:00", 0, currency="USD"),
    ],
)  # fmt: skip
def test_neither_an_inquiry_nor_a_decline_nor_nothing_settles_the_currency(first: dict[str, Any]) -> None:
    found = take(first, *(event(f"S{k}", f"10:{k:02}") for k in range(1, 21)))
    assert (found.currency, found["sales"], found.letters) == (
        "CNY",
        20 + (first["amount"] == 0 and "txn_type" not in first),
        [],
    )


@pytest.mark.parametrize("txn_type", ["void", "reversal"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"original_txn_id": "gone"},
        {"original_txn_id": "gone", "original_amount": 5_000, "original_time": "2026-07-01T10:00:00+08:00"},
    ],
)
def test_a_reversal_of_what_is_unknown_settles_no_currency_and_moves_nothing(
    txn_type: str, more: dict[str, Any]
) -> None:
    undo = event("C1", "10:00", 5_000, currency="USD", txn_type=txn_type, **more)
    found = take(undo, *(event(f"S{k}", f"10:{k:02}") for k in range(1, 21)))
    assert (found.currency, found.of("sales", "sales_minor"), found.letters) == ("CNY", (20, 20_000), [])


def test_an_original_that_comes_behind_its_reversal_settles_the_currency_and_is_taken_out() -> None:
    undo = event("C1", "10:00", 10_000, currency="USD", txn_type="reversal", original_txn_id="S1")
    found = take(undo, event("S1", "10:01", 10_000, currency="USD"), event("S2", "10:02", 7_000, currency="USD"))
    assert (found.currency, found.of("sales", "sales_minor"), found.letters) == ("USD", (1, 7_000), [])


@pytest.mark.parametrize("code", ["XXX", "XTS", "XAU", "ZZZ"])
def test_what_nobody_pays_in_is_no_currency(code: str) -> None:
    found = take(event("1", "10:00", currency=code), event("2", "10:01"))
    assert [(each.reason, each.field) for each in found.letters] == [("out-of-range", "currency")]
    assert (found.currency, found["sales"]) == ("CNY", 1)


def test_another_currency_is_converted_exactly_and_summed_by_itself() -> None:
    found = take(event("1", "10:00", 10_000), event("2", "10:01", 5_000, currency="JPY"), controls=rates(JPY=47_123))
    features = {each.name: value for each, value in found.monitor.snapshot("K").columns}  # type: ignore[union-attr]
    assert found.of("sales", "sales_minor") == (2, 10_000)
    assert features["sales_minor_24h"] == 10_000 + 23_562  # 5,000 JPY are 235.615 CNY
    of_others = found.monitor._pipeline.state.rows.block("currencies", 0)
    assert (of_others["more_sales_minor"][0], of_others["more_sales_minor"][1]) == (5_000, 0)


def test_another_currency_without_a_rate_is_a_dead_letter_that_names_the_cure() -> None:
    (letter,) = take(event("1", "10:00"), event("2", "10:01", currency="USD")).letters
    assert letter.message == (
        "currency must be CNY, the merchant's, or one with a rate to it; got USD: publish its rate (controls, kind"
        " rates), or the merchant's currency in its master data"
    )


def test_master_data_corrects_the_currency_from_its_record_on() -> None:
    found = take(
        event("1", "10:00", currency="USD"), event("2", "10:01"), master_data(currency="CNY"), event("3", "10:02")
    )
    assert [each.reason for each in found.letters] == ["currency"]
    assert (found.currency, found["sales"]) == ("CNY", 2)


@given(st.integers(0, 10**12), st.integers(1, 2**62), st.integers(1, 2**61))
def test_an_amount_is_scaled_exactly_and_rounded_once(amount: int, up: int, down: int) -> None:
    if amount * up // down < 2**62:
        assert scale(amount, up, down) == (2 * amount * up + down) // (2 * down)
        assert scale(-amount, up, down) == -((2 * amount * up + down) // (2 * down))


def test_currencies_have_their_digits() -> None:
    assert (DIGITS["JPY"], DIGITS["CNY"], DIGITS["KWD"], DIGITS["CLF"]) == (0, 2, 3, 4)
    assert not {"XXX", "XTS", "XAU"} & DIGITS.keys()


# -- approvals (K3)


@pytest.mark.parametrize("code", APPROVED["unionpay"])
def test_every_code_with_which_unionpay_approves_is_a_sale(code: str) -> None:
    assert take(event("1", "10:00", response_code=code))["sales"] == 1
    assert take(event("1", "10:00", response_code=code, scheme="unionpay"))["sales"] == 1


def test_each_scheme_has_its_own_codes() -> None:
    assert (approves("85", "visa"), approves("85", "unionpay")) == (True, False)
    assert take(event("1", "10:00", response_code="85", scheme="visa"))["sales"] == 1
    assert take(event("1", "10:00", response_code="85", scheme="unionpay"))["sales"] == 0


def test_a_reversal_that_was_approved_with_a_defect_takes_its_sale_out() -> None:
    found = take(event("1", "10:00"), event("2", "10:01", txn_type="reversal", original_txn_id="1", response_code="A4"))
    assert found["sales"] == 0


# -- reversals (K6)


def reversal(txn_id: str, at: str, amount: int, of: str, **more: Any) -> dict[str, Any]:
    return event(txn_id, at, amount, **{"txn_type": "reversal", "original_txn_id": of, **more})


def test_a_part_is_taken_out_and_the_rest_stays() -> None:
    found = take(
        event("P1", "10:00", 10_000), reversal("P2", "10:10", 3_000, "P1"), reversal("P3", "10:11", 2_000, "P1")
    )
    assert found.of("sales", "sales_minor", "reversed", "reversed_minor") == (1, 5_000, 0, 5_000)


def test_no_more_is_taken_out_than_is_left_and_each_reversal_counts_once() -> None:
    parts = reversal("P2", "10:10", 3_000, "P1"), reversal("P3", "10:11", 20_000, "P1")
    found = take(event("P1", "10:00", 10_000), *parts, *parts, reversal("P4", "10:12", 1, "P1"))
    assert found.of("sales", "sales_minor", "reversed", "reversed_minor") == (0, 0, 1, 10_000)
    assert (found.duplicates, found["repeated_reversals"]) == (2, 1)


def test_the_same_reversal_a_day_later_takes_nothing_out() -> None:
    again = reversal("P2", "10:10", 3_000, "P1", day="2026-07-06")
    found = take(event("P1", "10:00", 10_000), reversal("P2", "10:10", 3_000, "P1"), again)
    assert found.of("sales_minor", "repeated_reversals") == (7_000, 1)


@pytest.mark.parametrize(("kind", "undoing"), [("refund", "void"), ("completion", "completion_void")])
def test_refunds_and_completions_are_taken_out_too(kind: str, undoing: str) -> None:
    found = take(
        event("S", "09:00", 9_000), event("Q1", "10:00", 500, txn_type=kind),
        event("Q2", "10:01", 500, txn_type=undoing, original_txn_id="Q1"),
    )  # fmt: skip
    assert found.of("sales_minor", "refunds", "refunds_minor", "unmatched_reversals") == (9_000, 0, 0, 0)


def test_of_a_sale_and_its_refund_under_one_id_an_undo_means_the_sale() -> None:
    both = event("1", "10:00", 900), event("1", "10:05", 900, txn_type="refund")
    found = take(*both, event("2", "10:06", 900, txn_type="void", original_txn_id="1"))
    assert found.of("sales_minor", "refunds_minor") == (0, 900)


def test_what_was_before_our_time_is_unmatched_and_takes_no_sum_below_zero() -> None:
    before = {"original_amount": 99_999_999, "original_time": "2026-07-01T09:00:00+08:00"}
    found = take(reversal("V1", "09:00", 0, "X", **before), event("S1", "09:01", 100))
    assert found.of("sales", "sales_minor", "reversed", "unmatched_reversals") == (1, 100, 0, 1)


def test_a_described_original_larger_than_what_was_ever_sold_is_unmatched() -> None:
    described = {"original_amount": 99_999_999, "original_time": f"{DAY}T02:00:00+08:00"}
    found = take(event("S1", "01:00", 100), event("S2", "09:00", 100), reversal("V", "09:30", 0, "X", **described))
    assert found.of("sales_minor", "unmatched_reversals") == (200, 1)


def test_a_part_that_comes_before_its_original_waits_for_it() -> None:
    found = take(event("0", "09:00"), reversal("P2", "10:00", 300, "P1"), event("P1", "10:05", 1_000))
    assert found.of("sales_minor", "reversed_minor") == (1_700, 300)


# -- poison (B3, B5, D5, D6, K7, K12, K14)


def test_a_receipt_from_the_future_does_not_let_a_sale_of_the_future_in() -> None:
    far = {"event_time": "2099-01-01T00:00:00Z", "received_at": "2099-01-01T00:00:00Z"}
    found = take({**event("1", "10:00"), **far}, event("2", "10:01"))
    assert [each.reason for each in found.letters] == ["future"]
    assert found["sales"] == 1


@pytest.mark.parametrize(("ahead_s", "refused"), [(1_200, 0), (1_201, 1), (2_000_000_000, 1)])
def test_a_clock_record_from_the_future_moves_no_clock(ahead_s: int, refused: int) -> None:
    ahead_ms = APPENDED_MS + ahead_s * 1_000
    found = take(event("1", "10:00"), {"type": "clock", "feed": "main", "event_time": ahead_ms}, event("2", "10:01"))
    assert [(each.reason, each.field) for each in found.letters] == [("future", "event_time")] * refused
    assert found.monitor.feeds == ({} if refused else {"main": ahead_ms})
    assert (found["sales"], found.monitor.counts.dead_letters) == (2, refused)


def test_a_merchant_has_a_few_hundred_waiting_reversals_and_no_more() -> None:
    voids = [json.dumps(reversal(f"V{k}", "10:00", 1, f"X{k}")).encode() for k in range(1_000)]
    found = take(event("1", "09:00"), *voids)
    snapshot = found.monitor.snapshot("K")
    assert snapshot is not None
    assert (len(snapshot.waiting), found["unmatched_reversals"]) == (256, 744)


def test_a_merchant_has_a_thousand_versions_of_master_data_and_no_more() -> None:
    found = take(*(master_data(mccs=[f"{5000 + k % 900}"]) for k in range(1_002)), event("1", "10:00"))
    assert [each.message for each in found.letters] == [
        "a merchant must have at most 1000 versions of its master data, got one more"
    ] * 2


def test_fixed_width_fields_are_the_same_without_their_padding() -> None:
    found = take(event("1", "10:00"), event("2  ", "10:01", merchant_id="K   "), event(" 2", "10:01", merchant_id=" K"))
    assert (found["sales"], found.duplicates, int(found.monitor._pipeline.state.rows.count[0])) == (2, 1, 1)


def test_a_time_and_a_keyed_hash_are_the_same_without_their_padding() -> None:
    key = "9b1f6c0a9d5e47728c1e0b6f5d2a9c34"
    padded = {
        "event_time": f" {DAY}T10:00:00+08:00  ",
        "transmitted_at": f"{DAY}T10:00:00+08:00 ",
        "original_time": "  ",
    }
    found = take(master_data(owner_key=f"{key}  ", settlement_account_key="    "), event("1", "10:00", **padded))
    assert (found["sales"], found.letters, dict(found.monitor.fields_dropped)) == (1, [], {})


@pytest.mark.parametrize(
    "bad",
    [
        {"mcc": 5812},
        {"mcc": "742"},
        {"entry_mode": "210101213144"},
        {"terminal_id": "x" * 17},
        {"lat": "x"},
        {"scheme": 5},
    ],
)
def test_a_bad_optional_field_costs_that_field_and_is_counted_by_name(bad: dict[str, Any]) -> None:
    found = take(event("1", "10:00", **bad))
    assert (found["sales"], found.letters) == (1, [])
    assert found.monitor.fields_dropped == dict.fromkeys(bad, 1)


@pytest.mark.parametrize("code", ["0000", "9999"])
def test_an_mcc_that_stands_for_none_accuses_nobody(code: str) -> None:
    usual = [event(f"{k}", f"{9 + k // 60:02}:{k % 60:02}", mcc="5812") for k in range(54)]
    found = take(master_data(mccs=["5812", code]), *usual, event("x", "11:00", mcc=code))
    assert found.monitor.counts.dead_letters == 0
    snapshot = found.monitor.snapshot("K")
    assert snapshot is not None
    assert (snapshot.versions[0]["mccs"], [each for each in snapshot.episodes if each.detector == "mcc_jump"]) == (
        ["5812"],
        [],
    )
