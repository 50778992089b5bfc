"""The audit, read on from an entry."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from casework.people import AUDITORS
from casework.reading import audit
from casework.reading.audit import Chosen
from casework.tokens import AUDIT_READ
from console.api import PREFIX
from console.api.caller import Caller, reads
from console.api.models import AuditEntry, Number
from console.api.paging import Cursor, Limit, Listed, paged
from console.api.problems import responses

router = APIRouter(prefix=PREFIX, tags=["audit"])
Reads = Annotated[Caller, reads(AUDIT_READ, AUDITORS)]
Name = Annotated[str | None, Query(max_length=64)]


@router.get("/audit", responses=responses(), response_model=Listed[AuditEntry])
def list_audit(
    caller: Reads, cursor: Cursor = None, limit: Limit = 100, actor: Name = None, kind: Name = None,
    case_id: Number | None = None,
) -> Any:  # fmt: skip
    """Entries of the audit in their order; those of money laundering for `aml` alone."""
    chosen = Chosen(actor or "", kind or "", case_id)
    return paged(
        cursor, limit, (int,),
        lambda after, most: audit.entries(
            caller.store, caller.actor, chosen, after=after[0] if after else 0, most=most
        ),
        lambda entry: (entry.entry_id,), AuditEntry.model_validate,
    )  # fmt: skip
