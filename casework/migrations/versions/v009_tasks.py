"""Tasks of reps, what they answered, their photos, and the links that open them."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "009"
down_revision: str | None = "008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _make_tasks()
    _make_answers()
    _make_photos()
    _make_links()


def _counter(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _text(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(each, sa.Text(), nullable=False) for each in names]


def _whole(*names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(each, sa.BigInteger(), nullable=nullable) for each in names]


def _index(table: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(columns)}", table, [*columns], unique=False)


def _make_tasks() -> None:
    op.create_table(
        "tasks",
        _counter("task_id"),
        *_whole("case_id", nullable=True),
        *_text("merchant_id", "kind", "rep_id"),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        *_text("made_by"),
        *_whole("made_ms", "due_ms"),
        *_text("checklist", "text", "nonce", "status"),
        *_whole("opened_ms", "answered_ms", "withdrawn_ms", nullable=True),
        *_text("withdrawn_why"),
        *_whole("after_task_id", "finding_until_ms", nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name="fk_tasks_case_id"),
        sa.ForeignKeyConstraint(["after_task_id"], ["tasks.task_id"], name="fk_tasks_after_task_id"),
        sa.PrimaryKeyConstraint("task_id", name="pk_tasks"),
        sqlite_autoincrement=True,
    )
    for columns in (
        ("rep_id", "status", "due_ms"), ("case_id",), ("merchant_id",), ("after_task_id",), ("status", "due_ms"),
        ("answered_ms",),
    ):  # fmt: skip
        _index("tasks", *columns)


def _make_answers() -> None:
    op.create_table(
        "task_answers",
        _counter("answer_id"),
        *_whole("task_id"),
        *_text("key", "by"),
        *_whole("answered_ms"),
        *_text("outcome", "checks", "text"),
        *_whole("visit_id", "phone_ms", nullable=True),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        *_text("coord_sys"),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.Column("distance_m", sa.Float(), nullable=True),
        *_whole("radius_m", "position_agreed_ms", "position_erased_ms", nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_task_answers_task_id"),
        sa.ForeignKeyConstraint(["visit_id"], ["visits.visit_id"], name="fk_task_answers_visit_id"),
        sa.PrimaryKeyConstraint("answer_id", name="pk_task_answers"),
        sa.UniqueConstraint("task_id", name="uq_task_answers_task_id"),
        sqlite_autoincrement=True,
    )
    _index("task_answers", "answered_ms")


def _make_photos() -> None:
    op.create_table(
        "task_photos",
        _counter("photo_id"),
        *_whole("task_id"),
        *_text("slot", "sha256"),
        *_whole("size"),
        *_text("media_type", "shown_sha256"),
        *_whole("shown_size", "width", "height"),
        *_text("exif", "by"),
        *_whole("received_ms"),
        *_whole("phone_ms", "erased_ms", nullable=True),
        *_text("erased_why"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_task_photos_task_id"),
        sa.PrimaryKeyConstraint("photo_id", name="pk_task_photos"),
        sqlite_autoincrement=True,
    )
    once = ["task_id", "slot", "sha256"]
    op.create_index("uq_task_photos_task_id_slot_sha256", "task_photos", once, unique=True)
    for each in ("sha256", "shown_sha256", "received_ms"):
        _index("task_photos", each)
    op.create_table(
        "task_chunks",
        *_whole("task_id"),
        *_text("sha256"),
        *_whole("number"),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        *_whole("received_ms"),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_task_chunks_task_id"),
        sa.PrimaryKeyConstraint("task_id", "sha256", "number", name="pk_task_chunks"),
    )
    _index("task_chunks", "received_ms")


def _make_links() -> None:
    op.create_table(
        "task_links",
        *_text("link_hash", "user_id"),
        *_whole("task_id", nullable=True),
        *_text("made_by"),
        *_whole("made_ms", "until_ms"),
        sa.Column("device_hash", sa.Text(), nullable=True),
        *_text("csrf"),
        *_whole("used_ms", "withdrawn_ms", nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.task_id"], name="fk_task_links_task_id"),
        sa.PrimaryKeyConstraint("link_hash", name="pk_task_links"),
    )
    _index("task_links", "user_id")
    _index("task_links", "until_ms")
    known = sa.text("device_hash IS NOT NULL")
    op.create_index(
        "ix_task_links_device_hash", "task_links", ["device_hash"], unique=False, sqlite_where=known,
        postgresql_where=known,
    )  # fmt: skip


def downgrade() -> None:
    """Drop them."""
    for each in ("task_links", "task_chunks", "task_photos", "task_answers", "tasks"):
        op.drop_table(each)
    op.execute("DELETE FROM facts WHERE name = 'task_link_key'")
