"""What the console counts, and shows to Prometheus."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from console import metric_names as names

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from streams.metric_names import Metric

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # they double every counter
LIVE, STATIC, NONE = "/live", "static", "none"


class Metrics:
    """The metrics of a console, each value of a small label from the start, at 0."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = self._counter(names.REQUESTS)
        self._refused = self._counter(names.REFUSED)
        for each in names.WAYS:
            self._refused.labels(each)
        self._seconds = Histogram(
            names.SECONDS.name, names.SECONDS.help, names.SECONDS.labels, registry=self._registry,
            buckets=names.SECONDS.buckets,
        )  # fmt: skip
        self._streams = Gauge(names.STREAMS.name, names.STREAMS.help, registry=self._registry)

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self._registry)

    def refuse(self, by: str) -> None:
        """Count a try to get in that was refused, by one of `metric_names.WAYS`."""
        self._refused.labels(by).inc()

    def count(self, page: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(page, str(status)).inc()
        if page != LIVE:
            self._seconds.labels(page).observe(seconds)

    def stream(self, step: int) -> None:
        """Note that a stream was opened (1), or that one has ended (-1)."""
        self._streams.inc(step)

    def exposition(self) -> bytes:
        """Every metric in Prometheus' text format."""
        return generate_latest(self._registry)


class Measured:
    """Middleware that counts what is answered, and how long it took."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count its answer; a bug's is 500."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun_s, status, is_stream = time.perf_counter(), 500, scope["path"] == LIVE

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._metrics.stream(int(is_stream))
        try:
            await self._app(scope, receive, sent)
        finally:
            self._metrics.stream(-int(is_stream))
            self._metrics.count(_page(scope), status, time.perf_counter() - begun_s)


def _page(scope: Scope) -> str:
    """The route of a request: there are as many as the console has, whatever is asked for."""
    if scope["path"].startswith("/static/"):
        return STATIC
    return str(getattr(scope.get("route"), "path", NONE))
