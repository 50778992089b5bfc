from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.card_ranges import is_card_number
from domain.cards import CardDataError, find_pans, holds_pan, last4, mask
from domain.events import MAX_RECORD_BYTES, Reason
from domain.forbidden_names import REMOVED_STEMS, STEMS
from domain.masking import MAX_MASKED_CHARS, MAX_UNKNOWN_CHARS, mask_event, mask_record
from tests.cards_made import LENGTHS, PREFIXES, with_luhn

if TYPE_CHECKING:
    from collections.abc import Callable

PAN = "6222021234567894"
AMEX = "371449635398431"
FULL_WIDTH = str.maketrans("0123456789", "".join(chr(0xFF10 + i) for i in range(10)))
ARABIC = str.maketrans("0123456789", "".join(chr(0x0660 + i) for i in range(10)))
GAPS = (
    "",
    " ",
    "-",
    "\u00a0",
    "\u3000",
    ".",
    "\u200b",
    " - ",
    "_",
    "/",
    "%2D",
    "%E2%80%93",
    "&#45;",
    "&nbsp;",
    "\\x2d",
)


@st.composite
def pans(draw: st.DrawFn, shortest: int = 16) -> str:
    scheme = draw(st.sampled_from([name for name, lengths in LENGTHS.items() if lengths[-1] >= shortest]))
    low, high = draw(st.sampled_from(PREFIXES[scheme]))
    head = str(draw(st.integers(int(low), int(high)))).zfill(len(low))
    length = draw(st.sampled_from([each for each in LENGTHS[scheme] if each >= shortest]))
    rest = draw(st.text("0123456789", min_size=length - 1 - len(head), max_size=length - 1 - len(head)))
    return with_luhn(head + rest)


digits = st.text("0123456789", max_size=25)
texts = st.text(max_size=20)
mixed = st.lists(
    pans(12)
    | digits
    | st.text("0123456789 -./_*;=D^?B\\", max_size=20)
    | st.text("0123456789%%%23BDx;&#u\\=^", max_size=30)
    | pans(12).map(lambda pan: "".join(f"%3{each}" for each in pan))
    | pans(12).map(lambda pan: "".join(f"&#{ord(each)};" for each in pan))
    | st.sampled_from(GAPS)
    | st.text(max_size=5),
    max_size=6,
).map("".join)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | mixed,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(mixed, inner, max_size=3),
    max_leaves=8,
)


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


def test_a_luhn_digit_worked_on_paper_is_the_one_we_check() -> None:
    assert with_luhn("7992739871") == "79927398713"
    assert with_luhn("37144963539843") == AMEX


@given(pans())
def test_a_card_number_looks_like_one_and_with_another_check_digit_does_not(pan: str) -> None:
    assert is_card_number(pan)
    assert holds_pan(pan)
    assert not is_card_number(pan[:-1] + str((int(pan[-1]) + 1) % 10))


@pytest.mark.parametrize(
    "text",
    [
        "898210154110002",  # a merchant number
        "1700000000000",  # milliseconds
        with_luhn("101202505011234"),  # no known range
        with_luhn("510510510510510510"),  # there is no Mastercard of 19 digits
        "9" + PAN,  # longer digits
        "00001111" + PAN,
        "0000000000004012345678",
        PAN[:12] + "a" + PAN[12:] + "0123456",
        PAN[:8] + "x" + PAN[8:],
        "2568d89b625e6222021234567894f1c7",  # a hash
        "550e8400-e29b-41d4-a716-446655440000",
        "T2611281030000007",  # a day and a counter
        "ORD-2611281030000007",
        f"A{PAN}B7",  # letters touch it, and there is another digit
        "²" * 16,
    ],
)
def test_what_is_no_card_number_by_the_strict_rule_is_let_pass(text: str) -> None:
    assert not holds_pan(text)


@pytest.mark.parametrize(
    "text",
    [
        PAN,
        AMEX,
        "6222 0212 3456 7894",
        "6222-0212-3456-7894",
        "6222.0212.3456.7894",
        "6222_0212/3456,7894",
        "6222  0212:3456;7894",
        "6222~0212|3456'7894",
        f"REF{PAN}X",
        f"REF {PAN} X9",
        f"20240501--{PAN}",
        f"20240501-{PAN}",
        f"{PAN} 01",
        "000" + PAN,
        "00 " + PAN,
        PAN.translate(FULL_WIDTH),
        "6222021234567894D30122010000012300000F",  # a chip's tag 57
        "6222021234567894FFFFFFFF",
        "57136222021234567894D30122010000012300000F",
        "%B378282246310005^DOE/JOHN^30122010000",
        ";6222021234567894=30122010000?",
        "6222021234567894d3012201",
        "6222 0212 3456 7894 D 3012 201",
    ],
)
def test_the_strict_rule_finds_digits_by_themselves_in_groups_and_in_tracks(text: str) -> None:
    assert holds_pan(text)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"card {PAN}.", "card ************7894."),
        ("6222 0212 3456 7894", "***************7894"),
        ("6222.0212.3456.7894", "***************7894"),
        ("6222 - 0212 - 3456 - 7894", "*********************7894"),
        (f"x{AMEX}y", "x***********8431y"),
        (f"99{PAN}99", "99************789499"),
        (f"({with_luhn('969075512345678')})", f"(************{with_luhn('969075512345678')[-4:]})"),
        (f"({with_luhn('101202505011')})", f"({with_luhn('101202505011')})"),
        ("1783251730250 and 20260705123045123", "1783251730250 and 20260705123045123"),
        ("6222021234567894D30122010000F", "***"),
        ("6222 0212 3456 7894 = 3012201", "***"),
        (f"9{AMEX}", "9***********8431"),
        (PAN.translate(FULL_WIDTH), "************" + "7894".translate(FULL_WIDTH)),
        (PAN.translate(ARABIC), "************" + "7894".translate(ARABIC)),
        (f"\u20b9{PAN[:6]}\u200b{PAN[6:]}", "\u20b9*************7894"),
        ("call 13800138000 or 021-12345678", "call 13800138000 or 021-12345678"),
        ("2024-05-01 12:30:45", "2024-05-01 12:30:45"),
        (";6222021234567894=30122010000?", "***"),
        (";1234567890123456=30122010000?", "***"),
        ("6222021234567894D30122010000", "***"),
        ("%B6222021234567894^LI/SI^30122010000?", "***"),
        ("%B6222 0212 3456 7894^LI/SI^3012", "***"),
        ("", ""),
        ("no digits", "no digits"),
    ],
)
def test_free_text_is_masked_but_for_the_last_four(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("6222%2D0212%2D3456%2D7894", "*********************7894"),
        ("100%4111111111111111", "100%************1111"),  # a number behind a sign, and not the letter A
        ("see %B4111111111111111^DOE/JOHN^3012?", "see ***"),
        ("%B4111%2D1111%2D1111%2D1111^DOE/JOHN^3012?", "%B***"),
        ("https://shop.example/?q=%E4%B8%AD%E6%96%87&page=12", "https://shop.example/?q=%E4%B8%AD%E6%96%87&page=12"),
        ("%2D%2D%2D%2D%2D%2D%2D%2D%2D%2D%2D%2D", "%2D%2D%2D%2D%2D%2D%2D%2D%2D%2D%2D%2D"),
        ("622%20 021 %2D 234&#160;567", "622%20 021 %2D 234&#160;567"),
        ("&#4111111; &unknown1111; 100 % of 2", "&#4111111; &unknown1111; 100 % of 2"),
    ],
)
def test_an_escape_is_read_as_what_it_stands_for_and_as_it_is_written(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("gap", "digits"), [("%2D", "2"), ("%C2%A0", "20"), ("&#160;", "160"), ("&#x2d;", "2"), ("\\x2d", "2")]
)
def test_the_digits_of_an_escape_are_none_of_the_number_around_it(gap: str, digits: str) -> None:
    head = "6222021234567894"[: 15 - len(digits)]
    whole = with_luhn(head[:8] + digits + head[8:])
    text = whole[:8] + gap + whole[8 + len(digits) :]
    assert not is_card_number(whole[:8] + whole[8 + len(digits) :])
    assert not holds_pan(text)
    assert mask(text) == text


def test_the_places_of_card_numbers_are_given_with_their_gaps() -> None:
    text = f"a 6222 0212 3456 7894, b {AMEX}"
    assert [text[start:end] for start, end in find_pans(text)] == ["6222 0212 3456 7894", AMEX]


@given(mixed)
@example(f"{PAN}{PAN[1:]}")
@example("4" * 40)
@example("0" * 40)
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once) == once
    assert find_pans(once) == []


@given(texts, digits, pans(12), digits, st.sampled_from(GAPS), texts)
def test_no_card_number_survives_in_free_text(
    before: str, left: str, pan: str, right: str, gap: str, after: str
) -> None:
    grouped = gap.join(pan[i : i + 4] for i in range(0, len(pan), 4))
    assert pan not in mask(f"{before}|{grouped}|{after}")
    if len(pan) >= 16:
        assert pan not in mask(before + left + pan + right + after)


def record(**fields: Any) -> bytes:
    return json.dumps({"merchant_id": "898210154110002", "event_time": 1_700_000_000_000, **fields}).encode()


PLACES: dict[str, Callable[[str], bytes]] = {
    "declared": lambda run: record(txn_id=run),
    "code list": lambda run: record(type="merchant", mccs=["5411", run]),
    "free text": lambda run: record(region=run),
    "key": lambda run: record(**{run: 1}),
    "nested key": lambda run: record(extra=[{run: None}]),
    "nested": lambda run: record(extra={"a": [{"b": f"see {run}"}]}),
    "number": lambda run: record(extra=int("1" + run)),
    "fraction": lambda run: b'{"extra": 1%s.5}' % run.encode(),
    "embedded JSON": lambda run: record(extra=json.dumps({"a": run})),
    "forbidden": lambda run: record(PAN=run),
    "escapes": lambda run: b'{"merchant_id":"898210154110002","note":"%s"}' % escaped(run).encode(),
    "broken escapes": lambda run: b'{"note":"%s' % escaped(run).encode(),
    "half escaped": lambda run: b'{"note":"%s%s' % (escaped(run[:-3]).encode(), run[-3:].encode()),
    "broken": lambda run: b'{"note":"\xff%s' % run.encode(),
    "not an object": lambda run: json.dumps([run]).encode(),
    "UTF-16": lambda run: record(note=run).decode().encode("utf-16"),
}


@pytest.mark.parametrize("where", PLACES)
@given(pan=pans(), left=digits, right=digits)
def test_no_card_number_survives_in_a_dead_letter(where: str, pan: str, left: str, right: str) -> None:
    raw = PLACES[where](left + pan + right)
    shown = mask_record(raw)
    assert pan not in shown
    assert pan not in json.dumps(shown, ensure_ascii=False)
    assert not any(is_card_number(shown[i : i + n]) for n in range(16, 20) for i in range(len(shown) - n + 1)
                   if shown[i : i + n].isdecimal() and shown[i : i + n].isascii())  # fmt: skip


@given(st.dictionaries(mixed | st.sampled_from(["txn_id", "type", "name", "mccs", "lat"]), json_values, max_size=4))
def test_a_masked_record_masked_again_is_the_same_and_is_json(event: dict[str, Any]) -> None:
    once = mask_record(json.dumps(event).encode())
    if len(once) < MAX_MASKED_CHARS:
        assert isinstance(json.loads(once), dict)
        assert mask_record(once.encode()) == once


@given(st.binary(max_size=60) | mixed.map(str.encode))
def test_whatever_bytes_come_the_text_can_be_written(raw: bytes) -> None:
    shown = mask_record(raw)
    assert not any(character < " " and character not in "\t\n\r" for character in shown)
    shown.encode()


def test_identifiers_and_times_that_are_no_card_numbers_are_shown_as_they_came() -> None:
    event = {
        "txn_id": "20240501000123",
        "merchant_id": "836731647220005",
        "acceptor_id": "898210154110002",
        "amount": 999_999_999_999,
        "event_time": 1_700_000_000_003,
        "card_token": "5f2d" * 8,
        "lat": 31.23041612345678,
        "rrn": None,
    }
    assert json.loads(mask_record(json.dumps(event).encode())) == event
    assert mask_event(event) == (event, 0, 0)


# Times from 2091 on may be Hipercards of 13 digits, and are masked in dead letters.
@given(st.integers(631_152_000_000, 3_840_999_999_999), st.integers(0, 999_999_999_999))
def test_times_and_amounts_in_declared_fields_are_never_touched(time_ms: int, amount: int) -> None:
    event = {"amount": amount, "event_time": time_ms, "received_at": time_ms}
    assert json.loads(mask_record(json.dumps(event).encode())) == event
    assert mask_event(event) == (event, 0, 0)


def test_a_field_of_another_type_is_free_text() -> None:
    long = "1" + AMEX
    assert AMEX not in mask_record(json.dumps({"type": "clock", "txn_id": long}).encode())
    assert AMEX in mask_record(json.dumps({"type": "?", "txn_id": long}).encode())


def find_keys(value: Any, name: str) -> list[str]:
    """Every key of a value that is a name, in whatever case."""
    if isinstance(value, list):
        return [found for each in value for found in find_keys(each, name)]
    if not isinstance(value, dict):
        return []
    mine = [key for key in value if key.lower() == name]
    return mine + [found for each in value.values() for found in find_keys(each, name)]


@pytest.mark.parametrize("name", sorted(STEMS))
def test_a_forbidden_value_is_not_shown_wherever_it_stands(name: str) -> None:
    secret = "SEKRET"
    for event in ({name: secret}, {name.upper(): secret}, {"a": [{name: [secret]}]}, {name: {"b": secret}}):
        raw = json.dumps(event).encode()
        assert secret not in mask_record(raw)
        assert secret not in mask_record(raw + b"}")
        with pytest.raises(CardDataError, match=f"(?i)got {name}") as caught:
            mask_event(event)
        assert (caught.value.reason, caught.value.field) == (Reason.FORBIDDEN_FIELD, next(iter(find_keys(event, name))))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"pin":"SEKRET',
        b'{"pin":"a\\"SEKRET"',
        b"{pin: SEKRET}",
        b'"{\\"PIN\\":\\"SEKRET\\"',
        b"pin=SEKRET,x=1",
        "{磁道信息：SEKRET".encode(),
        "{número de la tarjeta de crédito: SEKRET}".encode(),
        "{कार्ड का नंबर=SEKRET".encode(),
        b'{"' + "кодбезопасности".encode("ascii", "backslashreplace") + b'":"SEKRET',
    ],
)
def test_a_forbidden_value_is_not_shown_in_what_is_no_json_either(raw: bytes) -> None:
    assert b"SEKRET" in raw
    assert "SEKRET" not in mask_record(raw)


def test_the_values_that_are_not_at_fault_are_shown_as_they_came() -> None:
    event = {"merchant_id": "M1", "amount": -5, "note": "早餐 \n", "x": [True, None, 1.5, {"y": ""}]}
    assert json.loads(mask_record(json.dumps(event).encode())) == event


def test_what_is_no_json_is_shown_as_text_with_its_bad_bytes() -> None:
    assert mask_record(b"\xff\xfe hello \x01") == "\\xff\\xfe hello \\x01"


def test_a_control_character_lends_no_digits_to_those_after_it() -> None:
    shown = mask_record(json.dumps({"note": "\x14" + "1" * 15}).encode())
    assert "4111111111111111" not in json.dumps(shown)


def test_a_dead_letter_is_cut_at_its_length() -> None:
    assert len(mask_record(b'{"note":"' + b"a" * 10_000 + b'"}')) == MAX_MASKED_CHARS


def test_a_number_too_long_for_arithmetic_and_a_record_too_deep_are_shown_all_the_same() -> None:
    assert mask_record(b'{"x":' + b"0" + b"1" * 3_000 + b"}").startswith('{"x":0')
    assert mask_record(b'{"x":' + b"1" * 4_050 + b"}").startswith('{"x": "')
    assert mask_record(b'{"x":' + b"1" * 6_000 + b"}") == '{"x":***'
    assert mask_record(b'{"x":NaN,"y":1e999}') == '{"x": "NaN", "y": "1e999"}'
    deep = mask_record(b'{"a":' * 60 + b"1" + b"}" * 60)
    assert '"***"' in deep
    assert mask_record(b"[" * 60_000).startswith("[[[")


@pytest.mark.parametrize(
    "piece", ["1", "4", "1 ", "\\", "\\u0034", "1;", ";1", "B1", "1-", "pin ", "\x00", "%B4^", '"']
)
def test_a_record_of_the_greatest_length_is_masked_in_a_moment(piece: str) -> None:
    raw = (piece * MAX_RECORD_BYTES)[: 16 * MAX_RECORD_BYTES].encode()
    started = time.process_time()
    mask_record(raw)
    mask_record(json.dumps({"x": raw[: MAX_RECORD_BYTES // 2].decode()}).encode())
    assert time.process_time() - started < 5


def test_intake_masks_text_and_unknown_fields_and_counts_them() -> None:
    event = {
        "type": "merchant",
        "merchant_id": "M1",
        "name": f"Wang {PAN}",
        "extra": {PAN: [int(PAN), 1.0, "fine"]},
        "mccs": ["5411"],
    }
    masked, changed, cut = mask_event(event)
    assert masked == {
        "type": "merchant",
        "merchant_id": "M1",
        "name": "Wang ************7894",
        "extra": {"************7894": ["************7894", 1.0, "fine"]},
        "mccs": ["5411"],
    }
    assert (changed, cut) == (3, 0)
    assert event["name"] == f"Wang {PAN}"


@pytest.mark.parametrize(
    ("field", "value"),
    [("merchant_id", PAN), ("txn_id", "6222 0212 3456 7894"), ("amount", int(PAN)), ("rrn", f"R{PAN}")],
)
def test_intake_refuses_a_card_number_in_a_declared_field(field: str, value: str | int) -> None:
    with pytest.raises(CardDataError, match=f"{field} must not be a card number") as caught:
        mask_event({"merchant_id": "M1", field: value})
    assert (caught.value.reason, caught.value.field) == (Reason.CARD_NUMBER, field)
    assert PAN not in str(caught.value)


@pytest.mark.parametrize("field", ["lat", "lon"])
def test_intake_refuses_a_card_number_in_the_fraction_of_a_coordinate(field: str) -> None:
    assert mask_event({field: 0.6222021234567895}) == ({field: 0.6222021234567895}, 0, 0)
    with pytest.raises(CardDataError) as caught:
        mask_event({field: 0.6222021234567894})
    assert (caught.value.reason, caught.value.field) == (Reason.CARD_NUMBER, field)
    assert "6222" not in str(caught.value)


def test_intake_refuses_a_card_number_in_a_list_of_codes() -> None:
    with pytest.raises(CardDataError, match="mccs must not be a card number"):
        mask_event({"type": "merchant", "mccs": ["5411", PAN]})


@given(st.dictionaries(texts, json_values, max_size=4))
def test_what_intake_has_masked_needs_no_more_masking(event: dict[str, Any]) -> None:
    try:
        once = mask_event(event).event
    except CardDataError:
        return
    assert mask_event(once).event == once


def test_the_last_four_digits_may_be_shown() -> None:
    assert last4(PAN) == "7894"


@pytest.mark.parametrize("name", sorted(REMOVED_STEMS))
def test_the_value_of_a_field_that_is_removed_is_gone_and_the_record_goes_on(name: str) -> None:
    event, changed, _ = mask_event({"merchant_id": "m", name.upper(): "JOHN DOE", "a": {name: ["x"]}})
    assert event == {"merchant_id": "m", name.upper(): "***", "a": {name: "***"}}
    assert changed == 2


def test_what_is_no_keyed_hash_is_refused_at_intake_and_removed_elsewhere() -> None:
    shop = {"type": "merchant", "merchant_id": "m", "owner_key": "9b1f6c0a9d5e47728c1e0b6f5d2a9c34"}
    assert mask_event(shop) == (shop, 0, 0)
    for plain in ("6217000010001234567", "100200300400500", "11010119900307123X", 6217000010001234, ["1" * 16]):
        with pytest.raises(CardDataError, match="owner_key must be a keyed hash"):
            mask_event({**shop, "owner_key": plain})
        assert json.loads(mask_record(json.dumps({**shop, "owner_key": plain}).encode())) == {
            **shop,
            "owner_key": "***",
        }


def test_long_text_of_an_unknown_field_is_cut_and_counted_and_no_number_is_cut_in_two() -> None:
    text = "x" * (MAX_UNKNOWN_CHARS - 10) + PAN + "y" * 100
    event, changed, cut = mask_event({"merchant_id": "m", "note": text})
    assert event["note"] == "x" * (MAX_UNKNOWN_CHARS - 10) + "*" * 10 + "…"
    assert (changed, cut) == (1, 1)
