"""The refusals of the product, each with a stable code, a sentence, and what to do next.

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
├── RequestIdReused       request_id_reused
├── UndoConflict          undo_conflict
├── PlanExpired           plan_expired
├── ConfirmationRequired  confirmation_required
├── Forbidden             forbidden
├── InternalError         internal_error
└── StorageUnavailable    storage_unavailable
"""

from typing import Any, ClassVar


class TodoError(Exception):
    """A refusal that the caller can act on; nothing was stored.

    `sentence` says what is wrong, `next_step` what to do; `details` is JSON-able data for programs.
    No text here may echo a large input, SQL, a stack trace, or another user's data.
    """

    code: ClassVar[str]

    def __init__(self, sentence: str, next_step: str = "", **details: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.next_step = next_step
        self.details = details

    @property
    def text(self) -> str:
        """The refusal in words: `Sentence. What to do next.`"""
        return f"{self.sentence} {self.next_step}".strip()

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


class InvalidArguments(TodoError):
    """An argument is missing, unknown, of the wrong form or out of bounds."""

    code = "invalid_arguments"


class InvalidTime(TodoError):
    """A date, time, zone or duration cannot be read."""

    code = "invalid_time"


class TaskNotFound(TodoError):
    """No such task, or it belongs to somebody else: the two look the same."""

    code = "task_not_found"


class IsSeries(TodoError):
    """The id is a series where an instance is wanted."""

    code = "is_series"


class ReminderInPast(TodoError):
    """The reminder's time has passed already."""

    code = "reminder_in_past"


class RuleInvalid(TodoError):
    """A recurrence rule cannot be read, or says two things at once."""

    code = "rule_invalid"


class RuleNeverOccurs(TodoError):
    """A recurrence rule has no date within reach."""

    code = "rule_never_occurs"


class RuleTooFrequent(TodoError):
    """A recurrence rule has dates that are too close together."""

    code = "rule_too_frequent"


class VersionConflict(TodoError):
    """The task has changed since the version that the caller saw."""

    code = "version_conflict"


class RequestIdReused(TodoError):
    """The `request_id` was used for another call."""

    code = "request_id_reused"


class UndoConflict(TodoError):
    """What would be put back has been changed since; nothing was undone."""

    code = "undo_conflict"


class PlanExpired(TodoError):
    """The plan is unknown, another caller's, or older than an hour."""

    code = "plan_expired"


class ConfirmationRequired(TodoError):
    """The person has to agree first; no argument can stand for that."""

    code = "confirmation_required"


class Forbidden(TodoError):
    """The caller may not do this."""

    code = "forbidden"


class InternalError(TodoError):
    """A fault of our own: nothing is said of it but that it is logged."""

    code = "internal_error"

    def __init__(self) -> None:
        super().__init__("Something went wrong here; nothing was stored. It is logged.")


class StorageUnavailable(TodoError):
    """The database cannot be read or written now; nothing is half-done."""

    code = "storage_unavailable"
