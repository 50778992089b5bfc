"""What the MCC families tell at the ends of days: the same however batches are cut, and after a restore."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from detectors.registry import make_detectors
from domain.feature_codes import ROW_CLOSING
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from tests.detectors.made import DAY, MIDNIGHT, Till, master
from tests.engine.test_checkpoints import Shelf
from tests.engine.test_oracle import Spy

if TYPE_CHECKING:
    from domain.alerts import Alert
    from tests.detectors.made import Event

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]


def stream() -> list[Event]:
    """Forty days of a merchant that drifts from the twentieth on, with rotating numbers."""
    till = Till(7)
    made: list[Event] = [master("5812", "5411")]
    for day in range(40):
        cheap = 20 if day < 20 else 45
        sales = [{"mcc": "5812"}] * (80 - cheap) + [{"mcc": "5411", "terminal_id": "2"}] * cheap
        made += till.day(
            day, [each | {"acceptor_id": f"89810005812{till.rng.randrange(6):04d}"} for each in sales], 0, 24
        )
        made.append({"type": "clock", "feed": "f", "event_time": MIDNIGHT + (day + 1) * DAY})
    return made


def records(events: list[Event], first: int = 0) -> Records:
    return Records.of([json.dumps(each).encode() for each in events], first_offset=first)


def monitor() -> Monitor:
    return Monitor(MonitorConfig(capacity=10), detectors=make_detectors(), historic=True, checkpoints=True)


def last_of(alerts: list[Alert]) -> dict[str, Alert]:
    return {alert.alert_id: alert for alert in alerts}


@pytest.mark.parametrize("most", [1, 13, 400])
def test_alerts_do_not_depend_on_where_batches_are_cut(most: int) -> None:
    events, rng = stream(), random.Random(most)
    whole = last_of(monitor().process(records(events)).alerts)
    assert {"mcc_drift", "mcc_rotation"} <= {each.detector for each in whole.values()}
    one, alerts, at = monitor(), [], 0
    while at < len(events):
        size = rng.randint(1, most)
        alerts += one.process(records(events[at : at + size], at)).alerts
        at += size
    assert last_of(alerts) == whole


@pytest.mark.parametrize("at", [900, 1_700, 2_300])
def test_alerts_do_not_depend_on_a_restore(at: int) -> None:
    events = stream()
    whole = last_of(monitor().process(records(events)).alerts)
    first = monitor()
    alerts = first.process(records(events[:at])).alerts
    shelf = Shelf()
    shelf.whole(first)
    second = shelf.bring_back(monitor())
    alerts += second.process(records(events[at:], at)).alerts
    assert last_of(alerts) == whole


class Closings(Spy):
    """Keeps what is told at the ends of days alone."""

    def detect(self, features: Any) -> Any:
        index = np.flatnonzero(features["row_kind"] == ROW_CLOSING)
        renamed = {name: column[index] for name, column in features.items()}
        return super().detect(renamed | {"row_kind": np.zeros(len(index), np.int64)})


def told(events: list[Event]) -> list[dict[str, Any]]:
    spy = Closings()
    Monitor(MonitorConfig(capacity=10), detectors=[spy], historic=True).process(records(events))
    return spy.seen


def test_the_figures_of_a_day_are_those_of_its_sales() -> None:
    """60 of 80 sales of 1,000.00 are dear; the first seven days make the usual."""
    till = Till()
    mix = [{"mcc": "5812"}] * 60 + [{"mcc": "5411", "terminal_id": "2", "amount": 50_000}] * 20
    found = told([master("5812", "5411"), *(each for day in range(12) for each in till.day(day, mix))])
    assert [each["set_sales_1d"] for each in found] == [None] * 7 + [80] * 4
    last = found[-1]
    assert (last["set_cheap_1d"], last["set_share_1d"], last["set_mcc_cheap"], last["set_mcc_dear"]) == (
        20,
        0.25,
        5411,
        5812,
    )
    assert last["set_share_usual"] == pytest.approx(0.25, abs=0.001)
    shares = [last["set_amount_share_1d"], last["set_amount_share_usual"]]
    assert shares == pytest.approx([10_000 / 70_000] * 2)
    assert last["set_evidence"] == last["set_terminal_evidence"] == 0.0
    # What is usual costs nothing beyond the usual; rounding may leave less than a hundredth of a minor unit.
    assert 0 <= last["set_excess_1d_e7"] < 100_000


def test_evidence_is_the_sum_of_the_days_likelihood_ratios() -> None:
    """A small reference of the rule: usual 1/4 of 80, days of 32 cheap ones, each held against twice the odds."""
    till = Till()

    def day(k: int, cheap: int) -> list[Event]:
        return till.day(k, [{"mcc": "5812"}] * (80 - cheap) + [{"mcc": "5411"}] * cheap)

    days = [20] * 10 + [28] * 4
    found = told(
        [master("5812", "5411"), *(each for k, cheap in enumerate(days) for each in day(k, cheap)), *day(14, 20)]
    )
    base = base_cheap = scatter = evidence = 0.0
    expected = []
    for k, cheap in enumerate(days):
        usual = (base_cheap + 0.5) / (base + 1) if base >= 50 and k >= 7 else float("nan")
        if usual == usual:  # noqa: PLR0124
            risen = max(2 * usual / (1 + usual), usual + 0.08)
            by = cheap * np.log(risen / usual) + (80 - cheap) * np.log((1 - risen) / (1 - usual))
            evidence = max(0.0, evidence + min(by / ((2 + scatter) * (1 + 80 / base)), 6.0))
            expected.append(evidence)
        if evidence < 2:
            if usual == usual:  # noqa: PLR0124
                chance = 80 * usual * (1 - usual) * (1 + 80 / base)
                scatter = max(
                    -1.0, scatter + 0.1 * (min((cheap - 80 * usual) ** 2 / max(chance, 0.5), 9.0) - 2 - scatter)
                )
            base, base_cheap = base * 2 ** (-1 / 28) + 80, base_cheap * 2 ** (-1 / 28) + cheap
    got = [each["set_evidence"] for each in found if each["set_evidence"] is not None]
    assert got == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert max(expected) > 0.3
