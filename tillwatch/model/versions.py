"""Versions of the anomaly model in the log: `tillwatch model list`, `activate` and `rollback`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from domain.errors import TillwatchError
from domain.timestamps import iso
from engine.controls import standing
from models.anomaly.model import Model
from models.anomaly.shipped import FILE as SHIPPED
from models.anomaly.shipped import NAME
from streams.controls import ControlsReader, publish, reached, withdraw
from streams.log import now_utc_ms
from tillwatch.controls import (
    AFTER,
    EFFECTIVE_FROM,
    FAR,
    check_times,
    effective_time_ms,
    show_published,
    show_withdrawn,
    withdrawal_summary,
)
from tillwatch.language import lang_option, local, speaker, zone_name
from tillwatch.logs import open_log
from tillwatch.show import UNKNOWN, emit_json, table, to_stdout
from tillwatch.user_names import user_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.controls import Control
    from engine.controls import Known
    from streams.log import Log
    from tillwatch.cli import Invocation
    from tillwatch.settings import Settings

KIND = "model"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_MODEL_OR_VERSION = (
    f"a file of `tillwatch model train`, the number of a version in the log, a model's name there, or {NAME!r}"
)


class NoModel(TillwatchError):
    """There is no such model."""


class Version(NamedTuple):
    """A version of the model in the log.

    Attributes:
        control: the record.
        model: what it says; None for no model, and for a withdrawal.
        state: `active`, `ahead`, `past` or `withdrawn`; `withdrawal` for one that withdraws another.
    """

    control: Control
    model: Model | None
    state: str


def read_model(file: Path) -> Model:
    """The model in a file, its golden batch checked.

    Raises:
        NoModel: it is none, with the reason.
    """
    try:
        return Model.decoded(file.read_bytes())
    except ValueError as error:
        raise NoModel(f"{file}: {error}") from error


def model_of(settings: Settings, named: str) -> Model:
    """The model of a file, of a version in the log, or of that name; "" for the one in force.

    A name that is none of the log's may be that of the model that is shipped.

    Raises:
        NoModel: there is none.
    """
    if not named:
        return in_force(settings)
    if not named.isdecimal() and (file := Path(named)).is_file():
        return read_model(file)
    known = versions(settings)
    found = [each for each in known if f"{each.control.version}" == named]
    found = found or [each for each in known if each.model is not None and each.model.version == named]
    if not found and named == NAME:
        return read_model(SHIPPED)
    if not found:
        raise NoModel(f"a model must be {_MODEL_OR_VERSION}, got {named!r}")
    if found[-1].model is None:
        raise NoModel(f"version {named} of the model in the log must be a model, it is none")
    return found[-1].model


def in_force(settings: Settings) -> Model:
    """The model that is in force at the greatest clock; of a log without versions, that of the settings.

    Raises:
        NoModel: none is.
    """
    known = versions(settings)
    if not known and settings.model:
        return read_model(Path(settings.model))
    active = next((each.model for each in known if each.state == "active"), None)
    if active is None:
        raise NoModel("a model must be in force, none is: put one in force with tillwatch model activate FILE")
    return active


def versions(settings: Settings) -> list[Version]:
    """Every version of the model in the settings' log, ascending; none where there is no log."""
    if not settings.address().exists():
        return []
    with open_log(settings) as log:
        return _versions(log)


def _versions(log: Log) -> list[Version]:
    known = [each for each in ControlsReader(log).read_all() if each.control.kind == KIND]
    clock_ms = reached(log)[0] or now_utc_ms()
    in_order = standing(known)
    begun = [k for k, each in enumerate(in_order) if k == 0 or each.control.effective_from <= clock_ms]
    states = {
        each.control.version: "active" if k == max(begun) else "past" if k in begun else "ahead"
        for k, each in enumerate(in_order)
    }
    return [Version(each.control, each.value, states.get(each.control.version) or _gone(each)) for each in known]


def _gone(each: Known) -> str:
    return "withdrawn" if each.control.withdraws is None else "withdrawal"


@click.command("list")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
@click.pass_obj
def list_command(invocation: Invocation, lang: str, *, as_json: bool) -> None:
    """Show every version of the anomaly model in the log: since when, trained on which days, and which is active.

    \b
    Examples:
      tillwatch model list
      tillwatch model list --json
    """
    settings, say = invocation.settings(), speaker(lang)
    known, zone = versions(settings), settings.time_zone
    if as_json:
        emit_json([_summary(each, first=k == 0) for k, each in enumerate(known)])
        return
    clock = zone_name(zone, lang)
    made = table(
        say(f"Anomaly models (times: {clock})", f"异常模型版本（时间：{clock}）"), say("version", "版本"),
        say("name", "名称"), say("in force from", "生效时间"), say("trained on", "训练时段"),
        say("merchants", "商户"), say("digest", "摘要"), say("state", "状态"), numbers=[0, 4],
    )  # fmt: skip
    words = {
        "active": say("active", "生效中"), "ahead": say("takes effect later", "待生效"), "past": say("past", "已失效"),
        "withdrawn": say("withdrawn", "已撤回"), "withdrawal": say("withdrawal", "撤回记录"),
    }  # fmt: skip
    for k, each in enumerate(known):
        since = say("always", "始终") if k == 0 else local(each.control.effective_from, zone)
        made.add_row(f"{each.control.version}", *_cells(each, since, say("no model", "无模型")), words[each.state])
    to_stdout().print(made)


def _cells(version: Version, since: str, none: str) -> tuple[str, str, str, str, str]:
    if version.model is None:
        name = UNKNOWN if version.control.withdraws is not None else none
        return name, since, UNKNOWN, UNKNOWN, UNKNOWN
    it = version.model.manifest
    return (
        it.version, since, f"{it.from_day} .. {it.to_day}", f"{it.merchants:,}", version.model.digest[:12],
    )  # fmt: skip


def _summary(version: Version, *, first: bool) -> dict[str, Any]:
    control, more = version.control, {}
    if version.model is not None:
        it = version.model.manifest
        more = {
            "name": it.version, "from_day": it.from_day, "to_day": it.to_day, "merchants": it.merchants,
            "merchant_days": it.merchant_days, "sha256": version.model.digest,
        }  # fmt: skip
    return {
        "version": control.version, "state": version.state,
        "effective_from": None if first else iso(control.effective_from),
        "published_by": control.published_by, **more,
    }  # fmt: skip


@click.command("activate")
@click.argument("file", type=FILE)
@EFFECTIVE_FROM
@AFTER
@FAR
@lang_option
@click.option("--json", "as_json", is_flag=True, help="What was published as one line of JSON.")
@click.pass_obj
def activate_command(
    invocation: Invocation, file: Path, effective_from: str | None, after: str | None, lang: str, *, yes: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Put the model in FILE in force from a time that no clock has reached.

    Its golden batch is scored first: a model that gives other scores here than where it was trained is refused, and so
    is a file that is none. A first version on a log that no worker has read needs no time.

    \b
    Examples:
      tillwatch model activate model.json --in 10m
      tillwatch model activate model.json --effective-from 2026-01-05T00:00
    """
    check_times(effective_from, after)
    body = read_model(file).encoded()
    settings = invocation.settings()
    with open_log(settings) as log:
        effective_ms = effective_time_ms(log, settings.time_zone, effective_from, after, yes=yes)
        made = _publish(log, settings, body, effective_ms)
    show_published(made, effective_ms, settings.time_zone, lang, as_json=as_json)


@click.command("rollback")
@EFFECTIVE_FROM
@AFTER
@FAR
@lang_option
@click.option("--json", "as_json", is_flag=True, help="What was published as one line of JSON.")
@click.pass_obj
def rollback_command(
    invocation: Invocation, effective_from: str | None, after: str | None, lang: str, *, yes: bool, as_json: bool
) -> None:
    """Put the version before the newest in force again.

    A version that no clock has reached is withdrawn, and needs no time. One that is in force already stays so until the
    time given; from then on the one before it is in force again, as a version of its own.

    \b
    Examples:
      tillwatch model rollback --in 10m
    """
    check_times(effective_from, after)
    settings = invocation.settings()
    with open_log(settings, make=False) as log:
        known = [each for each in _versions(log) if each.state in {"active", "ahead", "past"}]
        if len(known) < 2:
            raise NoModel(f"the log must have a version before the newest to go back to, it has {len(known)} in all")
        newest, before = known[-1].control, known[-2].control
        if newest.effective_from > reached(log)[1] and known[-1].state == "ahead":
            _show_withdrawn(withdraw(log, KIND, newest.version, by=user_name()), lang, as_json=as_json)
            return
        effective_ms = effective_time_ms(log, settings.time_zone, effective_from, after, yes=yes)
        made = _publish(log, settings, bytes(before.body), effective_ms)
    show_published(made, effective_ms, settings.time_zone, lang, as_json=as_json)


def _show_withdrawn(made: Control, lang: str, *, as_json: bool) -> None:
    if as_json:
        emit_json([withdrawal_summary(made)])
    else:
        show_withdrawn(made, lang)


def _publish(log: Log, settings: Settings, body: bytes, effective_ms: int | None) -> Sequence[Control]:
    zero = settings.control(KIND)
    return publish(log, KIND, body, effective_ms=effective_ms, by=user_name(), zero=zero)
