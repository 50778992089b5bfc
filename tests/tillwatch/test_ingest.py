"""`ingest` and card numbers: names of inputs, a field of card numbers, forms of identifiers, cut texts."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from domain.card_tokens import TokenKey
from streams.sqlite.address import SqliteAddress
from tests.tillwatch.conftest import call, finish, start

PAN = "6222021234567894"
SALE = {"txn_id": "t", "merchant_id": "m", "amount": 1, "currency": "CNY", "event_time": 1_795_833_000_000}


def written(folder: Path) -> bytes:
    """Every byte of the log's files."""
    return b"".join(each.read_bytes() for each in folder.iterdir())


@pytest.fixture
def url(tmp_path: Path) -> str:
    (tmp_path / "log").mkdir()
    return SqliteAddress(tmp_path / "log" / "tillwatch.db").url


def lines_of(path: Path, *events: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps({**SALE, **each}) + "\n" for each in events))
    return path


def test_a_file_whose_name_holds_a_card_number_is_refused_and_taken_under_another_name(
    url: str, tmp_path: Path
) -> None:
    for name in (PAN, "6222-0212-3456-7894", "in 378282246310005"):
        file = lines_of(tmp_path / f"{name}.jsonl", {"txn_id": f"t{len(name)}"})
        refused = call("--log-url", url, "ingest", file, "--historic")
        assert refused.exit_code == 1
        assert "name of an input must not hold a card number, got one: give it another by --name" in refused.output
        assert name not in refused.output
        taken = call("--log-url", url, "ingest", file, "--historic", "--name", f"june-{len(name)}", "--json")
        assert msgspec.json.decode(taken.stdout)["forwarded"] == 1
        assert name.encode() not in written(tmp_path / "log")


def test_a_name_that_holds_a_card_number_is_refused_without_showing_it(url: str, tmp_path: Path) -> None:
    file = lines_of(tmp_path / "june.jsonl", {})
    for name in (PAN, f"pos {PAN}", "9378282246310005"):
        refused = call("--log-url", url, "ingest", file, "--name", name)
        assert refused.exit_code == 1
        assert name not in refused.output
        assert name.encode() not in written(tmp_path / "log")


def test_a_field_of_card_numbers_becomes_tokens_and_no_number_is_in_the_log(url: str, tmp_path: Path) -> None:
    key, following = tmp_path / "card.key", tmp_path / "next.key"
    for k, path in enumerate((key, following)):
        path.write_bytes(bytes([65 + k]) * 32)
        path.chmod(0o600)
    file = lines_of(tmp_path / "june.jsonl", {"pan": PAN}, {"pan": "378282246310005", "txn_id": "u"})
    options = ("--pan-field", "pan", "--token-key", key, "--next-token-key", following, "--next-token-key-id", "k9")
    taken = call("--log-url", url, "ingest", file, "--historic", "--json", *options)
    assert msgspec.json.decode(taken.stdout)["forwarded"] == 2
    log = written(tmp_path / "log")
    assert PAN.encode() not in log
    assert TokenKey("k1", b"A" * 32).token(PAN).encode() in log
    assert TokenKey("k9", b"B" * 32).token(PAN).encode() in log
    assert b'"card_last4":"7894"' in log


def test_a_field_of_card_numbers_needs_a_key_that_only_its_owner_may_read(url: str, tmp_path: Path) -> None:
    file, key = lines_of(tmp_path / "june.jsonl", {"pan": PAN}), tmp_path / "card.key"
    key.write_bytes(b"A" * 32)
    key.chmod(0o640)
    alone = call("--log-url", url, "ingest", file, "--pan-field", "pan")
    assert alone.exit_code == 2
    assert "--pan-field and --token-key must be given together" in alone.output
    open_to_others = call("--log-url", url, "ingest", file, "--pan-field", "pan", "--token-key", key)
    assert open_to_others.exit_code == 1
    assert "token key file card.key must have mode 0600, got 0640" in open_to_others.output


def test_texts_that_were_cut_are_counted(url: str, tmp_path: Path) -> None:
    file = lines_of(tmp_path / "june.jsonl", {"note": "x" * 5_000})
    shown = call("--log-url", url, "ingest", file, "--historic")
    assert "1 text of unknown fields was longer than 4,096 characters, and cut" in shown.output


def test_a_published_form_of_identifiers_is_taken_by_ingest_and_replay(url: str, tmp_path: Path) -> None:
    ids = [f"261128{k:010d}" for k in range(200)]
    file = lines_of(tmp_path / "june.jsonl", *({"txn_id": each} for each in ids))
    before = msgspec.json.decode(call("--log-url", url, "replay", file, "--json").stdout)
    assert 10 < before["dead_letters"] < 40
    form = tmp_path / "forms.json"
    form.write_text('[{"field": "txn_id", "form": "{YYMMDD}{10}"}]')
    assert call("--log-url", url, "controls", "publish", form, "--kind", "id_forms").exit_code == 0
    taken = msgspec.json.decode(call("--log-url", url, "ingest", file, "--historic", "--json").stdout)
    assert (taken["forwarded"], taken["dead_letters"]) == (200, 0)
    after = msgspec.json.decode(call("--log-url", url, "replay", file, "--json").stdout)
    assert (after["transactions"], after["dead_letters"]) == (200, 0)


def test_two_hundred_megabytes_without_an_end_of_line_take_little_memory(url: str) -> None:
    process = start("--log-url", url, "ingest", "-", "--json")
    assert process.stdin is not None
    for _ in range(200):
        process.stdin.write("x" * 1_000_000)
    process.stdin.flush()
    status = Path(f"/proc/{process.pid}/status").read_text()
    code, output, errors = finish(process)
    assert code == 1, errors  # nothing was forwarded
    assert msgspec.json.decode(output)["dead_letters"] == 1
    (peak_kb,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    assert peak_kb < 400_000


def test_what_overlapping_files_bring_again_is_left_out_and_counted(url: str, tmp_path: Path) -> None:
    sales: list[dict[str, object]] = [
        {"txn_id": f"t{k}", "event_time": 1_795_833_000_000 + k * 1_800_000} for k in range(96)
    ]
    first, second = lines_of(tmp_path / "1.jsonl", *sales[:48]), lines_of(tmp_path / "2.jsonl", *sales[40:])
    assert call("--log-url", url, "ingest", first, "--historic").exit_code == 0
    shown = call("--log-url", url, "ingest", second, "--historic")
    assert "48 events, 0 dead letters" in shown.output
    assert "8 events were left out: brought before by another input of the feed" in shown.output


def test_feeds_are_declared_with_commas_or_one_by_one_and_others_are_named_at_the_end(url: str, tmp_path: Path) -> None:
    names = ["east", "west", "north", "junk", "junk"]
    file = lines_of(tmp_path / "june.jsonl", *({"feed": each, "txn_id": f"t{k}"} for k, each in enumerate(names)))
    shown = call("--log-url", url, "ingest", file, "--historic", "--feeds", "east,west", "--feeds", "north")
    assert shown.exit_code == 0
    assert "2 records named feeds that are not declared and count under main: junk (declare them by --feeds)" in (
        " ".join(shown.output.split())
    )


def test_the_65th_feed_is_refused_by_the_command(url: str, tmp_path: Path) -> None:
    file = lines_of(tmp_path / "june.jsonl", {})
    refused = call("--log-url", url, "ingest", file, "--feeds", ",".join(f"f{k}" for k in range(64)))
    assert refused.exit_code == 1
    assert "feeds of a log must be at most 64, got one more: 'f63'" in refused.output
