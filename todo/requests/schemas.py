"""The request models: each argument described once, for tools, REST and the docs."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from todo.recurrence.schedule import CatchUp, Mode
from todo.requests.parts import (
    LIST,
    NAG,
    RULE,
    START,
    TIME,
    URGENT,
    ZONE,
    ChangeRequest,
    Id,
    ListName,
    Notes,
    Priority,
    ReminderItem,
    SubtaskItem,
    Tag,
    Tags,
    TimeText,
    Title,
    WriteRequest,
)
from todo.requests.request import (
    AtMostOne,
    Combination,
    ExactlyOne,
    NotCleared,
    NotWith,
    OnlyWith,
    Request,
)

Status = Literal["open", "completed", "overdue", "all"]
Sort = Literal["due", "-due", "priority", "created", "completed", "title"]
Clearable = Literal["notes", "due", "priority", "tags", "list", "start", "parent_id"]
ClearableShared = Literal["notes", "priority", "tags", "list", "start"]
# A model with a field named `list` reads that word as the field's value from there on.
Reminders = list[ReminderItem]
Clear = list[Clearable]
ClearShared = list[ClearableShared]
SomeTags = list[Tag]
Subtasks = list[SubtaskItem]
Titles = list[Title]


class CreateTask(WriteRequest):
    """Arguments of `create_task`."""

    combinations: ClassVar[tuple[Combination, ...]] = (OnlyWith(("zone",), "due", "Give a due with a time."),)

    title: Annotated[Title, Field(description="What to do, in the person's words")]
    notes: Notes | None = None
    due: Annotated[TimeText | None, Field(description=TIME)] = None
    zone: Annotated[str | None, Field(max_length=64, description=ZONE)] = None
    start: Annotated[TimeText | None, Field(description=START)] = None
    priority: Priority | None = None
    tags: Tags | None = None
    list: Annotated[ListName | None, Field(description=LIST)] = None
    reminders: Annotated[
        Reminders | None,
        Field(
            max_length=20,
            description="Times, or durations before the due: 30m, 2h, 1d urgent, 1h nag 10m",
        ),
    ] = None
    subtasks: Annotated[
        Subtasks | None, Field(max_length=100, description="Titles, or {title, due}: a time, or 2w before the due")
    ] = None
    parent_id: Annotated[Id | None, Field(description="Becomes a subtask of it")] = None


class TaskEdits(Request):
    """The fields of a task that a change may set, and how; what is not given stays."""

    combinations: ClassVar[tuple[Combination, ...]] = (
        AtMostOne(("due", "shift")),
        AtMostOne(("zone", "shift")),
        AtMostOne(("start", "shift")),
        AtMostOne(("notes", "append_notes")),
        NotCleared(
            ("due", "notes", "priority", "tags", "list", "start", "parent_id"),
            moved_by=(("due", "shift"), ("start", "shift")),
        ),
    )

    title: Title | None = None
    notes: Annotated[Notes | None, Field(description="Replaces the notes")] = None
    due: Annotated[TimeText | None, Field(description=TIME)] = None
    zone: Annotated[str | None, Field(max_length=64, description=ZONE)] = None
    start: TimeText | None = None
    priority: Priority | None = None
    append_notes: Annotated[Notes | None, Field(description="Added below the notes")] = None
    shift: Annotated[
        str | None, Field(max_length=64, description="Moves due and start: 1d, -2h; days keep the wall time")
    ] = None
    tags: Annotated[Tags | None, Field(description="Replaces all tags")] = None
    add_tags: Tags | None = None
    remove_tags: Tags | None = None
    list: ListName | None = None
    parent_id: Annotated[Id | None, Field(description="Becomes a subtask of it")] = None
    clear: Annotated[Clear | None, Field(max_length=7, description="Fields to empty")] = None


class UpdateTask(TaskEdits, ChangeRequest):
    """Arguments of `update_task`."""


class CompleteTask(ChangeRequest):
    """Arguments of `complete_task`."""


class ReopenTask(ChangeRequest):
    """Arguments of `reopen_task`."""


class DeleteTask(ChangeRequest):
    """Arguments of `delete_task`."""


class SetReminder(ChangeRequest):
    """Arguments of `set_reminder`."""

    combinations: ClassVar[tuple[Combination, ...]] = (
        ExactlyOne("at", "before", "Give times, or durations before the due."),
    )

    at: Annotated[
        list[TimeText] | None, Field(min_length=1, max_length=20, description="Times, written as a due is")
    ] = None
    before: Annotated[
        list[TimeText] | None, Field(min_length=1, max_length=20, description="Durations before the due: 30m, 2h, 1d")
    ] = None
    urgent: Annotated[bool | None, Field(description=URGENT)] = None
    nag: Annotated[TimeText | None, Field(description=NAG)] = None


class SnoozeReminder(WriteRequest):
    """Arguments of `snooze_reminder`."""

    combinations: ClassVar[tuple[Combination, ...]] = (
        ExactlyOne("until", "duration", "Give a time, or a duration from now."),
        ExactlyOne("reminder_id", "task_id"),
    )

    reminder_id: Id | None = None
    task_id: Annotated[Id | None, Field(description="Instead: this task's reminder that rang last")] = None
    until: Annotated[TimeText | None, Field(description=TIME)] = None
    duration: Annotated[str | None, Field(max_length=64, description="From now: 10m, 1h, 1d")] = None
    expected_version: Annotated[int | None, Field(ge=1)] = None


class CancelReminder(WriteRequest):
    """Arguments of `cancel_reminder`."""

    combinations: ClassVar[tuple[Combination, ...]] = (ExactlyOne("reminder_id", "task_id"),)

    reminder_id: Id | None = None
    task_id: Annotated[Id | None, Field(description="Instead: all that wait on this task")] = None
    expected_version: Annotated[int | None, Field(ge=1)] = None


class CreateRecurringTask(WriteRequest):
    """Arguments of `create_recurring_task`."""

    combinations: ClassVar[tuple[Combination, ...]] = (ExactlyOne("title", "task_id", "Give the title of a new task."),)

    title: Annotated[Title | None, Field(description="What to do, in the person's words")] = None
    task_id: Annotated[Id | None, Field(description="Instead: becomes the first occurrence")] = None
    rule: Annotated[str, Field(description=RULE)]
    first_due: Annotated[TimeText | None, Field(description="First date or local time; sets phase and time of day")] = (
        None
    )
    zone: Annotated[str | None, Field(max_length=64, description="IANA; default the person's")] = None
    mode: Annotated[Mode | None, Field(description="Default one_at_a_time")] = None
    catch_up: Annotated[CatchUp | None, Field(description="Missed dates of every_occurrence; default latest")] = None
    start: Annotated[TimeText | None, Field(description="Not before: 3d ahead of each due")] = None
    notes: Notes | None = None
    priority: Priority | None = None
    tags: Tags | None = None
    list: ListName | None = None
    reminders: Annotated[
        Reminders | None,
        Field(max_length=20, description="Durations before each due: 30m, 1h urgent nag 10m"),
    ] = None
    subtasks: Annotated[Titles | None, Field(max_length=100, description="Titles, anew each time")] = None
    expected_version: Annotated[int | None, Field(ge=1)] = None


class UpdateRecurringTask(ChangeRequest):
    """Arguments of `update_recurring_task`; the id of an occurrence means its series."""

    combinations: ClassVar[tuple[Combination, ...]] = (
        AtMostOne(("notes", "append_notes")),
        NotCleared(("notes", "priority", "tags", "list", "start")),
        AtMostOne(("paused", "pause_until", "skip"), "Give one of them at a time."),
        NotWith(("paused", "pause_until", "skip"), ("rule", "first_due", "zone", "ends"), "Change the dates first."),
    )

    title: Title | None = None
    notes: Annotated[Notes | None, Field(description="Replaces the notes")] = None
    priority: Priority | None = None
    append_notes: Notes | None = None
    start: Annotated[TimeText | None, Field(description="3d ahead of each due")] = None
    tags: Annotated[Tags | None, Field(description="Replaces all tags")] = None
    add_tags: Tags | None = None
    remove_tags: Tags | None = None
    list: ListName | None = None
    clear: Annotated[ClearShared | None, Field(max_length=5, description="Fields to empty")] = None
    reminders: Annotated[Reminders | None, Field(max_length=20, description="Replaces all")] = None
    subtasks: Annotated[Titles | None, Field(max_length=100, description="Replaces all")] = None
    rule: Annotated[str | None, Field(description=RULE)] = None
    first_due: Annotated[TimeText | None, Field(description="All is new from here on")] = None
    zone: Annotated[str | None, Field(max_length=64)] = None
    mode: Mode | None = None
    catch_up: CatchUp | None = None
    paused: bool | None = None
    pause_until: Annotated[TimeText | None, Field(description="Skips all before this date")] = None
    skip: Annotated[str | None, Field(max_length=64, description="How many occurrences, or one's date")] = None
    ends: Annotated[str | None, Field(max_length=64, description="A date, how many are left, or never")] = None


class TaskFilter(Request):
    """Which tasks are meant: filters that all hold."""

    text: Annotated[
        str | None, Field(max_length=200, description="All words, each at a word's beginning; title, notes, tags")
    ] = None
    status: Annotated[Status | None, Field(description="Default open")] = None
    due_from: Annotated[TimeText | None, Field(description="Date or time, inclusive")] = None
    due_until: Annotated[TimeText | None, Field(description="Inclusive; a date includes its day")] = None
    completed_from: TimeText | None = None
    completed_until: TimeText | None = None
    tags: Annotated[SomeTags | None, Field(max_length=50, description="All of them")] = None
    list: Annotated[ListName | None, Field(description="By name; inbox: in none")] = None
    parent_id: Annotated[Id | None, Field(description="Its subtasks")] = None
    available: Annotated[bool | None, Field(description="Its start has come")] = None
    priority: Priority | None = None
    kind: Annotated[Literal["task", "recurring"] | None, Field(description="Default task")] = None
    has_reminder: Annotated[bool | None, Field(description="Whether one waits; says where they ring")] = None


class FindTasks(TaskFilter):
    """Arguments of `find_tasks`."""

    sort: Annotated[Sort, Field(description="Exact titles first, undated last; created, completed: newest first")] = (
        "due"
    )
    limit: Annotated[int, Field(ge=1, le=50)] = 20
    cursor: Annotated[str | None, Field(max_length=1000, description="next_cursor of the page before")] = None


class GetTask(Request):
    """Arguments of `get_task`."""

    task_id: Id
    include: Annotated[
        list[Literal["history", "occurrences"]] | None, Field(max_length=2, description="More to show")
    ] = None


class PreviewOccurrences(Request):
    """Arguments of `preview_occurrences`."""

    combinations: ClassVar[tuple[Combination, ...]] = (
        ExactlyOne("task_id", "rule", "Give a rule: FREQ=WEEKLY;BYDAY=MO."),
        OnlyWith(("first_due", "zone"), "rule", "A series has its own; leave them out."),
    )

    task_id: Annotated[Id | None, Field(description="A recurring task")] = None
    rule: Annotated[str | None, Field(description=RULE)] = None
    first_due: Annotated[TimeText | None, Field(description=TIME)] = None
    zone: Annotated[str | None, Field(max_length=64, description="IANA; default the person's")] = None
    after: Annotated[TimeText | None, Field(description="Show what comes later than this")] = None
    count: Annotated[int, Field(ge=1, le=50)] = 5
