"""A state is read by versions with more features and detectors, and with fewer; what starts anew finds nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from detectors.contract import CONTEXT, Findings
from detectors.registry import make_detectors
from domain.alerts import Alert, Evidence, Text
from domain.timestamps import DAY_MS
from engine.checkpoint.checkpoints import FORMAT, Notes, OtherState
from engine.checkpoint.fitting import fitted
from engine.decoding.records import Records
from engine.features.blindness import EVENT_WINDOWS, name_of
from engine.features.families import lifetime, repeats, volume
from engine.features.families.registry import FAMILIES, columns
from engine.features.pipeline import FeaturePipeline
from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.simulation import simulate
from tests.engine.test_checkpoints import Shelf, rows_of
from tests.strategies import records_of
from tests.told import Telling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from detectors.contract import Detector

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # the kernel of the older version may have to be compiled

START_MS = 1_700_006_400_000  # 2023-11-15, midnight UTC
OLDER = (lifetime, volume, repeats)


@dataclass(frozen=True)
class Above(Telling):
    """Finds every transaction whose `column` is above a limit; a null is below any."""

    name: str
    column: str
    limit: int = 0
    quiet_gap_s: int = 3_600
    max_age_s: int = 86_400
    version: int = 1
    risk_group: str = "volume"
    risk_code: str = ""
    bearer: str = ""
    needs: tuple[str, ...] = ("amount",)

    @property
    def title(self) -> Text:
        return Text(f"{self.name} is high", f"{self.name}偏高")

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def detect(self, features: Mapping[str, Any]) -> Findings:
        index = np.flatnonzero(features[self.column] > self.limit)
        return Findings(index, np.full(len(index), 0.5), np.zeros(len(index), np.int64))

    def evidence(self, values: Mapping[str, Any]) -> tuple[Evidence, ...]:
        return (Evidence(self.column, "24h", values[self.column], self.limit, None, "transactions"),)


BOTH, GONE, FRESH = Above("both", "sales_24h", 3), Above("gone", "sales_1d", 2), Above("fresh", "card_visits", 2)


def older() -> Monitor:
    return made(OLDER, (BOTH, GONE))


def newer() -> Monitor:
    return made(FAMILIES, (BOTH, FRESH))


def made(families: tuple[Any, ...], detectors: Sequence[Detector]) -> Monitor:
    return Monitor(MonitorConfig(capacity=50), detectors=detectors, checkpoints=True, families=families, historic=True)


def sales(first_day: int, days: int, merchants: int = 4, a_day: int = 6) -> list[dict[str, object]]:
    """Sales of each merchant every day, all of a merchant on one card."""
    return [
        {
            "txn_id": f"{day}-{k}-{m}", "merchant_id": f"m{m}", "amount": 1_000 + k, "currency": "CNY",
            "card_token": f"{m:032x}", "event_time": START_MS + day * DAY_MS + k * 600_000 + m,
        }
        for day in range(first_day, first_day + days) for k in range(a_day) for m in range(merchants)
    ]  # fmt: skip


def moved(taken: Monitor, fresh: Monitor) -> Monitor:
    """A fresh monitor, brought back to a checkpoint of another one."""
    shelf = Shelf()
    shelf.whole(taken)
    return shelf.bring_back(fresh)


class Way:
    """A partition that goes from version to version, and what it publishes."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor, self.alerts, self.offset = monitor, list[Alert](), 0
        self.shelf = Shelf()

    def take(self, events: list[dict[str, object]]) -> list[Alert]:
        outputs = self.monitor.process(records_of(events, self.offset))
        self.offset += len(events)
        assert outputs.dead_letters == []
        self.alerts += outputs.alerts
        return outputs.alerts

    def go_on_as(self, monitor: Monitor) -> None:
        self.shelf.whole(self.monitor)
        self.monitor = self.shelf.bring_back(monitor)


def of(alerts: Sequence[Alert], detector: str) -> list[Alert]:
    return [each for each in alerts if each.detector == detector]


def test_detectors_whose_features_both_versions_have_find_the_same_as_if_nothing_had_been() -> None:
    way, undisturbed = Way(older()), Way(older())
    for k, version in enumerate((newer, older, newer, older)):
        events = sales(3 * k, 3)
        undisturbed.take(events)
        way.take(events)
        way.go_on_as(version())
    assert of(way.alerts, "both") == of(undisturbed.alerts, "both")
    assert [each.sales for each in way.monitor.totals()] == [each.sales for each in undisturbed.monitor.totals()]


def test_features_that_start_anew_find_nothing_until_their_base_is_reached() -> None:
    way = Way(older())
    way.take(sales(0, 2))
    way.go_on_as(newer())
    blind = way.take(sales(2, 1))
    assert of(blind, "fresh") == []  # `cards` is blind for 28 days, and counts meanwhile
    seeing = way.take(sales(31, 1))
    assert {each.merchant_id for each in of(seeing, "fresh")} == {"m0", "m1", "m2", "m3"}


def test_a_merchant_that_comes_after_the_start_is_seen_at_once() -> None:
    way = Way(older())
    way.take(sales(0, 2, merchants=1))
    way.go_on_as(newer())
    found = way.take(sales(2, 1, merchants=2))
    assert {each.merchant_id for each in of(found, "fresh")} == {"m1"}


def test_blindness_outlives_restarts_and_ends_at_the_same_time() -> None:
    ways = [Way(older()), Way(older())]
    for way in ways:
        way.take(sales(0, 2))
        way.go_on_as(newer())
    for day in (2, 15, 29, 31):
        found = [way.take(sales(day, 1)) for way in ways]
        assert found[0] == found[1]
        ways[0].go_on_as(newer())
    assert of(ways[0].alerts, "fresh")


def test_a_snapshot_says_null_where_it_is_blind() -> None:
    way = Way(older())
    way.take(sales(0, 2))
    way.go_on_as(newer())
    seen = way.monitor.snapshot("m0")
    assert seen is not None
    values = {column.name: value for column, value in seen.columns}
    assert values["attempts_decayed_28d"] is None
    assert values["sales"] == 12


def test_what_was_forgotten_on_the_way_back_does_not_return() -> None:
    way = Way(newer())
    way.take(sales(0, 3))
    way.go_on_as(older())
    way.take(sales(3, 1, merchants=1))  # the rows of the others are not written again by what they do
    way.go_on_as(newer())
    way.go_on_as(newer())
    rows = way.monitor._pipeline.state.rows
    assert rows.rows[1]["sales"] == 18
    assert not rows.block("cards", 1)["known_count"].any()
    assert not rows.rows[1]["decayed"].any()


def test_open_episodes_of_a_detector_that_was_removed_close_with_their_totals() -> None:
    way = Way(older())
    way.take(sales(0, 1))
    opened = {each.alert_id for each in of(way.alerts, "gone")}
    way.go_on_as(newer())
    closed = of(way.take(sales(1, 1)), "gone")
    assert {each.alert_id for each in closed if each.closed} == opened
    (of_one,) = (each for each in closed if each.merchant_id == "m0")
    assert (of_one.title.en, of_one.hits) == ("gone is high", 4)
    assert of_one.reason == Text("gone is high: 4 hits, then the detector was removed",
                                 "gone偏高：命中4次，此后该检测器已停用")  # fmt: skip


def test_points_of_a_detector_that_was_removed_fade_on() -> None:
    way = Way(older())
    way.take(sales(0, 1))
    before = way.monitor.snapshot("m0")
    way.go_on_as(newer())
    after = way.monitor.snapshot("m0")
    assert before is not None
    assert after is not None
    assert after.score == before.score


def test_an_account_names_a_detector_that_nobody_knows_and_counts_nothing_for_it() -> None:
    taken, shelf = older(), Shelf()
    taken.process(records_of(sales(0, 1)))
    shelf.whole(taken)
    shelf.notes = changed(shelf.notes, marks={})
    seen = shelf.bring_back(newer()).snapshot("m0")
    assert seen is not None
    assert seen.score is not None
    assert {each.detector for each in seen.score.contributions} == {"both"}


def test_a_state_that_needs_a_later_version_is_refused() -> None:
    taken, shelf = older(), Shelf()
    taken.process(records_of(sales(0, 1)))
    shelf.whole(taken)
    shelf.notes = changed(shelf.notes, least_reader=FORMAT + 1)
    with pytest.raises(OtherState, match=f"knows format {FORMAT + 1}, this one knows {FORMAT}: start the version that"):
        shelf.bring_back(older())


def test_what_a_later_version_added_to_the_state_is_left_alone() -> None:
    taken, shelf = older(), Shelf()
    taken.process(records_of(sales(0, 1)))
    shelf.whole(taken)
    notes = msgspec.msgpack.decode(shelf.notes)
    shelf.notes = msgspec.msgpack.encode(notes | {"format": FORMAT + 1, "something_new": [1, 2]})
    assert rows_of(shelf.bring_back(older())) == rows_of(taken)


def changed(notes: bytes, **fields: object) -> bytes:
    return msgspec.msgpack.encode(msgspec.structs.replace(msgspec.msgpack.decode(notes, type=Notes), **fields))


def test_a_field_of_another_type_is_refused_by_its_name() -> None:
    held = np.zeros(2, [("sales", np.int32), ("gone", np.int64)])
    with pytest.raises(OtherState, match="field sales must be of type int32 as in the state, got int64"):
        fitted(held, np.dtype([("sales", np.int64)]))


def test_fields_are_read_by_name_wherever_they_lie() -> None:
    held = np.array([(1, 2, 3), (4, 5, 6)], [("a", np.int64), ("gone", np.int8), ("b", np.int16)])
    found = fitted(held, np.dtype([("b", np.int16), ("new", np.float64), ("a", np.int64)]))
    assert found.tolist() == [(3, 0.0, 1), (6, 0.0, 4)]
    assert fitted(held, held.dtype, {"a"})["a"].tolist() == [0, 0]


def _fields(family: Any) -> set[str]:
    """The fields of a row that a family has, but for its blocks."""
    return {name for name, *_ in (*getattr(family, "KEPT", ()), *family.FIELDS)}


def test_every_family_says_when_its_base_is_reached() -> None:
    names = {name_of(each) for each in FAMILIES}
    for family in FAMILIES:
        assert 0 < family.BASE_D <= 400 or not _fields(family), name_of(family)
        assert set(getattr(family, "RESTS_ON", ())) <= names, name_of(family)


def test_a_family_says_whose_fields_it_reads() -> None:
    fields = {name_of(each): _fields(each) for each in FAMILIES}
    for family in FAMILIES:
        assert family.__file__
        with open(family.__file__, encoding="utf-8") as source:  # noqa: PTH123  a family's own file
            text = source.read()
        read = {other for other, names in fields.items() if any(f"row.{name}" in text.split() for name in names)}
        assert read - {name_of(family), "lifetime"} <= set(getattr(family, "RESTS_ON", ())), name_of(family)


def _hidden(features: Mapping[str, Any], family: Any) -> dict[str, Any]:
    """The features with those of a family null, as where it is blind."""
    null = {each.name for each in family.COLUMNS if each.window not in EVENT_WINDOWS}
    found = {name: features[name] for name in CONTEXT}
    for each in columns():
        column = features[each.name]
        missing = np.nan if each.kind == "float" else np.iinfo(np.int64).min
        found[each.name] = np.full(len(column), missing, column.dtype) if each.name in null else column
    return found


@pytest.fixture(scope="module")
def traffic() -> dict[str, Any]:
    """Rows of features of some weeks of simulated traffic in which most merchants do something, of others without
    contracts, and of some that are charged too little."""
    batches = list[dict[str, Any]]()
    for config in (
        SimulationConfig(
            seed=3, merchants=40, days=60, jump_share=0.1, static_share=0.1, rotation_share=0.1, drift_share=0.1,
            fee_share=0.3, volume_share=1.0, service_share=0.5, reports=True, compromised_share=0.3,
        ),
        SimulationConfig(
            seed=4, merchants=20, days=60, tx_per_merchant_day=20, contracts=False, fee_share=0.3, fall_share=0.3
        ),
        SimulationConfig(seed=5, merchants=20, days=20, tx_per_merchant_day=20, fall_share=0.5),
    ):  # fmt: skip
        simulation = simulate(config)
        pipeline = FeaturePipeline(MonitorConfig(capacity=100), historic=True)
        given = [Records.of(simulation.master_records()), *(Records.of(each.values()) for each in simulation.batches())]
        batches += (
            {name: column.copy() for name, column in rows.judged.items()}
            for one in given
            for rows in pipeline.rows(one)
        )
    return {name: np.concatenate([each[name] for each in batches]) for name in batches[0]}


NOT_IN_TRAFFIC = {"stan_reuse", "gauge_breach", "dormancy", "anomaly"}
"""No STAN is used again in it, no scheme's limit is breached, no shop sleeps for three months, and no model is set."""


def test_detectors_find_something_in_the_traffic(traffic: dict[str, Any]) -> None:
    silent = {each.name for each in make_detectors() if not len(each.detect(traffic).index)}
    assert silent == NOT_IN_TRAFFIC


@pytest.mark.parametrize("family", FAMILIES, ids=name_of)
def test_a_detector_finds_nothing_more_where_a_family_is_blind(family: Any, traffic: dict[str, Any]) -> None:
    blind = _hidden(traffic, family)
    for each in make_detectors():
        with np.errstate(all="raise"):
            found, hidden = each.detect(traffic), each.detect(blind)
        assert set(hidden.index.tolist()) <= set(found.index.tolist()), each.name
