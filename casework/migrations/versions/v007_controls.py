"""Versions of controls that one proposes and another publishes."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "007"
down_revision: str | None = "006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "proposals",
        sa.Column("proposal_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("withdraws", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("effective_ms", sa.BigInteger(), nullable=True),
        sa.Column("after_ms", sa.BigInteger(), nullable=True),
        sa.Column("newest", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("proposed_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("proposal_id", name="pk_proposals"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_proposals_status", "proposals", ["status"], unique=False)
    op.create_index("ix_proposals_kind", "proposals", ["kind"], unique=False)


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_proposals_kind", table_name="proposals")
    op.drop_index("ix_proposals_status", table_name="proposals")
    op.drop_table("proposals")
