from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from domain.profiles import Profiles
from models.trade.model import TradeModel
from streams.sqlite.address import SqliteAddress
from tests import trade_made
from tests.tillwatch import model_days
from tests.tillwatch.conftest import call

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def artefact(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("profiles") / "profiles.json"
    result = call("profiles", "build", events, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    totals = msgspec.json.decode(result.stdout)
    made = Profiles.decoded(out.read_bytes())
    assert totals["profiles"] == len(made.profiles) >= 2
    assert totals["refused"] >= 2  # `?` and the empty line among them
    assert made.source == "poisoned.jsonl"
    return out


@pytest.mark.slow
def test_the_same_file_gives_the_same_profiles(artefact: Path, events: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.json"
    result = call("profiles", "build", events, "--out", again)
    assert result.exit_code == 0, result.output
    mccs = [each.mcc for each in Profiles.decoded(artefact.read_bytes()).profiles]
    assert all(f"\n{mcc}" in result.stdout for mcc in mccs)
    assert again.read_bytes() == artefact.read_bytes()


def test_a_replay_without_profiles_says_that_the_detector_is_silent(
    artefact: Path, events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = tmp_path / "some.jsonl"
    some.write_bytes(b"".join(events.read_bytes().splitlines(keepends=True)[:2_000]))
    assert "setting profiles" in " ".join(call("replay", some).stdout.split())
    monkeypatch.setenv("TILLWATCH_PROFILES", str(artefact))
    assert "setting profiles" not in " ".join(call("replay", some).stdout.split())


def test_a_file_that_is_no_artefact_is_refused_in_one_line(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    monkeypatch.setenv("TILLWATCH_PROFILES", str(wrong))
    result = call("replay", events, "--json")
    assert result.exit_code == 2
    assert "wrong.json: profiles must be an artefact" in result.stderr


def test_the_input_is_never_written_over(events: Path) -> None:
    before = events.read_bytes()
    result = call("profiles", "build", events, "--out", events)
    assert result.exit_code == 2
    assert "--out must be another file" in result.stderr
    assert events.read_bytes() == before


def test_too_few_merchants_are_refused_in_one_line(tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text('{"txn_id":"1","merchant_id":"m","amount":1,"currency":"CNY","event_time":1735660800000}\n')
    result = call("profiles", "build", few, "--out", tmp_path / "out.json")
    assert result.exit_code == 1
    assert "must have 8 merchants" in result.stderr


# -- the trade model


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of days of merchants of four MCCs, and a trade model of it."""
    folder = tmp_path_factory.mktemp("trade")
    model_days.made_log(folder / "tillwatch.db", [trade_made.days()])
    with pytest.MonkeyPatch.context() as patch:
        trade_made.boost_briefly(patch)
        result = call(
            "--log-url", SqliteAddress(folder / "tillwatch.db").url, "profiles", "train",
            "--out", folder / "trade.json", "--version", "q1", "--source", "drawn",
        )  # fmt: skip
    assert result.exit_code == 0, result.output
    (folder / "shown.txt").write_text(result.stdout, encoding="utf-8")
    return folder


def test_a_trade_model_of_the_log_says_what_it_cannot_separate(shelf: Path) -> None:
    shown = (shelf / "shown.txt").read_text(encoding="utf-8")
    lines = {line.split()[0]: line for line in shown.splitlines() if line[:4].isdigit()}
    assert set(lines) >= {"5411", "5541", "5812", "5912"}
    assert "5912" in lines["5411"].split("%")[2], "supermarkets are taken for pharmacies"
    assert "144 merchants, 2024-10-04 to 2025-02-03" in shown
    again = call("profiles", "show", shelf / "trade.json", "--lang", "zh").stdout
    assert "易混淆" in again
    assert "超市" in again


def test_what_is_shown_of_a_trade_model_can_be_read_by_machines(shelf: Path) -> None:
    found = msgspec.json.decode(call("profiles", "show", shelf / "trade.json", "--json").stdout)
    assert (found["version"], found["source"], found["merchants"]) == ("q1", "drawn", 144)
    assert [each["mcc"] for each in found["classes"]] == ["5411", "5541", "5812", "5912"]
    assert found["log_loss"] < found["guess_log_loss"]


def test_a_trade_model_can_be_published_and_counts_from_a_setting(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SqliteAddress(tmp_path / "new.db").url
    result = call("--log-url", log, "controls", "publish", shelf / "trade.json", "--kind", "trade")
    assert result.exit_code == 0, result.output
    monkeypatch.setenv("TILLWATCH_TRADE", str(shelf / "trade.json"))
    body = call("--log-url", SqliteAddress(tmp_path / "none.db").url, "controls", "show", "trade").stdout
    assert TradeModel.decoded(body.encode()) == TradeModel.decoded((shelf / "trade.json").read_bytes())


def test_what_is_no_trade_model_and_a_log_without_days_are_refused(tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_text("{}")
    shown = call("profiles", "show", tmp_path / "wrong.json")
    assert shown.exit_code == 1
    assert "wrong.json: trade must be an artefact of `tillwatch profiles train`" in shown.stderr
    model_days.made_log(tmp_path / "empty.db", [])
    trained = call(
        "--log-url", SqliteAddress(tmp_path / "empty.db").url, "profiles", "train", "--out", tmp_path / "trade.json"
    )
    assert trained.exit_code == 1
    assert "merchant-days to train on must be there" in trained.stderr
    assert not (tmp_path / "trade.json").exists()
