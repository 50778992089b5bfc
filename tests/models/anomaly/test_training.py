from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.anomaly import training
from models.anomaly.peers import own_deviations
from models.anomaly.readings import QUIET_D, Merchants, _count, _loads
from models.anomaly.samples import Batch, Sample, hashes, regrouped
from models.anomaly.scoring import LOADS
from models.anomaly.training import train
from tests.models.anomaly.drawn import cut, days, shops

if TYPE_CHECKING:
    from models.anomaly.model import Model

ROOT = Path(__file__).parents[3]
IN_ANOTHER_PROCESS = """
import hashlib
from models.anomaly.training import train
from tests.models.anomaly.drawn import days, shops
made = train([days(shops(300, seed=3), 40, seed=5)], version="drawn", seed=7, source="drawn by chance")
print(hashlib.sha256(made.encoded()).hexdigest())
"""


@pytest.mark.parametrize("sizes", [[1, 17, 5_000], pytest.param([6_001], marks=pytest.mark.slow)], ids=str)
def test_the_same_days_give_the_same_bytes_however_they_are_cut(model: Model, history: Batch, sizes: list[int]) -> None:
    again = train(cut(history, sizes), version="drawn", seed=7, source="drawn by chance")
    assert again.encoded() == model.encoded()


@pytest.mark.slow
def test_another_process_trains_the_same_model(model: Model) -> None:
    import hashlib  # noqa: PLC0415

    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "5"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == hashlib.sha256(model.encoded()).hexdigest()


@pytest.mark.slow
def test_another_seed_gives_another_model(model: Model, history: Batch) -> None:
    assert train([history], version="drawn", seed=8) != model


def test_the_manifest_says_what_the_model_was_trained_on(model: Model, history: Batch) -> None:
    manifest = model.manifest
    assert (manifest.from_day, manifest.to_day) == ("2024-10-04", "2024-11-12")
    assert manifest.merchants == 300
    assert manifest.merchant_days == (~np.isnan(model.score(history.habits).score)).sum()
    assert set(manifest.libraries) == {"python", "numpy", "numba", "scikit-learn"}
    assert manifest.source == "drawn by chance"
    assert manifest.groups[0].mccs == ""
    assert manifest.groups[0].merchants == 300
    assert sorted(manifest.percentiles.values()) == list(manifest.percentiles.values())


@pytest.mark.slow
def test_days_of_confirmed_merchants_are_left_out(history: Batch, model: Model) -> None:
    def confirmed(batch: Batch) -> np.ndarray:
        return batch.merchant < 20

    made = train([history], version="drawn", seed=7, left_out=confirmed, left_out_words="confirmed")
    without = history.rows(history.merchant >= 20)
    assert made == train([without], version="drawn", seed=7)
    assert made.manifest.merchants == 280
    assert made.manifest.left_out == "confirmed"
    assert made != model


def test_too_little_history_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs 30 days of 200 merchants .* got 29 days of 300"):
        train([days(shops(300, 1), 29, 1)], version="x", seed=1)
    with pytest.raises(ValueError, match=r"needs 30 days of 200 merchants .* got 30 days of 149"):
        train([days(shops(150, 1), 30, 1)], version="x", seed=1)  # one of them has too few sales to be judged
    with pytest.raises(ValueError, match="got 0 days of 0"):
        train([], version="x", seed=1)


def test_days_that_can_be_read_only_once_are_refused(history: Batch) -> None:
    with pytest.raises(ValueError, match="days must be readable twice, such as a list, got an iterator"):
        train(iter([history]), version="x", seed=1)


def test_weights_of_no_part_are_refused(history: Batch) -> None:
    with pytest.raises(ValueError, match="weights of parts must be at least 0, one of the first two above"):
        train([history], version="x", seed=1, weights=(0.0, 0.0, 1.0))


def test_a_part_can_be_left_out(history: Batch, fresh: Batch) -> None:
    made = train([history], version="x", seed=1, weights=(1.0, 0.0, 0.0))
    assert made.manifest.weights == {"forest": 1.0, "tails": 0.0, "neighbours": 0.0}
    assert (made.score(fresh.habits).score >= 0).all()


def test_a_sample_has_the_least_hashes_of_each_stratum_however_it_is_cut(history: Batch) -> None:
    order = hashes(history.merchant, history.day, 3)
    stratum = history.habits.mcc
    expected = {code: np.sort(order[stratum == code])[:100] for code in np.unique(stratum).tolist()}
    for size in (300, 7_000, 100_000):
        sample = Sample(100)
        for begin in range(0, len(order), size):
            rows = slice(begin, begin + size)
            sample.add(stratum[rows], order[rows], history.rows(rows))
        taken = sample.taken()
        for code, least in expected.items():
            mine = taken.stratum == code
            assert mine.sum() == len(least)
            chosen = np.flatnonzero((stratum == code) & np.isin(order, least))
            assert sorted(taken.merchant[mine].tolist()) == sorted(history.merchant[chosen].tolist())


def test_batches_are_regrouped_in_order(history: Batch) -> None:
    made = list(regrouped(cut(history, [10] * 500), rows=4_000))
    assert [len(each.day) for each in made[:1]] == [4_000]
    assert np.concatenate([each.merchant for each in made]).tolist() == history.merchant.tolist()


def test_a_load_counts_first_days_above_after_two_quiet_weeks() -> None:
    """Day 0 is the first, day 20 comes 15 days after the one before; days 5 and 34 come too soon."""
    day, oddness = np.array([0, 5, 12, 20, 34]), np.array([3.0, 3.0, 1.0, 3.0, 3.0])
    last, alerts = np.full((2, 3), -1_000_000, np.int32), np.zeros(3, np.int64)
    _count(np.zeros(5, np.int64), day, oddness, np.array([0.5, 2.0, 4.0]), last, alerts)
    assert QUIET_D == 14
    assert alerts.tolist() == [1, 2, 0]
    _count(np.ones(1, np.int64), day[4:], oddness[4:], np.array([0.5, 2.0, 4.0]), last, alerts)
    assert alerts.tolist() == [2, 3, 0]


def test_a_load_of_few_alerts_falls_by_a_decade_for_each_of_oddness() -> None:
    alerts = np.linspace(500, 0, len(LOADS)).astype(np.int64)
    alerts[0] = 100  # most days are above: few of them are new
    alerts[12:] = 3
    loads = _loads(alerts, 1_000)
    assert loads[0] == loads[1] == alerts[1]
    assert loads[11] == alerts[11]
    assert loads[16] == pytest.approx(alerts[11] * 10.0 ** (LOADS[11] - LOADS[16]))


def test_merchants_are_counted_once_with_the_mcc_told_last() -> None:
    merchants = Merchants()
    merchants.add(np.array([5, 7, 5], np.uint64), np.array([5411, 5812, 5812]))
    merchants.add(np.array([7, 9], np.uint64), np.array([-1, 5812]))
    assert merchants.keys.tolist() == [5, 7, 9]
    assert merchants.by_mcc() == {-1: 1, 5812: 2}


def test_a_small_group_is_drawn_to_the_one_above_it() -> None:
    """A group of 30 counts for 30 of 50: three fifths of the way to its own centre."""
    made = shops(400, seed=2)
    made.mcc[:370], made.mcc[370:] = 5812, 5411
    made.centre[:, 13] = np.random.default_rng(1).normal(0.8, 0.05, 400)
    made.centre[370:, 13] += 0.4
    made.missing[:, 13] = False
    model = train([days(made, 31, 1)], version="x", seed=1)
    names = [each.mccs for each in model.manifest.groups]
    centre = model.parts.peers.centre
    large, small = (centre[6 * names.index(code) : 6 * names.index(code) + 6, 13].mean() for code in ("5812", "5411"))
    assert large == pytest.approx(0.8, abs=0.03)
    assert 1.0 < small < 1.19


def test_what_honest_merchants_move_is_learned_without_chance(history: Batch) -> None:
    own = own_deviations(history.habits)
    assert (own > 0).all()
    assert own[13] == pytest.approx(0.03, abs=0.02)


def test_training_holds_no_more_than_its_samples(monkeypatch: pytest.MonkeyPatch, history: Batch) -> None:
    monkeypatch.setattr(training, "IN_ALL", 2_000)
    monkeypatch.setattr(training, "OF_STRATUM", 200)
    made = train([history], version="x", seed=1)
    assert made.manifest.merchant_days == len(history.day)
