"""Card numbers for tests: public ranges written here by hand, not read from the table that is tested."""

from __future__ import annotations

PREFIXES: dict[str, list[tuple[str, str]]] = {
    "visa": [("4", "4")], "mastercard": [("51", "55"), ("2221", "2720")],
    "maestro": [("6759", "6759"), ("5018", "5018")],
    "amex": [("34", "34"), ("37", "37")], "diners": [("36", "36"), ("300", "305")], "discover": [("6011", "6011")],
    "jcb": [("3528", "3589")], "unionpay": [("62", "62"), ("81", "81")], "icbc": [("9558", "9558")],
    "mir": [("2200", "2204")], "rupay": [("6080", "6084"), ("8200", "8209")], "troy": [("9792", "9792")],
    "verve": [("506099", "506198"), ("507865", "507964")], "elo": [("506699", "506778"), ("636368", "636368")],
    "hipercard": [("606282", "606282")],
}  # fmt: skip
"""First digits by scheme: lowest and highest."""
LENGTHS = {
    "visa": (13, 16, 19), "mastercard": (16,), "maestro": (12, 13, 16, 19), "amex": (15,), "diners": (14, 16, 19),
    "discover": (16, 19), "jcb": (16, 19), "unionpay": (16, 17, 18, 19), "icbc": (19,), "mir": (16, 19),
    "rupay": (16,), "troy": (16,), "verve": (16, 18, 19), "elo": (16,), "hipercard": (13, 16, 19),
}  # fmt: skip
"""Digits of whole numbers by scheme, ascending."""


def with_luhn(head: str) -> str:
    """`head` and its Luhn digit, worked as on paper."""
    total = 0
    for i, digit in enumerate(reversed(head)):
        doubled = int(digit) * (2 if i % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return head + str(-total % 10)


def numbers(scheme: str) -> list[str]:
    """A number of each length of a scheme, of its ranges in turn."""
    heads = [PREFIXES[scheme][k % len(PREFIXES[scheme])][0] for k in range(len(LENGTHS[scheme]))]
    return [
        with_luhn((head + "0213579864135792")[: n - 1].ljust(n - 1, "7"))
        for head, n in zip(heads, LENGTHS[scheme], strict=True)
    ]
