"""What `dormancy` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf
from domain.alerts import Text

TITLE = Text("Dormant merchant (duty)", "长期未交易（巡检义务）")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        form: what the rule wants done: `verify` the merchant's identity, or `stop` the service.
        idle_d: whole days without a sale.
        verify_within_d: days to verify in.
    """

    form: str
    idle_d: int
    verify_within_d: int | None = None


def sentence(facts: Facts, currency: str) -> Text:  # noqa: ARG001
    """For how long nothing was sold, and what the rule asks for."""
    if facts.form == "stop":
        return Text(
            f"No sale for {facts.idle_d} days (12 months): stop the service",
            f"已{facts.idle_d}天（满12个月）无交易：应停止收单服务",
        )
    within = facts.verify_within_d
    return Text(
        f"No sale for {facts.idle_d} days (3 months): the rules ask to verify the merchant's identity anew, else to "
        f"stop the service; do so within {within} days",
        f"已{facts.idle_d}天（满3个月）无交易：按规定应重新核验商户身份，核验不通过的停止收单服务；请在{within}天内完成",
    )
