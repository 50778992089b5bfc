"""What the monitor says: alerts, scores and dead letters, as they are written to their topics."""

from __future__ import annotations

import msgspec

from domain.controls import Versions  # noqa: TC001  msgspec reads the annotation
from domain.readings import Shop, TransactionRow  # noqa: TC001  msgspec reads the annotations


class Text(msgspec.Struct, frozen=True):
    """The same words in English and Chinese."""

    en: str
    zh: str


Fact = str | bool | int | float | tuple[str | int, ...] | None
"""One thing that an alert's sentence is made of: a code, an ISO date, a figure with its unit in its name, a list."""


class Evidence(msgspec.Struct, frozen=True):
    """One figure an alert rests on, frozen when the alert was emitted.

    Attributes:
        feature: the feature column's name, without the `_e7` of money, which is given in minor units.
        window: what it was taken over, such as `1d`; "txn" for the transaction itself.
        value: the figure; None where the column was null.
        threshold: what it was compared with; None where nothing was.
        baseline: what was to be expected; None where nothing was known.
        unit: the unit of the three figures.
    """

    feature: str
    window: str
    value: float | int | str | None
    threshold: float | int | str | None
    baseline: float | int | str | None
    unit: str


BEARERS: dict[str, Text] = {
    "issuer_network": Text("issuer and network", "发卡行及卡组织"),
    "acquirer": Text("acquirer", "收单机构"),
    "merchant": Text("merchant", "商户"),
    "cardholder": Text("cardholder", "持卡人"),
}
"""Who may bear a loss, and what they are called."""


class Duty(msgspec.Struct, frozen=True):
    """Until when a rule wants something done.

    Attributes:
        rule: its name.
        due: ISO 8601 UTC.
    """

    rule: str
    due: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a story: what one detector finds on one subject, as long as fewer than 14 days lie in between.

    Attributes:
        alert_id: uuid5 of detector, subject, and the story's first transaction and its time; it stays for the story.
        revision: 1 for the first, one more for each trigger; of one alert the highest is in force.
        severity: 0 to 1, the story's peak so far; `domain.severity` has its words.
        hits: transactions that hit so far.
        first_time: event time of the earliest hit, ISO 8601 UTC.
        last_time: event time of the latest hit, ISO 8601 UTC.
        at_stake: the older name of money, in minor units of `currency`: `loss` where known, else `turnover`, else 0.
        txn_ids: the first 20 transactions that hit; of a reopened alert the first 10, then those since.
        risk_code: PCAC risk type, of `domain.risk_codes.RISK_CODES`; "" where none exists.
        received_at: receipt of the record that made this revision due, ISO 8601 UTC; None for what a closed day, a
            deadline or the end of the quiet gap made due. When the revision was published is the time its record was
            appended.
        closed: whether the quiet gap has passed, or the greatest age: these are the totals. A further hit within 14
            days of the last one reopens the alert.
        controls: versions of the controls in force at the hit that the evidence is of.
        shop: whose it is, as it stood at the hit that the evidence is of; None where nothing was known.
        transactions: the first 40 transactions that hit; of a reopened alert the first 20, then those since.
        turnover: money of the transactions concerned so far, in minor units of `currency`; None where none is known.
        loss: money lost by them so far, likewise.
        bearer: who bears such a loss, of `BEARERS`; None where the detector finds none.
        loss_month: the loss of 30 days at the rate so far; None where no rate is known.
        duty: what a rule wants by when; None where none applies.
        reopened: how often a hit reopened the alert after it was closed; hits, money, and first and last time are of
            the story from its beginning on.
        reopened_time: event time of the earliest hit since it was reopened last, ISO 8601 UTC; None where it never was.
        facts: all that `reason` is made of, by name: a field of `detectors.words.NAME.Facts`, of which what is not
            known is left out. Money is in minor units of `currency`. Empty in alerts of before.
        epoch: number of the owner that wrote it. After a crash the same revision may be written again: of two with
            one `alert_id` and `revision` the one with the greater epoch counts.
    """

    alert_id: str
    revision: int
    detector: str
    version: int
    merchant_id: str
    subject: str
    severity: float
    hits: int
    first_time: str
    last_time: str
    at_stake: int
    currency: str
    title: Text
    reason: Text
    evidence: tuple[Evidence, ...]
    txn_ids: tuple[str, ...]
    risk_code: str
    received_at: str | None = None
    closed: bool = False
    controls: Versions = msgspec.field(default_factory=dict)
    shop: Shop | None = None
    transactions: tuple[TransactionRow, ...] = ()
    epoch: int = 0
    turnover: int | None = None
    loss: int | None = None
    bearer: str | None = None
    loss_month: int | None = None
    duty: Duty | None = None
    reopened: int = 0
    reopened_time: str | None = None
    facts: dict[str, Fact] = msgspec.field(default_factory=dict)


class Contribution(msgspec.Struct, frozen=True):
    """What one alert adds to a merchant's score.

    Attributes:
        detector: whose alert.
        points: above 0.
        alert_id: the alert; "" for the sum of older ones of the detector that are not told apart any more.
        verdict: the last on the alert: `open`, `confirmed`, or "" for none.
    """

    detector: str
    points: float
    alert_id: str = ""
    verdict: str = ""


class Floor(msgspec.Struct, frozen=True):
    """A score's least value, for a confirmed alert; in force until `expires`, ISO 8601 UTC."""

    points: float
    alert_id: str
    expires: str


class GradeOverride(msgspec.Struct, frozen=True):
    """A grade set by hand, in force until `expires`, ISO 8601 UTC."""

    grade: str
    reason: str
    expires: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's risk at one moment. It recommends; nothing acts by it.

    Attributes:
        revision: how often it was changed or published so far; of a merchant's the highest is in force.
        time: the merchant's clock, ISO 8601 UTC.
        score: 0 to 100, higher is riskier: contributions + prior - capped, or the floor's points where that is less.
        grade: A, B, C, D or E: the override's, where one is in force.
        computed_grade: what it would be without.
        contributions: in the registry's order, of one detector the oldest first.
        prior: points for being new, and for the MCC.
        capped: points beyond the cap of a risk group, or of all together.
        floor: the highest in force; None where there is none.
        override: in force; None where there is none.
        held: whether nothing fades, because a case of a merchant of grade E is open.
        epoch: number of the owner that wrote it; of two of one revision the greater counts.
    """

    merchant_id: str
    time: str
    score: float
    grade: str
    contributions: tuple[Contribution, ...]
    revision: int = 0
    computed_grade: str = ""
    prior: float = 0.0
    capped: float = 0.0
    floor: Floor | None = None
    override: GradeOverride | None = None
    held: bool = False
    epoch: int = 0


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    r"""A record that was not counted, and why.

    Attributes:
        reason: one of `domain.events.Reason`.
        field: the field at fault, "" where none is.
        message: who, what was expected, what came; never a card number.
        source: the topic and partition, or the file, it came from.
        position: its offset there, or its line number (from 1).
        record: the record with card numbers masked; what is no UTF-8 is shown as `\xNN`.
        feed: of the input that `tillwatch ingest` read, under which a record counts that names none; "" elsewhere.
    """

    reason: str
    field: str
    message: str
    source: str
    position: int
    record: str
    feed: str = ""
