from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events
from domain.cards import find_pans
from domain.events import EVENT_KINDS, EVENTS, MAX_CODES, MAX_RECORD_BYTES, Field, Kind, Reason
from domain.forbidden_names import STEMS
from engine.decoding.columns import MISSING, NUMBERS, STRINGS
from engine.decoding.decode import Decoded, Decoder, Refused, check, check_field, is_missing, parse, shown, to_ms
from engine.decoding.records import PADDING, Records
from engine.decoding.scan import DEAD, OK, SLOW, SUSPECT
from tests.seeds import examples

if TYPE_CHECKING:
    from domain.alerts import DeadLetter

PAN = "6222021234567894"
SALE: dict[str, Any] = {
    "txn_id": "20260705-000123", "merchant_id": "898210158120002", "amount": 1_000_000, "currency": "CNY",
    "event_time": "2026-07-05T19:42:10.250+08:00",
}  # fmt: skip
SETTLEMENT = {**SALE, "type": "settlement"}
MERCHANT = {"type": "merchant", "merchant_id": "m", "effective_from": 1_783_251_730_250}
TERMINAL = {**MERCHANT, "type": "terminal", "terminal_id": "t"}
VERDICT = {"type": "verdict", "merchant_id": "m", "event_time": 1_783_251_730_250, "alert_id": "a"}
OVERRIDE = {**VERDICT, "type": "override", "grade": "A", "reason": "seen", "expires_at": 1_783_251_730_250}
PERSON = {"type": "person", "person_id": "rep-7", "effective_from": 1_783_251_730_250, "role": "rep"}
ASSIGNMENT = {**MERCHANT, "type": "assignment", "rep_id": "rep-7"}
VISIT = {"type": "visit", "merchant_id": "m", "event_time": 1_783_251_730_250, "outcome": "moved", "coord_sys": "gcj02"}
COMPLAINT = {"type": "complaint", "merchant_id": "m", "event_time": 1_783_251_730_250, "channel": "hotline"}
ACCOUNT_KEY = "9b1f6c0a9d5e47728c1e0b6f5d2a9c34"
CLOCK = {"type": "clock", "feed": "pos", "event_time": 1_783_251_730_250}
TIME = next(field for field in EVENTS["transaction"] if field.name == "event_time")


def raw(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def decode(*events: Any) -> Decoded:
    return Decoder().decode(Records.of([each if isinstance(each, bytes) else raw(each) for each in events]))


def letter(event: Any) -> DeadLetter:
    """The dead letter of a record; its neighbours must be read."""
    decoded = decode(SALE, event, SALE)
    assert decoded.columns.status.tolist() == [OK, DEAD, OK]
    ((place, _, found),) = decoded.dead
    assert (place, found.position, found.source) == (1, 1, "events-0")
    return found


def number(decoded: Decoded, name: str, i: int) -> int:
    return int(decoded.columns.number[NUMBERS.index(name), i])


def text(decoded: Decoded, name: str, i: int) -> str:
    columns, slot = decoded.columns, STRINGS.index(name)
    if not columns.hash[slot, i]:
        return ""
    start = columns.start[slot, i]
    return decoded.data[start : start + columns.length[slot, i]].tobytes().decode()


REFUSALS: list[tuple[Any, str, str, str]] = [
    (b"", Reason.NOT_JSON, "", "record must be a JSON object, got no bytes: it is empty, or a tombstone"),
    (b"{", Reason.NOT_JSON, "", "record must be a JSON object: Input data was truncated"),
    (b'{"txn_id":"\xff"}', Reason.NOT_JSON, "",
     "record must be a JSON object: 'utf-8' codec can't decode byte 0xff"),
    (b'{"a":' * 2_000, Reason.NOT_JSON, "", "record must be a JSON object: maximum recursion depth exceeded"),
    (b'{"amount":NaN}', Reason.NOT_JSON, "", "record must be a JSON object: JSON is malformed"),
    ([SALE], Reason.NOT_AN_OBJECT, "", "record must be a JSON object, got a list"),
    (None, Reason.NOT_AN_OBJECT, "", "record must be a JSON object, got null"),
    ("x", Reason.NOT_AN_OBJECT, "", "record must be a JSON object, got 'x'"),
    (12, Reason.NOT_AN_OBJECT, "", "record must be a JSON object, got 12"),
    ({**SALE, "memo": "x" * MAX_RECORD_BYTES}, Reason.TOO_LARGE, "",
     "record must be at most 65536 bytes, got 65"),
    ({**SALE, "type": "refund"}, Reason.UNKNOWN_TYPE, "type",
     "type must be one of transaction, settlement, merchant"),
    ({**SALE, "type": 5}, Reason.WRONG_TYPE, "type", "type must be a string, got 5"),
    ({**SALE, "amount": None}, Reason.MISSING_FIELD, "amount",
     "amount must be given in a transaction, got nothing"),
    ({**SALE, "txn_id": ""}, Reason.MISSING_FIELD, "txn_id",
     "txn_id must be given in a transaction, got nothing"),
    ({"type": "clock"}, Reason.MISSING_FIELD, "feed", "feed must be given in a clock, got nothing"),
    ({**SALE, "merchant_id": 12}, Reason.WRONG_TYPE, "merchant_id", "merchant_id must be a string, got 12"),
    ({**SALE, "merchant_id": [1]}, Reason.WRONG_TYPE, "merchant_id",
     "merchant_id must be a string, got a list"),
    ({**SALE, "amount": "100"}, Reason.WRONG_TYPE, "amount", "amount must be an integer, got '100'"),
    ({**SALE, "amount": 12.5}, Reason.WRONG_TYPE, "amount", "amount must be an integer, got 12.5"),
    ({**SALE, "amount": True}, Reason.WRONG_TYPE, "amount", "amount must be an integer, got true"),
    ({**SALE, "event_time": "2026-07-05T19:42:10"}, Reason.WRONG_TYPE, "event_time",
     "event_time must be ISO 8601 with an offset or epoch milliseconds, got '2026-07-05T19:42:10'"),
    ({**SALE, "event_time": {}}, Reason.WRONG_TYPE, "event_time",
     "event_time must be ISO 8601 with an offset or epoch milliseconds, got an object"),
    ({**SALE, "amount": -5}, Reason.OUT_OF_RANGE, "amount",
     "amount must be 0 to 999999999999 minor units, got -5; a refund is txn_type refund"),
    ({**SALE, "event_time": 0}, Reason.OUT_OF_RANGE, "event_time",
     "event_time must be 631152000000 to 4102444799999 UTC milliseconds, got 0"),
    ({**SALE, "event_time": "1989-12-31T23:59:59Z"}, Reason.OUT_OF_RANGE, "event_time",
     "event_time must be 631152000000 to 4102444799999 UTC milliseconds, got 631151999000"),
    ({**SALE, "currency": "YUAN"}, Reason.OUT_OF_RANGE, "currency",
     "currency must be 3 characters, got 4: 'YUAN'"),
    ({**SALE, "currency": "156"}, Reason.OUT_OF_RANGE, "currency", "currency must be capital letters, got '156'"),
    ({**SALE, "currency": "Cny"}, Reason.OUT_OF_RANGE, "currency", "currency must be capital letters, got 'Cny'"),
    ({**SALE, "lat": 0.6222021234567894}, Reason.CARD_NUMBER, "lat", "lat must not hold a card number, got one"),
    ({**SALE, "merchant_id": "商户"}, Reason.OUT_OF_RANGE, "merchant_id",
     "merchant_id must be printable ASCII, got '商户'"),
    ({**SALE, "merchant_id": "a\tb"}, Reason.OUT_OF_RANGE, "merchant_id",
     r"merchant_id must be printable ASCII, got 'a\tb'"),
    ({**SALE, "txn_type": "sale"}, Reason.OUT_OF_RANGE, "txn_type",
     "txn_type must be one of purchase, refund, void,"),
    ({**SALE, "txn_id": PAN}, Reason.CARD_NUMBER, "txn_id",
     "txn_id must not hold a card number, got '************7894'"),
    ({**SALE, "card_token": "REF 6222 0212 3456 7894"}, Reason.CARD_NUMBER, "card_token",
     "card_token must not hold a card number, got 'REF ***************7894'"),
    ({**SALE, "CVV2": None}, Reason.FORBIDDEN_FIELD, "CVV2", "CVV2 must not be sent: it may not be stored"),
]  # fmt: skip


LEFT_OUT: list[tuple[Any, str, str, str]] = [
    ({**SALE, "lat": "31.2"}, Reason.WRONG_TYPE, "lat", "lat must be a number, got '31.2'"),
    ({**MERCHANT, "mccs": "5411"}, Reason.WRONG_TYPE, "mccs", "mccs must be a list of codes, got '5411'"),
    ({**SALE, "fee": 10**12}, Reason.OUT_OF_RANGE, "fee",
     "fee must be -999999999999 to 999999999999 minor units, got 1000000000000"),
    ({**SALE, "lat": 90.5}, Reason.OUT_OF_RANGE, "lat", "lat must be -90 to 90 degrees, got 90.5"),
    ({**SALE, "issuer_country": "cn"}, Reason.OUT_OF_RANGE, "issuer_country",
     "issuer_country must be capital letters, got 'cn'"),
    ({**SALE, "special_fee_level": "00"}, Reason.OUT_OF_RANGE, "special_fee_level",
     "special_fee_level must be 1 character, got 2: '00'"),
    ({**SALE, "terminal_id": "x" * 17}, Reason.OUT_OF_RANGE, "terminal_id",
     "terminal_id must be 1 to 16 characters, got 17: 'xxxxxxxxxxxxxxxxx'"),
    ({**SALE, "mcc": "54A1"}, Reason.OUT_OF_RANGE, "mcc", "mcc must be digits, got '54A1'"),
    ({**SALE, "region": "x" * 65}, Reason.OUT_OF_RANGE, "region",
     "region must be at most 64 characters, got 65"),
    ({**MERCHANT, "mccs": ["5411"] * 17}, Reason.OUT_OF_RANGE, "mccs",
     "mccs must hold at most 16 codes, got 17"),
    ({**MERCHANT, "mccs": [5411]}, Reason.WRONG_TYPE, "mccs", "mccs must be a string, got 5411"),
    ({**MERCHANT, "mccs": ["541"]}, Reason.OUT_OF_RANGE, "mccs", "mccs must be 4 characters, got 3: '541'"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "reason", "field", "message"), LEFT_OUT)
def test_an_optional_field_that_is_not_what_it_must_be_is_left_out_and_counted(
    event: Any, reason: str, field: str, message: str
) -> None:
    decoded = decode(SALE, event, SALE)
    assert DEAD not in decoded.columns.status.tolist()
    assert decoded.dropped == {field: 1}
    assert field not in check(event)[1]
    with pytest.raises(Refused) as refused:
        check_field(next(each for each in EVENTS[event.get("type", "transaction")] if each.name == field), event[field])
    assert refused.value.reason == reason
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize(("event", "reason", "field", "message"), REFUSALS)
def test_a_refusal_says_why_and_which_field_and_what_was_expected(
    event: Any, reason: str, field: str, message: str
) -> None:
    found = letter(event)
    assert (found.reason, found.field) == (reason, field)
    assert found.message.startswith(message)
    assert find_pans(found.message) == []


def test_every_reason_of_reading_has_a_sentence() -> None:
    elsewhere = {
        Reason.FUTURE, Reason.LATE, Reason.CURRENCY, Reason.CONFLICT, Reason.CAPACITY, Reason.WRONG_PARTITION,
        Reason.BROKEN_BATCH, Reason.BAD_ROW, Reason.MISDATED,
    }  # fmt: skip
    every = {value for name, value in vars(Reason).items() if name.isupper()}
    assert {reason for _, reason, _, _ in REFUSALS} == every - elsewhere


@pytest.mark.parametrize("name", sorted(STEMS))
def test_a_forbidden_key_refuses_the_record_in_any_case_and_even_if_empty(name: str) -> None:
    for key in (name, name.upper(), name.title()):
        for value in ("1", "", None, [1]):
            found = letter({**SALE, key: value})
            assert (found.reason, found.field) == (Reason.FORBIDDEN_FIELD, key)


@pytest.mark.parametrize("separator", ["", " ", "-", "\u00ad", "\u200b", "\n", "\t", ".", "/", "\u2013"])
def test_a_message_never_shows_a_card_number_whatever_stands_between_its_digits(separator: str) -> None:
    split = separator.join(PAN[k : k + 4] for k in range(0, 16, 4))
    for event in (
        {**SALE, "txn_type": split},
        {**SALE, "event_time": split},
        {**SALE, "merchant_id": [split]},
        split,
    ):
        found = letter(event)
        assert PAN not in re.sub(r"\D", "", found.message)
        assert split not in found.message
        if separator in {"", " ", "-"}:
            assert PAN not in re.sub(r"\D", "", found.record)


def test_a_message_stays_short() -> None:
    assert len(letter({**SALE, "merchant_id": "x" * 5_000}).message) < 200
    assert len(letter({**SALE, "merchant_id": ["x" * 50] * 500}).message) < 200
    assert len(letter({**SALE, "txn_type": {"x": "y" * 5_000}}).message) < 200


@pytest.mark.parametrize("around", [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("wrap", ["%s", '{"txn_id":%s}', '{"txn_id":"1","extra":%s}'])
def test_nesting_of_any_depth_is_a_dead_letter_and_no_crash(around: tuple[bytes, bytes], wrap: str) -> None:
    left, right = around
    records = [(wrap % (left * n + b"1" + right * n).decode()).encode() for n in (*range(880, 1_010), 10_000)]
    decoded = decode(*records)
    assert decoded.columns.status.tolist() == [DEAD] * len(records)
    assert all(each.reason and each.message for _, _, each in decoded.dead)


def test_harmless_unknown_keys_are_read_fast_from_the_second_batch_on() -> None:
    decoder = Decoder()
    records = [raw({**SALE, "device model": "A920", "batch": 7, "promo": None, "open": True})] * 3
    first, second = (decoder.decode(Records.of(records)) for _ in range(2))
    assert first.columns.status.tolist() == [SUSPECT] * 3
    assert second.columns.status.tolist() == [OK] * 3
    assert (first.columns.hash == second.columns.hash).all()
    assert (first.columns.number == second.columns.number).all()


def test_a_key_that_holds_a_card_number_is_suspect_each_time() -> None:
    decoder = Decoder()
    for _ in range(3):
        decoded = decoder.decode(Records.of([raw({**SALE, PAN: "x"})]))
        assert decoded.columns.status.tolist() == [SUSPECT]


def test_a_transaction_read_the_slow_way_is_suspect_for_its_free_text_was_not_looked_at() -> None:
    decoded = decode({**SALE, "extra": {"note": PAN}}, {**SALE, "region": PAN, "extra": []}, SALE)
    assert decoded.columns.status.tolist() == [SUSPECT, SUSPECT, OK]


def test_ever_new_keys_do_not_let_the_decoder_grow_without_bound() -> None:
    decoder = Decoder()
    for k in range(12):
        keys = {f"k{k}_{n}": 1 for n in range(1_000)}
        decoder.decode(Records.of([raw({**SALE, **keys})]))
    assert np.count_nonzero(decoder._harmless.table.hash) <= 512


def test_the_slow_way_and_the_fast_way_give_one_picture() -> None:
    full = {
        **SALE, "terminal_id": "21000417", "acceptor_id": "898210154110002", "mcc": "5411", "scheme": "troy",
        "txn_type": "refund", "card_kind": "credit", "entry_mode": "051", "response_code": "00", "fee": -60,
        "transmitted_at": "2026-07-05T11:42:10Z", "special_fee_type": "00", "lat": 31.2, "region": "上海",
    }  # fmt: skip
    decoded = decode(full, {**full, "extra": {}})
    assert decoded.columns.status.tolist() == [OK, SUSPECT]
    assert (decoded.columns.hash[:, 0] == decoded.columns.hash[:, 1]).all()
    assert (decoded.columns.number[:, 0] == decoded.columns.number[:, 1]).all()
    for i in (0, 1):
        assert text(decoded, "acceptor_id", i) == "898210154110002"
        assert text(decoded, "card_token", i) == ""
        assert number(decoded, "mcc", i) == 5411
        assert number(decoded, "fee", i) == -60
        assert number(decoded, "txn_type", i) == events.TXN_TYPES.index("refund")
        assert number(decoded, "scheme", i) == events.SCHEMES.index("other")
        assert number(decoded, "event_time", i) == 1_783_251_730_250
        assert number(decoded, "channel_mcc", i) == MISSING


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    decoded = decode(raw(SALE)[:-1] + b',"amount":5}', raw(SALE)[:-1] + b',"amount":-5}')
    assert number(decoded, "amount", 0) == 5
    assert [found.field for _, _, found in decoded.dead] == ["amount"]


CONTRACT = {
    "type": "contract", "merchant_id": "898210154110002", "effective_from": 1_783_251_730_250, "feed": "f",
    "prices": [{"rate_ppm": 6000, "card_kind": "debit", "cap": 2000}],
}  # fmt: skip
REPORT = {**CLOCK, "type": "fraud_report", "merchant_id": "m", "reason_code": "2"}
OTHERS = [
    CONTRACT, MERCHANT, TERMINAL, OVERRIDE, {**VERDICT, "verdict": "open"}, PERSON, ASSIGNMENT, VISIT, COMPLAINT,
]  # fmt: skip
RETRIEVAL = {**REPORT, "type": "retrieval"}
SCANNED = [SALE, SETTLEMENT, REPORT, {**REPORT, "type": "chargeback", "amount": 5}, RETRIEVAL, CLOCK]


def kind_of(event: dict[str, Any]) -> str:
    return event.get("type", "transaction")


@pytest.mark.parametrize("event", OTHERS, ids=kind_of)
def test_an_event_of_a_kind_that_is_not_scanned_is_handed_over_checked(event: dict[str, Any]) -> None:
    decoded = decode(SALE, event, SALE)
    assert decoded.columns.status.tolist() == [OK, SUSPECT, OK]
    assert decoded.columns.kind.tolist() == [0, EVENT_KINDS[event["type"]].code, 0]
    ((place, found),) = decoded.others
    names = {field.name for field in EVENTS[event["type"]]}
    want = {name: value for name, value in event.items() if name in names}
    if "prices" in want:
        want["prices"] = tuple(want["prices"])
    assert (place, found) == (1, want)
    assert text(decoded, "merchant_id", 1) == event.get("merchant_id", "")
    assert text(decoded, "feed", 1) == event.get("feed", "")
    assert number(decoded, "amount", 1) == MISSING


@pytest.mark.parametrize("event", SCANNED, ids=kind_of)
def test_an_event_of_a_scanned_kind_is_in_columns_alone_whichever_way_it_was_read(event: dict[str, Any]) -> None:
    decoded = decode(event, {**event, "memo": {"nested": PAN}})
    assert decoded.columns.status.tolist() == [OK, SUSPECT]
    assert decoded.columns.kind.tolist() == [EVENT_KINDS[kind_of(event)].code] * 2
    assert (decoded.others, decoded.dead) == ([], [])
    assert (decoded.columns.hash[:, 0] == decoded.columns.hash[:, 1]).all()
    assert (decoded.columns.number[:, 0] == decoded.columns.number[:, 1]).all()
    known = {field.name for field in EVENTS[kind_of(event)]}
    for name in STRINGS:
        want = event.get(name, "") if name in known else ""
        assert [text(decoded, name, i) for i in (0, 1)] == [want, want]


@pytest.mark.parametrize("event", SCANNED, ids=kind_of)
def test_a_field_that_only_other_kinds_have_is_not_read_whichever_way_the_event_is(event: dict[str, Any]) -> None:
    known = {field.name for field in EVENTS[kind_of(event)]}
    fits = {"terminal_id": "1", "reason_code": "x", "original_amount": 5, "stan": "1", "mcc": "5411"}
    unfit = {"terminal_id": "x" * 17, "reason_code": 5, "original_amount": -1, "stan": [], "mcc": 5411}
    decoded = decode(event, *({**event, **{k: v for k, v in more.items() if k not in known}} for more in (fits, unfit)))
    assert decoded.dead == []
    assert decoded.columns.status.tolist() == [OK, SUSPECT, SUSPECT]
    for i in (1, 2):
        assert (decoded.columns.hash[:, 0] == decoded.columns.hash[:, i]).all()
        assert (decoded.columns.number[:, 0] == decoded.columns.number[:, i]).all()


def test_a_scanned_event_s_wrong_field_is_the_dead_letter_of_its_kind() -> None:
    long = "x" * 33
    assert letter({**REPORT, "merchant_id": long}).message.startswith("merchant_id must be 1 to 32 characters, got 33")
    assert letter({**CLOCK, "feed": ""}).message == "feed must be given in a clock, got nothing"
    assert decode({**REPORT, "currency": "156", "reason_code": long}).dropped == {"currency": 1, "reason_code": 1}


def test_the_records_bytes_are_read_where_they_lie_and_copied_only_to_add_texts() -> None:
    plain, odd = Records.of([raw(SALE)] * 2), Records.of([raw(SALE), raw({**SALE, "memo": []})])
    assert Decoder().decode(plain).data is plain.data
    decoded = Decoder().decode(odd)
    assert decoded.data[: len(odd.data)].tobytes() == odd.data.tobytes()
    assert text(decoded, "txn_id", 1) == SALE["txn_id"]
    assert not decoded.data[-PADDING:].any()


@pytest.mark.parametrize(
    "price", [{}, {"rate_ppm": -1}, {"rate_ppm": 1.5}, {"rate_ppm": 1, "card_kind": "x"}, 7, "6222"]
)
def test_a_contract_with_a_price_that_cannot_be_is_a_dead_letter_that_names_the_prices(price: object) -> None:
    ((_, _, letter),) = decode({**CONTRACT, "prices": [{"rate_ppm": 0}, price]}).dead
    assert letter.field == "prices"
    assert letter.message.startswith("prices must ")


def test_codes_and_times_of_master_data_are_checked_one_by_one() -> None:
    ((_, found),) = decode(
        {**MERCHANT, "mccs": ["5411", "5812"], "effective_from": "2026-07-05T19:42:10.250+08:00"}
    ).others
    assert found["mccs"] == ("5411", "5812")
    assert found["effective_from"] == 1_783_251_730_250
    assert decode({**MERCHANT, "mccs": ["5411"] * MAX_CODES, "time_zone": ""}).dead == []


FIRST, LAST = datetime.fromisoformat("1990-01-02"), datetime.fromisoformat("2099-12-30")


@given(st.datetimes(FIRST, LAST, timezones=st.timezones()))
def test_a_time_in_any_zone_equals_that_of_datetime(moment: datetime) -> None:
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    assert to_ms(TIME, moment.isoformat()) == since // timedelta(milliseconds=1)


ODD = ["2026-07-05T19:42:10Z", "5411", "00", PAN, "6222 0212 3456 7894", "x" * 40, 10**12, 10**30]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=80)
    | st.sampled_from(ODD)
)
json_values = st.recursive(
    scalars,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=5,
)
EXAMPLES = {kind_of(event): event for event in (*OTHERS, *SCANNED)}
FIELDS = [(kind, field) for kind, fields in EVENTS.items() for field in fields]


@settings(max_examples=examples(400))
@given(st.sampled_from([each for each in FIELDS if each[1].name != "type"]), json_values)
def test_any_json_in_any_field_is_accepted_or_a_dead_letter_that_names_the_field(
    kind_and_field: tuple[str, Field], value: Any
) -> None:
    kind, field = kind_and_field
    decoded = decode({**EXAMPLES[kind], field.name: value})
    for _, _, found in decoded.dead:
        if found.reason == Reason.FORBIDDEN_FIELD:  # a key within the value
            continue
        assert found.field == field.name
        assert found.message.startswith(f"{field.name} must ")
        assert PAN not in json.dumps([found.message, found.record])
    if decoded.dead:
        assert field.required or value not in (None, "")
        with pytest.raises(Refused):
            check(parse(raw({**EXAMPLES[kind], field.name: value})))
    elif decoded.dropped:
        assert decoded.dropped == {field.name: 1}
        with pytest.raises(Refused):
            check_field(field, value)
    elif not is_missing(field, value) and decoded.others:  # what the scanner reads is in columns
        assert decoded.others[0][1][field.name] == check_field(field, value)


@settings(max_examples=examples(150))
@given(st.lists(st.binary(max_size=200), max_size=30))
def test_random_bytes_are_dead_letters_each_at_its_place(records: list[bytes]) -> None:
    decoded = Decoder().decode(Records.of(records, first_offset=100, source="f"))
    assert decoded.columns.status.tolist() == [DEAD] * len(records)
    assert [(i, found.position, found.source) for i, _, found in decoded.dead] == [
        (i, 100 + i, "f") for i in range(len(records))
    ]


@given(json_values)
def test_a_value_is_shown_short_and_without_a_card_number(value: Any) -> None:
    assert len(shown(value)) <= 80
    assert find_pans(shown(value)[:79]) == [] or len(shown(value)) == 80


def test_every_kind_of_field_is_covered_by_a_type() -> None:
    assert {field.kind for _, field in FIELDS} == set(Kind)
    assert SLOW not in np.unique(decode(SALE, b"?", CLOCK, {**SALE, "x": []}).columns.status)


@pytest.mark.parametrize("name", ["settlement_account_key", "owner_key"])
@pytest.mark.parametrize("value", [ACCOUNT_KEY, ACCOUNT_KEY.upper(), "qwertyuiopasdfgh", "0123456789abcdef" * 4])
def test_a_keyed_hash_is_hexadecimal_digits_or_letters(name: str, value: str) -> None:
    _, checked = check({**MERCHANT, name: value})
    assert checked[name] == value


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("6217000010001234567", "19 digits alone"), ("1234567890123456", "16 digits alone"),
        ("11010119900307123X", "18 characters"), ("91110108MA01ABCD3X", "18 characters"),
        ("100200300400500", "15 digits alone"), ("9b1f6c0a9d5e4772\n", "17 characters"),
        ("\u0661" * 16, "16 digits alone"), (6217000010001234567, "another type"),
    ],
)  # fmt: skip
def test_a_plain_number_is_no_keyed_hash_and_the_dead_letter_does_not_show_it(value: Any, got: str) -> None:
    found = letter({**MERCHANT, "settlement_account_key": value})
    assert found.message == (
        "settlement_account_key must be a keyed hash of 16 to 64 characters, hexadecimal digits or letters and never"
        f" digits alone, got {got}: a plain number must not be sent"
    )
    assert str(value).strip() not in found.message + found.record
    assert str(value).strip() not in letter({**MERCHANT, "mccs": 5, "settlement_account_key": value}).record


@pytest.mark.parametrize(("value", "got"), [("9b1f6c0a9d5e477", 15), ("ab" * 33, 66)])
def test_a_keyed_hash_has_16_to_64_characters(value: str, got: int) -> None:
    assert (
        f"of 16 to 64 characters, hexadecimal digits or letters and never digits alone, got {got}"
        in letter({**MERCHANT, "owner_key": value}).message
    )


def test_a_keyed_hash_is_shown_in_a_dead_letter_that_something_else_makes() -> None:
    assert ACCOUNT_KEY in letter({**MERCHANT, "merchant_id": 5, "owner_key": ACCOUNT_KEY}).record


def test_the_status_of_a_merchant_and_of_a_report_have_their_own_words() -> None:
    assert check({**MERCHANT, "status": "suspended"})[1]["status"] == "suspended"
    assert check({**REPORT, "status": "withdrawn"})[1]["status"] == "withdrawn"
    for kind, status, words in (
        ("fraud_report", "suspended", "open, accepted, disputed, reversed, withdrawn, got 'suspended'"),
        ("merchant", "withdrawn", "pending, active, suspended, closed, got 'withdrawn'"),
    ):
        field = next(each for each in EVENTS[kind] if each.name == "status")
        with pytest.raises(Refused, match=words):
            check_field(field, status)
