"""How `tillwatch state inspect` shows a merchant: tables for people, one object for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from detectors.registry import title_of
from domain.timestamps import iso
from tillwatch.language import counted, local, local_iso, said, speaker, zone_name
from tillwatch.show import GRADE_STYLES, bearer, money, severity_bar, styled, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.table import Table
    from rich.text import Text

    from domain.alerts import Score
    from engine.merchant_snapshot import MerchantSnapshot
    from streams.manifests import Manifest

_E7 = 10_000_000


def as_object(seen: MerchantSnapshot, manifest: Manifest, beyond: int) -> dict[str, Any]:
    """What is remembered of a merchant, to be written as JSON.

    Args:
        seen: that.
        manifest: the checkpoint's that it was seen in.
        beyond: how many records the log has after that checkpoint.
    """
    return {
        "merchant_id": seen.merchant_id,
        "partition": manifest.partition,
        "checkpoint": manifest.checkpoint,
        "cut_time": iso(manifest.checkpoint_ms),
        "offset": manifest.offset,
        "records_beyond": beyond,
        "clock": _iso(seen.clock_ms),
        "watermark": _iso(seen.watermark_ms or None),
        "currency": seen.currency,
        "time_zone": seen.time_zone,
        "deadline": _iso(seen.deadline_ms),
        "other_events": seen.other_events,
        "versions": [_version(each) for each in seen.versions],
        "waiting": [{"deadline": iso(each["deadline_ms"])} for each in seen.waiting],
        "episodes": seen.episodes,
        "score": seen.score,
        "blind_until": {family: iso(until_ms) for family, until_ms in seen.blind_until_ms.items()},
        "columns": [
            {"name": each.name, "value": value, "unit": each.unit, "window": each.window, "of": each.of}
            for each, value in seen.columns
        ],
    }


def tables(seen: MerchantSnapshot, manifest: Manifest, beyond: int, lang: str) -> Iterator[Table]:
    """The same for people, in a language (`en` or `zh`); a table without rows is left out."""
    found = (
        _head(seen, manifest, beyond, lang), _versions(seen, lang), _episodes(seen, lang), _score(seen.score, lang),
        _columns(seen, lang),
    )  # fmt: skip
    return (each for each in found if each.row_count)


def _head(seen: MerchantSnapshot, manifest: Manifest, beyond: int, lang: str) -> Table:
    say, zone = speaker(lang), seen.time_zone
    title = say(f"Merchant {seen.merchant_id}", f"商户{seen.merchant_id}")
    made = table(title, say("what", "项目"), say("is", "内容"))
    waiting = min((each["deadline_ms"] for each in seen.waiting), default=None)
    none, no_sale = say("none", "无"), say("no transaction yet", "暂无交易")
    count, until = len(seen.waiting), local(waiting, zone)
    taken = local(manifest.checkpoint_ms, zone)
    for what, value in (
        (say("times", "时间"), zone_name(zone, lang)),
        (say("partition", "分区"), str(manifest.partition)),
        (say("as of", "数据截至"),
         say(f"checkpoint {manifest.checkpoint:,}, offset {manifest.offset:,}, taken {taken}",
             f"检查点{manifest.checkpoint:,}，位点{manifest.offset:,}，生成于{taken}")),
        (say("beyond the checkpoint", "其后记录"),
         say(f"{counted(beyond, 'record')} in the log's partition", f"该分区日志中{beyond:,}条")),
        (say("clock", "最近交易"), local(seen.clock_ms, zone) or no_sale),
        (say("later of its clock and its feed's", "商户与来源时钟的较晚者"),
         local(seen.watermark_ms or None, zone) or none),
        (say("currency", "币种"), seen.currency or no_sale),
        (say("next deadline", "下一到期时间"), local(seen.deadline_ms, zone) or none),
        (say("waiting reversals", "待匹配冲正"),
         say(f"{count}, the first until {until}", f"{count}笔，首笔至{until}") if waiting else none),
        (say("other events", "其他事件"), f"{seen.other_events:,}"),
        (say("risk score", "风险评分"), _grade(seen.score, zone, lang)),
        (say("features that started anew", "重新累计的特征"), _blind(seen.blind_until_ms, zone, lang)),
    ):  # fmt: skip
        made.add_row(what, value)
    return made


def _blind(until_ms: Mapping[str, int], zone: str, lang: str) -> str:
    say = speaker(lang)
    words = (
        say(f"{family}: null until {local(until, zone)}", f"{family}：{local(until, zone)}前为null")
        for family, until in until_ms.items()
    )
    return "; ".join(words) or say("none", "无")


def _grade(score: Score | None, zone: str, lang: str) -> Text:
    say = speaker(lang)
    if score is None:
        return styled(say("none: no detector ever found anything", "无：从未有检测命中"))
    at = local_iso(score.time, zone)
    words = say(f"{score.score:.1f}, grade {score.grade}, as of {at}", f"{score.score:.1f}，{score.grade}级，截至{at}")
    return styled(words, style=GRADE_STYLES[score.grade])


def _versions(seen: MerchantSnapshot, lang: str) -> Table:
    say = speaker(lang)
    made = table(
        say("Master data", "商户登记信息"), say("effective from", "生效时间"), say("time zone", "时区"), "MCC",
        say("channel MCCs", "通道MCC"), say("special fee types", "特殊计费类型"),
    )  # fmt: skip
    for each in seen.versions:
        lists = (each["mccs"], each["approved_channel_mccs"], each["special_fee_types"])
        since = local(each["effective_from_ms"], seen.time_zone)
        made.add_row(since, each["time_zone"] or "", *(" ".join(each) for each in lists))
    return made


def _episodes(seen: MerchantSnapshot, lang: str) -> Table:
    say = speaker(lang)
    made = table(
        say("Open alerts", "进行中的告警"), say("detector", "检测"), say("since", "开始"),
        say("last hit", "最近命中"), say("hits", "次数"), say("reopened", "重新打开"),
        say("severity", "级别"), say("turnover", "涉及金额"), say("loss", "损失"), say("borne by", "承担方"),
        say("projected a month", "预计每月"), say("why", "原因"), numbers=[3, 4, 6, 7, 9],
    )  # fmt: skip
    for each in seen.episodes:
        made.add_row(
            each.detector, local_iso(each.first_time, seen.time_zone), local_iso(each.last_time, seen.time_zone),
            f"{each.hits:,}", f"{each.reopened:,}", severity_bar(each.severity, lang),
            money(each.turnover, each.currency), money(each.loss, each.currency), bearer(each.bearer, lang),
            money(each.loss_month, each.currency), said(each.reason, lang),
        )  # fmt: skip
    return made


def _score(score: Score | None, lang: str) -> Table:
    say = speaker(lang)
    made = table(
        say("Score by detector", "评分构成"), say("detector", "检测"),
        say("points", "分值"), numbers=[1],
    )  # fmt: skip
    for each in score.contributions if score else ():
        made.add_row(said(title_of(each.detector), lang), f"{each.points:.1f}")
    if score and score.prior:
        made.add_row(say("prior points", "初始分"), f"{score.prior:.1f}")
    if score and score.capped:
        made.add_row(say("deducted by caps", "封顶扣减"), f"{-score.capped:.1f}")
    return made


def _columns(seen: MerchantSnapshot, lang: str) -> Table:
    say = speaker(lang)
    made = table(
        say("Features at the merchant's clock; what belongs to a single transaction is null",
            "商户最近时点的特征；单笔交易类特征为null"),
        say("column", "列"), say("value", "数值"), say("unit", "单位"), say("window", "窗口"), say("of", "对象"),
        numbers=[1],
    )  # fmt: skip
    for each, value in seen.columns:
        made.add_row(each.name, figure(value, each.unit, seen.currency), each.unit, each.window, each.of)
    return made


def figure(value: float | None, unit: str, currency: str) -> str:
    """A feature's value for people; money also as such.

    >>> figure(123_456, "minor units", "CNY"), figure(763, "MCC", "CNY"), figure(0.25, "share", "CNY")
    ('123,456 (¥1,234.56)', '0763', '0.2500')
    >>> figure(209_100, "minor units", "JPY"), figure(1_500, "minor units", "KWD")
    ('209,100 (209,100 JPY)', '1,500 (1.500 KWD)')
    >>> figure(15_449_000_000, "1e-7 minor units", "CNY"), figure(None, "share", "CNY")
    ('15,449,000,000 (¥15.45)', 'null')
    """
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:,.4f}"
    if unit == "minor units":
        return f"{value:,} ({money(value, currency)})"
    if unit == "1e-7 minor units":
        return f"{value:,} ({money((value + _E7 // 2) // _E7, currency)})"
    return f"{value:04d}" if unit == "MCC" else f"{value:,}"


def _version(version: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in version.items() if name != "effective_from_ms"}
    return {"effective_from": iso(version["effective_from_ms"]), **rest}


def _iso(ms: int | None) -> str | None:
    return None if ms is None else iso(ms)
