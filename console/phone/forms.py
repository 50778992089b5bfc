"""What a rep's form has, as an answer; and what its page offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from casework.errors import Refused
from casework.tasks.answering import Given
from casework.tasks.place import Position
from casework.tasks.words import CHECKS
from domain.alerts import Text
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import FormData

OUTCOMES: Mapping[str, Text] = {
    "as_registered": Text("As registered", "与登记一致"),
    "differs": Text("Differs from what is registered", "与登记不符"),
    "other_acquirer": Text("Uses another firm's terminal", "被同行切机"),
    "terminal_faulty": Text("Terminal out of order", "机器故障"),
    "codes_only": Text("Takes codes only now", "改用扫码"),
    "low_season": Text("Low season", "淡季"),
    "renovating": Text("Being renovated", "装修"),
    "closed_down": Text("Closed down", "歇业"),
    "moved": Text("Moved", "搬迁"),
    "transferred": Text("Another owner", "转让"),
    "not_found": Text("Shop not found", "查无此店"),
    "refused": Text("Visit refused", "拒绝走访"),
}
"""By outcome of a visit, what its button says, in the order of the page."""
FINDING_DAYS = (3, 7, 15, 30)
"""Days in which a merchant is to put something right, as buttons."""


def given_of(form: FormData, now_ms: int) -> Given:
    """The answer that a form has; raises Refused where a number is none."""
    days = _number(form, "finding_days")
    return Given(
        key=_text(form, "key"), outcome=_text(form, "outcome"),
        checks={each: said for each in CHECKS if (said := _text(form, f"check_{each}"))},
        notes={each: said for each in CHECKS if (said := _text(form, f"note_{each}").strip())},
        text=_text(form, "text"), position=position_of(form), phone_ms=phone_ms(form),
        finding_until_ms=None if not days else now_ms + round(days) * DAY_MS,
    )  # fmt: skip


def phone_ms(form: FormData) -> int | None:
    """When the phone says that it is, or that a photo was taken, UTC milliseconds."""
    told = _number(form, "phone_ms", most=4e12)
    return None if told is None else round(told)


def position_of(form: FormData) -> Position | None:
    """The position that a form has; None for none. Raises Refused where a number is none."""
    lat, lon = _number(form, "lat"), _number(form, "lon")
    if lat is None or lon is None:
        return None
    return Position(lat, lon, _text(form, "coord_sys"), _number(form, "accuracy_m"))


def _text(form: FormData, name: str) -> str:
    found = form.get(name)
    return found if isinstance(found, str) else ""


def _number(form: FormData, name: str, most: float = 1e6) -> float | None:
    told = _text(form, name).strip()
    if not told:
        return None
    try:
        number = float(told)
    except ValueError as error:
        raise Refused(f"{name} must be a number, got {told[:20]!r}") from error
    if not -most <= number <= most:
        raise Refused(f"{name} must be at most {most:g}, got {told[:20]!r}")
    return number
