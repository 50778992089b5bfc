r"""Card numbers: where a text holds one, and masking them. `docs/events.md`, "Card numbers", has the rules in words.

One table says what a card number is (`card_ranges`). The wide rule looks for one anywhere in a text (`card_search`); it
is for free text, unknown fields, names of inputs, and declared fields that never lawfully look like one. The strict
rule looks for whole groups of digits; it is for declared identifiers. Track data is found by either.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from domain.card_escapes import readings
from domain.card_ranges import LONGEST, SHORTEST, is_card_number, passes_luhn
from domain.card_search import ANY_RANGE, MASK, begins_with_number, ends_with_number, find_numbers, find_stars
from domain.card_text import MAX_GAP, NOTHING
from domain.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.card_search import Find, Spans

REMOVED = "***"
"""What stands for removed values and track data."""

_DIGIT = re.compile(r"[0-9]")
_GROUP = re.compile(r"[0-9]+")
_LETTER = re.compile(r"[A-Za-z]")
_ALNUM = re.compile(r"[0-9A-Za-z]")
_APART = re.compile(r"[^0-9A-Za-z=^]+")
_TAG_5A = re.compile(rf"5[Aa]0[6-9Aa]([0-9]{{{SHORTEST},}}+)")
_HASH = re.compile(r"(?=.*[abceABCE])(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})")
_DATED = re.compile(r"2[3-7](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{10}")

# What may follow a number in a track: its separator and the date, the rest of a chip's half byte, the holder's name.
_NUMBER_IN_TRACK = re.compile(rf"([0-9]{{{SHORTEST},}}+)(?:[=Dd](?=[0-9]{{4}})|[Ff]+(?![0-9A-Za-z])|\^)")
_TRACK_1 = re.compile(
    rf"[Bb][0-9](?:[^0-9A-Za-z^]{{0,{MAX_GAP}}}[0-9]){{{SHORTEST - 1},{LONGEST - 1}}}[^0-9A-Za-z^]*\^"
)
_TRACK = re.compile(
    rf"(?<![0-9]);?[0-9]{{{SHORTEST},}}+=[0-9]{{4,}}\??"
    rf"|%?[Bb][0-9][0-9 ]{{{SHORTEST - 2},22}}\^[^?\n]{{0,120}}\??"
)
_CHIP = re.compile(r"(?<![0-9])[0-9]{12,}+(?:[Dd][0-9]{4,}[Ff]*|[Ff]+(?![0-9A-Za-z]))")
_MASKED_TRACK = re.compile(
    rf"(?<!\*);?\*{{{len(MASK)},}}[0-9]{{4}}(?: ?[=Dd] ?[0-9]{{4,}}[Ff]?\??| ?\^[^?\n]{{0,120}}\??)"
)


class CardDataError(RecordError):
    """A record holds card data that must not be stored; the message holds none of it.

    Attributes:
        reason: `domain.events.Reason`, CARD_NUMBER or FORBIDDEN_FIELD.
        field: the field at fault.
    """

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


def holds_pan(text: str) -> bool:
    """Whether a declared identifier or number holds a card number, by the strict rule.

    That is one or more whole groups of digits, up to `MAX_GAP` characters that are neither letter nor digit between
    them, which together are a card number; or a track. In an identifier with letters groups that touch one count only
    if they are all of its digits and stand as on a card, and none that begins with a date of 2023 to 2027 (YYMMDD):
    such are counters far more often than Mastercards. A hash (a whole value of 32, 40 or 64 hexadecimal digits, with
    a, b, c or e) holds none.

    >>> holds_pan("REF 6222 0212-3456 7894"), holds_pan("20240501-6222021234567894"), holds_pan("378282246310005")
    (True, True, True)
    >>> holds_pan("16222021234567894"), holds_pan("2568d89b625e6222021234567894f1c7"), holds_pan("T2611281030000007")
    (False, False, False)
    """
    return any(map(_holds_pan, readings(text)))


def _holds_pan(text: str) -> bool:
    """`holds_pan` of one reading."""
    if sum(map(str.isdigit, text)) < SHORTEST:
        return False
    if _HASH.fullmatch(text):
        return _holds_tag_5a(text)
    if _holds_track(text):
        return True
    lettered, digits_in_all = bool(_LETTER.search(text)), len("".join(_GROUP.findall(text)).lstrip("0"))
    return any(
        not lettered or _counts_among_letters(text, start, end, digits, digits_in_all)
        for start, end, digits in _whole_groups(text)
        if is_card_number(digits)
    )


def holds_pan_anywhere(text: str, find: Find = find_stars) -> bool:
    """Whether a declared field that never lawfully looks like one holds a card number by the wide rule, or a track.

    A hash as above holds none. Where there are letters the strict rule counts: numbers are within one random token of
    letters and digits in 2,000.

    >>> holds_pan_anywhere("96222021234567894"), holds_pan_anywhere("3f6b1c0a9d5e47728c1e0b6f5d2a9c34")
    (True, False)
    """
    return any(_holds_pan_anywhere(each, find) for each in readings(text))


def _holds_pan_anywhere(text: str, find: Find) -> bool:
    """`holds_pan_anywhere` of one reading."""
    if _HASH.fullmatch(text):
        return _holds_tag_5a(text)
    if _holds_track(text) or _TRACK.search(text):
        return True
    if not find(text):
        return False
    return not _LETTER.search(text) or _holds_pan(text)


def find_pans(text: str) -> list[tuple[int, int]]:
    """Where free text holds card numbers by the wide rule: start and end, ascending; they may overlap.

    >>> find_pans("card 6222-0212-3456-7894, thanks")
    [(5, 24)]
    """
    return sorted({(start, end) for each in readings(text) for start, _, end in find_numbers(each)})


def mask(text: str, find: Find = find_stars) -> str:
    """`text` with every card number of `find_pans` starred but for its last four digits, and no track data.

    The result holds no card number: masking it again changes nothing.

    Args:
        text: any.
        find: finds what is to be starred.

    >>> mask("card 6222-0212-3456-7894, ;6222021234567894=30122010000?")
    'card ***************7894, ***'
    """
    if len(text) < SHORTEST:
        return text
    read = readings(text)
    stars = [span for same in read for span in find(same)]
    marked = any("=" in same or "^" in same for same in read)
    if not stars and not marked:  # a chip's number would be found
        return text
    if not marked and not any(each in same for same in read for each in "DdFf"):
        return _starred(text, stars)
    return _without_tracks((text, *read), stars, find)


def _without_tracks(texts: tuple[str, ...], stars: Spans, find: Find) -> str:
    """The first of some texts without track data, and starred; the others are its readings."""
    for spans_in in (_tracks, _chips):
        for k in range(1, len(texts)):
            if spans := spans_in(texts[k]):
                texts = _cut_out(texts, spans)
                stars = [span for same in texts[1:] for span in find(same)]
    texts = tuple(_starred(each, stars) for each in texts)
    for k in range(1, len(texts)):
        texts = _cut_out(texts, [each.span() for each in _MASKED_TRACK.finditer(texts[k])])
    return texts[0]


def mask_groups(text: str, find: Find = find_stars) -> str:
    """`text` of a declared field as a dead letter may show it.

    Starred is what the strict rule finds, letters or not, and what of 16 digits or more the wide rule finds within
    longer digits: shorter numbers are within many a merchant's.

    >>> mask_groups("REF378282246310005"), mask_groups("16222021234567894"), mask_groups("898210158120002")
    ('REF***********0005', '1************7894', '898210158120002')
    """
    if len(text) < SHORTEST:
        return text
    read = readings(text)
    if any(_holds_track(same) or _TRACK.search(same) for same in read):
        return mask(text, find)
    return _starred(text, [each for same in read for each in _group_stars(same) + _long_numbers(same)])


def last4(pan: str) -> str:
    """The last four digits of `pan`, which may be shown."""
    return pan[-4:]


def _group_stars(same: str) -> list[tuple[int, int]]:
    """What is to be starred of the whole groups that are card numbers."""
    return [
        (start, _fourth_last(same, end)) for start, end, digits in _whole_groups(same)
        if is_card_number(digits) and not _touches_mask(same, start, end)
    ]  # fmt: skip


def _long_numbers(text: str) -> list[tuple[int, int]]:
    """Numbers of 16 digits or more that the wide rule finds: where each begins, and where its last four digits do."""
    found = find_numbers(text)
    return [(start, shown) for start, shown, end in found if len(_DIGIT.findall(text[start:end])) >= ANY_RANGE]


def _touches_mask(text: str, start: int, end: int) -> bool:
    """Whether digits are the rest of a longer group, of which a number was starred."""
    return text[max(start - len(MASK), 0) : start] == MASK or text[end : end + len(MASK)] == MASK


def _fourth_last(text: str, end: int) -> int:
    """Where the last four digits before `end` begin."""
    return [i for i in range(end) if text[i].isdigit()][-4]


def _whole_groups(text: str) -> Iterator[tuple[int, int, str]]:
    """Every stretch of whole groups of at most 19 digits: where it begins and ends, its digits without zeros before."""
    groups = [found.span() for found in _GROUP.finditer(text)]
    for k, (start, _) in enumerate(groups):
        digits, end = "", start
        for more, after in groups[k:]:
            between = text[end:more]
            if len(between.replace(NOTHING, "")) > MAX_GAP or _LETTER.search(between):
                break
            digits, end = (digits + text[more:after]).lstrip("0"), after  # numbers are padded with zeros
            if len(digits) > LONGEST:
                break
            yield start, end, digits


def _counts_among_letters(text: str, start: int, end: int, digits: str, digits_in_all: int) -> bool:
    """Whether a number in an identifier with letters is taken for one."""
    if _DATED.fullmatch(digits):
        return False
    sizes = [len(each) for each in _GROUP.findall(text[start:end])]
    touches = (start > 0 and _ALNUM.match(text[start - 1])) or (end < len(text) and _ALNUM.match(text[end]))
    return not touches or (len(digits) == digits_in_all and _are_a_cards(sizes))


def _are_a_cards(sizes: list[int]) -> bool:
    """Whether groups of digits are as cards show them: one, or alike but for a shorter last, or as in 4-6-5."""
    alike = len(set(sizes[:-1])) <= 1 and sizes[-1] <= sizes[0]
    return alike or sizes in ([4, 6, 5], [4, 6, 4])


def _holds_tag_5a(text: str) -> bool:
    """Whether a chip's data has a card number behind its tag."""
    return any(begins_with_number(found[1]) for found in _TAG_5A.finditer(text))


def _holds_track(text: str) -> bool:
    """Whether plain text holds a track of a card number, blanks in it or not."""
    if _TRACK_1.search(text):
        return True
    for each in {text, _APART.sub("", text)}:
        if _holds_tag_5a(each):
            return True
        for found in _NUMBER_IN_TRACK.finditer(each):
            padded = found[0][-1] in "Ff"
            if ends_with_number(found[1]) and not (padded and _DATED.fullmatch(found[1])):
                return True
    return False


def _tracks(text: str) -> list[tuple[int, int]]:
    """Stretches that are tracks by their marks, whatever the number."""
    return [found.span() for found in _TRACK.finditer(text)]


def _chips(text: str) -> list[tuple[int, int]]:
    """Stretches of a chip's data in which a card number is followed by D and digits, or by F."""
    found = []
    for each in _CHIP.finditer(text):
        digits = _GROUP.match(each[0])
        if digits and (ends_with_number(digits[0]) or _is_padded(each[0])):
            found.append(each.span())
    return found


def _is_padded(text: str) -> bool:
    """Whether digits of any range pass Luhn and have a track's date behind them."""
    digits, _, rest = text.upper().partition("D")
    return bool(rest) and 13 <= len(digits) <= LONGEST and passes_luhn(digits)


def _cut_out(texts: tuple[str, ...], spans: Spans) -> tuple[str, ...]:
    """Texts, a text and its readings, with the same stretches of each removed."""
    for start, end in reversed(spans):
        texts = tuple(each[:start] + REMOVED + each[end:] for each in texts)
    return texts


def _starred(text: str, spans: Spans) -> str:
    """`text` with stars in some stretches."""
    pieces, at = [], 0
    for start, end in sorted(spans):
        if end > at:
            begin = max(start, at)
            pieces += [text[at:begin], "*" * (end - begin)]
            at = end
    return "".join([*pieces, text[at:]])
