"""What the API gives, and ids in its paths. Money is in minor units (`_minor`), times are UTC milliseconds (`_ms`)."""

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

_MOST_ID = 2**63 - 1
Number = Annotated[int, Field(ge=0, le=_MOST_ID)]
NumberInPath = Annotated[int, Path(ge=1, le=_MOST_ID)]
IdInPath = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Alert(_Given):
    """An alert, as the revision in force has it."""

    alert_id: str
    case_id: int
    merchant_id: str
    detector: str
    risk_code: str = Field(description="PCAC risk type; empty where none exists")
    revision: int
    state: str = Field(description="`provisional` until the log has committed it, `confirmed`, or `withdrawn`")
    severity: float = Field(description="0 to 1")
    currency: str
    turnover_minor: int | None
    loss_minor: int | None
    first_time: str = Field(description="of the first hit, ISO 8601")
    last_time: str
    closed: bool
    reopened: int = Field(description="how often a hit reopened it after it was closed")
    filed_ms: int
    verdict: str | None
    decision_id: int | None


class AlertInFull(Alert):
    """An alert with the revision itself."""

    body: dict[str, Any] = Field(description="the alert as the topic `alerts` has it")


class Case(_Given):
    """A case."""

    case_id: int
    kind: str
    merchant_id: str | None
    cause_id: str | None
    is_aml: bool
    status: str = Field(description="`open`, `decided` or `merged`")
    version: int = Field(description="rises with every change: what expects an older one is refused")
    severity: float
    holder: str | None
    taken_ms: int | None
    snoozed_until_ms: int | None
    merged_into: int | None
    opened_by: str
    opened_ms: int
    updated_ms: int


class Comment(_Given):
    """A comment on a case."""

    comment_id: int
    by: str
    written_ms: int
    text: str


class Decision(_Given):
    """A decision on a case."""

    decision_id: int
    verdict: str
    reason_code: str
    comment: str
    by: str
    decided_ms: int
    status: str = Field(description="`given`; `proposed` until another agrees; `declined` where another did not")
    second_by: str | None = Field(description="who agreed or declined")
    second_ms: int | None
    second_text: str
    undone_ms: int | None


class Action(_Given):
    """What is to be done about a merchant; whoever does it records it here."""

    action_id: int
    case_id: int
    merchant_id: str | None
    kind: str
    text: str
    status: str = Field(description="`recommended`, `approved` or `recorded`")
    approvals_wanted: int
    recommended_by: str
    recommended_ms: int
    approved_ms: int | None = Field(description="since when all approvals that are wanted are there")
    recorded_by: str | None
    recorded_ms: int | None
    outcome: str


class ToExecute(Action):
    """An action that may be executed and is not recorded."""

    cause_id: str | None = Field(description="of a case of several merchants")
    since_ms: int = Field(description="from when on it might have been executed")


class ActionsToExecute(_Given):
    """Those that have waited longest come first."""

    items: list[ToExecute]


class NotRecorded(_Given):
    """An action that could not be recorded."""

    action_id: int
    reason: str


class Recorded(_Given):
    """What became of a list of executed actions."""

    recorded: list[int] = Field(description="numbers of the actions")
    refused: list[NotRecorded]


class Flag(_Given):
    """A request for a second pair of eyes."""

    flag_id: int
    by: str
    flagged_ms: int
    why: str
    lifted_by: str | None
    lifted_ms: int | None
    found: str = Field(description="by whoever lifted it")


class Escalation(_Given):
    """A case given upwards."""

    escalation_id: int
    case_id: int
    to_role: str | None
    to_user: str | None
    reason: str
    by: str
    escalated_ms: int
    answered_by: str | None
    answered_ms: int | None
    answer: str


class Escalations(_Given):
    """Those that wait for the token's user."""

    items: list[Escalation]


class Reminder(_Given):
    """A reminder of a case."""

    reminder_id: int
    case_id: int
    user_id: str = Field(description="who is reminded")
    due_ms: int
    text: str
    by: str
    set_ms: int


class Reminders(_Given):
    """Those of the token's user that are not done, due or not."""

    items: list[Reminder]


class CaseInFull(Case):
    """A case with what it holds."""

    alerts: list[Alert]
    comments: list[Comment]
    decisions: list[Decision]
    actions: list[Action]
    flags: list[Flag]
    escalations: list[Escalation]


class Override(_Given):
    """A draft of a grade set by hand."""

    draft_id: int
    merchant_id: str
    grade: str
    until_ms: int
    reason: str
    status: str = Field(description="`drafted`, `approved`, which sends it to the monitor, or `rejected`")
    by: str
    drafted_ms: int
    answered_by: str | None
    answered_ms: int | None
    answer: str


class Skipped(_Given):
    """A case that nothing was done to."""

    case_id: int
    reason: str
    holder: str | None = Field(description="who holds it, where that is the reason")
    version: int | None = Field(description="of the case now, where that is the reason")


class Sums(_Given):
    """What alerts come to."""

    turnover_minor: int
    loss_minor: int


class Bulk(_Given):
    """One verdict on many cases."""

    bulk_id: int = Field(description="by which it is undone; 0 where no case was decided")
    case_ids: list[int]
    proposed: list[int] = Field(description="of these, those whose decision another must agree to")
    skipped: list[Skipped]
    alerts: int
    money: dict[str, Sums] = Field(description="by currency")


class Undone(_Given):
    """A bulk that was taken back."""

    bulk_id: int


class Changed(_Given):
    """A case after a change."""

    case: Case
    created_id: int | None = Field(
        default=None, description="number of the comment, decision, snooze or action that was made"
    )


class Verdict(Decision):
    """A verdict on an alert."""

    case_id: int
    alert_id: str
    merchant_id: str
    detector: str


class Suppressed(_Given):
    """A suppression."""

    suppression_id: int


class CauseHead(_Given):
    """A cause."""

    cause_id: str
    revision: int
    severity: float
    is_aml: bool
    closed: bool
    withdrawn: bool


class CauseInFull(CauseHead):
    """A cause with its members."""

    body: dict[str, Any] = Field(description="the cause as the topic `causes` has it")


class Contribution(_Given):
    """What an alert adds to a score."""

    detector: str
    points: float
    alert_id: str
    verdict: str


class Risk(_Given):
    """A merchant's risk."""

    merchant_id: str
    time: str
    score: float = Field(description="0 to 100; for a rep of what it may be told")
    grade: str = Field(description="A to E: the override's, where one is in force")
    computed_grade: str
    revision: int
    prior: float
    capped: float
    held: bool
    contributions: list[Contribution] = Field(description="of alerts that the token's user sees")


class DueInspection(_Given):
    """What is due at a shop."""

    rule: str = Field(description="`new`, `yearly`, `relocated`, `licence`, `dormant`, `dormant_year` or `recheck`")
    due_ms: int


class Stop(_Given):
    """A merchant at which a visit is due."""

    merchant_id: str
    name: str
    address: str
    city: str
    rep_id: str
    rep_name: str
    due: list[DueInspection] = Field(description="the earliest first; one visit does for all of it")
    turnover_minor: int | None = Field(description="of the running month and two before")
    currency: str
    last_visit_ms: int | None
    last_outcome: str
    distance_m: float | None = Field(description="from the position given")
    radius_m: int | None = Field(description="within which two places count as one")


class Inspections(_Given):
    """Merchants at which a visit is due."""

    items: list[Stop]


class AuditEntry(_Given):
    """An entry of the audit."""

    entry_id: int
    time_ms: int
    actor: str
    kind: str
    case_id: int | None
    is_aml: bool
    detail: dict[str, Any]
    hash: str
