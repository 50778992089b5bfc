"""What dashboards read: views without what only `aml` may see, and columns of days for them."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import json
import zlib

import sqlalchemy as sa
from alembic import op

revision = "006"
down_revision: str | None = "005"
branch_labels = None
depends_on = None
_AT_A_TIME = 5_000
_FIGURES = {
    "sales": "closed_sales", "turnover_minor": "closed_minor", "expected_sales": "expected_1d",
    "low_sales": "expected_low_1d", "high_sales": "expected_high_1d", "fee_minor": "closed_fee_minor",
    "fee_judged_minor": "closed_fee_judged_minor", "fee_due_minor": "closed_fee_due_minor",
    "mcc_1": "closed_mcc_1", "mcc_1_sales": "closed_mcc_1_sales", "mcc_2": "closed_mcc_2",
    "mcc_2_sales": "closed_mcc_2_sales", "mcc_3": "closed_mcc_3", "mcc_3_sales": "closed_mcc_3_sales",
    "vamp_share": "gauge_vamp_share", "ecm_share": "gauge_ecm_share", "hecm_share": "gauge_hecm_share",
    "efm_share": "gauge_efm_share", "approval_share": "gauge_approval_share", "returns_share": "gauge_returns_share",
}  # fmt: skip
_GAUGES = ("vamp", "ecm", "hecm", "efm", "approval", "returns")
_MCCS = ("mcc_1", "mcc_2", "mcc_3")
_VIEWS = {
    "view_merchants": "SELECT merchant_id, name, city, score, grade FROM merchants",
    "view_merchant_days": """
    SELECT merchant_id, day, currency, score, sales, turnover_minor, expected_sales, low_sales, high_sales, fee_minor,
     fee_judged_minor, fee_due_minor FROM merchant_days
    """,
    "view_merchant_mccs": " UNION ALL ".join(
        f"SELECT merchant_id, day, {{{each}}} AS mcc, {each}_sales AS sales FROM merchant_days WHERE {each} IS NOT NULL"
        for each in _MCCS
    ),
    "view_merchant_gauges": " UNION ALL ".join(
        f"SELECT merchant_id, day, '{each}' AS programme, {each}_share AS share FROM merchant_days"
        f" WHERE {each}_share IS NOT NULL"
        for each in _GAUGES
    ),
    "view_alerts": """
    SELECT a.alert_id, a.case_id, a.merchant_id, a.detector, a.severity, a.currency, a.turnover_minor, a.loss_minor,
     a.first_time, a.last_time, a.filed_ms, a.verdict, d.decided_ms
    FROM alerts a LEFT JOIN decisions d ON d.decision_id = a.decision_id AND a.verdict IS NOT NULL
    WHERE NOT a.is_aml AND a.state <> 'withdrawn'
    """,
    "view_cases": """
    SELECT c.case_id, c.kind, c.merchant_id, c.cause_id, c.status, c.severity, c.holder, c.opened_ms, c.updated_ms,
     c.snoozed_until_ms, c.due_ms,
     (SELECT m.grade FROM merchants m WHERE m.merchant_id = c.merchant_id) AS grade,
     (SELECT count(*) FROM alerts a WHERE a.case_id = c.case_id AND a.verdict IS NULL AND a.state <> 'withdrawn')
      AS undecided
    FROM cases c WHERE NOT c.is_aml AND c.status <> 'merged'
    """,
    "view_decisions": """
    SELECT d.decision_id, d.case_id, c.merchant_id, d.verdict, d.reason_code, d.by, d.decided_ms, c.opened_ms,
     (SELECT count(*) FROM decision_alerts m WHERE m.decision_id = d.decision_id) AS alerts
    FROM decisions d JOIN cases c ON c.case_id = d.case_id WHERE d.undone_ms IS NULL
     AND d.status = 'given' AND NOT c.is_aml
    """,
    "view_outbox": """
    SELECT o.topic, o.status, o.not_before_ms, o.sent_ms, o.refusal FROM outbox o
    LEFT JOIN decisions d ON d.decision_id = o.decision_id LEFT JOIN cases c ON c.case_id = d.case_id
    WHERE c.is_aml IS NULL OR NOT c.is_aml
    """,
}


def upgrade() -> None:
    """Make them, and fill the columns of the days that are there."""
    for name in _FIGURES:
        op.add_column("merchant_days", sa.Column(name, sa.Float(), nullable=True))
    _fill()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    mcc = "printf('%04d', {})" if is_sqlite else "lpad(({})::integer::text, 4, '0')"
    told = {each: mcc.format(each) for each in _MCCS}
    for name, body in _VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {body.format(**told)}")


def downgrade() -> None:
    """Drop them: they follow from what stays."""
    for name in _VIEWS:
        op.execute(f"DROP VIEW {name}")
    for name in _FIGURES:
        op.drop_column("merchant_days", name)


def _fill() -> None:
    connection, place = op.get_bind(), ("", "")
    days = sa.text(
        "SELECT merchant_id, day, body FROM merchant_days WHERE (merchant_id, day) > (:merchant_id, :day)"
        f" ORDER BY merchant_id, day LIMIT {_AT_A_TIME}"
    )
    given = ", ".join(f"{name} = :{name}" for name in _FIGURES)
    filled = sa.text(f"UPDATE merchant_days SET {given} WHERE merchant_id = :merchant_id AND day = :day")
    while found := connection.execute(days, {"merchant_id": place[0], "day": place[1]}).all():
        place = (found[-1].merchant_id, found[-1].day)
        rows = []
        for each in found:
            told = json.loads(zlib.decompress(each.body))
            values = {name: told.get(column) for name, column in _FIGURES.items()}
            rows.append({"merchant_id": each.merchant_id, "day": each.day, **values})
        connection.execute(filled, rows)
