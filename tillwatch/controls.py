"""`tillwatch controls` and its subcommands."""

from __future__ import annotations

import codecs
import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import msgspec

from domain.moments import utc_ms
from domain.timestamps import DAY_MS, HOUR_MS, MINUTE_MS, iso
from domain.visible import visible_json
from engine.control_kinds.registry import KINDS
from engine.controls import standing
from streams.controls import FAR_MS, publish, reached, withdraw
from streams.log import now_utc_ms
from tillwatch.language import lang_option, local, speaker, zone_name
from tillwatch.logs import open_log, read_controls
from tillwatch.show import emit_json, table, to_stdout
from tillwatch.user_names import user_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from domain.controls import Control
    from engine.controls import Known
    from streams.log import Log
    from tillwatch.cli import Invocation

_IN = re.compile(r"(\d{1,6})([smhd])")
_UNITS_MS = {"s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_ALWAYS, _NEVER = "always", "never"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_KIND = click.Choice([*KINDS])
EFFECTIVE_FROM = click.option(
    "--effective-from", "effective_from", metavar="TIME",
    help="A time such as 2026-01-05T00:00, in the setting time_zone where it names none.",
)  # fmt: skip
AFTER = click.option("--in", "after", metavar="WHILE", help="A while such as 10m, 2h or 3d after the greatest clock.")
FAR = click.option("--yes", is_flag=True, help="Take a time more than 400 days ahead for meant.")
"""From when on a version is to be in force; `check_times` and `effective_time_ms` read them."""


@click.group("controls")
def command() -> None:
    """Publish what decides how records are judged, in versions that are kept.

    A version is in force from a stated time on, by each merchant's own clock, so that a replay says the same again.

    \b
    Examples:
      tillwatch controls publish detectors.toml --kind detectors --in 10m
      tillwatch controls list
      tillwatch controls show detectors
      tillwatch controls withdraw detectors 3
    """


@command.command("list", short_help="Show every version.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON, without what they say.")
@click.pass_obj
def list_(invocation: Invocation, lang: str, *, as_json: bool) -> None:
    """Show every version of every kind, and from when on it is in force.

    \b
    Examples:
      tillwatch controls list
      tillwatch controls list --json
    """
    settings, say = invocation.settings(), speaker(lang)
    known, zone = read_controls(settings), settings.time_zone
    since = _in_force_from(known)
    if as_json:
        emit_json([_summary(each.control, since[each.control.key]) for each in known])
        return
    clock = zone_name(zone, lang)
    made = table(
        say(f"Controls (times: {clock})", f"设置版本（时间：{clock}）"), say("kind", "种类"), say("version", "版本"),
        say("in force from", "生效时间"), say("published by", "发布人"), say("published", "发布时间"), numbers=[1],
    )  # fmt: skip
    words = {_ALWAYS: say("always", "始终"), _NEVER: say("never", "从不")}
    for kind, each_kind in KINDS.items():
        mine = [each.control for each in known if each.control.kind == kind]
        if not mine:
            source = say("the settings file", "设置文件") if each_kind.settings else say("the product", "产品自带")
            made.add_row(kind, "0", words[_ALWAYS], source, "")
        for each in mine:
            number = f"{each.version}"
            if each.withdraws is not None:
                number += say(f" withdraws {each.withdraws}", f" 撤回 {each.withdraws}")
            time = words.get(since[each.key]) or local(each.effective_from, zone)
            made.add_row(kind, number, time, each.published_by, local(each.published_ms, zone))
    to_stdout().print(made)


@command.command("show", short_help="Show what a version says.")
@click.argument("kind", type=_KIND)
@click.argument("version", type=int, required=False)
@click.pass_obj
def show(invocation: Invocation, kind: str, version: int | None) -> None:
    """Show what VERSION of KIND says, as JSON; the newest by default, or what a first worker would publish.

    \b
    Examples:
      tillwatch controls show detectors
      tillwatch controls show peers 3
    """
    settings = invocation.settings()
    known = [each for each in read_controls(settings) if each.control.kind == kind]
    bodies = {each.control.version: bytes(each.control.body) for each in known} or {0: settings.control(kind)}
    if version is None:
        version = max((each.control.version for each in standing(known)), default=0)
    if version not in bodies:
        raise click.ClickException(f"version of {kind} must be among {', '.join(map(str, bodies))}, got {version}")
    click.echo(visible_json(msgspec.json.format(bodies[version], indent=2).decode()).encode())


@command.command("publish", short_help="Put a version in force.")
@click.argument("file", type=_FILE, required=False)
@click.option("--kind", type=_KIND, required=True, help="What FILE holds.")
@click.option("--from-settings", is_flag=True, help="What the settings say, or else what the product has; no FILE.")
@EFFECTIVE_FROM
@AFTER
@FAR
@lang_option
@click.option("--json", "as_json", is_flag=True, help="What was published as one line of JSON.")
@click.pass_obj
def publish_command(
    invocation: Invocation, file: Path | None, kind: str, effective_from: str | None, after: str | None, lang: str, *,
    from_settings: bool, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Publish FILE as the next version of a kind, in force from a time that no clock has reached.

    Of detectors and engine FILE is TOML, with tables such as [detectors.mcc_jump] or [engine]; of the others JSON, of
    peers and profiles what their build wrote. A first version on a log that no worker has read needs no time: it is in
    force from the beginning.

    \b
    Examples:
      tillwatch controls publish detectors.toml --kind detectors --in 10m
      tillwatch controls publish peers.json --kind peers --effective-from 2026-01-05T00:00
      tillwatch controls publish --kind engine --from-settings --in 10m
    """
    check_times(effective_from, after)
    if (file is None) != from_settings:
        raise click.UsageError("either FILE or --from-settings must be given")
    settings = invocation.settings()
    with open_log(settings) as log:
        effective_ms = effective_time_ms(log, settings.time_zone, effective_from, after, yes=yes)
        zero = settings.control(kind)
        body = zero if file is None else body_of(kind, file)
        made = publish(log, kind, body, effective_ms=effective_ms, by=user_name(), zero=zero)
    show_published(made, effective_ms, settings.time_zone, lang, as_json=as_json)


def show_published(
    made: Sequence[Control], effective_ms: int | None, zone: str, lang: str, *, as_json: bool
) -> None:  # fmt: skip
    """Show the versions that were published: a line for each, or all as JSON; `effective_ms` is as it was asked for."""
    if as_json:
        emit_json([_summary(each, _ALWAYS if _at_once(each, made, effective_ms) else _time(each)) for each in made])
        return
    for line in _published_lines(made, effective_ms, zone, lang):
        to_stdout().print(line)


def _at_once(control: Control, made: Sequence[Control], effective_ms: int | None) -> bool:
    """Whether one of the versions that were published is in force from the beginning."""
    return control is not made[-1] or effective_ms is None


def _published_lines(made: Sequence[Control], effective_ms: int | None, zone: str, lang: str) -> Iterator[str]:
    """A line for each version that was published; the first of several is what the settings say."""
    say = speaker(lang)
    for each in made:
        settings = len(made) > 1 and each is made[0]
        since = f"{local(each.effective_from, zone)} {zone_name(zone, lang)}"
        if _at_once(each, made, effective_ms):
            since = say("the beginning of time", "始终")
        yield say(
            f"{each.kind} {each.version}: {'what the settings say, ' if settings else ''}in force from {since}",
            f"{each.kind} {each.version}：{'按设置文件，' if settings else ''}生效时间：{since}",
        )


@command.command("withdraw", short_help="Take a version back before it takes effect.")
@click.argument("kind", type=_KIND)
@click.argument("version", type=int)
@lang_option
@click.option("--json", "as_json", is_flag=True, help="What was published as one line of JSON.")
@click.pass_obj
def withdraw_command(invocation: Invocation, kind: str, version: int, lang: str, *, as_json: bool) -> None:
    """Withdraw VERSION of KIND before any clock reaches it: what is in force before it stays so.

    The withdrawal is a version itself, so that a replay judges as the worker did.

    \b
    Examples:
      tillwatch controls withdraw detectors 3
    """
    with open_log(invocation.settings(), make=False) as log:
        made = withdraw(log, kind, version, by=user_name())
    if as_json:
        emit_json(withdrawal_summary(made))
    else:
        show_withdrawn(made, lang)


def withdrawal_summary(made: Control) -> dict[str, Any]:
    """A withdrawal, for JSON."""
    return _summary(made, _NEVER)


def show_withdrawn(made: Control, lang: str) -> None:
    """Show what a withdrawal does, in a line."""
    kind = made.kind
    line = speaker(lang)(
        f"{kind} {made.version}: {kind} {made.withdraws} is never in force",
        f"{kind} {made.version}：撤回 {kind} {made.withdraws}，该版本不会生效",
    )
    to_stdout().print(line)


def body_of(kind: str, file: Path) -> bytes:
    """What a file says, as `domain.controls.Control.body` has it.

    Raises:
        ClickException: it is no TOML, or no JSON.
    """
    raw, toml = file.read_bytes(), KINDS[kind].toml
    try:
        if not toml:
            return msgspec.json.format(raw.removeprefix(codecs.BOM_UTF8), indent=-1)
        held = tomllib.loads(raw.decode("utf-8-sig"))
    except ValueError as error:
        raise click.ClickException(f"{file} must be {'TOML' if toml else 'JSON'}: {error}") from error
    if set(held) != {kind}:
        got = ", ".join(held) or "nothing"
        table_of = "tables such as [detectors.mcc_jump]" if kind == "detectors" else f"the table [{kind}]"
        raise click.ClickException(f"{file} must hold {table_of} alone, got {got}")
    return msgspec.json.encode(held[kind])


def _in_force_from(known: Sequence[Known]) -> dict[bytes, str]:
    """By key of a version, from when on it is in force."""
    since = {each.control.key: _NEVER for each in known}
    firsts: set[str] = set()
    for control, _ in standing(known):
        since[control.key] = _time(control) if control.kind in firsts else _ALWAYS
        firsts.add(control.kind)
    return since


def _time(control: Control) -> str:
    return iso(control.effective_from)


def _summary(control: Control, since: str) -> dict[str, Any]:
    more = {} if control.withdraws is None else {"withdraws": control.withdraws}
    return {
        "kind": control.kind, "version": control.version,
        "effective_from": None if since == _ALWAYS else since,
        "published_by": control.published_by, "published": iso(control.published_ms), **more,
    }  # fmt: skip


def check_times(effective_from: str | None, after: str | None) -> None:
    """Refuse both a time and a while; raises UsageError."""
    if effective_from is not None and after is not None:
        raise click.UsageError("--effective-from and --in must not be given together")


def effective_time_ms(
    log: Log, time_zone: str, effective_from: str | None, after: str | None, *, yes: bool
) -> int | None:
    """From when on a version is to be in force; None where no time was given.

    Raises:
        BadParameter: it is none.
        ClickException: it is so far ahead that it is taken for a slip, and not meant (`yes`).
    """
    effective_ms = None
    if effective_from is not None:
        effective_ms = _moment(effective_from, time_zone)
    elif after is not None:
        effective_ms = (reached(log)[0] or now_utc_ms()) + _while_ms(after)
    if effective_ms is not None and not yes:
        _check_near(log, effective_ms)
    return effective_ms


def _check_near(log: Log, effective_ms: int) -> None:
    most_ms = (reached(log)[0] or now_utc_ms()) + FAR_MS
    if effective_ms > most_ms:
        raise click.ClickException(
            f"effective_from must be at most {iso(most_ms)}, 400 days ahead, got {iso(effective_ms)}: if it is meant,"
            " give --yes"
        )


def _moment(text: str, time_zone: str) -> int:
    try:
        return utc_ms(datetime.fromisoformat(text), ZoneInfo(time_zone))
    except ValueError as error:
        raise click.BadParameter(
            f"must be a time such as 2026-01-05T00:00, got {text!r}", param_hint="'--effective-from'"
        ) from error


def _while_ms(text: str) -> int:
    found = _IN.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"must be a while such as 10m, 2h or 3d, got {text!r}", param_hint="'--in'")
    return int(found[1]) * _UNITS_MS[found[2]]
