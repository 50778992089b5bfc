"""`ingest --wait`: what workers made of an input, by what they show and by their dead letters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest

from streams.topics import create_topics
from tests.tillwatch.conftest import call
from tests.tillwatch.forked import run
from tillwatch.ingest_wait import Waiting
from tillwatch.logs import open_log
from tillwatch.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

T0 = 1_780_000_000_000
SALE = {"merchant_id": "m", "amount": 100, "currency": "CNY"}


def test_the_whole_account_says_what_was_counted_and_what_was_not(tmp_path: Path) -> None:
    url, file = f"sqlite:///{tmp_path / 'log.db'}", tmp_path / "june.jsonl"
    ids = ["a", "b", "b", "c"]  # a repeat, and below a conflict
    events = [{**SALE, "txn_id": each, "event_time": T0 + k * 1_000} for k, each in enumerate(ids)]
    events.append({**events[0], "amount": 999, "event_time": T0 + 9_000})
    file.write_text("".join(f"{json.dumps(each)}\n" for each in events))
    with open_log(Settings(log_url=url)) as log:
        create_topics(log, 4)
        waiting = Waiting(log)
    assert call("--log-url", url, "ingest", file, "--historic").exit_code == 0
    with open_log(Settings(log_url=url)) as log:
        waiting._log = log
        with pytest.raises(click.ClickException, match=r"a worker must process the \d+ records that wait"):
            waiting.outcome(patience_s=0.0)
        code, _, errors = run("--log-url", url, "worker", "--until-idle")
        assert code == 0, errors
        found = waiting.outcome()
    assert (found.counts["transactions"], found.counts["duplicates"]) == (3, 1)
    assert [(reason, name) for reason, name in found.account.counts] == [("conflict", "amount")]
