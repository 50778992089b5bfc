"""The control kind `model`: the anomaly model that days of merchants are scored by; null for none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.control_kinds.kind import model_kind

if TYPE_CHECKING:
    from models.anomaly.model import Model


def _decode(body: bytes) -> Model:
    # Only where there is a model: Numba takes a second to import, and must be told first where machine code is kept.
    import engine.jit  # noqa: F401, PLC0415
    from models.anomaly.model import Model  # noqa: PLC0415

    return Model.decoded(body)


KIND = model_kind("model", "异常模型", _decode)
