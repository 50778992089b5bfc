from __future__ import annotations

import numpy as np
import pytest

from models.anomaly import tails
from models.anomaly.neighbours import NEAREST, Neighbours, distances
from models.anomaly.ranks import MOST_DECADES, decades, table
from models.anomaly.vectors import DIMS

RNG = np.random.default_rng(8)


def test_a_rank_is_the_share_of_the_sample_that_was_as_far_out() -> None:
    sample = RNG.normal(size=100_000)
    for share in (0.5, 0.1, 0.01, 0.001):
        value = np.quantile(sample, 1 - share)
        assert decades(table(sample, 0.1), np.array([value]), 0.1)[0] == pytest.approx(-np.log10(share), abs=0.02)


def test_values_beyond_the_sample_keep_their_order_and_an_exponential_tail_goes_on() -> None:
    sample = RNG.exponential(size=100_000)
    ranks = decades(table(sample, 0.01), np.arange(1.0, 40.0), 0.01)
    assert (np.diff(ranks[:25]) > 0).all()
    assert ranks[14] == pytest.approx(15 / np.log(10), rel=0.15)
    assert ranks.max() == MOST_DECADES


def test_what_most_of_the_sample_has_is_not_far_out() -> None:
    sample = np.concatenate([np.zeros(900), np.ones(100)])
    ranks = decades(table(sample, 0.5), np.array([-1.0, 0.0, 1.0, 1.5]), 0.5)
    assert ranks[:2].tolist() == [0.0, 0.0]
    assert ranks[2] == pytest.approx(1.0, abs=0.11)
    assert ranks[3] > ranks[2]


def test_a_sample_of_one_value_ranks_others_beyond_it() -> None:
    assert decades(table(np.zeros(500), 0.5), np.array([0.0, 0.5]), 0.5).tolist() == pytest.approx([0.0, 2.65], abs=0.1)


def test_terms_of_tails_are_of_the_values_own_side_and_leave_out_the_common() -> None:
    z = RNG.exponential(size=(20_000, DIMS)).astype(np.float32)  # to the right only
    far = tails.fit(z)
    terms = tails.terms(far, np.array([[6.0, -1.0, 0.0, *[0.5] * (DIMS - 3)]], np.float32))[0]
    assert terms[0] == pytest.approx(6 / np.log(10) - tails.COMMON, abs=0.15)
    assert terms[1] > 1  # none was below 0
    assert not terms[2:].any()


def test_distances_are_means_over_the_nearest() -> None:
    reference = RNG.normal(size=(64, DIMS)).astype(np.float32)
    z = RNG.normal(size=(10, DIMS)).astype(np.float32)
    slow = np.linalg.norm(z[:, None].astype(float) - reference[None], axis=2)
    expected = np.sort(slow, axis=1)[:, :NEAREST].mean(axis=1)
    np.testing.assert_allclose(distances(Neighbours(reference), z), expected, rtol=1e-12)
