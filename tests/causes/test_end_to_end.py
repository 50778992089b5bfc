"""From a simulation's events, of which an agent overcharges some merchants, to the cause."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from streams.sqlite.address import SqliteAddress
from tests.tillwatch.conftest import call, finish, start

if TYPE_CHECKING:
    from pathlib import Path

SINCE = "2025-01-10"


def overcharge(simulated: Path, out: Path, agent: str, share: float) -> list[str]:
    """Raise what a share of an agent's merchants pays from a day on; who they are."""
    lines = (simulated / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assigned = (json.loads(each) for each in lines if '"assignment"' in each)
    merchants = sorted({each["merchant_id"] for each in assigned if each.get("agent_id") == agent})
    chosen = random.Random(1).sample(merchants, round(share * len(merchants)))
    with out.open("w", encoding="utf-8") as file:
        for each in lines:
            event = json.loads(each) if '"fee":' in each else {}
            if event.get("merchant_id") in chosen and event["fee"] > 0 and event["event_time"] >= SINCE:
                event["fee"] = event["fee"] * 8 // 5 + 50
            file.write((json.dumps(event) if event else each) + "\n")
    return chosen


@pytest.mark.slow
def test_an_agent_that_overcharges_12_percent_of_its_merchants_is_told_within_a_day(tmp_path: Path) -> None:
    simulated, events, url = tmp_path / "simulated", tmp_path / "events.jsonl", SqliteAddress(tmp_path / "log.db").url
    options = ["--merchants", "800", "--days", "6", "--people", "--tx-per-merchant-day", "20", "--json"]
    assert call("simulate", simulated, *options).exit_code == 0
    chosen = overcharge(simulated, events, "agent-000", 0.12)
    assert len(chosen) > 20
    assert call("--log-url", url, "ingest", events, "--feed", "sim", "--historic").exit_code == 0
    code, _, errors = finish(start("--log-url", url, "worker", "--until-idle"))
    assert code == 0, errors
    (line,) = call("--log-url", url, "causes", "--json").output.splitlines()
    cause = json.loads(line)
    assert (cause["kind"], cause["key"], cause["group"], cause["first_day"]) == ("agent", "agent-000", "fee", SINCE)
    assert cause["risk_code"] == "13"
    assert len({each["merchant_id"] for each in cause["members"]} & {*chosen}) >= 0.8 * len(chosen)
