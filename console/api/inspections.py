"""Inspections: merchants at which a visit is due."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from casework.people import ROLES
from casework.tasks.place import Position
from casework.tokens import VISITS_READ
from casework.visit_list import MOST_DAYS, WITHIN_D, Wanted, visit_list
from console.api import PREFIX
from console.api.caller import Caller, reads
from console.api.models import Inspections, Stop
from console.api.problems import responses

router = APIRouter(prefix=PREFIX, tags=["inspections"])
Reads = Annotated[Caller, reads(VISITS_READ, ROLES)]
Order = Literal["due", "value", "distance"]
Datum = Literal["wgs84", "gcj02", "bd09"]


@router.get("/inspections", responses=responses(400))
def list_inspections(
    caller: Reads,
    rep: Annotated[
        str, Query(max_length=64, pattern=r"^[^\x00]*$", description="whose merchants; all by default")
    ] = "",
    within_d: Annotated[int, Query(ge=0, le=MOST_DAYS, description="days ahead; late ones always")] = WITHIN_D,
    order: Annotated[Order, Query(description="`distance` wants a position")] = "due",
    lat: Annotated[float | None, Query(ge=-90, le=90)] = None,
    lon: Annotated[float | None, Query(ge=-180, le=180)] = None,
    coord_sys: Annotated[Datum | None, Query(description="of the position; unknown by default")] = None,
) -> Inspections:
    """Merchants at which a visit is due, at most 2,000, each with all that is due there."""
    here = None if lat is None or lon is None else Position(lat, lon, coord_sys or "")
    found = visit_list(caller.store, caller.actor, Wanted(rep, within_d, order, here), caller.now_ms)
    return Inspections(items=[Stop.model_validate(each) for each in found])
