"""What the monitor publishes for those who look: the shop and the transactions of an alert, profiles, merchant-days."""

from __future__ import annotations

from typing import Any

import msgspec


class Shop(msgspec.Struct, frozen=True, array_like=True):
    """Whose alert it is, as it stood at the alert's last hit; "" where it is not known.

    Attributes:
        name: over the door, or the short name where there is one.
        city: the city, or the region where there is none.
        rep_id: the sales rep of the merchant by then.
        agent_id: the agent who brought the merchant.
    """

    name: str = ""
    city: str = ""
    rep_id: str = ""
    agent_id: str = ""


class TransactionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that hit; "" or None where the record does not say.

    Attributes:
        txn_id: its id.
        time: its event time, ISO 8601 UTC.
        amount: minor units of `currency`, as it was sent.
        currency: ISO 4217.
        txn_type: as in events.
        mcc: presented.
        registered: MCCs of the master data in force at its time.
        terminal_id: the terminal.
        rrn: retrieval reference number.
        stan: system trace audit number.
        card_last4: of the card.
        response_code: the issuer's answer.
        fee: charged, minor units.
    """

    txn_id: str
    time: str
    amount: int
    currency: str
    txn_type: str = "purchase"
    mcc: str = ""
    registered: tuple[str, ...] = ()
    terminal_id: str = ""
    rrn: str = ""
    stan: str = ""
    card_last4: str = ""
    response_code: str = ""
    fee: int | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted version of what is known of a merchant or of a person, or an accepted visit or complaint.

    Its key says which: merchant or person, kind and `effective_from`; of terminals, visits and complaints `offset` too.

    Attributes:
        merchant_id: whose; of a `person` its `person_id`.
        kind: `merchant` (master data), `contract`, `assignment`, `person`, `terminal`, `visit` or `complaint`.
        effective_from: from when on it counts, ISO 8601 UTC; of a visit or a complaint when it was.
        fields: the event's declared fields; times in UTC milliseconds, card numbers in texts masked.
        offset: of a terminal's, a visit's or a complaint's record in its partition of `events`: there may be several at
            one time, and of two that are the same the later record counts; None of another version.
        epoch: number of the owner that wrote it; of two with one key the greater counts.
    """

    merchant_id: str
    kind: str
    effective_from: str
    fields: dict[str, Any]
    offset: int | None = None
    epoch: int = 0

    @property
    def key(self) -> str:
        """The record's key in `merchant-profiles`."""
        key = f"{self.merchant_id}|{self.kind}|{self.effective_from}"
        return key if self.offset is None else f"{key}|{self.offset}"


class MerchantDays(msgspec.Struct, frozen=True, kw_only=True):
    """Days of merchants that were closed, a row for each, as lists of one length.

    How many are in one record depends on how batches were cut; what it says of a merchant and a day does not.

    Attributes:
        merchant_id: of each row.
        day: the local day that ended, ISO 8601.
        currency: the merchant's, "" before its first money.
        score: the risk score after the day was closed; None where the merchant has no account.
        columns: by feature column, the values of the closing's row; None where one is null.
        epoch: number of the owner that wrote it; of two rows of one merchant and day the greater counts.
    """

    merchant_id: list[str]
    day: list[str]
    currency: list[str]
    score: list[float | None]
    columns: dict[str, list[int | float | None]]
    epoch: int = 0
