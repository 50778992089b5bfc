"""The control kind `prices`: regulated prices of card payments; within it a payment's own time chooses the regime."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from domain.events import CARD_KINDS
from domain.interchange import CURRENCY, REGIMES, Rate, Regime, rate_tables
from domain.mcc import FeeClass
from engine.control_kinds.kind import ControlKind
from engine.control_kinds.limits import MAX_REGIMES

if TYPE_CHECKING:
    from collections.abc import Mapping

_E7 = Annotated[int, msgspec.Meta(ge=0, le=500_000)]
_Minor = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class _Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`domain.interchange.Rate` in the body."""

    fee_class: Literal["standard", "concession", "exempt"]
    card_kind: str
    issuer_e7: _E7
    issuer_cap_minor: _Minor | None
    network_e7: _E7
    network_cap_minor: _Minor


class _Regime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`domain.interchange.Regime` in the body."""

    since: Annotated[datetime, msgspec.Meta(tz=True)]
    notice: str
    rates: tuple[_Rate, ...]


def _decode(body: bytes) -> tuple[Regime, ...]:
    try:
        held = msgspec.json.decode(body, type=tuple[_Regime, ...])
    except msgspec.DecodeError as error:
        raise ValueError(f"prices must be a list of regimes, each with since, notice and rates: {error}") from error
    if len(held) > MAX_REGIMES:
        raise ValueError(f"prices must be at most {MAX_REGIMES} regimes, got {len(held)}")
    regimes = tuple(_regime(each) for each in held)
    rate_tables(regimes)
    return regimes


def _regime(held: _Regime) -> Regime:
    rates: dict[tuple[FeeClass, str], Rate] = {}
    for each in held.rates:
        key = FeeClass[each.fee_class.upper()], each.card_kind
        if each.card_kind not in CARD_KINDS:
            raise ValueError(f"card_kind must be one of {', '.join(CARD_KINDS)}, got {each.card_kind!r}")
        if key in rates:
            raise ValueError(f"rates must be one for a class and kind of card, got two of {each.fee_class}, {key[1]}")
        rates[key] = Rate(each.issuer_e7, each.issuer_cap_minor, each.network_e7, each.network_cap_minor)
    return Regime(round(held.since.timestamp()) * 1000, held.notice, rates)


def _default(_: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(
        [
            _Regime(
                since=datetime.fromtimestamp(each.since_ms / 1000, ZoneInfo("Asia/Shanghai")),
                notice=each.notice,
                rates=tuple(
                    _Rate(
                        fee_class=fee_class.name.lower(),  # type: ignore[arg-type]  # the names are the literals
                        card_kind=card_kind,
                        issuer_e7=rate.issuer_e7,
                        issuer_cap_minor=rate.issuer_cap_minor,
                        network_e7=rate.network_e7,
                        network_cap_minor=rate.network_cap_minor,
                    )
                    for (fee_class, card_kind), rate in each.rates.items()
                ),
            )
            for each in REGIMES
        ]
    )


def _install(reference: Any, in_force: Mapping[str, Any]) -> None:
    from engine.decoding.columns import pack  # noqa: PLC0415  it loads the compiler, which only a monitor needs

    tables = rate_tables(in_force["prices"])
    n = len(tables.since_ms)
    reference["home_currency"], reference["regimes"] = pack(CURRENCY), n
    for name, table in (
        ("since_ms", tables.since_ms), ("issuer_e7", tables.issuer_e7), ("issuer_cap", tables.issuer_cap_minor),
        ("network_e7", tables.network_e7), ("network_cap", tables.network_cap_minor),
    ):  # fmt: skip
        reference[f"rate_{name}"][0, :n] = table


KIND = ControlKind(name="prices", name_zh="规定费率", decode=_decode, default=_default, install=_install)
