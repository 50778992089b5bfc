from __future__ import annotations

import math
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from dashboards import thresholds as limit
from dashboards.alerting import ALERTS
from tests.dashboards.promtool import Firing, Series, firing, healthy, run, series
from tests.dashboards.reading import ROOT
from tests.parts import command, require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.monitoring
HOUR = 60
DEAD_MAN = "TillwatchDeadMansSwitch"


def of_partition(name: str, partition: int = 2, **labels: object) -> str:
    return series(name, partition=partition, instance="a" if partition < 2 else "b", **labels)


def without(given: Series, instance: str) -> Series:
    """A worker that vanished after 30 minutes, with all that it showed, and cannot be read since."""
    gone = f'instance="{instance}"'
    made = {key: value for key, value in given.items() if gone not in key}
    made |= {key: stopped(value) for key, value in given.items() if gone in key}
    return made | {series("up", instance=instance): "1x30 0x90"}


def stopped(values: str) -> str:
    """A series of which nothing is heard after 30 steps."""
    first = values.split()
    if len(first) > 1:
        return " ".join([*first[:31], "stale"])
    start, step, _ = re.split(r"[+x]", values) if "+" in values else (values.split("x", maxsplit=1)[0], "0", "")
    return f"{start}+{step}x30 stale"


def lag() -> Series:
    """60,000 records wait, and 60 a second are done: 1,000 s of work."""
    given = healthy(120, records=lambda _: 3_600)
    return given | {of_partition("tillwatch_lag_records"): "60000x120"}


def long_lag() -> Series:
    return lag() | {of_partition("tillwatch_lag_records"): "600000x120"}


def little_lag_at_night() -> Series:
    given = healthy(120, records=lambda k: float(k % 10 == 0))
    return given | {of_partition("tillwatch_lag_records"): "900x120"}


def no_progress() -> Series:
    given = healthy(120, records=lambda k: 6_000 if k < 30 else 0)
    return given | {of_partition("tillwatch_lag_records"): "3x30 500x90"}


def nothing_to_do() -> Series:
    given = healthy(120, records=lambda k: 6_000 if k < 30 else 0)
    return given | {of_partition("tillwatch_lag_records", each): "0x120" for each in range(4)}


def old_checkpoint() -> Series:
    return healthy(120) | {of_partition("tillwatch_checkpoint_timestamp_seconds"): "0+60x30 1800+0x90"}


def idle_partition() -> Series:
    """No transaction since its last checkpoint: nothing would be repeated."""
    still = {"tillwatch_checkpoint_timestamp_seconds": "0+60x30 1800+0x90",
             "tillwatch_watermark_timestamp_seconds": "0+60x29 1750+0x90"}  # fmt: skip
    return healthy(120) | {of_partition(name): values for name, values in still.items()}


def stalled_feed() -> Series:
    stalled = {series("tillwatch_feed_stalled", instance=each, feed="pos"): "0x30 1x90" for each in "ab"}
    return healthy(120) | stalled


def bad_records(an_hour: float) -> Callable[[], Series]:
    def made() -> Series:
        bad = f"0+{an_hour / HOUR}x120"
        return healthy(120) | {of_partition("tillwatch_records_total", outcome="dead_letter"): bad}

    return made


def few_bad_ones_at_night() -> Series:
    given = healthy(120, records=lambda _: 0.1)
    return given | {of_partition("tillwatch_records_total", outcome="dead_letter"): "0+0.5x120"}


def disk(start: float, step: float) -> Callable[[], Series]:
    def made() -> Series:
        return healthy(120) | {series("tillwatch_log_free_bytes", instance="a"): f"{start:.0f}{step:+.0f}x120"}

    return made


def skew(seconds: float) -> Callable[[], Series]:
    def made() -> Series:
        return healthy(120) | {series("tillwatch_clock_skew_seconds", instance="b"): f"{seconds}x120"}

    return made


def nobody_ready() -> Series:
    return healthy(120) | {series("tillwatch_ready", instance=each): "1x30 0x90" for each in "ab"}


def rebalance() -> Series:
    """Nobody is ready for two minutes."""
    return healthy(120) | {series("tillwatch_ready", instance=each): "1x30 0x2 1x90" for each in "ab"}


def restarts(times: int) -> Callable[[], Series]:
    def made() -> Series:
        starts = " ".join(str(5 + min(k // 10, times)) for k in range(120))
        return healthy(120) | {series("process_start_time_seconds", instance="b"): starts}

    return made


def late_controls() -> Series:
    return healthy(120) | {of_partition("tillwatch_controls_late_total"): "0x40 1x80"}


def one_worker_gone() -> Series:
    """Its partitions go on under the other."""
    given = without(healthy(120), "b")
    moved = {
        key.replace('instance="b"', 'instance="a"'): value
        for key, value in healthy(120).items()
        if 'instance="b"' in key and "partition=" in key
    }
    return given | {key: " ".join(["_"] * 32 + expanded(value)[32:]) for key, value in moved.items()}


def expanded(values: str) -> list[str]:
    parts = values.split()
    if len(parts) > 1:
        return parts
    if "+" in values:
        start, step, times = (float(each) for each in re.split(r"[+x]", values))
        return [f"{start + step * k:.10g}" for k in range(int(times) + 1)]
    value, times_ = values.split("x")
    return [value] * (int(times_) + 1)


def model(**figures: str) -> Callable[[], Series]:
    """What `tillwatch model drift` wrote, which lies in the file of the node exporter."""

    def made() -> Series:
        usual = {"in_force": "1x120", "measured_timestamp_seconds": "0x120", "score_drift": "0.02x120",
                 "trained_until_timestamp_seconds": "0x120"}  # fmt: skip
        written = {f"tillwatch_model_{name}": values for name, values in (usual | figures).items()}
        habits = {f'tillwatch_model_habit_drift{{habit="{each}"}}': "0.05x120" for each in ("night_share", "fee_off")}
        return healthy(120) | habits | written

    return made


def drifting_habit() -> Series:
    return model()() | {'tillwatch_model_habit_drift{habit="night_share"}': "0.3x120"}


def casework(**figures: str) -> Callable[[], Series]:
    """What casework's filing agent shows, and a console that answers."""

    def made() -> Series:
        usual = {"filed_timestamp_seconds": "0+60x120", "audit_intact": "1x120",
                 'outbox_records{status="pending"}': "2x120", 'outbox_records{status="refused"}': "3x120"}  # fmt: skip
        shown = {of_casework(name): values for name, values in (usual | figures).items()}
        up = {f'up{{job="tillwatch-{each}",instance="c"}}': "1x120" for each in ("casework", "console")}
        return healthy(120) | up | shown

    return made


def of_casework(name: str) -> str:
    metric, _, labels = name.partition("{")
    return f'tillwatch_casework_{metric}{{job="tillwatch-casework",instance="c",{labels or "}"}'


def notices(**figures: str) -> Callable[[], Series]:
    """What two senders of notices show of their one store, whose channel has taken 5 and refused 1."""

    def made() -> Series:
        usual = {"looked_timestamp_seconds": "0+60x120", "unopened_urgent": "0x120",
                 'notices{status="pending"}': "2x120", 'notices{status="dead"}': "3x120",
                 'attempts_total{channel="wecom",status="sent"}': "5x120",
                 'attempts_total{channel="wecom",status="refused"}': "1x120"}  # fmt: skip
        shown = {of_notices(name, each): values for name, values in (usual | figures).items() for each in "no"}
        return healthy(120) | {f'up{{job="tillwatch-notify",instance="{each}"}}': "1x120" for each in "no"} | shown

    return made


def of_notices(name: str, instance: str) -> str:
    metric, _, labels = name.partition("{")
    return f'tillwatch_notices_{metric}{{job="tillwatch-notify",instance="{instance}",{labels or "}"}'


def senders_gone(*instances: str) -> Callable[[], Series]:
    def made() -> Series:
        given = notices()()
        for each in instances:
            given |= {key: stopped(values) for key, values in given.items() if f'instance="{each}"' in key}
            given[f'up{{job="tillwatch-notify",instance="{each}"}}'] = "1x30 0x90"
        return given

    return made


def attempts(status: str, values: str) -> dict[str, str]:
    return {f'attempts_total{{channel="wecom",status="{status}"}}': values}


def does_not_answer(job: str) -> Callable[[], Series]:
    def made() -> Series:
        given = casework()()
        shown = {key: stopped(values) for key, values in given.items() if f'job="{job}"' in key}
        return given | shown | {f'up{{job="{job}",instance="c"}}': "1x30 0x90"}

    return made


CASES: dict[str, tuple[Callable[[], Series], int, Firing]] = {
    "all is well": (lambda: healthy(120), 90, set()),
    "1,000 s of work wait": (lag, 90, {("TillwatchLag", "ticket")}),
    "1,000 s of work wait since 8 minutes": (lag, 8, set()),
    "10,000 s of work wait": (long_lag, 90, {("TillwatchLag", "ticket"), ("TillwatchLag", "page")}),
    "few records wait at night": (little_lag_at_night, 90, set()),
    "records wait and none is processed": (no_progress, 60, {("TillwatchNoProgress", "page")}),
    "none is processed and none waits": (nothing_to_do, 90, set()),
    "the last checkpoint is 5 minutes old": (old_checkpoint, 35, {("TillwatchCheckpointOld", "ticket")}),
    "the last checkpoint is an hour old": (
        old_checkpoint, 90, {("TillwatchCheckpointOld", "ticket"), ("TillwatchCheckpointOld", "page")}),
    "a partition is idle": (idle_partition, 90, set()),
    "a feed has been stalled for 5 minutes": (stalled_feed, 35, {("TillwatchFeedStalled", "ticket")}),
    "a feed has been stalled for half an hour": (
        stalled_feed, 60, {("TillwatchFeedStalled", "ticket"), ("TillwatchFeedStalled", "page")}),
    "3 % are refused": (bad_records(43_200), 60, {("TillwatchDeadLetters", "ticket")}),
    "a fifth is refused": (
        bad_records(400_000), 60, {("TillwatchDeadLetters", "ticket"), ("TillwatchDeadLetters", "page")}),
    "1 in 1,000 is refused": (bad_records(1_440), 60, set()),
    "a few bad records come at night": (few_bad_ones_at_night, 90, set()),
    "10 GB are free": (disk(10e9, 0), 60, {("TillwatchDisk", "ticket")}),
    "1 GB is free": (disk(1e9, 0), 60, {("TillwatchDisk", "ticket"), ("TillwatchDisk", "page")}),
    "the disk will be full in 3 hours": (disk(90e9, -0.3e9), 119, {("TillwatchDisk", "page")}),
    "the disk will be full next week": (disk(90e9, -8e6), 119, set()),
    "clocks differ by 5 s": (skew(5), 60, {("TillwatchClockSkew", "ticket")}),
    "clocks differ by 2 minutes": (skew(120), 60, {("TillwatchClockSkew", "ticket"), ("TillwatchClockSkew", "page")}),
    "clocks differ by 0.5 s": (skew(0.5), 60, set()),
    "no worker is ready": (nobody_ready, 60, {("TillwatchNotReady", "page")}),
    "a rebalance takes two minutes": (rebalance, 34, set()),
    "a worker was started 5 times": (restarts(5), 59, {("TillwatchRestarts", "ticket")}),
    "a worker was started twice": (restarts(2), 59, set()),
    "a version of controls came late": (late_controls, 60, {("TillwatchControlsLate", "ticket")}),
    "a version of controls came late two hours ago": (late_controls, 119, set()),
    "one of two workers died and the other took over": (one_worker_gone, 60, {("TillwatchWorkerDown", "ticket")}),
    "one of two workers died and nobody took over": (
        lambda: without(healthy(120), "b"), 60,
        {("TillwatchWorkerDown", "ticket"), ("TillwatchPartitionUnowned", "page")}),
    "the model is as it was trained": (model(), 100, set()),
    "scores have drifted": (model(score_drift="0.3x120"), 100, {("TillwatchModelDrifts", "ticket")}),
    "a habit has drifted": (drifting_habit, 100, {("TillwatchModelDrifts", "ticket")}),
    "no model is in force": (model(in_force="0x120"), 100, {("TillwatchModelMissing", "ticket")}),
    "drift was measured four days ago": (
        model(measured_timestamp_seconds=f"{-4 * 86_400}x120"), 100, {("TillwatchModelMissing", "ticket")}),
    "the model was trained on days up to 101 days ago": (
        model(trained_until_timestamp_seconds=f"{-101 * 86_400}x120"), 100, {("TillwatchModelOld", "ticket")}),
    "casework files and the console answers": (casework(), 90, set()),
    "filing is 5 minutes behind": (
        casework(filed_timestamp_seconds="0+60x30 1800+0x90"), 35, {("TillwatchFilingBehind", "ticket")}),
    "filing is half an hour behind": (
        casework(filed_timestamp_seconds="0+60x30 1800+0x90"), 60,
        {("TillwatchFilingBehind", "ticket"), ("TillwatchFilingBehind", "page")}),
    "the filing agent does not answer": (
        does_not_answer("tillwatch-casework"), 60, {("TillwatchFilingDown", "page")}),
    "a verdict has been due for 20 minutes": (
        casework(outbox_oldest_timestamp_seconds="2400x120"), 61, {("TillwatchOutboxStuck", "ticket")}),
    "a verdict has been due for 5 minutes": (casework(outbox_oldest_timestamp_seconds="2400x120"), 45, set()),
    "a verdict was refused": (
        casework(**{'outbox_records{status="refused"}': "3x70 4x50"}), 80, {("TillwatchOutboxStuck", "ticket")}),
    "the console does not answer": (does_not_answer("tillwatch-console"), 60, {("TillwatchConsoleDown", "page")}),
    "the console was restarted": (does_not_answer("tillwatch-console"), 33, set()),
    "the audit was changed": (casework(audit_intact="1x30 0x90"), 31, {("TillwatchAuditBroken", "page")}),
    "senders of notices look and send": (notices(), 90, set()),
    "one of two senders does not answer": (senders_gone("n"), 60, set()),
    "no sender answers": (senders_gone("n", "o"), 60, {("TillwatchNotifyDown", "page")}),
    "senders answer and their looks fail": (
        notices(looked_timestamp_seconds="0+60x30 1800+0x90"), 45, {("TillwatchNotifyDown", "page")}),
    "a notice has been due for 20 minutes": (
        notices(oldest_due_timestamp_seconds="2400x120"), 61, {("TillwatchNoticesStuck", "ticket")}),
    "a notice has been due for 5 minutes": (notices(oldest_due_timestamp_seconds="2400x120"), 45, set()),
    "a notice was given up": (
        notices(**{'notices{status="dead"}': "3x70 4x50"}), 80, {("TillwatchNoticesStuck", "ticket")}),
    "a channel took none of four": (
        notices(**attempts("refused", "1x50 5x70")), 55, {("TillwatchChannelRefuses", "ticket")}),
    "a channel never tried before took none of four": (
        notices(**attempts("retry", "_x50 4x70")), 55, {("TillwatchChannelRefuses", "ticket")}),
    "a channel took some and refused others": (
        notices(**attempts("refused", "1x50 5x70"), **attempts("sent", "5x50 6x70")), 55, set()),
    "a channel took none of four an hour ago": (notices(**attempts("refused", "1x50 5x70")), 110, set()),
    "an urgent notice was not opened": (
        notices(unopened_urgent="0x30 1x90"), 40, {("TillwatchUrgentUnopened", "ticket")}),
    "no worker answers": (
        lambda: without(without(healthy(120), "b"), "a"), 60,
        {("TillwatchWorkerDown", "ticket"), ("TillwatchNoWorker", "page")}),
}  # fmt: skip
"""What happens, when one looks (minutes), and which alerts fire then."""


@pytest.mark.parametrize("happens", CASES)
def test_these_alerts_fire_and_no_others_where(happens: str, tmp_path: Path) -> None:
    given, minute, expected = CASES[happens]
    assert firing(tmp_path, given(), [minute])[minute] == expected


def test_a_field_that_is_gone_is_a_ticket_until_a_day_has_passed(tmp_path: Path) -> None:
    """A day before it was there; a day after its going there is nothing to compare with any more."""
    going = 26 * HOUR
    given = healthy(40 * HOUR // 5, step_s=300, records=lambda _: 3_000)
    fee = [3_000.0 * min(k, going // 5) for k in range(40 * HOUR // 5)]
    for each in range(4):
        given[of_partition("tillwatch_field_present_total", each, field="fee")] = " ".join(
            f"{each:.0f}" for each in fee
        )
    found = firing(tmp_path, given, [25 * HOUR, going + 90], step="5m", every="5m")
    assert found == {25 * HOUR: set(), going + 90: {("TillwatchFieldGone", "ticket")}}


def test_ten_times_the_weeks_alerts_are_a_storm(tmp_path: Path) -> None:
    """20 an hour, then 800 an hour, in one of four partitions."""
    end, storm = 30 * HOUR, 28 * HOUR
    alerts = [k * 20 / HOUR + max(0, k - storm) * 780 / HOUR for k in range(0, end, 5)]
    given = healthy(end // 5, step_s=300)
    name = of_partition("tillwatch_alerts_total", detector="mcc_jump", severity="high")
    given[name] = " ".join(f"{each:.2f}" for each in alerts)
    found = firing(tmp_path, given, [storm - 5, end - 10], step="5m", every="5m")
    assert found == {storm - 5: set(), end - 10: {("TillwatchAlertStorm", "ticket")}}


def test_a_day_that_most_merchants_lost_is_told_once_and_a_closing_day_is_not(tmp_path: Path) -> None:
    """1,000 merchants' days end each day at two; 30 of them have fallen, and on the third day 700."""
    days, per_day = 4, 288
    given = healthy(days * per_day, step_s=300)
    ended = [k // per_day + int(k % per_day >= 24) for k in range(days * per_day)]
    given[of_partition("tillwatch_closings_total")] = " ".join(str(1_000 * each) for each in ended)
    fallen = [30 * each + 670 * int(each >= 3) for each in ended]
    given[of_partition("tillwatch_closings_fallen_total")] = " ".join(map(str, fallen))
    lawful, odd = 26 * HOUR + 2 * HOUR, 2 * 24 * HOUR + 4 * HOUR
    found = firing(tmp_path, given, [lawful, odd], step="5m", every="5m")
    assert found == {lawful: set(), odd: {("TillwatchTradeFell", "ticket")}}


DAY = 24 * HOUR


def silent_from(day: int, days: int, hits_a_day: int) -> Series:
    """A detector that fires so often a day, until it fires no more."""
    step, per_day = 1800, 48
    made = healthy(days * per_day, step_s=step)
    each = per_day // hits_a_day
    hits = [min(k // each * each, day * per_day) * step for k in range(days * per_day)]
    made[of_partition("tillwatch_detector_fired_timestamp_seconds", detector="mcc_jump")] = " ".join(map(str, hits))
    return made


def test_a_detector_is_silent_against_its_own_calendar(tmp_path: Path) -> None:
    """After 14 days of 4 hits, its mean gap of 28 days is half a day: 10 of them are 5 days, and grow as hits leave."""
    given = silent_from(day=14, days=26, hits_a_day=4)
    found = firing(tmp_path, given, [14 * DAY, 18 * DAY, 22 * DAY], step="30m", every="30m")
    assert found == {14 * DAY: set(), 18 * DAY: set(), 22 * DAY: {("TillwatchDetectorSilent", "ticket")}}


def test_a_blind_detector_is_not_called_silent(tmp_path: Path) -> None:
    given = silent_from(day=14, days=26, hits_a_day=4)
    given[series("tillwatch_detector_blind_until_timestamp_seconds", instance="a", detector="mcc_jump")] = (
        f"{40 * 86_400}x{26 * 48}"
    )
    assert firing(tmp_path, given, [22 * DAY], step="30m", every="30m") == {22 * DAY: set()}


def test_a_quiet_night_wakes_nobody(tmp_path: Path) -> None:
    """From 22:00 to 6:00 trade fades to a transaction of a partition every five minutes, and comes back."""
    minutes = 8 * HOUR

    def records(k: int) -> float:
        if k < 60 or k > minutes - 60:
            return 600.0
        return float(k % 5 == 0)

    given = healthy(minutes, records=records)
    watermark = [60 * (k - k % 5 if 60 <= k <= minutes - 60 else k) for k in range(minutes)]
    for each in range(4):
        given[of_partition("tillwatch_watermark_timestamp_seconds", each)] = " ".join(map(str, watermark))
    found = firing(tmp_path, given, list(range(30, minutes, 30)))
    assert set().union(*found.values()) == set()


def test_a_spring_festival_week_wakes_nobody(tmp_path: Path) -> None:
    """Three days as ever, then a week in which nine of ten shops are shut; on its third day volume_collapse says so."""
    step, days = 2, 10
    a_day = DAY // step

    def records(k: int) -> float:
        day, share = divmod(k, a_day)
        trade = 400 * max(0.01, math.sin(math.pi * share / a_day) ** 4)
        return trade * (0.1 if day >= 3 else 1.0)

    given = healthy(days * a_day, step_s=step * 60, records=records)
    name = of_partition("tillwatch_alerts_total", detector="volume_collapse", severity="medium")
    given[name] = " ".join(f"{k // 300 + 60 * min(max(0, k - 5 * a_day) / a_day, 3):.1f}" for k in range(days * a_day))
    fired = [k - k % 240 if k < 3 * a_day else 3 * a_day for k in range(days * a_day)]
    given[of_partition("tillwatch_detector_fired_timestamp_seconds", detector="fee_over")] = " ".join(
        str(each * step * 60) for each in fired
    )
    looks = [day * DAY + hour * HOUR for day in range(3, days) for hour in range(1, 24, 3)]
    found = firing(tmp_path, given, looks, step=f"{step}m", every=f"{3 * step}m")
    assert set().union(*found.values()) == set(), "not even a ticket"


def test_the_dead_mans_switch_always_fires(tmp_path: Path) -> None:
    expected = {"labels": f'{{alertname="{DEAD_MAN}", severity="none"}}', "value": 1}
    expression = f'group by (alertname, severity) (ALERTS{{alertstate="firing",alertname="{DEAD_MAN}"}})'
    asked = [{"expr": expression, "eval_time": f"{each}m", "exp_samples": [expected]} for each in (1, 60)]
    for given in (healthy(60), {}):
        assert "SUCCESS" in run(tmp_path, given, {"promql_expr_test": asked}, "1m", "1m")


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    fired = {name for _, _, expected in CASES.values() for name in expected}
    fired |= {
        (f"Tillwatch{each}", "ticket") for each in ("FieldGone", "TradeFell", "AlertStorm", "DetectorSilent")
    }  # above
    assert {(each.name, each.severity) for group in ALERTS.values() for each in group} == fired | {(DEAD_MAN, "none")}


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    promtool = require(lambda: command("promtool", "prometheus"))
    files = sorted(str(each) for each in (ROOT / "rules").glob("*.yml"))
    done = subprocess.run([promtool, "check", "rules", *files], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("SUCCESS") == 2


def test_limits_of_pages_lie_beyond_those_of_tickets() -> None:
    assert limit.BEHIND_S.ticket < limit.BEHIND_S.page
    assert limit.CHECKPOINT_AGE_S.ticket < limit.CHECKPOINT_AGE_S.page
    assert limit.DEAD_LETTER_SHARE.ticket < limit.DEAD_LETTER_SHARE.page
    assert limit.CLOCK_SKEW_S.ticket < limit.CLOCK_SKEW_S.page
    assert limit.DISK_FREE_BYTES.ticket > limit.DISK_FREE_BYTES.page
