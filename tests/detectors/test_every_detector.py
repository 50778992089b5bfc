"""What every detector must hold to, whoever wrote it. A new one is found by itself."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from detectors.contract import CONTEXT, HOME, Story, Tuned
from detectors.registry import DETECTORS, REMOVED, REMOVED_SETTINGS, make_detectors
from detectors.words.registry import WORDS, facts_of, sentence_of
from domain.alerts import BEARERS, Alert, Text
from domain.events import EVENTS, TRANSACTION
from engine.features.families.registry import columns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.contract import Detector, Findings

STORY = Story(3, 12_345, 12_345, "2026-06-01")
WITHOUT_MONEY = frozenset({"fee_notice", "stan_reuse", "gauge_breach"})
"""Detectors whose sentences have no sum of money."""
MOST_FACTS_BYTES = 500
ROOT = Path(__file__).parents[2]
NULL = np.iinfo(np.int64).min
COLUMNS = columns()
LOW_CODES = {
    "mcc_sources": 32, "mcc_basis": 3, "mcc_class_drop": 3, "fee_type_used": 100, "fee_class_used": 3,
    "number_changed": 2, "number_source": 3, "numbers_28d": 9, "number_places_28d": 9, "trade_telling": 13,
    "fee_basis": 4, "row_kind": 5, "new_d": 31, "dormancy_d": 401, "idle_d": 400, "quiet_d": 20, "quiet_longest_d": 61,
    "terminal_failures_1d": 60, "terminal_attempts_1d": 60, "others_attempts_1d": 100, "others_failures_1d": 10,
    "silent_d": 61, "silent_longest_d": 20, "technical_d": 6, "closed_technical": 20, "licence_left_d": 100,
    "licence_expires_s": 2 * 10**9, "complaints_90d": 17, "fee_complaints_90d": 17, "complaint_ago_d": 90,
    "terminal_code": 100, "report_kind": 4, "report_terminal": 100, "point_form": 3, "point_reports": 300,
    "point_sales": 1000, "point_days": 40, "point_weeks": 14,
    "gauge_breached": 64, "gauge_vamp_days": 32, "gauge_ecm_days": 32, "gauge_hecm_days": 32, "gauge_efm_days": 32,
    **{f"model_reason_{k}": 32 for k in (1, 2, 3)},
    "rise_form": 5, "rise_d": 60, "expected_minor_1d": 10**6, "rise_before_minor": 10**6, "closed_sales": 3,
}  # fmt: skip
BOTH_WAYS = {"fee_over"}
AMOUNTS = {column.name for column in COLUMNS if column.unit == "minor units"}
HIGH_FLOATS = {
    "day_surprise": 20.0, "hour_surprise": 20.0, "rise_score": 20.0, "fall_score": 20.0, "silence_score": 20.0,
    "decline_score": 20.0, "closed_surprise": 6.0, "volume_score": 20.0, "missed_sales": 100.0,
    "peer_z": 4.0, "expected_1d": 40.0, "set_evidence": 30.0, "set_terminal_evidence": 30.0, "trade_evidence": 30.0,
    "number_switches_7d": 30.0, "silent_missed": 100.0, "terminal_failing_usual": 0.3, "point_evidence": 20.0,
    "point_base_ppm": 5_000.0, "model_percentile": 100.0, "model_load": 2.0, "trade_odds": 8.0,
}  # fmt: skip


@pytest.fixture(params=[each.name for each in DETECTORS])
def detector(request: pytest.FixtureRequest) -> Detector:
    return next(each for each in make_detectors() if each.name == request.param)


class OnlyDeclared(dict[str, Any]):
    """Features that may be read only where the detector declared them."""

    def __init__(self, features: dict[str, Any], declared: tuple[str, ...]) -> None:
        super().__init__({name: features[name] for name in declared})


def random_features(seed: int, n: int = 400, null_share: float = 0.3) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    features: dict[str, Any] = {}
    for column in COLUMNS:
        null = rng.random(n) < null_share
        if column.kind == "float":
            features[column.name] = np.where(null, np.nan, HIGH_FLOATS.get(column.name, 1.0) * rng.random(n))
            continue
        high = LOW_CODES.get(column.name, 10_000 if column.unit == "MCC" else 10**13)
        values = rng.integers(-high if column.name in BOTH_WAYS else 0, high, n)
        features[column.name] = np.where(null & bool(column.null), NULL, values)
    features["sale_minor"] = np.where(rng.random(n) < null_share, NULL, rng.integers(0, 10**13, n))
    features |= {"home_up": np.ones(n, np.int64), "home_down": np.ones(n, np.int64)}
    features["local_day"] = np.full(n, 20_610)
    return features


def money(found: Findings) -> list[np.ndarray]:
    """Loss and turnover by finding, null where it is not known."""
    both = (found.loss_e7, found.turnover_e7)
    return [np.full(len(found.index), NULL) if each is None else each for each in both]


def same(one: Findings, other: Findings) -> bool:
    pairs = zip((one.index, one.severity, *money(one)), (other.index, other.severity, *money(other)), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def pieces(features: dict[str, Any], checkpoints: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    for first, last in zip([0, *checkpoints], [*checkpoints, None], strict=True):
        yield first, {name: column[first:last] for name, column in features.items()}


def finds_money(detector: Detector) -> bool:
    """Whether it finds a loss or a turnover; its words show what is at stake then."""
    return any((each != NULL).any() for seed in range(5) for each in money(detector.detect(random_features(seed))))


def hit_values(detector: Detector, seed: int) -> Iterator[dict[str, Any]]:
    features = random_features(seed)
    for j in detector.detect(features).index.tolist():
        yield {
            name: None if (value := features[name][j]) == NULL or value != value else value.item()  # noqa: PLR0124
            for name in detector.columns
        }


def test_it_has_its_own_file_test_and_docs_page(detector: Detector) -> None:
    for path in (
        ROOT / "detectors" / f"{detector.name}.py",
        ROOT / "tests" / "detectors" / f"test_{detector.name}.py",
        ROOT / "docs" / "detectors" / f"{detector.name}.md",
    ):
        assert path.is_file(), f"{path.relative_to(ROOT)} must be there"


def test_its_docs_page_says_what_a_page_must_say(detector: Detector) -> None:
    page = (ROOT / "docs" / "detectors" / f"{detector.name}.md").read_text(encoding="utf-8")
    for heading in (
        f"# {detector.name}", "## What it finds", "## Severity", "## Where the figures come from",
        "## What it cannot see", "## Known false alarms", "## Coverage",
    ):  # fmt: skip
        assert heading in page
    own = [field for field in fields(detector) if field not in fields(Tuned)]  # type: ignore[arg-type]
    numeric = [field.name for field in own if field.type == "float"]
    assert [name for name in numeric if f"`{name}`" not in page] == []


def test_no_file_of_a_detector_is_left_out_of_the_registry() -> None:
    others = {"__init__", "calibration", "contract", "forms", "registry", "severity_curves"}
    files = {path.stem for path in (ROOT / "detectors").glob("*.py")} - others
    assert files == {each.name for each in DETECTORS}


def test_it_reads_columns_that_there_are_and_declares_them(detector: Detector) -> None:
    assert set(detector.columns) <= {column.name for column in COLUMNS} | set(CONTEXT)
    features = random_features(1)
    assert same(detector.detect(OnlyDeclared(features, detector.columns)), detector.detect(features))


def test_it_needs_fields_and_events_that_there_are(detector: Detector) -> None:
    assert detector.needs
    assert set(detector.needs) <= {field.name for field in TRANSACTION} | set(EVENTS)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_features_give_the_same_findings_and_are_left_as_they_were(detector: Detector, seed: int) -> None:
    features = random_features(seed)
    before = {name: column.copy() for name, column in features.items()}
    assert same(detector.detect(features), detector.detect(features))
    for name, column in features.items():
        assert np.array_equal(column, before[name], equal_nan=column.dtype == np.float64)


@pytest.mark.parametrize("seed", range(5))
def test_a_batch_cut_anywhere_gives_the_same_findings(detector: Detector, seed: int) -> None:
    features = random_features(seed)
    checkpoints = sorted(np.random.default_rng(seed).integers(0, 401, 6).tolist())
    whole = detector.detect(features)
    parts = [(first, detector.detect(piece)) for first, piece in pieces(features, checkpoints)]
    assert np.array_equal(whole.index, np.concatenate([first + found.index for first, found in parts]))
    assert np.array_equal(whole.severity, np.concatenate([found.severity for _, found in parts]))
    for k, of_whole in enumerate(money(whole)):
        assert np.array_equal(of_whole, np.concatenate([money(found)[k] for _, found in parts]))


@pytest.mark.parametrize("seed", range(5))
def test_findings_are_within_their_ranges(detector: Detector, seed: int) -> None:
    found = detector.detect(random_features(seed))
    assert len(found.index), "random features must hit, or this test says nothing"
    assert (np.diff(found.index) > 0).all()
    assert ((found.severity >= 0) & (found.severity <= 1)).all()
    for each in money(found):
        assert each.dtype == np.int64
        assert ((each >= 0) | (each == NULL)).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_has_a_bearer_and_money_that_is_not_known_is_no_nought(detector: Detector, seed: int) -> None:
    assert detector.bearer in {"", *BEARERS}
    found = detector.detect(random_features(seed))
    assert detector.bearer or (money(found)[0] == NULL).all()


def test_its_docs_page_says_what_its_money_is_and_who_bears_it(detector: Detector) -> None:
    page = (ROOT / "docs" / "detectors" / f"{detector.name}.md").read_text(encoding="utf-8")
    section = " ".join(page.partition("## Money")[2].partition("\n## ")[0].split())
    found = [detector.detect(random_features(seed)) for seed in range(5)]
    loss, turnover = (any((money(each)[k] != NULL).any() for each in found) for k in range(2))
    who = f", borne by {BEARERS[detector.bearer].en}" if detector.bearer else ""
    assert section.startswith(f"Loss: {'yes' if loss else 'not known' if who else 'none'}{who}. Turnover: ")
    assert ("Turnover: none." not in section) == turnover


def test_it_is_silent_where_nothing_is_known(detector: Detector) -> None:
    features = {
        column.name: np.full(50, np.nan) if column.kind == "float" else np.full(50, NULL if column.null else 0)
        for column in COLUMNS
    } | {"sale_minor": np.full(50, NULL), "local_day": np.full(50, NULL), **dict.fromkeys(HOME, np.ones(50, np.int64))}
    assert len(detector.detect(features).index) == 0


def test_it_takes_a_batch_without_transactions(detector: Detector) -> None:
    assert len(detector.detect(random_features(0, n=0)).index) == 0


@pytest.mark.parametrize("seed", range(3))
def test_its_words_are_there_in_both_languages_and_its_evidence_can_be_written(detector: Detector, seed: int) -> None:
    assert detector.title.en
    assert detector.title.zh
    seen = 0
    for values in hit_values(detector, seed):
        seen += 1
        evidence = detector.evidence(values)
        assert evidence
        assert {each.feature for each in evidence} <= {name.removesuffix("_e7") for name in detector.columns}
        msgspec.json.encode(evidence)
        reason = detector.sentence(detector.facts(values, STORY), "CNY")
        assert any(c in "0123456789" for c in reason.en)
        assert any("一" <= c <= "鿿" for c in reason.zh)
        assert "CNY" not in reason.en + reason.zh, "yuan are shown by their sign"
        assert " %" not in reason.zh, "no blank stands before % in Chinese"
        assert "None" not in reason.en + reason.zh
    assert seen


@pytest.mark.parametrize("seed", range(3))
def test_its_sentence_is_made_of_the_facts_that_its_alerts_bear(detector: Detector, seed: int) -> None:
    """Whoever has the alert can say it again, or otherwise: nothing of it comes from elsewhere."""
    seen = 0
    for values in hit_values(detector, seed):
        facts = detector.facts(values, STORY)
        borne = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(facts)))
        alert = Alert(
            alert_id="a", revision=1, detector=detector.name, version=1, merchant_id="m", subject="", severity=0.5,
            hits=3, first_time="", last_time="", at_stake=0, currency="CNY", title=detector.title,
            reason=Text("", ""), evidence=(), txn_ids=(), risk_code="", facts=borne,
        )  # fmt: skip
        assert facts_of(alert) == facts
        assert sentence_of(alert) == detector.sentence(facts, "CNY")
        assert len(msgspec.json.encode(borne)) <= MOST_FACTS_BYTES
        seen += 1
    assert seen


def test_its_facts_are_made_of_what_an_alert_of_before_had_frozen(detector: Detector) -> None:
    """Columns that were added for words alone are missing in alerts that an earlier version opened."""
    for values in hit_values(detector, 0):
        held = {name: value for name, value in values.items() if name not in CONTEXT}
        assert detector.sentence(detector.facts(held, Story(1)), "CNY").zh


def test_its_words_are_those_of_its_own_file(detector: Detector) -> None:
    words = WORDS[detector.name]
    assert (detector.title, detector.sentence) == (words.TITLE, words.sentence)
    assert (ROOT / "detectors" / "words" / f"{detector.name}.py").is_file()


def test_an_alert_of_before_keeps_the_sentence_that_it_bears() -> None:
    told = Text("4 sales under 8211", "4笔")
    alert = Alert(
        alert_id="a", revision=1, detector="mcc_jump", version=1, merchant_id="m", subject="", severity=0.5, hits=3,
        first_time="", last_time="", at_stake=0, currency="CNY", title=told, reason=told, evidence=(), txn_ids=(),
        risk_code="",
    )  # fmt: skip
    assert sentence_of(alert) == told


@pytest.mark.parametrize(("currency", "shown"), [("JPY", "12,345 JPY"), ("KWD", "12.345 KWD"), ("CLF", "1.2345 CLF")])
def test_its_words_show_money_with_the_digits_of_the_currency(detector: Detector, currency: str, shown: str) -> None:
    has_money, told = finds_money(detector), detector.name in WITHOUT_MONEY
    for values in hit_values(detector, 0):
        given = {
            name: None if value is None else 12_345 if name in AMOUNTS else value for name, value in values.items()
        }
        reason = detector.sentence(detector.facts(given, STORY), currency)
        for words in (reason.en, reason.zh):
            assert shown in words or not has_money
            assert "123.45" not in words
            told |= shown in words
    assert told or detector.risk_group == "service"  # which is about no money


def test_an_episode_ends_after_a_gap_and_an_age_that_make_sense(detector: Detector) -> None:
    assert 0 < detector.quiet_gap_s <= detector.max_age_s
    assert detector.version >= 1


@pytest.mark.parametrize("name", sorted(REMOVED))
def test_settings_of_a_detector_of_earlier_versions_are_passed_over(name: str) -> None:
    """A log that published them must be read for good."""
    assert make_detectors({name: {"ratio": 3.0}}) == make_detectors()


def test_settings_of_earlier_versions_of_a_detector_are_passed_over() -> None:
    for name, settings in REMOVED_SETTINGS.items():
        assert make_detectors({name: dict.fromkeys(settings, 0.5)}) == make_detectors()


@pytest.mark.parametrize("seed", range(3))
def test_a_duty_is_a_rule_with_a_name_and_a_time(detector: Detector, seed: int) -> None:
    duty_of = getattr(detector, "duty_of", None)
    for values in hit_values(detector, seed) if duty_of else ():
        duty = duty_of(values)
        assert duty is None or (duty.name and duty.within_s >= 0 and duty.due_ms >= 0)


def test_a_least_severity_that_is_none_is_refused_by_name(detector: Detector) -> None:
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=rf"detectors\.{detector.name}\.least_severity must be 0 to 1, got"):
            make_detectors({detector.name: {"least_severity": wrong}})


def test_unknown_settings_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"detectors must be among .*mcc_jump.*, got nonsense"):
        make_detectors({"nonsense": {}})
    with pytest.raises(ValueError, match=r"detectors\.mcc_jump must have settings among .*base.*, got no_such_setting"):
        make_detectors({"mcc_jump": {"no_such_setting": 1}})
    with pytest.raises(ValueError, match=r"detectors\.mcc_jump\.base must be 0 to 1, got 3"):
        make_detectors({"mcc_jump": {"base": 3}})
