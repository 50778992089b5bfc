"""What all senders of notices have asked a channel to take lately."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "012"
down_revision: str | None = "011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, empty: for a minute each sender keeps to what it has sent itself."""
    op.create_table(
        "channel_sends",
        sa.Column("send_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("send_id", name="pk_channel_sends"),
    )
    op.create_index("ix_channel_sends_channel", "channel_sends", ["channel", "sent_ms"], unique=False)


def downgrade() -> None:
    """Drop it."""
    op.drop_table("channel_sends")
