"""`tillwatch controls` and its subcommands."""

from __future__ import annotations

import getpass
import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click
import msgspec
from rich.markup import escape

from domain.controls import KINDS, Control
from domain.timestamps import DAY_MS, HOUR_MS, MINUTE_MS, iso
from models.peers import dump_peers
from streams.controls import publish, reached
from streams.log import now_utc_ms
from tillwatch.language import lang_option, local, speaker, zone_name
from tillwatch.logs import open_log, read_controls
from tillwatch.show import emit_json, table, to_stdout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from domain.controls import Kind
    from tillwatch.cli import Invocation
    from tillwatch.settings import Settings

_IN = re.compile(r"(\d{1,6})([smhd])")
_UNITS_MS = {"s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("controls")
def command() -> None:
    """Publish settings of detectors, peers and profiles, in versions that are kept.

    A version is in force from a stated time on, by each merchant's own clock, so that a replay says the same again.

    \b
    Examples:
      tillwatch controls publish detectors.toml --kind detectors --in 10m
      tillwatch controls list
      tillwatch controls show detectors
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
    found, zone = [each.control for each in read_controls(settings)], settings.time_zone
    firsts = {kind: next((each.version for each in found if each.kind == kind), 0) for kind in KINDS}
    if as_json:
        emit_json([_summary(each, first=each.version == firsts[each.kind]) for each in found])
        return
    clock = zone_name(zone, lang)
    made = table(
        say(f"Controls (times: {clock})", f"设置版本（时间：{clock}）"), say("kind", "种类"), say("version", "版本"),
        say("in force from", "生效时间"), say("published by", "发布人"), say("published", "发布时间"), numbers=[1],
    )  # fmt: skip
    always = say("always", "始终")
    for kind in KINDS:
        mine = [each for each in found if each.kind == kind]
        if not mine:
            made.add_row(kind, "0", always, say("the settings file", "设置文件"), "")
        for each in mine:
            since = always if each.version == firsts[kind] else local(each.effective_from, zone)
            made.add_row(kind, str(each.version), since, escape(each.published_by), local(each.published_ms, zone))
    to_stdout().print(made)


@command.command("show", short_help="Show what a version says.")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("version", type=int, required=False)
@click.pass_obj
def show(invocation: Invocation, kind: Kind, version: int | None) -> None:
    """Show what VERSION of KIND says, as JSON; the newest by default.

    \b
    Examples:
      tillwatch controls show detectors
      tillwatch controls show peers 3
    """
    found = {each.control.version: each.control for each in read_controls(invocation.settings())
             if each.control.kind == kind}  # fmt: skip
    if not found:
        raise click.ClickException(f"no version of {kind} was published: what the settings say is in force")
    if version is not None and version not in found:
        raise click.ClickException(f"version of {kind} must be among {', '.join(map(str, found))}, got {version}")
    click.echo(msgspec.json.format(bytes(found[max(found) if version is None else version].body), indent=2))


@command.command("publish", short_help="Put a version in force.")
@click.argument("file", type=_FILE)
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What FILE holds.")
@click.option("--effective-from", "effective_from", metavar="TIME",
              help="A time such as 2026-01-05T00:00, in the setting time_zone where it names none.")  # fmt: skip
@click.option("--in", "after", metavar="WHILE", help="A while such as 10m, 2h or 3d after the greatest clock.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="What was published as one line of JSON.")
@click.pass_obj
def publish_command(
    invocation: Invocation, file: Path, kind: Kind, effective_from: str | None, after: str | None, lang: str, *,
    as_json: bool,
) -> None:  # fmt: skip
    """Publish FILE as the next version of a kind, in force from a time that no clock has reached.

    Of detectors FILE is TOML with tables such as [detectors.mcc_jump], of peers and profiles what their build wrote. A
    first version on a log that no worker has read needs no time: it is in force from the beginning.

    \b
    Examples:
      tillwatch controls publish detectors.toml --kind detectors --in 10m
      tillwatch controls publish peers.json --kind peers --effective-from 2026-01-05T00:00
    """
    if effective_from is not None and after is not None:
        raise click.UsageError("--effective-from and --in must not be given together")
    settings = invocation.settings()
    with open_log(settings) as log:
        effective_ms = None
        if effective_from is not None:
            effective_ms = _moment(effective_from, settings.time_zone)
        elif after is not None:
            effective_ms = (reached(log)[0] or now_utc_ms()) + _while_ms(after)
        made = publish(
            log,
            kind,
            body_of(kind, file),
            effective_ms=effective_ms,
            by=getpass.getuser(),
            zero=zero_of(kind, settings),
        )
    if as_json:
        emit_json([_summary(each, first=each.version == 0 or effective_ms is None) for each in made])
        return
    for line in _published(made, effective_ms, settings.time_zone, lang):
        to_stdout().print(line, markup=False)


def _published(made: Sequence[Control], effective_ms: int | None, zone: str, lang: str) -> Iterator[str]:
    """A line for each version that was published; the first of several is what the settings say."""
    say = speaker(lang)
    for each in made:
        told = each is made[-1] and effective_ms is not None
        settings = len(made) > 1 and each is made[0]
        since = f"{local(each.effective_from, zone)} {zone_name(zone, lang)}" if told else say(
            "the beginning of time", "始终")  # fmt: skip
        yield say(
            f"{each.kind} {each.version}: {'what the settings say, ' if settings else ''}in force from {since}",
            f"{each.kind} {each.version}：{'按设置文件，' if settings else ''}生效时间：{since}",
        )


def body_of(kind: Kind, file: Path) -> bytes:
    """What a file says, as `domain.controls.Control.body` has it.

    Raises:
        ClickException: it is no TOML, or no JSON.
    """
    raw = file.read_bytes()
    try:
        if kind != "detectors":
            return msgspec.json.format(raw, indent=-1)
        held = tomllib.loads(raw.decode())
    except ValueError as error:
        raise click.ClickException(f"{file} must be {'TOML' if kind == 'detectors' else 'JSON'}: {error}") from error
    if set(held) != {"detectors"}:
        got = ", ".join(held) or "nothing"
        raise click.ClickException(f"{file} must hold tables such as [detectors.mcc_jump] alone, got {got}")
    return msgspec.json.encode(held["detectors"])


def zero_of(kind: Kind, settings: Settings) -> bytes:
    """What the settings say of a kind, likewise."""
    if kind == "detectors":
        return msgspec.json.encode(settings.detectors)
    if kind == "peers":
        return msgspec.json.format(dump_peers(settings.load_peers()), indent=-1)
    return body_of(kind, Path(settings.profiles)) if settings.profiles else b"null"


def _summary(control: Control, *, first: bool) -> dict[str, Any]:
    return {
        "kind": control.kind, "version": control.version,
        "effective_from": None if first else iso(control.effective_from),
        "published_by": control.published_by, "published": iso(control.published_ms),
    }  # fmt: skip


def _moment(text: str, time_zone: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"must be a time such as 2026-01-05T00:00, got {text!r}", param_hint="'--effective-from'"
        ) from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(time_zone))).timestamp() * 1000)


def _while_ms(text: str) -> int:
    found = _IN.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"must be a while such as 10m, 2h or 3d, got {text!r}", param_hint="'--in'")
    return int(found[1]) * _UNITS_MS[found[2]]
