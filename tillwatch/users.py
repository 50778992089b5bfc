"""`tillwatch casework users` and its subcommands: who may use the console, from a shell on its machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from casework import user_table, users
from casework.people import ROLES, SYSTEM, put_user
from casework.store import Store
from streams.log import now_utc_ms
from tillwatch.casework_files import write_new
from tillwatch.language import lang_option, speaker
from tillwatch.show import emit_json, to_stdout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from casework.user_table import Comparison
    from tillwatch.cli import Invocation
    from tillwatch.settings import Settings

REFUSED = 3
"""The exit code where some rows could not be taken, as elsewhere."""


@click.group("users")
def command() -> None:
    """Look after the console's users, from a shell on its machine.

    The audit has these changes as by `casework`. A table has the columns user_id, name, roles, team, disabled and
    is_service, in English or Chinese.

    \b
    Examples:
      tillwatch casework users add wang.li --name 王丽 --role analyst --role lead --team east
      tillwatch casework users link wang.li
      tillwatch casework users disable wang.li
      tillwatch casework users export users.csv
      tillwatch casework users import users.csv --dry-run
    """


def _open(settings: Settings) -> Store:
    store = Store(settings.casework_url, settings.casework_password())
    store.check_version(make=True)
    return store


@command.command("add")
@click.argument("user_id")
@click.option("--name", help="What they are called; the id by default.")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="A role; may be given more than once.")
@click.option("--team", default="", help="Their team; one that is new is made.")
@click.option("--service", is_flag=True, help="It is a program, which calls with tokens and never signs in.")
@click.pass_obj
def add(
    invocation: Invocation, user_id: str, name: str | None, roles: tuple[str, ...], team: str, *, service: bool
) -> None:  # fmt: skip
    """Add a user; one that is there is not changed.

    \b
    Examples:
      tillwatch casework users add wang.li --name 王丽 --role analyst
    """
    with _open(invocation.settings()) as store:
        now_ms = now_utc_ms()
        if user_id in {each.user_id for each in users.list_users(store, SYSTEM, now_ms)}:
            raise click.ClickException(f"user {user_id} must be a new one, it is there: change it by a table")
        put_user(store, SYSTEM, user_id, name or user_id, roles, now_ms, team=team, is_service=service)


@command.command("disable")
@click.argument("user_id")
@click.pass_obj
def disable(invocation: Invocation, user_id: str) -> None:
    """Keep a user out; their sessions, links and tokens end at once.

    \b
    Examples:
      tillwatch casework users disable wang.li
    """
    with _open(invocation.settings()) as store:
        now_ms = now_utc_ms()
        each = users.user_of(store, SYSTEM, user_id, now_ms)
        put_user(store, SYSTEM, user_id, each.name, each.roles, now_ms, team=each.team, disabled=True)


@command.command("export")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@lang_option
@click.pass_obj
def export(invocation: Invocation, file: Path, lang: str) -> None:
    """Write all users to FILE as CSV; `-` is standard output. A file that is there is not overwritten.

    \b
    Examples:
      tillwatch casework users export users.csv
    """
    from console.tables import as_csv  # noqa: PLC0415  it loads the console, which other commands do without

    say = speaker(lang)
    with _open(invocation.settings()) as store:
        found = users.list_users(store, SYSTEM, now_utc_ms())
    header = [say(each.en, each.zh) for each in user_table.COLUMNS.values()]
    body = as_csv(header, user_table.rows_of(found))
    write_new(file, body)


@command.command("import", short_help="Add and change users as a table says.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON.")
@lang_option
@click.pass_obj
def import_(invocation: Invocation, file: Path, lang: str, *, dry_run: bool, as_json: bool) -> None:
    """Add and change users as FILE says, a CSV table with a header; users that it lacks stay as they are.

    Rows that cannot be taken are shown with line and reason, the others are taken; the exit code is then 3.

    \b
    Examples:
      tillwatch casework users import users.csv --dry-run
    """
    with _open(invocation.settings()) as store:
        now_ms = now_utc_ms()
        found = user_table.compare(store, SYSTEM, user_table.decoded(file.read_bytes()), now_ms)
        if not dry_run:
            user_table.apply(store, SYSTEM, found, found.digest, now_ms)
    if as_json:
        emit_json(_as_object(found))
    else:
        for line in _lines(found, lang):
            to_stdout().print(line, soft_wrap=True)
    if found.faults:
        click.get_current_context().exit(REFUSED)


def _as_object(found: Comparison) -> dict[str, object]:
    return {
        "new": [each.after.user_id for each in found.differences if each.before is None],
        "changed": {each.after.user_id: each.fields for each in found.differences if each.before is not None},
        "same": found.same,
        "refused": [each._asdict() for each in found.faults],
    }


def _lines(found: Comparison, lang: str) -> Iterator[str]:
    say = speaker(lang)
    for each in found.differences:
        after, before = user_table.rows_of([each.after])[0], user_table.rows_of([each.before] if each.before else [])
        for name, new, old in zip(user_table.COLUMNS, after, before[0] if before else [""] * len(after), strict=True):
            if name in each.fields and name != "user_id":
                words = user_table.COLUMNS[name]
                yield f"{each.after.user_id}: {say(words.en, words.zh)}: {old or '–'} → {new or '–'}"
    for fault in found.faults:
        yield say(f"line {fault.line}: {fault.message}", f"第{fault.line}行：{fault.message}")
    added = sum(each.before is None for each in found.differences)
    changed, same, refused = len(found.differences) - added, found.same, len(found.faults)
    yield say(
        f"{added} new, {changed} changed, {same} as they were, {refused} rows refused",
        f"新增{added}，变更{changed}，不变{same}，无法导入{refused}行",
    )


@command.command("link")
@click.argument("user_id")
@click.pass_obj
def link(invocation: Invocation, user_id: str) -> None:
    """Print a link that signs a person in once, within an hour.

    \b
    Examples:
      tillwatch casework users link wang.li
    """
    from tillwatch.console import address_of  # noqa: PLC0415  it loads the console, which other commands do without

    settings = invocation.settings()
    with _open(settings) as store:
        secret = users.hand_out_link(store, SYSTEM, user_id, now_utc_ms())
    click.echo(f"{address_of(settings)}/login/{secret}")
