"""The shapes of rows, views and answers: plain dicts at run time, checked by mypy, described to others by pydantic.

```
rows     TaskRow  RecurrenceRow  ReminderRow      as the database holds them
views    TaskShape  RecurrenceShape  ReminderShape  as answers and events show them
answers  WriteAnswer                              what a write returns
```
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, Required

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict  # typing has one that pydantic reads from Python 3.12 on

INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$"

Instant = Annotated[str, Field(pattern=INSTANT, description="UTC, RFC 3339")]
Due = Annotated[
    str,
    Field(pattern=rf"(^\d{{4}}-\d\d-\d\d$)|({INSTANT})", description="A date, or an instant in UTC"),
]
Id = Annotated[str, Field(pattern=UUID, description="UUIDv7")]

Status = Literal["open", "completed"]
PriorityName = Literal["none", "low", "medium", "high"]
ReminderStatus = Literal["scheduled", "fired", "cancelled"]
ModeName = Literal["one_at_a_time", "every_occurrence", "after_completion"]
CatchUpName = Literal["latest", "all", "none"]

OPEN = ConfigDict(extra="allow")
"""Fields may be added to a shape; none is removed."""


class TaskColumns(TypedDict, total=False):
    """The columns of a task that a use case may write; `tags` is a JSON list, `edited` names with blanks between."""

    kind: str
    title: str
    notes: str
    status: str
    due: str | None
    zone: str | None
    deadline: str
    priority: int
    tags: str
    recurring_id: str | None
    occurrence: str | None
    edited: str
    version: int
    updated_at: str
    completed_at: str | None
    deleted_at: str | None
    title_key: str
    words: str
    unindexed: int
    list_id: str | None
    start: str | None
    starts_at: str | None
    parent_id: str | None
    has_subtasks: int


class NewTask(TypedDict, total=False):
    """What a new task begins with; `tags` is a list here."""

    title: Required[str]
    tags: Required[list[str]]
    kind: str
    notes: str
    due: str | None
    zone: str | None
    priority: int
    recurring_id: str
    occurrence: str
    list_id: str | None
    start: str | None
    parent_id: str | None
    has_subtasks: int


class TaskRow(TypedDict):
    """A row of `task`; see `todo.record.models.Task`."""

    number: int
    id: str
    user_id: str
    kind: str
    title: str
    notes: str
    status: str
    due: str | None
    zone: str | None
    deadline: str
    priority: int
    tags: str
    recurring_id: str | None
    occurrence: str | None
    edited: str
    version: int
    created_at: str
    updated_at: str
    completed_at: str | None
    deleted_at: str | None
    title_key: str
    words: str
    unindexed: int
    list_id: str | None
    start: str | None
    starts_at: str | None
    parent_id: str | None
    has_subtasks: int


class RecurrenceColumns(TypedDict, total=False):
    """The columns of a recurrence that a use case may write; `reminders` and `skipped` are JSON lists."""

    rule: str
    rule_text: str
    first: str
    wall: str | None
    zone: str
    mode: str
    catch_up: str
    paused: bool
    reminders: str
    skipped: str
    newest: str | None
    awaits: str | None
    made: int
    passed: int
    next_due: str | None
    next_at: str | None
    revision: int
    start: str | None
    subtasks: str | None


class RecurrenceRow(TypedDict):
    """A row of `recurrence`; see `todo.record.models.Recurrence`."""

    task_id: str
    user_id: str
    rule: str
    rule_text: str
    first: str
    wall: str | None
    zone: str
    mode: str
    catch_up: str
    paused: bool
    reminders: str
    skipped: str
    newest: str | None
    awaits: str | None
    made: int
    passed: int
    next_due: str | None
    next_at: str | None
    revision: int
    start: str | None
    subtasks: str | None


class ReminderRow(TypedDict):
    """A row of `reminder`; see `todo.record.models.Reminder`."""

    id: str
    user_id: str
    task_id: str
    remind_at: str
    before: str | None
    status: str
    sequence: int
    cancelled_by: str | None
    fired_at: str | None
    urgent: bool
    nag: str | None
    rings: int
    ring_at: str | None


class ChangeRow(TypedDict):
    """A row of `change`; `actor` and `undoes` are JSON."""

    seq: int
    id: str
    user_id: str
    origin: str
    actor: str
    kind: str
    at: str
    undoes: str | None
    undone_by: str | None


class ChangeItemRow(TypedDict):
    """A row of `change_item`; `before` and `after` are task views in JSON."""

    change_id: str
    task_id: str
    version: int
    before: str | None
    after: str | None


@with_config(OPEN)
class ReminderShape(TypedDict):
    """One reminder of a task."""

    id: Id
    remind_at: Instant
    remind_text: NotRequired[Annotated[str, Field(description="The same in words, in the person's zone")]]
    before: NotRequired[Annotated[str, Field(description="Duration before the due, for relative ones: 30m, 1d")]]
    status: ReminderStatus
    sequence: Annotated[int, Field(ge=1, description="Rises with every re-arming")]
    urgent: NotRequired[Annotated[bool, Field(description="Also sent in quiet hours")]]
    nag: NotRequired[Annotated[str, Field(description="Rings again every so often until it is answered: 10m")]]


@with_config(OPEN)
class RecurrenceShape(TypedDict):
    """How a series recurs."""

    rule: Annotated[str, Field(description="RFC 5545 RRULE")]
    rule_text: Annotated[str, Field(description="The rule in words")]
    zone: Annotated[str, Field(description="IANA zone")]
    mode: ModeName
    catch_up: CatchUpName
    paused: bool
    first_due: Annotated[Due, Field(description="Sets the phase of the rule")]
    first_due_text: NotRequired[Annotated[str, Field(description="The same in words, if it has a time")]]
    reminders: NotRequired[Annotated[list[str], Field(description="Durations before the due: 30m, 30m urgent nag 10m")]]
    start: NotRequired[Annotated[str, Field(description="How long before its due each occurrence begins: 3d")]]
    subtasks: NotRequired[Annotated[list[str], Field(description="Titles that each occurrence gets as subtasks")]]
    skipped: NotRequired[Annotated[list[Due], Field(description="Dates that are left out")]]
    skipped_text: NotRequired[Annotated[list[str], Field(description="The same in words")]]


# A typed dict with a key named `list` reads that word as the key's own type.
Texts = list[str]
Reminders = list[ReminderShape]


@with_config(OPEN)
class ListRef(TypedDict):
    """The list that a task is in."""

    id: Id
    name: str


@with_config(OPEN)
class TaskRef(TypedDict):
    """The task that another one is a subtask of."""

    id: Id
    title: str


class SubtaskCount(TypedDict):
    """How many subtasks a task has directly below it: open ones, and all."""

    open: int
    total: int


@with_config(OPEN)
class TaskShape(TypedDict):
    """A task, as answers and events show it; a series has a `recurrence`, an instance a `recurring_id`."""

    id: Id
    kind: NotRequired[Annotated[Literal["recurring"], Field(description="Only of a series")]]
    title: str
    notes: NotRequired[str]
    status: Status
    due: NotRequired[Due]
    due_local: NotRequired[Annotated[str, Field(description="The due in the person's zone, the form to send back")]]
    due_text: NotRequired[Annotated[str, Field(description="The due in words")]]
    zone: NotRequired[
        Annotated[str, Field(description="IANA zone of a due with a time; answers leave out the person's own")]
    ]
    start: NotRequired[Annotated[Due, Field(description="Not to be done before this")]]
    start_local: NotRequired[Annotated[str, Field(description="The start in the person's zone, if it has a time")]]
    start_text: NotRequired[Annotated[str, Field(description="The start in words")]]
    priority: PriorityName
    tags: Texts
    list: NotRequired[Annotated[ListRef, Field(description="Absent: in no list, the inbox")]]
    parent: NotRequired[TaskRef]
    subtasks: NotRequired[SubtaskCount]
    reminders: NotRequired[Reminders]
    recurring_id: NotRequired[Annotated[Id, Field(description="The series of an instance")]]
    occurrence: NotRequired[Annotated[Due, Field(description="The nominal date of an instance; it never moves")]]
    occurrence_text: NotRequired[Annotated[str, Field(description="The same in words, if the due is another one")]]
    edited: NotRequired[Annotated[Texts, Field(description="Fields changed on this instance alone")]]
    recurrence: NotRequired[RecurrenceShape]
    version: Annotated[int, Field(ge=1)]
    created_at: Instant
    updated_at: Instant
    completed_at: NotRequired[Instant]
    completed_text: NotRequired[Annotated[str, Field(description="The same in words, in the person's zone")]]
    deleted: NotRequired[Annotated[Literal[True], Field(description="Only of a task that is deleted")]]


class TriggerShape(TypedDict):
    """What `recurring.trigger` carries beside the task: the series, the nominal date, how many were passed over."""

    recurring_id: str
    occurrence: str
    skipped: int


class BriefTask(TypedDict):
    """A task in the answer of a plan: enough to name it; get_task shows all of it. One without `status` is open."""

    id: str
    title: str
    status: NotRequired[str]
    due: NotRequired[str]
    due_text: NotRequired[str]
    deleted: NotRequired[bool]


class EventRef(TypedDict):
    """One recorded event, as answers name it."""

    id: str
    type: str


class PassedDate(TypedDict):
    """A date of a series that went by without an instance."""

    due: str
    due_text: str


class DateShape(TypedDict):
    """A date of a series: exact, in the form to send back, and in words; with the open instance's id if it has one.

    `passed_over` are missed dates before it, the first of many.
    """

    task_id: NotRequired[str]
    due: str
    due_local: NotRequired[str]
    due_text: str
    passed_over: NotRequired[list[PassedDate]]


class NowWords(TypedDict, total=False):
    """The present in the caller's zone in words, which ends the answer of a write."""

    now: str


class NowShape(NowWords, total=False):
    """The present in the caller's zone, in words and as an instant (ISO 8601, to the minute); ends what is read."""

    now_at: str


Answer = Mapping[str, Any]
"""What any use case returns; JSON-like, with string keys."""


class WriteAnswer(NowWords, total=False):
    """What a write returns: what is now true, in data and in one sentence.

    `message` is for people and ends with `hint`, the next step for a program, where there is one.
    """

    task: TaskShape
    tasks: list[TaskShape] | list[BriefTask]
    recurring_id: str
    subtasks: list[BriefTask]
    change_id: str
    events: list[EventRef]
    next_occurrence: DateShape
    warnings: list[str]
    replayed: bool
    message: str
    hint: str
    plan_id: str
    diff: list[dict[str, Any]]
    needs_confirmation: str
    expires_at: str
