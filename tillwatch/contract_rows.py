"""Tables of contracts: a row is a price, and all rows of a merchant are one version."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from domain.events import PRICE
from streams.files.errors import BadRow
from tillwatch.table_rows import Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PRICE_FIELDS = tuple(each.name for each in PRICE)
_TERMS = ("rate_ppm", "cap", "minimum", "fixed")
_OF_VERSION = ("effective_from", "notice_from")

Price = dict[str, Any]


def contracts_of(table: Table) -> Table:
    """The contracts in a table of prices, each as one row at the line of its first price."""
    rows: dict[str, list[Row]] = {}
    for k, each in enumerate(table.rows):
        rows.setdefault(each.cells.get("merchant_id") or f"\0{k}", []).append(each)
    fields = tuple(each for each in table.fields if each not in _PRICE_FIELDS)
    return Table((*fields, "prices"), table.ignored, [_contract(each) for each in rows.values()])


def _contract(rows: Sequence[Row]) -> Row:
    first = rows[0]
    cells = {name: value for name, value in first.cells.items() if name not in _PRICE_FIELDS}
    bad = next((each.bad for each in rows if each.bad), None)
    try:
        for name in _OF_VERSION:
            if len({each.cells.get(name) for each in rows}) > 1:
                raise BadRow(name, f"{name} must be the same in all rows of a contract, it differs")  # noqa: TRY301
    except BadRow as error:
        return Row(first.line, cells, bad or error)
    prices = [{name: each.cells[name] for name in _PRICE_FIELDS if name in each.cells} for each in rows]
    return Row(first.line, {**cells, "prices": sorted(prices, key=_place)}, bad)


def _place(price: Price) -> tuple[str, ...]:
    """What a price is for, and what tells it from the others of its contract."""
    return tuple(
        f"{price[name]:015d}" if isinstance(price.get(name), int) else str(price.get(name, ""))
        for name in _PRICE_FIELDS if name not in _TERMS
    )  # fmt: skip


def price_changes(
    before: Sequence[Price] | None, after: Sequence[Price]
) -> Iterator[tuple[Price | None, Price | None]]:  # fmt: skip
    """The prices of a contract that are others than before: old and new, None where there is none."""
    old, new = ({_place(each): each for each in prices} for prices in (before or (), after))
    for place in sorted({*old, *new}):
        if old.get(place) != new.get(place):
            yield old.get(place), new.get(place)


def price_words(price: Price) -> str:
    """A price in short: what it is for, its rate, and its other terms in minor units.

    >>> price_words({"card_kind": "debit", "rate_ppm": 5000, "cap": 2000})
    'debit 0.5% cap 2000'
    """
    what = [str(price[name]) for name in _PRICE_FIELDS[:5] if name in price]
    tiers = [f"{name} {price[name]}" for name in ("amount_from", "month_from") if name in price]
    rest = [f"{name} {price[name]}" for name in _TERMS[1:] if name in price]
    return " ".join([*what, *tiers, f"{Decimal(price['rate_ppm']) / 10_000:f}%", *rest])
