"""A store of made rows, as large as asked for: what `bench.casework_scale` reads, and tests of plans in small."""

from __future__ import annotations

import random
import zlib
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, text

from casework import field_sums, month_sums
from casework.bodies import alert_row, transaction_rows
from casework.bodies import text as json_text
from casework.reading.portfolio import NAMES
from casework.schema import METADATA
from casework.summary import refresh
from domain.alerts import Alert, Contribution, Duty, Evidence, Score, Text
from domain.readings import Shop, TransactionRow
from domain.timestamps import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from casework.store import Store

    Rows = Iterator[tuple[str, dict[str, Any]]]

NOW_MS = 1_796_000_000_000
DAY_MS = 86_400_000
VERDICTS = ("confirmed", "false_alarm", "lawful_change", "data_error")
_AT_ONCE = 20_000
ORDER = (
    "merchants", "merchant_profiles", "merchant_reps", "merchant_days", "merchant_scores", "cases", "decisions",
    "audit", "alerts", "alert_revisions", "alert_transactions", "decision_alerts", "merchant_months", "visits",
    "inspections", "complaints", "declines",
)  # fmt: skip
_EVIDENCE = tuple(Evidence(f"feature_{i}", "1d", 1.0, 2.0, 3.0, "ppm") for i in range(3))


def merchant_id(number: int) -> str:
    return f"89821015{number:07}"


def alert_id(number: int) -> str:
    return f"{number:08x}-0000-5000-8000-{number * 7919 % 10**12:012d}"


class Made:
    """Rows of a store, table by table."""

    def __init__(self, alerts: int, merchants: int, days: int) -> None:
        self.alerts, self.merchants, self.days = alerts, merchants, days
        self.draw = random.Random(1)
        self.cases: list[tuple[int, int, bool, bool]] = []
        self._number = 0

    def shops(self) -> Rows:
        for i in range(self.merchants):
            known = {"merchant_id": merchant_id(i)}
            place = {
                "mcc": f"{5000 + i % 120}",
                "city": f"city-{i % 300}",
                "region": f"region-{i % 31}",
                "agent_id": f"agent-{i % 900}",
            }
            grade = "AAAABBBCDE"[i // 10 % 10]
            body = Score(
                merchant_id=merchant_id(i),
                time=iso(NOW_MS),
                score=i % 100,
                grade=grade,
                contributions=(Contribution("mcc_jump", 12.0, "a"),),
                revision=9,
            )
            yield (
                "merchants",
                known
                | place
                | {
                    "name": f"Shop {i} 合肥小店{i}",
                    "status": "active",
                    "rep_id": f"rep-{i % 800}",
                    "changes_ms": None,
                    "score": float(i % 100),
                    "grade": grade,
                    "score_revision": 9,
                    "score_epoch": 1,
                    "score_body": json_text(body),
                    "grades_since": "{}",
                },
            )
            fields = {"name": f"Shop {i}", "mccs": [place["mcc"]], "rep_id": f"rep-{i % 800}"}
            yield (
                "merchant_profiles",
                known
                | {
                    "kind": "merchant",
                    "effective_from_ms": 1,
                    "epoch": 1,
                    "rep_id": f"rep-{i % 800}",
                    "agent_id": place["agent_id"],
                    "until_ms": None,
                    "body": json_text(fields),
                },
            )
            yield "merchant_reps", known | {"from_ms": 1, "rep_id": f"rep-{i % 800}", "until_ms": None}

    def of_days(self) -> Rows:
        values = {f"habit_{k}": round(self.draw.random(), 4) for k in range(30)} | {
            "sales": 40,
            "gauge_vamp_share": 0.4,
            "gauge_vamp_days": 9,
        }
        body = zlib.compress(msgspec.json.encode(values), 1)
        last = datetime.fromtimestamp(NOW_MS / 1000, UTC).date()
        for i in range(self.merchants):
            for k in range(self.days):
                day = (last - timedelta(days=self.days - k)).isoformat()
                yield (
                    "merchant_days",
                    {
                        "merchant_id": merchant_id(i),
                        "day": day,
                        "currency": "CNY",
                        "score": 12.0,
                        "epoch": 1,
                        "body": body,
                    },
                )
                if k % 6 == i % 6:
                    score = {
                        "score": 10.0 + k,
                        "grade": "A",
                        "score_revision": k,
                        "score_epoch": 1,
                        "time": f"{day}T04:00:00.000Z",
                    }
                    told = Score(
                        merchant_id=merchant_id(i), time=score["time"], score=10.0 + k, grade="A", contributions=()
                    )
                    yield (
                        "merchant_scores",
                        {"merchant_id": merchant_id(i), "day": day, "body": json_text(told)} | score,
                    )

    def of_field(self) -> Rows:
        """A year's months of merchants, of each four visits and inspections, of some complaints and warnings."""
        last = datetime.fromtimestamp(NOW_MS / 1000, UTC)
        months = [f"{last.year - (k >= last.month):04}-{(last.month - k - 1) % 12 + 1:02}" for k in range(12)]
        for i in range(self.merchants):
            known = {"merchant_id": merchant_id(i)}
            whose = {"rep_id": f"rep-{i % 800}", "region": f"region-{i % 31}", "agent_id": f"agent-{i % 900}"}
            for k, month in enumerate(months):
                if (i + k) % 50:
                    figures = {"turnover_minor": 1_000 * i, "sales": i % 40, "fee_minor": 6 * i, "is_new": k == i % 300}
                    rest = {"month": month, "currency": "CNY", "last_sale_day": f"{month}-27"}
                    yield "merchant_months", known | whose | figures | rest
            for k in range(4):
                visited_ms = NOW_MS - (k * 91 + i % 91) * DAY_MS
                yield (
                    "visits",
                    known
                    | {
                        "visit_id": 4 * i + k + 1, "visited_ms": visited_ms, "visit_kind": "routine",
                        "outcome": "as_registered", "note": "", "by": f"rep-{i % 800}", "recorded_ms": visited_ms,
                    },
                )  # fmt: skip
                due_ms, done_ms = visited_ms + 120 * DAY_MS, visited_ms + 91 * DAY_MS if k or i % 10 == 0 else None
                yield (
                    "inspections",
                    known | {"rule": "yearly", "since_ms": visited_ms, "due_ms": due_ms, "done_ms": done_ms},
                )
            if i % 20 == 0:
                told = {"made_ms": NOW_MS - i % 300 * DAY_MS, "offset": i, "reason_code": "fee", "channel": "hotline"}
                yield "complaints", known | told | {"note": "", "of_case": ""}
                warned = {"alert_id": alert_id(i), "warned_ms": NOW_MS - i % 90 * DAY_MS, "before_sales": 40.0}
                yield "declines", known | warned | {"turned_day": "2026-11-20" if i % 40 else ""}

    def of_alerts(self) -> Rows:
        """Cases of three alerts; the last of six merchants in ten is open, a hundredth is of money laundering."""
        each = self.alerts // self.merchants
        case_id = 0
        for i in range(self.merchants):
            left = each
            while left > 0:
                case_id += 1
                size = left % 3 or 3
                left -= size
                is_open, is_aml = left == 0 and i % 10 < 6, i % 100 == 50
                yield from self._case(case_id, i, size, is_open=is_open, is_aml=is_aml)
                self.cases.append((case_id, i, is_open, is_aml))

    def _case(self, case_id: int, i: int, size: int, *, is_open: bool, is_aml: bool) -> Rows:
        draw = self.draw
        opened = NOW_MS - int((0 if is_open else 1) * DAY_MS + draw.random() * (20 if is_open else 398) * DAY_MS)
        holder = ("li", "user-7", "user-8")[case_id % 3] if is_open and case_id % 97 == 0 else None
        snoozed = NOW_MS + DAY_MS if is_open and case_id % 53 == 0 else None
        yield (
            "cases",
            {
                "case_id": case_id,
                "kind": "merchant",
                "merchant_id": merchant_id(i),
                "cause_id": None,
                "is_aml": is_aml,
                "status": "open" if is_open else "decided",
                "version": 1,
                "severity": 0.0,
                "holder": holder,
                "taken_ms": holder and opened,
                "snoozed_until_ms": snoozed,
                "merged_into": None,
                "opened_by": "casework",
                "opened_ms": opened,
                "open_since_ms": opened,
                "due_ms": opened + 3 * DAY_MS,
                "due_rule": "grade_C",
                "updated_ms": opened,
            },
        )
        verdict = None if is_open else draw.choice(VERDICTS)
        decided = min(NOW_MS - 1, opened + int(draw.random() * DAY_MS))
        ids = [alert_id(self._number + k) for k in range(size)]
        if verdict:
            yield (
                "decisions",
                {
                    "decision_id": case_id,
                    "case_id": case_id,
                    "verdict": verdict,
                    "reason_code": "x",
                    "comment": "seen",
                    "by": f"user-{case_id % 40}",
                    "decided_ms": decided,
                    "undone_ms": None,
                    "status": "given",
                },
            )
            yield (
                "audit",
                {
                    "entry_id": case_id,
                    "time_ms": decided,
                    "actor": f"user-{case_id % 40}",
                    "kind": "decide",
                    "case_id": case_id,
                    "is_aml": is_aml,
                    "detail": "{}",
                    "previous_hash": "",
                    "hash": "",
                },
            )
        else:
            yield (
                "audit",
                {
                    "entry_id": case_id,
                    "time_ms": opened,
                    "actor": "casework",
                    "kind": "file",
                    "case_id": None,
                    "is_aml": False,
                    "detail": "{}",
                    "previous_hash": "",
                    "hash": "",
                },
            )
        for each in ids:
            self._number += 1
            yield from self._alert(each, case_id, i, opened, verdict, is_aml=is_aml)

    def _alert(self, its_id: str, case_id: int, i: int, opened: int, verdict: str | None, *, is_aml: bool) -> Rows:
        n = self._number
        detector = "dormancy" if case_id % 20 == 0 else NAMES[(n * 7 + i) % len(NAMES)]
        first = iso(opened - 3_600_000)
        listed = tuple(
            TransactionRow(
                txn_id=f"t{n}-{k}",
                time=first,
                amount=1_000 + k,
                currency="CNY",
                mcc="5411",
                registered=(f"{5000 + i % 120}",),
                terminal_id=f"T{i:07}",
                rrn=f"{n * 2 + k:012}",
                stan="000001",
                card_last4=f"{n * 37 % 10_000:04}",
                response_code="00",
                fee=60,
            )
            for k in range(2)
        )
        service = detector in {"dormancy", "licence_expiry"}
        alert = Alert(
            alert_id=its_id,
            revision=1,
            detector=detector,
            version=1,
            merchant_id=merchant_id(i),
            subject=f"merchant:{merchant_id(i)}",
            severity=self.draw.random(),
            hits=3,
            first_time=first,
            last_time=iso(opened),
            at_stake=100,
            currency="CNY",
            title=Text("MCC code-jumping", "跳码"),
            reason=Text("x" * 60 + "; " + "y" * 60, "跳" * 40 + "；" + "码" * 40),
            evidence=_EVIDENCE,
            txn_ids=(f"t{n}-0", f"t{n}-1"),
            risk_code="29" if is_aml else "26",
            shop=Shop(f"Shop {i}", "Hefei", "r", "a"),
            transactions=listed,
            turnover=90_000,
            loss=n % 5_000 if n % 3 else None,
            bearer="merchant",
            duty=Duty("patrol", iso(NOW_MS + n % 60 * DAY_MS)) if service else None,
        )
        yield (
            "alerts",
            alert_row(alert)
            | {
                "case_id": case_id,
                "state": "confirmed",
                "filed_ms": opened,
                "is_aml": is_aml,
                "mcc": f"{5000 + i % 120}",
                "verdict": verdict,
                "decision_id": case_id if verdict else None,
                "decided_reopened": 0 if verdict else None,
            },
        )
        yield (
            "alert_revisions",
            {
                "alert_id": its_id,
                "revision": 1,
                "epoch": 1,
                "state": "confirmed",
                "partition": 0,
                "offset": n,
                "appended_ms": opened,
                "filed_ms": opened,
                "body": json_text(alert),
            },
        )
        for row in transaction_rows(alert):
            yield "alert_transactions", row
        if verdict:
            yield (
                "decision_alerts",
                {
                    "decision_id": case_id,
                    "alert_id": its_id,
                    "verdict_before": None,
                    "decision_before": None,
                    "reopened_before": None,
                },
            )


def fill(store: Store, made: Made) -> None:
    with store.writing() as connection:
        connection.execute(text("DELETE FROM facts WHERE name = 'derived_stale'"))
        waiting: dict[str, list[dict[str, Any]]] = {each: [] for each in ORDER}
        count = 0

        def flush() -> None:
            for name in ORDER:
                if waiting[name]:
                    _bulk(store, connection, name, waiting[name])
                    waiting[name] = []

        for source in (made.shops(), made.of_days(), made.of_alerts(), made.of_field()):
            for name, row in source:
                waiting[name].append(row)
                count += 1
                if count % _AT_ONCE == 0:
                    flush()
            flush()
        connection.execute(text("UPDATE audit_head SET entry_id = (SELECT max(entry_id) FROM audit)"))
        kinds = [
            {
                "detector": "mcc_jump",
                "merchant_id": merchant_id(i * 17 % made.merchants),
                "is_aml": False,
                "by": "wang",
                "since_ms": 1,
                "until_ms": NOW_MS + DAY_MS,
                "reason": "known",
            }
            for i in range(min(500, made.merchants))
        ]
        connection.execute(insert(METADATA.tables["suppressions"]), kinds)
        for each in _counting():
            connection.execute(text(each))
    with store.writing() as connection:
        connection.execute(text("ANALYZE"))  # else each part of what follows may read all alerts
    with store.writing() as connection:
        refresh(connection, [each[0] for each in made.cases], NOW_MS)
        month_sums.sum_up(store, connection)
        field_sums.sum_up(store, connection)
    with store.writing() as connection:
        connection.execute(text("ANALYZE"))


def _counting() -> tuple[str, ...]:
    found: tuple[str, ...] = import_module("casework.migrations.versions.v005_reading")._COUNT_ALL
    return found


def _bulk(store: Store, connection: Any, name: str, rows: list[dict[str, Any]]) -> None:
    if store.is_sqlite:
        store.execute_many(connection, insert(METADATA.tables[name]), rows)
        return
    names = [*rows[0]]
    driver = connection.connection.driver_connection
    listed = ", ".join(f'"{each}"' for each in names)
    with driver.cursor() as cursor, cursor.copy(f"COPY {name} ({listed}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[each] for each in names])
