"""Figures as people read them, by Grafana's names of units."""

from __future__ import annotations

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")
_SPANS = ((604_800.0, "week"), (86_400.0, "day"), (3_600.0, "hour"), (60.0, "min"), (1.0, "s"))
_SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def shown(value: float | None, unit: str, decimals: int | None = None) -> str:
    """A figure with its unit.

    >>> shown(1234.0, "short"), shown(90.0, "s"), shown(0.25, "percentunit"), shown(2.5e6, "currencyCNY")
    ('1.23 K', '1.5 min', '25%', '¥2.5M')
    >>> shown(0.004, "s"), shown(2048.0, "bytes"), shown(None, "s"), shown(3.0, "none")
    ('4 ms', '2 KiB', '', '3')
    """
    if value is None or value != value:  # noqa: PLR0124  NaN
        return ""
    if unit in {"s", "bytes"}:
        return _span(value, decimals) if unit == "s" else _binary(value)
    if unit == "percentunit":
        return f"{_digits(value * 100, decimals, 1)}%"
    if unit.startswith("currency"):
        return f"{_SIGNS.get(unit[8:], '')}{_thousands(value, decimals, gap='')}"
    text = _digits(value, decimals, 2) if unit == "none" else _thousands(value, decimals)
    return text + ("/s" if unit == "reqps" else unit[7:] if unit.startswith("suffix:") else "")


def _digits(value: float, decimals: int | None, most: int) -> str:
    text = f"{value:.{most if decimals is None else decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals is None and "." in text else text


def _thousands(value: float, decimals: int | None, gap: str = " ") -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= size:
            return f"{_digits(value / size, None, 2)}{gap}{letter}"
    return _digits(value, decimals, 2)


def _span(value: float, decimals: int | None) -> str:
    if value and abs(value) < 1:
        return f"{_digits(value * 1e3, decimals, 1)} ms"
    size, name = next(((size, name) for size, name in _SPANS if abs(value) >= size), _SPANS[-1])
    text = _digits(value / size, decimals, 1)
    return f"{text} {name}s" if name in {"week", "day", "hour"} and text != "1" else f"{text} {name}"


def _binary(value: float) -> str:
    power = 0
    while abs(value) >= 1024 and power < len(_BINARY) - 1:
        value, power = value / 1024, power + 1
    return f"{_digits(value, None, 1)} {_BINARY[power]}"
