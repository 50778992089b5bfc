"""Open episodes, closed stories and risk accounts as pages of a checkpoint hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from domain.controls import Versions  # noqa: TC001  msgspec reads the annotation
from domain.readings import Shop, TransactionRow  # noqa: TC001  msgspec reads the annotations
from engine.decoding.columns import MISSING
from engine.episodes import Kept
from engine.risk.ledger import Account
from engine.stories import PARTLY, ClosedStory, Figures

if TYPE_CHECKING:
    from detectors.contract import Detector

_Figures = tuple[int, int, float, int, int, str, tuple[str, ...]]
_Money = tuple[str, str]
"""Loss and turnover, "" where none is known."""
_Episode = tuple[int, int, float, int]
"""What `Figures` has of an alert's last episode."""
LOSS_BEFORE = frozenset({"mcc_jump", "mcc_drift", "mcc_static", "fee_over", "fee_rise"})
"""Detectors whose one sum in pages of before was a loss; of the others it was turnover."""
_NO_DEADLINE = -1


class _OpenEpisode(msgspec.Struct, frozen=True, array_like=True):
    """An open episode in a page. What follows `values` is not in pages of the first versions."""

    merchant_id: str
    alert_id: str
    currency: str
    now: _Figures
    told: _Figures
    values: dict[str, int | float | None]
    controls: Versions | tuple[int, int, int] = msgspec.field(default_factory=dict)
    deadline_ms: int = _NO_DEADLINE
    received_ms: int = MISSING
    shop: Shop | None = None
    transactions: tuple[TransactionRow, ...] = ()
    """Those of `now`; the first `told_transactions` of them are those of `told`."""
    told_transactions: int = 0
    now_money: _Money | None = None
    """Loss and turnover; None in pages of before, whose figures have one sum, of what the detector's money is."""
    told_money: _Money | None = None
    now_episode: _Episode | None = None
    """None in pages of before, whose alerts had one episode each."""
    told_episode: _Episode | None = None
    now_first_day: int | None = PARTLY
    """Pages of before do not say it."""
    told_first_day: int | None = PARTLY


class _ClosedStory(msgspec.Struct, frozen=True, array_like=True):
    """A closed story in a page."""

    alert_id: str
    currency: str
    totals: _Figures
    money: _Money
    episode: _Episode
    transactions: tuple[TransactionRow, ...]
    first_day: int | None = PARTLY
    """Pages of before do not say it."""


_pack = msgspec.msgpack.Encoder().encode
_unpack_episode = msgspec.msgpack.Decoder(tuple[str, int, _OpenEpisode | None]).decode
_unpack_story = msgspec.msgpack.Decoder(tuple[str, int, _ClosedStory | None]).decode
_unpack_risk = msgspec.msgpack.Decoder(tuple[int, Account]).decode


def episode_entry(key: tuple[str, int], kept: Kept | None) -> bytes:
    """An open episode, or that it was closed. Money is written as text: it may be beyond 64 bits."""
    if kept is None:
        return _pack((*key, None))
    now, told = kept.now, kept.told
    held = _OpenEpisode(
        kept.merchant_id, kept.alert_id, kept.currency, _totals_of(now), _totals_of(told), dict(kept.values),
        kept.controls, kept.deadline_ms, kept.received_ms, kept.shop, now.transactions, len(told.transactions),
        _money_of(now), _money_of(told), _last_of(now), _last_of(told), now.first_day, told.first_day,
    )  # fmt: skip
    return _pack((*key, held))


def story_entry(key: tuple[str, int], story: ClosedStory | None) -> bytes:
    """A closed story, or that it was reopened or forgotten."""
    if story is None:
        return _pack((*key, None))
    it = story.totals
    held = _ClosedStory(
        story.alert_id, story.currency, _totals_of(it), _money_of(it), _last_of(it), it.transactions, it.first_day
    )  # fmt: skip
    return _pack((*key, held))


def story_of(entry: bytes) -> tuple[tuple[str, int], ClosedStory | None]:
    """Detector and row of an entry, and the closed story; None where it was reopened or forgotten."""
    name, row, it = _unpack_story(entry)
    if it is None:
        return (name, row), None
    totals = _figures_of(it.totals, it.money, it.episode, name, it.transactions, it.first_day)
    return (name, row), ClosedStory(it.alert_id, it.currency, totals)


def _totals_of(it: Figures) -> _Figures:
    return it.revision, it.hits, it.severity, it.first_ms, it.last_ms, _older(it), it.txn_ids


def _last_of(it: Figures) -> _Episode:
    return it.reopened, it.episode_hits, it.episode_severity, it.episode_first_ms


def _older(it: Figures) -> str:
    """The one sum that pages had before."""
    return str(max(it.turnover_e7 or 0, 0)) if it.loss_e7 is None else str(it.loss_e7)


def _money_of(it: Figures) -> _Money:
    loss, turnover = ("" if each is None else str(each) for each in (it.loss_e7, it.turnover_e7))
    return loss, turnover


def episode_of(entry: bytes) -> tuple[tuple[str, int], Kept | None]:
    """Detector and row of an entry, and the episode; None where it was closed."""
    name, row, it = _unpack_episode(entry)
    if it is None:
        return (name, row), None
    return (name, row), Kept(
        it.merchant_id, it.alert_id, it.currency,
        _figures_of(it.now, it.now_money, it.now_episode, name, it.transactions, it.now_first_day),
        _figures_of(
            it.told, it.told_money, it.told_episode, name, it.transactions[: it.told_transactions], it.told_first_day
        ),
        it.values, _versions_of(it.controls), it.deadline_ms, it.received_ms, it.shop,
    )  # fmt: skip


def _versions_of(held: Versions | tuple[int, int, int]) -> Versions:
    """Versions in force; pages of earlier versions have three numbers."""
    if isinstance(held, dict):
        return held
    return {kind: version for kind, version in zip(("detectors", "peers", "profiles"), held, strict=True) if version}


def with_deadline(kept: Kept, detector: Detector) -> Kept:
    """An episode with the end of its quiet gap, where its page is of the first versions and says none."""
    if kept.deadline_ms != _NO_DEADLINE:
        return kept
    return kept._replace(deadline_ms=kept.now.last_ms + detector.quiet_gap_s * 1000)


def _figures_of(
    it: _Figures, money: _Money | None, episode: _Episode | None, detector: str, shown: tuple[TransactionRow, ...],
    first_day: int | None,
) -> Figures:  # fmt: skip
    revision, hits, severity, first_ms, last_ms, at_stake_e7, txn_ids = it
    if money is None:  # what was 0 then was mostly not known
        one = at_stake_e7 if int(at_stake_e7) else ""
        money = (one, str(PARTLY)) if detector in LOSS_BEFORE else ("", one)
    loss, turnover = (int(each) if each else None for each in money)
    last = (0, hits, severity, first_ms) if episode is None else episode
    return Figures(revision, hits, severity, first_ms, last_ms, loss, turnover, txn_ids, shown, *last, first_day)


def risk_entry(row: int, account: Account) -> bytes:
    """A merchant's risk account."""
    return _pack((row, account))


def risk_of(entry: bytes) -> tuple[int, Account]:
    """The row and the account of an entry."""
    return _unpack_risk(entry)
