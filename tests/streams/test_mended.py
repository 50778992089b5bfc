"""Numbers that no double holds and halves of characters: they cost their field, not the record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from domain.card_tokens import TokenKey
from domain.events import Reason
from engine.decoding.decode import Decoder
from engine.decoding.records import Records
from streams.line_intake import LineProcessor
from streams.pan_field import PanField

if TYPE_CHECKING:
    from domain.alerts import DeadLetter
    from engine.decoding.decode import Decoded

NOW_MS = 1_795_920_000_000
SALE = {"txn_id": "t", "merchant_id": "m", "amount": 1, "currency": "CNY", "event_time": 1_795_833_000_000}
PAN = "6222021234567894"


def line(more: str) -> bytes:
    return f"{json.dumps(SALE)[:-1]},{more}}}".encode()


def worked(raw: bytes) -> Decoded:
    return Decoder().decode(Records.of([raw]))


def appended(raw: bytes, **options: Any) -> tuple[list[bytes], list[DeadLetter]]:
    """What ingest appends for a line, clock records apart, and its dead letters."""
    processor = LineProcessor("f", "main", 1, historic=True, now_utc_ms=lambda: NOW_MS, **options)
    out = processor.process(1, [raw])
    return [each for each in out.values[0] if b'"clock"' not in each], out.letters


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ('"fee":1e400', "fee"),
        ('"lat":-1E+999', "lat"),
        ('"rrn":1e400', "rrn"),
        ('"rrn":"\\udc00a"', "rrn"),
        ('"region":"Shang\\ud800hai"', "region"),
        ('"transmitted_at":1e400', "transmitted_at"),
        ('"scheme":"\\ud800"', "scheme"),
    ],
)
def test_in_an_optional_field_it_costs_the_field_which_is_counted_behind_ingest_too(more: str, field: str) -> None:
    found = worked(line(more))
    assert (found.dead, dict(found.dropped)) == ([], {field: 1})
    (value,), letters = appended(line(more))
    again = worked(value)
    assert (letters, again.dead, dict(again.dropped)) == ([], [], {field: 1})


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ('"x":1e400', "1e400"),
        ('"x":[1,{"y":-1e999,"z":"a\\udfff"}]', [1, {"y": "-1e999", "z": "a\ufffd"}]),
        (f'"x":"{PAN}\\ud800"', "************7894\ufffd"),
        (f'"x":{PAN}e400', "************7894e400"),
        ('"x":"\\ud83d\\ude00"', "\U0001f600"),
    ],
)
def test_in_an_unknown_field_it_is_passed_on_as_text_and_the_record_counts(more: str, kept: object) -> None:
    assert (worked(line(more)).dead, dict(worked(line(more)).dropped)) == ([], {})
    (value,), letters = appended(line(more))
    assert (json.loads(value)["x"], letters) == (kept, [])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('"amount":1e400', "amount must be an integer, got 1e400"),
        ('"event_time":1e400', "event_time must be ISO 8601 with an offset or epoch milliseconds, got 1e400"),
        ('"merchant_id":"m\\ud800"', "merchant_id must be a string, got 'm\ufffd', in which half a character is"),
        ('"type":1e400', "type must be a string, got 1e400"),
        ('"response_code":"\\ud800"', "response_code must be a string, got '\ufffd', in which half a character is"),
        (f'"amount":{PAN}e400', "amount must be an integer, got ************7894e400"),
    ],
)
def test_in_a_required_field_the_dead_letter_names_it_and_what_came(more: str, message: str) -> None:
    ((_, _, by_worker),) = worked(line(more)).dead
    values, (by_ingest,) = appended(line(more))
    for letter in (by_worker, by_ingest):
        assert (letter.reason, letter.field, letter.message) == (
            Reason.WRONG_TYPE,
            message.split(" ", maxsplit=1)[0],
            message,
        )
        assert PAN not in letter.record
    assert values == []


@pytest.mark.parametrize("more", [f'"rrn":"{PAN}\\ud800"', f'"card_token":"\\ud800{PAN}"', f'"rrn":{PAN}e400'])
def test_a_card_number_beside_it_in_an_identifier_refuses_the_record(more: str) -> None:
    ((_, _, by_worker),) = worked(line(more)).dead
    values, (by_ingest,) = appended(line(more))
    assert (by_worker.reason, by_ingest.reason, values) == (Reason.CARD_NUMBER, Reason.CARD_NUMBER, [])
    assert PAN not in by_worker.record + by_ingest.record


def test_a_forbidden_name_refuses_the_record_whatever_stands_beside_it() -> None:
    for more in ('"cvv":1e400', '"x":{"c\\ud800vv":1}', '"x":1e400,"y":{"pin":"\\ud800"}'):
        ((_, _, letter),) = worked(line(more)).dead
        assert letter.reason == Reason.FORBIDDEN_FIELD


def test_a_card_number_that_becomes_a_token_does_so_beside_it() -> None:
    field = PanField("number", TokenKey("k1", b"0123456789abcdef"))
    (value,), letters = appended(line(f'"number":"{PAN}","x":1e400,"region":"\\ud800"'), pan_field=field)
    assert (json.loads(value)["card_last4"], PAN in value.decode(), letters) == ("7894", False, [])


@pytest.mark.parametrize("more", ['"x":NaN', '"x":-Infinity', '"x":1e400,"y":', '"x":"\\ud800', '"x":1e400,"x"'])
def test_what_is_no_json_stays_none(more: str) -> None:
    ((_, _, letter),) = worked(line(more)).dead
    assert letter.reason == Reason.NOT_JSON
