"""The limits of rules and panels, in one place: a line in a panel is the figure that a rule compares with.

None of them is from a standard. Each says what it was chosen by; change it here and run `make dashboards`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Two limits of one figure, in the unit that their name says.

    Attributes:
        ticket: beyond it somebody looks in working hours.
        page: beyond it somebody is called.
    """

    ticket: float
    page: float


BEHIND_S = Limits(300, 1_800)
"""Seconds of work that wait at the present pace. An analyst expects an alert at once; a batch that is loaded by the
hour may wait five minutes, and after half an hour a merchant's day is seen too late to act on."""
LAG_RECORDS_LEAST = 10_000
"""Fewer waiting records are no lag: at night the pace is near 0, and a second of work is then a few records."""
CHECKPOINT_AGE_S = Limits(120, 600)
"""Seconds since a partition's last checkpoint though it judged transactions since. Checkpoints come every few seconds,
and a recovery repeats what came after the last: ten minutes of a busy partition take about half a minute."""
FEED_SILENT_S = 600
"""Seconds without a clock record after which a worker calls a feed stalled: `streams.feeds.STALLED_S`, which a test
compares."""
DEAD_LETTER_SHARE = Limits(0.01, 0.10)
"""Share of records refused over 15 minutes. A feed in order has next to none; 1 in 10 is a changed layout."""
DEAD_LETTERS_LEAST = 20
"""Fewer refused records in 15 minutes are no rate."""
FIELD_SHARE_OF_USUAL = 0.2
"""A field is gone where fewer than this share of as many transactions as a day before have it."""
FIELD_TRANSACTIONS_LEAST = 500
"""Fewer transactions in an hour say nothing of a field."""
FIELD_SHARE_LEAST = 0.05
"""A field that fewer transactions had a day before was as good as absent."""
FALLEN_SHARE, DAYS_LEAST = 0.4, 200
"""Share of the merchants' days that ended within 6 hours and fell to a quarter, and fewest days. Of lawful days a few
in a hundred do; where two in five do, it is the feed's doing, or a feast that the calendar does not know."""
STORM_TIMES_USUAL = 5
"""New alerts of an hour against the hourly mean of the week before."""
STORM_ALERTS_LEAST = 100
"""Fewer new alerts in an hour are no storm: a team of three can look through them in a day."""
QUIET_GAPS = 10
"""A detector is silent after so many of its own mean gaps: of hits that come at random, 1 gap in 22,000 is longer."""
QUIET_LEAST_S = 3 * 86_400
"""No detector is called silent sooner: a weekend and a day."""
GAPS_LEAST = 10
"""A detector that fired less often in 28 days has no calendar of its own yet."""
DISK_FREE_BYTES = Limits(20e9, 5e9)
"""Free bytes where a log in a file is: at 1,000 transactions of 700 bytes a second, 8 hours and 2 hours."""
DISK_FULL_IN_S = 6 * 3_600
"""A disk that will be full within this time at the pace of the last hour is worth a page."""
CLOCK_SKEW_S = Limits(2, 60)
"""Seconds that the log's clock is ahead of a worker's. Transactions more than 600 s ahead are refused; at 60 s
deadlines fire a minute late."""
MODEL_DRIFT = 0.25
"""Population stability index of scores or of a habit from which a model is to be trained anew: the customary limit of
credit scorecards (Siddiqi, Credit Risk Scorecards, 2006). From 0.1 on it is to be looked at."""
MODEL_DRIFT_NOTED = 0.1
MODEL_AGE_S = 100 * 86_400
"""A model is trained once a quarter; ten days more are for whoever checks it."""
MODEL_UNMEASURED_S = 3 * 86_400
"""Drift is measured once a day; a weekend without it is no fault."""
STARTS_AN_HOUR = 4
"""Starts of one worker within an hour: an upgrade and its rollback make two."""
UNOWNED_S = 300
"""Seconds that a partition may be without a worker: a restart takes seconds, a recovery of 200,000 merchants 15 s."""
FILING_BEHIND_S = Limits(120, 900)
"""Seconds since casework had filed all there was. It looks once a second; a database that is restarted takes one or two
minutes, and after a quarter of an hour analysts work on what is no longer so."""
OUTBOX_OLDEST_S = 600
"""Seconds that a verdict may be due and not in the log: it is sent with the next look, if the log takes it."""
NOTICE_OLDEST_S = 600
"""Seconds that a notice may be due: senders look five times a second, and what is put off is not due."""
NOTICE_LOOK_S = 300
"""Seconds since the sender's last look that ended well. A look that plans for 10,000 alerts takes seconds."""
REFUSALS_LEAST, REFUSALS_WITHIN_S = 3, 900
"""So many attempts of one channel within so many seconds of which none was taken: a channel's budget is one a few
seconds, and the first three tries of one notice are made within half a minute."""
PUBLISH_DELAY_S = 0.1
"""Seconds from receipt to a published alert that the product promises; a line only, no rule."""
