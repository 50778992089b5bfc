"""The words for how revisions, alerts and cases stand, and the kinds of cases there are."""

from __future__ import annotations

PROVISIONAL, CONFIRMED, WITHDRAWN = "provisional", "confirmed", "withdrawn"
"""States of a revision: read before the log committed it; committed; aborted and not written again."""
OPEN, DECIDED, MERGED = "open", "decided", "merged"
"""Statuses of a case."""
ANSWERED = "answered"
"""Of a task, which else is `OPEN` or `WITHDRAWN`."""
MERCHANT, CAUSE, RETRIEVAL = "merchant", "cause", "retrieval"
"""Kinds of cases; a retrieval has documents and no alerts of its own."""
RISK, DUTY = "risk", "duty"
"""Lanes of the queue: a case is of duties where all its undecided alerts are of the risk group `service`."""
