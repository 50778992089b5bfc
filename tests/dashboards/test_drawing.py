"""The pictures: from a real Prometheus by real Chromium."""

from __future__ import annotations

import json
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from dashboards.build import BOARDS, HERE
from tests.dashboards.alertmanager import answers
from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports
from tests.parts import command, require
from tools import draw_dashboards
from tools.drawing.asking import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.monitoring, pytest.mark.browser]
END = 1_700_003_600


def figures() -> str:
    """An hour of one partition: an alert every ten minutes, from the second on; none critical."""
    lines = ["# TYPE partition:tillwatch_records_total:max unknown"]
    times = range(END - 3_600, END + 1, 15)
    lines += [
        f'partition:tillwatch_records_total:max{{partition="0",outcome="transaction"}} {t - END} {t}' for t in times
    ]
    lines.append("# TYPE partition:tillwatch_alerts_total:max unknown")
    of = 'partition="0",detector="mcc_jump",severity'
    for severity, every in (("high", 600), ("critical", 10**9)):
        values = [
            f'partition:tillwatch_alerts_total:max{{{of}="{severity}"}} {(t - END + 3_600) // every} {t}' for t in times
        ]
        lines += values
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that holds `figures`."""
    folder = tmp_path_factory.mktemp("prometheus")
    promtool = require(lambda: command("promtool", "prometheus"))
    binary = require(lambda: command("prometheus", "prometheus"))
    (folder / "figures").write_text(figures(), encoding="utf-8")
    making = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(folder / "figures"), str(folder / "data")]
    subprocess.run(making, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("{}")
    (port,) = free_ports(1)
    where = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    kept = ["--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binary, *where, *kept], stdout=log, stderr=subprocess.STDOUT)
        try:
            made = Prometheus(f"http://127.0.0.1:{port}", END - 3_600, END)
            wait_until(lambda: answers(f"{made.url}/-/ready"), "Prometheus answers", 60)
            yield made
        finally:
            process.terminate()
            process.wait(30)


def test_a_dashboard_shows_exact_counts_and_tells_none_from_no_data(prometheus: Prometheus) -> None:
    board = json.loads((HERE / "en" / "wall.json").read_text(encoding="utf-8"))
    html, high = draw_dashboards.page(board, prometheus)
    shown = {part.split("</h2>")[0]: part.split("</h2>")[1] for part in html.split("<h2>")[1:]}
    assert ">6<" in shown["New alerts"]
    assert ">none<" in shown["Critical alerts"]
    assert ">no data<" in shown["Merchants of grade D or E"]
    assert "MCC code-jumping" in shown["What they are"]
    assert high > 500


def test_chromium_paints_it_at_the_size_of_the_dashboard(prometheus: Prometheus, tmp_path: Path) -> None:
    require(lambda: command("chromium", "chromium"))
    draw_dashboards.main(
        [
            prometheus.url,
            "--into",
            str(tmp_path),
            "--last",
            "1h",
            "--end",
            str(END),
            "--only",
            "wall",
            "--language",
            "zh",
        ]
    )
    head = (tmp_path / "wall-zh.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, high = struct.unpack(">II", head[16:24])
    assert width == draw_dashboards.WIDTH
    assert high > 500


def test_every_query_of_a_dashboard_on_prometheus_is_one_that_it_reads(prometheus: Prometheus) -> None:
    for language in ("en", "zh"):
        for name in BOARDS:
            board = json.loads((HERE / language / f"{name}.json").read_text(encoding="utf-8"))
            prometheus.marks([each | {"enable": True} for each in board["annotations"]["list"]])
            for panel in board["panels"]:
                for target in panel["targets"]:
                    prometheus.ask(target["expr"], instant=bool(target["instant"]), step_s=60)


def test_a_query_that_is_wrong_is_named(prometheus: Prometheus) -> None:
    with pytest.raises(ValueError, match=r"^sum\(: .*parse error"):
        prometheus.ask("sum(", instant=True, step_s=60)
