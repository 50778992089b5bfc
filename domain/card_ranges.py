"""Which numbers schemes issue: ranges of first digits, and the lengths that each has. The one table of them.

Facts that schemes and registrars publish, under the numbering of ISO/IEC 7812-1 (issuer identification number, account
number, Luhn digit; at most 19 digits). Ranges of schemes overlap where one issuer number is shared; a number is a card
number where any of them fits.
"""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST, LONGEST = 12, 19
"""Digits of the shortest and of the longest card number."""
PREFIX_DIGITS = 6
"""So many first digits tell the range."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """What one scheme issues.

    Attributes:
        name: the scheme, or who issues.
        prefixes: first digits, `low-high` or one, parted by blanks; at most `PREFIX_DIGITS` each.
        lengths: digits of a whole number, `low-high` or one, parted by blanks.
    """

    name: str
    prefixes: str
    lengths: str


SCHEMES: tuple[Scheme, ...] = (
    # There is no Mastercard of 19 digits. 50 and 56-58 are Maestro's by the register, and shared with domestic schemes.
    Scheme("visa", "4", "13 16 19"),
    Scheme("mastercard", "51-55 2221-2720", "16"),
    Scheme("maestro", "5018 5020 5038 5893 6304 6759 6761-6763", "12-19"),
    Scheme("maestro, other ranges", "50 56-58", "16-19"),
    Scheme("amex", "34 37", "15"),
    Scheme("diners", "300-305 3095 36 38-39", "14 16-19"),
    Scheme("discover", "6011 644-649 65 622126-622925", "16-19"),
    Scheme("jcb", "3528-3589", "16-19"),
    Scheme("jcb, older", "2131 1800", "15"),
    Scheme("unionpay", "62 81", "16-19"),
    Scheme("mir", "2200-2204", "16-19"),
    Scheme("rupay", "60 6521-6522 81-82 508", "16"),
    Scheme("troy", "9792 65", "16"),
    Scheme("verve", "506099-506198 507865-507964 650002-650027", "16 18 19"),
    Scheme("elo", "401178-401179 431274 438935 451416 457393 457631-457632 504175 506699-506778 509000-509999 627780"
           " 636297 636368 650031-650051 650405-650598 650700-650978 651652-651679 655000-655058", "16"),
    Scheme("hipercard", "606282 3841", "13 16 19"),
    # Issued before 62, and still in purses: lists of issuer numbers that Chinese banks' and shops' software ships.
    Scheme("icbc, older", "9558", "16-19"),
    Scheme("cmb, older", "690755", "15-18"),
    Scheme("cmb and pingan, older", "95555 998800-998802", "16"),
    # National schemes whose ranges no scheme above has.
    Scheme("borica, belkart, uzcard, humo", "2205 9112 8600 9860", "16"),
    Scheme("napas", "9704", "16 19"),
    Scheme("interpayment, instapayment", "636-639", "16"),
)  # fmt: skip
"""Every scheme whose numbers are found."""


def _spans(text: str) -> list[tuple[str, str]]:
    """`low-high` or one, parted by blanks, as pairs."""
    pairs = (each.partition("-") for each in text.split())
    return [(low, high or low) for low, _, high in pairs]


def _masks() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ascending first six digits at which the lengths change, and the lengths from there on as bits."""
    found: list[tuple[int, int, int]] = []
    for scheme in SCHEMES:
        lengths = sum(1 << n - SHORTEST for low, high in _spans(scheme.lengths) for n in range(int(low), int(high) + 1))
        for low, high in _spans(scheme.prefixes):
            found.append((int(low.ljust(PREFIX_DIGITS, "0")), int(high.ljust(PREFIX_DIGITS, "9")) + 1, lengths))
    bounds = sorted({0, *(low for low, _, _ in found), *(end for _, end, _ in found)})
    masks = []
    for bound in bounds:
        mask = 0
        for first, end, lengths in found:
            mask |= lengths if first <= bound < end else 0
        masks.append(mask)
    return tuple(bounds), tuple(masks)


BOUNDS, MASKS = _masks()
"""From first six digits `BOUNDS[k]` up to the next bound, numbers have lengths `MASKS[k]`: bit n for 12 + n digits."""


def lengths_by_prefix() -> bytes:
    """By the first six digits of a number, 0 to 999,999, its lengths: bit n for 12 + n digits."""
    ends = (*BOUNDS[1:], 10**PREFIX_DIGITS)
    return b"".join(bytes([mask]) * (end - low) for low, end, mask in zip(BOUNDS, ends, MASKS, strict=True))


def is_card_number(digits: str) -> bool:
    """Whether `digits`, ASCII digits alone, are a card number: a range, a length of it, and Luhn's digit.

    >>> is_card_number("6222021234567894"), is_card_number("378282246310005"), is_card_number("898210154110002")
    (True, True, False)
    >>> is_card_number("6222021234567895")
    False
    """
    n = len(digits)
    return SHORTEST <= n <= LONGEST and bool(lengths_of(digits) >> (n - SHORTEST) & 1) and passes_luhn(digits)


def lengths_of(digits: str) -> int:
    """The lengths of numbers that begin as `digits`, six or more of them, do: bit n for 12 + n digits."""
    return _LENGTHS[int(digits[:PREFIX_DIGITS])]


def passes_luhn(digits: str) -> bool:
    """Whether the last of some digits is the one that Luhn's rule asks for."""
    doubled = digits[-2::-2].translate(_DOUBLED)
    return (sum(map(int, digits[-1::-2])) + sum(map(int, doubled))) % 10 == 0


_DOUBLED = str.maketrans("0123456789", "0246813579")
_LENGTHS = lengths_by_prefix()
