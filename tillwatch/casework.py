"""`tillwatch casework`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from casework import audit
from casework.agent import FilingAgent
from casework.attachments import SWEPT_AFTER_MS, sweep
from casework.backup import back_up
from casework.bodies import ms_of
from casework.errors import StoreFailed
from casework.files import Files
from casework.fit import refile
from casework.lost import lost_verdicts
from casework.queue.ranking import fit
from casework.status import status
from casework.store import Store, versions
from casework.summary import refresh_all
from casework.tasks.photos import drop_old
from streams.log import now_utc_ms
from tillwatch import casework_visits, users
from tillwatch.casework_actions import show_actions
from tillwatch.casework_health import watched
from tillwatch.casework_statistics import show_statistics
from tillwatch.casework_store import open_store
from tillwatch.language import lang_option, local, speaker, zone_name
from tillwatch.log_lines import log_to_stderr
from tillwatch.logs import open_log
from tillwatch.show import emit_json, failing, table, to_stdout
from tillwatch.start import loaded_for_long
from tillwatch.stopping import stop_signals, tie_to_stdin

if TYPE_CHECKING:
    from casework.filing import Filed
    from casework.metrics import AgentMetrics
    from casework.status import Status
    from streams.log import Log
    from tillwatch.cli import Invocation
    from tillwatch.settings import Settings

_logger = logging.getLogger("tillwatch")
_POLL_S = 0.2
"""How often a log is looked at that cannot say that it has changed: an alert is to be in the queue within a second."""
_AGAIN_S = 1.0
"""How long after the database failed it is tried again."""


@click.group("casework")
def command() -> None:
    """File alerts and causes in a database of cases, check its audit, look after users.

    \b
    Examples:
      tillwatch casework migrate
      tillwatch casework file
      tillwatch casework status
      tillwatch casework rank
      tillwatch casework audit verify
      tillwatch casework actions --as wang
      tillwatch casework statistics november.csv --as wang --month 2026-11
      tillwatch casework users link wang.li
      tillwatch casework backup backup.db
    """


command.add_command(show_actions)
command.add_command(show_statistics)
command.add_command(casework_visits.command)


@command.command("audit")
@click.argument("what", type=click.Choice(["verify"]))
@click.option("--noted", default="", metavar="HASH", help="The head of an earlier check, which must be in the audit.")
@click.option("--json", "as_json", is_flag=True, help="Entries and head as a line of JSON.")
@lang_option
@click.pass_obj
def check_audit(invocation: Invocation, what: str, noted: str, lang: str, *, as_json: bool) -> None:  # noqa: ARG001
    """Check the audit's chain of hashes.

    The chain is computed again, and its head shown. An entry that was changed, left out or put in ends the command
    with code 1. Note the head somewhere else, and give it to a later check: that shows whether the end was cut off
    meanwhile.

    \b
    Examples:
      tillwatch casework audit verify
      tillwatch casework audit verify --json | jq -r .hash
    """
    with open_store(invocation.settings()) as store:
        store.check_version()
        with store.reading() as connection:
            head = audit.verify(connection, noted)
    if as_json:
        emit_json(head._asdict())
        return
    say = speaker(lang)
    to_stdout().print(
        say(f"{head.entries:,} entries, in order; head {head.hash}", f"共{head.entries:,}条，链完整；链头 {head.hash}"),
        soft_wrap=True,
    )  # fmt: skip


@command.command("backup", short_help="Copy a store of SQLite to a file, while it is used.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Entries of the audit and its head, as a line of JSON.")
@click.pass_obj
def back_up_store(invocation: Invocation, file: Path, lang: str, *, as_json: bool) -> None:
    """Copy a store of SQLite to the new FILE, which nobody else can read; agent and console may go on meanwhile.

    The copy is read once before it gets its name: tables, references and the audit. One of PostgreSQL is backed up by
    pg_dump.

    \b
    Examples:
      tillwatch casework backup backup.db
      tillwatch casework backup backup.db --json | jq -r .hash
    """
    with open_store(invocation.settings()) as store, failing(OSError):
        store.check_version()
        head = back_up(store, file)
    if as_json:
        emit_json(head._asdict())
        return
    say = speaker(lang)
    to_stdout().print(
        say(f"{file}: audit of {head.entries:,} entries, head {head.hash}",
            f"{file}：审计记录{head.entries:,}条；链头 {head.hash}"),
        soft_wrap=True,
    )  # fmt: skip


@command.command("file")
@click.option("--once", is_flag=True, help="File what is there, and end.")
@click.option(
    "--pulse", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Touch FILE after each look, for health checks.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="What was filed, as a line of JSON each time.")
@click.option("--tied", is_flag=True, hidden=True, help="End when standard input does.")
@click.pass_obj
def file(invocation: Invocation, pulse: Path | None, *, once: bool, as_json: bool, tied: bool) -> None:
    """File the log's results in the casework store.

    It goes on until Ctrl-C, and waits where the database fails. An empty database is made a store. Wherever it is
    killed it goes on where it was: nothing is lost, nothing twice.

    \b
    Examples:
      tillwatch casework file
      tillwatch casework file --once --json
    """
    if tied:
        tie_to_stdin()
    settings = invocation.settings()
    log_to_stderr(settings.log_format)
    with open_log(settings) as log, open_store(settings) as store, stop_signals() as stop:
        store.check_version(make=True)
        if once:
            _report(_agent(settings, store, log).file(), as_json=as_json, always=True)
            return
        loaded_for_long()
        with watched(settings, store) as metrics:
            agent, swept_ms = None, 0
            while not stop.is_set():
                agent = _look(agent, settings, store, log, metrics, as_json=as_json)
                if agent is not None and now_utc_ms() - swept_ms >= SWEPT_AFTER_MS:
                    swept_ms = now_utc_ms()
                    files = Files(Path(settings.casework_files))
                    drop_old(store, files, swept_ms)
                    sweep(store, files, swept_ms)
                while True:
                    if pulse is not None:
                        pulse.touch()
                    if stop.wait(_POLL_S if agent else _AGAIN_S) or agent is None or log.changed():
                        break


def _agent(settings: Settings, store: Store, log: Log) -> FilingAgent:
    return FilingAgent(store, log, keep_transactions_d=settings.casework_keep_transactions_days)


def _look(
    agent: FilingAgent | None, settings: Settings, store: Store, log: Log, metrics: AgentMetrics, *, as_json: bool
) -> FilingAgent | None:
    """File what is there; None where the database failed, after which the next look begins with a new agent."""
    began_ms = now_utc_ms()
    try:
        agent = agent or _agent(settings, store, log)
        filed = agent.file()
    except StoreFailed as error:
        _logger.warning("%s: tried again in %g s", error, _AGAIN_S)
        metrics.failed(error)
        return None
    metrics.looked(began_ms)
    _report(filed, as_json=as_json, always=False)
    return agent


def _report(filed: Filed, *, as_json: bool, always: bool) -> None:
    if as_json and (always or any(filed)):
        emit_json(filed._asdict())


@command.command("lost", short_help="List verdicts that a restored store has no more.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Each verdict as a line of JSON.")
@click.pass_obj
def show_lost(invocation: Invocation, lang: str, *, as_json: bool) -> None:
    """List the verdicts that the log has and the store has no more, because it was restored from a backup.

    All events are searched. Whoever gave a verdict gives it again; nothing is changed here.

    \b
    Examples:
      tillwatch casework lost
      tillwatch casework lost --json > lost.jsonl
    """
    settings = invocation.settings()
    with open_log(settings, make=False) as log, open_store(settings) as store:
        store.check_version()
        found = lost_verdicts(store, log)
    if as_json:
        for each in found:
            emit_json(each)
        return
    say, zone = speaker(lang), settings.time_zone
    title = say(f"Verdicts lost: {len(found):,} (times: {zone_name(zone, lang)})",
                f"丢失的判定：{len(found):,}条（时间：{zone_name(zone, lang)}）")  # fmt: skip
    made = table(
        title, say("given", "时间"), say("by", "判定人"), say("merchant", "商户"), say("alert", "告警"),
        say("verdict", "判定"), say("reason", "原因代码"),
    )  # fmt: skip
    for each in found:
        given = local(ms_of(each.event_time), zone)
        made.add_row(given, each.by, each.merchant_id, each.alert_id, each.verdict, each.reason_code)
    to_stdout().print(made)


@command.command("migrate")
@click.option("--to", "version", type=click.Choice(versions()), help="The version; the newest by default.")
@click.pass_obj
def migrate(invocation: Invocation, version: str | None) -> None:
    """Bring the store's tables to a version, forth or back.

    It is one transaction. Stop what uses the store, and back it up first: going back drops what the earlier
    version has no place for.

    \b
    Examples:
      tillwatch casework migrate
      tillwatch casework migrate --to 001
    """
    with open_store(invocation.settings()) as store:
        store.migrate(version or "head")


@command.command("rank")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As a line of JSON.")
@click.pass_obj
def rank(invocation: Invocation, lang: str, *, as_json: bool) -> None:
    """Fit the queue's re-ranker, and order open cases anew.

    It learns from verdicts, is held against the plain order by later ones, and is in force only if it finds more
    confirmed alerts at the top. It needs 200 verdicts. Run it once a week.

    \b
    Examples:
      tillwatch casework rank
      tillwatch casework rank --json | jq .in_force
    """
    with open_store(invocation.settings()) as store:
        store.check_version()
        found = fit(store, now_utc_ms())
        refresh_all(store, now_utc_ms())
    if as_json:
        emit_json(found._asdict())
        return
    say = speaker(lang)
    to_stdout().print(
        say(
            f"{found.verdicts:,} verdicts; of the {found.top:,} of the latest {found.tested:,} that came first,"
            f" {found.precision:.1%} were confirmed by the re-ranker, {found.plain_precision:.1%} by the plain order:"
            f" {'the re-ranker' if found.in_force else 'the plain order'} is in force",
            f"共{found.verdicts:,}条判定；最近{found.tested:,}条中排在最前的{found.top:,}条，"
            f"重排序模型属实率{found.precision:.1%}，基本排序{found.plain_precision:.1%}："
            f"现按{'重排序模型' if found.in_force else '基本排序'}排列",
        ),
        soft_wrap=True,
    )  # fmt: skip


@command.command("refile")
@click.pass_obj
def file_again(invocation: Invocation) -> None:
    """Have everything filed again, from the log's beginning.

    For a store and a log that do not belong together any more, because one of them was restored from a backup: the
    log is taken for the store's. What people did stays. Stop the agent first, and start it afterwards.

    \b
    Examples:
      tillwatch casework refile
    """
    settings = invocation.settings()
    with open_log(settings, make=False) as log, open_store(settings) as store:
        store.check_version()
        refile(store, log, now_utc_ms())


command.add_command(users.command)


@command.command("status")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As a line of JSON.")
@click.pass_obj
def show_status(invocation: Invocation, lang: str, *, as_json: bool) -> None:
    """Show how far filing has come.

    Alerts and cases are counted too, but for those that only the role aml may see.

    \b
    Examples:
      tillwatch casework status
      tillwatch casework status --json | jq .provisional
    """
    settings = invocation.settings()
    with open_log(settings, make=False) as log, open_store(settings) as store:
        store.check_version()
        found = status(store, log)
    if as_json:
        emit_json(found)
    else:
        _show(found, lang)


_STATUSES = {"open": "待处理", "decided": "已判定", "merged": "已合并"}


def _show(found: Status, lang: str) -> None:
    say, console = speaker(lang), to_stdout()
    cases = ", ".join(f"{count:,} {say(name, _STATUSES.get(name, name))}" for name, count in found.cases.items())
    console.print(
        say(
            f"{found.filed:,} alerts filed, {found.provisional:,} of them not committed yet;"
            f" {found.withdrawn:,} withdrawn; cases: {cases or 'none'}; {found.audit_entries:,} audit entries",
            f"已归档告警{found.filed:,}条，其中{found.provisional:,}条尚未提交；已撤回{found.withdrawn:,}条；"
            f"案件：{cases or '无'}；审计记录{found.audit_entries:,}条",
        ),
        soft_wrap=True,
    )  # fmt: skip
    made = table("", say("topic", "主题"), say("filed up to", "已读至"), say("behind", "滞后"), numbers=(1, 2))
    for each in found.topics:
        made.add_row(each.topic, f"{each.filed:,}", f"{each.behind:,}")
    console.print(made)
