"""Versions of terminals, as master data have them."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "012"
down_revision: str | None = "011"
branch_labels = None
depends_on = None
_KEYS = ("merchant_id", "terminal_id", "effective_from_ms")


def upgrade() -> None:
    """Make the table; what was read before the monitor told of terminals is not in it."""
    op.create_table(
        "merchant_terminals",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("terminal_id", sa.Text(), nullable=False),
        sa.Column("effective_from_ms", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(*_KEYS, name="pk_merchant_terminals"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("merchant_terminals")
