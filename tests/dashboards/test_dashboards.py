from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import thresholds as limit
from dashboards.alerting import ALERTS, RECORDINGS
from dashboards.build import BOARDS as BUILT
from dashboards.build import SQL_BOARDS as BUILT_OF_SQL
from dashboards.build import dashboard_json, files
from dashboards.frame import SCHEMA_VERSION
from dashboards.kit import Language
from dashboards.queries import gained
from notices.metric_names import NOTICES_METRICS
from streams.feeds import STALLED_S
from streams.metric_names import CASEWORK_METRICS, METRICS, MODEL_METRICS, MetricKind
from tests.dashboards.reading import (
    BOARDS,
    LANGUAGES,
    ROOT,
    SQL_BOARDS,
    Asked,
    asked_by,
    board,
    metrics_of,
    selected_labels,
)

EVERY = [(language, name) for language in LANGUAGES for name in BOARDS]
ALL = EVERY + [(language, name) for language in LANGUAGES for name in SQL_BOARDS]
PROMETHEUS_OWN = {
    "up": {"job", "instance"},
    "ALERTS": {"alertname", "alertstate", "severity", "service", "job", "instance"},
    "process_start_time_seconds": {"job", "instance"},
}
"""Series that Prometheus makes itself, or that every Python process with its client has."""
_OF_GRAFANA = {"__range", "__interval", "__rate_interval", "__data", "__all", "__timeFilter", "__value"}
ANNOTATION_KEYS = {"step", "titleFormat", "textFormat", "tagKeys", "useValueForTime"}
"""Of the Prometheus data source: it reads them, and Grafana's schema does not name them."""


def panels(language: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = board(language, name)["panels"]
    return found


def exposed() -> dict[str, set[str]]:
    """Every series that a worker, casework or a sender of notices exposes or `tillwatch model drift` writes."""
    found = dict(PROMETHEUS_OWN)
    for each in (*METRICS, *MODEL_METRICS, *CASEWORK_METRICS, *NOTICES_METRICS):
        labels = {*each.labels, "job", "instance"}
        if each.kind is MetricKind.HISTOGRAM:
            found |= {f"{each.name}_bucket": labels | {"le"}, f"{each.name}_sum": labels, f"{each.name}_count": labels}
        else:
            found[each.name] = labels
    return found


def everything_asked() -> list[Asked]:
    rules = [Asked(each.name, each.expression) for each in RECORDINGS]
    rules += [Asked(each.name, each.expression) for group in ALERTS.values() for each in group]
    return rules + [query for language, name in EVERY for query in asked_by(board(language, name))]


def test_the_files_are_what_the_code_makes() -> None:
    stale = [name for name, text in files().items() if (ROOT / name).read_text(encoding="utf-8") != text]
    assert stale == [], "run make dashboards"


def test_no_file_is_left_that_the_code_does_not_make() -> None:
    found = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.suffix in {".json", ".yml"}}
    assert found == set(files())


def test_the_tests_look_at_every_dashboard() -> None:
    assert (set(BOARDS), set(SQL_BOARDS)) == (set(BUILT), set(BUILT_OF_SQL))
    assert get_args(Language) == LANGUAGES


@pytest.mark.parametrize(("language", "name"), ALL)
def test_a_dashboard_is_read_by_the_published_schemas_classes_without_loss(language: str, name: str) -> None:
    plugins.register_default_plugins()
    given = board(language, name)
    read = json.loads(json.dumps(Dashboard.from_json(given), cls=JSONEncoder))
    assert [each for each in lost(given, read) if each.rsplit(".", 1)[-1] not in ANNOTATION_KEYS] == []


def lost(given: Any, read: Any, where: str = "") -> list[str]:
    """What of a JSON value is not in another, or is of another value there."""
    if isinstance(given, dict) and isinstance(read, dict):
        return [
            found
            for key, value in given.items()
            for found in ([f"{where}.{key}"] if key not in read else lost(value, read[key], f"{where}.{key}"))
        ]
    if isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        pairs = enumerate(zip(given, read, strict=True))
        return [found for k, (one, other) in pairs for found in lost(one, other, f"{where}.{k}")]
    return [] if given == read and type(given) is type(read) else [where]


def test_a_key_that_the_schema_does_not_know_is_found_to_be_lost() -> None:
    plugins.register_default_plugins()
    given = board("en", "wall")
    given["panels"][0]["colour"] = "red"
    read = json.loads(json.dumps(Dashboard.from_json(given), cls=JSONEncoder))
    assert ".panels.0.colour" in lost(given, read)


def test_every_series_that_is_read_is_exposed_or_recorded() -> None:
    known = set(exposed()) | {each.name for each in RECORDINGS}
    unknown = {(each.where, name) for each in everything_asked() for name in metrics_of(each.expression) - known}
    assert unknown == set()


def test_a_misspelt_metric_would_be_noticed() -> None:
    assert metrics_of('sum by (x) (rate(tillwatch_allerts_total{a="b"}[5m]))') == {"tillwatch_allerts_total"}


def test_every_label_that_is_selected_is_one_of_its_series() -> None:
    known = exposed()
    wrong = {
        (each.where, name, label)
        for each in everything_asked()
        for name, labels in selected_labels(each.expression).items()
        if (metric := re.sub(r"^partition:(\w+):max$", r"\1", name)) in known
        for label in labels - known[metric]
    }
    assert wrong == set()


def test_every_recorded_series_is_read_by_someone() -> None:
    read = {name for each in everything_asked() for name in metrics_of(each.expression)}
    own = {f"partition:{each.name}:max" for each in METRICS}
    assert {each.name for each in RECORDINGS} - read - own == set()


@pytest.mark.parametrize(("language", "name"), ALL)
def test_every_panel_has_a_title_a_description_a_unit_and_a_word_for_no_data(language: str, name: str) -> None:
    for panel in panels(language, name):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"], panel["id"]
        assert len(panel["description"]) >= 8, panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["noValue"] == {"en": "no data", "zh": "无数据"}[language], panel["title"]


@pytest.mark.parametrize("name", BOARDS + SQL_BOARDS)
def test_both_languages_ask_the_same(name: str) -> None:
    english, chinese = ([each.expression for each in asked_by(board(language, name))] for language in LANGUAGES)
    assert [each.replace('"none"', '"无"') for each in english] == chinese


@pytest.mark.parametrize("name", BOARDS + SQL_BOARDS)
def test_chinese_words_are_chinese_and_english_ones_are_not(name: str) -> None:
    def said(language: str) -> list[str]:
        return [text for panel in panels(language, name) for text in (panel["title"], panel["description"])]

    chinese = re.compile(r"[一-鿿]")
    assert [each for each in said("zh") if not chinese.search(each)] == []
    assert [each for each in said("en") if chinese.search(each)] == []


@pytest.mark.parametrize(("language", "name"), ALL)
def test_every_variable_is_used_and_every_used_one_declared(language: str, name: str) -> None:
    text = json.dumps(board(language, name))
    declared = {each["name"] for each in board(language, name)["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", text)) - _OF_GRAFANA
    assert used == declared


@pytest.mark.parametrize(("language", "name"), ALL)
def test_a_dashboard_is_imported_without_provisioning(language: str, name: str) -> None:
    found = board(language, name)
    assert "__inputs" not in found
    assert found["schemaVersion"] == SCHEMA_VERSION
    assert found["uid"].endswith(f"-{language}")
    notes = found.get("annotations", {}).get("list", [])
    targets = [target for panel in found["panels"] for target in panel["targets"]]
    sources = {json.dumps(each["datasource"]) for each in [*found["panels"], *notes, *targets]}
    kind = "grafana-postgresql-datasource" if name in SQL_BOARDS else "prometheus"
    assert sources == {json.dumps({"type": kind, "uid": "${datasource}"})}


@pytest.mark.parametrize("name", BOARDS + SQL_BOARDS)
def test_panels_do_not_overlap_and_stay_on_the_grid(name: str) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in panels("en", name):
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not own & cells, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        cells |= own


def test_rates_of_counters_use_grafanas_own_interval() -> None:
    wrong = [
        each
        for language, name in EVERY
        for each in asked_by(board(language, name))
        if re.search(r"\b(?:rate|increase)\([^)]*\[(?!\$__rate_interval\])", each.expression)
    ]
    assert wrong == []


LINES = {
    "Behind, by partition": ("TillwatchLag", limit.BEHIND_S),
    "Age of the last checkpoint": ("TillwatchCheckpointOld", limit.CHECKPOINT_AGE_S),
    "Filing behind": ("TillwatchFilingBehind", limit.FILING_BEHIND_S),
    "Clock skew": ("TillwatchClockSkew", limit.CLOCK_SKEW_S),
    "Free where the log is": ("TillwatchDisk", limit.DISK_FREE_BYTES),
}


@pytest.mark.parametrize("title", LINES)
def test_the_lines_in_a_panel_are_the_figures_its_rules_compare_with(title: str) -> None:
    rule, limits = LINES[title]
    panel = next(each for each in panels("en", "operations") if each["title"] == title)
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert {each["value"] for each in steps} == {None, limits.ticket, limits.page}
    for severity, value in (("ticket", limits.ticket), ("page", limits.page)):
        expressions = [
            each.expression
            for group in ALERTS.values()
            for each in group
            if (each.name, each.severity) == (rule, severity)
        ]
        assert re.findall(rf"[<>] {value:.15g}\b", expressions[0]), expressions


def test_the_line_of_notices_that_wait_is_the_one_that_its_rule_compares_with() -> None:
    panel = next(each for each in panels("en", "operations") if each["title"] == "Notices behind")
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert {each["value"] for each in steps} == {None, limit.NOTICE_OLDEST_S}
    (rule,) = [each for each in ALERTS["tillwatch-notices"] if each.name == "TillwatchNoticesStuck"]
    assert f"> {limit.NOTICE_OLDEST_S} or" in rule.expression


def test_the_line_of_a_stalled_feed_is_the_workers_own() -> None:
    assert limit.FEED_SILENT_S == STALLED_S


def test_deploys_and_controls_are_annotated_on_every_dashboard() -> None:
    for name in BOARDS:
        notes = {each["name"]: each for each in board("en", name)["annotations"]["list"]}
        assert notes["Deploys"]["enable"], name
        assert notes["Controls"]["enable"], name


def test_a_merchants_number_leads_to_the_merchant() -> None:
    panel = next(each for each in panels("en", "risk-overview") if each["title"] == "Riskiest merchants")
    urls = [
        link["url"]
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] == "links"
        for link in each["value"]
    ]
    assert urls == ["${console}/merchants/${__data.fields.merchant_id}"]


def test_money_has_the_unit_of_the_acquirers_currency() -> None:
    def units(currency: str) -> set[str]:
        return set(re.findall(r'"unit": "((?:currency|suffix)[^"]*)"', dashboard_json("risk-overview", "en", currency)))

    assert units("CNY") == {"currencyCNY"}
    assert units("EUR") == {"currencyEUR"}
    assert units("XOF") == {"suffix: XOF"}


def test_only_durable_counters_have_an_exact_gain() -> None:
    with pytest.raises(ValueError, match="must be a durable counter, got tillwatch_recoveries_total"):
        gained("tillwatch_recoveries_total", "", "5m")
