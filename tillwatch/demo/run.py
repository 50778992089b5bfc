"""`tillwatch demo`: a worker and simulated terminals on a log of their own, and what they come to."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.live import Live

from models.anomaly.shipped import FILE as MODEL
from streams.errors import LeaseHeld
from streams.log import now_utc_ms
from streams.sqlite.address import SqliteAddress
from streams.sqlite.checkpoints import state_path
from tillwatch.demo import plan as demo_plan
from tillwatch.demo.board import View, board, status_line
from tillwatch.demo.casework import DemoConsole, serving
from tillwatch.demo.children import Child, child
from tillwatch.demo.closing import next_steps, totals_words
from tillwatch.demo.log_snapshot import Picture
from tillwatch.language import lang_option, local, speaker
from tillwatch.logs import open_file
from tillwatch.number_options import MOST_S, FiniteRange
from tillwatch.show import emit_json, failing, to_stderr, to_stdout
from tillwatch.stopping import stop_signals
from tillwatch.warm import marker

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from streams.sqlite.leases import Lease
    from streams.sqlite.log import SqliteLog
    from tillwatch.cli import Invocation

_LEASE, _LEASE_TTL_S = "demo", 30.0
_FRAME_S, _LINE_S = 0.25, 2.0
_PATIENCE_S = 120.0
"""How long the first batch may take where nothing was compiled before."""
_LOG = "tillwatch.db"
_STATE = state_path(Path(_LOG)).name
_FILES = (
    *(f"{name}{end}" for name in (_LOG, _STATE) for end in ("", "-wal", "-shm")),
    demo_plan.FILE,
    "worker.log",
    "simulator.log",
    "compiler.log",
    *(f"casework.db{end}" for end in ("", "-wal", "-shm")),
    "casework.log",
    "console.log",
    "notify.log",
    "robot.key",
)


@click.command("demo")
@click.option(
    "--for", "for_s", type=FiniteRange(min=0, max=MOST_S, min_open=True), metavar="SECONDS",
    help="End after so many seconds, but not before the first batch was processed.",
)  # fmt: skip
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Totals at the end as one line of JSON, no live view and no console.",
)
@click.option(
    "--speed", type=FiniteRange(min=0, min_open=True), default=600.0, show_default=True,
    help="Simulated seconds per second.",
)  # fmt: skip
@click.option("--merchants", type=int, help=f"Number of simulated merchants; {demo_plan.MERCHANTS} by default.")
@click.option("--seed", type=int, help=f"Seed of the simulation; {demo_plan.SEED} by default.")
@click.option("--fresh", is_flag=True, help="First delete what an earlier demonstration left in the folder.")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("var/demo"), show_default=True,
    help="Folder of the demonstration's log.",
)  # fmt: skip
@lang_option
@click.pass_obj
def command(
    invocation: Invocation,
    for_s: float | None,
    speed: float,
    merchants: int | None,
    seed: int | None,
    folder: Path,
    lang: str,
    *,
    as_json: bool,
    fresh: bool,
) -> None:
    """Show simulated terminals, a worker, and what it finds, live, until Ctrl-C.

    It begins with eight days of history, as fast as they can be written, and goes on at --speed. Started
    again, it carries on where it stopped, and totals include the earlier part. Where standard output is no
    terminal, lines on standard error take the place of the live view. Alerts are filed as cases, and the console
    shows them: the link that is printed signs you in. What reps are told of confirmed cases comes up on the page of
    a phone, whose address is printed beside it.

    \b
    Examples:
      tillwatch demo
      tillwatch demo --lang zh
      tillwatch demo --fresh --merchants 500 --speed 3600
      tillwatch demo --for 20 --json
    """
    with stop_signals() as stop:
        folder.mkdir(parents=True, exist_ok=True)
        at_log = replace(invocation, log_url=SqliteAddress((folder / _LOG).resolve()).url)
        if fresh:
            with _claimed(at_log, folder):
                pass
            for name in _FILES:
                (folder / name).unlink(missing_ok=True)
        with _claimed(at_log, folder) as claim:
            with failing(ValueError):
                demo_plan.plan_of(folder, merchants, seed, now_utc_ms())
            demo = _Demo(at_log, folder, speed, claim, lang)
            totals = demo.run(stop, for_s, live=not as_json and sys.stdout.isatty(), console=not as_json)
            picture = demo.picture
    if as_json:
        emit_json(totals)
        return
    console = to_stderr()
    console.print(totals_words(totals, lang))
    for line in next_steps(picture, at_log.config, SqliteAddress(folder / _LOG).url, lang):
        console.print(line, soft_wrap=True)


@contextmanager
def _claimed(invocation: Invocation, folder: Path) -> Iterator[Claim]:
    """The demonstration's log, to which nobody else feeds a simulation meanwhile."""
    with open_file(invocation.settings()) as log:
        try:
            lease = log.acquire_lease(_LEASE, "tillwatch demo", _LEASE_TTL_S)
        except LeaseHeld as error:
            raise click.ClickException(f"a demonstration runs in {folder} already: {error}") from error
        try:
            yield Claim(log, lease)
        finally:
            log.release_lease(lease)


@dataclass(frozen=True, slots=True)
class Claim:
    """The demonstration's log and the lease on it."""

    log: SqliteLog
    lease: Lease


class _Demo:
    """One run of the demonstration.

    Args:
        invocation: names the demonstration's log.
        folder: where that lies.
        speed: how many times as fast as real time.
        claim: the log.
        lang: `en` or `zh`.

    Attributes:
        picture: what is shown of the log.
    """

    def __init__(self, invocation: Invocation, folder: Path, speed: float, claim: Claim, lang: str) -> None:
        self._common = ["--log-url", str(invocation.log_url)]
        if invocation.config:
            self._common += ["--config", str(invocation.config)]
        self._folder, self._speed, self._claim = folder, speed, claim
        self._settings = settings = invocation.settings()
        self._model = {} if settings.model else {"TILLWATCH_MODEL": str(MODEL)}
        self._lang, self._say, self._zone = lang, speaker(lang), settings.time_zone
        self._resumed = claim.log.position("simulator") is not None
        self.picture = Picture(claim.log, now_utc_ms())
        self._started = 0.0
        self._console: DemoConsole | None = None
        self._told = False

    def run(self, stop: threading.Event, for_s: float | None, *, live: bool, console: bool) -> dict[str, Any]:
        """Run until `stop` is set, or for `for_s` seconds; the totals.

        Raises:
            ClickException: a process of it failed.
        """
        if not marker().exists():
            self._compile(stop)
        feed = ["demo-feed", str(self._folder), "--speed", str(self._speed)]
        self._started = time.monotonic()
        with ExitStack() as running:
            arguments = [*self._common, "worker", "--tied", "--json"]
            worker = running.enter_context(child("worker", arguments, self._folder, self._model))
            simulator = running.enter_context(child("simulator", [*self._common, *feed], self._folder))
            if console:
                self._console = running.enter_context(serving(self._common, self._folder, self._settings))
            show = running.enter_context(self._live_view()) if live else self._lines()
            self._watch(stop, for_s, (worker, simulator), show)
            simulator.end()
            words = worker.end()
        seconds = round(time.monotonic() - self._started, 3)  # what is shown is what the rate is taken over
        self.picture.refresh()
        return self._totals(msgspec.json.decode(words or b"{}"), seconds)

    def _compile(self, stop: threading.Event) -> None:
        words = ("compiling, once after an update: about a minute", "首次运行或更新后需编译一次，约一分钟")
        to_stderr().print(self._say(*words))
        with child("compiler", [*self._common, "warm"], self._folder) as compiler:
            while compiler.check() and not stop.wait(_FRAME_S):
                pass

    def _watch(
        self,
        stop: threading.Event,
        for_s: float | None,
        children: tuple[Child, ...],
        show: Callable[[str], None],
    ) -> None:
        worker, simulator = children
        renew_at = 0.0
        while not stop.is_set():
            elapsed = time.monotonic() - self._started
            self.picture.refresh()
            if not worker.check():
                raise click.ClickException(f"the worker ended by itself (see {worker.errors})")
            show(self._note(simulating=simulator.check()))
            if self._console is not None:
                self._console.check()
            if self.picture.count("transactions"):
                if for_s is not None and elapsed >= for_s:
                    return
            elif elapsed > max(_PATIENCE_S, for_s or 0):
                raise click.ClickException(f"nothing was processed in {elapsed:.0f} s (see {worker.errors})")
            if elapsed >= renew_at:
                renew_at = elapsed + _LEASE_TTL_S / 3
                self._claim.log.renew_lease(self._claim.lease)
            stop.wait(_FRAME_S)

    def _note(self, *, simulating: bool) -> str:
        if self.picture.progress is None:
            return self._say("starting", "正在启动")
        if not simulating:
            return self._say(
                "the simulation is over; Ctrl-C leaves, --fresh begins anew",
                "模拟已结束；按Ctrl-C退出，--fresh重新开始",
            )
        if self._resumed:
            earlier = f"{self.picture.earlier('transactions'):,}"
            return self._say(
                f"carries on: {earlier} transactions are of earlier runs; Ctrl-C leaves",
                f"接续上次运行（含此前{earlier}笔）；按Ctrl-C退出",
            )
        simulated = local(self.picture.simulated_ms, self._zone)
        return self._say(
            f"simulated until {simulated}, {self._speed:g} times as fast as real time; Ctrl-C leaves",
            f"已模拟至{simulated}，速度为实际的{self._speed:g}倍；按Ctrl-C退出",
        )

    @contextmanager
    def _live_view(self) -> Iterator[Callable[[str], None]]:
        console = to_stdout()
        with Live(console=console, screen=True, auto_refresh=False) as view:

            def show(note: str) -> None:
                links = (self._console.link, self._console.inbox) if self._console else ("", "")
                shown = board(self.picture, note, View.of(console, self._lang, self._zone), *links)
                view.update(shown, refresh=True)

            yield show

    def _new_links(self) -> Iterator[str]:
        """The links of console and inbox, the first time that they are known."""
        if self._console is None or self._told or not self._console.link:
            return
        self._told = True
        link, inbox = self._console.link, self._console.inbox
        yield self._say(f"console: {link}", f"控制台：{link}")
        yield self._say(f"reps' phones: {inbox}", f"客户经理手机：{inbox}")

    def _lines(self) -> Callable[[str], None]:
        console = to_stderr()
        next_at = 0.0

        def show(_: str) -> None:
            nonlocal next_at
            elapsed = time.monotonic() - self._started
            for line in self._new_links():
                console.print(line, soft_wrap=True)
            if elapsed >= next_at:
                next_at = elapsed + _LINE_S
                console.print(status_line(self.picture, elapsed, self._lang, self._zone))

        return show

    def _totals(self, counted: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Totals by the worker's own last words; by what it showed last, where it was ended before them."""
        transactions = counted.get("transactions", self.picture.count("transactions"))
        earlier = self.picture.earlier("transactions")
        return {
            "transactions": transactions,
            "earlier_transactions": earlier,
            "merchants": counted.get("merchants", 0),
            "alerts": len(self.picture.alerts),
            "dead_letters": counted.get("dead_letters", self.picture.count("dead_letters")),
            "seconds": seconds,
            "tx_per_second": round((transactions - earlier) / seconds),
            "resumed": self._resumed,
        }
