"""Controls: what decides how records are judged, in versions that are kept and in force from a stated time on."""

from __future__ import annotations

from typing import Annotated

import msgspec

MOST_VERSIONS = 256
"""Versions of a kind: every worker holds all of them, 58 kB for each of peers and of profiles, 0.8 MB of calendars,
up to 2 MB of models."""
LEAST_AHEAD_MS = 60_000
"""How far ahead of the greatest clock a version must take effect, times the speed of the clock: so that every worker
knows it in time."""

Versions = dict[str, int]
"""The versions in force at one moment, by kind; a kind that is not named is at version 0."""


class Control(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One version of a control, as it is written to the topic `controls`.

    Attributes:
        kind: what it is, a name of `engine.control_kinds`.
        version: ascends within its kind; 0 is what the first worker's settings said, and what the product has.
        effective_from: by a merchant's clock, UTC milliseconds, from when on it is in force, until the next version
            is. The first version of a kind is in force from the beginning of time, whatever stands here.
        body: JSON, as the kind has it; null for a withdrawal.
        published_by: who.
        published_ms: when, UTC milliseconds.
        withdraws: the version that never comes into force, for this one takes it back; then `effective_from` is that
            version's. None for a version that says something.
    """

    kind: str
    version: Annotated[int, msgspec.Meta(ge=0)]
    effective_from: int
    body: msgspec.Raw
    published_by: str
    published_ms: int
    withdraws: int | None = None

    @property
    def key(self) -> bytes:
        """Its key in the topic; no other version has it, so nothing is ever overwritten."""
        return f"{self.kind}:{self.version}".encode()
