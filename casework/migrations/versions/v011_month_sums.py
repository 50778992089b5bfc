"""Sums of merchants' months by rep, region and agent, and whose merchants and visits are, from indexes alone."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "011"
down_revision: str | None = "010"
branch_labels = None
depends_on = None
_KEYS = ("month", "by", "key", "currency")
_FIGURES = ("merchants", "active", "new", "gone", "turnover_minor", "fee_minor")


def upgrade() -> None:
    """Make the table, and indexes that have all that statistics read.

    The table is filled from the months once the tables are of the newest version.
    """
    op.create_table(
        "month_sums",
        *(sa.Column(each, sa.Text(), nullable=False) for each in _KEYS),
        *(sa.Column(each, sa.BigInteger(), nullable=False) for each in _FIGURES),
        sa.PrimaryKeyConstraint(*_KEYS, name="pk_month_sums"),
    )
    op.create_index("ix_merchants_place", "merchants", ["merchant_id", "region", "agent_id"], unique=False)
    op.drop_index("ix_visits_visited_ms", table_name="visits")
    op.create_index("ix_visits_visited_ms", "visits", ["visited_ms", "merchant_id", "by"], unique=False)
    op.execute("INSERT INTO facts (name, value) VALUES ('month_sums_stale', '011')")


def downgrade() -> None:
    """Drop it: it follows from what stays."""
    op.execute("DELETE FROM facts WHERE name = 'month_sums_stale'")
    op.drop_index("ix_visits_visited_ms", table_name="visits")
    op.create_index("ix_visits_visited_ms", "visits", ["visited_ms"], unique=False)
    op.drop_index("ix_merchants_place", table_name="merchants")
    op.drop_table("month_sums")
