"""The event catalogue: the six types, the data that they carry, and their topics."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SOURCE = "evolution-todo"

TopicStyle = Literal["type", "convention", "single"]


class EventType(StrEnum):
    """The six wire names, stable for ever; `reminder.due` alone is not in the past tense."""

    TASK_CREATED = "task.created"
    TASK_UPDATED = "task.updated"
    TASK_COMPLETED = "task.completed"
    TASK_DELETED = "task.deleted"
    REMINDER_DUE = "reminder.due"
    RECURRING_TRIGGER = "recurring.trigger"


STATE_EVENTS = frozenset(
    {EventType.TASK_CREATED, EventType.TASK_UPDATED, EventType.TASK_COMPLETED, EventType.TASK_DELETED}
)
"""The types that raise a task's version; the other two carry the version that they read."""

_CONVENTION = {
    EventType.TASK_CREATED: "evolution-todo.tasks.created",
    EventType.TASK_UPDATED: "evolution-todo.tasks.updated",
    EventType.TASK_COMPLETED: "evolution-todo.tasks.completed",
    EventType.TASK_DELETED: "evolution-todo.tasks.deleted",
    EventType.REMINDER_DUE: "evolution-todo.reminders.due",
    EventType.RECURRING_TRIGGER: "evolution-todo.recurring.trigger",
}


class TaskEvent(BaseModel):
    """One event, as the `data` of its CloudEvent.

    `timestamp` is UTC, `2026-11-23T15:04:05.123456Z`; `data` holds at least `version`, `task` and `actor`.
    `traceparent` stands in the CloudEvent around it, and is left out of this part.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: str
    event_type: EventType
    timestamp: str
    user_id: str
    task_id: str
    data: dict[str, Any]
    traceparent: str | None = Field(default=None, exclude=True)

    @property
    def version(self) -> int:
        """The task's version after the change; for types that change nothing, the version that they read."""
        return int(self.data["version"])

    @property
    def task(self) -> dict[str, Any]:
        """The whole task after the change, as its view shows it."""
        task: dict[str, Any] = self.data["task"]
        return task


def name_topic(event_type: EventType, style: TopicStyle) -> str:
    """Return the topic of an event type in one of the three styles of `TODO_TOPIC_STYLE`."""
    if style == "single":
        return "evolution-todo.events"
    return _CONVENTION[event_type] if style == "convention" else event_type.value
