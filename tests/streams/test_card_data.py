"""Card data that must not be stored, as lines and records bring it, and what only looks like it."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from domain.card_tokens import TokenKey
from domain.events import Reason
from engine.decoding.decode import Decoder
from engine.decoding.records import Records
from engine.decoding.scan import OK
from engine.monitor import Monitor, MonitorConfig
from streams.controls import publish
from streams.intake import ingest
from streams.line_intake import LineProcessor
from streams.pan_field import KeyRefused, PanField, read_key
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.cards_made import with_luhn
from tests.controls_made import known
from tests.strategies import records_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from domain.alerts import DeadLetter
    from streams.line_intake import ProcessedLines

NOW_MS = 1_795_920_000_000
PAN = "6222021234567894"
SALE = {"txn_id": "t", "merchant_id": "m", "amount": 1, "currency": "CNY", "event_time": 1_795_833_000_000}


def sale(**fields: Any) -> bytes:
    return json.dumps({**SALE, **fields}).encode()


def taken(*lines: bytes, **options: Any) -> ProcessedLines:
    processor = LineProcessor("f", "main", 1, historic=True, now_utc_ms=lambda: NOW_MS, **options)
    return processor.process(1, list(lines))


def letter(line: bytes) -> DeadLetter:
    """The dead letter that ingest makes of a line, and the worker of a record, for one reason and field."""
    (by_ingest,) = taken(line).letters
    ((_, _, by_worker),) = Decoder().decode(Records.of([line])).dead
    assert (by_ingest.reason, by_ingest.field) == (by_worker.reason, by_worker.field)
    return by_ingest


def event(line: bytes) -> dict[str, Any]:
    """What ingest appends for a line."""
    out = taken(line)
    assert out.letters == []
    return next(found for value in out.values[0] if (found := json.loads(value)).get("type") != "clock")


def test_an_unknown_key_forged_to_the_hash_of_a_forbidden_one_opens_no_way_for_it() -> None:
    decoder = Decoder()
    for _ in range(2):
        decoder.decode(Records.of([sale(**{"iryspmhp89#i780x": 1})]))
    ((_, _, found),) = decoder.decode(Records.of([sale(cvv="987")])).dead
    assert found.reason == Reason.FORBIDDEN_FIELD
    assert "987" not in found.record


@pytest.mark.parametrize(
    "value",
    [
        "6222021234567894D30122010000012300000F",
        PAN + "FFFFFFFF",
        "%B378282246310005^DOE/JOHN^30122010000",
        ";378282246310005=30122010000?",
        "6222.0212.3456.7894",
        "6222_0212/3456,7894",
        "6222  0212  3456  7894",
        "378282246310005",
        with_luhn("955880020012345678"),
        with_luhn("220012345678901"),
        with_luhn("608000000000000"),
        with_luhn("422222222222"),
        with_luhn("69075512345678901"),
    ],
)
def test_a_card_number_or_a_track_in_an_identifier_refuses_the_record(value: str) -> None:
    found = letter(sale(txn_id=value))
    assert (found.reason, found.field) == (Reason.CARD_NUMBER, "txn_id")
    for text in (found.record, found.message):
        assert value[:12] not in text
        assert "DOE" not in text


@pytest.mark.parametrize("field", ["card_token", "auth_code", "channel"])
def test_fields_that_never_look_like_a_card_number_are_held_to_the_wide_rule(field: str) -> None:
    for value in ("9378282246310005", "4222222222222", "30569309025904"):
        if field == "auth_code":
            assert letter(sale(auth_code=value)).field == field, "it is too long as well"
        else:
            assert letter(sale(**{field: value})).reason == Reason.CARD_NUMBER
    line = json.dumps({"type": "chargeback", "merchant_id": "m", "event_time": 1_795_833_000_000,
                       "reason_code": "x378282246310005"}).encode()  # fmt: skip
    assert letter(line).reason == Reason.CARD_NUMBER


@pytest.mark.parametrize("token", ["3f6b1c0a9d5e47728c1e0b6f5d2a9c34", "k1:cldgjckdailflllegbbfhjandpobepkc"])
def test_tokens_pass(token: str) -> None:
    assert event(sale(card_token=token))["card_token"] == token


def test_a_forbidden_key_refuses_the_record_at_any_depth_in_worker_and_ingest_alike() -> None:
    for extra in ({"cvv": "123"}, [{"a": {"CVV-2": 1}}], {"x": [[{"pin_block": "A1"}]]}):
        assert letter(sale(card=extra)).reason == Reason.FORBIDDEN_FIELD


def test_a_cardholders_name_is_removed_and_the_record_goes_on() -> None:
    found = event(sale(cardholder_name="JOHN DOE", cid="1234", extra={"Name-On-Card": "JOHN"}))
    assert (found["cardholder_name"], found["cid"], found["extra"]) == ("***", "***", {"Name-On-Card": "***"})


def test_a_zero_byte_between_digits_hides_nothing() -> None:
    found = event(sale(note="\0".join(PAN)))
    assert found["note"].count("*") >= 12
    assert "6" not in found["note"][:12]


def test_escapes_in_broken_json_hide_nothing() -> None:
    for gap in ("\\t", "\\n", "\\u0020", "\\u0009"):
        shown = letter(b'{"note":"' + gap.join((PAN[:4], PAN[4:8], PAN[8:12], PAN[12:])).encode()).record
        assert "6222" not in shown
        assert "7894" in shown


def test_unknown_text_beyond_four_thousand_characters_is_cut_and_counted() -> None:
    out = taken(sale(note="a" * 5_000), sale(note="a" * 4_096))
    assert out.cut_texts == 1
    notes = [json.loads(each).get("note") for each in out.values[0]]
    assert [len(each) for each in notes if each] == [4_097, 4_096]


def test_junk_keys_do_not_keep_a_steady_one_slow() -> None:
    decoder = Decoder()
    for k in range(0, 5_000, 100):
        decoder.decode(Records.of([sale(**{f"junk{n}": 1}) for n in range(k, k + 100)]))
    steady = Records.of([sale(steady=1)] * 5)
    decoder.decode(steady)
    assert decoder.decode(steady).columns.status.tolist() == [OK] * 5


def test_a_steady_key_stays_fast_while_junk_comes() -> None:
    decoder, slow = Decoder(), 0
    decoder.decode(Records.of([sale(steady=1)]))
    for k in range(0, 20_000, 500):
        found = decoder.decode(Records.of([*(sale(**{f"junk{n}": 1}) for n in range(k, k + 500)), sale(steady=1)]))
        slow += found.columns.status[-1] != OK
    assert slow <= 2


# -- identifiers that only look like card numbers

DATED = "2611281030000007"
FORM = [{"field": "txn_id", "form": "{YYMMDD}{10}"}]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(tmp_path / "log.db") as opened:
        create_topics(opened, 1)
        yield opened


def test_the_first_refusal_of_each_field_says_what_to_do() -> None:
    letters = taken(sale(txn_id=DATED), sale(txn_id=DATED), sale(rrn=DATED)).letters
    assert ["--kind id_forms" in each.message for each in letters] == [True, False, True]
    assert all(DATED not in each.message for each in letters)


def test_ingest_and_worker_and_replay_take_identifiers_of_a_declared_form(log: SqliteLog) -> None:
    body = msgspec.json.encode(FORM)
    publish(log, "id_forms", body, effective_ms=None, by="tester", zero=b"[]")
    totals = ingest(log, io.BytesIO(sale(txn_id=DATED, extra=["slow"])), name="a", historic=True)
    assert (totals.forwarded, totals.dead_letters) == (1, 0)
    monitor = Monitor(MonitorConfig(capacity=10))
    given = records_of([{**SALE, "txn_id": DATED}])
    assert monitor.process(given).counts.dead_letters == 1
    monitor.learn([known("id_forms", 0, 0, FORM)])
    outputs = monitor.process(given)
    assert (outputs.counts.transactions, outputs.dead_letters) == (1, [])


def test_a_form_counts_from_the_time_of_its_version_by_the_records_own() -> None:
    at_ms = int(SALE["event_time"])
    versions = [known("id_forms", 0, 0, []), known("id_forms", 1, at_ms + 1_000, FORM)]
    monitor = Monitor(MonitorConfig(capacity=10))
    monitor.learn(versions)
    events = [{**SALE, "txn_id": DATED, "event_time": at_ms + later} for later in (0, 2_000)]
    outputs = monitor.process(records_of(events))
    assert [each.position for each in outputs.dead_letters] == [0]
    assert outputs.counts.transactions == 1


def test_a_card_number_that_has_no_declared_form_stays_refused() -> None:
    monitor = Monitor(MonitorConfig(capacity=10))
    monitor.learn([known("id_forms", 0, 0, FORM)])
    outputs = monitor.process(records_of([{**SALE, "txn_id": PAN}, {**SALE, "rrn": DATED}]))
    assert [each.reason for each in outputs.dead_letters] == [Reason.CARD_NUMBER] * 2


# -- tokens for card numbers

KEY, NEXT = (TokenKey(name, bytes([k]) * 16) for k, name in enumerate(("k1", "k2")))


def test_a_field_of_card_numbers_becomes_a_token_and_four_digits_before_anything_is_written() -> None:
    for value in (PAN, int(PAN), "6222 0212 3456 7894"):
        out = taken(sale(pan=value), pan_field=PanField("pan", KEY))
        assert out.letters == []
        (found,) = [each for each in map(json.loads, out.values[0]) if "txn_id" in each]
        assert (found["card_token"], found["card_last4"]) == (KEY.token(PAN), "7894")
        assert "pan" not in found
        assert PAN not in repr(out.values)


def test_during_an_overlap_of_keys_both_tokens_are_written() -> None:
    out = taken(sale(account=PAN), pan_field=PanField("account", KEY, NEXT))
    (found,) = [each for each in map(json.loads, out.values[0]) if "txn_id" in each]
    assert (found["card_token"], found["card_token_next"]) == (KEY.token(PAN), NEXT.token(PAN))


def test_a_field_that_holds_no_card_number_is_dropped_and_the_event_goes_on_without_a_token() -> None:
    for value in ("", None, "12345", ["x"]):
        out = taken(sale(account=value), pan_field=PanField("account", KEY))
        (found,) = [each for each in map(json.loads, out.values[0]) if "txn_id" in each]
        assert not {"account", "card_token", "card_last4"} & found.keys()


def test_a_line_that_is_no_json_is_a_dead_letter_without_the_number() -> None:
    (found,) = taken(b'{"account":"%s"' % PAN.encode(), pan_field=PanField("account", KEY)).letters
    assert PAN not in found.record


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "card.key"
    path.write_bytes(b"0123456789abcdef\n")
    os.chmod(path, 0o644)  # noqa: PTH101
    with pytest.raises(KeyRefused, match=r"token key file card.key must have mode 0600, got 0644"):
        read_key(path, "k1", "sha256")
    os.chmod(path, 0o600)  # noqa: PTH101
    assert read_key(path, "k1", "sha256") == TokenKey("k1", b"0123456789abcdef")
    path.write_bytes(b"short")
    with pytest.raises(KeyRefused, match="token key k1 must be at least 16 bytes, got 5"):
        read_key(path, "k1", "sha256")


def test_a_declared_field_or_two_keys_of_one_id_make_no_tokens() -> None:
    with pytest.raises(KeyRefused, match="must be none of an event's declared fields, got 'txn_id'"):
        PanField("txn_id", KEY)
    with pytest.raises(KeyRefused, match="ids of two token keys must differ, got k1 twice"):
        PanField("pan", KEY, KEY)
