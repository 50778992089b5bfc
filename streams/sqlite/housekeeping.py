"""Compaction and retention of the embedded log's partitions. The caller holds the write transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.sqlite.connection import Connection


def compact(db: Connection, tp: int, min_dirty: float) -> int:
    """Drop the records of partition row `tp` whose key came again since; returns how many.

    The whole partition is sorted by key. An index on keys would spare that, and took more than half of the
    time of every append.
    """
    held, new = db.execute(
        "SELECT count(*), total(base >= (SELECT compacted_to FROM topic_partition WHERE id = :tp))"
        " FROM block WHERE tp = :tp",
        {"tp": tp},
    ).fetchone()
    if not new or new < min_dirty * held:
        return 0
    db.execute(
        "DELETE FROM block WHERE tp = :tp AND base NOT IN (SELECT max(base) FROM block WHERE tp = :tp GROUP BY key)",
        {"tp": tp},
    )
    (dropped,) = db.execute("SELECT changes()").fetchone()
    db.execute("UPDATE topic_partition SET compacted_to = end_offset WHERE id = ?", (tp,))
    return int(dropped)


def retain(db: Connection, now_ms: int, keep_from: Mapping[tuple[str, int], int]) -> int:
    """Drop what the topics' retention no longer keeps, save from `keep_from` on; returns how many records."""
    rows = db.execute(
        "SELECT p.id, t.name, p.number, t.retention_ms, t.retention_bytes FROM topic t"
        " JOIN topic_partition p ON p.topic = t.name WHERE NOT t.compacted"
        " AND (t.retention_ms IS NOT NULL OR t.retention_bytes IS NOT NULL)"
    ).fetchall()
    return sum(
        _drop(db, tp, None if age_ms is None else now_ms - age_ms, most_bytes, keep_from.get((topic, number)))
        for tp, topic, number, age_ms, most_bytes in rows
    )


def _drop(db: Connection, tp: int, from_ms: int | None, most_bytes: int | None, keep_from: int | None) -> int:
    first, end = db.execute("SELECT first_offset, end_offset FROM topic_partition WHERE id = ?", (tp,)).fetchone()
    (held,) = db.execute("SELECT total(bytes) FROM block WHERE tp = ?", (tp,)).fetchone()
    cut = first
    blocks = db.execute("SELECT base, count, appended_ms, bytes FROM block WHERE tp = ? ORDER BY base", (tp,))
    for base, count, appended_ms, size in blocks:
        old = from_ms is not None and appended_ms < from_ms
        over = most_bytes is not None and held > most_bytes
        if not (old or over) or base + count > (end if keep_from is None else keep_from):
            break
        held -= size
        cut = base + count
    blocks.close()
    db.execute("DELETE FROM block WHERE tp = ? AND base < ?", (tp, cut))
    db.execute("UPDATE topic_partition SET first_offset = ? WHERE id = ?", (cut, tp))
    return int(cut - first)
