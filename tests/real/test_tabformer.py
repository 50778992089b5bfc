"""Real input that nobody here wrote: one cardholder's 18 years, from the public TabFormer data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from bench.tabformer import alerts_of, convert
from engine.control_kinds.engine import EngineSettings
from engine.monitor import Monitor, MonitorConfig
from evaluation.stories import per_story
from streams.app import WorkerSettings
from streams.intake import ingest
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, create_topics
from streams.worker import run_worker
from tests.tillwatch.conftest import call

if TYPE_CHECKING:
    from engine.monitor import Totals
    from engine.outputs import Counts

SOURCE = Path(__file__).parents[3] / "shared" / "data" / "tabformer_user0.csv.gz"
ROWS = 19_963

pytestmark = pytest.mark.skipif(
    not SOURCE.is_file(), reason="the TabFormer file is kept beside the project, not in it, and is not there"
)


class Run:
    """The file through ingest, the embedded log and the worker."""

    def __init__(self, folder: Path) -> None:
        self.lines = folder / "tabformer.jsonl"
        convert(SOURCE, self.lines)
        self.config = MonitorConfig(
            capacity=2000, time_zone="America/Los_Angeles", controls={"engine": EngineSettings(country="US")}
        )
        self.monitors: list[Monitor] = []
        path = self.log = folder / "log.db"
        with SqliteLog(path) as log, self.lines.open("rb") as file:
            create_topics(log, 2)
            self.intake = ingest(log, file, name="tabformer", historic=True)
        settings = WorkerSettings(address=SqliteAddress(path), partitions=2)
        self.counts: Counts = run_worker(settings, self._monitor, until_idle=True)
        with SqliteLog(path) as log:
            self.alerts = [record for p in range(2) for record in log.read_keyed(TOPICS.alerts.name, p, 0)]

    def _monitor(self, partition: int, partitions: int) -> Monitor:
        self.monitors.append(Monitor(self.config, partition, partitions, checkpoints=True))
        return self.monitors[-1]

    def totals(self) -> dict[str, Totals]:
        return {each.merchant_id: each for monitor in self.monitors for each in monitor.totals()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("tabformer"))


def naive_sums(path: Path) -> dict[str, dict[str, Any]]:
    """Sums per merchant as anyone would write them in pandas, duplicates by id left out."""
    table = pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()]).drop_duplicates("txn_id")
    approved = table[table.response_code == "00"]
    sales, refunds = approved[approved.txn_type == "purchase"], approved[approved.txn_type == "refund"]
    sums = pd.DataFrame(
        {
            "attempts": table.groupby("merchant_id").amount.count(),
            "sales": sales.groupby("merchant_id").amount.count(),
            "sales_minor": sales.groupby("merchant_id").amount.sum(),
            "refunds": refunds.groupby("merchant_id").amount.count(),
            "refunds_minor": refunds.groupby("merchant_id").amount.sum(),
        }
    )
    return {str(key): row for key, row in sums.fillna(0).astype("int64").to_dict("index").items()}


@pytest.mark.timeout(300)
def test_every_row_is_processed_a_duplicate_or_a_dead_letter(run: Run) -> None:
    counts = run.counts
    assert run.intake.forwarded + run.intake.dead_letters == ROWS
    assert counts.transactions + counts.duplicates + counts.dead_letters + run.intake.dead_letters == ROWS
    assert counts.dead_letters == run.intake.dead_letters == 0


def test_a_merchant_with_one_mcc_raises_no_mcc_alert(run: Run) -> None:
    said = [json.loads(record.value) for record in run.alerts]
    assert [alert["reason"]["en"] for alert in said if alert["detector"].startswith("mcc_")] == []


def test_only_duties_of_the_rules_are_many(run: Run) -> None:
    """One cardholder's shops sell seldom: what the rules ask after 90 and 365 idle days is most of what is said."""
    said = [json.loads(record.value) for record in run.alerts]
    serious = {alert["alert_id"]: alert for alert in said if alert["severity"] > 0.3}
    assert len(serious) <= 10, [alert["reason"]["en"] for alert in serious.values()]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_merchant_s_story_is_one_alert(run: Run) -> None:
    every, *_ = per_story(alerts_of(run.lines))
    said = {json.loads(record.value)["alert_id"] for record in run.alerts}
    assert every.alerts == len(said) > 0
    assert every.alerts_a_story is not None
    assert every.alerts_a_story <= 1.2


def test_the_sums_of_each_merchant_are_those_of_a_naive_computation(run: Run) -> None:
    expected = naive_sums(run.lines)
    found = run.totals()
    assert len(expected) == 552
    assert {
        key: {name: getattr(found[key], name) for name in row} for key, row in expected.items()
    } == expected  # fmt: skip


def test_the_ready_mapping_gives_the_converters_events_record_by_record(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILLWATCH_PARTITIONS", "2")
        result = call("--log-url", SqliteAddress(path).url, "ingest", SOURCE, "--mapping", "tabformer", "--historic")
    assert result.exit_code == 0, result.output
    assert sales_in(path) == sales_in(run.log) != []


def sales_in(path: Path) -> list[dict[str, Any]]:
    """The transactions of a log by partition; the number of a row counts from its header, or behind it."""
    found = []
    with SqliteLog(path) as log:
        for partition in range(2):
            offset = 0
            while len(batch := log.read(TOPICS.events.name, partition, offset)):
                offset = int(batch.offsets[-1]) + 1
                found += [json.loads(batch.value(i)) for i in range(len(batch))]
    sales = [each for each in found if each.get("type") != "clock"]
    first = min(int(each["txn_id"].removeprefix("tf-")) for each in sales)
    return [
        {
            "txn_type": "purchase", **each, "txn_id": int(each["txn_id"].removeprefix("tf-")) - first,
            "event_time": each["received_at"],
        }
        for each in sales
    ]  # fmt: skip
