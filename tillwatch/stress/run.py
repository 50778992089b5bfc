"""The command: a log of its own, a worker, the sender and who listens."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import click

from streams.log import now_utc_ms
from tillwatch.demo.children import child
from tillwatch.language import lang_option, speaker
from tillwatch.logs import open_log
from tillwatch.number_options import MOST_S, FiniteRange
from tillwatch.show import UNKNOWN, emit_json, to_stderr, to_stdout
from tillwatch.stopping import stop_signals
from tillwatch.stress.listening import Listener, totals
from tillwatch.stress.load import FEED, Plan, Sender, put_merchants
from tillwatch.topics import read_lag

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.log import Log
    from tillwatch.cli import Invocation
    from tillwatch.demo.children import Child
    from tillwatch.language import Say

_RUNS = ":stress"
_START_S, _GRACE_S, _DRAIN_S = 600.0, 30.0, 120.0
_POLL_S = 0.05
_LEAD_S = 0.5
"""The sender and who listens are running by then."""


@click.command("stress")
@click.option("--rate", type=FiniteRange(0, 1e6, min_open=True), default=2_000, show_default=True,
              help="Sales a second.")  # fmt: skip
@click.option("--for", "for_s", type=FiniteRange(0, MOST_S, min_open=True), default=60, show_default=True,
              metavar="SECONDS", help="How long sales are sent, the warm-up not counted.")  # fmt: skip
@click.option("--p99-ms", type=FiniteRange(0, min_open=True), default=1_000, show_default=True,
              help="The most that the 99th percentile of the latency may be.")  # fmt: skip
@click.option("--warm-up", "warm_up_s", type=FiniteRange(0, MOST_S), default=5, show_default=True, metavar="SECONDS",
              help="Sales sent before at the same rate, which do not count.")  # fmt: skip
@click.option("--append-every-ms", type=FiniteRange(0, 60_000, min_open=True), default=20, show_default=True,
              help="Sales that are due within so long are appended together.")  # fmt: skip
@click.option("--no-worker", is_flag=True, help="Start no worker: those that run elsewhere are measured.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="The result as one line of JSON on standard output.")
@click.pass_context
def command(
    ctx: click.Context, rate: float, for_s: float, p99_ms: float, warm_up_s: float, append_every_ms: float,
    lang: str, *, no_worker: bool, as_json: bool,
) -> None:  # fmt: skip
    """Send sales at a fixed rate, and measure how long it takes until the alerts about some of them can be read.

    It wants a log of its own: an empty one, or one of an earlier run. A sale is sent when it is due, whether those
    before were answered or not, and its latency counts from when it was due. The exit code is 1 where the 99th
    percentile is above --p99-ms, an alert is missing, or the rate could not be sent.

    \b
    Examples:
      tillwatch stress --rate 2000 --for 60 --p99-ms 100
    """
    invocation, say = ctx.obj, speaker(lang)
    plan_seconds = warm_up_s + for_s
    with stop_signals() as stop, TemporaryDirectory(prefix="tillwatch-stress-") as folder, ExitStack() as running:
        log = running.enter_context(open_log(invocation.settings()))
        run = _claimed(log)
        worker = None if no_worker else running.enter_context(_worker(invocation, Path(folder)))
        plan = Plan.of(run, rate, plan_seconds)
        to_stderr().print(say("starting", "正在启动"))
        put_merchants(log, plan.merchants(), now_utc_ms())
        _await_worker(log, worker, stop)
        found = _measured(invocation, log, plan, worker, stop, (warm_up_s, p99_ms), append_every_ms / 1000)
        found["committed_after_s"] = _drained(log, worker, stop)
    if stop.is_set():  # then what was measured is no run at this rate
        raise KeyboardInterrupt
    if as_json:
        emit_json(found)
    else:
        _show(found, say)
    if not found["passed"]:
        ctx.exit(1)


def _claimed(log: Log) -> int:
    """The number of this run in a log that is for nothing else; raises ClickException."""
    name = log.topics.events.name
    with log.transaction(writer="stress"):
        before = log.position(_RUNS)
        events = sum(log.end_offset(name, each) - log.first_offset(name, each) for each in range(log.partitions(name)))
        if (events and before is None) or log.topics.foreign:
            raise click.ClickException(
                "the log of a stress run must be empty or of an earlier stress run, and this one has other events: name"
                " another, such as --log-url sqlite:///var/stress.db"
            )
        run = (before or 0) + 1
        log.set_position(_RUNS, run)
        log.set_position(f":feed:{FEED}", 1)
    return run


def _worker(invocation: Invocation, folder: Path) -> Any:
    common = ["--log-url", invocation.settings().log_url]
    if invocation.config:
        common += ["--config", str(invocation.config)]
    return child("worker", [*common, "worker", "--tied"], folder)


def _await_worker(log: Log, worker: Child | None, stop: Event) -> None:
    """Wait until everything in the log has been processed."""

    def is_idle() -> bool:
        return all((each.end == each.first) or (each.behind is not None and each.behind <= 1) for each in read_lag(log))

    if not _waited(is_idle, worker, stop, _START_S) and not stop.is_set():
        raise click.ClickException(f"no worker has processed what is in the log within {_START_S:g} s")


def _measured(
    invocation: Invocation,
    log: Log,
    plan: Plan,
    worker: Child | None,
    stop: Event,
    limits: tuple[float, float],
    every_s: float,
) -> dict[str, Any]:
    """Send and listen, and what came of it."""
    sender, enough = Sender(log, plan, every_s), Event()
    with open_log(invocation.settings()) as own:
        listener = Listener(own, plan.probes)
        listening = Thread(target=listener.run, args=(enough,))
        sending = Thread(target=sender.run, args=(time.monotonic() + _LEAD_S, now_utc_ms() + int(_LEAD_S * 1000), stop))
        listening.start()
        sending.start()
        try:
            _waited(lambda: not sending.is_alive(), worker, stop, float("inf"))
            _waited(lambda: listener.is_done or not listening.is_alive(), worker, stop, _GRACE_S)
        finally:
            enough.set()
            if sending.is_alive():
                stop.set()
            sending.join()
            listening.join()
    warm_up_s, p99_ms = limits
    return totals(plan, sender.sent, listener.heard, warm_up_s=warm_up_s, p99_ms=p99_ms)


def _drained(log: Log, worker: Child | None, stop: Event) -> float | None:
    """Seconds until a checkpoint goes up to the log's end; None where none has."""
    began_s = time.monotonic()
    # On Kafka the marker of a transaction lies behind the last record.
    reached = _waited(lambda: all(each.lag <= 1 for each in read_lag(log)), worker, stop, _DRAIN_S)
    return round(time.monotonic() - began_s, 2) if reached else None


def _waited(condition: Callable[[], bool], worker: Child | None, stop: Event, at_most_s: float) -> bool:
    """Wait for a condition; whether it came. Raises ClickException where the worker has ended."""
    until_s = time.monotonic() + at_most_s
    while not condition():
        if worker is not None and not worker.check():
            raise click.ClickException(f"the worker ended by itself (see {worker.errors})")
        if time.monotonic() > until_s or stop.wait(_POLL_S):
            return False
    return True


def _show(found: dict[str, Any], say: Say) -> None:
    console = to_stdout()
    console.print(say("latency, from when a sale was due to when its alert was read", "时延：从应发送时刻到可读到告警"))
    for name in ("p50_ms", "p90_ms", "p99_ms", "p99.9_ms", "max_ms"):
        console.print(f"  {name.removesuffix('_ms'):<6}{_ms(found[name]):>14}")
    console.print(say(
        f"{found['sent']:,} sales at {found['sent_per_second']:,.0f}/s of {found['rate']:,.0f}/s; {found['probes']:,}"
        f" probes, {found['missing']:,} without an alert",
        f"已发送{found['sent']:,}笔，每秒{found['sent_per_second']:,.0f}笔（目标{found['rate']:,.0f}笔）；"
        f"探测{found['probes']:,}笔，{found['missing']:,}笔未见告警",
    ))  # fmt: skip
    console.print(say(
        f"sender late by itself: p99 {_ms(found['sender_late_p99_ms'])}; appends: p99 {_ms(found['append_p99_ms'])};"
        f" times are exact to {_ms(found['resolution_p99_ms'])}",
        f"发送端自身延迟p99：{_ms(found['sender_late_p99_ms'])}；写入耗时p99：{_ms(found['append_p99_ms'])}；"
        f"计时精度：{_ms(found['resolution_p99_ms'])}",
    ))  # fmt: skip
    if (after_s := found["committed_after_s"]) is None:
        console.print(say(f"no checkpoint covered all records within {_DRAIN_S:g} s",
                          f"{_DRAIN_S:g} s内没有检查点覆盖全部记录"))  # fmt: skip
    else:
        console.print(say(f"the last checkpoint came {after_s:,.1f} s after the last alert was read",
                          f"读到最后一条告警后{after_s:,.1f} s，最后一个检查点生成"))  # fmt: skip
    if not found["kept_rate"]:
        console.print(_why_not_kept(found, say))
    verdict = say("passed", "达标") if found["passed"] else say("failed", "未达标")
    p99, limit = _ms(found["p99_ms"]), _ms(found["limit_p99_ms"])
    console.print(say(f"{verdict}: p99 {p99}, limit {limit}", f"{verdict}：p99 {p99}，上限{limit}"))


def _why_not_kept(found: dict[str, Any], say: Say) -> str:
    """Whether the sender or the log was too slow."""
    if (found["sender_late_p99_ms"] or 0) > (found["append_p99_ms"] or 0):
        return say("the sender itself could not keep the rate: send from a faster machine, or less",
                   "发送端自身达不到目标速率：请换用更快的机器，或降低速率")  # fmt: skip
    return say("the log took the sales more slowly than the rate", "日志写入速度低于目标速率")


def _ms(figure: float | None) -> str:
    return UNKNOWN if figure is None else f"{figure:,.1f} ms"
