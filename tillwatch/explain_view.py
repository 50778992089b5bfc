"""Output of `tillwatch explain`: a statement of account as tables, or one JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from detectors.registry import title_of
from domain.severity import level_of
from domain.timestamps import iso
from tillwatch.language import local, local_iso, zone_name
from tillwatch.show import GRADE_STYLES, named_money, severity_words, styled, table, versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.table import Table
    from rich.text import Text

    from domain.alerts import Alert, Score
    from engine.risk.explain import Explanation, Moment, ScoreStep
    from engine.risk.ledger import Entry

_WORDS = {
    "en": {
        "statement": "Why the risk score of {} changed, as of {} ({})",
        "when": "when", "points": "points", "grade": "grade", "what": "what",
        "then": "then", "now": "now", "prior": "prior points",
        "new": "prior points for the merchant's age and MCC {}, from the first finding on",
        "rise": "{}, severity {}", "open": "{}: case opened", "confirmed": "{}: confirmed",
        "false_alarm": "{}: false alarm", "lawful_change": "{}: lawful change", "data_error": "{}: error in the data",
        "duplicate": "{}: duplicate of another alert",
        "override": "grade {} set by hand until {}: {}", "fading": "points faded",
        "priors": "priors faded", "caps": "caps deduct less", "floor": "floor of a confirmed alert expired",
        "made": "Parts of the score now", "from": "from", "alert": "alert", "older": "older alerts",
        "capped": "deducted by caps", "least": "floor of a confirmed alert, until {}",
        "held": "an open case of grade E: nothing fades",
        "by_hand": "grade {} by hand until {}: {} (computed: {})", "why": "{}: {} ({})", "id": "{} ({})",
    },
    "zh": {
        "statement": "商户{}风险评分变动原因，截至{}（{}）",
        "when": "时间", "points": "分值", "grade": "等级", "what": "事项",
        "then": "期初", "now": "期末", "prior": "初始分", "new": "自首次命中起计入初始分（入网时间、MCC {}）",
        "rise": "{}，级别{}", "open": "{}：核查中", "confirmed": "{}：核实属实", "false_alarm": "{}：误报",
        "lawful_change": "{}：合规变更", "data_error": "{}：数据有误", "duplicate": "{}：与另一告警重复",
        "override": "人工定级 {}，有效期至 {}：{}", "fading": "时间衰减", "priors": "初始分衰减",
        "caps": "封顶扣减减少", "floor": "已核实告警的最低分到期", "made": "当前构成", "from": "来源", "alert": "告警",
        "older": "更早的合计", "capped": "封顶扣减", "least": "已核实告警的最低分，至 {}",
        "held": "E级商户核查中，分值不衰减",
        "by_hand": "人工定级 {}，至 {}：{}（系统评级 {}）", "why": "{}：{}（{}）", "id": "{}（{}）",
    },
}  # fmt: skip


class Explained(NamedTuple):
    """An explained change of a merchant's score.

    Attributes:
        since_ms: start of the period asked for, UTC milliseconds.
        score: the score at its end.
        alerts: the alerts that could be read, by id.
    """

    merchant_id: str
    time_zone: str
    since_ms: int
    difference: Explanation
    score: Score
    alerts: Mapping[str, Alert]


def as_object(it: Explained) -> dict[str, Any]:
    """The difference as an object for JSON."""
    then, now, steps = it.difference
    return {
        "merchant_id": it.merchant_id, "time_zone": it.time_zone, "since": iso(it.since_ms),
        "complete": then.at_ms <= it.since_ms, "then": _moment(then), "now": _moment(now),
        "difference": (now.score_e2 - then.score_e2) / 100, "steps": [_step(it, each) for each in steps],
        "score": it.score,
    }  # fmt: skip


def tables(it: Explained, lang: str) -> Iterator[Table]:
    """The difference as tables in language `lang` (`en` or `zh`)."""
    yield _statement(it, lang)
    yield _made(it, lang)


def _moment(it: Moment) -> dict[str, Any]:
    return {"time": iso(it.at_ms), "score": it.score_e2 / 100, "grade": it.grade}


def _step(it: Explained, step: ScoreStep) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": step.kind, "points": step.points_e2 / 100}
    entry = step.entry
    if entry is None:
        return found
    found |= {"time": iso(entry.at_ms), "grade": step.grade}
    if entry.alert_id:
        alert = it.alerts.get(entry.alert_id)
        found |= {
            "detector": entry.detector, "title": _title(entry.detector), "alert_id": entry.alert_id,
            "severity": round(entry.parts[-1].severity, 4), "reason": alert.reason if alert else None,
            "controls": alert.controls if alert else None, **_money(alert),
        }  # fmt: skip
    if entry.kind == "prior":
        found["mcc"] = entry.after.mcc
    if override := entry.after.override:
        found |= {"override": override.grade, "expires": iso(override.until_ms), "reason": override.reason}
    return found


def _money(alert: Alert | None) -> dict[str, Any]:
    """An alert's money, by the names of `domain.alerts.Alert`; each None where the alert could not be read."""
    names = ("turnover", "loss", "bearer", "loss_month", "duty", "currency")
    return {name: getattr(alert, name) if alert else None for name in names}


def _statement(it: Explained, lang: str) -> Table:
    words, (then, now, steps) = _WORDS[lang], it.difference
    heads = (words[each] for each in ("when", "points", "grade", "what"))
    zone = it.time_zone
    title = words["statement"].format(it.merchant_id, local(now.at_ms, zone), zone_name(zone, lang))
    made = table(title, *heads, numbers=[1])
    made.add_row(_local(then.at_ms, zone), _points(then.score_e2), _grade(then.grade), words["then"])
    last = {each.entry.alert_id: each.entry for each in steps if each.entry}
    for each in steps:
        when = _local(each.entry.at_ms, zone) if each.entry else ""
        what = words[each.kind]
        if each.entry:
            what = _what(it, each.entry, lang, why=last[each.entry.alert_id] is each.entry)
        made.add_row(when, f"{each.points_e2 / 100:+.2f}", _grade(each.grade), what)
    made.add_row(_local(now.at_ms, zone), _points(now.score_e2), _grade(now.grade), words["now"])
    return made


def _what(it: Explained, entry: Entry, lang: str, *, why: bool) -> str:
    """An entry in words; with the alert's reason if `why`, else with the alert's id."""
    words = _WORDS[lang]
    if override := entry.after.override:
        until = _local(override.until_ms, it.time_zone)
        return words["override"].format(override.grade, until, override.reason)
    if entry.kind == "prior":
        return words["new"].format(entry.after.mcc or "?")
    title = _title(entry.detector)[lang]
    said = words[entry.kind].format(title, _severity(entry.parts[-1].severity, lang))
    alert = it.alerts.get(entry.alert_id)
    if not (alert and why):
        return words["id"].format(said, entry.alert_id)
    by = versions(alert.controls, lang)
    money = named_money(alert, lang, it.time_zone)
    reason, controls = getattr(alert.reason, lang), f" [{by}]" if by else ""
    return words["why"].format(said, reason, money) + controls


def _severity(severity: float, lang: str) -> str:
    """A severity with its word; in Chinese without a blank, at which a table would break the line."""
    return f"{severity:.2f}（{level_of(severity).word.zh}）" if lang == "zh" else severity_words(severity, lang)


def _made(it: Explained, lang: str) -> Table:
    words, score, zone = _WORDS[lang], it.score, it.time_zone
    made = table(words["made"], *(words[each] for each in ("from", "points", "alert")), numbers=[1])
    for each in score.contributions:
        made.add_row(_title(each.detector)[lang], f"{each.points:+.2f}", each.alert_id or words["older"])
    if score.prior:
        made.add_row(words["prior"], f"{score.prior:+.2f}", "")
    if score.capped:
        made.add_row(words["capped"], f"{-score.capped:+.2f}", "")
    if score.floor:
        until = local_iso(score.floor.expires, zone)
        made.add_row(words["least"].format(until), f"{score.floor.points:.2f}", score.floor.alert_id)
    if score.held:
        made.add_row(words["held"], "", "")
    if it_is := score.override:
        said = words["by_hand"].format(it_is.grade, local_iso(it_is.expires, zone), it_is.reason, score.computed_grade)
        made.add_row(said, "", "")
    return made


def _title(detector: str) -> dict[str, str]:
    title = title_of(detector)
    return {"en": title.en, "zh": title.zh}


def _points(points_e2: int) -> str:
    return f"{points_e2 / 100:.2f}"


def _grade(grade: str) -> Text:
    return styled(grade, style=GRADE_STYLES.get(grade, ""))


def _local(ms: int, zone: str) -> str:
    return local(ms or None, zone)
