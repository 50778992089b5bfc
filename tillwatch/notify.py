"""`tillwatch notify`."""

from __future__ import annotations

import logging
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from casework.change import Change
from casework.errors import StoreFailed
from casework.people import SYSTEM
from casework.tasks.links import make_link
from notices.metrics import NotifyMetrics
from notices.plan import Planner
from notices.rendering import render
from notices.sending import Sender
from streams.log import now_utc_ms
from streams.loop_thread import LoopThread
from tillwatch.answering import answering
from tillwatch.casework_store import open_store
from tillwatch.console import address_of
from tillwatch.log_lines import log_to_stderr
from tillwatch.routing import routing_of
from tillwatch.settings import SettingsError
from tillwatch.show import emit_json, failing, to_stdout
from tillwatch.start import loaded_for_long
from tillwatch.stopping import stop_signals, tie_to_stdin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from casework.store import Store
    from notices.bodies import Entry
    from notices.routing.routes import Routing
    from tillwatch.cli import Invocation
    from tillwatch.settings import Settings

_logger = logging.getLogger("tillwatch")
_POLL_S = 0.2
"""How often casework is looked at: a confirmed alert is to be with its channel within two seconds."""
_AGAIN_S = 1.0
"""How long after the database failed it is tried again."""


@click.command("notify")
@click.option("--once", is_flag=True, help="Plan what is due, send what can be sent now, and end.")
@click.option(
    "--pulse", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Touch FILE after each look, for health checks.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Each notice that is planned, as a line of JSON.")
@click.option("--tied", is_flag=True, hidden=True, help="End when standard input does.")
@click.pass_obj
def command(invocation: Invocation, pulse: Path | None, *, once: bool, as_json: bool, tied: bool) -> None:
    """Plan notices of what stands in casework, and send them over the channels of the settings.

    It goes on until Ctrl-C. Wherever it is killed it goes on where it was: no notice is lost, and one whose sending
    could not be noted is sent again under the same id. Several may run on one store.

    \b
    Examples:
      tillwatch notify
      tillwatch notify --once --json
    """
    if tied:
        tie_to_stdin()
    settings = invocation.settings()
    log_to_stderr(settings.log_format)
    with failing(OSError):
        routing = routing_of(settings)
        channels = _channels(settings, routing)
    with open_store(settings) as store, stop_signals() as stop:
        store.check_version(make=True)
        planner = Planner(store, routing)
        sender = Sender(store, channels, render, links(store, address_of(settings)), now_utc_ms, routing.desks)
        if not once:
            loaded_for_long()
        with _watched(settings, store) as metrics, closing(LoopThread("notify")) as loop:
            while not stop.is_set():
                went_well = _look(planner, sender, loop, metrics, as_json=as_json)
                if pulse is not None:
                    pulse.touch()
                if once:
                    return
                stop.wait(_POLL_S if went_well else _AGAIN_S)


def links(store: Store, base: str) -> Callable[[Any, Entry | None], str]:
    """Where an entry of a notice is answered: on the rep's phone by a link of its own, else in the console.

    Args:
        store: keeps what links may do; each attempt to send makes a new one, for none is kept in the clear.
        base: the console's address, without a slash at its end.
    """

    def link_of(row: Any, entry: Entry | None) -> str:
        if row.is_desk or row.escalates is not None:
            if entry is None:
                return f"{base}/{'queue' if row.is_desk else 'merchants'}"
            if row.is_desk and entry.case_id is not None:
                return f"{base}/cases/{entry.case_id}"
            return f"{base}/merchants/{quote(entry.merchant_id, safe='')}"
        with store.writing() as connection:
            change = Change(store, connection, SYSTEM, now_utc_ms())
            secret = make_link(change, row.recipient, task_id=entry.task_id if entry is not None else None)
        return f"{base}/phone/l/{secret}"

    return link_of


def _channels(settings: Settings, routing: Routing) -> dict[str, Any]:
    try:
        made = settings.make_channels()
    except ValueError as error:
        raise SettingsError(str(error)) from error
    named = {each for receiver in routing.receivers.values() for each in receiver.channels}
    if made and not named & made.keys():
        raise SettingsError(
            f"channels must be some that the routing names, {', '.join(sorted(named))}, got {', '.join(sorted(made))}"
        )
    if not made:
        _logger.warning("no channel is set: notices are planned, and cannot be sent")
    return {**made}


def _look(
    planner: Planner, sender: Sender, loop: LoopThread, metrics: NotifyMetrics, *,
    as_json: bool,
) -> bool:  # fmt: skip
    """Plan, and send; whether the database did what it was asked."""
    began_ms = now_utc_ms()
    try:
        for made in planner.look(began_ms):
            _report(made, as_json=as_json)
        loop.run(sender.send_due())
    except StoreFailed as error:
        _logger.warning("%s: tried again in %g s", error, _AGAIN_S)
        metrics.failed(error)
        return False
    metrics.looked(began_ms)
    return True


def _report(made: Any, *, as_json: bool) -> None:
    tasks = sum(each.is_task for each in made.body.entries)
    if as_json:
        emit_json(
            {"notice_id": made.notice_id, "recipient": made.recipient.name, "kind": made.kind,
             "shops": len(made.body.entries), "tasks": tasks}
        )  # fmt: skip
        return
    to_stdout().print(
        f"{made.recipient.name}: {made.kind}, {len(made.body.entries)} shops, {tasks} tasks",
    )  # fmt: skip


@contextmanager
def _watched(settings: Settings, store: Store) -> Iterator[NotifyMetrics]:
    """Inside the block `/live`, `/ready` and `/metrics` are answered."""
    with failing(ValueError, OSError):
        endpoint = settings.notices_endpoint()
    metrics = NotifyMetrics(store, now_utc_ms)
    with answering(endpoint, metrics, "notices_health_port"):
        yield metrics
