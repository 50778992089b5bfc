"""The control kind `prices`: regulated prices of card payments; within it a payment's own time chooses the regime."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from domain.events import CARD_KINDS, SCHEMES
from domain.interchange import REGIMES, PriceList, Rate, Regime, rate_tables
from domain.mcc import FeeClass, class_table
from engine.control_kinds.kind import ControlKind
from engine.control_kinds.limits import MAX_REGIMES

if TYPE_CHECKING:
    from collections.abc import Mapping

_FeeClass = Literal["standard", "concession", "exempt"]
_Mcc = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}$")]
_E7 = Annotated[int, msgspec.Meta(ge=0, le=500_000)]
_Minor = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class _Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`domain.interchange.Rate` in the body."""

    fee_class: _FeeClass
    card_kind: str
    issuer_e7: _E7
    issuer_cap_minor: _Minor | None
    network_e7: _E7
    network_cap_minor: _Minor
    issuer_fixed_minor: _Minor = 0


class _Regime(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`domain.interchange.Regime` in the body."""

    since: Annotated[datetime, msgspec.Meta(tz=True)]
    notice: str
    rates: tuple[_Rate, ...]


class _Classes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """MCCs by price class, and the class of all others."""

    others: _FeeClass
    standard: tuple[_Mcc, ...] = ()
    concession: tuple[_Mcc, ...] = ()
    exempt: tuple[_Mcc, ...] = ()

    def by_mcc(self) -> dict[str, FeeClass]:
        found: dict[str, FeeClass] = {}
        for fee_class in FeeClass:
            for mcc in getattr(self, fee_class.name.lower()):
                if mcc in found:
                    raise ValueError(f"an MCC must be in one class, got {mcc} in {found[mcc].name.lower()} and another")
                found[mcc] = fee_class
        return found


class _List(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`domain.interchange.PriceList` in the body, and where it was published."""

    scheme: str
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    source: str
    classes: _Classes
    regimes: tuple[_Regime, ...]


def _decode(body: bytes) -> PriceList:
    try:
        held = msgspec.json.decode(body, type=tuple[_Regime, ...] | _List)
    except msgspec.DecodeError as error:
        raise ValueError(
            "prices must be a list of regimes, each with since, notice and rates, or an object with scheme, country, "
            f"currency, source, classes and regimes: {error}"
        ) from error
    regimes = held.regimes if isinstance(held, _List) else held
    if len(regimes) > MAX_REGIMES:
        raise ValueError(f"prices must be at most {MAX_REGIMES} regimes, got {len(regimes)}")
    read = tuple(_regime(each) for each in regimes)
    rate_tables(read)
    if not isinstance(held, _List):
        return PriceList(read)
    if held.scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, got {held.scheme!r}")
    return PriceList(
        read, held.scheme, held.country, held.currency, held.classes.by_mcc(), FeeClass[held.classes.others.upper()]
    )


def _regime(held: _Regime) -> Regime:
    rates: dict[tuple[FeeClass, str], Rate] = {}
    for each in held.rates:
        key = FeeClass[each.fee_class.upper()], each.card_kind
        if each.card_kind not in CARD_KINDS:
            raise ValueError(f"card_kind must be one of {', '.join(CARD_KINDS)}, got {each.card_kind!r}")
        if key in rates:
            raise ValueError(f"rates must be one for a class and kind of card, got two of {each.fee_class}, {key[1]}")
        rates[key] = Rate(
            each.issuer_e7, each.issuer_cap_minor, each.network_e7, each.network_cap_minor, each.issuer_fixed_minor
        )
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
                        issuer_fixed_minor=rate.issuer_fixed_minor,
                    )
                    for (fee_class, card_kind), rate in each.rates.items()
                ),
            )
            for each in REGIMES
        ]
    )


def _install(reference: Any, in_force: Mapping[str, Any]) -> None:
    from engine.decoding.columns import pack  # noqa: PLC0415  it loads the compiler, which only a monitor needs

    prices: PriceList = in_force["prices"]
    tables = rate_tables(prices.regimes)
    n = len(tables.since_ms)
    reference["price_country"] = pack(prices.country or in_force["engine"].country)
    reference["price_currency"], reference["price_scheme"] = pack(prices.currency), SCHEMES.index(prices.scheme)
    reference["mcc_class"][0], reference["regimes"] = class_table(prices.classes, prices.others), n
    for name, table in (
        ("since_ms", tables.since_ms), ("issuer_e7", tables.issuer_e7), ("issuer_cap", tables.issuer_cap_minor),
        ("network_e7", tables.network_e7), ("network_cap", tables.network_cap_minor),
        ("issuer_fixed", tables.issuer_fixed_minor),
    ):  # fmt: skip
        reference[f"rate_{name}"][0, :n] = table


KIND = ControlKind(name="prices", name_zh="规定费率", decode=_decode, default=_default, install=_install)
