"""The kinds of panel that the dashboards are made of, in one language each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from dashboards.colours import GREEN, ORANGE, RED
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.colours import Look
    from dashboards.thresholds import Limits
    from dashboards.words import Words

Language = Literal["en", "zh"]
Step = tuple[float | None, str]
"""From where on, and a colour; None is from the beginning."""
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
        steps: colours of its figures, from where on.
    """

    name: str
    title: Text
    unit: str = ""
    width: int = 0
    gauge: float = 0
    link: str = ""
    looks: Mapping[str, Look] | None = None
    steps: tuple[Step, ...] = ()


_LAST = common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)
_STACKED = common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A")
_LEGEND = (
    common.VizLegendOptions()
    .placement(shapes.LegendPlacement.BOTTOM)
    .display_mode(shapes.LegendDisplayMode.LIST)
    .show_legend(show_legend=True)
    .calcs([])
)


def steps_of(limits: Limits, *, least: bool = False) -> tuple[Step, ...]:
    """The colours of a rule's limits; with `least` it is bad to be below them, and only the lines are right."""
    if least:
        return (None, GREEN), (limits.page, RED), (limits.ticket, ORANGE)
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
        self, said: Words, expression: str, unit: str, size: tuple[int, int], *, steps: Sequence[Step],
        zero: Text | None = None, decimals: int | None = None, large: int = 0,
    ) -> stat.Panel:  # fmt: skip
        """One figure. `zero` is what 0 is called; a `large` one, in pixels, stands on its colour."""
        mode = shapes.BigValueColorMode.BACKGROUND if large else shapes.BigValueColorMode.VALUE
        panel = (
            self._panel(stat.Panel(), said, unit, size)
            .thresholds(_thresholds(steps))
            .color_mode(mode)
            .graph_mode(shapes.BigValueGraphMode.NONE)
            .reduce_options(_LAST)
            .with_target(self._target(Query(expression), "A", instant=True))
        )
        if zero is not None:
            panel.mappings([_called({"0": models.ValueMappingResult(text=self.say(zero), index=0)})])
        if decimals is not None:
            panel.decimals(decimals)
        return panel.text(common.VizTextDisplayOptions().value_size(large)) if large else panel

    def lines(
        self, said: Words, queries: Sequence[Query], unit: str, size: tuple[int, int], *,
        looks: Mapping[str, Look] | None = None, steps: Sequence[Step] = (), stack: bool = False,
        top: float | None = None,
    ) -> timeseries.Panel:  # fmt: skip
        """The course of some figures; `steps` are drawn as lines, `top` is the end of the axis."""
        panel = self._course(said, queries, unit, size, looks).line_width(2).fill_opacity(30 if stack else 0)
        panel.draw_style(shapes.GraphDrawStyle.LINE)
        if stack:
            panel.stacking(_STACKED)
        if steps:
            style = common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
            panel.thresholds(_thresholds(steps)).thresholds_style(style)
        return panel if top is None else panel.max(top)

    def bars(
        self, said: Words, query: Query, unit: str, size: tuple[int, int], looks: Mapping[str, Look] | None = None, *,
        most: int,
    ) -> timeseries.Panel:  # fmt: skip
        """What came in each of at most so many intervals, of a minute or more."""
        panel = self._course(said, [query], unit, size, looks).line_width(0).fill_opacity(85)
        return panel.draw_style(shapes.GraphDrawStyle.BARS).stacking(_STACKED).interval("1m").max_data_points(most)

    def _course(
        self, said: Words, queries: Sequence[Query], unit: str, size: tuple[int, int], looks: Mapping[str, Look] | None
    ) -> timeseries.Panel:
        tip = common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)
        panel = self._panel(timeseries.Panel(), said, unit, size).min(0)
        panel.show_points(shapes.VisibilityMode.NEVER).tooltip(tip).legend(_LEGEND)
        panel.targets([self._target(each, chr(65 + k)) for k, each in enumerate(queries)])
        self._name(panel, looks)
        return panel

    def ranking(
        self, said: Words, query: Query, unit: str, size: tuple[int, int], *, looks: Mapping[str, Look] | None = None,
        steps: Sequence[Step] = ((None, "#5794F2"),), top: float | None = None, decimals: int | None = None,
        large: int = 0,
    ) -> bargauge.Panel:  # fmt: skip
        """Bars below each other, as they stand at the end of the time shown; `large` in pixels of their text."""
        panel = (
            self._panel(bargauge.Panel(), said, unit, size)
            .min(0)
            .thresholds(_thresholds(steps))
            .orientation(shapes.VizOrientation.HORIZONTAL)
            .display_mode(shapes.BarGaugeDisplayMode.BASIC)
            .value_mode(shapes.BarGaugeValueMode.TEXT)
            .show_unfilled(show_unfilled=False)
            .reduce_options(_LAST)
            .with_target(self._target(query, "A", instant=True))
        )
        if not any(each.colour for each in (looks or {}).values()):
            panel.color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        if top is not None:
            panel.max(top)
        if decimals is not None:
            panel.decimals(decimals)
        if large:
            panel.text(common.VizTextDisplayOptions().title_size(large).value_size(large))
        self._name(panel, looks)
        return panel

    def table(
        self, said: Words, queries: Sequence[Query], columns: Sequence[Column], size: tuple[int, int], sort: str = ""
    ) -> table.Panel:
        """Rows by label, a column for each query's figure; `sort` names the column to sort by, falling."""
        panel = self._panel(table.Panel(), said, "short", size).targets(
            [self._target(each, chr(65 + k), instant=True, rows=True) for k, each in enumerate(queries)]
        )
        kept = [each.name for each in columns]
        titles = {each.name: self.say(each.title) for each in columns}
        steps: list[tuple[str, dict[str, Any]]] = [
            ("filterFieldsByName", {"include": {"names": kept}}),
            ("organize", {"indexByName": {name: k for k, name in enumerate(kept)}, "renameByName": titles}),
        ]
        if len(queries) > 1:
            steps.insert(0, ("merge", {}))
        for name, options in steps:
            panel.with_transformation(models.DataTransformerConfig(id_val=name, options=options))
        for each in columns:
            panel.override_by_name(self.say(each.title), self._column(each))
        if sort:
            panel.sort_by([common.TableSortByFieldState().display_name(titles[sort]).desc(desc=True)])
        return panel

    def timeline(
        self, said: Words, query: Query, size: tuple[int, int], states: Mapping[str, Look]
    ) -> statetimeline.Panel:
        """Which of some states each series is in; `states` by the figure's text."""
        results = {
            value: models.ValueMappingResult(text=self.say(look.name), color=look.colour, index=k)
            for k, (value, look) in enumerate(states.items())
        }
        return (
            self._panel(statetimeline.Panel(), said, "none", size)
            .mappings([_called(results)])
            .show_value(shapes.VisibilityMode.NEVER)
            .row_height(0.8)
            .fill_opacity(85)
            .legend(_LEGEND)
            .with_target(self._target(query, "A"))
        )

    # -- what they share

    def _panel(self, panel: _AnyPanel, said: Words, unit: str, size: tuple[int, int]) -> _AnyPanel:
        panel.title(self.say(said.title)).description(self.say(said.about)).datasource(SOURCE).unit(unit)
        return panel.no_value(self.say(NO_DATA)).span(size[0]).height(size[1])

    def _target(self, query: Query, letter: str, *, instant: bool = False, rows: bool = False) -> prometheus.Dataquery:
        shape = prometheus_models.PromQueryFormat.TABLE if rows else prometheus_models.PromQueryFormat.TIME_SERIES
        made = prometheus.Dataquery().expr(query.expression).ref_id(letter).datasource(SOURCE).format(shape)
        if query.legend:
            made.legend_format(self.say(query.legend))
        return made.instant() if instant else made.range()

    def _name(self, panel: timeseries.Panel | bargauge.Panel, looks: Mapping[str, Look] | None) -> None:
        for name, look in (looks or {}).items():
            properties = [models.DynamicConfigValue(id_val="displayName", value=self.say(look.name))]
            if look.colour:
                colour = {"mode": "fixed", "fixedColor": look.colour}
                properties.append(models.DynamicConfigValue(id_val="color", value=colour))
            panel.override_by_name(name, properties)

    def _column(self, column: Column) -> list[models.DynamicConfigValue]:
        properties: dict[str, Any] = {}
        if column.unit:
            properties["unit"] = column.unit
        if column.unit == "none":
            properties["decimals"] = 0
        if column.width:
            properties["custom.width"] = column.width
        if column.gauge:
            properties |= {"min": 0, "max": column.gauge, "custom.cellOptions": {"type": "gauge", "mode": "basic"}}
        if column.steps:
            steps = [{"value": value, "color": colour} for value, colour in column.steps]
            properties |= {"thresholds": {"mode": "absolute", "steps": steps}, "color": {"mode": "thresholds"}}
            if not column.gauge:
                properties["custom.cellOptions"] = {"type": "color-text"}
        if column.link:
            properties["links"] = [{"title": self.say(Text("Open the merchant", "查看商户")), "url": column.link}]
        if column.looks:
            options = {
                name: {"text": self.say(look.name), "index": k} | ({"color": look.colour} if look.colour else {})
                for k, (name, look) in enumerate(column.looks.items())
            }
            properties["mappings"] = [{"type": "value", "options": options}]
        return [models.DynamicConfigValue(id_val=name, value=value) for name, value in properties.items()]


def _thresholds(steps: Sequence[Step]) -> dashboard.ThresholdsConfig:
    made = [models.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def _called(results: dict[str, models.ValueMappingResult]) -> models.ValueMap:
    return models.ValueMap(options=results)
