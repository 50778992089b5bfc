"""Acceptor-number layouts: where a scheme's merchant number hides the acquirer, the region and the MCC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Span = tuple[int, int]
"""Start and end in the number, counted from 0, end excluded."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the acceptor numbers (DE42) of some acquirers are composed.

    Attributes:
        name: what the layout is called.
        length: characters of a number.
        acquirer: where the acquirer's code stands.
        region: where the region's code stands; its characters may be letters.
        mcc: where the MCC stands: four digits.
        serial: where the merchant's serial stands; its characters may be letters.
        schemes: values of `scheme` it applies to; empty for all.
        acquirers: acquirer codes, as they stand in the number, it applies to; empty for all.
    """

    name: str
    length: int
    acquirer: Span
    region: Span
    mcc: Span
    serial: Span
    schemes: frozenset[str] = frozenset()
    acquirers: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for part in ("acquirer", "region", "mcc", "serial"):
            start, end = getattr(self, part)
            if not 0 <= start <= end <= self.length:
                raise ValueError(f"{part} of layout {self.name} must lie in 0..{self.length}, got {start}..{end}")
        if self.mcc[1] - self.mcc[0] != 4:
            raise ValueError(f"mcc of layout {self.name} must be 4 characters, got {self.mcc[0]}..{self.mcc[1]}")

    def applies_to(self, acceptor_id: str, scheme: str = "") -> bool:
        """Whether a number of this length, acquirer and scheme ("" where unknown) has this layout."""
        if len(acceptor_id) != self.length:
            return False
        if self.schemes and scheme and scheme not in self.schemes:
            return False
        return not self.acquirers or acceptor_id[slice(*self.acquirer)] in self.acquirers


@dataclass(frozen=True, slots=True)
class AcceptorNumber:
    """An acceptor number taken apart."""

    acquirer: str
    region: str
    mcc: str
    serial: str


UNIONPAY = Layout("unionpay", 15, acquirer=(0, 3), region=(3, 7), mcc=(7, 11), serial=(11, 15))
"""China UnionPay's: acquirer 3, region 4, MCC 4, serial 4.

It is the acquirer's number, so it holds for wallets and foreign cards taken on the same terminal too.
"""
LAYOUTS = (UNIONPAY,)
"""The layouts known, in the order they are tried."""


def parse(acceptor_id: str, layout: Layout = UNIONPAY) -> AcceptorNumber | None:
    """Take `acceptor_id` apart; None if it is not of this layout.

    Only the MCC must be digits: regions and serials carry letters in practice. Whether the four digits
    are an MCC that exists is not asked here (`domain.mcc.is_known`).

    >>> parse("898210154110002")
    AcceptorNumber(acquirer='898', region='2101', mcc='5411', serial='0002')
    """
    if not (acceptor_id.isascii() and acceptor_id.isalnum()) or len(acceptor_id) != layout.length:
        return None
    mcc = acceptor_id[slice(*layout.mcc)]
    if not mcc.isdigit():
        return None
    return AcceptorNumber(
        acquirer=acceptor_id[slice(*layout.acquirer)],
        region=acceptor_id[slice(*layout.region)],
        mcc=mcc,
        serial=acceptor_id[slice(*layout.serial)],
    )


def layout_of(acceptor_id: str, scheme: str = "", layouts: Iterable[Layout] = LAYOUTS) -> Layout | None:
    """The first of `layouts` that applies to the number, None if none does."""
    return next((layout for layout in layouts if layout.applies_to(acceptor_id, scheme)), None)
