"""What people owe a case, and what they gather for it."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "004"
down_revision: str | None = "003"
branch_labels = None
depends_on = None
_AT_A_TIME = 1_000


def upgrade() -> None:
    """Make them, and have what is there say what it would have said."""
    _make_tables()
    _add_columns()
    op.execute("UPDATE cases SET open_since_ms = opened_ms")
    op.execute("UPDATE decisions SET status = 'given'")
    op.execute("UPDATE actions SET approved_ms = recommended_ms WHERE status = 'approved'")
    for grade, since in (("C", '{"C":0}'), ("D", '{"D":0,"C":0}'), ("E", '{"E":0,"D":0,"C":0}')):
        told = sa.text("UPDATE merchants SET grades_since = :since WHERE grade = :grade")
        op.get_bind().execute(told, {"since": since, "grade": grade})
    op.execute("UPDATE merchants SET grades_since = '{}' WHERE grades_since = ''")
    _read_duties()


def _make_tables() -> None:
    op.create_table(
        "bulks",
        sa.Column("bulk_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("undone_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("bulk_id", name=op.f("pk_bulks")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "handovers",
        sa.Column("handover_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("written_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handover_id", name=op.f("pk_handovers")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_handovers_team_id_day", "handovers", ["team_id", "day"], unique=False)
    op.create_table(
        "merchant_notes",
        sa.Column("note_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("written_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_merchant_notes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_merchant_notes_merchant_id", "merchant_notes", ["merchant_id"], unique=False)
    op.create_table(
        "visits",
        sa.Column("visit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("visited_ms", sa.BigInteger(), nullable=False),
        sa.Column("visit_kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_visits")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_visits_merchant_id", "visits", ["merchant_id"], unique=False)
    op.create_table(
        "attachments",
        sa.Column("attachment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("attached_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_attachments_case_id")),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_attachments")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_attachments_case_id", "attachments", ["case_id"], unique=False)
    op.create_index("ix_attachments_sha256", "attachments", ["sha256"], unique=False)
    op.create_table(
        "bulk_cases",
        sa.Column("bulk_id", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["bulk_id"], ["bulks.bulk_id"], name=op.f("fk_bulk_cases_bulk_id")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_bulk_cases_case_id")),
        sa.PrimaryKeyConstraint("bulk_id", "case_id", name=op.f("pk_bulk_cases")),
    )
    op.create_index("ix_bulk_cases_case_id", "bulk_cases", ["case_id"], unique=False)
    op.create_table(
        "drafts",
        sa.Column("draft_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=True),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("drafted_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_drafts_case_id")),
        sa.PrimaryKeyConstraint("draft_id", name=op.f("pk_drafts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_drafts_merchant_id", "drafts", ["merchant_id"], unique=False)
    op.create_index("ix_drafts_status", "drafts", ["status"], unique=False)
    op.create_table(
        "escalations",
        sa.Column("escalation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("to_role", sa.Text(), nullable=True),
        sa.Column("to_user", sa.Text(), nullable=True),
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("escalated_ms", sa.BigInteger(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_escalations_case_id")),
        sa.PrimaryKeyConstraint("escalation_id", name=op.f("pk_escalations")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_escalations_case_id", "escalations", ["case_id"], unique=False)
    op.create_table(
        "flags",
        sa.Column("flag_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("flagged_ms", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_ms", sa.BigInteger(), nullable=True),
        sa.Column("found", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_flags_case_id")),
        sa.PrimaryKeyConstraint("flag_id", name=op.f("pk_flags")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_flags_case_id", "flags", ["case_id"], unique=False)
    op.create_table(
        "reminders",
        sa.Column("reminder_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("set_ms", sa.BigInteger(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_reminders_case_id")),
        sa.PrimaryKeyConstraint("reminder_id", name=op.f("pk_reminders")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reminders_user_id_due_ms", "reminders", ["user_id", "due_ms"], unique=False)
    op.create_table(
        "retrievals",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("from_case_id", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("closing_text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_retrievals_case_id")),
        sa.ForeignKeyConstraint(["from_case_id"], ["cases.case_id"], name=op.f("fk_retrievals_from_case_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_retrievals")),
    )
    op.create_index("ix_retrievals_from_case_id", "retrievals", ["from_case_id"], unique=False)
    op.create_table(
        "rechecks",
        sa.Column("recheck_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("decision_id", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("drawn_by", sa.Text(), nullable=False),
        sa.Column("drawn_ms", sa.BigInteger(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("agrees", sa.Boolean(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("checked_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_rechecks_case_id")),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name=op.f("fk_rechecks_decision_id")),
        sa.PrimaryKeyConstraint("recheck_id", name=op.f("pk_rechecks")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_rechecks_decision_id", "rechecks", ["decision_id"], unique=False)
    op.create_index("ix_rechecks_drawn_by_checked_ms", "rechecks", ["drawn_by", "checked_ms"], unique=False)
    op.create_table(
        "retrieval_documents",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["retrievals.case_id"], name=op.f("fk_retrieval_documents_case_id")),
        sa.PrimaryKeyConstraint("case_id", "document", name=op.f("pk_retrieval_documents")),
    )
    op.create_table(
        "retrieval_files",
        sa.Column("attachment_id", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"], ["attachments.attachment_id"], name=op.f("fk_retrieval_files_attachment_id")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["retrievals.case_id"], name=op.f("fk_retrieval_files_case_id")),
        sa.PrimaryKeyConstraint("attachment_id", name=op.f("pk_retrieval_files")),
    )
    op.create_index("ix_retrieval_files_case_id", "retrieval_files", ["case_id"], unique=False)
    op.create_table(
        "retrieval_transactions",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("txn_id", sa.Text(), nullable=False),
        sa.Column("txn_type", sa.Text(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["retrievals.case_id"], name=op.f("fk_retrieval_transactions_case_id")),
        sa.PrimaryKeyConstraint(
            "case_id", "alert_id", "txn_id", "txn_type", "time", name=op.f("pk_retrieval_transactions")
        ),
    )


def _add_columns() -> None:
    op.add_column("actions", sa.Column("approved_ms", sa.BigInteger(), nullable=True))
    op.create_index("ix_actions_status_approved_ms", "actions", ["status", "approved_ms"], unique=False)
    op.add_column("alerts", sa.Column("duty_rule", sa.Text(), nullable=True))
    op.add_column("alerts", sa.Column("duty_ms", sa.BigInteger(), nullable=True))
    op.add_column("cases", sa.Column("open_since_ms", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("cases", sa.Column("due_ms", sa.BigInteger(), nullable=True))
    op.add_column("cases", sa.Column("due_rule", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_cases_status_due_ms", "cases", ["status", "due_ms"], unique=False)
    op.add_column("decisions", sa.Column("status", sa.Text(), nullable=False, server_default=""))
    op.add_column("decisions", sa.Column("second_by", sa.Text(), nullable=True))
    op.add_column("decisions", sa.Column("second_ms", sa.BigInteger(), nullable=True))
    op.add_column("decisions", sa.Column("second_text", sa.Text(), nullable=False, server_default=""))
    op.add_column("decisions", sa.Column("bulk_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_decisions_bulk_id", "decisions", ["bulk_id"], unique=False)
    op.create_index("ix_decisions_status", "decisions", ["status"], unique=False)
    op.add_column("merchants", sa.Column("grades_since", sa.Text(), nullable=False, server_default=""))
    op.add_column("outbox", sa.Column("draft_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_outbox_draft_id", "outbox", ["draft_id"], unique=False)


def _read_duties() -> None:
    """Enter the duties of alerts, which their revisions have."""
    connection = op.get_bind()
    found = sa.text(
        "SELECT alerts.alert_id, body FROM alerts JOIN alert_revisions"
        " ON alert_revisions.alert_id = alerts.alert_id AND alert_revisions.revision = alerts.revision"
        """ WHERE body LIKE '%"duty":{%' AND alerts.alert_id > :after ORDER BY alerts.alert_id LIMIT :most"""
    )
    told = sa.text("UPDATE alerts SET duty_rule = :rule, duty_ms = :due_ms WHERE alert_id = :alert_id")
    after = ""
    while rows := connection.execute(found, {"after": after, "most": _AT_A_TIME}).all():
        after = rows[-1].alert_id
        for each in rows:
            duty = msgspec.json.decode(each.body)["duty"]
            due_ms = round(datetime.fromisoformat(duty["due"]).timestamp() * 1000)
            connection.execute(told, {"rule": duty["rule"], "due_ms": due_ms, "alert_id": each.alert_id})


def downgrade() -> None:
    """Drop them, with all that they hold. Retrievals are decided cases without alerts then."""
    op.execute("UPDATE cases SET status = 'decided' WHERE kind = 'retrieval'")
    op.execute("UPDATE decisions SET undone_ms = decided_ms WHERE status <> 'given' AND undone_ms IS NULL")
    _drop_columns()
    op.drop_table("retrieval_transactions")
    op.drop_index("ix_retrieval_files_case_id", table_name="retrieval_files")
    op.drop_table("retrieval_files")
    op.drop_table("retrieval_documents")
    op.drop_index("ix_rechecks_drawn_by_checked_ms", table_name="rechecks")
    op.drop_index("ix_rechecks_decision_id", table_name="rechecks")
    op.drop_table("rechecks")
    op.drop_index("ix_retrievals_from_case_id", table_name="retrievals")
    op.drop_table("retrievals")
    op.drop_index("ix_reminders_user_id_due_ms", table_name="reminders")
    op.drop_table("reminders")
    op.drop_index("ix_flags_case_id", table_name="flags")
    op.drop_table("flags")
    op.drop_index("ix_escalations_case_id", table_name="escalations")
    op.drop_table("escalations")
    op.drop_index("ix_drafts_status", table_name="drafts")
    op.drop_index("ix_drafts_merchant_id", table_name="drafts")
    op.drop_table("drafts")
    op.drop_index("ix_bulk_cases_case_id", table_name="bulk_cases")
    op.drop_table("bulk_cases")
    op.drop_index("ix_attachments_sha256", table_name="attachments")
    op.drop_index("ix_attachments_case_id", table_name="attachments")
    op.drop_table("attachments")
    op.drop_index("ix_visits_merchant_id", table_name="visits")
    op.drop_table("visits")
    op.drop_index("ix_merchant_notes_merchant_id", table_name="merchant_notes")
    op.drop_table("merchant_notes")
    op.drop_index("ix_handovers_team_id_day", table_name="handovers")
    op.drop_table("handovers")
    op.drop_table("bulks")


def _drop_columns() -> None:
    op.drop_index("ix_outbox_draft_id", table_name="outbox")
    op.drop_column("outbox", "draft_id")
    op.drop_column("merchants", "grades_since")
    op.drop_index("ix_decisions_status", table_name="decisions")
    op.drop_index("ix_decisions_bulk_id", table_name="decisions")
    op.drop_column("decisions", "bulk_id")
    op.drop_column("decisions", "second_text")
    op.drop_column("decisions", "second_ms")
    op.drop_column("decisions", "second_by")
    op.drop_column("decisions", "status")
    op.drop_index("ix_cases_status_due_ms", table_name="cases")
    op.drop_column("cases", "due_rule")
    op.drop_column("cases", "due_ms")
    op.drop_column("cases", "open_since_ms")
    op.drop_column("alerts", "duty_ms")
    op.drop_column("alerts", "duty_rule")
    op.drop_index("ix_actions_status_approved_ms", table_name="actions")
    op.drop_column("actions", "approved_ms")
