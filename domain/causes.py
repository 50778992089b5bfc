"""What many merchants of one agent, rep, channel or place show within days: a cause, as it is written to `causes`."""

from __future__ import annotations

import msgspec

from domain.alerts import Text  # noqa: TC001  msgspec reads the annotation

MOST_MEMBERS = 50
"""Members that a cause lists; `count` says how many there are."""


class Member(msgspec.Struct, frozen=True):
    """A merchant of a cause.

    Attributes:
        merchant_id: which.
        alert_ids: its alerts that count, sorted.
        time: event time of the first hit of the earliest of them, ISO 8601 UTC.
    """

    merchant_id: str
    alert_ids: tuple[str, ...]
    time: str


class Money(msgspec.Struct, frozen=True):
    """Money of all members' alerts in one currency whose loss one party bears, minor units; None where none is known.

    Attributes:
        currency: ISO 4217.
        bearer: who bears the loss, of `domain.alerts.BEARERS`; None where the detectors find none.
        turnover: of the transactions concerned.
        loss: by them.
    """

    currency: str
    bearer: str | None
    turnover: int | None
    loss: int | None


class Shared(msgspec.Struct, frozen=True):
    """Another key that most of a cause's members share, and that the cause explains.

    Attributes:
        kind: as a cause's.
        key: as a cause's.
        members: how many members of the cause have it.
    """

    kind: str
    key: str
    members: int


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of what many merchants of one key show, in findings of one group.

    Attributes:
        cause_id: uuid5 of kind, key, group and first day; it stays for the cause.
        revision: 1 for the first; of one cause the highest is in force.
        kind: what the members share: one of `causes.population.KINDS`.
        key: the agent, rep, channel, region or feed; of a pair of MCCs `registered>used`.
        name: what kind and key are called together.
        group: risk group of the detectors; falls of volume are a group of their own, `volume_fall`.
        detector: the detector that three in four members show; "" where none does.
        members: the first 50, by time.
        count: how many there are.
        merchants: how many merchants have the key, as of the last day.
        share: count in merchants, 0 to 1.
        share_elsewhere: the same of all other merchants, over the same days, 0 to 1.
        expected: most members that those days would have brought without a cause.
        decades: how rare that is without a cause: 10 to the power of minus this, on the day when it was rarest.
        shared: other keys that it explains.
        first_day: the local day on which it was found, ISO 8601.
        last_day: the last local day that was as rare.
        first_time: event time of the earliest member's first hit, ISO 8601 UTC.
        last_time: event time of the latest member's first hit, likewise.
        money: by currency and bearer.
        risk_code: PCAC risk type, of `domain.risk_codes.RISK_CODES`; "" where none follows.
        severity: 0 to 1, as of alerts; `domain.severity` has its words.
        title: what it is about.
        reason: the cause in a sentence.
        closed: whether 14 days have passed since the last day; what comes later is another cause.
        epoch: number of the reader that wrote it; of two with one `cause_id` and `revision` the greater counts.
    """

    cause_id: str
    revision: int
    kind: str
    key: str
    name: Text
    group: str
    detector: str
    members: tuple[Member, ...]
    count: int
    merchants: int
    share: float
    share_elsewhere: float
    expected: float
    decades: float
    shared: tuple[Shared, ...]
    first_day: str
    last_day: str
    first_time: str
    last_time: str
    money: tuple[Money, ...]
    risk_code: str
    severity: float
    title: Text
    reason: Text
    closed: bool = False
    epoch: int = 0
