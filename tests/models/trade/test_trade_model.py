"""The artefact of a trade model comes back as it was, and is refused where it is damaged."""

from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from domain.habits import NAMES
from models import artefacts
from models.trade.model import SPECS, TradeModel
from models.trade.training import train
from tests.trade_made import boost_briefly, days, rough_model, trade_model

if TYPE_CHECKING:
    from collections.abc import Callable

    Spoil = Callable[[dict[str, Any]], object]


def test_a_model_comes_back_from_its_bytes() -> None:
    model = trade_model()
    again = TradeModel.decoded(model.encoded())
    assert again == model
    assert hash(again) == hash(model)
    assert again.manifest == model.manifest
    assert again.encoded() == model.encoded()
    value = days(9).habits.value
    assert again.probabilities(value).tobytes() == model.probabilities(value).tobytes()


def test_a_model_does_not_change() -> None:
    with pytest.raises(AttributeError, match="a model does not change, got a new manifest"):
        trade_model().manifest = None  # type: ignore[assignment]
    with pytest.raises(ValueError, match="read-only"):
        trade_model().arrays["prior"][0] = 1


def with_array(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    """Change an array, and the digest with it."""

    def spoil(body: dict[str, Any]) -> None:
        with np.load(io.BytesIO(base64.b64decode(body["arrays"]))) as held:
            arrays = dict(held)
        arrays[name] = change(arrays[name].copy())
        body["arrays"] = artefacts.pack(arrays, SPECS)
        body["manifest"]["sha256"] = artefacts.digest(arrays, SPECS)

    return spoil


def at(place: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


def first_inner(value: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda child: np.where(np.arange(len(child)) == np.flatnonzero(child)[0], value, child).astype(child.dtype)


def other_probability(body: dict[str, Any]) -> None:
    body["manifest"]["golden"]["probability"][3][0] += 1e-6


def short_golden(body: dict[str, Any]) -> None:
    body["manifest"]["golden"] = {name: rows[:3] for name, rows in body["manifest"]["golden"].items()}


SPOILED: dict[str, tuple[Spoil, str]] = {
    "another format": (lambda body: body.update(format=2), "format must be 1, got 2"),
    "another field": (lambda body: body.update(code="x"), "unknown field `code`"),
    "no zip": (lambda body: body.update(arrays="AAAA"), "arrays must be an npz"),
    "truncated arrays": (lambda body: body.update(arrays=body["arrays"][:-400]), "arrays must be an npz"),
    "another digest": (lambda body: body["manifest"].update(sha256="0" * 64), "arrays must have the SHA-256 0000"),
    "other habits": (lambda body: body["manifest"].update(figures=["x"]), "figures must be sales_a_day, .*, got x"),
    "habits counted otherwise": (lambda body: body["manifest"].update(features=2), "features must be of version 1"),
    "another type": (with_array("prior", lambda each: each.astype("f4")), "prior must be 1-dimensional float64"),
    "shares beyond 1": (with_array("prior", at(0, 2.0)), "prior must be shares above 0 that add up to 1"),
    "classes without order": (with_array("classes", lambda each: each[::-1]), "classes must be two MCCs or more"),
    "no temperature": (with_array("temperature", at(0, 0.0)), "temperature must be above 0, got 0.0"),
    "no merchants": (with_array("merchants", at(0, 0)), "merchants must be at least 1, got 0"),
    "a walk without end": (with_array("trees.child", first_inner(-1)), "children of the trees must come after"),
    "a child in the next tree": (with_array("trees.child", first_inner(100)), "children of the trees must come after"),
    "a figure that is none": (with_array("trees.feature", at(0, 99)), "figures of the trees must be 0 to 25, got 99"),
    "a cut that is none": (with_array("trees.cut", at(0, 9_999)), "cuts of nodes must be among those of their figure"),
    "cuts without order": (with_array("trees.cuts", lambda each: each[::-1]), "cuts of figure 0 must ascend"),
    "roots without order": (with_array("trees.roots", at(1, 0)), "roots of the trees must ascend"),
    "leaves that are not finite": (with_array("trees.value", at(0, np.inf)), "trees.value must be finite, got inf"),
    "another score": (other_probability, "probabilities of golden merchant-day 3 must be"),
    "a short golden batch": (short_golden, "golden batch must have at least 16 merchant-days"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_damaged_is_refused_and_says_why(name: str) -> None:
    spoil, words = SPOILED[name]
    body = json.loads(trade_model().encoded())
    spoil(body)
    with pytest.raises(ValueError, match=f"trade must be an artefact of `tillwatch profiles train`: .*{words}"):
        TradeModel.decoded(json.dumps(body).encode())


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 700000 bytes expected, got 700001"):
        TradeModel.decoded(bytes(700_001))


# -- training


@pytest.fixture
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    boost_briefly(monkeypatch)


@pytest.mark.slow
def test_the_same_days_give_the_same_bytes_however_they_are_cut() -> None:
    batch = days()
    order = np.lexsort((batch.merchant, batch.day))
    thirds = [batch.rows(each) for each in np.array_split(order, 3)]
    assert train(thirds, version="made", seed=1, source="drawn").encoded() == trade_model().encoded()
    assert train([batch], version="made", seed=2, source="drawn") != trade_model()


def test_a_merchant_counts_once_however_many_days_it_has(few_rounds: None) -> None:
    """Days less than 60 days after the one before say the same."""
    batch = days()
    later = batch._replace(day=batch.day + 1)
    doubled = [part for k in range(3) for part in (batch.rows(batch.day == batch.day[0] + 61 * k),
                                                   later.rows(later.day == later.day[0] + 61 * k))]  # fmt: skip
    assert train(doubled, version="made", seed=1, source="drawn").encoded() == rough_model().encoded()


def test_figures_are_of_merchants_that_were_held_out() -> None:
    it = trade_model().manifest
    assert it.log_loss < it.guess_log_loss / 2
    assert 0.6 < it.hit < it.near <= 1
    of = {each.mcc: each for each in it.classes}
    assert [name for name, _ in of["5411"].likened][:2] in (["5411", "5912"], ["5912", "5411"]), "these are alike"
    assert of["5812"].hit > 0.9
    shuffled = days()
    shuffled.habits.mcc[:] = np.tile(np.random.default_rng(0).permutation(shuffled.habits.mcc[:144]), 3)
    by_chance = train([shuffled], version="made", seed=1).manifest
    assert by_chance.hit < 0.4, "what merchants are is not learned by heart"
    assert by_chance.log_loss > 0.9 * by_chance.guess_log_loss


def test_few_merchants_of_an_mcc_are_of_one_class_with_others(few_rounds: None) -> None:
    batch = days()
    few = (batch.merchant % 36 < 20) & np.isin(batch.habits.mcc, (5411, 5541))
    it = train([batch.rows(few | ~np.isin(batch.habits.mcc, (5411, 5541)))], version="made", seed=1).manifest
    assert [(each.mcc, each.merchants) for each in it.classes] == [("", 40), ("5812", 36), ("5912", 36)]


def test_a_habit_that_no_record_has_the_field_for_teaches_nothing(few_rounds: None) -> None:
    batch = days()
    batch.habits.value[:, NAMES.index("code_share")] = np.nan
    made = train([batch], version="made", seed=1)
    value = days(9).habits.value
    before = made.probabilities(value)
    value[:, NAMES.index("code_share")] = 0.9
    assert made.probabilities(value).tobytes() == before.tobytes()


def test_too_few_merchants_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a trade model needs 3 MCCs with 30 merchants each, .*, got 1"):
        train([days(merchants=10)], version="made", seed=1)
    with pytest.raises(ValueError, match="got none"):
        train([], version="made", seed=1)


def test_days_that_are_left_out_teach_nothing(few_rounds: None) -> None:
    batch = days()
    wrong = batch._replace(habits=batch.habits._replace(mcc=batch.habits.mcc[::-1].copy()), day=batch.day - 1)
    mixed = [wrong, batch]
    made = train(mixed, version="made", seed=1, source="drawn", left_out=lambda each: (each.day - 20_000) % 61 != 0)
    assert made.encoded() == rough_model().encoded()
