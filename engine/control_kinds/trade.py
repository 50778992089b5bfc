"""The control kind `trade`: the trade model that MCCs of merchants are held against; null for none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.control_kinds.kind import model_kind

if TYPE_CHECKING:
    from models.trade.model import TradeModel


def _decode(body: bytes) -> TradeModel:
    # Only where there is a model: Numba takes a second to import, and must be told first where machine code is kept.
    import engine.jit  # noqa: F401, PLC0415
    from models.trade.model import TradeModel  # noqa: PLC0415

    return TradeModel.decoded(body)


KIND = model_kind("trade", "行业模型", _decode)
