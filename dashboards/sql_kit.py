"""Panels that read casework's views in PostgreSQL instead of Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as shapes

from dashboards.kit import Kit
from domain.currencies import digits_of

if TYPE_CHECKING:
    from dashboards.kit import Language, Query
    from dashboards.words import Words

KIND = "grafana-postgresql-datasource"
SOURCE = shapes.DataSourceRef(type_val=KIND, uid="${datasource}")
AT = "(day::timestamp + interval '12 hours') AT TIME ZONE 'UTC'"
"""A local day as a time: its noon, which is on that day in every zone that shops are in."""
NOW_MS = "(extract(epoch FROM now()) * 1000)"


class _SqlQuery(Dataquery):
    """A query of Grafana's PostgreSQL data source, of which the SDK has no model."""

    def __init__(self, sql: str, letter: str, shape: str) -> None:
        self._sql, self._letter, self._shape = sql, letter, shape

    def to_json(self) -> dict[str, object]:
        return {
            "refId": self._letter, "datasource": SOURCE, "editorMode": "code", "format": self._shape, "rawQuery": True,
            "rawSql": self._sql,
        }  # fmt: skip


class _SqlTarget(Builder[Dataquery]):
    def __init__(self, sql: str, letter: str, shape: str) -> None:
        self._made = _SqlQuery(sql, letter, shape)

    def build(self) -> Dataquery:
        return self._made


class SqlKit(Kit):
    """Makes the same panels of SQL. A query of a course has `time`, `metric` (the series' name) and `value`.

    Args:
        language: of titles, descriptions and names.
        currency: the acquirer's own, ISO 4217.
    """

    def __init__(self, language: Language, currency: str = "CNY") -> None:
        super().__init__(language, currency)
        self.currency, self.minor = currency, float(10 ** digits_of(currency))

    def _panel(self, panel: Any, said: Words, unit: str, size: tuple[int, int]) -> Any:
        return super()._panel(panel, said, unit, size).datasource(SOURCE)

    def _target(self, query: Query, letter: str, *, instant: bool = False, rows: bool = False) -> Any:
        shape = "table" if instant or rows else "time_series"
        return _SqlTarget(" ".join(query.expression.split()), letter, shape)


def by_ms(column: str) -> str:
    """A condition: a column of UTC milliseconds lies in the time shown."""
    return f"$__timeFilter(to_timestamp({column} / 1000.0))"


def local_day(column: str) -> str:
    """The day, UTC, of a column of UTC milliseconds, as the time of its noon."""
    return f"date_trunc('day', to_timestamp({column} / 1000.0), 'UTC') + interval '12 hours'"
