"""The order of the queue: how likely a case is to be confirmed, times what a confirmed one costs.

A case stands where the alert stands that is worth most. Nothing is hidden: the order says what comes first, and 5 % of
what a team works in a day is drawn from the rest (`casework.queue.today`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import func, select

from casework import audit
from casework.bodies import text
from casework.errors import Refused
from casework.people import LEADS
from casework.schema import detector_days, facts
from domain.risk_codes import RISK_CODES
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store

COSTS: Mapping[str, float] = {
    "29": 10.0, "42": 10.0, "46": 10.0,  # what is not reported in time is an offence of the acquirer's own
    "25": 8.0,  # money of many shops is gone at once
    "06": 6.0, "07": 6.0, "08": 6.0, "09": 6.0, "13": 6.0,  # losses grow by the hour
    "01": 5.0, "03": 5.0, "04": 5.0, "05": 5.0, "27": 5.0,  # the contract itself is void
    "02": 4.0, "22": 4.0, "23": 4.0,
    "10": 3.0, "11": 3.0, "14": 3.0, "26": 3.0, "33": 3.0, "45": 3.0,  # underpaid interchange, claimed back by schemes
    "12": 2.0, "15": 2.0, "20": 2.0, "21": 2.0, "24": 2.0,  # complaints and fines
    "99": 1.0, "": 1.0,
}  # fmt: skip
"""By PCAC risk code, what a confirmed alert costs that nobody works, "" for none: relative to each other, and our own
defaults."""
PER_DAY = 40
"""Cases that a team can work in a day: our own default, two analysts who need 20 minutes a case."""
RECORD_D = 90
"""Days of verdicts that count in a detector's record."""
RECORD_MS = RECORD_D * DAY_MS
_PRIOR = 10.0
"""Verdicts that a detector's calibration is worth: after so many its record counts as much."""
_LEAST = 0.01
_POLICY = "queue"
_COUNTED = ("confirmed", "lawful_change", "data_error", "false_alarm")
"""Verdicts that say whether a detector was right; a duplicate says nothing."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a lead sets of the queue.

    Attributes:
        costs: by PCAC risk code, what differs from `COSTS`, 0 to 1,000.
        per_day: cases that the team works in a day, 1 to 100,000.
    """

    costs: dict[str, float] = {}
    per_day: int = PER_DAY

    def __post_init__(self) -> None:
        if unknown := {*self.costs} - {*RISK_CODES, ""}:
            raise Refused(f"costs must be of PCAC risk codes, got {min(unknown)!r}")
        if wrong := [each for each in self.costs.values() if not 0 <= each <= 1_000]:
            raise Refused(f"a cost must be 0 to 1000, got {wrong[0]}")
        if not 1 <= self.per_day <= 100_000:
            raise Refused(f"per_day must be 1 to 100000 cases, got {self.per_day}")

    def cost(self, risk_code: str) -> float:
        """What a confirmed alert of a risk code costs; of one that is not known as of none."""
        known = self.costs.get(risk_code) if self.costs else None
        return COSTS.get(risk_code, COSTS[""]) if known is None else known


def read_policy(connection: Connection) -> Policy:
    """The policy in force."""
    body = connection.execute(select(facts.c.value).where(facts.c.name == _POLICY)).scalar()
    return msgspec.json.decode(body, type=Policy) if body else Policy()


def put_policy(store: Store, actor: Actor, policy: Policy, now_ms: int) -> None:
    """Put a policy in force; the order follows when cases change, and as a whole once a day or by `refresh_order`.

    Raises:
        NotAllowed: who does it is no lead.
    """
    actor.need(LEADS, "to set the queue's policy")
    with store.writing() as connection:
        store.upsert(connection, facts, [{"name": _POLICY, "value": text(policy)}])
        audit.append(
            connection, time_ms=now_ms, actor=actor.user_id, kind="put_policy", detail=msgspec.to_builtins(policy)
        )


class Record(NamedTuple):
    """What verdicts said of a detector's alerts within `RECORD_D` days.

    Attributes:
        decided: alerts with a verdict that says whether it was right.
        confirmed: of them.
        severity_sum: of their severities.
    """

    decided: int = 0
    confirmed: int = 0
    severity_sum: float = 0.0

    @property
    def share(self) -> float | None:
        """Confirmed alerts in the decided ones, 0 to 1; None where there are none."""
        return self.confirmed / self.decided if self.decided else None


NO_RECORD = Record()
"""Of a detector without verdicts."""
Records = dict[tuple[str, bool], Record]
"""Records by detector and whether they are of alerts that only `aml` may see."""


def read_records(connection: Connection, now_ms: int) -> Records:
    """Every detector's record of the last days."""
    table = detector_days.c
    statement = select(
        table.detector, table.is_aml, table.verdict, func.sum(table.count), func.sum(table.severity_sum)
    ).where(table.day > (now_ms - RECORD_MS) // DAY_MS, table.verdict.in_(_COUNTED))
    found: Records = {}
    for detector, is_aml, verdict, count, severity_sum in connection.execute(
        statement.group_by(table.detector, table.is_aml, table.verdict)
    ):
        before = found.get((detector, is_aml), Record())
        confirmed = int(count) if verdict == "confirmed" else 0
        found[detector, is_aml] = Record(
            before.decided + int(count), before.confirmed + confirmed, before.severity_sum + float(severity_sum)
        )
    return found


def chance(severity: float, record: Record) -> float:
    """How likely an alert is to be confirmed, above 0 and below 1.

    Severity is calibrated: of many detectors' alerts it orders by the share that is true. A detector that was
    confirmed more often than the severities of its alerts said gets more, in odds: its record against a Beta prior
    that has their mean, and the weight of `_PRIOR` verdicts.

    >>> [round(chance(0.5, each), 2) for each in (Record(), Record(40, 20, 20.0), Record(40, 4, 20.0))]
    [0.5, 0.5, 0.18]
    """
    if record.decided <= 0:
        return min(1 - _LEAST, max(_LEAST, severity))
    said = min(1 - _LEAST, max(_LEAST, record.severity_sum / record.decided))
    found = (_PRIOR * said + record.confirmed) / (_PRIOR + record.decided)
    return _share(_logit(severity) + _logit(found) - _logit(said))


def _logit(share: float) -> float:
    bounded = min(1 - _LEAST, max(_LEAST, share))
    return math.log(bounded / (1 - bounded))


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def duty_priority(due_ms: int | None) -> float:
    """The priority of a case of duties: the sooner it is due the greater; what has no day comes last."""
    return -float("9e15") if due_ms is None else -float(due_ms)


def counted(verdict: Any) -> bool:
    """Whether a verdict says if a detector was right."""
    return verdict in _COUNTED
