"""Kinds of controls: what each takes and refuses, and that its versions take effect by the merchant's clock."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from detectors.mcc_jump import MccJump
from domain.interchange import REGIMES
from domain.layouts import LAYOUTS
from engine.control_kinds.registry import INSTALLED, KINDS, kind_of
from engine.controls import Known
from engine.features.event import REFERENCE
from engine.monitor import Monitor, MonitorConfig
from tests.controls_made import control, known
from tests.detectors.shops import FIRST as FIRST_DAY
from tests.engine.test_controls import MASTER, START_MS, check_every_way, sale, selling, shops, thirds
from tests.models_made import made_model
from tests.seeds import seeds
from tests.strategies import JUMPY, MERCHANTS, records_of, seeded_stream
from tests.trade_made import trade_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]

ROOT = Path(__file__).parents[2]
HOUR_S, DAY_MS = 3_600, 86_400_000


@pytest.mark.parametrize("name", KINDS)
def test_what_the_product_has_can_be_read_is_equal_and_can_be_hashed(name: str) -> None:
    kind = KINDS[name]
    body = kind.default({})
    spaced = msgspec.json.format(body, indent=2)
    assert kind.decode(body) == kind.decode(spaced if name != "profiles" else body)
    assert hash(kind.decode(body)) == hash(kind.decode(spaced if name != "profiles" else body))
    assert kind.name == name
    assert kind.name_zh


def test_what_the_product_has_is_what_the_tables_of_the_domain_say() -> None:
    assert KINDS["prices"].decode(KINDS["prices"].default({})).regimes == REGIMES
    assert KINDS["layouts"].decode(KINDS["layouts"].default({})) == LAYOUTS


def test_together_they_fill_all_that_rows_of_features_depend_on() -> None:
    state = Monitor(MonitorConfig(capacity=1))._pipeline.state
    empty = {name for name in REFERENCE.names or () if not np.any(state.references[name])}
    assert empty == {
        "since_ms",  "layout_acquirer_from", "layout_acquirers", "layout_acquirer", "profiles",
        "profile_mean", "profile_deviation", "profile_mcc", "mcc_peer", "peer_week", "price_scheme",
        "rate_issuer_fixed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (
            "engine",
            {"late_s": -1},
            "engine must be late_s and repeat_s, 0 to 2592000, and country, two capital letters",
        ),
        ("engine", {"late_s": 2_592_001}, "Expected `int` <= 2592000"),
        ("engine", {"country": "china"}, "engine must be late_s"),
        ("engine", {"late_s": 60, "repeat_s": 61}, "repeat_s must be at most late_s, 60, got 61"),
        ("approval_codes", {"dankort": ["00"]}, "approval_codes must be by unionpay, .*, got 'dankort'"),
        ("rates", {"rates": {"XXX": {"ppm": 1}}}, "a currency must be a code of ISO 4217 .*, got 'XXX'"),
        ("rates", {"rates": {"CNY": {"ppm": 1}}}, "rates must be of other currencies than home, got CNY"),
        ("rates", {"rates": {"USD": {"ppm": 0}}}, "rates must be home, a currency, and rates, each with ppm"),
        ("rates", {"rates": {"USD": {"ppm": 7_123_456_789_123}}}, "the rate of USD must be a fraction of two numbers"),
        ("engine", {"capacity": 1}, "unknown field `capacity`"),
        ("approval_codes", [], "approval_codes must be 1 to 16 different ones"),
        ("approval_codes", ["00", "00"], "approval_codes must be 1 to 16 different ones, got 00, 00"),
        ("approval_codes", ["0"], "approval_codes must be two digits or capital letters each, got '0'"),
        ("approval_codes", "00", "approval_codes must be lists by scheme"),
        ("layouts", [{"name": "x", "length": 4}], "layouts must be a list, each with name"),
        ("prices", [{"since": "2016-09-06", "notice": "", "rates": []}], "prices must be a list of regimes"),
        ("detectors", {"mcc_jump": {"base": 2}}, "base must be 0 to 1, got 2"),
        ("profiles", {}, "profiles must be an artefact"),
        ("model", {}, "model must be an artefact of `tillwatch model train`"),
        ("trade", {}, "trade must be an artefact of `tillwatch profiles train`"),
    ],
)
def test_a_body_that_cannot_be_is_refused(kind: str, body: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        KINDS[kind].decode(msgspec.json.encode(body))


def changed(name: str, **fields: Any) -> bytes:
    """What the product has, with the first entry of its list otherwise."""
    held = msgspec.json.decode(KINDS[name].default({}))
    return msgspec.json.encode([{**held[0], **fields}, *held[1:]])


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("layouts", {"mcc": [7, 10]}, "mcc of layout unionpay must be 4 characters, got 7..10"),
        ("layouts", {"mcc": [12, 16]}, r"mcc of layout unionpay must lie in 0..15, got 12..16"),
        ("layouts", {"schemes": ["tally"]}, "schemes of layout unionpay must be among .*, got tally"),
        ("layouts", {"acquirers": [f"{k:03d}" for k in range(33)]}, "acquirers of layout unionpay must be at most 32"),
        ("prices", {"since": "2030-01-01T00:00:00Z"}, "regimes must be ascending in since_ms"),
        ("prices", {"rates": [{"fee_class": "standard", "card_kind": "gold", "issuer_e7": 1, "issuer_cap_minor": None,
                               "network_e7": 1, "network_cap_minor": 1}]}, "card_kind must be one of .*, got 'gold'"),
        ("prices", {"rates": [{"fee_class": "standard", "card_kind": "debit", "issuer_e7": 500_001,
                               "issuer_cap_minor": None, "network_e7": 1, "network_cap_minor": 1}]}, "<= 500000"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_is_refused_by_what_is_wrong(kind: str, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        KINDS[kind].decode(changed(kind, **fields))


def test_more_layouts_or_regimes_than_there_is_room_for_are_refused() -> None:
    for name, words in (
        ("layouts", "layouts must be at most 8, got 9"),
        ("prices", "prices must be at most 8 regimes"),
    ):
        (first, *_) = msgspec.json.decode(KINDS[name].default({}))
        with pytest.raises(ValueError, match=words):
            KINDS[name].decode(msgspec.json.encode([first] * 9))


def test_a_kind_that_there_is_not_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match=r"kind must be one of detectors, .*, got 'rules'"):
        kind_of("rules")


def test_the_page_says_of_every_kind_what_it_is() -> None:
    page = (ROOT / "docs" / "controls.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert rows >= set(KINDS)


# -- each takes effect by the merchant's clock


def jumping(published: Sequence[Known]) -> Monitor:
    monitor = Monitor(MonitorConfig(capacity=10), detectors=[MccJump()])
    assert monitor.learn(published) == []
    return monitor


def features_of(published: Sequence[Known], events: Sequence[dict[str, Any]], name: str) -> list[Any]:
    """One feature of each row that events give."""
    monitor = jumping(published)
    rows = monitor._pipeline.rows(records_of(events))
    return [each.values([name], j)[name] for each in rows for j in range(len(each))]


def versions(kind: str, first: object, then: object, at_ms: int = START_MS + 60_000) -> list[Known]:
    return [known(kind, 0, 0, first), known(kind, 1, at_ms, then)]


def test_how_late_a_transaction_may_be_goes_by_the_version_at_the_clock() -> None:
    monitor = jumping(versions("engine", {"late_s": 86_400}, {"late_s": 60}))
    late = [sale(f"l{at}", at - 61_000) for at in (0, 1)]
    outputs = monitor.process(records_of([sale("1", 59_999), late[0], sale("2", 60_000), late[1]]))
    (letter,) = outputs.dead_letters
    assert letter.reason == "late"
    assert "60" in letter.message
    assert "86400" not in letter.message


def test_which_cards_are_foreign_goes_by_the_version_at_the_clock() -> None:
    events = [sale(f"{k}", k * 1_000, issuer_country="DE") for k in range(100)]
    shares = features_of(versions("engine", {"country": "DE"}, {"country": "CN"}), events, "foreign_share_1d")
    assert shares[59] == 0
    assert shares[99] == pytest.approx(0.4, abs=0.01)


def test_which_codes_approve_goes_by_the_version_at_the_clock() -> None:
    events = [sale(f"{k}", k * 30_000, response_code="Y1") for k in range(4)]
    found = features_of(versions("approval_codes", ["00"], ["00", "Y1"]), events, "sales_1d")
    assert found == [0, 0, 1, 2]


def test_what_a_currency_is_at_home_goes_by_the_version_at_the_clock() -> None:
    events = [sale(f"{k}", k * 30_000, currency="JPY") for k in range(4)]
    rates = versions("rates", {"rates": {"JPY": {"ppm": 50_000}}}, {"rates": {}})
    assert features_of(rates, events, "home_up") == [5, 5, 100, 100]
    home = versions("rates", {"home": "JPY", "rates": {"CNY": {"ppm": 20_000_000}}}, {"home": "JPY"})
    assert features_of(home, events, "home_up") == features_of(home, events, "home_down") == [1] * 4
    at_home = [each | {"currency": "CNY"} for each in events]
    assert features_of(home, at_home, "home_down") == [5, 5, 100, 100]


def test_a_sale_s_amount_is_converted_by_the_version_at_the_clock() -> None:
    events = [sale("0", 0), *(sale(f"{k}", k * 30_000, currency="JPY", amount=1_000) for k in range(1, 4))]
    rates = versions("rates", {"rates": {"JPY": {"ppm": 50_000}}}, {"rates": {"JPY": {"ppm": 47_120}}})
    assert features_of(rates, events, "sale_minor")[1:] == [5_000, 4_712, 4_712]


def test_where_a_number_hides_its_mcc_goes_by_the_version_at_the_clock() -> None:
    layout = {"name": "x", "length": 15, "acquirer": [0, 3], "region": [3, 7], "mcc": [11, 15], "serial": [7, 11]}
    events = [sale(f"{k}", k * 30_000, acceptor_id="898210158125411", acquirer_code="8") for k in range(3)]
    first = msgspec.json.decode(KINDS["layouts"].default({}))
    assert features_of(versions("layouts", first, [layout]), events, "mcc_acceptor") == [5812, 5812, 5411]
    others = [{**layout, "acquirers": ["111", "222"]}]
    assert features_of(versions("layouts", others, []), events, "mcc_acceptor") == [None] * 3
    some = [{**layout, "acquirers": ["111", "898"], "schemes": ["unionpay"]}]
    assert features_of(versions("layouts", some, []), events, "mcc_acceptor") == [5411, 5411, None]


def test_what_a_payment_costs_goes_by_the_version_at_the_clock() -> None:
    regimes = msgspec.json.decode(KINDS["prices"].default({}))
    for regime in regimes:
        for rate in regime["rates"]:
            rate["issuer_e7"] //= 2
    published = versions("prices", msgspec.json.decode(KINDS["prices"].default({})), regimes)
    found = [
        alert.at_stake
        for k, at_ms in enumerate((0, 60_000))
        for alert in jumping(published).process(records_of([MASTER, sale(f"{k}", at_ms, mcc="4900")])).alerts
    ]
    assert found[1] < found[0]


def everything(events: Sequence[dict[str, Any]]) -> list[Known]:
    """Versions of every kind that rows of features depend on, from thirds of a stream, one of each withdrawn."""
    first, second = thirds(events)
    layout = {"name": "x", "length": 15, "acquirer": [0, 3], "region": [3, 7], "mcc": [11, 15], "serial": [7, 11]}
    calendar = {"format": 1, "source": {}, "countries": {"CN": {"festival": {"01-01/12-31": "02-35"}}}}
    bodies: dict[str, object] = {
        "engine": {"late_s": 2 * HOUR_S, "country": "DE"}, "approval_codes": ["00", "10", "11", "51", "05"],
        "rates": {"rates": {"USD": {"ppm": 7_123_456}}},
        "layouts": [layout], "prices": [], "calendar": calendar, "peers": {"format": 1, "groups": []}, "profiles": None,
        "model": msgspec.json.decode(made_model().encoded()),
        "trade": msgspec.json.decode(trade_model().encoded()),
    }  # fmt: skip
    assert set(bodies) == set(INSTALLED)
    found: list[Known] = []
    for k, (name, body) in enumerate(bodies.items()):
        found += [known(name, 0, 0, KINDS[name].default({})), known(name, 1, first + k * 1_000, body)]
        found.append(known(name, 2, second + k * 1_000, KINDS[name].default({})))
        taken_back = control(name, 3, second + 1_000_000 + k, body)
        found += [known(name, 3, taken_back.effective_from, body), withdrawal(name, 4, taken_back.effective_from, 3)]
    return found


def withdrawal(kind: str, version: int, effective_from: int, withdraws: int) -> Known:
    return Known(msgspec.structs.replace(control(kind, version, effective_from, None), withdraws=withdraws), None)


def all_jumps(published: Sequence[Known]) -> Callable[[int, int], Monitor]:
    def make(partition: int = 0, partitions: int = 1) -> Monitor:
        made = Monitor(MonitorConfig(capacity=1000), partition, partitions, detectors=[MccJump()], checkpoints=True)
        assert made.learn(published) == []
        return made

    return make


@pytest.mark.parametrize("seed", seeds(4, quick=2))
def test_invariant_1_with_versions_of_every_kind(seed: int) -> None:
    """Invariant 1: no cut of batches, partition or restart changes which version of which kind counts."""
    events = seeded_stream(seed, 160, JUMPY, len(MERCHANTS))
    published = everything(events)
    whole = check_every_way(all_jumps(published), events, random.Random(seed))
    plain = check_every_way(all_jumps([]), events, random.Random(seed))
    assert (whole.alerts, whole.scores, whole.totals) != (plain.alerts, plain.scores, plain.totals)


def test_invariant_1_with_two_calendars() -> None:
    """A festival all year long says nothing of a surge: what is found depends on the calendar, by the clock."""
    events = shops(0)
    body = {"format": 1, "source": {}, "countries": {"CN": {"festival": {"01-01/12-31": "02-35"}}}}
    calendars = versions(
        "calendar", body, msgspec.json.decode(KINDS["calendar"].default({})), (FIRST_DAY + 40) * DAY_MS
    )
    whole = check_every_way(selling(calendars), events, random.Random(0))
    plain = check_every_way(selling([]), events, random.Random(0))
    assert whole.alerts.keys() != plain.alerts.keys(), "calendars matter"
