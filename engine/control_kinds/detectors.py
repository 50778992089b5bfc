"""The control kind `detectors`: settings of detectors, their thresholds and quiet gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from detectors.registry import make_detectors
from engine.control_kinds.kind import ControlKind

if TYPE_CHECKING:
    from detectors.contract import Detector


def _decode(body: bytes) -> tuple[Detector, ...]:
    try:
        settings = msgspec.json.decode(body, type=dict[str, dict[str, int | float]])
    except msgspec.DecodeError as error:
        raise ValueError(f"detectors must be tables of numbers, one for each detector: {error}") from error
    return make_detectors(settings)


KIND = ControlKind(
    name="detectors", name_zh="检测设置", decode=_decode,
    default=lambda settings: msgspec.json.encode(settings.get("detectors", {})), settings=("detectors",), toml=True,
)  # fmt: skip
