"""Causes: what many merchants' alerts share, each with its case or a button that opens one."""

from fastapi import APIRouter, Response

from casework import operations
from casework.people import WORKS
from casework.reading.causes import causes_standing
from console.page import OfficePage, WorkPage

router = APIRouter()


@router.get("/portfolio/causes")
def show(page: OfficePage) -> Response:
    """Causes that are not over."""
    found = causes_standing(page.store, page.actor)
    return page.render("portfolio/causes.html", found=found, may_work=page.is_of(WORKS))


@router.post("/portfolio/causes/{cause_id}/case")
def open_case(page: WorkPage, cause_id: str) -> Response:
    """Open a case for a cause, whose page follows."""
    case_id = operations.open_cause_case(page.store, page.actor, cause_id, page.now_ms)
    return page.go(f"/cases/{case_id}")
