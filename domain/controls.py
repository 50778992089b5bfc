"""Controls: what decides how records are judged, in versions that are kept and in force from a stated time on."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec

Kind = Literal["detectors", "peers", "profiles"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_VERSIONS = 256
"""Versions of a kind: every worker holds all of them, 58 kB for each of peers and of profiles."""
LEAST_AHEAD_MS = 60_000
"""How far ahead of the greatest clock a version must take effect, times the speed of the clock: so that every worker
knows it in time."""


class Control(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a control, as it is written to the topic `controls`.

    Attributes:
        kind: what it is: settings of detectors, peers or profiles.
        version: ascends within its kind; 0 is what the settings file said before anything was published.
        effective_from: by a merchant's clock, UTC milliseconds, from when on it is in force, until the next version
            is. The first version of a kind is in force from the beginning of time, whatever stands here.
        body: JSON: tables of numbers by detector; or the artefact of peers or of profiles, null for no profiles.
        published_by: who.
        published_ms: when, UTC milliseconds.
    """

    kind: Kind
    version: Annotated[int, msgspec.Meta(ge=0)]
    effective_from: int
    body: msgspec.Raw
    published_by: str
    published_ms: int

    @property
    def key(self) -> bytes:
        """Its key in the topic; no other version has it, so nothing is ever overwritten."""
        return f"{self.kind}:{self.version}".encode()


class Versions(msgspec.Struct, frozen=True):
    """The versions in force at one moment; 0 is the settings file's."""

    detectors: int = 0
    peers: int = 0
    profiles: int = 0
