"""What somebody who looks for faults finds, one check at a time, each fault with its cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.topic_faults import TopicFault

OK, FAULT, SKIPPED = "ok", "fault", "skipped"
CLOCK_SKEW_MS = 30_000
"""Clocks may differ by this: half of the 60 s by which a control must be announced before it is in force."""


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        check: its name.
        status: `OK`, `FAULT` or `SKIPPED`.
        message: what is so, or what was expected and what came, or why nothing was looked at.
        cure: of a fault, what to do.
    """

    check: str
    status: str
    message: str
    cure: str = ""


def ok(check: str, message: str) -> Finding:
    """A check that found no fault."""
    return Finding(check, OK, message)


def fault(check: str, message: str, cure: str) -> Finding:
    """A fault and its cure."""
    return Finding(check, FAULT, message, cure)


def skipped(check: str, why: str) -> Finding:
    """A check that could not be made."""
    return Finding(check, SKIPPED, why)


def topic_findings(faults: Iterable[TopicFault], count: int) -> Iterator[Finding]:
    """The findings about topics.

    Args:
        faults: of them.
        count: how many topics there must be.
    """
    found = [fault("topics", f"{each.topic}: {each.message}", each.cure) for each in faults]
    yield from found or [ok("topics", f"{count} topics fit")]


def clock_finding(skew_ms: int, whose: str) -> Finding:
    """Whether two clocks agree.

    Args:
        skew_ms: by how much the other clock is ahead of this machine's, milliseconds.
        whose: the other clock.
    """
    if abs(skew_ms) <= CLOCK_SKEW_MS:
        return ok("clock", f"{whose} is within {CLOCK_SKEW_MS // 1000} s of this machine's clock: {skew_ms:+,} ms")
    return fault(
        "clock", f"{whose} must be within {CLOCK_SKEW_MS // 1000} s of this machine's clock, it is {skew_ms:+,} ms off",
        "set both by NTP (timedatectl set-ntp true), and see which of them was wrong",
    )  # fmt: skip
