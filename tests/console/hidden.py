"""What only `aml` may see, and what belongs to another rep: objects of each kind, marked so that a leak is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import select

from casework import (
    actions,
    attachments,
    decisions,
    drafts,
    escalation,
    flags,
    operations,
    pauses,
    proposals,
    quality,
    reminders,
)
from casework.agent import FilingAgent
from casework.files import Files
from casework.people import SYSTEM, Actor, put_user
from casework.proposals import Wanted
from casework.schema import cases
from casework.tasks import making, photos
from casework.tokens import make_token
from domain.readings import Profile
from streams.sqlite.log import SqliteLog
from tests.casework.world import NOW_MS, alert, cause, score, write
from tests.console.field import photo

if TYPE_CHECKING:
    from pathlib import Path

    from casework.store import Store

MARK = "tip-off"
"""Stands in every text of what is hidden, and in no other."""
AML, CHECKER = (Actor(each, frozenset({"aml"})) for each in ("aml", "checker"))


class Hidden(NamedTuple):
    """Ids of what is hidden, called as the parameters of routes are."""

    case_id: int
    alert_id: str
    merchant_id: str
    cause_id: str
    decision_id: int
    action_id: int
    suppression_id: int
    draft_id: int
    flag_id: int
    escalation_id: int
    reminder_id: int
    attachment_id: int
    recheck_id: int
    document: str
    user_id: str
    token_id: int
    secret: str
    file_kind: str
    proposal_id: int
    kind: str
    task_id: int
    photo_id: int


def hide(store: Store, folder: Path) -> Hidden:
    """Put it into a store whose log is in the folder; merchant m2 is the rep's own, the others are not."""
    with SqliteLog(folder / "tillwatch.db", durable=False) as log:
        write(log, alert(f"{MARK}-z", "m9", risk_code="42"), score("m9", "E", 1))
        write(log, cause(f"{MARK}-cause", {"m9": [f"{MARK}-z"]}, risk_code="42"))
        for merchant_id, rep_id in (("m2", "rep"), ("m9", "another")):
            made = Profile(
                merchant_id=merchant_id, kind="merchant", effective_from="2025-01-01T00:00:00Z",
                fields={"rep_id": rep_id},
            )  # fmt: skip
            log.append("merchant-profiles", 0, [msgspec.json.encode(made)], keys=[merchant_id.encode()])
        FilingAgent(store, log, lambda: NOW_MS).file()
        engine = Wanted("engine", b'{"late_s":3600,"country":"CN"}', after_ms=600_000)
        proposal_id = proposals.propose(store, Actor("another", frozenset({"lead"})), log, engine, "why", NOW_MS)
    with store.reading() as connection:
        case_id = int(connection.execute(select(cases.c.case_id).where(cases.c.is_aml)).scalar_one())
    escalation_id = escalation.escalate(store, AML, case_id, f"{MARK} reason", NOW_MS, to_role="aml")
    until_ms = NOW_MS + 86_400_000
    flag_id = flags.flag(store, AML, case_id, f"{MARK} flag", NOW_MS)
    reminder_id = reminders.remind(store, AML, case_id, until_ms, f"{MARK} reminder", NOW_MS)
    files, data = Files(folder / "files"), f"{MARK} file".encode()
    attachment_id = attachments.attach(store, files, AML, case_id, f"{MARK}.txt", data, NOW_MS)
    with store.reading() as connection:
        version = int(connection.execute(select(cases.c.version).where(cases.c.case_id == case_id)).scalar_one())
    operations.comment(store, AML, case_id, f"{MARK} comment", NOW_MS)
    decision_id = decisions.decide(store, AML, case_id, version, "confirmed", "R1", f"{MARK} reason", NOW_MS)
    action_id = actions.recommend(store, AML, case_id, "limit", f"{MARK} action", NOW_MS, approved_by_two=True)
    suppression_id = pauses.suppress(store, AML, "mcc_jump", "m9", until_ms, f"{MARK} why", NOW_MS, of_aml=True)
    draft_id = drafts.draft(
        store, AML, "override", "m9", {"grade": "E"}, f"{MARK} draft", NOW_MS, until_ms=until_ms, case_id=case_id
    )
    (recheck_id,) = quality.draw(store, Actor("another-aml", frozenset({"aml"})), 1, 1, NOW_MS)
    put_user(store, SYSTEM, "another-program", "Another", ["aml"], NOW_MS, is_service=True)
    make_token(store, SYSTEM, "another-program", "theirs", ["cases:read"], 1, NOW_MS)
    another = Actor("another", frozenset({"rep"}))
    task_id = making.give(
        store, AML, merchant_id="m9", rep_id="another", kind="inspection", due_ms=until_ms, now_ms=NOW_MS
    )
    photo_id = photos.put(store, files, another, task_id, "other", photo(), NOW_MS)
    return Hidden(
        case_id, f"{MARK}-z", "m9", f"{MARK}-cause", decision_id, action_id, suppression_id, draft_id, flag_id,
        escalation_id, reminder_id, attachment_id, recheck_id, "invoice", "lead", 1, "no-link", "csv", proposal_id,
        engine.kind, task_id, photo_id,
    )  # fmt: skip
