"""Merchants' risk."""

from typing import Annotated, Any

from fastapi import APIRouter

from casework import listing
from casework.people import ROLES
from casework.tokens import RISK_READ
from console.api import PREFIX
from console.api.caller import Caller, reads
from console.api.models import IdInPath, Risk
from console.api.problems import responses

router = APIRouter(prefix=PREFIX, tags=["merchants"])
Reads = Annotated[Caller, reads(RISK_READ, ROLES)]


@router.get("/merchants/{merchant_id}/risk", responses=responses(404), response_model=Risk)
def get_risk(caller: Reads, merchant_id: IdInPath) -> Any:
    """A merchant's score and grade in force, and what they are made of."""
    return Risk.model_validate(listing.risk_of(caller.store, caller.actor, merchant_id, caller.now_ms))
