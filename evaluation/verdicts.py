"""What analysts' verdicts say of each detector: how much of it they confirm, where, and from which severity on. Pure.

`docs/commands.md` says how each figure is counted.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from domain.alerts import Text
from domain.events import VERDICTS
from domain.readings import Shop
from domain.risk import CLEARED
from domain.timestamps import DAY_MS, iso
from evaluation.least_severity import DIGITS, least_severity
from evaluation.newest import NewestRows
from evaluation.shares import Share, share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SEGMENTS = ("city", "agent", "mcc")
"""What alerts bear of the merchant, by which confirmations are counted; the MCC is the first registered one."""
MOST_SEGMENTS = 20
LEAST_IN_SEGMENT = 5
"""Verdicts that count of a segment that is listed."""
_CONFIRMED = VERDICTS.index("confirmed")
_NO_VERDICT = len(VERDICTS)
_DISMISSING = [k for k, each in enumerate(VERDICTS) if each in CLEARED and each != "duplicate"]
_UNKNOWN, _GONE = -1, 2**63 - 1
_ALERT = np.dtype([
    ("key", "u8"), ("rank", "i8"), ("merchant", "u8"), ("last_ms", "i8"), ("turnover", "i8"), ("loss", "i8"),
    ("city", "u4"), ("agent", "u4"), ("detector", "u2"), ("severity", "u2"), ("currency", "u2"), ("mcc", "u2"),
])  # fmt: skip
_VERDICT = np.dtype([("key", "u8"), ("rank", "i8"), ("merchant", "u8"), ("verdict", "u1")])


class SentTransaction(msgspec.Struct, frozen=True):
    """What is read of a transaction in an alert."""

    mcc: str = ""
    registered: tuple[str, ...] = ()


class AlertRevision(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of a `domain.alerts.Alert`: the rest, most of it, is passed over."""

    alert_id: str
    revision: int
    detector: str
    merchant_id: str
    severity: float
    last_time: str
    currency: str
    epoch: int = 0
    turnover: int | None = None
    loss: int | None = None
    shop: Shop | None = None
    transactions: tuple[SentTransaction, ...] = ()

    @property
    def mcc(self) -> str:
        """The merchant's first registered MCC at its latest listed transaction, else the presented one; "" for none."""
        last = self.transactions[-1] if self.transactions else SentTransaction()
        return last.registered[0] if last.registered else last.mcc


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Some alerts, with what is known of their money by currency, in minor units."""

    alerts: int
    turnover: dict[str, int]
    loss: dict[str, int]


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The alerts of a city, an agent or an MCC ("" where it is not known), and the share confirmed."""

    value: str
    alerts: int
    confirmed: Share


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A least severity, and what it would have left out of the window's alerts.

    Attributes:
        least_severity: 0 to 1.
        dismissed_below: of the verdicts on milder alerts, the share that dismissed.
        dismissed_from: the same of the verdicts on the others.
        dismissed: milder alerts that were dismissed.
        confirmed: milder alerts that were confirmed: what would have been missed.
        others: milder alerts without either.
        toml: what to add to the settings of detectors in force.
    """

    least_severity: float
    dismissed_below: Share
    dismissed_from: Share
    dismissed: Group
    confirmed: Group
    others: Group
    toml: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What verdicts say of a detector.

    Attributes:
        detector: its name.
        title: what it finds.
        alerts: with a hit in the window.
        last_hit: of all alerts, ISO 8601 UTC; None for never.
        verdicts: alerts by their last verdict, one of `domain.events.VERDICTS`.
        confirmed: of those confirmed or dismissed, the share confirmed.
        by: by one of `SEGMENTS`, those with the most verdicts.
        suggestion: None where verdicts speak for none.
    """

    detector: str
    title: Text
    alerts: int
    last_hit: str | None
    verdicts: dict[str, int]
    confirmed: Share
    by: dict[str, tuple[Segment, ...]]
    suggestion: Suggestion | None


class Answers:
    """Alerts, and verdicts on them, in any order of the two.

    An alert takes 72 bytes, and those without a hit in the window none for long.

    Args:
        days: of the window, which ends with the latest hit.
        reached_ms: where the log's clock stands, UTC milliseconds; the window ends there if that is later.
    """

    def __init__(self, days: int, reached_ms: int = 0) -> None:
        self._window_ms, self.reached_ms = days * DAY_MS, reached_ms
        self._alerts = NewestRows(_ALERT, self._in_window)
        self._verdicts = NewestRows(_VERDICT)
        self._given = 0
        self._codes: dict[str, dict[str, int]] = {each: {} for each in ("detector", "currency", *SEGMENTS)}
        self._last_ms: dict[str, int] = {}

    @property
    def since_ms(self) -> int:
        """When the window begins, UTC milliseconds."""
        return max(0, self.reached_ms - self._window_ms)

    def take_alert(self, it: AlertRevision) -> None:
        """Take a revision of an alert; of one alert the highest counts."""
        last_ms = round(datetime.fromisoformat(it.last_time).timestamp() * 1000)
        self.note_hit(it.detector, last_ms)
        if last_ms < self.since_ms:
            return
        shop = it.shop or Shop()
        self._alerts.add(
            _digest(it.alert_id), it.revision << 32 | it.epoch, _digest(it.merchant_id), last_ms,
            _UNKNOWN if it.turnover is None else it.turnover, _UNKNOWN if it.loss is None else it.loss,
            self._code("city", shop.city), self._code("agent", shop.agent_id), self._code("detector", it.detector),
            round(it.severity * DIGITS), self._code("currency", it.currency), self._code("mcc", it.mcc),
        )  # fmt: skip

    def note_hit(self, detector: str, at_ms: int) -> None:
        """Note that a detector hit, whether an alert tells of it or not."""
        self._last_ms[detector] = max(at_ms, self._last_ms.get(detector, at_ms))
        self.reached_ms = max(self.reached_ms, at_ms)

    def forget_alert(self, alert_id: str) -> None:
        """Forget an alert that is no more."""
        self._alerts.add(_digest(alert_id), _GONE, *[0] * (len(_ALERT.names or ()) - 2))

    def take_verdict(self, alert_id: str, merchant_id: str, verdict: str) -> None:
        """Take a verdict; the last on an alert counts, and one of another merchant than the alert's none."""
        self._given += 1
        self._verdicts.add(_digest(alert_id), self._given, _digest(merchant_id), VERDICTS.index(verdict))

    def standings(self, titles: Mapping[str, Text], least: Mapping[str, float]) -> list[Standing]:
        """What verdicts say of each detector.

        Args:
            titles: what detectors that run are called, by name, in order; others that alerts name come last.
            least: by name, the least severity in force.
        """
        rows = self._alerts.rows()
        given = self._verdicts_on(rows)
        codes = self._codes["detector"]
        others = sorted({*codes, *self._last_ms} - {*titles})
        found = []
        for name in (*titles, *others):
            mine = rows["detector"] == codes.get(name, len(codes))
            title = titles.get(name, Text(name, name))
            found.append(self._standing(name, title, rows[mine], given[mine], least.get(name, 0.0)))
        return found

    def _in_window(self, rows: NDArray[Any]) -> NDArray[np.bool_]:
        in_window: NDArray[np.bool_] = (rows["last_ms"] >= self.since_ms) & (rows["rank"] != _GONE)
        return in_window

    def _code(self, kind: str, value: str) -> int:
        return self._codes[kind].setdefault(value, len(self._codes[kind]))

    def _verdicts_on(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """(alerts,) The place of each alert's last verdict in `VERDICTS`, `_NO_VERDICT` for none."""
        given = self._verdicts.rows()
        found = np.full(len(rows), _NO_VERDICT)
        at = np.searchsorted(given["key"], rows["key"])
        at[at == len(given)] = 0
        if len(given):
            fits = (given["key"][at] == rows["key"]) & (given["merchant"][at] == rows["merchant"])
            found[fits] = given["verdict"][at[fits]]
        return found

    def _standing(
        self, name: str, title: Text, rows: NDArray[Any], given: NDArray[np.int64], least: float
    ) -> Standing:  # fmt: skip
        counts = np.bincount(given, minlength=_NO_VERDICT)
        dismissed, confirmed = np.isin(given, _DISMISSING), given == _CONFIRMED
        last_ms = self._last_ms.get(name)
        return Standing(
            detector=name, title=title, alerts=len(rows), last_hit=None if last_ms is None else iso(last_ms),
            verdicts={each: int(counts[k]) for k, each in enumerate(VERDICTS)},
            confirmed=share(int(confirmed.sum()), int((confirmed | dismissed).sum())),
            by={each: self._segments(each, rows, confirmed, dismissed) for each in SEGMENTS},
            suggestion=self._suggestion(name, rows, confirmed, dismissed, least),
        )  # fmt: skip

    def _segments(
        self, kind: str, rows: NDArray[Any], confirmed: NDArray[np.bool_], dismissed: NDArray[np.bool_]
    ) -> tuple[Segment, ...]:  # fmt: skip
        names, length = [*self._codes[kind]], len(self._codes[kind])
        alerts, yes, no = (
            np.bincount(rows[kind][of], minlength=length)
            for of in (slice(None), confirmed, dismissed)
        )  # fmt: skip
        made = (
            Segment(value=names[k], alerts=int(alerts[k]), confirmed=share(int(yes[k]), int(yes[k] + no[k])))
            for k in np.flatnonzero(yes + no >= LEAST_IN_SEGMENT).tolist()
        )  # fmt: skip
        return tuple(sorted(made, key=lambda each: (-each.confirmed.whole, each.value))[:MOST_SEGMENTS])

    def _suggestion(
        self, name: str, rows: NDArray[Any], confirmed: NDArray[np.bool_], dismissed: NDArray[np.bool_], least: float
    ) -> Suggestion | None:
        counted = confirmed | dismissed
        found = least_severity(rows["severity"][counted], dismissed[counted])
        if found is None or found <= round(least * DIGITS):
            return None
        below = rows["severity"] < found
        asked = found / DIGITS
        return Suggestion(
            least_severity=asked,
            dismissed_below=share(int((dismissed & below).sum()), int((counted & below).sum())),
            dismissed_from=share(int((dismissed & ~below).sum()), int((counted & ~below).sum())),
            dismissed=self._group(rows[dismissed & below]), confirmed=self._group(rows[confirmed & below]),
            others=self._group(rows[~counted & below]), toml=f"[detectors.{name}]\nleast_severity = {asked}\n",
        )  # fmt: skip

    def _group(self, rows: NDArray[Any]) -> Group:
        return Group(alerts=len(rows), turnover=self._sums(rows, "turnover"), loss=self._sums(rows, "loss"))

    def _sums(self, rows: NDArray[Any], kind: str) -> dict[str, int]:
        """What is known of turnover or loss, by currency."""
        known, found = rows[rows[kind] != _UNKNOWN], {}
        for currency, code in sorted(self._codes["currency"].items()):
            if len(mine := known[kind][known["currency"] == code]):
                found[currency] = sum(mine.tolist())
        return found


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
