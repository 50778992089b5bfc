from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.scan_fuzz import HARMLESS, SCANNED, WILD, compare, fuzz, record, scanned
from domain.events import EVENT_KINDS, EVENTS, MAX_RECORD_BYTES, TRANSACTION, Kind
from domain.forbidden_names import STEMS
from domain.masking import MAX_UNKNOWN_CHARS, holds_in_field
from engine.decoding.columns import FIELDS, MISSING, NUMBERS, STRINGS, Columns, empty_columns, make_spec
from engine.decoding.decode import Refused, to_ms
from engine.decoding.harmless_keys import HarmlessKeys
from engine.decoding.hashing import hash_of
from engine.decoding.records import Records
from engine.decoding.scan import OK, SLOW, SUSPECT, scan

if TYPE_CHECKING:
    from collections.abc import Sequence

SALE = {
    "txn_id": "20260705-000123", "merchant_id": "898210158120002", "amount": 1_000_000, "currency": "CNY",
    "event_time": "2026-07-05T19:42:10.250+08:00",
}  # fmt: skip
TIME = next(each for each in TRANSACTION if each.name == "event_time")


def sale(**fields: Any) -> bytes:
    return json.dumps({**SALE, **fields}, ensure_ascii=False).encode()


def statuses(records: Sequence[bytes]) -> list[int]:
    outcome = compare(records)
    assert outcome.wrong == []
    return [int(each) for each in scanned(records)[1].status]


def number(name: str, columns: Columns) -> list[int]:
    return [int(each) for each in columns.number[NUMBERS.index(name)]]


def test_the_scanner_equals_the_slow_way_under_fuzzing() -> None:
    outcome = fuzz(37_000, seed=1)
    assert outcome.wrong == []
    assert outcome.read["transaction"] > 3_000, "the fuzz must reach what the scanner accepts"
    assert min(outcome.read[name] for name in SCANNED) > 1_000
    assert set(outcome.read) == set(SCANNED)
    assert outcome.suspect > 500
    assert outcome.slow > 5_000


@pytest.mark.parametrize("count", [15_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_the_scanner_equals_the_slow_way_under_fuzzing_from_another_seed_each_time(count: int) -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"python bench/scan_fuzz.py --records {count} --seed {seed}")
    assert fuzz(count, seed).wrong == []


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind in SCANNED for field in EVENTS[kind]])
def test_any_value_in_any_field_is_read_as_the_slow_way_reads_it_or_left_to_it(kind: str, field: Any) -> None:
    plain = [f'"{"1" * n}"' for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 32, 33, 36, 37, 48, 49, 64, 65)]
    values = (*WILD, *plain, *(f'"{each}"' for each in field.choices), str(field.low), str(field.high))
    others = {"type": kind, **SALE, "feed": "f"}
    members = ",".join(f'"{name}":{json.dumps(each)}' for name, each in others.items() if name != field.name)
    assert len(statuses([f'{{{members},"{field.name}":{value}}}'.encode() for value in values])) == len(values)


def test_an_undamaged_stream_is_never_left_to_the_slow_way() -> None:
    rng = random.Random(3)
    plain = sale(terminal_id="21000417", mcc="5411", scheme="unionpay", txn_type="purchase", lat=31.2, fee=-20)
    assert statuses([plain, sale(), sale(type="transaction"), sale(type=None, region="上海")] * 50) == [OK] * 200
    assert np.mean([each != SLOW for each in statuses([record(rng) for _ in range(500)])]) > 0.3


def shape(field: Any) -> Any:
    return replace(field, iso8583="", required=False)


@pytest.mark.parametrize("kind", EVENTS)
def test_a_field_that_columns_keep_is_written_alike_in_every_kind(kind: str) -> None:
    """The scanner has one table for the kinds it reads, and the slow way fills its columns for the others."""
    kept = FIELDS if kind in SCANNED else (*STRINGS, *NUMBERS, "type")
    shared = [each for each in EVENTS[kind] if each.name in FIELDS and each.name in kept]
    # Of a text that is kept as it is, another kind may allow other values.
    free = () if kind in SCANNED else STRINGS
    for each in shared:
        known = FIELDS[each.name]
        assert shape(each) == replace(shape(known), choices=each.choices if each.name in free else known.choices)


def test_the_kinds_that_are_scanned_have_no_lists_and_their_codes_are_their_places() -> None:
    assert [each.code for each in EVENT_KINDS.values()] == list(range(len(EVENT_KINDS)))
    assert not {Kind.CODES, Kind.PRICES} & {each.kind for each in FIELDS.values()}
    assert SCANNED[0] == "transaction"
    assert len(FIELDS) <= 64, "a field is a bit"


MADE = {
    "transaction": SALE,
    "settlement": {**SALE, "fee": -20, "mcc": "5411", "settlement_mode": "T+1", "fee_class": "exempt"},
    "fraud_report": {
        "merchant_id": "m",
        "event_time": 1_783_251_730_250,
        "reason_code": "10.4",
        "amount": 5,
        "terminal_id": "1",
        "original_time": 1_783_251_730_000,
        "report_id": "r",
        "status": "open",
    },
    "chargeback": {
        "merchant_id": "m",
        "event_time": 1_783_251_730_250,
        "txn_id": "t",
        "received_at": None,
        "status": "withdrawn",
    },
    "clock": {"feed": "pos", "event_time": 1_783_251_730_250},
    "retrieval": {"merchant_id": "m", "event_time": 1_783_251_730_250, "entry_mode": "051"},
}
"""An event of each scanned kind, without its type."""


@pytest.mark.parametrize("kind", SCANNED)
def test_an_event_of_a_scanned_kind_is_read_wherever_its_type_stands(kind: str) -> None:
    event = {"type": kind, **MADE[kind]}
    records = [json.dumps(each).encode() for each in (event, dict(reversed(event.items())), SALE)]
    assert statuses(records) == [OK] * 3
    assert scanned(records)[1].kind.tolist() == [EVENT_KINDS[kind].code] * 2 + [0]


@pytest.mark.parametrize("kind", SCANNED)
def test_a_field_that_only_other_kinds_have_is_unknown_and_leaves_no_value_behind(kind: str) -> None:
    """It may hold a card number by the wider rule of unknown fields, so it is suspect."""
    known = {each.name for each in EVENTS[kind]}
    more = {"terminal_id": "1", "reason_code": "x", "original_amount": 5, "merchant_id": "m", "issuer_country": "CN",
            "stan": "000123456789", "scheme": "visa"}  # fmt: skip
    unknown = {name: value for name, value in more.items() if name not in known}
    assert unknown
    records = [json.dumps({"type": kind, **MADE[kind], **each}).encode() for each in ({}, unknown)]
    assert statuses(records) == [OK, SUSPECT]
    _, columns = scanned(records)
    assert (columns.hash[:, 0] == columns.hash[:, 1]).all()
    assert (columns.number[:, 0] == columns.number[:, 1]).all()
    assert all(number(name, columns)[1] == MISSING for name in unknown if name in NUMBERS)


def test_a_field_that_only_other_kinds_have_is_left_to_the_slow_way_where_it_is_not_plain() -> None:
    assert statuses([sale(type="settlement", terminal_id=each) for each in (5, "x" * 17, [])]) == [SLOW] * 3
    assert statuses([sale(type="settlement", memo="6222 0212 3456 7894")]) == [SUSPECT]


@pytest.mark.parametrize("kind", [name for name in EVENTS if name not in SCANNED])
def test_a_kind_that_is_not_scanned_is_left_to_the_slow_way(kind: str) -> None:
    assert statuses([sale(type=kind), sale()]) == [SLOW, OK]


@pytest.mark.parametrize(
    "damaged",
    [
        b"", b" ", b"{", b'{"', b'{"txn_id', b'{"txn_id":', b'{"txn_id":"', b'{"txn_id":"1', b'{"amount":1',
        b'{"amount":-', b'{"lat":1.', b'{"a":nul', b'{"txn_id":"1",', b"[", b"\\", b"\x00", b"\xff" * 7,
    b"9" * 40, b" " * 100, b"x" * 4_000, b"}", b'"', b'":1}', b'{"event_time":"2026-07-05T19:42:10.', b"{}",
    b"null" ],
)  # fmt: skip
def test_a_damaged_record_does_not_change_how_its_neighbours_are_read(damaged: bytes) -> None:
    before, after = sale(amount=111), sale(amount=222)
    _, columns = scanned([before, damaged, after, damaged, damaged, before])
    _, alone = scanned([before, after, before])
    assert columns.status.tolist() == [OK, SLOW, OK, SLOW, SLOW, OK]
    whole = [0, 2, 5]
    assert (columns.hash[:, whole] == alone.hash).all()
    assert (columns.number[:, whole] == alone.number).all()


def test_a_record_is_never_completed_by_its_neighbour() -> None:
    whole = sale(amount=12, memo="x", lat=1.5)
    for cut in range(len(whole) + 1):
        got = statuses([whole[:cut], whole[cut:]])
        assert got == [OK if cut == len(whole) else SLOW, OK if cut == 0 else SLOW], cut


@pytest.mark.parametrize("shift", range(9))
def test_a_record_reads_the_same_at_any_alignment_and_as_the_last_one(shift: int) -> None:
    records = [b" " * shift + sale(txn_id="t" * n, region="é" * (n % 7)) for n in range(1, 65)]
    for last in (1, 2, 7, 8, 9, 63, 64):
        assert statuses(records[:last]) == [OK] * last


def test_texts_are_found_where_they_stand() -> None:
    records = [sale(txn_id=f"{'t' * n}{n}") for n in range(1, 40)]
    data, columns = scanned(records)
    slot = STRINGS.index("txn_id")
    places = zip(columns.start[slot].tolist(), columns.length[slot].tolist(), strict=True)
    assert [data[at : at + n].tobytes().decode() for at, n in places] == [f"{'t' * n}{n}" for n in range(1, 40)]


@pytest.mark.parametrize("size", [MAX_RECORD_BYTES - 1, MAX_RECORD_BYTES, MAX_RECORD_BYTES + 1, 70_000, 1_000_000])
def test_a_record_is_read_up_to_the_longest_allowed(size: int) -> None:
    raw = sale(memo="")
    long = raw.replace(b'"memo": ""', b'"memo": "' + b"x" * (size - len(raw)) + b'"')
    spaces = raw[:-1] + b" " * (size - len(raw)) + b"}"
    string = sale(merchant_id="x" * size)
    assert len(long) == len(spaces) == size
    want = OK if size <= MAX_RECORD_BYTES else SLOW
    cut = SUSPECT if size <= MAX_RECORD_BYTES else SLOW
    assert statuses([sale(), long, sale(), spaces, sale(), string, sale()]) == [
        OK,
        cut,
        OK,
        want,
        OK,
        SLOW,
        OK,
    ]


def test_records_of_white_space_are_not_read_again_and_again() -> None:
    # Were each read to the end of its neighbours, this would be 10**12 steps.
    records = [b" \t\r\n" * 750] * 25_000
    assert set(scanned(records)[1].status.tolist()) == {SLOW}


@pytest.mark.parametrize("code", ["156", "cny", "CN1", "C Y", "C[Y", "@NY", "XXX", "AZZ"])
def test_what_is_no_currency_is_left_to_the_slow_way_which_refuses_it(code: str) -> None:
    assert statuses([sale(currency="CNY"), sale(currency=code), sale(currency=" AZN")]) == [OK, SLOW, OK]


def test_a_country_of_anything_but_capital_letters_is_left_out_at_once() -> None:
    countries = ("CN", "cn", "1N", "AZ")
    laid_out, columns = scanned([sale(issuer_country=each) for each in countries])
    assert columns.status.tolist() == [OK] * 4
    assert (columns.number[NUMBERS.index("issuer_country")] == MISSING).tolist() == [False, True, True, False]
    assert laid_out is not None


def test_a_coordinate_as_long_as_a_card_number_is_suspect() -> None:
    assert statuses([sale(lat=12.345678901234), sale(lat=12.3456789012345)]) == [OK, SUSPECT]
    assert statuses([sale(lat=-2.345678901234), sale(lon=-2.3456789012345)]) == [OK, SUSPECT]


ISO = [
    f"{date}T{time}{fraction}{offset}"
    for date in ("1990-01-01", "2024-02-29", "2000-02-29", "2025-12-31", "2026-07-05", "2099-12-31")
    for time in ("00:00:00", "07:59:59", "23:59:59")
    for fraction in ("", ".000", ".999", ".250", ".000001", ".999999")
    for offset in ("Z", "+00:00", "-00:00", "+08:00", "-05:30", "+14:00", "-12:00", "+23:59", "-23:59")
]


def test_times_of_the_usual_forms_equal_those_of_datetime() -> None:
    _, columns = scanned([sale(event_time=each) for each in ISO])
    read = number("event_time", columns)
    for text, status, got in zip(ISO, columns.status, read, strict=True):
        try:
            want = to_ms(TIME, text)
        except Refused:
            assert status == SLOW, text
        else:
            assert (status, got) == (OK, want), text


@pytest.mark.parametrize("at", [k for k, each in enumerate("2026-07-05T19:42:10.250+08:00") if each.isdigit()])
def test_a_time_with_a_letter_for_a_digit_is_left_to_the_slow_way(at: int) -> None:
    texts = [
        each[:at] + "r" + each[at + 1 :] for each in ("2026-07-05T19:42:10.250+08:00", "3099-07-05T19:42:10.250+08:00")
    ]
    assert statuses([sale(event_time=each) for each in texts]) == [SLOW, SLOW]


def test_every_day_of_the_calendar_is_read_as_datetime_reads_it() -> None:
    days = [
        f"{year:04}-{month:02}-{day:02}T12:00:00Z"
        for year in (1969, 1970, 1989, 1990, 1999, 2000, 2024, 2025, 2096, 2099, 2100, 2400)
        for month in range(14)
        for day in range(33)
    ]
    _, columns = scanned([sale(event_time=each) for each in days])
    read = number("event_time", columns)
    fast = 0
    for text, status, got in zip(days, columns.status, read, strict=True):
        try:
            want = to_ms(TIME, text)
        except Refused:
            assert status == SLOW, text
        else:
            assert (status, got) == (OK, want), text
            fast += 1
    assert fast == 365 * 7 + 3


@pytest.mark.parametrize("name", sorted(STEMS))
def test_a_forbidden_key_is_never_read_fast(name: str) -> None:
    for each in (name, name.upper(), name.title()):
        assert statuses([sale(**{each: "1"}), sale(**{each: None}), sale(**{each: ""})]) == [SLOW] * 3


def test_unknown_keys_are_read_fast_only_once_they_are_known_to_be_harmless() -> None:
    assert statuses([sale(**{name: 1}) for name in HARMLESS]) == [OK] * len(HARMLESS)
    assert statuses([sale(other=1), sale(Memo=1)]) == [SLOW, SLOW]


@pytest.mark.parametrize("digits", range(11, 21))
@pytest.mark.parametrize("field", ["txn_id", "card_token"])
def test_identifiers_that_hold_a_card_number_are_never_read_fast_and_few_others_are_slow(
    digits: int, field: str
) -> None:
    rng = random.Random(digits)
    texts = []
    for _ in range(2_000):
        head = rng.choice(("4", "62", "51", "2221", "37", "36", "9558", "220", "6759", "506700", "89", "17"))
        number = (head + "".join(rng.choices("0123456789", k=digits)))[:digits]
        gap = rng.choice(("", "", "", " ", "-", "x", "_", "  ", "~|"))
        text = gap.join(number[k : k + 4] for k in range(0, digits, 4))
        text = (
            rng.choice(("", "", "A", "7", " ", "00"))
            + text
            + rng.choice(("", "", "Z", "-", " 1", "D3012", "F", "=3012"))
        )
        texts.append(text)
    kind = next(each.kind for each in TRANSACTION if each.name == field)
    holding = np.array([holds_in_field(field, kind, text) for text in texts])
    assert holding.any() or digits < 12
    slow = np.array([each == SLOW for each in statuses([sale(**{field: text}) for text in texts])])
    assert not (holding & ~slow).any()
    if field == "txn_id":
        assert np.mean(slow & ~holding) < 0.35


@pytest.mark.parametrize(
    "token", ["3f6b1c0a9d5e47728c1e0b6f5d2a9c34", "k1:cldgjckdailflllegbbfhjandpobepkc", "T20260705123000"]
)
def test_usual_tokens_and_identifiers_are_read_fast(token: str) -> None:
    assert statuses([sale(card_token=token, txn_id=token, rrn=token[:16])]) == [OK]


def test_a_key_whose_hash_is_that_of_a_harmless_one_is_not_taken_for_it() -> None:
    keys = HarmlessKeys()
    keys.add("memo")
    forged = keys.table._replace(
        hash=keys.table.hash.copy(), length=keys.table.length.copy(), text=keys.table.text.copy()
    )
    place = np.argwhere(forged.hash)[0]
    h = hash_of("cvv_")
    at = h >> 57
    for name, value in (("hash", h), ("length", 4)):
        getattr(forged, name)[at, 0] = value
    forged.text[at, 0, :4] = forged.text[tuple(place)][:4]
    laid_out, columns = Records.of([sale(cvv_="987")]), empty_columns(1)
    counts = np.zeros(len(FIELDS), np.int64)
    scan(laid_out.data, laid_out.ends, make_spec(), np.zeros(len(FIELDS) + 1, np.int64), forged, columns, counts)
    assert columns.status.tolist() == [SLOW]


@pytest.mark.parametrize(
    "digits",
    ["4111111111111111", "4111 1111 1111 1111", "4111-1111/1111.1111"]
    + ["".join(chr(zero + int(each)) for each in "4111111111111111")
       for zero in (0x660, 0x6F0, 0x7C0, 0x966, 0x1040, 0xA620, 0xFF10, 0x1D7CE)],
)  # fmt: skip
def test_free_text_with_the_digits_of_a_card_in_any_script_is_suspect(digits: str) -> None:
    assert statuses([sale(region=digits), sale(memo=digits)]) == [SUSPECT, SUSPECT]


def test_free_text_with_few_digits_is_not_suspect() -> None:
    assert statuses([sale(region="浦东新区世纪大道 100 号"), sale(memo="12345678901"), sale(memo=True)]) == [OK] * 3


def test_text_of_an_unknown_field_that_is_to_be_cut_is_suspect() -> None:
    assert statuses([sale(memo="x" * n) for n in (MAX_UNKNOWN_CHARS, MAX_UNKNOWN_CHARS + 1)]) == [OK, SUSPECT]


def test_missing_fields_leave_no_value_behind() -> None:
    full = sale(mcc="5411", terminal_id="21000417", scheme="visa", lat=1.5)
    bare = sale(mcc=None, terminal_id="", scheme=None, lat=None)
    _, columns = scanned([full, bare, full])
    assert columns.status.tolist() == [OK] * 3
    assert columns.hash[STRINGS.index("terminal_id")].astype(bool).tolist() == [True, False, True]
    low = np.iinfo(np.int64).min
    assert [each == low for each in number("mcc", columns)] == [False, True, False]
    assert [each == low for each in number("scheme", columns)] == [False, True, False]


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, each.name) for kind in SCANNED for each in EVENTS[kind] if each.required]
)
def test_a_record_without_a_required_field_is_never_read_fast(kind: str, field: str) -> None:
    event = {"type": kind, **MADE[kind]}
    without = {name: each for name, each in event.items() if name != field}
    records = [json.dumps(each).encode() for each in (event, without, {**event, field: None}, {**event, field: ""})]
    assert statuses(records) == [OK, SLOW, SLOW, SLOW]


def test_a_key_that_comes_twice_is_left_to_the_slow_way() -> None:
    assert statuses([sale()[:-1] + b', "amount": 5}', sale(mcc="5411")[:-1] + b', "mcc": null}']) == [SLOW] * 2
    assert statuses([sale(memo=1)[:-1] + b', "memo": 2}']) == [OK]
