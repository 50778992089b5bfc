from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from domain.habits import LEAST_WEIGHT, NAMES
from models.anomaly import artefact
from models.anomaly.habits import Habits, Scores
from models.anomaly.model import Model
from models.anomaly.scoring import LEAST_HABITS
from models.artefacts import MOST_BYTES
from tests.models.anomaly.drawn import planted

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.anomaly.samples import Batch

    Spoil = Callable[[dict[str, Any]], None]


def same(first: Scores, second: Scores) -> bool:
    return all(a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


def test_a_model_comes_back_from_its_bytes(model: Model, fresh: Batch) -> None:
    body = model.encoded()
    again = Model.decoded(body)
    assert len(body) < MOST_BYTES
    assert again == model
    assert hash(again) == hash(model)
    assert again.version == "drawn"
    assert again.manifest == model.manifest
    assert again.encoded() == body
    assert same(again.score(fresh.habits), model.score(fresh.habits))


def test_a_score_does_not_depend_on_the_batch_around_it(model: Model, fresh: Batch) -> None:
    habits, _, _ = planted(fresh, seed=2)
    together = model.score(habits)
    assert (together.reason[:, 0] >= 0).any()
    for row in range(0, len(habits.weight), 9):
        alone = model.score(habits.rows(slice(row, row + 1)))
        assert same(alone, Scores._make(each[row : row + 1] for each in together))
    order = np.random.default_rng(1).permutation(len(habits.weight))
    assert same(model.score(habits.rows(order)), Scores._make(each[order] for each in together))


def test_merchants_not_learned_from_are_beyond_percentiles_as_seldom_or_seldomer_and_loads_fall_with_the_score(
    model: Model, fresh: Batch
) -> None:
    scores = model.score(fresh.habits)
    known = ~np.isnan(scores.score)
    for percentile in (50, 90, 99):  # of small groups two thirds of the merchants tell less than all
        beyond = (scores.percentile[known] >= percentile).mean() / (1 - percentile / 100)
        assert 0.2 < beyond < 1.3
    order = np.argsort(scores.score[known])
    assert (np.diff(scores.percentile[known][order]) >= 0).all()
    assert (np.diff(scores.load[known][order]) <= 0).all()
    assert (scores.score[known] >= 0).all()
    assert (scores.score[known] < 1).all()


def test_a_day_with_too_little_behind_it_has_no_score(model: Model, fresh: Batch) -> None:
    habits = Habits(*(each[:2].copy() for each in fresh.habits))
    habits.weight[0] = LEAST_WEIGHT - 0.1
    habits.value[1, LEAST_HABITS - 1 :] = np.nan
    scores = model.score(habits)
    for each in (scores.score, scores.percentile, scores.load, scores.low, scores.high):
        assert np.isnan(each).all()
    assert (scores.reason == -1).all()


def test_no_merchant_days_have_no_scores(model: Model, fresh: Batch) -> None:
    assert len(model.score(fresh.habits.rows(slice(0, 0))).score) == 0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_was_planted_is_odd_and_named(model: Model, fresh: Batch, count: int) -> None:
    habits, rows, places = planted(fresh, seed=count, habits=count)
    scores, before = model.score(habits), model.score(fresh.habits)
    odd = scores.percentile[rows] > 99
    assert odd.mean() > 0.75
    assert (before.percentile[rows] > 99).mean() < 0.05
    named = [set(reason) & set(mine) for reason, mine in zip(scores.reason[rows[odd]], places[odd], strict=True)]
    assert sum(map(len, named)) / (count * odd.sum()) >= 0.9


def test_a_habit_that_is_not_known_is_no_reason(model: Model, fresh: Batch) -> None:
    habits, _, _ = planted(fresh, seed=1)
    reason = model.score(habits).reason
    row, place = np.nonzero(reason >= 0)
    assert not np.isnan(habits.value[row, reason[row, place]]).any()


def test_a_model_does_not_change(model: Model) -> None:
    with pytest.raises(AttributeError, match="a model does not change, got a new manifest"):
        model.manifest = None  # type: ignore[assignment]
    with pytest.raises(ValueError, match="read-only"):
        model.arrays["ranks.load"][0] = 1


def held(body: dict[str, Any]) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(base64.b64decode(body["arrays"]))) as arrays:
        return dict(arrays)


def with_arrays(**changes: Any) -> Spoil:
    """Change arrays, and the digest with them."""

    def spoil(body: dict[str, Any]) -> None:
        arrays = held(body)
        for name, change in changes.items():
            arrays[name.replace("__", ".")] = change(arrays[name.replace("__", ".")])
        into = io.BytesIO()
        np.savez_compressed(into, **arrays)
        body["arrays"] = base64.b64encode(into.getvalue()).decode()
        if set(arrays) == set(artefact.SPECS):
            body["manifest"]["sha256"] = artefact.digest(arrays)

    return spoil


def in_manifest(**changes: Any) -> Spoil:
    def spoil(body: dict[str, Any]) -> None:
        body["manifest"].update(changes)

    return spoil


def at(place: Any, value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


def zipped(body: dict[str, Any], name: str, content: bytes) -> None:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    body["arrays"] = base64.b64encode(into.getvalue()).decode()


def other_score(body: dict[str, Any]) -> None:
    body["manifest"]["golden"]["score"][20] += 1e-6


def short_golden(body: dict[str, Any]) -> None:
    golden = body["manifest"]["golden"]
    body["manifest"]["golden"] = {name: values[:15] for name, values in golden.items()}


def cyclic(child: np.ndarray) -> np.ndarray:
    child[np.flatnonzero(child)[3]] = 1
    return child


def huge_header(body: dict[str, Any]) -> None:
    into = io.BytesIO()
    np.lib.format.write_array_header_1_0(into, {"descr": "<f8", "fortran_order": False, "shape": (10**13,)})
    zipped(body, "peers.mccs.npy", into.getvalue() + bytes(8))


def with_password(body: dict[str, Any]) -> None:
    raw = bytearray(base64.b64decode(body["arrays"]))
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + place] |= 1
    body["arrays"] = base64.b64encode(raw).decode()


def large_mcc(body: dict[str, Any]) -> None:
    body["manifest"]["golden"]["mcc"][3] = 2**63


SPOILED: dict[str, tuple[Spoil, str]] = {
    "another format": (lambda body: body.update(format=2), "format must be 1, got 2"),
    "foreign JSON": (lambda body: body.update(format=None), "format must be 1, got None"),
    "another field": (lambda body: body.update(code="x"), "unknown field `code`"),
    "no manifest": (lambda body: body.pop("manifest"), "missing required field `manifest`"),
    "a pickle": (with_arrays(ranks__load=lambda each: each.astype(object)), "allow_pickle=False"),
    "a bare pickle": (lambda body: zipped(body, "peers.mccs", b"\x80\x04N."), "arrays must be those of format 1"),
    "no zip": (lambda body: body.update(arrays="AAAA"), "arrays must be an npz"),
    "truncated base64": (lambda body: body.update(arrays=body["arrays"][:-3]), "arrays must be base64"),
    "truncated arrays": (lambda body: body.update(arrays=body["arrays"][:-400]), "arrays must be an npz"),
    "a bomb": (lambda body: zipped(body, "peers.mccs.npy", bytes(20_000_000)), "at most 16000000 bytes, got 20000000"),
    "a header that asks for 80 TB": (huge_header, "arrays must be an npz"),
    "a password": (with_password, "arrays must be an npz"),
    "an MCC beyond 64 bits": (large_mcc, "int"),
    "another digest": (in_manifest(sha256="0" * 64), "arrays must have the SHA-256 0000"),
    "another type": (with_arrays(ranks__load=lambda each: each.astype("f4")),
                     "ranks.load must be 1-dimensional float64, got 1-dimensional float32"),
    "another shape": (with_arrays(peers__own=lambda each: each[:-1]),
                      "peers.own must have 32 entries along 32, got 31"),
    "other lengths": (with_arrays(forest__child=lambda each: each[:-1]),
                      "forest.child must have .* entries along nodes"),
    "half a group": (with_arrays(**{f"peers__{name}": lambda each: each[:-1] for name in
                                    ("centre", "scale", "low", "high")}), "peers must have 6 cells a group"),
    "a threshold that is none": (with_arrays(forest__threshold=at(0, np.nan)),
                                 "forest.threshold must be finite, got nan"),
    "an infinite threshold": (with_arrays(forest__threshold=at(0, np.inf)), "forest.threshold must be finite, got inf"),
    "a child out of range": (with_arrays(forest__child=at(0, 10**6)), "children of the forest must come after"),
    "a cycle": (with_arrays(forest__child=cyclic), "children of the forest must come after their node"),
    "a group out of range": (with_arrays(peers__mcc_groups=at(0, 999)), "groups of peers.mccs must be below"),
    "MCCs in disorder": (with_arrays(peers__mccs=lambda each: each[::-1]), "peers.mccs must ascend"),
    "no scale": (with_arrays(peers__scale=at((0, 0), 0)), "peers.scale must be above 0"),
    "a falling table": (with_arrays(ranks__oddness=at(3, 99)), "ranks.oddness must ascend"),
    "a load of 0": (with_arrays(ranks__load=at(-1, 0)), "ranks.load must be above 0"),
    "no weights": (with_arrays(ranks__weights=at(slice(0, 2), 0)), "weights of parts must be at least 0"),
    "other habits": (in_manifest(habits=[*NAMES[:5], "mood", *NAMES[6:]]), "habit 5 must be ticket_by_hour, got mood"),
    "fewer habits": (in_manifest(habits=NAMES[:-1]), "habit 31 must be reported_share, got None"),
    "other features": (in_manifest(features=2), "features must be of version 1, got 2"),
    "another golden score": (other_score, "score of golden merchant-day 20 must be"),
    "little gold": (short_golden, "golden batch must have at least 16 merchant-days, got 15"),
    "scores by other arrays": (with_arrays(peers__own=lambda each: each * 2), "of golden merchant-day .* must be"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_no_model_is_refused(model: Model, name: str) -> None:
    spoil, message = SPOILED[name]
    body = json.loads(model.encoded())
    spoil(body)
    with pytest.raises(ValueError, match=f"model must be an artefact of `tillwatch model train`: .*{message}"):
        Model.decoded(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Input data was truncated"),
        (b"\x80\x04N.", "malformed"),
        (b'{"a": ' + b"[" * 300_000, "must be an artefact"),
        (b"[1, 2]", "Expected `object`"),
        (b'{"format": 1', "truncated"),
        (b"\xff\xfe{}", "malformed"),
        (b" " * 700_001, "at most 700000 bytes expected, got 700001"),
    ],
)
def test_bytes_that_are_no_artefact_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Model.decoded(body)


def test_each_byte_counts(model: Model) -> None:
    body = bytearray(model.encoded())
    begin = body.index(b'"arrays"') + 20
    rng = np.random.default_rng(1)
    for place in rng.integers(begin, len(body) - 4, 40).tolist():
        spoiled = body.copy()
        spoiled[place] = ord("A") if spoiled[place] != ord("A") else ord("B")
        with pytest.raises(ValueError, match="model must be an artefact"):
            Model.decoded(bytes(spoiled))
