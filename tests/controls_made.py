"""Versions of controls for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from domain.controls import Control
from domain.peers import GENERIC, Peer, Peers
from engine.controls import Known, read
from models.peers import dump_peers

if TYPE_CHECKING:
    from collections.abc import Sequence


def control(kind: str, version: int, effective_from: int, body: object) -> Control:
    raw = msgspec.Raw(body if isinstance(body, bytes) else msgspec.json.encode(body))
    return Control(
        kind=kind, version=version, effective_from=effective_from, body=raw, published_by="tester", published_ms=0
    )


def known(kind: str, version: int, effective_from: int, body: object) -> Known:
    return read(msgspec.json.encode(control(kind, version, effective_from, body)))


def settings_of(detector: str, *versions: tuple[int, dict[str, Any]]) -> list[Known]:
    """Versions 1, 2, … of one detector's settings, each from a time on."""
    return [known("detectors", k, ms, {detector: body}) for k, (ms, body) in enumerate(versions, 1)]


def peers_of(*groups: Peer) -> Peers:
    return Peers((GENERIC, *groups))


def artefacts_of(*versions: tuple[int, Sequence[Peer]]) -> list[Known]:
    """Versions 1, 2, … of peers, each from a time on."""
    return [known("peers", k, ms, dump_peers(peers_of(*groups))) for k, (ms, groups) in enumerate(versions, 1)]
