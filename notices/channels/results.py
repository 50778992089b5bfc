"""What a gateway of an acquirer answers: a code for all of a message, or one for each recipient.

    {"code": 0, "message_id": "8871"}
    {"code": 0, "results": [{"to": "13800000000", "code": 0, "message_id": "8871"}, {"to": "139…", "code": 21}]}

A code is 0 for "taken". Beside another, `retry_after_s` says when to try again; without it, the code refuses for good
unless `retry` is true; `said` has the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from notices.channels.asking import Verdict, number_of
from notices.channels.contract import Outcome
from notices.channels.words import masked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notices.channels.contract import Address, Status


def read_result(body: Any, *, wants_id: bool) -> Verdict:
    """What one code says, and whether it has the id that belongs to it."""
    code = number_of(body.get("code")) if isinstance(body, dict) else None
    if code is None:
        return Verdict("unknown", "answered without a code" if isinstance(body, dict) else "answered without JSON")
    if code != 0:
        wait_s = body.get("retry_after_s")
        later = wait_s if isinstance(wait_s, (int, float)) and not isinstance(wait_s, bool) and wait_s >= 0 else None
        status: Status = "retry" if later is not None or body.get("retry") is True else "refused"
        return Verdict(status, f"code {code}: {body.get('said', '')}", retry_after_s=later)
    message_id = body.get("message_id")
    if isinstance(message_id, (str, int)) and not isinstance(message_id, bool) and str(message_id).strip():
        return Verdict("sent", message_id=str(message_id)[:200])
    if wants_id:
        return Verdict("unknown", "answered code 0 without a message_id")
    return Verdict("sent")


def read_all(body: Any, *, wants_id: bool) -> Verdict:
    """What the code of all of a message says; where there are results, their ids count instead."""
    has_results = isinstance(body, dict) and isinstance(body.get("results"), list)
    return read_result(body, wants_id=wants_id and not has_results)


def outcomes(
    verdict: Verdict, recipients: Sequence[Address], secrets: Sequence[str], *, wants_id: bool
) -> list[Outcome]:
    """What became of a message for each recipient; one whom the results leave out may or may not have got it."""
    results = verdict.body.get("results") if verdict.status == "sent" and isinstance(verdict.body, dict) else None
    if not isinstance(results, list):
        return [verdict.outcome(each) for each in recipients]
    by_recipient = {str(each.get("to", "")): each for each in results if isinstance(each, dict)}
    found = []
    for each in recipients:
        result = by_recipient.get(each.to)
        if result is None:
            found.append(Outcome(address=each, status="unknown", said="the results leave the recipient out"))
            continue
        read = read_result(result, wants_id=wants_id)
        found.append(read._replace(said=masked(read.said, secrets)).outcome(each))
    return found
