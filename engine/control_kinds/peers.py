"""The control kind `peers`: what merchants of each trade usually do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from domain.peers import NO_PEERS
from engine.control_kinds.kind import ControlKind
from models.peers import decode_peers, dump_peers

if TYPE_CHECKING:
    from collections.abc import Mapping


def _default(settings: Mapping[str, Any]) -> bytes:
    file = settings.get("peers")
    return msgspec.json.format(Path(file).read_bytes() if file else dump_peers(NO_PEERS), indent=-1)


def _install(reference: Any, in_force: Mapping[str, Any]) -> None:
    for k, each in enumerate(in_force["peers"].groups):
        reference["peer_week"][0, k], reference["peer_hour"][0, k] = np.log(each.week), each.hours
        reference["peer_spread"][0, k], reference["peer_new_sd"][0, k] = each.spread, each.new_sd
        reference["peer_new"][0, k] = np.log(each.new_minor)
        reference["mcc_peer"][0, [int(mcc) for mcc in each.mccs]] = k


KIND = ControlKind(
    name="peers", name_zh="同业基准", decode=decode_peers, default=_default, install=_install, settings=("peers",)
)
