"""What people do with cases, and who they are."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision: str | None = "001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "suppressions",
        sa.Column("suppression_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("suppression_id", name="pk_suppressions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_suppressions_detector_merchant_id", "suppressions", ["detector", "merchant_id"], unique=False)
    op.create_table(
        "teams",
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("team_id", name="pk_teams"),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["teams.team_id"], name="fk_users_team_id"),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
    )
    op.create_table(
        "actions",
        sa.Column("action_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("approvals_wanted", sa.BigInteger(), nullable=False),
        sa.Column("recommended_by", sa.Text(), nullable=False),
        sa.Column("recommended_ms", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=True),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_actions_case_id"),
        sa.PrimaryKeyConstraint("action_id", name="pk_actions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_actions_case_id", "actions", ["case_id"], unique=False)
    op.create_table(
        "comments",
        sa.Column("comment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("written_ms", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_comments_case_id"),
        sa.PrimaryKeyConstraint("comment_id", name="pk_comments"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_comments_case_id", "comments", ["case_id"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), nullable=False),
        sa.Column("undone_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_decisions_case_id"),
        sa.PrimaryKeyConstraint("decision_id", name="pk_decisions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decisions_case_id", "decisions", ["case_id"], unique=False)
    op.create_table(
        "snoozes",
        sa.Column("snooze_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detectors", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("losses", sa.Text(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_snoozes_case_id"),
        sa.PrimaryKeyConstraint("snooze_id", name="pk_snoozes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_snoozes_case_id", "snoozes", ["case_id"], unique=False)
    op.create_index("ix_snoozes_ended_ms", "snoozes", ["ended_ms"], unique=False)
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_user_roles_user_id"),
        sa.PrimaryKeyConstraint("user_id", "role", name="pk_user_roles"),
    )
    op.create_table(
        "approvals",
        sa.Column("action_id", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("approved_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["action_id"], ["actions.action_id"], name="fk_approvals_action_id"),
        sa.PrimaryKeyConstraint("action_id", "by", name="pk_approvals"),
    )
    op.create_table(
        "decision_alerts",
        sa.Column("decision_id", sa.BigInteger(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("verdict_before", sa.Text(), nullable=True),
        sa.Column("decision_before", sa.BigInteger(), nullable=True),
        sa.Column("reopened_before", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_decision_alerts_alert_id"),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name="fk_decision_alerts_decision_id"),
        sa.PrimaryKeyConstraint("decision_id", "alert_id", name="pk_decision_alerts"),
    )
    op.create_table(
        "outbox",
        sa.Column("outbox_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.BigInteger(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("not_before_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"], name="fk_outbox_decision_id"),
        sa.PrimaryKeyConstraint("outbox_id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_decision_id", "outbox", ["decision_id"], unique=False)
    op.create_index("ix_outbox_status_not_before_ms", "outbox", ["status", "not_before_ms"], unique=False)


def downgrade() -> None:
    """Drop them, with all that they hold."""
    op.drop_index("ix_outbox_status_not_before_ms", table_name="outbox")
    op.drop_index("ix_outbox_decision_id", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("decision_alerts")
    op.drop_table("approvals")
    op.drop_table("user_roles")
    op.drop_index("ix_snoozes_ended_ms", table_name="snoozes")
    op.drop_index("ix_snoozes_case_id", table_name="snoozes")
    op.drop_table("snoozes")
    op.drop_index("ix_decisions_case_id", table_name="decisions")
    op.drop_table("decisions")
    op.drop_index("ix_comments_case_id", table_name="comments")
    op.drop_table("comments")
    op.drop_index("ix_actions_case_id", table_name="actions")
    op.drop_table("actions")
    op.drop_table("users")
    op.drop_table("teams")
    op.drop_index("ix_suppressions_detector_merchant_id", table_name="suppressions")
    op.drop_table("suppressions")
