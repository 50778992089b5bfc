"""What the API takes. Times are UTC milliseconds (`_ms`)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from casework.actions import KINDS
from casework.bulk import MOST_CASES
from casework.decisions import VERDICTS
from casework.escalation import ROLES as ESCALATED_TO
from casework.operations import MOST_TEXT
from console.api.models import Number

Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
Words = Annotated[str, Field(min_length=1, max_length=MOST_TEXT, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
ReasonCode = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[^\x00]+$")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Expecting(_Asked):
    """The case as it was looked at."""

    expected_version: Number


class Commenting(_Asked):
    """A comment; card numbers in it are masked."""

    text: Words


class Deciding(Expecting):
    """A verdict."""

    verdict: Literal[VERDICTS]  # type: ignore[valid-type]
    reason_code: ReasonCode
    comment: Words
    alert_ids: Annotated[list[Id], Field(min_length=1, max_length=500)] | None = Field(
        default=None, description="of the case; all undecided ones by default"
    )


class Looked(Expecting):
    """A case as it was looked at."""

    case_id: Number


class DecidingMany(_Asked):
    """One verdict on all undecided alerts of many cases."""

    cases: Annotated[list[Looked], Field(min_length=1, max_length=MOST_CASES)]
    verdict: Literal[VERDICTS]  # type: ignore[valid-type]
    reason_code: ReasonCode
    comment: Words


class Assigning(Expecting):
    """Who gets a case."""

    to: Id


class Flagging(_Asked):
    """Why a second pair of eyes is wanted."""

    why: Words


class Lifting(_Asked):
    """What the second pair of eyes found."""

    found: Words


class Escalating(_Asked):
    """To whom a case is given upwards: a role or a person."""

    reason: Words
    to_role: Literal[ESCALATED_TO] | None = None  # type: ignore[valid-type]
    to_user: Id | None = None


class Answering(_Asked):
    """An answer."""

    text: Words


class Overriding(_Asked):
    """A grade that holds until a time; a time that is over takes one back."""

    grade: Literal["A", "B", "C", "D", "E"]
    until_ms: Number
    reason: Annotated[Words, Field(max_length=256)]


class Snoozing(_Asked):
    """Until when a case is put off."""

    until_ms: Number
    reason: Words


class TakingMany(_Asked):
    """Cases that are taken at once."""

    cases: Annotated[list[Looked], Field(min_length=1, max_length=MOST_CASES)]


class SnoozingMany(TakingMany):
    """Until when cases are put off."""

    until_ms: Number
    reason: Words


class Reminding(_Asked):
    """When somebody is reminded of a case, and of what."""

    due_ms: Number
    text: Words
    whom: Id | None = Field(default=None, description="who works on the case; the token's user by default")


class Merging(_Asked):
    """The case that takes the alerts."""

    into: Number


class Moving(Merging):
    """Alerts that are moved."""

    alert_ids: Annotated[list[Id], Field(min_length=1, max_length=500)]


class Detaching(_Asked):
    """Alerts of one merchant that get a case of their own."""

    alert_ids: Annotated[list[Id], Field(min_length=1, max_length=500)]


class Recommending(_Asked):
    """What is to be done."""

    kind: Literal[KINDS]  # type: ignore[valid-type]
    text: Words
    approved_by_two: bool = False


class Recording(_Asked):
    """What came of an action."""

    outcome: Words


class Executed(Recording):
    """What another system has executed."""

    action_id: Number


class RecordingMany(_Asked):
    """What another system has executed."""

    executed: Annotated[list[Executed], Field(min_length=1, max_length=500)]


class Suppressing(_Asked):
    """Which alerts are kept out of the queue."""

    detector: Id
    merchant_id: Id
    until_ms: Number
    reason: Words
    of_aml: bool = Field(default=False, description="those that only `aml` may see")
