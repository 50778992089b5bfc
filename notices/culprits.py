"""Never warn the culprit: findings that the merchant's own rep or agent may stand behind are told to others.

Who jumps MCCs or merchant numbers, lends a terminal or raises fees is not always the shop. A rep who was told of such a
finding would be warned. So a kind of finding goes to the desk, or to another rep, who checks in the own one's stead
(交叉巡检); a lead may loosen a kind, and nothing loosens causes whose common factor is a rep or an agent.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from casework.territory import on_duty
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from casework.persons import Person
    from casework.territory import Holder

DESK, CROSS, OWN = "desk", "cross", "own"
GOES_TO = {
    DESK: Text("risk desk", "风控台"), CROSS: Text("another rep", "其他客户经理（交叉巡检）"),
    OWN: Text("own rep", "本商户客户经理"),
}  # fmt: skip
"""To whom a kind may go."""


class Kind(NamedTuple):
    """A kind of finding behind which a rep or an agent may stand.

    Attributes:
        words: what it is called.
        detectors: that find it.
        codes: PCAC risk types that say it.
        causes: kinds of causes that say it.
    """

    words: Text
    detectors: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    causes: frozenset[str] = frozenset()


KINDS: dict[str, Kind] = {
    "mcc_jump": Kind(Text("MCC code-jumping", "跳码"), frozenset({"mcc_jump", "mcc_drift"})),
    "mcc_static": Kind(Text("wrong MCC", "套码"), frozenset({"mcc_static"}), frozenset({"26"})),
    "mcc_rotation": Kind(Text("merchant-jumping", "跳商户"), frozenset({"mcc_rotation", "stan_reuse"})),
    "switching": Kind(Text("terminals switched away", "切机"), frozenset(), frozenset({"24", "45"})),
    "fees": Kind(
        Text("fees", "费率"), frozenset({"fee_over", "fee_rise", "fee_notice", "fee_under", "fee_fall"}),
        frozenset({"21"}),
    ),
    "collusion": Kind(Text("collusion", "合谋欺诈"), frozenset(), frozenset({"01", "13", "27"})),
    "cause_rep": Kind(Text("a cause named after a rep", "共同原因为客户经理"), causes=frozenset({"rep"})),
    "cause_agent": Kind(Text("a cause named after an agent", "共同原因为代理商"), causes=frozenset({"agent"})),
}  # fmt: skip
NAMES_SOMEBODY = frozenset({"cause_rep", "cause_agent"})
"""Kinds that no lead can loosen: the finding itself names a rep or an agent."""
OWN_REPS_DETECTORS = frozenset({
    "anomaly", "compromised_point", "dormancy", "gauge_breach", "licence_expiry", "terminal_failing", "terminal_silent",
    "volume_burst", "volume_collapse", "volume_decline", "volume_rise",
})  # fmt: skip
"""Detectors whose findings need neither a rep nor an agent behind them. A detector that is named neither here nor by a
kind tells the desk alone, until somebody has decided."""
PLACED = OWN_REPS_DETECTORS.union({""}, *(kind.detectors for kind in KINDS.values()))
"""Detectors of which somebody has decided; "" for what is no detector's."""
STRICT: dict[str, str] = dict.fromkeys(KINDS, DESK)
"""Where each kind goes unless a lead has said otherwise."""


def goes_to(rules: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """To whom an alert may be told at most: the strictest of the kinds that it is of; `OWN` where it is of none.

    A detector that nobody has placed yet is told to the desk.
    """
    if labels.get("detector", "") not in PLACED:
        return DESK
    found = {
        rules.get(name, STRICT[name])
        for name, kind in KINDS.items()
        if labels.get("detector") in kind.detectors or labels.get("code") in kind.codes
        or labels.get("cause") in kind.causes
    }  # fmt: skip
    return DESK if DESK in found else CROSS if CROSS in found else OWN


def another_rep(
    people: Mapping[str, Person], merchant_id: str, named: Collection[Holder], agents_of: Mapping[str, Collection[str]],
    now_ms: int,
) -> str:  # fmt: skip
    """A rep of the same territory who checks in another's stead; "" where there is none.

    Whoever is named is left out, and who stands in for them, whom they stand in for, whom they report to and who
    reports to them, and every rep who works for a named agent. Of those left each merchant has one, always the same.

    Args:
        people: everybody, by id.
        merchant_id: whose shop.
        named: whose the merchant was and is.
        agents_of: by rep, the agents of its merchants.
        now_ms: UTC milliseconds.
    """
    reps = {each.rep_id for each in named if each.rep_id}
    agents = {each.agent_id for each in named if each.agent_id}
    out = close_to(people, reps | agents)
    regions = {people[each].region for each in reps if each in people} - {""}
    fit = [
        person_id
        for person_id, each in people.items()
        if each.role == "rep" and person_id not in out and not agents.intersection(agents_of.get(person_id, ()))
        and (not regions or each.region in regions) and on_duty(people, person_id, now_ms) == person_id
    ]  # fmt: skip
    return min(fit, key=lambda each: sha256(f"{merchant_id}|{each}".encode()).digest(), default="")


def close_to(people: Mapping[str, Person], named: Collection[str]) -> frozenset[str]:
    """Those who are named, and all who stand next to them: deputies, supervisors and those whom these are for."""
    found = {*named}
    for person_id, each in people.items():
        near = {each.supervisor_id, each.deputy_id} - {""}
        if person_id in named:
            found |= near
        elif near.intersection(named):
            found.add(person_id)
    return frozenset(found)
