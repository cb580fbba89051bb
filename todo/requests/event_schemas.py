"""The JSON Schemas of the six events, derived from the shapes that the code itself uses."""

from functools import cache
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict  # typing has one that pydantic reads from Python 3.12 on

from events.catalog import SOURCE, EventType
from todo.record.shapes import INSTANT, OPEN, Due, Id, Instant, TaskShape


@with_config(OPEN)
class ActorShape(TypedDict):
    """Who made a change, and through which surface."""

    kind: Literal["person", "agent", "scheduler"]
    surface: Literal["rest", "mcp", "chat", "scheduler"]
    client: NotRequired[str]


@with_config(OPEN)
class DataShape(TypedDict):
    """What all six events carry."""

    version: Annotated[int, Field(ge=1, description="The task's version after the change, or the one that was seen")]
    task: TaskShape
    actor: ActorShape


@with_config(OPEN)
class StateDataShape(DataShape):
    """What the four state events carry."""

    changes: NotRequired[
        Annotated[
            dict[str, Annotated[list[Any], Field(min_length=2, max_length=2)]],
            Field(description="Field to [old, new], null = absent"),
        ]
    ]
    change_id: Id
    request_id: NotRequired[str]


@with_config(OPEN)
class RungShape(TypedDict):
    """The reminder that rang."""

    id: Id
    remind_at: Instant
    sequence: Annotated[int, Field(ge=1)]
    urgent: NotRequired[bool]


@with_config(OPEN)
class ReminderDataShape(DataShape):
    """What `reminder.due` carries."""

    reminder: RungShape
    late_by_seconds: Annotated[int, Field(ge=0)]
    ring: NotRequired[
        Annotated[int, Field(ge=2, description="The number of a further ring of this sequence; the first has none")]
    ]


@with_config(OPEN)
class TriggerDataShape(DataShape):
    """What `recurring.trigger` carries."""

    recurring_id: Id
    occurrence: Due
    skipped: Annotated[int, Field(ge=0)]


DATA_SHAPES: dict[EventType, Any] = {
    EventType.REMINDER_DUE: ReminderDataShape,
    EventType.RECURRING_TRIGGER: TriggerDataShape,
}


def describe_event(event_type: EventType) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a whole CloudEvent of this type."""
    data = _allow_null(TypeAdapter(DATA_SHAPES.get(event_type, StateDataShape)).json_schema())
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
        "traceid": text,
        "data": task_event,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:evolution-todo:event:{event_type.value}:1",
        "title": event_type.value,
        "type": "object",
        "required": [name for name in properties if name not in ("traceparent", "traceid")],
        "properties": properties,
        "$defs": defs,
    }


_BESIDE = ("title", "description")


@cache
def _describe_scalars() -> dict[str, str]:
    """Return the descriptions of the scalar types, by their pattern."""
    schemas = [TypeAdapter(scalar).json_schema() for scalar in (Due, Id, Instant)]
    return {each["pattern"]: each["description"] for each in schemas}


def _allow_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with `null` allowed for optional fields: published so, and a schema only ever grows wider."""
    defs = {name: _allow_null(each) for name, each in schema.get("$defs", {}).items()}
    required = schema.get("required", [])
    properties = {
        name: each if name in required else _make_nullable(each) for name, each in schema["properties"].items()
    }
    return {**schema, **({"$defs": defs} if defs else {}), "properties": properties}


def _make_nullable(schema: dict[str, Any]) -> dict[str, Any]:
    inner = {name: value for name, value in schema.items() if name not in _BESIDE}
    beside = {name: schema[name] for name in _BESIDE if name in schema}
    if (described := _describe_scalars().get(inner.get("pattern", ""))) is not None:
        # The type says what it is; the field adds only what it says beyond that.
        inner = dict(sorted({**inner, "description": described}.items()))
        if beside.get("description") == described:
            del beside["description"]
    return dict(sorted({"anyOf": [inner, {"type": "null"}], "default": None, **beside}.items()))
