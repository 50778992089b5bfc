"""Complaints, what the log knows of a visit, months of merchants, visits that are due, and warnings that turned."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "010"
down_revision: str | None = "009"
branch_labels = None
depends_on = None
_OF_MONTHS = (
    "month", "rep_id", "region", "agent_id", "currency", "merchant_id", "sales", "turnover_minor", "fee_minor",
    "is_new",
)  # fmt: skip


def upgrade() -> None:
    """Make them; what they follow from is there, so they are filled once the tables are of the newest version."""
    op.create_table(
        "complaints",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        *(sa.Column(each, sa.Text(), nullable=False) for each in ("reason_code", "channel", "note", "of_case")),
        sa.PrimaryKeyConstraint("merchant_id", "made_ms", "offset", name="pk_complaints"),
    )
    op.create_index("ix_complaints_made_ms", "complaints", ["made_ms", "merchant_id"], unique=False)
    for name in ("lat", "lon"):
        op.add_column("visits", sa.Column(name, sa.Float(), nullable=True))
    for name in ("coord_sys", "alert_id", "of_case"):
        op.add_column("visits", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("visits", sa.Column("offset", sa.BigInteger(), nullable=True))
    op.drop_index("ix_visits_merchant_id", table_name="visits")
    op.create_index("ix_visits_merchant_id_visited_ms", "visits", ["merchant_id", "visited_ms"], unique=False)
    op.create_index("ix_visits_visited_ms", "visits", ["visited_ms"], unique=False)

    op.create_table(
        "merchant_months",
        *(sa.Column(each, sa.Text(), nullable=False) for each in ("merchant_id", "month", "currency")),
        *(sa.Column(each, sa.Text(), nullable=False) for each in ("rep_id", "region", "agent_id")),
        *(sa.Column(each, sa.BigInteger(), nullable=False) for each in ("turnover_minor", "sales", "fee_minor")),
        sa.Column("is_new", sa.Boolean(), nullable=False),
        sa.Column("last_sale_day", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "month", name="pk_merchant_months"),
    )
    op.create_index("ix_merchant_months_month", "merchant_months", [*_OF_MONTHS], unique=False)
    op.create_table(
        "inspections",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "rule", "since_ms", name="pk_inspections"),
    )
    op.create_index("ix_inspections_due_ms", "inspections", ["due_ms", "merchant_id", "done_ms"], unique=False)
    is_open = sa.text("done_ms IS NULL")
    op.create_index(
        "ix_inspections_open", "inspections", ["due_ms", "merchant_id", "rule", "since_ms"], unique=False,
        sqlite_where=is_open, postgresql_where=is_open,
    )  # fmt: skip
    op.create_table(
        "declines",
        *(sa.Column(each, sa.Text(), nullable=False) for each in ("alert_id", "merchant_id")),
        sa.Column("warned_ms", sa.BigInteger(), nullable=False),
        sa.Column("before_sales", sa.Float(), nullable=True),
        sa.Column("turned_day", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alert_id", name="pk_declines"),
    )
    op.create_index("ix_declines_warned_ms", "declines", ["warned_ms", "merchant_id"], unique=False)
    op.add_column("merchants", sa.Column("last_sale_day", sa.Text(), nullable=False, server_default=""))
    sold = sa.text("last_sale_day <> ''")
    op.create_index(
        "ix_merchants_last_sale_day", "merchants", ["last_sale_day"], unique=False, sqlite_where=sold,
        postgresql_where=sold,
    )  # fmt: skip
    op.execute("INSERT INTO facts (name, value) VALUES ('months_stale', '010')")


def downgrade() -> None:
    """Drop them: they follow from what stays."""
    op.execute("DELETE FROM facts WHERE name = 'months_stale'")
    op.drop_index("ix_merchants_last_sale_day", table_name="merchants")
    op.drop_column("merchants", "last_sale_day")
    for index, table in (
        ("ix_declines_warned_ms", "declines"), ("ix_inspections_open", "inspections"),
        ("ix_inspections_due_ms", "inspections"), ("ix_merchant_months_month", "merchant_months"),
    ):  # fmt: skip
        op.drop_index(index, table_name=table)
    for table in ("declines", "inspections", "merchant_months"):
        op.drop_table(table)
    op.drop_index("ix_visits_visited_ms", table_name="visits")
    op.drop_index("ix_visits_merchant_id_visited_ms", table_name="visits")
    op.create_index("ix_visits_merchant_id", "visits", ["merchant_id"], unique=False)
    for name in ("offset", "of_case", "alert_id", "coord_sys", "lon", "lat"):
        op.drop_column("visits", name)
    op.drop_index("ix_complaints_made_ms", table_name="complaints")
    op.drop_table("complaints")
