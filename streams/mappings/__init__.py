"""Ready mappings, by name: a folder for each kind of export, with a mapping for each shape that it comes in."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


def names() -> list[str]:
    """What there are ready mappings for.

    >>> names()
    ['adyen', 'alipay', 'meituan', 'square', 'stripe', 'tabformer', 'unionpay', 'wechat']
    """
    return sorted(each.name for each in _HERE.iterdir() if any(each.glob("*.toml")))


def named(name: str) -> tuple[Path, ...]:
    """The mappings of a name, one for each shape (`alipay`), or that of one shape (`alipay/app`); else none."""
    kind, slash, shape = name.partition("/")
    if kind not in names() or (slash and not shape.replace("_", "").isalnum()):
        return ()
    return tuple(sorted((_HERE / kind).glob(f"{shape}.toml" if slash else "*.toml")))
