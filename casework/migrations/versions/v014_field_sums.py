"""Sums of visits and inspections by rep, region and agent; and open inspections by merchant, from an index alone."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "014"
down_revision: str | None = "013"
branch_labels = None
depends_on = None
_KEYS = ("month", "by", "key")
_FIGURES = ("visits", "due", "in_time")


def upgrade() -> None:
    """Make the table and the index.

    The table is filled from visits and inspections once the tables are of the newest version.
    """
    op.create_table(
        "field_sums",
        *(sa.Column(each, sa.Text(), nullable=False) for each in _KEYS),
        *(sa.Column(each, sa.BigInteger(), nullable=False) for each in _FIGURES),
        sa.PrimaryKeyConstraint(*_KEYS, name="pk_field_sums"),
    )
    is_open = sa.text("done_ms IS NULL")
    op.create_index(
        "ix_inspections_merchant", "inspections", ["merchant_id", "due_ms", "since_ms", "done_ms"], unique=False,
        sqlite_where=is_open, postgresql_where=is_open,
    )  # fmt: skip
    op.execute("INSERT INTO facts (name, value) VALUES ('field_sums_stale', '014')")


def downgrade() -> None:
    """Drop them: they follow from what stays."""
    op.execute("DELETE FROM facts WHERE name = 'field_sums_stale'")
    op.drop_index("ix_inspections_merchant", table_name="inspections")
    op.drop_table("field_sums")
