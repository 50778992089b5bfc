"""Which cases of the queue somebody looks at: a filter, which the address of a page spells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from sqlalchemy import func, or_, select

from casework.errors import Refused
from casework.people import merchants_of, sees
from casework.queue.header import is_late, is_snoozed, status_is, suppressed_alerts
from casework.schema import cases
from casework.states import CAUSE, DECIDED, DUTY, MERCHANT, OPEN, RISK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement

    from casework.people import Actor

SNOOZED, SUPPRESSED = "snoozed", "suppressed"
ME, NOBODY = "me", "nobody"
CHOICES = {
    "status": (OPEN, SNOOZED, SUPPRESSED, DECIDED), "lane": (RISK, DUTY), "kind": ("", MERCHANT, CAUSE),
    "grade": ("", "A", "B", "C", "D", "E"),
}  # fmt: skip
"""The values that parameters may have; those not named take any text."""
MOST_TEXT = 128
_MOST_LOSS = 10**15
_EQUAL = {
    "grade": cases.c.grade, "city": cases.c.city, "region": cases.c.region, "agent": cases.c.agent_id,
    "mcc": cases.c.mcc, "kind": cases.c.kind,
}  # fmt: skip


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which cases; what is "" or None is not asked for.

    Attributes:
        status: `open` to be worked, `snoozed`, `suppressed` (some of their alerts) or `decided`.
        lane: `risk` or `duty`.
        detector: that one of its undecided alerts is of.
        grade: of the merchant.
        city: of the merchant.
        region: of the merchant.
        rep: whose the merchant is now.
        agent: who brought the merchant.
        mcc: the merchant's first.
        holder: `me`, `nobody` or a user.
        late: only those whose deadline has passed.
        min_loss_minor: least loss, in minor units of the case's currency.
        risk_code: PCAC risk code of one of its undecided alerts.
        text: in the shop's name, in either case of letters; or the start of the merchant's id; or the case's number.
        kind: `merchant` or `cause`.
    """

    status: str = OPEN
    lane: str = RISK
    detector: str = ""
    grade: str = ""
    city: str = ""
    region: str = ""
    rep: str = ""
    agent: str = ""
    mcc: str = ""
    holder: str = ""
    late: bool = False
    min_loss_minor: int | None = None
    risk_code: str = ""
    text: str = ""
    kind: str = ""

    @property
    def query(self) -> str:
        """It as parameters of an address, without what is not asked for.

        >>> Filter(city="合肥", late=True, min_loss_minor=5_000).query
        'city=%E5%90%88%E8%82%A5&late=1&min_loss_minor=5000'
        """
        default = Filter()
        asked = [
            (name, "1" if value is True else value)
            for name, value in msgspec.structs.asdict(self).items()
            if value != getattr(default, name)
        ]
        return urlencode(asked)


def parse(parameters: Iterable[tuple[str, str]]) -> Filter:
    """A filter of the parameters of an address: other parameters are passed over, of two of one name the last counts.

    Raises:
        Refused: a value is none that the parameter may have.

    >>> parse([("city", "合肥"), ("late", "1"), ("after", "0.5:7:50")]) == Filter(city="合肥", late=True)
    True
    """
    given: dict[str, Any] = {}
    for name, value in parameters:
        if name not in Filter.__struct_fields__ or not value:
            continue
        given[name] = _parsed(name, value)
    return Filter(**given)


def _parsed(name: str, value: str) -> str | int | bool:
    if name == "late":
        if value not in {"0", "1"}:
            raise Refused(f"late must be 0 or 1, got {value!r}")
        return value == "1"
    if name == "min_loss_minor":
        if not (value.isascii() and value.isdecimal() and int(value[:17]) <= _MOST_LOSS):
            raise Refused(f"min_loss_minor must be 0 to {_MOST_LOSS} minor units, got {value[:20]!r}")
        return int(value)
    if name in CHOICES and value not in CHOICES[name]:
        raise Refused(f"{name} must be one of {', '.join(filter(None, CHOICES[name]))}, got {value[:20]!r}")
    if len(value) > MOST_TEXT or "\0" in value:
        raise Refused(f"{name} must have at most {MOST_TEXT} characters, got {len(value)}")
    return value


def conditions(wanted: Filter, actor: Actor, now_ms: int) -> list[ColumnElement[bool]]:
    """What rows of `cases` must be: of the filter, and seen by who looks."""
    found = [sees(actor, now_ms), *_standing(wanted, now_ms)]
    found += [column == getattr(wanted, name) for name, column in _EQUAL.items() if getattr(wanted, name)]
    if wanted.detector:
        found.append(cases.c.detectors.contains(f'"{wanted.detector}"', autoescape=True))
    if wanted.risk_code:
        found.append(cases.c.risk_codes.contains(f" {wanted.risk_code} ", autoescape=True))
    if wanted.rep:
        found.append(cases.c.merchant_id.in_(merchants_of(wanted.rep, now_ms)))
    if wanted.holder:
        holder = actor.user_id if wanted.holder == ME else wanted.holder
        found.append(cases.c.holder.is_(None) if wanted.holder == NOBODY else cases.c.holder == holder)
    if wanted.late:
        found.append(is_late(now_ms))
    if wanted.min_loss_minor is not None:
        found.append(cases.c.loss_minor >= wanted.min_loss_minor)
    if wanted.text:
        found.append(_has_text(wanted.text.strip()))
    return found


def _standing(wanted: Filter, now_ms: int) -> list[ColumnElement[bool]]:
    found = [status_is(DECIDED if wanted.status == DECIDED else OPEN), cases.c.lane == wanted.lane]
    if wanted.status == DECIDED:
        return found
    kept_out = suppressed_alerts(now_ms)
    if wanted.status == SUPPRESSED:
        return [*found, cases.c.case_id.in_(select(kept_out.c.case_id))]
    others = cases.alias()
    whole = (
        select(kept_out.c.case_id)
        .join(others, others.c.case_id == kept_out.c.case_id)
        .where(kept_out.c.alerts >= others.c.undecided)
    )
    snoozed = is_snoozed(now_ms)
    return [
        *found, cases.c.undecided > 0, cases.c.case_id.not_in(whole), snoozed if wanted.status == SNOOZED else ~snoozed,
    ]  # fmt: skip


def _has_text(text: str) -> ColumnElement[bool]:
    by_name = func.lower(cases.c.shop_name).contains(text.lower(), autoescape=True)
    by_id = cases.c.merchant_id.startswith(text, autoescape=True)
    number = [cases.c.case_id == int(text)] if text.isascii() and text.isdecimal() and len(text) < 16 else []
    return or_(by_name, by_id, *number)
