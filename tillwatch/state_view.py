"""How `tillwatch state inspect` shows a merchant: tables for people, one object for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.text import Text

from domain.timestamps import iso
from tillwatch.show import GRADE_STYLES, money, severity_bar, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

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
        "columns": [
            {"name": each.name, "value": value, "unit": each.unit, "window": each.window, "of": each.of}
            for each, value in seen.columns
        ],
    }


def tables(seen: MerchantSnapshot, manifest: Manifest, beyond: int) -> Iterator[Table]:
    """The same for people; a table without rows is left out."""
    found = (_head(seen, manifest, beyond), _versions(seen), _episodes(seen), _score(seen.score), _columns(seen))
    return (each for each in found if each.row_count)


def _head(seen: MerchantSnapshot, manifest: Manifest, beyond: int) -> Table:
    made = table(escape(f"Merchant {seen.merchant_id}"), "what", "is")
    waiting = min((each["deadline_ms"] for each in seen.waiting), default=None)
    for what, value in (
        ("partition", str(manifest.partition)),
        (
            "as of",
            f"checkpoint {manifest.checkpoint:,}, offset {manifest.offset:,}, taken {iso(manifest.checkpoint_ms)}",
        ),
        ("beyond the checkpoint", f"{beyond:,} records in the log's partition"),
        ("clock", _iso(seen.clock_ms) or "no transaction yet"),
        ("watermark", _iso(seen.watermark_ms or None) or "none"),
        ("time zone", seen.time_zone),
        ("currency", seen.currency or "no transaction yet"),
        ("next deadline", _iso(seen.deadline_ms) or "none"),
        ("waiting reversals", f"{len(seen.waiting)}, the first until {iso(waiting)}" if waiting else "none"),
        ("other events", f"{seen.other_events:,}"),
        ("risk score", _grade(seen.score)),
    ):
        made.add_row(what, value)
    return made


def _grade(score: Score | None) -> Text:
    if score is None:
        return Text("none: no detector ever found anything")
    return Text(f"{score.score:.1f}, grade {score.grade}, at {score.time}", GRADE_STYLES[score.grade])


def _versions(seen: MerchantSnapshot) -> Table:
    made = table("Master data", "effective from", "time zone", "MCCs", "channel MCCs", "special fee types")
    for each in seen.versions:
        lists = (each["mccs"], each["approved_channel_mccs"], each["special_fee_types"])
        made.add_row(iso(each["effective_from_ms"]), each["time_zone"] or "", *(" ".join(each) for each in lists))
    return made


def _episodes(seen: MerchantSnapshot) -> Table:
    made = table(
        "Open episodes", "detector", "since", "last hit", "hits", "severity", "at stake", "why", numbers=[3, 5]
    )
    for each in seen.episodes:
        at_stake = money(each.at_stake, each.currency)
        made.add_row(
            each.detector, each.first_time, each.last_time, f"{each.hits:,}", severity_bar(each.severity), at_stake,
            Text(each.reason.en),
        )  # fmt: skip
    return made


def _score(score: Score | None) -> Table:
    made = table("What each detector adds to the risk score", "detector", "points", numbers=[1])
    for each in score.contributions if score else ():
        made.add_row(each.detector, f"{each.points:.1f}")
    return made


def _columns(seen: MerchantSnapshot) -> Table:
    title = "Features at the merchant's clock; what belongs to a single transaction is null"
    made = table(title, "column", "value", "unit", "window", "of", numbers=[1])
    for each, value in seen.columns:
        made.add_row(each.name, figure(value, each.unit, seen.currency), each.unit, each.window, each.of)
    return made


def figure(value: float | None, unit: str, currency: str) -> str:
    """A feature's value for people; money also as such.

    >>> figure(123_456, "minor units", "CNY"), figure(763, "MCC", "CNY"), figure(0.25, "share", "CNY")
    ('123,456 (1,234.56 CNY)', '0763', '0.2500')
    >>> figure(15_449_000_000, "1e-7 minor units", "CNY"), figure(None, "share", "CNY")
    ('15,449,000,000 (15.45 CNY)', 'null')
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
