"""What pages read fast."""

# The tables as they were in this version: what changes later is another file, and this one stays.

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "005"
down_revision: str | None = "004"
branch_labels = None
depends_on = None

_CASE_WORDS = ("risk_codes", "currency", "grade", "shop_name", "mcc", "city", "region", "agent_id", "rep_id")
_CASE_COUNTS = ("filed", "undecided", "withdrawn")
_CASE_NUMBERS = ("oldest_ms", "turnover_minor", "loss_minor")
_MERCHANT_WORDS = ("name", "status", "mcc", "city", "region", "agent_id", "rep_id")
_QUEUE = (
    "status", "is_aml", "undecided", "snoozed_until_ms", "due_ms", "holder", "merchant_id", "kind", "grade", "city",
    "region", "agent_id", "rep_id", "mcc", "currency", "turnover_minor", "loss_minor", "detectors",
    "risk_codes", "shop_name",
)  # fmt: skip
_INDICES = {
    "ix_merchants_name": ("merchants", ("name", "merchant_id")),
    "ix_merchants_score": ("merchants", ("score", "merchant_id")),
    "ix_merchants_portfolio": ("merchants", ("mcc", "region", "agent_id", "rep_id", "grade", "merchant_id")),
    "ix_cases_opened_ms": ("cases", ("opened_ms",)),
    "ix_alerts_merchant_id_detector": ("alerts", ("merchant_id", "detector")),
    "ix_alerts_detector_filed_ms": ("alerts", ("detector", "filed_ms", "is_aml")),
    "ix_alerts_last_time": ("alerts", ("last_time",)),
    "ix_decisions_decided_ms": ("decisions", ("decided_ms",)),
}
_PARTIAL = {
    "ix_merchants_changes_ms": ("merchants", ("changes_ms",), "changes_ms IS NOT NULL"),
    "ix_cases_open": ("cases", ("lane", "priority", "case_id", *_QUEUE), "status = 'open'"),
    "ix_cases_decided": ("cases", ("lane", "case_id", *_QUEUE), "status = 'decided'"),
    "ix_cases_aml": ("cases", ("case_id",), "is_aml"),
    "ix_cases_holder": ("cases", ("holder",), "holder IS NOT NULL"),
    "ix_cases_snoozed_until_ms": ("cases", ("snoozed_until_ms",), "snoozed_until_ms IS NOT NULL"),
    "ix_alerts_undecided": ("alerts", ("detector", "is_aml", "state", "verdict"), "verdict IS NULL"),
    "ix_alerts_decided": ("alerts", ("detector", "mcc", "decision_id"), "verdict IS NOT NULL"),
    "ix_alerts_duty_ms": ("alerts", ("duty_ms",), "duty_ms IS NOT NULL"),
    "ix_alert_transactions_rrn": ("alert_transactions", ("rrn",), "rrn <> ''"),
    "ix_alert_transactions_terminal_id": ("alert_transactions", ("terminal_id",), "terminal_id <> ''"),
    "ix_alert_transactions_card_last4": ("alert_transactions", ("card_last4",), "card_last4 <> ''"),
}

# Verdicts that stand are counted by triggers, so that whatever gives, takes back or ends one counts.
_DAY = "(SELECT decided_ms / 86400000 FROM decisions WHERE decision_id = {row}.decision_id)"
_TAKE = """
UPDATE verdict_counts SET count = count - 1 WHERE detector = OLD.detector AND mcc = OLD.mcc AND is_aml = OLD.is_aml
 AND verdict = OLD.verdict;
UPDATE detector_days SET count = count - 1, severity_sum = severity_sum - OLD.severity
 WHERE detector = OLD.detector AND day = {day} AND is_aml = OLD.is_aml AND verdict = OLD.verdict;
"""
_GIVE = """
INSERT INTO verdict_counts (detector, mcc, is_aml, verdict, count)
 SELECT NEW.detector, NEW.mcc, NEW.is_aml, NEW.verdict, 1 WHERE NEW.verdict IS NOT NULL
 ON CONFLICT (detector, mcc, is_aml, verdict) DO UPDATE SET count = verdict_counts.count + 1;
INSERT INTO detector_days (detector, day, is_aml, verdict, count, severity_sum)
 SELECT NEW.detector, {day}, NEW.is_aml, NEW.verdict, 1, NEW.severity
  WHERE NEW.verdict IS NOT NULL AND {day} IS NOT NULL
 ON CONFLICT (detector, day, is_aml, verdict) DO UPDATE
  SET count = detector_days.count + 1, severity_sum = detector_days.severity_sum + NEW.severity;
"""
_COLUMNS = "verdict, is_aml, decision_id, severity, mcc"
_WHEN = """OLD.verdict IS {not_} NEW.verdict OR OLD.is_aml <> NEW.is_aml OR OLD.mcc <> NEW.mcc
 OR (NEW.verdict IS NOT NULL AND (OLD.decision_id IS {not_} NEW.decision_id OR OLD.severity <> NEW.severity))"""
_SQLITE = """
CREATE TRIGGER alerts_count_verdicts AFTER UPDATE OF {columns} ON alerts WHEN {when}
BEGIN {take} {give} END
"""
_FUNCTION = """
CREATE FUNCTION count_verdicts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {take} {give} RETURN NULL; END $$
"""
_POSTGRESQL = """
CREATE TRIGGER alerts_count_verdicts AFTER UPDATE OF {columns} ON alerts FOR EACH ROW WHEN ({when})
EXECUTE FUNCTION count_verdicts()
"""
_COUNT_ALL = (
    """
    INSERT INTO verdict_counts (detector, mcc, is_aml, verdict, count)
    SELECT detector, mcc, is_aml, verdict, count(*) FROM alerts WHERE verdict IS NOT NULL
    GROUP BY detector, mcc, is_aml, verdict
    """,
    """
    INSERT INTO detector_days (detector, day, is_aml, verdict, count, severity_sum)
    SELECT a.detector, d.decided_ms / 86400000, a.is_aml, a.verdict, count(*), sum(a.severity)
    FROM alerts a JOIN decisions d ON d.decision_id = a.decision_id WHERE a.verdict IS NOT NULL
    GROUP BY a.detector, d.decided_ms / 86400000, a.is_aml, a.verdict
    """,
)


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _word(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def _add_columns() -> None:
    for name in _CASE_WORDS:
        op.add_column("cases", _word(name))
    for name in _CASE_COUNTS:
        op.add_column("cases", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    for name in _CASE_NUMBERS:
        op.add_column("cases", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("cases", sa.Column("priority", sa.Float(), nullable=False, server_default="0"))
    op.add_column("cases", sa.Column("lane", sa.Text(), nullable=False, server_default="risk"))
    op.add_column("cases", sa.Column("detectors", sa.Text(), nullable=False, server_default="{}"))
    for name in _MERCHANT_WORDS:
        op.add_column("merchants", _word(name))
    op.add_column("merchants", sa.Column("changes_ms", sa.BigInteger(), nullable=True))
    op.add_column("alerts", _word("mcc"))
    op.add_column("alerts", sa.Column("bearer", sa.Text(), nullable=True))


def _make_tables() -> None:
    op.create_table(
        "merchant_reps",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("rep_id", sa.Text(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("merchant_id", "from_ms", name="pk_merchant_reps"),
    )
    op.create_index("ix_merchant_reps_rep_id", "merchant_reps", ["rep_id"], unique=False)
    op.create_table(
        "merchant_scores",
        sa.Column("merchant_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("score_revision", sa.BigInteger(), nullable=False),
        sa.Column("score_epoch", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("merchant_id", "day", "grade", name="pk_merchant_scores"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_merchant_scores_day", "merchant_scores", ["day"], unique=False)
    op.create_table(
        "alert_totals",
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("filed", sa.BigInteger(), nullable=False),
        sa.Column("undecided", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("is_aml", name="pk_alert_totals"),
    )
    op.create_table(
        "verdict_counts",
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("mcc", sa.Text(), nullable=False),
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("detector", "mcc", "is_aml", "verdict", name="pk_verdict_counts"),
    )
    op.create_table(
        "detector_days",
        sa.Column("detector", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("is_aml", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("severity_sum", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("detector", "day", "is_aml", "verdict", name="pk_detector_days"),
    )
    op.create_table(
        "rerankers",
        sa.Column("reranker_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("fitted_ms", sa.BigInteger(), nullable=False),
        sa.Column("in_force", sa.Boolean(), nullable=False),
        sa.Column("verdicts", sa.BigInteger(), nullable=False),
        sa.Column("top", sa.BigInteger(), nullable=False),
        sa.Column("precision", sa.Float(), nullable=False),
        sa.Column("plain_precision", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("reranker_id", name="pk_rerankers"),
        sqlite_autoincrement=True,
    )


def _make_triggers() -> None:
    old, new = _DAY.format(row="OLD"), _DAY.format(row="NEW")
    not_ = "NOT" if _is_sqlite() else "DISTINCT FROM"
    parts = {
        "columns": _COLUMNS, "when": _WHEN.format(not_=not_), "take": _TAKE.format(day=old),
        "give": _GIVE.format(day=new),
    }  # fmt: skip
    if _is_sqlite():
        op.execute(_SQLITE.format(**parts))
        return
    op.execute(_FUNCTION.format(**parts))
    op.execute(_POSTGRESQL.format(**parts))


def upgrade() -> None:
    """Make it, and leave word that what follows from other tables is to be computed."""
    _add_columns()
    _make_tables()
    op.drop_index("ix_alerts_detector_merchant_id", table_name="alerts")
    op.drop_index("ix_cases_status_severity", table_name="cases")
    for name, (table, columns) in _INDICES.items():
        op.create_index(name, table, columns, unique=False)
    for name, (table, columns, where) in _PARTIAL.items():
        op.create_index(
            name, table, columns, unique=False, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
    for each in _COUNT_ALL:
        op.execute(each)
    _make_triggers()
    op.execute(
        "INSERT INTO alert_totals (is_aml, filed, undecided, withdrawn) VALUES (false, 0, 0, 0), (true, 0, 0, 0)"
    )
    op.execute("INSERT INTO facts (name, value) VALUES ('derived_stale', '005')")


def downgrade() -> None:
    """Drop it: all but merchants without a score follows from what stays."""
    op.execute("DROP TRIGGER alerts_count_verdicts" + ("" if _is_sqlite() else " ON alerts"))
    if not _is_sqlite():
        op.execute("DROP FUNCTION count_verdicts")
    for name, (table, *_) in reversed((_INDICES | _PARTIAL).items()):
        op.drop_index(name, table_name=table)
    op.create_index("ix_cases_status_severity", "cases", ["status", "severity"], unique=False)
    op.create_index("ix_alerts_detector_merchant_id", "alerts", ["detector", "merchant_id"], unique=False)
    op.execute(
        "DELETE FROM facts WHERE name IN ('derived_stale', 'queue', 'queue_ordered', 'transactions_dropped_up_to')"
    )
    op.execute("DELETE FROM merchants WHERE score_revision < 0")
    for name in ("rerankers", "detector_days", "verdict_counts", "alert_totals", "merchant_scores", "merchant_reps"):
        op.drop_table(name)
    for name in ("mcc", "bearer"):
        op.drop_column("alerts", name)
    for name in (*_MERCHANT_WORDS, "changes_ms"):
        op.drop_column("merchants", name)
    for name in (*_CASE_WORDS, *_CASE_COUNTS, *_CASE_NUMBERS, "priority", "lane", "detectors"):
        op.drop_column("cases", name)
