"""Draws each dashboard from its own queries, run against a Prometheus, as a PNG by headless Chromium.

This is not Grafana: it knows the panels that the dashboards use, so that queries, units, names, colours and layout can
be looked at where no Grafana is. What Grafana itself makes of the JSON is not shown by it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboards.build import BOARDS, HERE
from tools.drawing.asking import Prometheus, seconds
from tools.drawing.panels import body

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, ROW, GAP, HEAD = 1600, 38, 8, 52
NOTE = "drawn from the dashboard's queries by tools/draw_dashboards.py, not by Grafana"
_STYLE = """
*{box-sizing:border-box;margin:0}
body{background:#111217;color:#CCCCDC;font:13px "Inter","Noto Sans","Noto Sans CJK SC",sans-serif;position:relative}
h1{font-size:20px;font-weight:500;padding:14px 10px} h1 small{font-size:12px;color:#7B7C85;float:right;padding-top:6px}
.panel{position:absolute;background:#181B1F;border:1px solid #2A2D34;border-radius:3px;padding:6px 10px;overflow:hidden}
.panel h2{font-size:14px;font-weight:500;height:24px;white-space:nowrap;position:relative;z-index:1}
.empty{color:#7B7C85;text-align:center;padding-top:40px;font-size:18px}
.stat{font-weight:600;display:flex;align-items:center;justify-content:center;white-space:nowrap}
.stat{height:calc(100% - 24px)}
.filled{position:absolute;inset:0;height:100%;color:#fff;padding-top:14px}
svg text{fill:#9FA2AC;font-size:11px} .grid{stroke:#2A2D34}
.legend{line-height:22px;max-height:66px;overflow:hidden;font-size:12px}
.legend span{margin-right:14px;white-space:nowrap;display:inline-block}
.legend i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle}
.bars .bar{display:flex;align-items:center;margin-bottom:6px}
.name{text-align:right;padding-right:10px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;flex:none}
.track{flex:1;height:100%;min-height:14px;max-height:26px;background:#22252B} .track i{display:block;height:100%}
.bar b{width:76px;text-align:right;font-size:15px;flex:none}
table{border-collapse:collapse;width:100%} th{text-align:left;color:#6E9FFF;font-weight:500;padding:6px 8px}
td{padding:0 8px;height:32px;border-top:1px solid #2A2D34;white-space:nowrap;overflow:hidden}
.gauge div{display:flex;align-items:center;height:20px} .gauge b{width:64px;text-align:right}
"""


def page(board: dict[str, Any], source: Prometheus) -> tuple[str, int]:
    """A dashboard as HTML, and how many pixels high it is."""
    unit = (WIDTH - GAP) / 24
    made, low = [], 0.0
    marks = source.marks(board["annotations"]["list"])
    for panel in board["panels"]:
        at = panel["gridPos"]
        x, y = at["x"] * unit + GAP, at["y"] * ROW + HEAD
        width, height = at["w"] * unit - GAP, at["h"] * ROW - GAP
        low = max(low, y + height)
        inside = body(panel, source, marks, width - 22, height - 38)
        made.append(
            f'<div class="panel" style="left:{x:.0f}px;top:{y:.0f}px;width:{width:.0f}px;height:{height:.0f}px">'
            f"<h2>{escape(panel['title'])}</h2>{inside}</div>"
        )
    title = f"<h1>{escape(board['title'])}<small>{escape(NOTE)}</small></h1>"
    return f'<!doctype html><meta charset="utf-8"><style>{_STYLE}</style>{title}{"".join(made)}', round(low) + GAP


def photograph(html: str, high: int, into: Path, scale: float = 1.0) -> None:
    """Let Chromium paint a page.

    Args:
        html: the page.
        high: how many pixels it is.
        into: the file.
        scale: pixels of the picture for one of the page.

    Raises:
        FileNotFoundError: there is no Chromium.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise FileNotFoundError("chromium is needed and not installed: apt install chromium")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(html, encoding="utf-8")
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
        ]
        size = [
            f"--window-size={WIDTH},{high}",
            f"--force-device-scale-factor={scale}",
            f"--screenshot={into.resolve()}",
        ]
        subprocess.run(  # noqa: S603  what it runs was found on the path, and the page is ours
            [chromium, *flags, *size, path.as_uri()], check=True, capture_output=True, timeout=120
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=NOTE)
    parser.add_argument("url", help="of a Prometheus, such as http://127.0.0.1:9090")
    parser.add_argument("--into", type=Path, default=Path("var/dashboards"), help="folder for the pictures")
    parser.add_argument("--last", default="24h", help="the time shown, up to now")
    parser.add_argument("--end", type=float, default=0.0, help="Unix time to show up to, instead of now")
    parser.add_argument("--only", choices=sorted(BOARDS), action="append", help="draw these alone")
    parser.add_argument("--language", choices=("en", "zh"), action="append")
    parser.add_argument("--scale", type=float, default=1.0, help="pixels of the pictures for one of the dashboard")
    chosen = parser.parse_args(arguments)
    chosen.into.mkdir(parents=True, exist_ok=True)
    end = chosen.end or time.time()
    source = Prometheus(chosen.url.rstrip("/"), end - seconds(chosen.last), end)
    for language in chosen.language or ("en", "zh"):
        for name in chosen.only or BOARDS:
            board = json.loads((HERE / language / f"{name}.json").read_text(encoding="utf-8"))
            picture = chosen.into / f"{name}-{language}.png"
            photograph(*page(board, source), picture, chosen.scale)
            print(picture)


if __name__ == "__main__":
    main()
