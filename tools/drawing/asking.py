"""Runs the queries of a dashboard's panels against a Prometheus, with Grafana's variables filled in."""

from __future__ import annotations

import json
import math
import re
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SCRAPE_S = 15
_STEPS = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Series:
    """What a query gave under one set of labels.

    Attributes:
        labels: without the metric's name.
        points: Unix time and figure, in order; one for an instant query.
    """

    labels: dict[str, str]
    points: list[tuple[float, float]] = field(default_factory=list)


class Mark(NamedTuple):
    """Something that an annotation shows, in Unix time."""

    start: float
    end: float
    colour: str


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server and the time that is looked at.

    Attributes:
        url: without a slash at its end.
        start: Unix time.
        end: Unix time.
        values: what the dashboard's variables are; every other one chooses everything.
    """

    url: str
    start: float
    end: float
    values: Mapping[str, str] = field(default_factory=dict)

    def step_s(self, panel: Mapping[str, Any], width: float) -> int:
        """The time from point to point that Grafana would choose for a panel so wide, in pixels."""
        points = panel.get("maxDataPoints") or width
        wanted = max((self.end - self.start) / max(points, 1), seconds(panel.get("interval") or f"{SCRAPE_S}s"))
        return next((each for each in _STEPS if each >= wanted), _STEPS[-1])

    def expression(self, template: str, step_s: int) -> str:
        """A query with its variables filled in."""
        fixed = {
            "__range": f"{max(1, round(self.end - self.start))}s",
            "__interval": f"{step_s}s",
            "__rate_interval": f"{max(step_s + SCRAPE_S, 4 * SCRAPE_S)}s",
            "tz": "28800",
            **self.values,
        }
        return re.sub(r"\$\{?(\w+)\}?", lambda found: fixed.get(found[1], ".*"), template)

    def ask(self, template: str, *, instant: bool, step_s: int) -> list[Series]:
        """What a query gives over the time, or at its end."""
        form = {"query": self.expression(template, step_s)}
        if instant:
            form |= {"time": str(self.end)}
        else:
            start, end = (math.floor(each / step_s) * step_s for each in (self.start, self.end))
            form |= {"start": str(start), "end": str(end), "step": str(step_s)}
        found = self._get("query" if instant else "query_range", form)["result"]
        return [
            Series(
                {name: value for name, value in each["metric"].items() if name != "__name__"},
                [(float(time), float(value)) for time, value in each.get("values") or [each["value"]]],
            )
            for each in found
        ]

    def marks(self, annotations: Iterable[Mapping[str, Any]]) -> list[Mark]:
        """What the annotations that are switched on show: stretches of time without a gap of more than two steps."""
        made = []
        for each in annotations:
            step_s = max(seconds(each["step"]), math.ceil((self.end - self.start) / 10_000))
            for found in self.ask(each["expr"], instant=False, step_s=step_s) if each["enable"] else ():
                times = [time for time, _ in found.points]
                ends = [k for k in range(1, len(times)) if times[k] - times[k - 1] > 2 * step_s]
                for start, end in zip([0, *ends], [*ends, len(times)], strict=True):
                    made.append(Mark(times[start], times[end - 1], each["iconColor"]))
        return made

    def _get(self, what: str, form: Mapping[str, str]) -> Any:
        body = urllib.parse.urlencode(form).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}", body, timeout=60) as answer:  # noqa: S310
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{form['query']}: {error.read().decode()}") from error


def seconds(duration: str) -> int:
    """A duration of one unit.

    >>> seconds("5m"), seconds("15s"), seconds("1h")
    (300, 15, 3600)
    """
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]]
