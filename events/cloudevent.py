"""The codec between TaskEvent and CloudEvents 1.0 in structured JSON mode."""

import re
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from events.catalog import SOURCE, TaskEvent

CONTENT_TYPE = "application/cloudevents+json"
MAX_BYTES = 900 * 1024
"""Checked when an event is recorded, so that no broker refuses it later for its size."""
LONGEST_ID = 255
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TIME, _PARENT, _DATA = '"time":"', '"traceparent":"', ',"data":'


class Unreadable(ValueError):
    """The bytes do not hold a CloudEvent of this product; the message says why, without quoting them."""


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="allow")

    specversion: str
    id: str
    source: str
    type: str
    traceparent: Any = None
    data: TaskEvent


def encode_event(event: TaskEvent, traceparent: str | None = None) -> str:
    """Return the whole CloudEvent (CloudEvents 1.0, JSON format section 3) as UTF-8 text without escapes.

    `traceparent` (W3C Trace Context, section 3.2) becomes the extension attribute of that name, and `traceid`, since
    Dapr replaces the first where the second is missing. Raises `ValueError` above 900 KiB.
    """
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": SOURCE,
        "type": event.event_type.value,
        "subject": f"task/{event.task_id}",
        "time": event.timestamp,
        "datacontenttype": "application/json",
        "dataschema": f"urn:evolution-todo:event:{event.event_type.value}:1",
        "partitionkey": event.task_id,
        "taskversion": event.version,
    }
    if traceparent is not None:
        envelope["traceparent"] = envelope["traceid"] = traceparent
    envelope["data"] = event.model_dump()
    encoded = to_json(envelope)
    if len(encoded) > MAX_BYTES:
        raise ValueError(f"an event of {len(encoded)} bytes is over the limit of {MAX_BYTES}")
    return encoded.decode()


def decode_event(payload: str | bytes) -> TaskEvent:
    """Return the TaskEvent inside a CloudEvent.

    Raises `Unreadable` unless the payload is JSON, a CloudEvent 1.0 of this product, and of a known type.
    """
    try:
        envelope = _Envelope.model_validate_json(payload)
    except ValidationError as error:
        problems = sorted({".".join(str(part) for part in problem["loc"]) or "body" for problem in error.errors()})
        raise Unreadable(f"not an event of ours: {', '.join(problems[:5])}") from None
    event = envelope.data
    if envelope.specversion != "1.0" or envelope.source != SOURCE:
        raise Unreadable("not a CloudEvents 1.0 event from evolution-todo")
    if (envelope.id, envelope.type) != (event.event_id, event.event_type.value):
        raise Unreadable("the envelope and its data name different events")
    ids = (event.event_id, event.task_id, event.user_id)
    if not all(0 < len(each) <= LONGEST_ID and "\0" not in each for each in ids):
        raise Unreadable("an id is empty, longer than 255 characters, or holds NUL")
    version = event.data.get("version")
    if type(version) is not int or not 0 < version < 1 << 63 or not isinstance(event.data.get("task"), dict):
        raise Unreadable("the event carries no version or no task")
    given = envelope.traceparent
    carried = given if isinstance(given, str) and _TRACEPARENT.fullmatch(given) else None
    if carried != event.traceparent:
        # Frozen for all others, who do not have it yet; a copy takes twice as long as all the rest here.
        vars(event)["traceparent"] = carried
    return event


class Traced(NamedTuple):
    """When an event was recorded, and the trace that it belongs to."""

    at: str
    traceparent: str


def find_trace(payload: str) -> Traced | None:
    """Return the trace of an event as `encode_event` wrote it, without reading the rest; None without one."""
    end = payload.find(_DATA)
    at, parent = payload.find(_TIME, 0, end), payload.find(_PARENT, 0, end)
    if min(at, parent) < 0 or (found := _TRACEPARENT.match(payload, parent + len(_PARENT))) is None:
        return None
    begin = at + len(_TIME)
    return Traced(payload[begin : payload.index('"', begin)], found[0])
