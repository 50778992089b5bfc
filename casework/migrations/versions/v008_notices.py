"""Notices: people, who is told what when, deliveries, silences, and who is never told of whom."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "008"
down_revision: str | None = "007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "persons",
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("effective_from_ms", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("supervisor_id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "effective_from_ms", name="pk_persons"),
    )
    op.create_index("ix_persons_role", "persons", ["role"], unique=False)
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("is_desk", sa.Boolean(), nullable=False),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("leased_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=True),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.Column("dead_ms", sa.BigInteger(), nullable=True),
        sa.Column("escalates", sa.Text(), nullable=True),
        sa.Column("escalate_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["escalates"], ["notices.notice_id"], name="fk_notices_escalates"),
        sa.PrimaryKeyConstraint("notice_id", name="pk_notices"),
    )
    op.create_index(
        "ix_notices_escalate_ms",
        "notices",
        ["escalate_ms"],
        unique=False,
        sqlite_where=sa.text("escalate_ms IS NOT NULL"),
        postgresql_where=sa.text("escalate_ms IS NOT NULL"),
    )
    op.create_index("ix_notices_escalates", "notices", ["escalates"], unique=False)
    op.create_index("ix_notices_made_ms", "notices", ["made_ms"], unique=False)
    op.create_index("ix_notices_recipient_made_ms", "notices", ["recipient", "made_ms"], unique=False)
    op.create_index("ix_notices_status_not_before_ms", "notices", ["status", "not_before_ms"], unique=False)
    op.create_table(
        "notice_entries",
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("alert_ids", sa.Text(), nullable=False),
        sa.Column("is_task", sa.Boolean(), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=True),
        sa.Column("due_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.notice_id"], name="fk_notice_entries_notice_id"),
        sa.PrimaryKeyConstraint("notice_id", "position", name="pk_notice_entries"),
    )
    op.create_index("ix_notice_entries_merchant_id", "notice_entries", ["merchant_id"], unique=False)
    op.create_index("ix_notice_entries_task_id", "notice_entries", ["task_id"], unique=False)
    op.create_table(
        "notice_attempts",
        sa.Column("attempt_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("notice_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("tried_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.notice_id"], name="fk_notice_attempts_notice_id"),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_notice_attempts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notice_attempts_notice_id", "notice_attempts", ["notice_id"], unique=False)
    op.create_table(
        "notice_groups",
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=True),
        sa.Column("flushed", sa.Boolean(), nullable=False),
        sa.Column("told_ms", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("group_key", name="pk_notice_groups"),
    )
    op.create_table(
        "notice_held",
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("group_key", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("held_ms", sa.BigInteger(), nullable=False),
        sa.Column("release_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("recipient", "alert_id", name="pk_notice_held"),
    )
    op.create_index("ix_notice_held_release_ms", "notice_held", ["release_ms"], unique=False)
    op.create_table(
        "silences",
        sa.Column("silence_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("matchers", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("expired_by", sa.Text(), nullable=True),
        sa.Column("matched_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("silence_id", name="pk_silences"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_silences_until_ms", "silences", ["until_ms"], unique=False)
    op.create_table(
        "culprit_rules",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("goes_to", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("set_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name="pk_culprit_rules"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("culprit_rules")
    op.drop_index("ix_silences_until_ms", table_name="silences")
    op.drop_table("silences")
    op.drop_index("ix_notice_held_release_ms", table_name="notice_held")
    op.drop_table("notice_held")
    op.drop_table("notice_groups")
    op.drop_index("ix_notice_attempts_notice_id", table_name="notice_attempts")
    op.drop_table("notice_attempts")
    op.drop_index("ix_notice_entries_merchant_id", table_name="notice_entries")
    op.drop_index("ix_notice_entries_task_id", table_name="notice_entries")
    op.drop_table("notice_entries")
    op.drop_index("ix_notices_escalate_ms", table_name="notices")
    op.drop_index("ix_notices_escalates", table_name="notices")
    op.drop_index("ix_notices_made_ms", table_name="notices")
    op.drop_index("ix_notices_recipient_made_ms", table_name="notices")
    op.drop_index("ix_notices_status_not_before_ms", table_name="notices")
    op.drop_table("notices")
    op.drop_index("ix_persons_role", table_name="persons")
    op.drop_table("persons")
