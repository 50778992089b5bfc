"""What reps saw at a simulation's shops before a moment: the book of an acquirer that inspects each shop once a year.

Most shops were seen within the year, some are due within a month, a few are late. Each has a visit of the year before
too; where that one found something, the shop was looked at again. All shares are assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from domain.timestamps import DAY_MS, HOUR_MS
from simulator.people import Keyed, opened_since_ms, rep_id
from simulator.table import FEED, Draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.config import SimulationConfig
    from simulator.people import Territories

_AGE, _BEFORE, _FOUND, _HOUR, _AGAIN = range(720, 725)
_SHARES, _AGE_D = (0.0, 0.86, 0.96, 1.0), (5, 330, 364, 400)
"""Shares of shops, and within how many days they were seen last: who was seen 335 days ago is due within a month."""
_FOUND_SHARE, _FOUND_LATELY_SHARE = 0.06, 0.2
"""Of visits a year before, and of those of the last `_LATELY_D`, after which a shop has some days left to mend it."""
_LATELY_D = 25
_RECORDED_MS = 2 * HOUR_MS


def visit_records(
    territories: Territories, merchant_ids: list[str], city: NDArray[np.int8], config: SimulationConfig
) -> list[Keyed]:  # fmt: skip
    """The visits, shop by shop; none before a shop was opened."""
    draws = Draws(config.seed, len(merchant_ids))
    age_d = np.interp(draws.uniform(_AGE), _SHARES, _AGE_D)
    before_d = age_d + 330 + 40 * draws.uniform(_BEFORE)
    found = draws.uniform(_FOUND)
    has_found, lately = found < _FOUND_SHARE, (found > 1 - _FOUND_LATELY_SHARE) & (age_d < _LATELY_D)
    again_d = before_d - 10 - 15 * draws.uniform(_AGAIN)
    hours = 1 + 8 * draws.uniform(_HOUR)
    today_ms = config.visits_until_ms // DAY_MS * DAY_MS
    out = []
    for i, merchant_id in enumerate(merchant_ids):
        made = [(before_d[i], "routine", "terminal_faulty" if has_found[i] else "as_registered")]
        made += [(again_d[i], "follow_up", "as_registered")] if has_found[i] else []
        made.append((age_d[i], "routine", "differs" if lately[i] else "as_registered"))
        for ago_d, kind, outcome in made:
            time_ms = today_ms - int(ago_d) * DAY_MS + int(hours[i] * HOUR_MS)
            if time_ms >= opened_since_ms(i, config):
                who = rep_id(int(city[i]), int(territories.rep[i]))
                out.append(Keyed(merchant_id, _record(merchant_id, time_ms, who, kind, outcome)))
    return out


def _record(merchant_id: str, time_ms: int, person_id: str, kind: str, outcome: str) -> bytes:
    return msgspec.json.encode(
        {
            "type": "visit", "merchant_id": merchant_id, "event_time": time_ms, "person_id": person_id,
            "visit_kind": kind, "outcome": outcome, "received_at": time_ms + _RECORDED_MS, "feed": FEED,
        }
    )  # fmt: skip
