"""The refusals of the product, each with a stable code, a sentence and a next step.

TodoError
├── InvalidArguments      invalid_arguments
├── InvalidTime           invalid_time
├── TaskNotFound          task_not_found
├── IsSeries              is_series
├── ReminderInPast        reminder_in_past
├── RuleInvalid           rule_invalid
├── RuleNeverOccurs       rule_never_occurs
├── RuleTooFrequent       rule_too_frequent
├── VersionConflict       version_conflict
│   └── ChangedMeanwhile
├── RequestIdReused       request_id_reused
├── UndoConflict          undo_conflict
├── PlanExpired           plan_expired
├── ConfirmationRequired  confirmation_required
├── Forbidden             forbidden
├── RateLimited           rate_limited
├── TooEarly              too_early
├── InternalError         internal_error
└── StorageUnavailable    storage_unavailable
"""

from typing import Any, ClassVar, Unpack

from typing_extensions import TypedDict  # typing has one that pydantic reads from Python 3.12 on


class ShownDetails(TypedDict, total=False):
    """What a refusal may show to programs beside its code and its text."""

    fields: dict[str, str]
    version: int
    changes: dict[str, list[Any]]
    open_instance: dict[str, Any]
    similar: list[Any]
    deleted: bool
    change_id: str
    link: str
    confirmation_id: str
    summary: str
    seconds: int


class Details(ShownDetails, total=False):
    """What a refusal may carry: what it shows, and what the question to the person needs."""

    fingerprint: str
    about: Any
    scope: str


class TodoError(Exception):
    """A refusal that the caller can act on; nothing was stored.

    `sentence` states the problem, `next_step` the remedy; `details` holds JSON-serialisable data for programs.
    No text may contain a large input, SQL, a stack trace, or another user's data.
    """

    code: ClassVar[str]

    def __init__(self, sentence: str, next_step: str = "", **details: Unpack[Details]) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_step = next_step
        self.details = details

    @property
    def text(self) -> str:
        """The sentence followed by the next step."""
        return f"{self.sentence} {self.next_step}".strip()

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


class InvalidArguments(TodoError):
    """An argument is missing, unknown, malformed or out of range."""

    code = "invalid_arguments"


class InvalidTime(TodoError):
    """A date, time, zone or duration cannot be parsed."""

    code = "invalid_time"


class TaskNotFound(TodoError):
    """The task does not exist or belongs to another user; callers cannot tell which."""

    code = "task_not_found"


class IsSeries(TodoError):
    """The id names a series, but the operation needs an instance."""

    code = "is_series"


class ReminderInPast(TodoError):
    """The time of the reminder has already passed."""

    code = "reminder_in_past"


class RuleInvalid(TodoError):
    """A recurrence rule cannot be parsed, or contradicts itself."""

    code = "rule_invalid"


class RuleNeverOccurs(TodoError):
    """A recurrence rule has no date in the period that is searched."""

    code = "rule_never_occurs"


class RuleTooFrequent(TodoError):
    """Two dates of a recurrence rule are too close together."""

    code = "rule_too_frequent"


class VersionConflict(TodoError):
    """The task has changed since the version that the caller saw."""

    code = "version_conflict"


class ChangedMeanwhile(VersionConflict):
    """Another transaction wrote the row between this one's reading and writing: run again, the same call succeeds."""

    def __init__(self, what: str) -> None:
        super().__init__(f"The {what} was changed at the same moment.", "Read it again and repeat the change.")


class RequestIdReused(TodoError):
    """The `request_id` was already used for a different call."""

    code = "request_id_reused"


class UndoConflict(TodoError):
    """The data to restore has changed since; nothing was undone."""

    code = "undo_conflict"


class PlanExpired(TodoError):
    """The plan is unknown, belongs to another caller, or is older than an hour."""

    code = "plan_expired"


class ConfirmationRequired(TodoError):
    """The person must agree first; no argument can replace that."""

    code = "confirmation_required"


class Forbidden(TodoError):
    """The caller lacks the permission."""

    code = "forbidden"


class RateLimited(TodoError):
    """The caller has called too often; `seconds` says when it may again."""

    code = "rate_limited"

    def __init__(self, what: str, seconds: int) -> None:
        super().__init__(f"Too many {what} in a short time.", f"Try again in {seconds} s.", seconds=seconds)
        self.seconds = seconds


class TooEarly(TodoError):
    """The call is right and something else has to end first; the sentence says what, and when it will have."""

    code = "too_early"


class InternalError(TodoError):
    """An internal fault; the caller learns only that it is logged."""

    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("Something went wrong here; nothing was stored. It is logged.")


class StorageUnavailable(TodoError):
    """The database cannot be read or written at the moment; no change is partly stored."""

    code = "storage_unavailable"
