"""What a simulation is asked for. Everything it yields depends on this alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.events import LATEST_MS
from domain.timestamps import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from simulator.stories import Story

MAX_MERCHANTS = 1_200_000
"""As many serials as four characters of the acceptor number hold here."""
RECORD_SIZES = ("usual", "all")
TIME_FORMATS = ("iso", "epoch_ms")
WORLD_NAMES = ("mixed", "platform", "restaurants", "supermarkets", "calm")
FEES = ("transaction", "settlement", "none")

_EARLIEST_MS = 1_009_843_200_000
"""2002-01-01T00:00:00Z."""
_SHARES = (
    "jump_share", "static_share", "rotation_share", "drift_share", "never_seen_share", "fee_share", "fall_share",
    "look_alike_share", "volume_share", "compromised_share", "mcc_change_share", "decline_share", "undo_share",
    "refund_share", "duplicate_share", "late_share", "future_share", "service_share", "odd_share",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationConfig:
    """Settings of a simulation. The shares are of sales unless said otherwise.

    Attributes:
        seed: any integer from 0 to 2**63 - 1.
        merchants: 1 to 1,200,000.
        start_ms: first moment of receipt, UTC milliseconds, a whole hour; by default Monday 2025-01-06 00:00
            in Shanghai.
        days: length of the run, above 0.
        tx_per_merchant_day: mean over merchants; the busiest of 1,000 has some 20 times the mean (Zipf).
        jump_share: share of merchants that jump MCC, of those whose class leaves something to gain.
        static_share: share of merchants registered under a cheaper MCC than their trade's, of those whose trade
            is of the standard class; like the next two, of the rest of the merchants and possibly none.
        rotation_share: share of merchants whose number rotates within a pool.
        drift_share: share of merchants whose sales move to the cheaper of their MCCs.
        never_seen_share: share of merchants, of those honest otherwise, that after half of the run show an MCC they
            never had, of any class or of a high-risk trade; none by default.
        fee_share: share of merchants overcharged, of those honest otherwise whose class pays fees.
        fall_share: share of merchants charged too little, of those honest otherwise whose class pays fees.
        look_alike_share: share of merchants given each lawful thing that resembles a violation: two numbers, a new
            number, a steady cheaper MCC, a dearer contract after notice, a cheaper one without, three ways in
            which hosts tell fees.
        volume_share: share of merchants whose volume departs from the usual, of those that are honest otherwise,
            are there all the time and have 3 sales a day or more; none in runs below some three days.
        world: how honest merchants trade (docs/simulator.md): `platform`, `restaurants`, `supermarkets`, `mixed`
            (each merchant one of the three, by its trade) or `calm` (days like each other but for the calendar).
        calendar: whether years, holidays, paydays, promotions, growth, openings, closings and other lawful
            things move the volume; without, every day is like the other but for weekdays and chance, whatever the
            world.
        mcc_change_share: share of merchants whose MCC is changed lawfully during the run.
        service_share: share of merchants given each of: a terminal that fails, one that falls silent, one that is
            returned, a licence that expires, one that is renewed, and complaints, which overcharged merchants then have
            too; terminals of honest merchants that have several. Nothing of it by default.
        habits: whether merchants have habits of their own, by trade, and change them lawfully: cards, ways of reading
            them, refunds, voids, declines, tickets, hours, tills. Records of every size then say how the card was read
            and which country issued it. Off by default: all share one mix of cards and refunds.
        odd_share: share of merchants that do what no rule describes, of those honest otherwise that are there all the
            time and have 5 sales a day or more, after 45 days of honest history; none in runs below 61 days. Above 0,
            merchants have `habits`. None by default.
        record_size: `usual` (the fields every acquirer has, 364 bytes on average) or `all` (every field that
            applies to the transaction and its merchant, 698 bytes on average); with ISO times and fees.
        time_format: how `event_time` is written: `iso` (local time with offset) or `epoch_ms`.
        decline_share: share declined, outages apart.
        undo_share: share reversed or voided afterwards.
        refund_share: refunds tried per sale; those whose original would lie before the run are left out.
        duplicate_share: share of records sent a second time within a minute.
        late_share: share received hours after they happened, half of them more than 24 h.
        future_share: share from terminals whose clock is 11 minutes to 3 days ahead.
        disorder_s: longest delay of an ordinary record between event and receipt, 0 to 600 s.
        clock_skew_s: 5 % of terminals have a clock up to this far off, 0 to 540 s.
        outages_per_day: outages of 5 to 15 minutes (response code 96) per acquirer and day, 0 to 24.
        fees: where fees are told: `transaction` (in approved purchases), `settlement` (in `settlement` events of
            the next local morning) or `none`.
        contracts: whether `contract` events are given; without them no contract changes.
        master_data: whether `merchant` events are given; without them nothing is changed lawfully either.
        people: whether `person` and `assignment` events are given, and `merchant` events say where the shop is and who
            looks after it. Transactions are the same with and without.
        visits_until_ms: before which moment, UTC milliseconds, reps have made the visits that are given, with `people`;
            none by default. They are the wall clock's: inspections are due by it, whatever time is simulated.
        reports: whether `fraud_report`, `chargeback` and `retrieval` events are given. Transactions are the same with
            and without; the whole run is drawn before its first record is.
        compromised_share: share of merchants whose cards are misused at the merchant or at one terminal for four weeks,
            of those with 3 sales a day or more; none where no reports are given.
        report_least_d, report_most_d: days from a sale to its report of fraud, 1 to 90; most come early.
        stories: merchants that are told, not drawn, at most one for each merchant; none by default.
    """

    seed: int = 1
    merchants: int = 1000
    start_ms: int = 1_736_092_800_000
    days: float = 7.0
    tx_per_merchant_day: float = 60.0
    jump_share: float = 0.02
    static_share: float = 0.003
    rotation_share: float = 0.003
    drift_share: float = 0.003
    never_seen_share: float = 0.0
    fee_share: float = 0.02
    fall_share: float = 0.01
    look_alike_share: float = 0.005
    volume_share: float = 0.02
    world: str = "mixed"
    calendar: bool = True
    mcc_change_share: float = 0.01
    service_share: float = 0.0
    habits: bool = False
    odd_share: float = 0.0
    record_size: str = "usual"
    time_format: str = "iso"
    decline_share: float = 0.04
    undo_share: float = 0.006
    refund_share: float = 0.006
    duplicate_share: float = 0.001
    late_share: float = 0.0002
    future_share: float = 0.00002
    disorder_s: int = 30
    clock_skew_s: int = 120
    outages_per_day: float = 0.02
    fees: str = "transaction"
    contracts: bool = True
    master_data: bool = True
    people: bool = False
    visits_until_ms: int = 0
    reports: bool = False
    compromised_share: float = 0.01
    report_least_d: float = 1.0
    report_most_d: float = 90.0
    stories: tuple[Story, ...] = ()

    def __post_init__(self) -> None:
        _within("seed", self.seed, 0, 2**63 - 1)
        _within("merchants", self.merchants, 1, MAX_MERCHANTS)
        _within("disorder_s", self.disorder_s, 0, 600)
        _within("clock_skew_s", self.clock_skew_s, 0, 540)
        _within("outages_per_day", self.outages_per_day, 0, 24)
        _within("tx_per_merchant_day", self.tx_per_merchant_day, 0, 1_000_000)
        for name in _SHARES:
            _within(name, getattr(self, name), 0, 1)
        _within("report_least_d", self.report_least_d, 1, 90)
        _within("report_most_d", self.report_most_d, self.report_least_d, 90)
        choices_of = {"record_size": RECORD_SIZES, "time_format": TIME_FORMATS, "fees": FEES, "world": WORLD_NAMES}
        for name, choices in choices_of.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        if len(self.stories) > self.merchants:
            raise ValueError(f"stories must be at most {self.merchants}, got {len(self.stories)}")
        self._check_span()

    def _check_span(self) -> None:
        if not (math.isfinite(self.days) and self.days > 0):
            raise ValueError(f"days must be above 0, got {self.days!r}")
        if not isinstance(self.start_ms, int) or self.start_ms % HOUR_MS:
            raise ValueError(f"start_ms must be a whole hour in UTC milliseconds, got {self.start_ms!r}")
        # Times are written with 13 digits, which they have since 2001; terminals' clocks err by days.
        if self.start_ms < _EARLIEST_MS or self.end_ms > LATEST_MS - 10 * DAY_MS:
            raise ValueError(f"start_ms and days must stay within 2002 and 2099, got {self.start_ms} + {self.days} d")

    @property
    def has_habits(self) -> bool:
        """Whether merchants have habits of their own."""
        return self.habits or self.odd_share > 0

    @property
    def end_ms(self) -> int:
        """Receipts lie before this moment, UTC milliseconds."""
        return self.start_ms + round(self.days * DAY_MS)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise ValueError(f"{name} must be {low} to {high}, got {value!r}")
