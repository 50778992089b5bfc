from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from domain.profiles import Profiles
from tests.tillwatch.conftest import call

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def artefact(events: Path, tmp_path: Path) -> Path:
    out = tmp_path / "profiles.json"
    result = call("profiles", "build", events, "--out", out, "--json")
    assert result.exit_code == 0, result.output
    totals = msgspec.json.decode(result.stdout)
    made = Profiles.decoded(out.read_bytes())
    assert totals["profiles"] == len(made.profiles) >= 2
    assert totals["refused"] >= 2  # `?` and the empty line among them
    assert made.source == "poisoned.jsonl"
    return out


def test_the_same_file_gives_the_same_profiles(artefact: Path, events: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.json"
    result = call("profiles", "build", events, "--out", again)
    assert result.exit_code == 0, result.output
    mccs = [each.mcc for each in Profiles.decoded(artefact.read_bytes()).profiles]
    assert all(f"\n{mcc}" in result.stdout for mcc in mccs)
    assert again.read_bytes() == artefact.read_bytes()


def test_a_replay_without_profiles_says_that_the_detector_is_silent(
    artefact: Path, events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "setting profiles" in " ".join(call("replay", events).stdout.split())
    monkeypatch.setenv("TILLWATCH_PROFILES", str(artefact))
    assert "setting profiles" not in " ".join(call("replay", events).stdout.split())


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
