"""How values look on a page: money, times, shares. Nothing known is `–`, never a nought."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import Markup

from casework.reasons import usual_reason
from console.figures import figure
from console.navigation import navigation, role_name
from console.refusals import in_words
from detectors.words.figures import mcc_text
from detectors.words.registry import WORDS
from domain.alerts import BEARERS, Evidence
from domain.currencies import money_text
from domain.severity import level_of
from domain.timestamps import DAY_MS, HOUR_MS, MINUTE_MS
from domain.visible import visible_lines
from notices.rendering import deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

UNKNOWN = "–"
_STATIC = Path(__file__).with_name("static")


def finalized(value: object) -> object:
    r"""What a page prints, markup or not, with what nobody sees of it as escapes.

    >>> finalized("a\u202e"), finalized(Markup("<b>\u200b</b>")), finalized(3)
    ('a\\u202e', Markup('<b>\\u200b</b>'), 3)
    """
    if isinstance(value, Markup):
        return Markup(visible_lines(value))  # noqa: S704  as much markup as before
    return visible_lines(value) if isinstance(value, str) else value


def money(amount_minor: int | None, currency: str) -> str:
    """Money in a currency.

    >>> money(None, "CNY"), money(1_234_56, "CNY")
    ('–', '¥1,234.56')
    """
    return UNKNOWN if amount_minor is None or not currency else money_text(amount_minor, currency)


def whole(number: float | None) -> str:
    """A count.

    >>> whole(12345), whole(None)
    ('12,345', '–')
    """
    return UNKNOWN if number is None else f"{number:,.0f}"


def share(value: float | None, digits: int = 0) -> str:
    """A share of 0 to 1 in percent.

    >>> share(0.1234), share(0.1234, 1), share(None)
    ('12%', '12.3%', '–')
    """
    return UNKNOWN if value is None else f"{value * 100:.{digits}f}%"


def clock(ms: int | None, zone: str) -> str:
    """A time, to the minute, by the clock of a zone.

    >>> clock(1_736_092_800_000, "Asia/Shanghai")
    '2025-01-06 00:00'
    """
    return UNKNOWN if ms is None else f"{datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def clock_iso(time: str | None, zone: str) -> str:
    """The same of a time in ISO 8601."""
    return f"{datetime.fromisoformat(time).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" if time else UNKNOWN


def iso(ms: int) -> str:
    """A time as HTML's `datetime` has it.

    >>> iso(0)
    '1970-01-01T00:00:00Z'
    """
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def span(ms: int | None, lang: str) -> str:
    """A duration in its largest unit.

    >>> span(59_000, "en"), span(7_200_000, "en"), span(3 * 86_400_000, "zh"), span(-60_000, "en")
    ('0 min', '2 h', '3天', '1 min')
    """
    if ms is None:
        return UNKNOWN
    size = abs(ms)
    for unit_ms, en, zh in ((DAY_MS, " d", "天"), (HOUR_MS, " h", "小时"), (MINUTE_MS, " min", "分钟")):
        if size >= unit_ms or unit_ms == MINUTE_MS:
            return f"{size // unit_ms}{zh if lang == 'zh' else en}"
    raise AssertionError(ms)


def severity_word(severity: float, lang: str) -> str:
    """The word of a severity of 0 to 1."""
    return str(getattr(level_of(severity).word, lang))


def level(severity: float) -> str:
    """A severity's level, as styles are named."""
    return level_of(severity).word.en


def detector_title(name: str, lang: str) -> str:
    """What a detector finds, in words; its name where it is unknown here."""
    found = WORDS.get(name)
    return name if found is None else str(getattr(found.TITLE, lang))


def bearer(name: str | None, lang: str) -> str:
    """Who bears a loss.

    >>> bearer("acquirer", "zh"), bearer(None, "en")
    ('收单机构', '')
    """
    return str(getattr(BEARERS[name], lang)) if name in BEARERS else ""


def against(evidence: Evidence, lang: str) -> str:
    """What a figure is compared with, as `value (usual baseline)`.

    >>> against(Evidence("peer_share", "28d", 0.5, None, 0.125, "share"), "en")
    '50% (usual 12.5%)'
    """
    usual = evidence.baseline if evidence.baseline is not None else evidence.threshold
    value, usual_value = (_figure(each, evidence, lang) for each in (evidence.value, usual))
    return f"{value}（平时{usual_value}）" if lang == "zh" else f"{value} (usual {usual_value})"


def _figure(value: float | str | None, evidence: Evidence, lang: str) -> str:
    if value is None or value == "":
        return UNKNOWN
    return (
        value if isinstance(value, str) else str(getattr(figure(value, evidence.unit, "", of=evidence.feature), lang))
    )


def mcc(code: str, lang: str) -> str:
    """An MCC with its name.

    >>> mcc("5722", "zh"), mcc("", "en")
    ('5722（家电）', '–')
    """
    return str(getattr(mcc_text(code), lang)) if code else UNKNOWN


def usual_confirmation(detectors: Mapping[str, int]) -> str:
    """The reason that mostly confirms a case with alerts of these detectors; "" where none is usual.

    >>> usual_confirmation({"fee_over": 2, "mcc_jump": 1}), usual_confirmation({})
    ('fees', '')
    """
    return usual_reason("confirmed", next(iter(detectors), ""))


def as_json(value: Any) -> str:
    """Something as JSON, for `data-` attributes, which the template escapes."""
    return msgspec.json.encode(value).decode()


def merchant_path(merchant_id: str) -> str:
    """Where a merchant's page is; an id may have any printable character.

    >>> merchant_path("a/b 1")
    '/merchants/a%2Fb%201'
    """
    return f"/merchants/{quote(merchant_id, safe='')}"


def static(name: str) -> str:
    """Where a file of `static/` is served: with a hash of its content, so that a new one is fetched."""
    return f"/static/{name}?{_hashes(name)}"


def _hashes(name: str) -> str:
    if name not in _KNOWN:
        _KNOWN[name] = sha256((_STATIC / name).read_bytes()).hexdigest()[:12]
    return _KNOWN[name]


_KNOWN: dict[str, str] = {}

FILTERS: Mapping[str, Callable[..., Any]] = {
    "money": money, "whole": whole, "share": share, "clock": clock, "deadline": deadline,
    "clock_iso": clock_iso, "iso": iso, "span": span,
    "severity_word": severity_word, "level": level, "detector_title": detector_title, "as_json": as_json,
    "role_name": role_name, "bearer": bearer, "against": against,
    "merchant_path": merchant_path, "mcc": mcc, "usual_reason": usual_confirmation, "in_words": in_words,
}  # fmt: skip
GLOBALS: Mapping[str, Any] = {
    "static": static,
    "navigation": navigation,
    "detectors": lambda: [*WORDS],
    "UNKNOWN": UNKNOWN,
}
