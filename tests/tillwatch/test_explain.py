"""`tillwatch explain`: why a merchant's score changed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import msgspec
import pytest

from domain.alerts import Score
from domain.events import VERDICTS
from domain.timestamps import DAY_MS, MINUTE_MS
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from tests.tillwatch.conftest import call, json_lines
from tillwatch.explain import moment_of
from tillwatch.explain_view import _WORDS
from tillwatch.language import LANGUAGES
from tillwatch.logs import Follower

if TYPE_CHECKING:
    from pathlib import Path

START_MS = 1_767_571_200_000
"""Monday 2026-01-05, 08:00 in Shanghai."""


def sale(at_ms: int, mcc: str = "8062", amount: int = 1_000_000) -> dict[str, Any]:
    return {
        "txn_id": f"t{at_ms}", "merchant_id": "m", "amount": amount, "currency": "CNY", "mcc": mcc,
        "scheme": "unionpay", "card_kind": "credit", "event_time": START_MS + at_ms,
    }  # fmt: skip


def of(kind: str, at_ms: int, **more: object) -> dict[str, Any]:
    return {"type": kind, "merchant_id": "m", "event_time": START_MS + at_ms, **more}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_verdict_has_words_of_its_own(lang: str) -> None:
    said = [_WORDS[lang][verdict] for verdict in VERDICTS]
    assert len(set(said)) == len(said)
    assert all("{}" in each for each in said)


def write(path: Path, events: list[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in events))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A restaurant that sold as a hospital; confirmed the day after, and graded by hand."""
    jumps = [
        {"type": "merchant", "merchant_id": "m", "effective_from": START_MS - DAY_MS, "mccs": ["5812"]},
        sale(0), sale(MINUTE_MS),
    ]  # fmt: skip
    out = tmp_path / "alerts.jsonl"
    result = call("replay", write(tmp_path / "first.jsonl", jumps), "--alerts-out", out)
    assert result.exit_code == 0, result.output
    alert_id = json_lines(out)[0]["alert_id"]
    return write(tmp_path / "events.jsonl", [
        *jumps, sale(DAY_MS, "5812"), of("verdict", DAY_MS, alert_id=alert_id, verdict="confirmed"),
        of("verdict", DAY_MS, alert_id="unknown", verdict="confirmed"),
        of("override", DAY_MS, grade="E", reason="seen on site", expires_at=START_MS + 30 * DAY_MS),
        sale(3 * DAY_MS, "5812"),
    ])  # fmt: skip


def explained(*arguments: str | Path) -> dict[str, Any]:
    result = call("explain", *arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = msgspec.json.decode(result.stdout)
    return found


def test_each_change_is_told_with_its_points_and_they_sum_to_the_difference(file: Path) -> None:
    found = explained("m", "--since", "2026-01-01", "--events", file)
    kinds = [each["kind"] for each in found["steps"]]
    assert kinds[:4] == ["prior", "rise", "confirmed", "override"]
    assert set(kinds[4:]) <= {"fading", "priors", "caps", "floor"}
    assert found["then"] == {"time": "2025-12-31T16:00:00.000Z", "score": 0, "grade": "A"}
    total = sum(round(100 * each["points"]) for each in found["steps"])
    assert total == round(100 * found["difference"]) == round(100 * found["now"]["score"])
    rise = found["steps"][1]
    assert (rise["detector"], rise["title"]["zh"], rise["time"]) == ("mcc_jump", "跳码", "2026-01-05T00:01:00.000Z")
    assert rise["reason"]["en"].startswith("Registered 5812 (restaurants); 2 sales")
    assert (rise["bearer"], rise["loss_month"], rise["duty"], rise["currency"]) == ("issuer_network", None, None, "CNY")
    assert rise["turnover"] > rise["loss"] > 0
    assert (found["now"]["grade"], found["score"]["override"]["reason"]) == ("E", "seen on site")
    assert found["score"]["floor"]["alert_id"] == rise["alert_id"]
    assert found["complete"]


def test_only_what_came_since_then_is_told(file: Path) -> None:
    found = explained("m", "--since", "2026-01-07", "--events", file)
    assert {each["kind"] for each in found["steps"]} <= {"fading", "priors", "floor", "caps"}
    assert found["then"]["grade"] == "E"


def test_the_statement_reads_in_both_languages(file: Path) -> None:
    english = call("explain", "m", "--since", "monday", "--events", file)
    assert english.exit_code == 0, english.output
    for words in (
        "then",
        "now",
        "MCC code-jumping",
        "confirmed",
        "grade E set by hand until 2026-02-04",
        "seen on site",
        "borne by issuer and network",
    ):
        assert words in " ".join(english.stdout.split()), "a table wraps its lines"
    assert re.search(r"severity 0\.\d\d\s+(low|medium|high|critical)", english.stdout)
    chinese = call("explain", "m", "--since", "monday", "--events", file, "--lang", "zh")
    for words in ("期初", "期末", "跳码", "核实属实", "人工定级E", "8062", "承担方：发卡行及卡组织"):
        assert words in "".join(chinese.stdout.split())


def test_the_state_tells_what_a_replay_does(worked: Path, events: Path) -> None:
    with SqliteLog(worked) as log:
        scores = Follower(log, "merchant-risk", Score, from_start=True).poll()
    riskiest = max(scores, key=lambda each: each.score)
    assert riskiest.score > 40
    arguments = ("explain", riskiest.merchant_id, "--since", "2d", "--json")
    result = call("--log-url", SqliteAddress(worked).url, *arguments)
    assert result.exit_code == 0, result.output
    found = msgspec.json.decode(result.stdout)
    assert found == explained(riskiest.merchant_id, "--since", "2d", "--events", events)
    assert any(each.get("reason") for each in found["steps"])
    assert found["difference"] == pytest.approx(sum(each["points"] for each in found["steps"]))


def test_a_merchant_without_a_score_is_told_of_in_one_line(file: Path, tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.jsonl", [sale(0, "5812")])
    for merchant_id, source, words in (("m", plain, "has no score"), ("nobody", file, "is not known")):
        result = call("explain", merchant_id, "--events", source)
        assert (result.exit_code, result.stdout) == (1, "")
        assert words in result.stderr


@pytest.mark.parametrize(
    ("since", "meant"),
    [
        ("12h", "2026-01-07T09:30+08:00"), ("2d", "2026-01-05T21:30+08:00"), ("monday", "2026-01-05T00:00+08:00"),
        ("Wednesday", "2026-01-07T00:00+08:00"), ("thursday", "2026-01-01T00:00+08:00"),
        ("2026-01-05", "2026-01-05T00:00+08:00"), ("2026-01-05T10:00:00+00:00", "2026-01-05T18:00+08:00"),
    ],
)  # fmt: skip
def test_since_may_be_a_while_a_day_of_the_week_or_a_date(since: str, meant: str) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    now_ms = round(datetime(2026, 1, 7, 21, 30, tzinfo=zone).timestamp() * 1000)
    assert moment_of(since, now_ms, zone) == datetime.fromisoformat(meant).timestamp() * 1000


@pytest.mark.parametrize(("since", "words"), [("soon", "such as monday"), ("2027-01-01", "must not be after")])
def test_a_since_that_means_nothing_or_the_future_is_refused(since: str, words: str) -> None:
    with pytest.raises(click.BadParameter, match=words):
        moment_of(since, START_MS, ZoneInfo("UTC"))
