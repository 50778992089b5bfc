"""What the dashboards have around their panels: variables, annotations, links to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from dashboards.alerting import CONTROLS
from dashboards.kit import SOURCE
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboards.kit import Kit

SCHEMA_VERSION = 39
"""That of Grafana 10.4, the oldest that is supported; newer ones read it and bring it up to date."""
TAG = "tillwatch"
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
    """An annotation of the Prometheus data source, which reads more keys than Grafana's own schema names."""

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
    made = (
        dashboard.Dashboard(kit.say(title)).uid(f"{uid}-{kit.language}").description(kit.say(about))
        .tags([TAG, f"{TAG}-{kit.language}"]).timezone("browser").readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR).time(since, until).refresh("30s")
        .link(
            dashboard.DashboardLink(kit.say(Text("Tillwatch dashboards", "Tillwatch 看板")))
            .type(models.DashboardLinkType.DASHBOARDS).tags([f"{TAG}-{kit.language}"])
            .as_dropdown(True).keep_time(True).include_vars(True)
        )
        .variables(list(_variables(kit, variables)))
        .annotations(list(_annotations(kit, night="tz" in variables, shaded=night)))
    )  # fmt: skip
    return made


def _variables(kit: Kit, names: Iterable[str]) -> Iterable[Any]:
    yield dashboard.DatasourceVariable("datasource").label(kit.say(Text("Data source", "数据源"))).type("prometheus")
    for name in names:
        if name == "tz":
            yield _zone(kit)
        elif name == "console":
            yield (
                dashboard.TextBoxVariable("console").label(kit.say(Text("Console", "工作台地址")))
                .description(kit.say(Text("Address of the console, for links to merchants; empty: this server's own",
                                          "工作台地址，用于跳转到商户；空表示本服务器")))
                .default_value("").current(models.VariableOption(text="", value=""))
            )  # fmt: skip
        else:
            label, query = _CHOICES[name]
            yield (
                dashboard.QueryVariable(name).label(kit.say(label)).datasource(SOURCE)
                .query({"query": query, "refId": name, "qryType": 1}).multi(True).include_all(True).all_value(".*")
                .current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
                .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
                .sort(models.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
            )  # fmt: skip


def _zone(kit: Kit) -> dashboard.CustomVariable:
    options = [
        models.VariableOption(selected=hours == 8, text=name, value=str(round(hours * 3600))) for name, hours in _ZONES
    ]
    return (
        dashboard.CustomVariable("tz").label(kit.say(Text("Local time", "当地时区")))
        .description(kit.say(Text("Offset of the shops' local time, for the shading of nights; axes have the"
                                  " dashboard's own time zone", "商户当地时区，用于夜间底色；坐标轴用看板自身的时区")))
        .values(",".join(f"{name} : {round(hours * 3600)}" for name, hours in _ZONES))
        .options(options).current(next(each for each in options if each.selected))
    )  # fmt: skip


def _annotations(kit: Kit, *, night: bool, shaded: bool) -> Iterable[_Annotation]:
    version = "max by (version) (tillwatch_build_info)"
    yield _Annotation(
        kit.say(Text("Deploys", "版本发布")), f"{version} unless {version} offset 2m", "#5794F2",
        kit.say(Text("Tillwatch {{version}}", "Tillwatch {{version}}")),
        kit.say(Text("a worker with this version started", "该版本的工作进程启动")),
    )  # fmt: skip
    yield _Annotation(
        kit.say(Text("Controls", "控制项变更")), f"{CONTROLS} != {CONTROLS} offset 2m", "#B877D9", "{{control}}",
        kit.say(Text("a new version is known", "新版本已知悉")),
    )  # fmt: skip
    yield _Annotation(
        kit.say(Text("Pages", "紧急告警")), 'max by (alertname) (ALERTS{alertstate="firing",severity="page"})', "#E02F44",
        "{{alertname}}", kit.say(Text("somebody was called", "已呼叫值班人员")), shown=False,
    )  # fmt: skip
    if night:
        hour = "hour(vector(time() + $tz))"
        yield _Annotation(
            kit.say(Text("Night, 23 to 6", "夜间23时至6时")), f"({hour} >= 23) or ({hour} < 6)", "#8E8E8E",
            kit.say(Text("night", "夜间")), "", shown=shaded,
        )  # fmt: skip
