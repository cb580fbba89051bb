"""The tables of the product; instants and dues are stored as the text that also goes over the wire."""

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from events.sql import RowNumber, only_where

NO_DEADLINE = "9999-12-31T23:59:59.999999Z"
"""The deadline of a task without a due: sorts last, is never overdue."""

_ALIVE = "deleted_at IS NULL"


class User(SQLModel, table=True):
    """A person; `zone` is an IANA name, `day_start` a local `HH:MM`.

    `name` is what an operator calls them, `name_key` the same without case and accents; the local person has none.
    A disabled person is refused at every door. From `quiet_from` to `quiet_until`, local `HH:MM`, nothing is sent that
    can wait; `nag_minutes` is how soon a reminder rings again by default. With `history_days` older
    changes are removed.
    """

    __tablename__ = "person"
    __table_args__ = (Index("ux_person_name", "name_key", unique=True),)

    id: str = Field(primary_key=True)
    zone: str
    day_start: str = "09:00"
    created_at: str
    name: str | None = None
    name_key: str | None = None
    is_admin: bool = False
    disabled_at: str | None = None
    quiet_from: str | None = None
    quiet_until: str | None = None
    nag_minutes: int | None = None
    history_days: int | None = None


class Task(SQLModel, table=True):
    """One task. `number` is the database's own key (the search index refers to it), `id` the one the world sees.

    `due` is a date or an instant; `deadline` is the last instant at which the task is not overdue in its user's
    zone, so that dates and instants sort and compare in one column. `words` is the folded text of title, notes and
    tags, each word after a blank; `title_key` the folded title. `unindexed` is 1 until the search index has this
    version of `words`.

    `kind` is `task`, or `recurring` for a series. An instance of a series carries its `recurring_id` and its nominal
    `occurrence`, and in `edited` the names of the fields that were changed on it alone. Without `list_id` a task is in
    the inbox. `start` is a date or an instant before which it is not to be done, `starts_at` its first instant in its
    user's zone. `parent_id` is the task that it is a subtask of; `has_subtasks` is 1 from its own first subtask on, so
    that only such a task is asked for them.
    """

    __tablename__ = "task"
    __table_args__ = (
        Index("ix_task_due", "user_id", "kind", "status", "deadline", "id", "starts_at", **only_where(_ALIVE)),
        Index("ix_task_all", "user_id", "kind", "deadline", "id", **only_where(_ALIVE)),
        Index("ix_task_list", "user_id", "kind", "list_id", "status", "deadline", "id", **only_where(_ALIVE)),
        Index("ix_task_title", "user_id", "title_key", **only_where(_ALIVE)),
        # The other orders; status and deadline stand behind, so that no row is read to pass it over.
        Index("ix_task_created", "user_id", "kind", "created_at", "id", "status", "deadline", **only_where(_ALIVE)),
        Index("ix_task_priority", "user_id", "kind", "priority", "id", "status", "deadline", **only_where(_ALIVE)),
        Index(
            "ix_task_completed",
            "user_id",
            "kind",
            text("coalesce(completed_at, '')"),
            "id",
            "status",
            "deadline",
            **only_where(_ALIVE),
        ),
        Index("ix_task_parent", "parent_id", **only_where("parent_id IS NOT NULL")),
        # PostgreSQL keeps its index of words itself, in the transaction of the change: nothing ever waits there.
        Index("ix_task_unindexed", "number", **only_where("unindexed = 1", postgresql="false")),
        Index("ix_task_series", "recurring_id", "occurrence", **only_where("recurring_id IS NOT NULL")),
        # One living instance per nominal date, however often it is completed, ticked or retried.
        Index(
            "ux_task_occurrence",
            "recurring_id",
            "occurrence",
            unique=True,
            **only_where("recurring_id IS NOT NULL AND deleted_at IS NULL"),
        ),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=RowNumber)
    id: str = Field(unique=True)
    user_id: str
    kind: str = "task"
    title: str
    notes: str = ""
    status: str
    due: str | None = None
    zone: str | None = None
    deadline: str = NO_DEADLINE
    priority: int = 0
    tags: str = "[]"
    recurring_id: str | None = None
    occurrence: str | None = None
    edited: str = ""
    version: int
    created_at: str
    updated_at: str
    completed_at: str | None = None
    deleted_at: str | None = None
    title_key: str
    words: str
    unindexed: int = 1
    list_id: str | None = None
    start: str | None = None
    starts_at: str | None = None
    parent_id: str | None = None
    has_subtasks: int = 0


class TaskTag(SQLModel, table=True):
    """One tag of one living task.

    Kind, status and deadline are repeated here so that "this tag, open, by due" is a walk.
    """

    __tablename__ = "task_tag"
    __table_args__ = (Index("ix_task_tag_walk", "user_id", "kind", "folded", "status", "deadline", "task_id"),)

    task_id: str = Field(primary_key=True)
    folded: str = Field(primary_key=True)
    user_id: str
    kind: str = "task"
    status: str
    deadline: str


class Recurrence(SQLModel, table=True):
    """How a series recurs, beside its task; what the person sets, and how far it has come.

    `first` is the due that sets the phase, `wall` the local time that it was to have, if the clocks jump over it.
    `reminders` and `skipped` are JSON lists: durations before the due, and dates to leave out. `newest` is the nominal
    date up to which every occurrence is dealt with, `awaits` the one that comes first when the series goes on, if that
    is settled, `made` how many instances there were. `next_due` is the date after it; `next_at` the instant at which
    the scheduler has to make that one's instance, if it has to. `start` is how long before its due each one begins.
    `subtasks` is the JSON list of the titles that each one gets. `revision` guards against two who go on at once.
    """

    __tablename__ = "recurrence"
    __table_args__ = (
        Index("ix_recurrence_next", "next_at", **only_where("next_at IS NOT NULL")),
        Index("ix_recurrence_user", "user_id", "next_due", **only_where("next_due IS NOT NULL")),
    )

    task_id: str = Field(primary_key=True)
    user_id: str
    rule: str
    rule_text: str
    first: str
    wall: str | None = None
    zone: str
    mode: str
    catch_up: str
    paused: bool = False
    reminders: str = "[]"
    skipped: str = "[]"
    newest: str | None = None
    awaits: str | None = None
    made: int = 0
    passed: int = 0
    next_due: str | None = None
    next_at: str | None = None
    revision: int = 1
    start: str | None = None
    subtasks: str | None = None


class Reminder(SQLModel, table=True):
    """One reminder: `scheduled`, `fired` or `cancelled`; `before` is its duration before the due, if it is relative.

    `sequence` starts at 1 and rises with every re-arming; `cancelled_by` tells whether a reopening re-arms it. An
    `urgent` one is not held back in quiet hours. One that has fired rings again at `ring_at`, every `nag` (a duration);
    `rings` counts how often it has rung under this sequence.
    """

    __tablename__ = "reminder"
    __table_args__ = (
        Index("ix_reminder_task", "task_id"),
        Index("ix_reminder_scheduled", "remind_at", **only_where("status = 'scheduled'")),
        Index("ix_reminder_waiting", "user_id", "task_id", **only_where("status = 'scheduled'")),
        Index("ix_reminder_ring", "ring_at", **only_where("ring_at IS NOT NULL")),
    )

    id: str = Field(primary_key=True)
    user_id: str
    task_id: str
    remind_at: str
    before: str | None = None
    status: str = "scheduled"
    sequence: int = 1
    cancelled_by: str | None = None
    fired_at: str | None = None
    urgent: bool = False
    nag: str | None = None
    rings: int = 0
    ring_at: str | None = None


class Calendar(SQLModel, table=True):
    """A feed of a person's tasks at a secret address, of which only the SHA-256 is kept.

    `tags` is a JSON list, folded; only tasks with all of them are in the feed, and with `list_id` only those of that
    list. `done` lets completed ones in.
    """

    __tablename__ = "calendar"
    __table_args__ = (Index("ux_calendar_digest", "digest", unique=True), Index("ix_calendar_user", "user_id"))

    id: str = Field(primary_key=True)
    user_id: str
    name: str
    digest: str
    tags: str = "[]"
    done: bool = False
    created_at: str
    list_id: str | None = None


class Change(SQLModel, table=True):
    """What one call changed, by whom and from where; `kind` is the tool's name.

    `undoes` is the JSON list of the changes that this one took back, `undone_by` the change that took this one back.
    """

    __tablename__ = "change"
    __table_args__ = (
        Index("ix_change_origin", "user_id", "origin", "seq"),
        Index("ix_change_at", "user_id", "at"),
    )

    seq: int | None = Field(default=None, primary_key=True, sa_type=RowNumber)
    id: str = Field(unique=True)
    user_id: str
    origin: str
    actor: str
    kind: str
    at: str
    undoes: str | None = None
    undone_by: str | None = None


class ChangeItem(SQLModel, table=True):
    """One task's part in a change: its view before and after, as JSON; no `before` = created, no `after` = gone."""

    __tablename__ = "change_item"
    __table_args__ = (Index("ix_change_item_task", "task_id", "version"),)

    change_id: str = Field(primary_key=True)
    task_id: str = Field(primary_key=True)
    version: int
    before: str | None = None
    after: str | None = None


class ChangeSeries(SQLModel, table=True):
    """How far a series was before a change and after it, as JSON of its recurrence; for undo."""

    __tablename__ = "change_series"

    change_id: str = Field(primary_key=True)
    series_id: str = Field(primary_key=True)
    before: str
    after: str


class Plan(SQLModel, table=True):
    """A plan: its calls and the versions that it saw, as JSON; `answer` is there once it was applied."""

    __tablename__ = "plan"

    id: str = Field(primary_key=True)
    user_id: str
    origin: str
    calls: str
    seen: str
    made_at: str
    answer: str | None = None


class Confirmation(SQLModel, table=True):
    """A question to the person: `pending`, then `accepted` and `used`, or `rejected`; `fingerprint` names what for.

    `about` is `{action, items, total}` in JSON: the tasks that are meant, as they were when it was asked.
    """

    __tablename__ = "confirmation"
    __table_args__ = (
        Index("ix_confirmation_asked", "user_id", "asked_at"),
        Index("ix_confirmation_decided", "decided_at"),
    )

    id: str = Field(primary_key=True)
    user_id: str
    origin: str
    fingerprint: str
    summary: str
    about: str = "{}"
    state: str
    asked_at: str
    decided_at: str | None = None


class RequestEntry(SQLModel, table=True):
    """The stored answer of a write, under its `request_id` or, for agents, under its arguments alone."""

    __tablename__ = "request_entry"
    __table_args__ = (
        Index("ux_request_id", "user_id", "request_id", unique=True, **only_where("request_id IS NOT NULL")),
        Index("ix_request_unnamed", "user_id", "origin", "fingerprint", "at", **only_where("request_id IS NULL")),
    )

    seq: int | None = Field(default=None, primary_key=True, sa_type=RowNumber)
    user_id: str
    request_id: str | None = None
    origin: str
    fingerprint: str
    answer: str
    at: str


class Notification(SQLModel, table=True):
    """A reminder that rang, for the person to see; `id` is the id of its event."""

    __tablename__ = "notification"
    __table_args__ = (Index("ix_notification_user", "user_id", "seq"),)

    seq: int | None = Field(default=None, primary_key=True, sa_type=RowNumber)
    id: str = Field(unique=True)
    user_id: str
    task_id: str
    title: str
    text: str
    remind_at: str
    late_by_seconds: int
    read: bool = False


class Activity(SQLModel, table=True):
    """One event in the user's activity feed, in words."""

    __tablename__ = "activity"
    __table_args__ = (Index("ix_activity_user", "user_id", "seq"),)

    seq: int | None = Field(default=None, primary_key=True, sa_type=RowNumber)
    event_id: str = Field(unique=True)
    user_id: str
    type: str
    task_id: str
    version: int
    timestamp: str
    text: str


class CountedTask(SQLModel, table=True):
    """What the statistics know of one task: the newest version they applied and the days it was counted on."""

    __tablename__ = "counted_task"

    task_id: str = Field(primary_key=True)
    version: int
    created_day: str | None = None
    completed_day: str | None = None


class DayCount(SQLModel, table=True):
    """How many tasks were created and completed on one local day of one user."""

    __tablename__ = "day_count"

    user_id: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    created: int = 0
    completed: int = 0
