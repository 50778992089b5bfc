"""Static miscoding (套码): registered and presented agree, but the business is another and dearer one.

What it finds, where its figures come from, what it cannot see: `docs/detectors/mcc_static.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.contract import (
    E7,
    HOME,
    NOTHING,
    Findings,
    Tuned,
    check_episode,
    check_range,
    code,
    home_minor,
    minor_of,
    own_minor,
    own_threshold,
    rounded,
    whole,
)
from detectors.words import mcc_static as words
from domain.alerts import Evidence
from domain.feature_codes import NULL
from domain.profiles import NAMES
from domain.trade_words import NAME_NATS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class MccStatic(Tuned):
    """Days at whose end a merchant of a cheaper class sells as those of a dearer one do, or is called like one.

    Args:
        evidence_nats: least evidence that accuses, in nats, 1 to 100.
        model_weight: weight of the trade model's odds against the profiles' evidence, 0 to 1, where there is a model.
        least_gap_minor: least that the day's sales would have cost more in that class, minor units of the home
            currency, 0 to 1,000,000.
        base: severity where that is all that is known, 0 to 1.
        by_name: the same where nothing but the merchant's name speaks of a dearer trade, 0 to 1.
        per_decade: what each tenfold of the day's gap above 10.00 adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    evidence_nats: float = 6.0
    model_weight: float = 0.5
    least_gap_minor: int = 100
    base: float = 0.3
    by_name: float = 0.1
    per_decade: float = 0.2
    quiet_gap_s: int = 7 * 86_400
    max_age_s: int = 28 * 86_400

    name = "mcc_static"
    risk_group = "mcc"
    version = 2
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_code = "26"
    bearer = "issuer_network"
    needs = ("mcc", "acceptor_id", "channel_mcc")
    artefact = "profiles"
    columns = (
        "trade_evidence", "trade_mcc", "trade_like", "trade_sales", "trade_gap_1d_e7", "trade_ticket",
        "trade_ticket_own", "trade_ticket_like", "trade_telling", "trade_name", "trade_odds", "trade_probability",
        "trade_other", "trade_other_probability",
        *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 1, 100, "evidence_nats")
        check_range(self, 0, 1_000_000, "least_gap_minor")
        check_range(self, 0, 1, "model_weight", "base", "by_name", "per_decade")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The days that end with evidence enough; severity by the money that the class saves a day."""
        index = np.flatnonzero((features["trade_name"] != NULL) | ~np.isnan(features["trade_evidence"]))
        if len(index) == 0:
            return NOTHING
        by_name = features["trade_name"][index] != NULL
        evidence = self._joined(features["trade_evidence"][index], features["trade_odds"][index], by_name)
        named = np.isnan(evidence) & by_name
        accused = (evidence >= self.evidence_nats) | named
        index, named = index[accused], named[accused]
        gap = features["trade_gap_1d_e7"][index].astype(np.int64)
        enough = (gap != NULL) & (gap > 0) & (gap >= own_minor(features, index, self.least_gap_minor * E7))
        index, gap = index[enough], gap[enough]
        base = np.where(named[enough], self.by_name, self.base)
        severity = base + self.per_decade * np.log10(1 + home_minor(features, index, gap) / (1000 * E7))
        return Findings(index, np.clip(severity, 0, 1), gap)

    def _joined(self, evidence: NDArray[Any], odds: NDArray[Any], named: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Evidence of the sales by profiles and model, and of the name; by profiles alone where no model judged.

        The two weigh the same sales, so their mean counts, not their sum.
        """
        name = np.where(named, NAME_NATS, 0.0)
        joined = (1 - self.model_weight) * (evidence - name) + self.model_weight * odds + name
        return np.asarray(np.where(np.isnan(odds), evidence, joined), np.float64)

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """Which trade it looks like, by what, and what that saves."""
        gap = minor_of(values["trade_gap_1d_e7"] or 0)
        found: tuple[Evidence, ...] = ()
        if (named := values.get("trade_name")) is not None:
            found = (Evidence("trade_name", "txn", code(named), None, code(values["trade_mcc"]), "MCC"),)
        if values["trade_evidence"] is not None:
            found += self._by_sales(values)
        return (
            *found,
            Evidence("trade_sales", "history", values["trade_sales"], None, None, "transactions"),
            Evidence("trade_gap_1d", "1d", gap, own_threshold(values, self.least_gap_minor), 0, "minor units"),
        )

    def _by_sales(self, values: Values) -> tuple[Evidence, ...]:
        named = np.array([values.get("trade_name") is not None])
        by_profiles, odds = (np.array([values.get(name)], np.float64) for name in ("trade_evidence", "trade_odds"))
        (joined,) = self._joined(by_profiles, odds, named).tolist()
        return (
            Evidence("trade_like", "history", code(values["trade_like"]), None, code(values["trade_mcc"]), "MCC"),
            Evidence("trade_evidence", "history", round(joined, 2), self.evidence_nats, 0, "nats"),
            *self._by_model(values),
            Evidence("trade_ticket", "history", values["trade_ticket"], values["trade_ticket_like"],
                     values["trade_ticket_own"], "minor units"),
            Evidence("trade_telling", "history", NAMES[int(values["trade_telling"] or 0)].en, None, None, "statistic"),
        )  # fmt: skip

    def _by_model(self, values: Values) -> tuple[Evidence, ...]:
        """What the trade model says; nothing where none judged."""
        if (odds := values.get("trade_odds")) is None:
            return ()
        return (
            Evidence("trade_odds", "history", round(odds, 2), None, 0, "nats"),
            Evidence("trade_other", "history", code(values["trade_other"]), None, code(values["trade_mcc"]), "MCC"),
            Evidence("trade_other_probability", "history", rounded(values["trade_other_probability"], 4), None,
                     rounded(values["trade_probability"], 4), "share"),
        )  # fmt: skip

    def facts(self, values: Values, story: Story) -> words.Facts:
        """What it is registered as, what it sells like, by which figure, and what that saves."""
        named, sold = values.get("trade_name"), values["trade_evidence"] is not None
        return words.Facts(
            hits=story.hits, loss_minor=story.loss_minor, own=code(values["trade_mcc"]),
            like=code(values["trade_like"]) if sold else "", called=None if named is None else code(named),
            telling=int(values["trade_telling"] or 0),
            ticket_minor=whole(values["trade_ticket"]), ticket_own_minor=whole(values["trade_ticket_own"]),
            ticket_like_minor=whole(values["trade_ticket_like"]),
            other=code(values["trade_other"]) if values.get("trade_odds") is not None else "",
            other_share=rounded(values.get("trade_other_probability"), 4),
            own_share=rounded(values.get("trade_probability"), 4),
        )  # fmt: skip
