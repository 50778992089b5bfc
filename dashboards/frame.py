"""What the dashboards have around their panels: variables, annotations, links to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from dashboards.alerting import CONTROLS
from dashboards.colours import BLUE, GREY, RED
from dashboards.kit import SOURCE
from dashboards.sql_kit import KIND
from dashboards.sql_kit import SOURCE as SQL_SOURCE
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboards.kit import Kit
    from dashboards.sql_kit import SqlKit

SCHEMA_VERSION = 39
"""That of Grafana 10.4, the oldest that is supported; newer ones read it and bring it up to date."""
TAG = "tillwatch"
_SOURCE_LABEL = Text("Data source", "数据源")
_ZONES = (("UTC-5", -5), ("UTC-3", -3), ("UTC", 0), ("UTC+1", 1), ("UTC+2", 2), ("UTC+3", 3), ("UTC+4", 4),
          ("UTC+5:30", 5.5), ("UTC+7", 7), ("UTC+8", 8), ("UTC+9", 9), ("UTC+10", 10))  # fmt: skip
_CHOICES: dict[str, tuple[Text, str]] = {
    "partition": (Text("Partition", "分区"), "label_values(partition:tillwatch_records_total:max, partition)"),
    "detector": (Text("Detector", "检测项"), "label_values(partition:tillwatch_alerts_total:max, detector)"),
    "severity": (Text("Severity", "级别"), "label_values(partition:tillwatch_alerts_total:max, severity)"),
    "region": (Text("Region", "地区"), "label_values(partition:tillwatch_alerts_by_region_total:max, region)"),
    "agent": (Text("Agent", "代理商"), "label_values(partition:tillwatch_alerts_by_agent_total:max, agent)"),
}


class _PrometheusAnnotation(models.AnnotationQuery):
    """An annotation of the Prometheus data source, which reads keys that Grafana's own schema does not name."""

    step = "60s"
    title_format = ""
    text_format = ""

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {
            "step": self.step, "titleFormat": self.title_format, "textFormat": self.text_format, "tagKeys": "",
            "useValueForTime": False,
        }  # fmt: skip


class _Annotation(dashboard.AnnotationQuery):
    def __init__(self, name: str, expression: str, colour: str, title: str, text: str, *, shown: bool = True) -> None:
        super().__init__()
        made = _PrometheusAnnotation(name=name, datasource=SOURCE, enable=shown, icon_color=colour, expr=expression)
        made.title_format, made.text_format = title, text
        self._internal = made


def board(
    kit: Kit, uid: str, title: Text, about: Text, *, variables: Sequence[str], since: str, until: str = "now",
    night: bool = False,
) -> dashboard.Dashboard:  # fmt: skip
    """A dashboard without panels.

    Args:
        kit: of its language.
        uid: of the dashboard, without the language; it stays the same for ever, for links to it.
        title: of the dashboard.
        about: what it is for.
        variables: names of `_CHOICES`; `console` for the console's address, `tz` for the offset of local time.
        since: from when on it shows at first.
        until: up to when.
        night: whether nights are shaded at first.
    """
    return (
        _frame(kit, uid, title, about)
        .time(since, until)
        .refresh("30s")
        .variables(list(_variables(kit, variables)))
        .annotations(list(_annotations(kit, night="tz" in variables, shaded=night)))
    )


def sql_board(
    kit: SqlKit, uid: str, title: Text, about: Text, *, variables: Sequence[str], since: str
) -> dashboard.Dashboard:  # fmt: skip
    """A dashboard on casework's views, without panels.

    Args:
        kit: of its language.
        uid: of the dashboard, without the language; it stays the same for ever, for links to it.
        title: of the dashboard.
        about: what it is for.
        variables: `merchant_id`, or `console` for the console's address.
        since: from when on it shows at first.
    """
    made = _frame(kit, uid, title, about).time(since, "now").refresh("5m")
    source = dashboard.DatasourceVariable("datasource").label(kit.say(_SOURCE_LABEL)).type(KIND)
    return made.variables([source, *(_console(kit) if each == "console" else _merchant(kit) for each in variables)])


def _frame(kit: Kit, uid: str, title: Text, about: Text) -> dashboard.Dashboard:
    tag = f"{TAG}-{kit.language}"
    others = dashboard.DashboardLink(kit.say(Text("Tillwatch dashboards", "Tillwatch 看板"))).tags([tag])
    others.type(models.DashboardLinkType.DASHBOARDS).as_dropdown(as_dropdown=True).keep_time(keep_time=True)
    made = dashboard.Dashboard(kit.say(title)).uid(f"{uid}-{kit.language}").description(kit.say(about))
    made.tags([TAG, tag]).timezone("browser").readonly().tooltip(models.DashboardCursorSync.CROSSHAIR)
    return made.link(others)


def _merchant(kit: Kit) -> dashboard.QueryVariable:
    """A variable for the merchant: the two hundred riskiest are offered, and any other can be typed."""
    query = (
        "SELECT merchant_id AS __value, concat_ws(' · ', merchant_id, nullif(name, ''), nullif(city, '')) AS __text"
        " FROM view_merchants ORDER BY score DESC NULLS LAST, merchant_id LIMIT 200"
    )
    made = dashboard.QueryVariable("merchant_id").label(kit.say(Text("Merchant", "商户"))).datasource(SQL_SOURCE)
    return made.query(query).refresh(models.VariableRefresh.ON_DASHBOARD_LOAD).sort(models.VariableSort.DISABLED)


def _variables(kit: Kit, names: Iterable[str]) -> Iterable[Any]:
    yield dashboard.DatasourceVariable("datasource").label(kit.say(_SOURCE_LABEL)).type("prometheus")
    for name in names:
        if name == "tz":
            yield _zone(kit)
        elif name == "console":
            yield _console(kit)
        else:
            label, query = _CHOICES[name]
            yield _choice(name, kit.say(label), query)


def _choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """A variable for a label, of which several values may be chosen, at first all."""
    everything = models.VariableOption(selected=True, text=["All"], value=["$__all"])
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": query, "refId": name, "qryType": 1})
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(everything)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )


def _console(kit: Kit) -> dashboard.TextBoxVariable:
    about = Text(
        "Address of the console, for links to merchants; empty: this server's own",
        "工作台地址，用于跳转到商户；空表示本服务器",
    )
    made = dashboard.TextBoxVariable("console").label(kit.say(Text("Console", "工作台地址")))
    return made.description(kit.say(about)).default_value("").current(models.VariableOption(text="", value=""))


def _zone(kit: Kit) -> dashboard.CustomVariable:
    about = Text(
        "Offset of the shops' local time, for the shading of nights; axes have the dashboard's own time zone",
        "商户当地时区，用于夜间底色；坐标轴用看板自身的时区",
    )
    options = [
        models.VariableOption(selected=hours == 8, text=name, value=str(round(hours * 3600))) for name, hours in _ZONES
    ]
    made = dashboard.CustomVariable("tz").label(kit.say(Text("Local time", "当地时区"))).description(kit.say(about))
    made.values(",".join(f"{name} : {round(hours * 3600)}" for name, hours in _ZONES))
    return made.options(options).current(next(each for each in options if each.selected))


def _annotations(kit: Kit, *, night: bool, shaded: bool) -> Iterable[_Annotation]:
    version, hour = "max by (version) (tillwatch_build_info%s)", "hour(vector(time() + $tz))"
    known, called = Text("a new version is known", "新版本已知悉"), Text("somebody is called", "已呼叫值班人员")
    started = Text("a worker of this version started", "该版本的工作进程启动")
    pages = 'max by (alertname) (ALERTS{alertstate="firing",service="tillwatch",severity="page"})'
    say = kit.say
    new = f"{version % ''} unless {version % ' offset 2m'}"
    yield _Annotation(say(Text("Deploys", "版本发布")), new, BLUE, "Tillwatch {{version}}", say(started))
    changed = f"{CONTROLS} != {CONTROLS} offset 2m"
    yield _Annotation(say(Text("Controls", "控制项变更")), changed, "#B877D9", "{{control}}", say(known))
    yield _Annotation(say(Text("Pages", "紧急告警")), pages, RED, "{{alertname}}", say(called), shown=False)
    if night:
        dark = f"({hour} >= 23) or ({hour} < 6)"
        name = say(Text("Night, 23 to 6", "夜间23时至6时"))
        yield _Annotation(name, dark, GREY, say(Text("night", "夜间")), "", shown=shaded)
