"""What the filing agent files, the cases it makes, and the audit."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision: str | None = None
branch_labels = None
depends_on = None

_SQLITE = """
CREATE TRIGGER audit_no_{what} BEFORE {what} ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END
"""
_FUNCTION = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$
"""
_POSTGRESQL = """
CREATE TRIGGER audit_no_{what} BEFORE {what} ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()
"""


def _make_append_only() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for each in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(what=each))
        return
    op.execute(_FUNCTION)
    for each in ("UPDATE", "DELETE", "TRUNCATE"):
        op.execute(_POSTGRESQL.format(what=each))


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "audit",
        sa.Column("entry_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name="pk_audit"),
    )
    op.create_index("ix_audit_case_id", "audit", ["case_id"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("one", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_audit_head"),
    )
    op.create_table(
        "causes",
        sa.Column("cause_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.Float(), nullable=False),
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("cause_id", name="pk_causes"),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_facts"),
    )
    op.create_table(
        "merchant_days",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "day", name="pk_merchant_days"),
    )
    op.create_index("ix_merchant_days_day", "merchant_days", ["day"], unique=False)
    op.create_table(
        "merchant_profiles",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("effective_from_ms", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("rep_id", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=True),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "kind", "effective_from_ms", name="pk_merchant_profiles"),
    )
    op.create_table(
        "merchants",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("score_revision", sa.BigInteger(), nullable=False),
        sa.Column("score_epoch", sa.BigInteger(), nullable=False),
        sa.Column("score_body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", name="pk_merchants"),
    )
    op.create_table(
        "positions",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_positions"),
    )
    op.create_table(
        "cases",
        sa.Column("case_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=True),
        sa.Column("cause_id", sa.Text(), nullable=True),
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.Float(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("taken_ms", sa.BigInteger(), nullable=True),
        sa.Column("snoozed_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("merged_into", sa.BigInteger(), nullable=True),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["cause_id"], ["causes.cause_id"], name="fk_cases_cause_id"),
        sa.ForeignKeyConstraint(["merged_into"], ["cases.case_id"], name="fk_cases_merged_into"),
        sa.PrimaryKeyConstraint("case_id", name="pk_cases"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cases_merchant_id_status", "cases", ["merchant_id", "status"], unique=False)
    op.create_index("ix_cases_status_severity", "cases", ["status", "severity"], unique=False)
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("risk_code", sa.Text(), nullable=False),
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("severity", sa.Float(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("turnover_minor", sa.BigInteger(), nullable=True),
        sa.Column("loss_minor", sa.BigInteger(), nullable=True),
        sa.Column("first_time", sa.Text(), nullable=False),
        sa.Column("last_time", sa.Text(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("reopened", sa.BigInteger(), nullable=False),
        sa.Column("filed_ms", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("decision_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_reopened", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_alerts_case_id"),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_case_id", "alerts", ["case_id"], unique=False)
    op.create_index("ix_alerts_detector_merchant_id", "alerts", ["detector", "merchant_id"], unique=False)
    op.create_table(
        "alert_revisions",
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("partition", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("appended_ms", sa.BigInteger(), nullable=False),
        sa.Column("filed_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_alert_revisions_alert_id"),
        sa.PrimaryKeyConstraint("alert_id", "revision", name="pk_alert_revisions"),
    )
    op.create_index("ix_alert_revisions_state", "alert_revisions", ["state"], unique=False)
    op.create_table(
        "alert_transactions",
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("txn_id", sa.Text(), nullable=False),
        sa.Column("txn_type", sa.Text(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("mcc", sa.Text(), nullable=False),
        sa.Column("terminal_id", sa.Text(), nullable=False),
        sa.Column("rrn", sa.Text(), nullable=False),
        sa.Column("stan", sa.Text(), nullable=False),
        sa.Column("card_last4", sa.Text(), nullable=False),
        sa.Column("response_code", sa.Text(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_alert_transactions_alert_id"),
        sa.PrimaryKeyConstraint("alert_id", "txn_id", "txn_type", "time", name="pk_alert_transactions"),
        sqlite_with_rowid=False,
    )
    _make_append_only()
    op.execute("INSERT INTO audit_head (one, entry_id, hash) VALUES (1, 0, '')")


def downgrade() -> None:
    """Drop them, with all that they hold."""
    op.drop_table("alert_transactions")
    op.drop_index("ix_alert_revisions_state", table_name="alert_revisions")
    op.drop_table("alert_revisions")
    op.drop_index("ix_alerts_detector_merchant_id", table_name="alerts")
    op.drop_index("ix_alerts_case_id", table_name="alerts")
    op.drop_table("alerts")
    op.drop_index("ix_cases_status_severity", table_name="cases")
    op.drop_index("ix_cases_merchant_id_status", table_name="cases")
    op.drop_table("cases")
    op.drop_table("positions")
    op.drop_table("merchants")
    op.drop_table("merchant_profiles")
    op.drop_index("ix_merchant_days_day", table_name="merchant_days")
    op.drop_table("merchant_days")
    op.drop_table("facts")
    op.drop_table("causes")
    op.drop_table("audit_head")
    op.drop_index("ix_audit_case_id", table_name="audit")
    op.drop_table("audit")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_refuse")
