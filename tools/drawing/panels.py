"""A panel and what its queries gave, as HTML and SVG."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.drawing.charts import chart, timeline
from tools.drawing.units import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.drawing.asking import Mark, Prometheus, Series

PALETTE = ("#73BF69", "#F2CC0C", "#8AB8FF", "#FF9830", "#F2495C", "#5794F2", "#B877D9", "#E0B400", "#37872D", "#56A64B")


class Named(NamedTuple):
    """A series as it is shown."""

    name: str
    colour: str
    points: list[tuple[float, float]]
    fixed: bool = False


def body(panel: dict[str, Any], source: Prometheus, marks: Sequence[Mark], width: float, height: float) -> str:
    """What stands in a panel, without its frame and title."""
    step_s = source.step_s(panel, width)
    results = [
        (target, source.ask(target["expr"], instant=bool(target.get("instant")), step_s=step_s))
        for target in panel["targets"]
    ]
    if not any(found for _, found in results):
        return f'<div class="empty">{escape(defaults(panel).get("noValue", "No data"))}</div>'
    if panel["type"] == "table":
        return _table(panel, results, height)
    series = named(panel, results)
    if panel["type"] == "stat":
        return _stat(panel, series, width, height)
    if panel["type"] == "bargauge":
        return _ranking(panel, series, width, height)
    if panel["type"] == "state-timeline":
        return timeline(panel, series, source, width, height)
    return chart(panel, series, source, marks, width, height, step_s)


def defaults(panel: dict[str, Any]) -> dict[str, Any]:
    """What holds for all fields of a panel."""
    found: dict[str, Any] = panel["fieldConfig"]["defaults"]
    return found


def properties(panel: dict[str, Any], name: str) -> dict[str, Any]:
    """What holds for the field of a name."""
    overrides = panel["fieldConfig"].get("overrides", [])
    return {
        each["id"]: each["value"]
        for override in overrides
        if override["matcher"]["options"] == name
        for each in override["properties"]
    }


def named(panel: dict[str, Any], results: Sequence[tuple[dict[str, Any], list[Series]]]) -> list[Named]:
    """Series with their names and colours, as legends and overrides say."""
    made: list[Named] = []
    for target, found in results:
        for each in found:
            legend = target.get("legendFormat") or ""
            name = re.sub(r"\{\{(\w+)\}\}", lambda label, each=each: each.labels.get(label[1], ""), legend)
            special = properties(panel, name)
            fixed = special.get("color", {}).get("fixedColor")
            colour = fixed or PALETTE[len(made) % len(PALETTE)]
            made.append(Named(special.get("displayName", name), colour, each.points, bool(fixed)))
    if panel["type"] != "bargauge":
        order = [override["matcher"]["options"] for override in panel["fieldConfig"].get("overrides", [])]
        places = {properties(panel, name).get("displayName", name): k for k, name in enumerate(order)}
        made.sort(key=lambda each: places.get(each.name, 99))
    return made


def step_colour(steps: Sequence[dict[str, Any]], value: float, otherwise: str = "#8E8E8E") -> str:
    """The colour of a figure by thresholds."""
    colour = otherwise
    for each in steps:
        if each["value"] is None or value >= each["value"]:
            colour = each["color"]
    return colour


def mapped(mappings: Sequence[dict[str, Any]], value: str) -> dict[str, Any]:
    """What a value is called, and its colour, if there is a word for it."""
    for each in mappings:
        if value in each["options"]:
            found: dict[str, Any] = each["options"][value]
            return found
    return {}


def _stat(panel: dict[str, Any], series: list[Named], width: float, height: float) -> str:
    own = defaults(panel)
    value = series[0].points[-1][1]
    text = mapped(own.get("mappings", []), f"{value:g}").get("text") or shown(value, own["unit"], own.get("decimals"))
    colour = step_colour(own["thresholds"]["steps"], value)
    size = (panel["options"].get("text") or {}).get("valueSize") or min(
        height * 0.55, width / max(len(text), 4) * 1.5, 52
    )
    if panel["options"]["colorMode"] == "background":
        return f'<div class="stat filled" style="background:{colour};font-size:{size}px">{escape(text)}</div>'
    return f'<div class="stat" style="color:{colour};font-size:{size}px">{escape(text)}</div>'


def _ranking(panel: dict[str, Any], series: list[Named], width: float, height: float) -> str:
    own = defaults(panel)
    most = own.get("max") or max((each.points[-1][1] for each in series), default=1) or 1
    row = min(height / max(len(series), 1), 44)
    text = (panel["options"].get("text") or {}).get("titleSize", 13)
    wide = min(
        width * 0.6, max(sum(1.0 if ord(c) > 0x2E80 else 0.55 for c in each.name) for each in series) * text + 16
    )
    made = []
    for each in series:
        value = each.points[-1][1]
        colour = each.colour if each.fixed else step_colour(own["thresholds"]["steps"], value)
        share = max(0.0, min(1.0, value / most)) * 100
        figure = escape(shown(value, own["unit"], own.get("decimals")))
        made.append(
            f'<div class="bar" style="height:{row - 6}px;font-size:{text}px">'
            f'<span class="name" style="width:{wide:.0f}px">{escape(each.name)}</span>'
            f'<span class="track"><i style="width:{share:.1f}%;background:{colour}"></i></span>'
            f'<b style="color:{colour};font-size:{text + 2}px">{figure}</b></div>'
        )
    return f'<div class="bars">{"".join(made)}</div>'


def _table(panel: dict[str, Any], results: Sequence[tuple[dict[str, Any], list[Series]]], height: float) -> str:
    organize = next(each["options"] for each in panel["transformations"] if each["id"] == "organize")
    names = sorted(organize["indexByName"], key=lambda name: organize["indexByName"][name])
    rows: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for target, found in results:
        column = f"Value #{target['refId']}" if len(results) > 1 else "Value"
        for each in found:
            rows.setdefault(tuple(sorted(each.labels.items())), dict(each.labels))[column] = each.points[-1][1]
    kept = list(rows.values())
    for each in panel.get("options", {}).get("sortBy") or []:
        by = next(name for name in names if organize["renameByName"][name] == each["displayName"])
        kept.sort(key=lambda row: row.get(by, float("-inf")), reverse=bool(each.get("desc")))
    kept = kept[: int((height - 34) // 32)]
    head = "".join(f"<th>{escape(organize['renameByName'][name])}</th>" for name in names)
    lines = "".join(f"<tr>{''.join(_cell(panel, organize, name, row) for name in names)}</tr>" for row in kept)
    return f"<table><tr>{head}</tr>{lines}</table>"


def _cell(panel: dict[str, Any], organize: dict[str, Any], name: str, row: dict[str, Any]) -> str:
    own = properties(panel, organize["renameByName"][name])
    value, style = row.get(name), f"width:{own['custom.width']}px" if "custom.width" in own else ""
    if not isinstance(value, float):
        found = mapped(own.get("mappings", []), str(value or ""))
        colour = f"color:{found['color']}" if "color" in found else "color:#6E9FFF" if "links" in own else ""
        return f'<td style="{style};{colour}">{escape(found.get("text", str(value or "")))}</td>'
    text = escape(shown(value, own.get("unit", defaults(panel)["unit"]), own.get("decimals")))
    colour = step_colour(own["thresholds"]["steps"], value) if "thresholds" in own else "#CCCCDC"
    if "max" in own:
        share = max(0.0, min(1.0, value / own["max"])) * 100
        text = f'<span class="track"><i style="width:{share:.1f}%;background:{colour}"></i></span><b>{text}</b>'
        return f'<td class="gauge" style="{style}"><div style="color:{colour}">{text}</div></td>'
    return f'<td style="{style};color:{colour}">{text}</td>'
