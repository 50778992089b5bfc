"""The live view, its names and its plan, without processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from domain.risk import GRADES
from domain.severity import level_of
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from simulator.simulation import simulate
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tillwatch.demo.board import View, board, status_line
from tillwatch.demo.log_snapshot import Picture
from tillwatch.demo.names import Names, in_language
from tillwatch.demo.plan import Plan
from tillwatch.demo.stories import STORIES
from tillwatch.show import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from domain.alerts import Alert, Score

NOTE = "Ctrl-C leaves"


@pytest.fixture(scope="module")
def found() -> tuple[list[bytes], dict[str, Alert], dict[str, Score]]:
    """Master data, alerts and scores of the stories' first days, as the worker finds them in the history."""
    plan = Plan(merchants=40, seed=1)
    simulation, monitor = simulate(plan.simulation()), Monitor(MonitorConfig())
    alerts: dict[str, Alert] = {}
    scores: dict[str, Score] = {}
    master, offset = simulation.master_records(), 0
    for values, times in ((master, None), *((each.values(), each.received_ms) for each in simulation.batches(20_000))):
        kept = values if times is None else values[: int((times < plan.live_from_ms).sum())]
        outputs = monitor.process(Records.of(kept, first_offset=offset))
        offset += len(kept)
        alerts |= {each.alert_id: each for each in outputs.alerts}
        scores |= {each.merchant_id: each for each in outputs.scores}
        if len(kept) < len(values):
            break
    return master, alerts, scores


@pytest.fixture
def picture(found: tuple[list[bytes], dict[str, Alert], dict[str, Score]], tmp_path: Path) -> Iterator[Picture]:
    master, alerts, scores = found
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
        create_topics(log, 1)
        log.append(log.topics.events.name, 0, master)
        made = Picture(log, 0)
        made.refresh()
        made.alerts, made.scores = alerts, scores
        yield made


def screen(picture: Picture, width: int, height: int, lang: str) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(board(picture, NOTE, View(width, height, lang, "Asia/Shanghai")))
    return captured.get().splitlines()


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", ("turnover", "loss", "borne by", "issuer and network", "a month")),
     ("zh", ("涉及金额", "损失", "承担方", "发卡行及卡组织", "预计每月"))],
)  # fmt: skip
def test_money_is_named_and_what_is_not_known_is_a_dash(picture: Picture, lang: str, words: tuple[str, ...]) -> None:
    shown = "\n".join(screen(picture, 150, 45, lang))
    assert all(word in shown for word in words)
    assert UNKNOWN in shown
    assert "¥0.00" not in shown


def test_the_history_shows_four_merchants_of_grade_e_two_of_d_and_each_kind_of_story(
    found: tuple[list[bytes], dict[str, Alert], dict[str, Score]],
) -> None:
    _, alerts, scores = found
    grades = [each.grade for each in scores.values()]
    assert (grades.count("E"), grades.count("D")) == (4, 2)
    severest = {each.detector: each for each in sorted(alerts.values(), key=lambda each: each.severity)}
    assert {"mcc_jump", "fee_over", "volume_rise"} <= set(severest)
    assert level_of(severest["mcc_jump"].severity).word.en == "critical"
    assert all(severest[each].at_stake > 200_000 for each in ("mcc_jump", "fee_over", "volume_rise"))


@pytest.mark.parametrize("seed", [1, 2])
def test_one_to_two_percent_of_merchants_do_something(seed: int) -> None:
    plan = Plan(merchants=1_000, seed=seed)
    violations = simulate(plan.simulation()).violations()
    assert 0.01 <= len({each.merchant_id for each in violations}) / plan.merchants <= 0.02


def test_fewer_merchants_than_stories_tell_the_first_ones() -> None:
    assert Plan(merchants=3, seed=1).simulation().stories == STORIES[:3]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24), (60, 20), (200, 60)])
def test_the_view_fits_the_terminal(picture: Picture, width: int, height: int, lang: str) -> None:
    lines = screen(picture, width, height, lang)
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ("Riskiest merchants", "Jeweller, Hangzhou 8", "critical", "MCC code-jumping", "E 85+: 24 h", "as of")),
        ("zh", ("高风险商户", "珠宝行 8", "紧急", "跳码", "E 85+：24小时", "数据截至")),
    ],
)
def test_the_view_is_in_one_language_with_names_first_words_of_severity_and_a_legend(
    picture: Picture, lang: str, words: tuple[str, ...]
) -> None:
    shown = "\n".join(screen(picture, 120, 40, lang))
    for each in words:
        assert each in shown
    assert ("最严重" in shown) == (lang == "zh")
    assert ("Severest" in shown) == (lang == "en")
    assert all(f"{grade} {least}+" in shown for least, grade in GRADES[:3])


def test_a_merchant_without_a_name_is_shown_by_its_number(picture: Picture) -> None:
    picture.names = Names(picture.names._log)
    (top,) = picture.riskiest(1)
    assert any(top.merchant_id in line for line in screen(picture, 80, 24, "en"))


def test_an_empty_log_says_so_in_both_languages(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
        create_topics(log, 1)
        empty = Picture(log, 0)
        empty.refresh()
        assert "none so far" in "\n".join(screen(empty, 80, 24, "en"))
        assert "暂无" in "\n".join(screen(empty, 80, 24, "zh"))
        assert status_line(empty, 2, "zh", "Asia/Shanghai").startswith("2秒：交易0笔")


def test_names_are_the_newest_master_data_of_each_merchant_and_of_nothing_else(tmp_path: Path) -> None:
    def event(**fields: object) -> bytes:
        return msgspec.json.encode({"effective_from": 1, **fields})

    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
        create_topics(log, 2)
        names = Names(log)
        log.append(log.topics.events.name, 0, [
            event(type="merchant", merchant_id="a", name="旧 Old"), b"?", b'{"type":"merchant","merchant_id":1}',
            event(type="transaction", merchant_id="b", region='"type":"merchant"'),
            event(type="merchant", merchant_id="b"),
        ])  # fmt: skip
        names.refresh()
        assert [names.of(each, "en") for each in "ab"] == ["Old", ""]
        log.append(log.topics.events.name, 1, ['{"type" : "merchant", "merchant_id":"a", "name":"新店"}'.encode()])
        names.refresh()
        assert [names.of("a", lang) for lang in ("en", "zh")] == ["新店", "新店"]


@pytest.mark.parametrize("name", ["", "Corner Shop", "拐角商店", "Shop 拐角", "7号店 24"])
def test_a_name_in_one_language_is_shown_whole_in_both(name: str) -> None:
    assert (in_language(name, "en"), in_language(name, "zh")) == (name, name)
