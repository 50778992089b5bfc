"""The kinds of panel that the dashboards are made of, in one language each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from dashboards.colours import GREEN, GREY, ORANGE, RED
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.colours import Look
    from dashboards.thresholds import Limits

Language = Literal["en", "zh"]
SOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
NO_DATA = Text("no data", "无数据")
NONE = Text("none", "无")
CURRENCIES = ("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "IDR", "INR", "JPY", "KRW",
              "NOK", "NZD", "PHP", "PLN", "RUB", "SEK", "TRY", "TWD", "UAH", "USD", "VND", "ZAR")  # fmt: skip
"""Those for which Grafana has a unit of its own."""
_AnyPanel = TypeVar("_AnyPanel", timeseries.Panel, stat.Panel, bargauge.Panel, table.Panel, statetimeline.Panel)


class Query(NamedTuple):
    """A query and what its series are called.

    Attributes:
        expression: PromQL.
        legend: as Grafana reads it: `{{label}}` is the label's value.
    """

    expression: str
    legend: Text | str = ""


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: of the label; `Value` with a letter for the figure of a query.
        title: over the column.
        unit: of its figures.
        width: in pixels; 0 for what is left.
        gauge: whether its figures are drawn as a bar, from 0 to this; 0 for text.
        link: where its cells lead.
        looks: what its values are called.
    """

    name: str
    title: Text
    unit: str = ""
    width: int = 0
    gauge: float = 0
    link: str = ""
    looks: Mapping[str, Look] | None = None
    colours: tuple[tuple[float | None, str], ...] = ()


def steps_of(limits: Limits, *, least: bool = False) -> tuple[tuple[float | None, str], ...]:
    """A panel's colours by a rule's limits; with `least` it is bad to be below them."""
    if least:
        return (None, RED), (limits.page, ORANGE), (limits.ticket, GREEN)
    return (None, GREEN), (limits.ticket, ORANGE), (limits.page, RED)


class Kit:
    """Makes panels in a language.

    Args:
        language: of titles, descriptions and names.
        currency: the acquirer's own, ISO 4217, that the counters of money are in.
    """

    def __init__(self, language: Language, currency: str = "CNY") -> None:
        self.language = language
        self.money = f"currency{currency}" if currency in CURRENCIES else f"suffix: {currency}"

    def say(self, text: Text | str) -> str:
        """The words in the kit's language."""
        return text if isinstance(text, str) else text.zh if self.language == "zh" else text.en

    # -- kinds of panel

    def stat(
        self, title: Text, about: Text, expression: str, unit: str, size: tuple[int, int], *,
        steps: Sequence[tuple[float | None, str]] = ((None, GREY),), zero: Text | None = None, trend: bool = False,
        decimals: int | None = None, large: int = 0, background: bool = False,
    ) -> stat.Panel:  # fmt: skip
        """One figure. `zero` is what 0 is called; `trend` draws its course below."""
        mode = shapes.BigValueColorMode.BACKGROUND if background else shapes.BigValueColorMode.VALUE
        graph = shapes.BigValueGraphMode.AREA if trend else shapes.BigValueGraphMode.NONE
        panel = (
            self._panel(stat.Panel(), title, about, unit, size)
            .thresholds(_thresholds(steps)).color_mode(mode).graph_mode(graph)
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
            .with_target(self._target(Query(expression), "A", instant=not trend))
        )  # fmt: skip
        if zero is not None:
            panel.mappings([_called({"0": models.ValueMappingResult(text=self.say(zero), index=0)})])
        if decimals is not None:
            panel.decimals(decimals)
        if large:
            panel.text(common.VizTextDisplayOptions().value_size(large))
        return panel

    def lines(
        self, title: Text, about: Text, queries: Sequence[Query], unit: str, size: tuple[int, int], *,
        looks: Mapping[str, Look] | None = None, steps: Sequence[tuple[float | None, str]] = (),
        stack: bool = False, bars: bool = False, every: str = "", top: float | None = None, legend: bool = True,
    ) -> timeseries.Panel:  # fmt: skip
        """The course of some figures; `steps` are drawn as lines, `every` is the least time from point to point."""
        panel = (
            self._panel(timeseries.Panel(), title, about, unit, size)
            .min(0)
            .line_width(0 if bars else 2)
            .fill_opacity(85 if bars else 30 if stack else 8)
            .draw_style(shapes.GraphDrawStyle.BARS if bars else shapes.GraphDrawStyle.LINE)
            .show_points(shapes.VisibilityMode.NEVER)
            .span_nulls(False)
            .tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING))
            .legend(self._legend(shown=legend))
            .targets([self._target(each, chr(65 + k)) for k, each in enumerate(queries)])
        )
        if stack:
            panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
        if steps:
            panel.thresholds(_thresholds(steps)).thresholds_style(
                common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
            )
        if every:
            panel.interval(every)
        if top is not None:
            panel.max(top)
        return self._named(panel, looks)

    def ranking(
        self, title: Text, about: Text, query: Query, unit: str, size: tuple[int, int], *,
        looks: Mapping[str, Look] | None = None, steps: Sequence[tuple[float | None, str]] = ((None, "#5794F2"),),
        top: float | None = None, decimals: int | None = None,
    ) -> bargauge.Panel:  # fmt: skip
        """Bars side by side, as they stand at the end of the time shown."""
        panel = (
            self._panel(bargauge.Panel(), title, about, unit, size)
            .min(0)
            .thresholds(_thresholds(steps))
            .orientation(shapes.VizOrientation.HORIZONTAL)
            .display_mode(shapes.BarGaugeDisplayMode.BASIC)
            .value_mode(shapes.BarGaugeValueMode.TEXT)
            .show_unfilled(False)
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
            .with_target(self._target(query, "A", instant=True))
        )
        if looks is None:
            panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        if top is not None:
            panel.max(top)
        if decimals is not None:
            panel.decimals(decimals)
        return self._named(panel, looks)

    def table(
        self, title: Text, about: Text, queries: Sequence[Query], columns: Sequence[Column], size: tuple[int, int], *,
        sort: str = "", unit: str = "short", rising: bool = False,
    ) -> table.Panel:  # fmt: skip
        """Rows by label, a column for each query's figure; `sort` names the column to sort by."""
        panel = self._panel(table.Panel(), title, about, unit, size).targets(
            [self._target(each, chr(65 + k), instant=True, table=True) for k, each in enumerate(queries)]
        )
        kept = [each.name for each in columns]
        if len(queries) > 1:
            panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        panel.with_transformation(
            models.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": kept}})
        )
        order = {name: k for k, name in enumerate(kept)}
        titles = {each.name: self.say(each.title) for each in columns}
        options = {"indexByName": order, "renameByName": titles, "excludeByName": {}}
        panel.with_transformation(models.DataTransformerConfig(id_val="organize", options=options))
        for each in columns:
            panel.override_by_name(self.say(each.title), self._column(each))
        if sort:
            panel.sort_by([common.TableSortByFieldState().display_name(titles[sort]).desc(not rising)])
        return panel

    def timeline(
        self, title: Text, about: Text, query: Query, size: tuple[int, int], states: Mapping[str, Look],
    ) -> statetimeline.Panel:  # fmt: skip
        """Which of some states each series is in; `states` by the figure's text."""
        results = {
            value: models.ValueMappingResult(text=self.say(look.name), color=look.colour, index=k)
            for k, (value, look) in enumerate(states.items())
        }
        return (
            self._panel(statetimeline.Panel(), title, about, "none", size)
            .mappings([_called(results)])
            .show_value(shapes.VisibilityMode.NEVER)
            .row_height(0.8)
            .fill_opacity(85)
            .legend(self._legend(shown=True))
            .with_target(self._target(query, "A"))
        )

    # -- what they share

    def _panel(self, panel: _AnyPanel, title: Text, about: Text, unit: str, size: tuple[int, int]) -> _AnyPanel:
        return (
            panel.title(self.say(title)).description(self.say(about)).datasource(SOURCE).unit(unit)
            .no_value(self.say(NO_DATA)).span(size[0]).height(size[1])
        )  # fmt: skip

    def _target(self, query: Query, letter: str, *, instant: bool = False, table: bool = False) -> prometheus.Dataquery:
        shape = prometheus_models.PromQueryFormat.TABLE if table else prometheus_models.PromQueryFormat.TIME_SERIES
        made = prometheus.Dataquery().expr(query.expression).ref_id(letter).datasource(SOURCE).format(shape)
        if query.legend:
            made.legend_format(self.say(query.legend))
        return made.instant() if instant else made.range()

    def _named(self, panel: Any, looks: Mapping[str, Look] | None) -> Any:
        for name, look in (looks or {}).items():
            colour = {"mode": "fixed", "fixedColor": look.colour}
            panel.override_by_name(
                name,
                [
                    models.DynamicConfigValue(id_val="displayName", value=self.say(look.name)),
                    models.DynamicConfigValue(id_val="color", value=colour),
                ],
            )
        return panel

    def _column(self, column: Column) -> list[models.DynamicConfigValue]:
        properties: dict[str, Any] = {}
        if column.unit:
            properties["unit"] = column.unit
        if column.width:
            properties["custom.width"] = column.width
        if column.gauge:
            properties |= {"min": 0, "max": column.gauge, "custom.cellOptions": {"type": "gauge", "mode": "basic"}}
        if column.colours:
            steps = [{"value": value, "color": colour} for value, colour in column.colours]
            properties |= {"thresholds": {"mode": "absolute", "steps": steps}, "color": {"mode": "thresholds"}}
            if not column.gauge:
                properties["custom.cellOptions"] = {"type": "color-text"}
        if column.link:
            properties["links"] = [{"title": self.say(Text("Open the merchant", "查看商户")), "url": column.link}]
        if column.looks:
            options = {
                name: {"text": self.say(look.name), "color": look.colour, "index": k}
                for k, (name, look) in enumerate(column.looks.items())
            }
            properties["mappings"] = [{"type": "value", "options": options}]
        return [models.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]

    @staticmethod
    def _legend(*, shown: bool) -> common.VizLegendOptions:
        made = common.VizLegendOptions().placement(shapes.LegendPlacement.BOTTOM).calcs([])
        return made.display_mode(shapes.LegendDisplayMode.LIST).show_legend(shown)


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    made = [models.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def _called(results: dict[str, models.ValueMappingResult]) -> models.ValueMap:
    return models.ValueMap(options=results)
