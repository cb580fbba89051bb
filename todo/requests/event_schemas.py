"""The outward shapes as models: for the JSON Schemas of events, the docs, and the tests that hold answers to them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from events.catalog import SOURCE, EventType

INSTANT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$"

Instant = Annotated[str, Field(pattern=INSTANT, description="UTC, RFC 3339")]
Due = Annotated[
    str,
    Field(pattern=rf"(^\d{{4}}-\d\d-\d\d$)|({INSTANT})", description="A date, or an instant in UTC"),
]
Id = Annotated[str, Field(pattern=UUID, description="UUIDv7")]


class Shape(BaseModel):
    """A shape to which fields may be added, and from which none goes."""

    model_config = ConfigDict(extra="allow")


class ReminderShape(Shape):
    """One reminder of a task."""

    id: Id
    remind_at: Instant
    before: Annotated[str | None, Field(description="Duration before the due, for relative ones: 30m, 1d")] = None
    status: Literal["scheduled", "fired", "cancelled"]
    sequence: Annotated[int, Field(ge=1, description="Rises with every re-arming")]


class RecurrenceShape(Shape):
    """How a series recurs."""

    rule: Annotated[str, Field(description="RFC 5545 RRULE")]
    rule_text: Annotated[str, Field(description="The rule in words")]
    zone: Annotated[str, Field(description="IANA zone")]
    mode: Literal["one_at_a_time", "every_occurrence", "after_completion"]
    catch_up: Literal["latest", "all", "none"]
    paused: bool
    first_due: Annotated[Due, Field(description="Sets the phase of the rule")]
    reminders: Annotated[list[str] | None, Field(description="Durations before the due")] = None
    skipped: Annotated[list[Due] | None, Field(description="Dates that are left out")] = None


class TaskShape(Shape):
    """A task, as answers and events show it; a series has a `recurrence`, an instance a `recurring_id`."""

    id: Id
    kind: Annotated[Literal["recurring"] | None, Field(description="Only of a series")] = None
    title: str
    notes: str | None = None
    status: Literal["open", "completed"]
    due: Due | None = None
    due_local: Annotated[str | None, Field(description="The due in the person's zone, the form to send back")] = None
    due_text: Annotated[str | None, Field(description="The due in words")] = None
    zone: Annotated[str | None, Field(description="IANA zone of a due with a time")] = None
    priority: Literal["none", "low", "medium", "high"]
    tags: list[str]
    reminders: list[ReminderShape] | None = None
    recurring_id: Annotated[Id | None, Field(description="The series of an instance")] = None
    occurrence: Annotated[Due | None, Field(description="The nominal date of an instance; it never moves")] = None
    edited: Annotated[list[str] | None, Field(description="Fields changed on this instance alone")] = None
    recurrence: RecurrenceShape | None = None
    version: Annotated[int, Field(ge=1)]
    created_at: Instant
    updated_at: Instant
    completed_at: Instant | None = None


class ActorShape(Shape):
    """Who made a change, and through which surface."""

    kind: Literal["person", "agent", "scheduler"]
    surface: Literal["rest", "mcp", "chat", "scheduler"]
    client: str | None = None


class DataShape(Shape):
    """What all six events carry."""

    version: Annotated[int, Field(ge=1, description="The task's version after the change, or the one that was seen")]
    task: TaskShape
    actor: ActorShape


class StateDataShape(DataShape):
    """What the four state events carry."""

    changes: Annotated[
        dict[str, Annotated[list[Any], Field(min_length=2, max_length=2)]] | None,
        Field(description="Field to [old, new], null = absent"),
    ] = None
    change_id: Id
    request_id: str | None = None


class RungShape(Shape):
    """The reminder that rang."""

    id: Id
    remind_at: Instant
    sequence: Annotated[int, Field(ge=1)]


class ReminderDataShape(DataShape):
    """What `reminder.due` carries."""

    reminder: RungShape
    late_by_seconds: Annotated[int, Field(ge=0)]


class TriggerDataShape(DataShape):
    """What `recurring.trigger` carries."""

    recurring_id: Id
    occurrence: Due
    skipped: Annotated[int, Field(ge=0)]


DATA_SHAPES: dict[EventType, type[DataShape]] = {
    EventType.REMINDER_DUE: ReminderDataShape,
    EventType.RECURRING_TRIGGER: TriggerDataShape,
}


def describe_event(event_type: EventType) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a whole CloudEvent of this type."""
    data = DATA_SHAPES.get(event_type, StateDataShape).model_json_schema()
    defs = data.pop("$defs", {})
    text = {"type": "string"}
    task_event = {
        "type": "object",
        "required": ["event_id", "event_type", "timestamp", "user_id", "task_id", "data"],
        "properties": {
            "event_id": text,
            "event_type": {"const": event_type.value},
            "timestamp": {"type": "string", "pattern": INSTANT},
            "user_id": text,
            "task_id": text,
            "data": data,
        },
    }
    constants = {
        "specversion": "1.0",
        "source": SOURCE,
        "type": event_type.value,
        "datacontenttype": "application/json",
        "dataschema": f"urn:evolution-todo:event:{event_type.value}:1",
    }
    properties: dict[str, Any] = {name: {"const": value} for name, value in constants.items()}
    properties |= {
        "id": text,
        "subject": {"type": "string", "pattern": "^task/"},
        "time": {"type": "string", "pattern": INSTANT},
        "partitionkey": text,
        "taskversion": {"type": "integer"},
        "traceparent": text,
        "data": task_event,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:evolution-todo:event:{event_type.value}:1",
        "title": event_type.value,
        "type": "object",
        "required": [name for name in properties if name != "traceparent"],
        "properties": properties,
        "$defs": defs,
    }
