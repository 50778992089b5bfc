"""`tillwatch controls`, and what the other commands do with what was published."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from domain.alerts import Alert, Text
from engine.control_kinds.registry import KINDS
from models.peers import dump_peers
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from tests.controls_made import peers_of
from tests.tillwatch.conftest import call, json_lines
from tillwatch.language import local_iso
from tillwatch.tail import line

if TYPE_CHECKING:
    from pathlib import Path

JUMPS = "[detectors.mcc_jump]\nbase = 0.9\n"


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "detectors.toml"
    path.write_text(JUMPS)
    return path


def published(*arguments: str | Path) -> list[dict[str, Any]]:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.output)
    return found


def controls_in(log: Path) -> int:
    with SqliteLog(log) as opened:
        return opened.end_offset("controls", 0)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return SqliteAddress(tmp_path / "new" / "tillwatch.db").url


def test_what_was_published_is_listed_and_shown(url: str, toml: Path, tmp_path: Path) -> None:
    (first,) = published("--log-url", url, "controls", "publish", toml, "--kind", "detectors")
    assert (first["version"], first["effective_from"]) == (1, None)
    toml.write_text("[detectors]\n")
    published("--log-url", url, "controls", "publish", toml, "--kind", "detectors", "--effective-from", "2026-01-05")
    peers = tmp_path / "peers.json"
    peers.write_bytes(dump_peers(peers_of()))
    zero, one = published("--log-url", url, "controls", "publish", peers, "--kind", "peers", "--in", "2h")
    assert (zero["version"], zero["effective_from"], one["version"]) == (0, None, 1)
    listed = json.loads(call("--log-url", url, "controls", "list", "--json").output)
    assert [(each["kind"], each["version"], each["effective_from"]) for each in listed[:3]] == [
        ("detectors", 1, None), ("detectors", 2, "2026-01-04T16:00:00.000Z"), ("peers", 0, None),
    ]  # fmt: skip
    shown = call("--log-url", url, "controls", "list").output
    assert [row.split()[:3] for row in shown.splitlines()[2:]] == [
        ["detectors", "1", "always"], ["detectors", "2", "2026-01-05"], ["peers", "0", "always"],
        ["peers", "1", local_iso(listed[3]["effective_from"], "Asia/Shanghai").split()[0]], ["profiles", "0", "always"],
        ["model", "0", "always"], ["trade", "0", "always"],
        ["calendar", "0", "always"], ["engine", "0", "always"], ["prices", "0", "always"], ["layouts", "0", "always"],
        ["approval_codes", "0", "always"], ["rates", "0", "always"], ["id_forms", "0", "always"],
    ]  # fmt: skip
    assert "Controls (times: Asia/Shanghai)" in shown
    assert "设置版本（时间：北京时间）" in call("--log-url", url, "controls", "list", "--lang", "zh").output
    assert json.loads(call("--log-url", url, "controls", "show", "detectors", "1").output) == {
        "mcc_jump": {"base": 0.9}
    }
    assert json.loads(call("--log-url", url, "controls", "show", "detectors").output) == {}
    assert "must be among 1, 2, got 3" in call("--log-url", url, "controls", "show", "detectors", "3").output
    codes = json.loads(call("--log-url", url, "controls", "show", "approval_codes").output)
    assert codes["visa"] == ["00", "08", "10", "11", "85", "Y1", "Y3"], "what a first worker would publish"
    assert "must be among 0, got 1" in call("--log-url", url, "controls", "show", "approval_codes", "1").output


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("[detectors.mcc_jump]\nbase = 2", "detectors", "detectors.mcc_jump.base must be 0 to 1, got 2"),
        ("[detectors.mcc_jump", "detectors", "must be TOML"),
        ("partitions = 4", "detectors", "must hold tables such as [detectors.mcc_jump] alone, got partitions"),
        ('{"format":1,"groups":[', "peers", "must be JSON"),
        ('{"format":7,"groups":[]}', "peers", "peers must be an artefact of `tillwatch peers build`"),
        ('{"format":1}', "profiles", "profiles must be an artefact of `tillwatch profiles build`"),
    ],
)
def test_a_file_that_cannot_be_is_refused_and_nothing_is_written(
    url: str, toml: Path, tmp_path: Path, text: str, kind: str, words: str
) -> None:
    toml.write_text(text)
    result = call("--log-url", url, "controls", "publish", toml, "--kind", kind)
    assert result.exit_code == 1
    assert words in " ".join(result.output.split())
    assert controls_in(tmp_path / "new" / "tillwatch.db") == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--in", "soon"], "must be a while such as 10m, 2h or 3d, got 'soon'"),
        (["--effective-from", "soon"], "must be a time such as 2026-01-05T00:00, got 'soon'"),
        (["--effective-from", "2026-01-05", "--in", "1m"], "must not be given together"),
    ],
)
def test_a_time_that_is_none_is_refused(url: str, toml: Path, given: list[str], words: str) -> None:
    result = call("--log-url", url, "controls", "publish", toml, "--kind", "detectors", *given)
    assert (result.exit_code, words in result.output) == (2, True)


def test_a_version_on_a_log_that_was_read_must_lie_ahead_of_its_clocks(
    worked: Path, events: Path, toml: Path, tmp_path: Path
) -> None:
    log = tmp_path / "copy.db"
    with SqliteLog(worked) as before:
        before._db.execute("VACUUM INTO ?", (str(log),))
    for name in (".state.db",):
        shutil.copy(worked.with_suffix(name), log.with_suffix(name))
    url = SqliteAddress(log).url
    publish = ("--log-url", url, "controls", "publish", toml, "--kind", "detectors")
    assert "effective_from must be given" in call(*publish).output
    assert "effective_from must be after" in call(*publish, "--in", "60s").output
    assert controls_in(log) == len(KINDS), "version 0 of each"
    (one,) = published(*publish, "--in", "61s")
    with SqliteLog(log) as opened:
        (progress,) = opened.progress()
    assert (one["version"], progress.speed) == (1, 1.0)
    # Every event lies before, so a replay judges by what the settings said.
    out = tmp_path / "alerts.jsonl"
    assert call("--log-url", url, "replay", events, "--alerts-out", out).exit_code == 0
    assert {each["controls"].get("detectors", 0) for each in json_lines(out)} == {0}


def test_a_version_is_withdrawn_before_it_takes_effect(url: str, toml: Path, tmp_path: Path) -> None:
    publish = ("--log-url", url, "controls", "publish", toml, "--kind", "detectors")
    published(*publish, "--in", "2h")
    result = call("--log-url", url, "controls", "withdraw", "detectors", "1", "--json")
    made = json.loads(result.output)
    assert (made["version"], made["withdraws"], made["effective_from"]) == (2, 1, "never")
    shown = call("--log-url", url, "controls", "list").output
    assert [row.split()[:5] for row in shown.splitlines()[2:5]] == [
        ["detectors", "0", "always", *shown.splitlines()[2].split()[3:5]],
        ["detectors", "1", "never", *shown.splitlines()[3].split()[3:5]],
        ["detectors", "2", "withdraws", "1", "never"],
    ]
    assert json.loads(call("--log-url", url, "controls", "show", "detectors").output) == {}
    assert json.loads(call("--log-url", url, "controls", "show", "detectors", "1").output) == {
        "mcc_jump": {"base": 0.9}
    }
    again = call("--log-url", url, "controls", "withdraw", "detectors", "1")
    assert (again.exit_code, "one of those that take effect later (none), got 1" in again.output) == (1, True)
    none = call("--log-url", SqliteAddress(tmp_path / "none.db").url, "controls", "withdraw", "detectors", "1")
    assert (none.exit_code, "there is no log" in none.output) == (1, True)


def test_a_time_far_ahead_is_taken_for_a_slip_unless_it_is_meant(url: str, toml: Path, tmp_path: Path) -> None:
    publish = ("--log-url", url, "controls", "publish", toml, "--kind", "detectors")
    for given in (["--in", "401d"], ["--effective-from", "2206-01-05"]):
        result = call(*publish, *given)
        assert (result.exit_code, "400 days ahead, got" in result.output) == (1, True)
    assert controls_in(tmp_path / "new" / "tillwatch.db") == 0
    assert [each["version"] for each in published(*publish, "--in", "399d")] == [0, 1]
    assert [each["version"] for each in published(*publish, "--in", "401d", "--yes")] == [2]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_published_as_the_settings_have_it(url: str, kind: str) -> None:
    (made,) = published("--log-url", url, "controls", "publish", "--kind", kind, "--from-settings")
    assert (made["kind"], made["version"]) == (kind, 1)
    shown = json.loads(call("--log-url", url, "controls", "show", kind).output)
    assert shown == json.loads(KINDS[kind].default({}))


def test_a_file_or_the_settings_are_published_not_both_and_not_neither(url: str, toml: Path) -> None:
    for given in ([], [toml, "--from-settings"]):
        result = call("--log-url", url, "controls", "publish", *given, "--kind", "detectors")
        assert (result.exit_code, "either FILE or --from-settings must be given" in result.output) == (2, True)


def test_the_engine_is_published_as_a_table(url: str, toml: Path) -> None:
    toml.write_text('[engine]\nlate_s = 60\ncountry = "DE"\n')
    published("--log-url", url, "controls", "publish", toml, "--kind", "engine")
    assert json.loads(call("--log-url", url, "controls", "show", "engine").output) == {"late_s": 60, "country": "DE"}
    toml.write_text("[engine]\nlate_s = -1\n")
    result = call("--log-url", url, "controls", "publish", toml, "--kind", "engine", "--in", "2h")
    assert (result.exit_code, "engine must be late_s and repeat_s, 0 to 2592000" in result.output) == (1, True)


def test_a_replay_judges_by_what_the_log_says(url: str, events: Path, toml: Path, tmp_path: Path) -> None:
    outs = tmp_path / "before.jsonl", tmp_path / "after.jsonl"
    assert call("--log-url", url, "replay", events, "--alerts-out", outs[0]).exit_code == 0
    published("--log-url", url, "controls", "publish", toml, "--kind", "detectors")
    assert call("--log-url", url, "replay", events, "--alerts-out", outs[1]).exit_code == 0
    before, after = ([each for each in json_lines(out) if each["detector"] == "mcc_jump"] for out in outs)
    assert {each["controls"].get("detectors", 0) for each in before} == {0}
    assert {each["controls"].get("detectors", 0) for each in after} == {1}
    assert min(each["severity"] for each in after) >= 0.75 > min(each["severity"] for each in before)


def test_a_line_of_tail_names_the_versions_that_were_published() -> None:
    alert = Alert(
        alert_id="a", revision=1, detector="d", version=1, merchant_id="m", subject="m", severity=0.5, hits=1,
        first_time="", last_time="", at_stake=0, currency="CNY", title=Text("", ""), reason=Text("why", ""),
        evidence=(), txn_ids=(), risk_code="", controls={"detectors": 3, "peers": 1},
    )  # fmt: skip
    assert line(alert, "en", "Asia/Shanghai").plain.endswith("why  [detectors 3, peers 1]")
