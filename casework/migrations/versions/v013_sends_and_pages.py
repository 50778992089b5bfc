"""What all senders of notices have asked a channel to take lately; and indexes from which pages count."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "013"
down_revision: str | None = "012"
branch_labels = None
depends_on = None
_WIDER = (
    ("ix_cases_opened_ms", "cases", ("opened_ms",), ("is_aml",)),
    ("ix_decisions_decided_ms", "decisions", ("decided_ms",), ("status", "undone_ms", "case_id")),
)
_GROUPS = ("region", "agent_id", "rep_id", "grade")


def upgrade() -> None:
    """Make the table, empty: for a minute each sender keeps to what it has sent itself; and the indexes."""
    op.create_table(
        "channel_sends",
        sa.Column("send_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("send_id", name="pk_channel_sends"),
    )
    op.create_index("ix_channel_sends_channel", "channel_sends", ["channel", "sent_ms"], unique=False)
    for name, table, before, after in _WIDER:
        op.drop_index(name, table_name=table)
        op.create_index(name, table, [*before, *after], unique=False)
    for each in _GROUPS:
        op.create_index(f"ix_merchants_{each}", "merchants", [each], unique=False)


def downgrade() -> None:
    """Drop them."""
    for each in _GROUPS:
        op.drop_index(f"ix_merchants_{each}", table_name="merchants")
    for name, table, before, _ in _WIDER:
        op.drop_index(name, table_name=table)
        op.create_index(name, table, [*before], unique=False)
    op.drop_table("channel_sends")
