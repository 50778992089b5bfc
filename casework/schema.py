"""The store's tables. `docs/casework.md` says what each is for; `casework/migrations/` makes them, version by version.

Ids are texts as the log has them, money is in minor units (`_minor`), times are UTC milliseconds (`_ms`). Flags of what
is seen by `aml` alone stand on every row that a reader may come from (`is_aml`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    and_,
    text,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_COUNTER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only what is called INTEGER


def _text(name: str, **more: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **more)


def _whole(name: str, *more: Any, **options: Any) -> Column[int]:
    return Column(name, BigInteger, *more, nullable=False, **options)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _id(name: str) -> Column[int]:
    return Column(name, _COUNTER, primary_key=True)


def _word(name: str) -> Column[str]:
    """A text that follows from other tables; "" where nothing is known."""
    return Column(name, Text, nullable=False, server_default="")


def _count(name: str) -> Column[int]:
    """A number of alerts that follows from `alerts`."""
    return Column(name, BigInteger, nullable=False, server_default="0")


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index of some rows alone."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def _case(*, nullable: bool = False) -> Column[int]:
    return Column("case_id", BigInteger, ForeignKey("cases.case_id"), nullable=nullable)


DAY_FIGURES = {
    "sales": "closed_sales", "turnover_minor": "closed_minor", "expected_sales": "expected_1d",
    "low_sales": "expected_low_1d", "high_sales": "expected_high_1d", "fee_minor": "closed_fee_minor",
    "fee_judged_minor": "closed_fee_judged_minor", "fee_due_minor": "closed_fee_due_minor",
    "mcc_1": "closed_mcc_1", "mcc_1_sales": "closed_mcc_1_sales", "mcc_2": "closed_mcc_2",
    "mcc_2_sales": "closed_mcc_2_sales", "mcc_3": "closed_mcc_3", "mcc_3_sales": "closed_mcc_3_sales",
    "vamp_share": "gauge_vamp_share", "ecm_share": "gauge_ecm_share", "hecm_share": "gauge_hecm_share",
    "efm_share": "gauge_efm_share", "approval_share": "gauge_approval_share", "returns_share": "gauge_returns_share",
}  # fmt: skip
"""What of a day's `body` is in a column of its own, for views: SQL cannot read what is compressed."""

facts = Table("facts", METADATA, _text("name", primary_key=True), _text("value"))

positions = Table(
    "positions", METADATA,
    _text("topic", primary_key=True), _whole("partition", primary_key=True), _whole("next_offset"),
)  # fmt: skip

merchants = Table(
    "merchants", METADATA,
    _text("merchant_id", primary_key=True), Column("score", Float), _text("grade"),
    _whole("score_revision"), _whole("score_epoch"), _text("score_body"), _text("grades_since"),
    _word("name"), _word("status"), _word("mcc"), _word("city"), _word("region"), _word("agent_id"), _word("rep_id"),
    Column("changes_ms", BigInteger), _word("last_sale_day"),
    Index("ix_merchants_name", "name", "merchant_id"),
    Index("ix_merchants_score", "score", "merchant_id"),
    Index("ix_merchants_place", "merchant_id", "region", "agent_id"),  # a row of the table is long
    *(Index(f"ix_merchants_{each}", each) for each in ("region", "agent_id", "rep_id", "grade")),
    Index("ix_merchants_portfolio", "mcc", "region", "agent_id", "rep_id", "grade", "merchant_id"),
    _partial("ix_merchants_changes_ms", "changes_ms", where="changes_ms IS NOT NULL"),
    _partial("ix_merchants_last_sale_day", "last_sale_day", where="last_sale_day <> ''"),
)  # fmt: skip

merchant_reps = Table(
    "merchant_reps", METADATA,
    _text("merchant_id", primary_key=True), _whole("from_ms", primary_key=True), _text("rep_id"),
    Column("until_ms", BigInteger), Index("ix_merchant_reps_rep_id", "rep_id"),
)  # fmt: skip

merchant_scores = Table(
    "merchant_scores", METADATA,
    _text("merchant_id", primary_key=True), _text("day", primary_key=True), _text("grade", primary_key=True),
    Column("score", Float, nullable=False), _whole("score_revision"), _whole("score_epoch"), _text("time"),
    _text("body"), Index("ix_merchant_scores_day", "day"), sqlite_with_rowid=False,
)  # fmt: skip

merchant_profiles = Table(
    "merchant_profiles", METADATA,
    _text("merchant_id", primary_key=True), _text("kind", primary_key=True),
    _whole("effective_from_ms", primary_key=True), _whole("epoch"),
    Column("rep_id", Text), Column("agent_id", Text), Column("until_ms", BigInteger), _text("body"),
)  # fmt: skip

merchant_days = Table(
    "merchant_days", METADATA,
    _text("merchant_id", primary_key=True), _text("day", primary_key=True),
    _text("currency"), Column("score", Float), _whole("epoch"), Column("body", LargeBinary, nullable=False),
    *(Column(each, Float) for each in DAY_FIGURES),
    Index("ix_merchant_days_day", "day"),
)  # fmt: skip

merchant_months = Table(
    "merchant_months", METADATA,
    _text("merchant_id", primary_key=True), _text("month", primary_key=True), _text("currency"),
    _text("rep_id"), _text("region"), _text("agent_id"), _whole("turnover_minor"), _whole("sales"), _whole("fee_minor"),
    _flag("is_new"), _text("last_sale_day"),
    Index(
        "ix_merchant_months_month", "month", "rep_id", "region", "agent_id", "currency", "merchant_id", "sales",
        "turnover_minor", "fee_minor", "is_new",
    ),
)  # fmt: skip

month_sums = Table(
    "month_sums", METADATA,
    _text("month", primary_key=True), _text("by", primary_key=True), _text("key", primary_key=True),
    _text("currency", primary_key=True),
    *(_whole(each) for each in ("merchants", "active", "new", "gone", "turnover_minor", "fee_minor")),
)  # fmt: skip
"""Of merchants' months by rep, region and agent; `gone` are those that sold in the month and not in the one after."""

field_sums = Table(
    "field_sums", METADATA,
    _text("month", primary_key=True), _text("by", primary_key=True), _text("key", primary_key=True),
    *(_whole(each) for each in ("visits", "due", "in_time")),
)  # fmt: skip
"""Of visits and inspections by rep, region and agent and UTC month."""

inspections = Table(
    "inspections", METADATA,
    _text("merchant_id", primary_key=True), _text("rule", primary_key=True), _whole("since_ms", primary_key=True),
    _whole("due_ms"), Column("done_ms", BigInteger), Index("ix_inspections_due_ms", "due_ms", "merchant_id", "done_ms"),
    _partial("ix_inspections_open", "due_ms", "merchant_id", "rule", "since_ms", where="done_ms IS NULL"),
    _partial("ix_inspections_merchant", "merchant_id", "due_ms", "since_ms", "done_ms", where="done_ms IS NULL"),
)  # fmt: skip

declines = Table(
    "declines", METADATA,
    _text("alert_id", primary_key=True), _text("merchant_id"), _whole("warned_ms"),
    Column("before_sales", Float), _text("turned_day"), Index("ix_declines_warned_ms", "warned_ms", "merchant_id"),
)  # fmt: skip

causes = Table(
    "causes", METADATA,
    _text("cause_id", primary_key=True), _whole("revision"), _whole("epoch"),
    Column("severity", Float, nullable=False), _flag("is_aml"), _flag("closed"), _flag("withdrawn"), _text("body"),
)  # fmt: skip

QUEUE_COLUMNS = (
    "status", "is_aml", "undecided", "snoozed_until_ms", "due_ms", "holder", "merchant_id", "kind", "grade", "city",
    "region", "agent_id", "rep_id", "mcc", "currency", "turnover_minor", "loss_minor", "detectors",
    "risk_codes", "shop_name",
)  # fmt: skip
"""What the queue filters and sums by: two indices have all of it, so that cases that do not fit are not looked up."""

cases = Table(
    "cases", METADATA,
    _id("case_id"), _text("kind"), Column("merchant_id", Text),
    Column("cause_id", Text, ForeignKey("causes.cause_id")), _flag("is_aml"), _text("status"), _whole("version"),
    Column("severity", Float, nullable=False),
    Column("holder", Text), Column("taken_ms", BigInteger), Column("snoozed_until_ms", BigInteger),
    Column("merged_into", BigInteger, ForeignKey("cases.case_id")),
    _text("opened_by"), _whole("opened_ms"), _whole("updated_ms"),
    _whole("open_since_ms"), Column("due_ms", BigInteger), _text("due_rule"),
    Column("priority", Float, nullable=False, server_default="0"),
    Column("lane", Text, nullable=False, server_default="risk"),
    _count("filed"), _count("undecided"), _count("withdrawn"), Column("oldest_ms", BigInteger),
    Column("detectors", Text, nullable=False, server_default="{}"), _word("risk_codes"), _word("currency"),
    Column("turnover_minor", BigInteger), Column("loss_minor", BigInteger),
    _word("grade"), _word("shop_name"), _word("mcc"), _word("city"), _word("region"), _word("agent_id"),
    _word("rep_id"),
    Index("ix_cases_status_due_ms", "status", "due_ms"),
    Index("ix_cases_merchant_id_status", "merchant_id", "status"),
    _partial("ix_cases_open", "lane", "priority", "case_id", *QUEUE_COLUMNS, where="status = 'open'"),
    _partial("ix_cases_decided", "lane", "case_id", *QUEUE_COLUMNS, where="status = 'decided'"),
    Index("ix_cases_opened_ms", "opened_ms", "is_aml"),
    _partial("ix_cases_aml", "case_id", where="is_aml"),
    _partial("ix_cases_holder", "holder", where="holder IS NOT NULL"),
    _partial("ix_cases_snoozed_until_ms", "snoozed_until_ms", where="snoozed_until_ms IS NOT NULL"),
    sqlite_autoincrement=True,
)  # fmt: skip

alerts = Table(
    "alerts", METADATA,
    _text("alert_id", primary_key=True), _case(), _text("merchant_id"), _text("detector"), _text("risk_code"),
    _flag("is_aml"), _whole("revision"), _whole("epoch"), _text("state"),
    Column("severity", Float, nullable=False), _text("currency"),
    Column("turnover_minor", BigInteger), Column("loss_minor", BigInteger),
    _text("first_time"), _text("last_time"), _flag("closed"), _whole("reopened"), _whole("filed_ms"),
    Column("verdict", Text), Column("decision_id", BigInteger), Column("decided_reopened", BigInteger),
    Column("duty_rule", Text), Column("duty_ms", BigInteger), Column("bearer", Text), _word("mcc"),
    Index("ix_alerts_case_id", "case_id"),
    Index("ix_alerts_merchant_id_detector", "merchant_id", "detector"),
    Index("ix_alerts_detector_filed_ms", "detector", "filed_ms", "is_aml"),
    Index("ix_alerts_last_time", "last_time"),
    _partial("ix_alerts_undecided", "detector", "is_aml", "state", "verdict", where="verdict IS NULL"),
    _partial("ix_alerts_decided", "detector", "mcc", "decision_id", where="verdict IS NOT NULL"),
    _partial("ix_alerts_duty_ms", "duty_ms", where="duty_ms IS NOT NULL"),
    Index("ix_alerts_filed_ms_alert_id", "filed_ms", "alert_id"),
)  # fmt: skip

alert_revisions = Table(
    "alert_revisions", METADATA,
    Column("alert_id", Text, ForeignKey("alerts.alert_id"), primary_key=True, nullable=False),
    _whole("revision", primary_key=True), _whole("epoch"), _text("state"), _whole("partition"), _whole("offset"),
    _whole("appended_ms"), _whole("filed_ms"), _text("body"),
    Index("ix_alert_revisions_state", "state"),
)  # fmt: skip

SHOWN = and_(alert_revisions.c.alert_id == alerts.c.alert_id, alert_revisions.c.revision == alerts.c.revision)
"""Joins an alert with the revision that its row shows."""

alert_transactions = Table(
    "alert_transactions", METADATA,
    Column("alert_id", Text, ForeignKey("alerts.alert_id"), primary_key=True, nullable=False),
    _text("txn_id", primary_key=True), _text("txn_type", primary_key=True), _text("time", primary_key=True),
    _whole("amount_minor"), _text("currency"), _text("mcc"), _text("terminal_id"), _text("rrn"), _text("stan"),
    _text("card_last4"), _text("response_code"), Column("fee_minor", BigInteger),
    _partial("ix_alert_transactions_rrn", "rrn", where="rrn <> ''"),
    _partial("ix_alert_transactions_terminal_id", "terminal_id", where="terminal_id <> ''"),
    _partial("ix_alert_transactions_card_last4", "card_last4", where="card_last4 <> ''"),
    sqlite_with_rowid=False,
)  # fmt: skip

alert_totals = Table(
    "alert_totals", METADATA,
    Column("is_aml", Boolean, primary_key=True, nullable=False), _whole("filed"), _whole("undecided"),
    _whole("withdrawn"),
)  # fmt: skip

verdict_counts = Table(
    "verdict_counts", METADATA,
    _text("detector", primary_key=True), _text("mcc", primary_key=True),
    Column("is_aml", Boolean, primary_key=True, nullable=False), _text("verdict", primary_key=True), _whole("count"),
)  # fmt: skip

detector_days = Table(
    "detector_days", METADATA,
    _text("detector", primary_key=True), _whole("day", primary_key=True),
    Column("is_aml", Boolean, primary_key=True, nullable=False), _text("verdict", primary_key=True), _whole("count"),
    Column("severity_sum", Float, nullable=False),
)  # fmt: skip

rerankers = Table(
    "rerankers", METADATA,
    _id("reranker_id"), _text("by"), _whole("fitted_ms"), _flag("in_force"), _whole("verdicts"), _whole("top"),
    Column("precision", Float, nullable=False), Column("plain_precision", Float, nullable=False), _text("body"),
    sqlite_autoincrement=True,
)  # fmt: skip

audit = Table(
    "audit", METADATA,
    _whole("entry_id", primary_key=True, autoincrement=False), _whole("time_ms"), _text("actor"), _text("kind"),
    Column("case_id", BigInteger), _flag("is_aml"), _text("detail"), _text("previous_hash"), _text("hash"),
    Index("ix_audit_case_id", "case_id"),
    Index("ix_audit_actor_kind_entry_id", "actor", "kind", "entry_id"), Index("ix_audit_time_ms", "time_ms"),
)  # fmt: skip

audit_head = Table(
    "audit_head", METADATA,
    _whole("one", primary_key=True, autoincrement=False), _whole("entry_id"), _text("hash"),
)  # fmt: skip

teams = Table("teams", METADATA, _text("team_id", primary_key=True), _text("name"))

users = Table(
    "users", METADATA,
    _text("user_id", primary_key=True), _text("name"), Column("team_id", Text, ForeignKey("teams.team_id")),
    _flag("disabled"), _flag("is_service"), Column("signed_in_ms", BigInteger),
)  # fmt: skip

user_roles = Table(
    "user_roles", METADATA,
    Column("user_id", Text, ForeignKey("users.user_id"), primary_key=True, nullable=False),
    _text("role", primary_key=True),
)  # fmt: skip

credentials = Table(
    "credentials", METADATA,
    Column("user_id", Text, ForeignKey("users.user_id"), primary_key=True, nullable=False),
    _text("password_hash"), _whole("changed_ms"),
)  # fmt: skip

sessions = Table(
    "sessions", METADATA,
    _text("session_hash", primary_key=True), Column("user_id", Text, ForeignKey("users.user_id"), nullable=False),
    _text("csrf"), _whole("made_ms"), _whole("seen_ms"), _whole("until_ms"),
    Index("ix_sessions_user_id", "user_id"),
)  # fmt: skip

login_links = Table(
    "login_links", METADATA,
    _text("link_hash", primary_key=True), Column("user_id", Text, ForeignKey("users.user_id")), _whole("until_ms"),
)  # fmt: skip

login_failures = Table(
    "login_failures", METADATA,
    _text("name", primary_key=True), _whole("failures"), _whole("last_ms"),
)  # fmt: skip

tokens = Table(
    "tokens", METADATA,
    _id("token_id"), _text("token_hash", unique=True),
    Column("user_id", Text, ForeignKey("users.user_id"), nullable=False), _text("name"), _text("scopes"),
    _text("made_by"), _whole("made_ms"), _whole("until_ms"), Column("used_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    sqlite_autoincrement=True,
)  # fmt: skip

replies = Table(
    "replies", METADATA,
    Column("token_id", BigInteger, ForeignKey("tokens.token_id"), primary_key=True, nullable=False),
    _text("key", primary_key=True), _text("request_hash"), _whole("status"), _text("body"), _whole("made_ms"),
    Index("ix_replies_made_ms", "made_ms"),
)  # fmt: skip

preferences = Table(
    "preferences", METADATA,
    Column("user_id", Text, ForeignKey("users.user_id"), primary_key=True, nullable=False),
    _text("lang"), _text("theme"),
)  # fmt: skip

comments = Table(
    "comments", METADATA,
    _id("comment_id"), _case(), _text("by"), _whole("written_ms"), _text("text"),
    Index("ix_comments_case_id", "case_id"), sqlite_autoincrement=True,
)  # fmt: skip

decisions = Table(
    "decisions", METADATA,
    _id("decision_id"), _case(), _text("verdict"), _text("reason_code"), _text("comment"), _text("by"),
    _whole("decided_ms"), Column("undone_ms", BigInteger), _text("status"), Column("second_by", Text),
    Column("second_ms", BigInteger), _text("second_text"), Column("bulk_id", BigInteger),
    Index("ix_decisions_status", "status"), Index("ix_decisions_bulk_id", "bulk_id"),
    Index("ix_decisions_case_id", "case_id"),
    Index("ix_decisions_decided_ms", "decided_ms", "status", "undone_ms", "case_id"),
    sqlite_autoincrement=True,
)  # fmt: skip

decision_alerts = Table(
    "decision_alerts", METADATA,
    Column("decision_id", BigInteger, ForeignKey("decisions.decision_id"), primary_key=True, nullable=False),
    Column("alert_id", Text, ForeignKey("alerts.alert_id"), primary_key=True, nullable=False),
    Column("verdict_before", Text), Column("decision_before", BigInteger), Column("reopened_before", BigInteger),
)  # fmt: skip

actions = Table(
    "actions", METADATA,
    _id("action_id"), _case(), _text("kind"), _text("text"), _text("status"), _whole("approvals_wanted"),
    _text("recommended_by"), _whole("recommended_ms"), Column("recorded_by", Text), Column("recorded_ms", BigInteger),
    _text("outcome"), Column("approved_ms", BigInteger),
    Index("ix_actions_status_approved_ms", "status", "approved_ms"),
    Index("ix_actions_case_id", "case_id"), sqlite_autoincrement=True,
)  # fmt: skip

approvals = Table(
    "approvals", METADATA,
    Column("action_id", BigInteger, ForeignKey("actions.action_id"), primary_key=True, nullable=False),
    _text("by", primary_key=True), _whole("approved_ms"),
)  # fmt: skip

snoozes = Table(
    "snoozes", METADATA,
    _id("snooze_id"), _case(), _text("by"), _whole("since_ms"), _whole("until_ms"), _text("reason"),
    _text("detectors"), _text("grade"), _text("losses"), Column("ended_ms", BigInteger), _text("ended_why"),
    Index("ix_snoozes_ended_ms", "ended_ms"), Index("ix_snoozes_case_id", "case_id"), sqlite_autoincrement=True,
)  # fmt: skip

suppressions = Table(
    "suppressions", METADATA,
    _id("suppression_id"), _text("detector"), _text("merchant_id"), _flag("is_aml"), _text("by"), _whole("since_ms"),
    _whole("until_ms"), _text("reason"), Column("lifted_by", Text), Column("lifted_ms", BigInteger),
    Index("ix_suppressions_detector_merchant_id", "detector", "merchant_id"), sqlite_autoincrement=True,
)  # fmt: skip

outbox = Table(
    "outbox", METADATA,
    _text("outbox_id", primary_key=True), Column("decision_id", BigInteger, ForeignKey("decisions.decision_id")),
    _text("topic"), _whole("not_before_ms"), _text("status"), Column("sent_ms", BigInteger), _text("body"),
    _text("refusal"), Column("draft_id", BigInteger), Index("ix_outbox_draft_id", "draft_id"),
    Index("ix_outbox_status_not_before_ms", "status", "not_before_ms"),
    Index("ix_outbox_decision_id", "decision_id"),
)  # fmt: skip

escalations = Table(
    "escalations", METADATA,
    _id("escalation_id"), _case(), Column("to_role", Text), Column("to_user", Text), _flag("is_aml"), _text("reason"),
    _text("by"), _whole("escalated_ms"), Column("answered_by", Text), Column("answered_ms", BigInteger),
    _text("answer"), Index("ix_escalations_case_id", "case_id"), sqlite_autoincrement=True,
)  # fmt: skip

reminders = Table(
    "reminders", METADATA,
    _id("reminder_id"), _case(), _text("user_id"), _whole("due_ms"), _text("text"), _text("by"), _whole("set_ms"),
    Column("done_ms", BigInteger), Index("ix_reminders_user_id_due_ms", "user_id", "due_ms"),
    sqlite_autoincrement=True,
)  # fmt: skip

flags = Table(
    "flags", METADATA,
    _id("flag_id"), _case(), _text("by"), _whole("flagged_ms"), _text("why"), Column("lifted_by", Text),
    Column("lifted_ms", BigInteger), _text("found"), Index("ix_flags_case_id", "case_id"), sqlite_autoincrement=True,
)  # fmt: skip

bulks = Table(
    "bulks", METADATA,
    _id("bulk_id"), _text("kind"), _text("by"), _whole("done_ms"), _flag("is_aml"), _whole("entry_id"),
    Column("undone_ms", BigInteger), sqlite_autoincrement=True,
)  # fmt: skip

bulk_cases = Table(
    "bulk_cases", METADATA,
    Column("bulk_id", BigInteger, ForeignKey("bulks.bulk_id"), primary_key=True, nullable=False),
    Column("case_id", BigInteger, ForeignKey("cases.case_id"), primary_key=True, nullable=False),
    Index("ix_bulk_cases_case_id", "case_id"),
)  # fmt: skip

attachments = Table(
    "attachments", METADATA,
    _id("attachment_id"), _case(), _text("sha256"), _text("name"), _text("media_type"), _whole("size"),
    _text("by"), _whole("attached_ms"), Index("ix_attachments_case_id", "case_id"),
    Index("ix_attachments_sha256", "sha256"), sqlite_autoincrement=True,
)  # fmt: skip

retrievals = Table(
    "retrievals", METADATA,
    Column("case_id", BigInteger, ForeignKey("cases.case_id"), primary_key=True, nullable=False),
    Column("from_case_id", BigInteger, ForeignKey("cases.case_id")), _text("text"), _text("by"), _whole("asked_ms"),
    Column("outcome", Text), Column("closed_by", Text), Column("closed_ms", BigInteger), _text("closing_text"),
    Index("ix_retrievals_from_case_id", "from_case_id"),
)  # fmt: skip

retrieval_transactions = Table(
    "retrieval_transactions", METADATA,
    Column("case_id", BigInteger, ForeignKey("retrievals.case_id"), primary_key=True, nullable=False),
    _text("alert_id", primary_key=True), _text("txn_id", primary_key=True), _text("txn_type", primary_key=True),
    _text("time", primary_key=True),
)  # fmt: skip

retrieval_documents = Table(
    "retrieval_documents", METADATA,
    Column("case_id", BigInteger, ForeignKey("retrievals.case_id"), primary_key=True, nullable=False),
    _text("document", primary_key=True), Column("received_ms", BigInteger),
)  # fmt: skip

retrieval_files = Table(
    "retrieval_files", METADATA,
    Column("attachment_id", BigInteger, ForeignKey("attachments.attachment_id"), primary_key=True, nullable=False),
    Column("case_id", BigInteger, ForeignKey("retrievals.case_id"), nullable=False), _text("document"),
    Index("ix_retrieval_files_case_id", "case_id"),
)  # fmt: skip

drafts = Table(
    "drafts", METADATA,
    _id("draft_id"), _case(nullable=True), _text("merchant_id"), _text("kind"), _text("changes"),
    Column("from_ms", BigInteger), Column("until_ms", BigInteger), _text("why"), _text("by"),
    _whole("drafted_ms"), _text("status"), Column("answered_by", Text), Column("answered_ms", BigInteger),
    _text("answer"), Index("ix_drafts_status", "status"), Index("ix_drafts_merchant_id", "merchant_id"),
    sqlite_autoincrement=True,
)  # fmt: skip

rechecks = Table(
    "rechecks", METADATA,
    _id("recheck_id"), Column("decision_id", BigInteger, ForeignKey("decisions.decision_id"), nullable=False), _case(),
    _text("drawn_by"), _whole("drawn_ms"), _whole("seed"), Column("agrees", Boolean), _text("comment"),
    Column("checked_ms", BigInteger), Index("ix_rechecks_decision_id", "decision_id"),
    Index("ix_rechecks_drawn_by_checked_ms", "drawn_by", "checked_ms"), sqlite_autoincrement=True,
)  # fmt: skip

merchant_notes = Table(
    "merchant_notes", METADATA,
    _id("note_id"), _text("merchant_id"), _flag("is_aml"), _text("text"), _text("by"), _whole("written_ms"),
    Index("ix_merchant_notes_merchant_id", "merchant_id"), sqlite_autoincrement=True,
)  # fmt: skip

visits = Table(
    "visits", METADATA,
    _id("visit_id"), _text("merchant_id"), _whole("visited_ms"), _text("visit_kind"), _text("outcome"), _text("note"),
    _text("by"), _whole("recorded_ms"), Column("lat", Float), Column("lon", Float), _word("coord_sys"),
    _word("alert_id"), _word("of_case"), Column("offset", BigInteger),
    Index("ix_visits_merchant_id_visited_ms", "merchant_id", "visited_ms"),
    Index("ix_visits_visited_ms", "visited_ms", "merchant_id", "by"),
    sqlite_autoincrement=True,
)  # fmt: skip

complaints = Table(
    "complaints", METADATA,
    _text("merchant_id", primary_key=True), _whole("made_ms", primary_key=True), _whole("offset", primary_key=True),
    _text("reason_code"), _text("channel"), _text("note"), _text("of_case"),
    Index("ix_complaints_made_ms", "made_ms", "merchant_id"),
)  # fmt: skip

handovers = Table(
    "handovers", METADATA,
    _id("handover_id"), _text("team_id"), _text("day"), _text("text"), _text("by"), _whole("written_ms"),
    Index("ix_handovers_team_id_day", "team_id", "day"), sqlite_autoincrement=True,
)  # fmt: skip

proposals = Table(
    "proposals", METADATA,
    _id("proposal_id"), _text("kind"), Column("withdraws", BigInteger), _text("body"),
    Column("effective_ms", BigInteger), Column("after_ms", BigInteger), _whole("newest"), _text("why"), _text("by"),
    _whole("proposed_ms"), _text("status"), Column("answered_by", Text), Column("answered_ms", BigInteger),
    _text("answer"), Column("version", BigInteger), Index("ix_proposals_status", "status"),
    Index("ix_proposals_kind", "kind"), sqlite_autoincrement=True,
)  # fmt: skip

tasks = Table(
    "tasks", METADATA,
    _id("task_id"), _case(nullable=True), _text("merchant_id"), _text("kind"), _text("rep_id"), _flag("is_own"),
    _text("made_by"), _whole("made_ms"), _whole("due_ms"), _text("checklist"), _text("text"), _text("nonce"),
    _text("status"), Column("opened_ms", BigInteger), Column("answered_ms", BigInteger),
    Column("withdrawn_ms", BigInteger), _text("withdrawn_why"),
    Column("after_task_id", BigInteger, ForeignKey("tasks.task_id")), Column("finding_until_ms", BigInteger),
    Index("ix_tasks_rep_id_status_due_ms", "rep_id", "status", "due_ms"), Index("ix_tasks_case_id", "case_id"),
    Index("ix_tasks_merchant_id", "merchant_id"), Index("ix_tasks_after_task_id", "after_task_id"),
    Index("ix_tasks_status_due_ms", "status", "due_ms"), Index("ix_tasks_answered_ms", "answered_ms"),
    sqlite_autoincrement=True,
)  # fmt: skip

task_answers = Table(
    "task_answers", METADATA,
    _id("answer_id"), Column("task_id", BigInteger, ForeignKey("tasks.task_id"), nullable=False, unique=True),
    _text("key"), _text("by"), _whole("answered_ms"), _text("outcome"), _text("checks"), _text("text"),
    Column("visit_id", BigInteger, ForeignKey("visits.visit_id")), Column("phone_ms", BigInteger),
    Column("lat", Float), Column("lon", Float), _text("coord_sys"), Column("accuracy_m", Float),
    Column("distance_m", Float), Column("radius_m", BigInteger), Column("position_agreed_ms", BigInteger),
    Column("position_erased_ms", BigInteger),
    Index("ix_task_answers_answered_ms", "answered_ms"), sqlite_autoincrement=True,
)  # fmt: skip

task_photos = Table(
    "task_photos", METADATA,
    _id("photo_id"), Column("task_id", BigInteger, ForeignKey("tasks.task_id"), nullable=False), _text("slot"),
    _text("sha256"), _whole("size"), _text("media_type"), _text("shown_sha256"), _whole("shown_size"),
    _whole("width"), _whole("height"),
    _text("exif"), _text("by"), _whole("received_ms"), Column("phone_ms", BigInteger),
    Column("erased_ms", BigInteger), _text("erased_why"),
    Index("uq_task_photos_task_id_slot_sha256", "task_id", "slot", "sha256", unique=True),
    Index("ix_task_photos_sha256", "sha256"), Index("ix_task_photos_shown_sha256", "shown_sha256"),
    Index("ix_task_photos_received_ms", "received_ms"), sqlite_autoincrement=True,
)  # fmt: skip

task_chunks = Table(
    "task_chunks", METADATA,
    Column("task_id", BigInteger, ForeignKey("tasks.task_id"), primary_key=True, nullable=False),
    _text("sha256", primary_key=True), _whole("number", primary_key=True),
    Column("data", LargeBinary, nullable=False), _whole("received_ms"),
    Index("ix_task_chunks_received_ms", "received_ms"),
)  # fmt: skip

task_links = Table(
    "task_links", METADATA,
    _text("link_hash", primary_key=True), _text("user_id"),
    Column("task_id", BigInteger, ForeignKey("tasks.task_id")), _text("made_by"), _whole("made_ms"),
    _whole("until_ms"), Column("device_hash", Text), _text("csrf"), Column("used_ms", BigInteger),
    Column("withdrawn_ms", BigInteger),
    Index("ix_task_links_user_id", "user_id"), Index("ix_task_links_until_ms", "until_ms"),
    _partial("ix_task_links_device_hash", "device_hash", where="device_hash IS NOT NULL"),
)  # fmt: skip

merchant_terminals = Table(
    "merchant_terminals", METADATA,
    _text("merchant_id", primary_key=True), _text("terminal_id", primary_key=True),
    _whole("effective_from_ms", primary_key=True), _whole("offset"), _text("body"),
)  # fmt: skip

persons = Table(
    "persons", METADATA,
    _text("person_id", primary_key=True), _whole("effective_from_ms", primary_key=True), _text("role"),
    _text("supervisor_id"), _text("body"),
    Index("ix_persons_role", "role"),
)  # fmt: skip

notices = Table(
    "notices", METADATA,
    _text("notice_id", primary_key=True), _text("kind"), _text("recipient"), _flag("is_desk"), _text("channels"),
    _text("route"), _text("body"), _flag("urgent"), _whole("made_ms"), _text("status"), _whole("not_before_ms"),
    _whole("attempts"), Column("leased_by", Text), Column("leased_until_ms", BigInteger),
    Column("sent_ms", BigInteger), _text("channel"), _text("message_id"), _text("said"),
    Column("opened_ms", BigInteger), Column("answered_ms", BigInteger), Column("dead_ms", BigInteger),
    Column("escalates", Text, ForeignKey("notices.notice_id")), Column("escalate_ms", BigInteger),
    Index("ix_notices_status_not_before_ms", "status", "not_before_ms"),
    Index("ix_notices_recipient_made_ms", "recipient", "made_ms"), Index("ix_notices_made_ms", "made_ms"),
    _partial("ix_notices_escalate_ms", "escalate_ms", where="escalate_ms IS NOT NULL"),
    Index("ix_notices_escalates", "escalates"),
)  # fmt: skip

notice_entries = Table(
    "notice_entries", METADATA,
    Column("notice_id", Text, ForeignKey("notices.notice_id"), primary_key=True, nullable=False),
    _whole("position", primary_key=True), _text("merchant_id"), _text("alert_ids"), _flag("is_task"),
    Column("task_id", BigInteger), Column("due_ms", BigInteger),
    Index("ix_notice_entries_merchant_id", "merchant_id"), Index("ix_notice_entries_task_id", "task_id"),
)  # fmt: skip

notice_attempts = Table(
    "notice_attempts", METADATA,
    _id("attempt_id"), Column("notice_id", Text, ForeignKey("notices.notice_id"), nullable=False), _text("channel"),
    _whole("tried_ms"), _text("status"), _text("message_id"), _text("said"),
    Index("ix_notice_attempts_notice_id", "notice_id"), sqlite_autoincrement=True,
)  # fmt: skip

channel_sends = Table(
    "channel_sends", METADATA,
    _id("send_id"), _text("channel"), _whole("sent_ms"), Index("ix_channel_sends_channel", "channel", "sent_ms"),
)  # fmt: skip
"""Messages that channels were asked to take within the windows of their budgets, by all senders."""

notice_groups = Table(
    "notice_groups", METADATA,
    _text("group_key", primary_key=True), _text("route"), _text("recipient"), _text("labels"),
    Column("next_ms", BigInteger), _flag("flushed"), Column("told_ms", BigInteger), _text("told"),
)  # fmt: skip

notice_held = Table(
    "notice_held", METADATA,
    _text("recipient", primary_key=True), _text("alert_id", primary_key=True), _text("group_key"), _text("route"),
    _whole("held_ms"), _whole("release_ms"), Index("ix_notice_held_release_ms", "release_ms"),
)  # fmt: skip

silences = Table(
    "silences", METADATA,
    _id("silence_id"), _text("matchers"), _text("reason"), _text("by"), _whole("made_ms"), _whole("from_ms"),
    _whole("until_ms"), Column("expired_by", Text), Column("matched_ms", BigInteger),
    Index("ix_silences_until_ms", "until_ms"), sqlite_autoincrement=True,
)  # fmt: skip

culprit_rules = Table(
    "culprit_rules", METADATA,
    _text("kind", primary_key=True), _text("goes_to"), _text("reason"), _text("by"), _whole("set_ms"),
)  # fmt: skip
