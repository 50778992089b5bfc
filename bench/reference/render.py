"""Results into docs/performance.md: `python -m bench.reference.render [--result FILE] [--latency FILE]`.

Writes the section between two marks, at the page's end where there are none, and the plot beside the page.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from bench.reference.scene import ROOT
from evaluation.plots import bars

PAGE = ROOT / "docs" / "performance.md"
PLOT = "reference-job.svg"
BEGIN, END = "<!-- reference job: written by bench/reference/render.py -->", "<!-- end of the reference job -->"
_STYLE = "text{font:13px sans-serif;fill:#1f2933}.name{text-anchor:end}.s1{fill:#2364aa}"


def plot(summary: dict[str, dict[str, float]]) -> str:
    """Rates as bars, the fastest first; SVG that stands alone, readable on any background."""
    order = sorted(summary.items(), key=lambda each: -each[1]["rate"])
    drawn = bars([(name, each["rate"], f"{each['rate']:,.0f}/s") for name, each in order])
    box = re.search(r'viewBox="0 0 (\S+) (\S+)"', drawn)
    assert box is not None
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {box[1]} {box[2]}"><style>{_STYLE}</style>'
    return f'{head}<rect width="100%" height="100%" fill="#fff"/>{drawn}</svg>\n'


def section(result: dict[str, Any], latency: dict[str, Any] | None) -> str:
    """The section's Markdown."""
    machine, summary = result["machine"], result["summary"]
    base, rounds = next(iter(summary)), max(each["round"] for each in result["rounds"]) + 1
    load = max(each["load"] for each in result["rounds"])
    said = (
        f"The same job on each ([definition](../bench/reference/job.md)): three checks on card transactions of "
        f"{result['record_bytes']:.0f} bytes, with durable state for each of 10,000 merchants, from a Kafka topic of "
        f"{result['partitions']} partitions to another. All gave the same alerts. One core for the job, one for the "
        f"broker: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']:g} GB. Medians of {rounds} rounds "
        f"that alternate (lowest to highest); the machine's load was at most {load:.1f} before a run. Again: "
        f"`python -m bench.reference.run`."
    )
    parts = [
        "## Beside other stream processors",
        said,
        f"![Records a second]({PLOT})",
        _table(
            ("contender", "records a second", "second half", "processor, µs a record", f"of {base}", "records"),
            [
                (
                    name,
                    f"{each['rate']:,.0f} ({each['lowest']:,.0f} to {each['highest']:,.0f})",
                    f"{each['rate_second_half']:,.0f}",
                    f"{each['cpu_us']:.2f}",
                    f"{each['ratio']:.3g}",
                    f"{each['records']:,}",
                )
                for name, each in summary.items()
            ],
        ),
    ]
    if latency is not None:
        parts.append(
            f"From producing a transaction to reading its alert, {latency['rate']:,} transactions a second offered for "
            f"{latency['seconds']} s:"
        )
        parts.append(
            _table(
                ("contender", "p50", "p99", "longest", "alerts"),
                [
                    (name, *(f"{each[key]:.1f} ms" for key in ("p50_ms", "p99_ms", "most_ms")), f"{each['alerts']:,}")
                    for name, each in latency["contenders"].items()
                ],
            )
        )
    parts.append("Versions: " + ", ".join(f"{name} {to}" for name, to in result["versions"].items()) + ".")
    return "\n\n".join(parts)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def placed(page: str, text: str) -> str:
    """The page with the section in its place, or at its end.

    >>> placed(f"a\\n\\n{BEGIN}\\nold\\n{END}\\nb\\n", "new") == f"a\\n\\n{BEGIN}\\n\\nnew\\n\\n{END}\\nb\\n"
    True
    """
    whole = f"{BEGIN}\n\n{text}\n\n{END}"
    if BEGIN in page:
        before, rest = page.split(BEGIN)
        return before + whole + rest.split(END)[1]
    return f"{page.rstrip()}\n\n{whole}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--result", type=Path, default=ROOT / "var" / "reference.json")
    parser.add_argument("--latency", type=Path)
    args = parser.parse_args()
    result = json.loads(args.result.read_text(encoding="utf-8"))
    latency = json.loads(args.latency.read_text(encoding="utf-8")) if args.latency else None
    PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), section(result, latency)), encoding="utf-8")
    PAGE.with_name(PLOT).write_text(plot(result["summary"]), encoding="utf-8")


if __name__ == "__main__":
    main()
