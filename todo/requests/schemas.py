"""The request models: each argument described once, for tools, REST and the docs."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from todo.recurrence.schedule import CatchUp, Mode
from todo.requests.arguments import describe_model
from todo.requests.request import (
    AtMostOne,
    Combination,
    ExactlyOne,
    NotCleared,
    NotWith,
    OnlyWith,
    Request,
    Together,
)
from todo.text.display import is_seen
from todo.text.manner import split_manner

Priority = Literal["none", "low", "medium", "high"]


def _check_seen(text: str) -> str:
    if not is_seen(text):
        raise ValueError("nothing of it can be seen; write letters or digits")
    return text


Tag = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_check_seen)]
Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_check_seen)]
Notes = Annotated[str, Field(max_length=20_000)]
Tags = Annotated[list[Tag], Field(max_length=50)]
TimeText = Annotated[str, Field(max_length=64)]
Id = Annotated[str, Field(max_length=200)]
RULE = "RFC 5545 RRULE, such as FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9"
TIME = "Date 2026-11-27, local time 2026-11-27T17:00, or instant with offset"
URGENT = "In quiet hours too"
NAG = "Again every 10m until answered"
ZONE = "IANA zone of the due, if not the person's"

Status = Literal["open", "completed", "overdue", "all"]
Sort = Literal["due", "-due", "priority", "created", "completed", "title"]
Clearable = Literal["notes", "due", "priority", "tags"]
ClearableShared = Literal["notes", "priority", "tags"]


class ReminderSpec(BaseModel):
    """One reminder: a time (`at`) or a duration before the due (`before`); a bare string is read as either.

    Behind either, a bare string may say `urgent`, and `nag` with a duration: `30m urgent nag 10m`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: TimeText | None = None
    before: Annotated[str, Field(max_length=64)] | None = None
    urgent: Annotated[bool | None, Field(description=URGENT)] = None
    nag: Annotated[TimeText | None, Field(description=NAG)] = None

    @classmethod
    def from_text(cls, text: str) -> dict[str, Any]:
        """Read a bare string: what begins with a year is a time, all else a duration before the due."""
        time, urgent, nag = split_manner(text)
        name = "at" if text[:4].isdigit() and text[4:5] == "-" else "before"
        return {name: time, "urgent": urgent, "nag": nag}


ReminderItem = Annotated[ReminderSpec, WithJsonSchema({"type": "string"})]
"""Published as its bare string, which says all that the object can and costs a fifth of it in the list of tools."""


class WriteRequest(Request):
    """A call that may change something."""

    request_id: Annotated[
        str | None,
        Field(max_length=255, description="To repeat a lost call"),
    ] = None

    @property
    def means_the_same_again(self) -> bool:
        """Whether the same call made again can only be a retry; False if it would mean "the next one"."""
        return True


class ChangeRequest(WriteRequest):
    """A change of one task that exists."""

    task_id: Id
    expected_version: Annotated[int | None, Field(ge=1, description="Refuse at another version")] = None


class CreateTask(WriteRequest):
    """Arguments of `create_task`."""

    combinations: ClassVar[tuple[Combination, ...]] = (OnlyWith(("zone",), "due", "Give a due with a time."),)

    title: Annotated[Title, Field(description="What to do, in the person's words")]
    notes: Annotated[Notes | None, Field(description="Details")] = None
    due: Annotated[TimeText | None, Field(description=TIME)] = None
    zone: Annotated[str | None, Field(max_length=64, description=ZONE)] = None
    priority: Priority | None = None
    tags: Tags | None = None
    reminders: Annotated[
        list[ReminderItem] | None,
        Field(
            max_length=20,
            description="Times, or durations before the due: 30m, 2h, 1d urgent, 1h nag 10m",
        ),
    ] = None


class TaskEdits(Request):
    """The fields of a task that a change may set, and how; what is not given stays."""

    combinations: ClassVar[tuple[Combination, ...]] = (
        AtMostOne(("due", "shift")),
        AtMostOne(("zone", "shift")),
        AtMostOne(("notes", "append_notes")),
        NotCleared(("due", "notes", "priority", "tags"), moved_by=(("due", "shift"),)),
    )

    title: Title | None = None
    notes: Annotated[Notes | None, Field(description="Replaces the notes")] = None
    due: Annotated[TimeText | None, Field(description=TIME)] = None
    zone: Annotated[str | None, Field(max_length=64, description=ZONE)] = None
    priority: Priority | None = None
    append_notes: Annotated[Notes | None, Field(description="Added below the notes")] = None
    shift: Annotated[
        str | None, Field(max_length=64, description="Moves the due: 1d, -2h; days keep the wall time")
    ] = None
    tags: Annotated[Tags | None, Field(description="Replaces all tags")] = None
    add_tags: Tags | None = None
    remove_tags: Tags | None = None
    clear: Annotated[list[Clearable] | None, Field(max_length=4, description="Fields to empty")] = None


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
    task_id: Annotated[Id | None, Field(description="Instead: a task that becomes the first occurrence")] = None
    rule: Annotated[str, Field(description=RULE)]
    first_due: Annotated[TimeText | None, Field(description="First date or local time; sets phase and time of day")] = (
        None
    )
    zone: Annotated[str | None, Field(max_length=64, description="IANA; default the person's")] = None
    mode: Annotated[Mode | None, Field(description="Default one_at_a_time")] = None
    catch_up: Annotated[CatchUp | None, Field(description="Missed dates of every_occurrence; default latest")] = None
    notes: Notes | None = None
    priority: Priority | None = None
    tags: Tags | None = None
    reminders: Annotated[
        list[ReminderItem] | None,
        Field(max_length=20, description="Durations before each due: 30m, 1h urgent nag 10m"),
    ] = None
    expected_version: Annotated[int | None, Field(ge=1)] = None


class UpdateRecurringTask(ChangeRequest):
    """Arguments of `update_recurring_task`; the id of an occurrence means its series."""

    combinations: ClassVar[tuple[Combination, ...]] = (
        AtMostOne(("notes", "append_notes")),
        NotCleared(("notes", "priority", "tags")),
        AtMostOne(("paused", "pause_until", "skip"), "Give one of them at a time."),
        NotWith(("paused", "pause_until", "skip"), ("rule", "first_due", "zone", "ends"), "Change the dates first."),
    )

    title: Title | None = None
    notes: Annotated[Notes | None, Field(description="Replaces the notes")] = None
    priority: Priority | None = None
    append_notes: Notes | None = None
    tags: Annotated[Tags | None, Field(description="Replaces all tags")] = None
    add_tags: Tags | None = None
    remove_tags: Tags | None = None
    clear: Annotated[list[ClearableShared] | None, Field(max_length=3, description="Fields to empty")] = None
    reminders: Annotated[list[ReminderItem] | None, Field(max_length=20, description="Replaces all")] = None
    rule: Annotated[str | None, Field(description=RULE)] = None
    first_due: Annotated[TimeText | None, Field(description="All is new from here on")] = None
    zone: Annotated[str | None, Field(max_length=64)] = None
    mode: Mode | None = None
    catch_up: CatchUp | None = None
    paused: bool | None = None
    pause_until: Annotated[TimeText | None, Field(description="Skips all before this date")] = None
    skip: Annotated[str | None, Field(max_length=64, description="How many occurrences, or one's date")] = None
    ends: Annotated[str | None, Field(max_length=64, description="A date, how many are left, or never")] = None


class Undo(WriteRequest):
    """Arguments of `undo`."""

    change_ids: Annotated[
        list[Id] | None,
        Field(min_length=1, max_length=100, description="Default: the newest change from here not yet undone"),
    ] = None

    @property
    def means_the_same_again(self) -> bool:
        """False without `change_ids`: each call then undoes one more change, so a second call is not a retry."""
        return self.change_ids is not None


STEPS: tuple[type[WriteRequest], ...] = (
    *(CreateTask, UpdateTask, CompleteTask, ReopenTask, DeleteTask),
    *(SetReminder, SnoozeReminder, CancelReminder),
    *(CreateRecurringTask, UpdateRecurringTask),
)
"""The arguments that a step of a plan may have: those of every write except plans and undo."""


def _name_step_arguments(schema: dict[str, Any]) -> None:
    """Name the arguments of all steps in one schema; of a list with different choices the first has them all."""
    described = [describe_model(model)["properties"] for model in STEPS]
    schema["properties"] = {
        name: each for properties in described[::-1] for name, each in properties.items() if name != "request_id"
    }


class PlannedCall(BaseModel):
    """One step of a plan: a writing tool and its arguments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict, json_schema_extra=_name_step_arguments)


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
    tags: Annotated[list[Tag] | None, Field(max_length=50, description="All of them")] = None
    priority: Priority | None = None
    kind: Annotated[Literal["task", "recurring"] | None, Field(description="Default task")] = None
    has_reminder: Annotated[bool | None, Field(description="Whether one waits; says where they ring")] = None


_EXCLUDED = {
    "type": "object",
    "description": "But not those",
    "properties": {"text": {"type": "string"}},
}
"""What is published of the filter inside a filter: the whole again would cost as much as a tool."""


class PlanFilter(TaskFilter):
    """Which tasks a plan means."""

    not_: Annotated[TaskFilter | None, Field(alias="not"), WithJsonSchema(_EXCLUDED)] = None


class PlanChange(TaskEdits):
    """What to do with each task that a plan's filter hits: fields as in `update_task`, or complete, or delete."""

    complete: bool | None = None
    delete: bool | None = None


class PlanChanges(WriteRequest):
    """Arguments of `plan_changes`."""

    combinations: ClassVar[tuple[Combination, ...]] = (
        ExactlyOne("changes", "filter", "Give changes, or a filter with change."),
        Together("filter", "change", "Give both: which tasks, and what to do with each."),
    )

    changes: Annotated[list[PlannedCall] | None, Field(max_length=100, description="Writes, in order")] = None
    filter: Annotated[PlanFilter | None, Field(description="Filters of find_tasks, and not")] = None
    change: Annotated[
        PlanChange | None,
        Field(description='For each: fields of update_task, or {"complete": true}, or {"delete": true}'),
    ] = None
    apply: Annotated[bool | None, Field(description="Apply at once if nothing needs the person")] = None


class ApplyPlan(WriteRequest):
    """Arguments of `apply_plan`."""

    plan_id: Id
    except_: Annotated[
        list[int] | None, Field(alias="except", max_length=100, description="Numbers of the diff to leave out")
    ] = None


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
