"""How a notice stands."""

from __future__ import annotations

PENDING, SENT, OPENED, ANSWERED, DEAD = "pending", "sent", "opened", "answered", "dead"
"""It waits to be sent; the far side has taken it; the recipient has pressed that it is known (知道了); every task of it
is answered; it cannot be sent, for a reason that is kept."""
WITHDRAWN = "withdrawn"
"""All of its tasks were taken back before it was sent (`casework.tasks.ending`)."""
STATES = (PENDING, SENT, OPENED, ANSWERED, WITHDRAWN, DEAD)
