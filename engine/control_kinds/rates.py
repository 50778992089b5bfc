"""The control kind `rates`: what a unit of another currency is in the acquirer's own."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from domain.currencies import DIGITS
from engine.control_kinds.kind import ControlKind
from engine.control_kinds.limits import MAX_RATES

if TYPE_CHECKING:
    from collections.abc import Mapping

_PPM = 1_000_000
_MOST = 2**31 - 1
"""Of numerator and denominator of a rate in minor units, so that the product of two fits a word."""


class Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `per` units of a currency are.

    Attributes:
        ppm: in millionths of a unit of the acquirer's currency.
        per: units, so that small ones are said exactly.
    """

    ppm: Annotated[int, msgspec.Meta(gt=0, le=10**15)]
    per: Annotated[int, msgspec.Meta(gt=0, le=10**9)] = 1


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of currencies.

    Attributes:
        home: the acquirer's currency, in which money thresholds are, too.
        rates: by currency.
    """

    home: str = "CNY"
    rates: tuple[tuple[str, Rate], ...] = ()

    def minor(self) -> dict[str, Fraction]:
        """By currency, the minor units of the acquirer's currency for one minor unit of it; the acquirer's own first.

        >>> Rates(rates=(("JPY", Rate(ppm=47_120)),)).minor()["JPY"]
        Fraction(589, 125)
        """
        digits = DIGITS[self.home]
        found = {self.home: Fraction(1)}
        for code, rate in self.rates:
            found[code] = Fraction(rate.ppm * 10**digits, _PPM * rate.per * 10 ** DIGITS[code])
        return found


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body: `home`, and rates by currency."""

    home: str = "CNY"
    rates: dict[str, Rate] = {}


def _decode(body: bytes) -> Rates:
    try:
        held = msgspec.json.decode(body, type=_Body)
    except msgspec.DecodeError as error:
        raise ValueError(f"rates must be home, a currency, and rates, each with ppm: {error}") from error
    for code in (held.home, *held.rates):
        if code not in DIGITS:
            raise ValueError(f"a currency must be a code of ISO 4217 that has minor units, got {code!r}")
    if held.home in held.rates:
        raise ValueError(f"rates must be of other currencies than home, got {held.home}")
    if len(held.rates) >= MAX_RATES:
        raise ValueError(f"rates must be at most {MAX_RATES - 1}, got {len(held.rates)}")
    found = Rates(home=held.home, rates=tuple(sorted(held.rates.items())))
    for code, rate in found.minor().items():
        if max(rate.numerator, rate.denominator) > _MOST:
            raise ValueError(f"the rate of {code} must be a fraction of two numbers up to {_MOST}, got {rate}")
    return found


def _install(reference: Any, in_force: Mapping[str, Any]) -> None:
    from engine.decoding.columns import pack  # noqa: PLC0415  it loads the compiler, which only a monitor needs

    rates = in_force["rates"].minor()
    reference["exchanges"] = len(rates)
    for k, (code, rate) in enumerate(rates.items()):
        reference["exchange_currency"][0, k] = pack(code)
        reference["exchange_up"][0, k], reference["exchange_down"][0, k] = rate.numerator, rate.denominator


KIND = ControlKind(
    name="rates", name_zh="汇率", decode=_decode, default=lambda _: b"{}", install=_install, toml=True,
)  # fmt: skip
