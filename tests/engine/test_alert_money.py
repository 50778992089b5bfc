"""Turnover and loss on their way: from a sale to the alert, over a checkpoint's page, through versions of controls."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from detectors.contract import E7
from detectors.mcc_jump import MccJump
from engine.checkpoint.episode_pages import episode_entry, episode_of
from engine.control_kinds.registry import KINDS
from engine.decoding.columns import MISSING, pack
from engine.episodes import Kept
from engine.features.exchange import convert
from engine.features.money import scale
from engine.monitor import Monitor, MonitorConfig
from engine.stories import PARTLY, Figures
from tests.detectors.made import MIDNIGHT, alerts_of, master, only
from tests.strategies import records_of

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]


def kept(**figures: Any) -> Kept:
    told = Figures(2, 2, 0.5, 1_000, 2_000, **figures)
    return Kept("m", "a", "CNY", told._replace(hits=3), told, {"n": 1}, {}, 9_000, 5)


@pytest.mark.parametrize("loss", [None, 0, 3 * E7, 2**70])
@pytest.mark.parametrize("turnover", [None, 0, 5])
def test_a_page_keeps_what_is_known_of_an_episode_s_money_and_what_is_not(
    loss: int | None, turnover: int | None
) -> None:  # fmt: skip
    one = kept(loss_e7=loss, turnover_e7=turnover, txn_ids=("t",))
    assert episode_of(episode_entry(("mcc_jump", 7), one)) == (("mcc_jump", 7), one)


@pytest.mark.parametrize(
    ("detector", "loss", "turnover"),
    [("mcc_jump", 12, PARTLY), ("fee_over", 12, PARTLY), ("volume_rise", None, 12), ("gone", None, 12)],
)
def test_a_page_of_before_is_read_its_one_sum_by_what_the_detector_s_money_is(
    detector: str, loss: int | None, turnover: int | None
) -> None:
    figures = (1, 1, 0.5, 1_000, 2_000, "12", ["t"])
    page = msgspec.msgpack.encode((detector, 3, ["m", "a", "CNY", figures, figures, {}, {}, 9_000, 5]))
    _, found = episode_of(page)
    assert found is not None
    assert (
        (found.now.loss_e7, found.now.turnover_e7) == (found.told.loss_e7, found.told.turnover_e7) == (loss, turnover)
    )
    unknown = turnover if turnover == PARTLY else None
    nothing = page.replace(b"\xa212", b"\xa10")
    _, found = episode_of(nothing)
    assert found is not None
    assert (found.now.loss_e7, found.now.turnover_e7) == (None, unknown)


def test_a_page_is_read_by_the_release_before() -> None:
    name, row, page = msgspec.msgpack.decode(episode_entry(("x", 1), kept(turnover_e7=9)))
    assert (name, row, page[3][5]) == ("x", 1, "9")
    (_, _, page) = msgspec.msgpack.decode(episode_entry(("x", 1), kept(loss_e7=4, turnover_e7=9)))
    assert page[3][5] == "4"


def sale(k: int, **changed: Any) -> dict[str, Any]:
    return {
        "txn_id": f"t{k}", "merchant_id": "m1", "amount": 100_000, "currency": "CNY", "scheme": "unionpay",
        "event_time": MIDNIGHT + k * 60_000, "card_kind": "credit", "mcc": "5411",
    } | changed  # fmt: skip


def test_an_alert_has_the_sales_their_loss_and_who_bears_it() -> None:
    alert = only(alerts_of([master("5812"), sale(1), sale(2)], MccJump()))
    assert (alert.turnover, alert.loss, alert.bearer, alert.loss_month) == (200_000, 227, "issuer_network", None)
    assert (alert.at_stake, alert.duty) == (227, None)


def rated(body: dict[str, Any]) -> Monitor:
    rates = KINDS["rates"].decode(msgspec.json.encode(body))
    return Monitor(MonitorConfig(capacity=10, controls={"rates": rates}), detectors=[MccJump()], historic=True)


def test_turnover_is_in_the_merchant_s_currency_by_the_rates_in_force() -> None:
    monitor = rated({"rates": {"JPY": {"ppm": 47_120}}})
    honest = sale(0, mcc="5812")
    outputs = monitor.process(records_of([master("5812"), honest, sale(1, currency="JPY", amount=209_100)]))
    (alert,) = outputs.alerts
    assert (alert.currency, alert.turnover) == ("CNY", 985_279)  # 209,100 times 0.04712 CNY, rounded once


@pytest.mark.parametrize("amount", [1, 7, 125, 10**12 + 1, -9])
@pytest.mark.parametrize(("of", "to"), [("JPY", "CNY"), ("CNY", "JPY"), ("JPY", "KWD"), ("USD", "CNY")])
def test_what_python_converts_is_what_the_kernel_does(amount: int, of: str, to: str) -> None:
    up = {"CNY": (1, 1), "JPY": (589, 125), "KWD": (2_317, 1_000)}
    codes = [pack(each) for each in up]
    reference = {
        "exchanges": 3, "exchange_currency": np.array(codes),
        "exchange_up": [a for a, _ in up.values()], "exchange_down": [b for _, b in up.values()],
    }  # fmt: skip
    found = convert(amount, pack(of), pack(to), reference)
    if of == "USD":
        assert found == MISSING
        return
    (a, b), (c, d) = up[of], up[to]
    assert found == scale(amount, a * d, b * c)
