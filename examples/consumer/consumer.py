# /// script
# requires-python = ">=3.11"
# dependencies = ["dapr[fastapi]>=1.19"]
# ///
"""A downstream team's service that follows the task events, through its own daprd and keeps their latest states."""

import hmac
import os
from typing import Any, Literal

import uvicorn
from dapr.ext.fastapi import DaprApp
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ValidationError


class Reminder(BaseModel):
    """A reminder that rang; a later ring of the same one has a higher sequence."""

    id: str
    sequence: int


class Change(BaseModel):
    """The whole task after the change, and its version."""

    version: int
    task: dict[str, Any]
    reminder: Reminder | None = None


class Event(BaseModel):
    """The task that the event is about."""

    task_id: str
    data: Change


class Envelope(BaseModel):
    """The part of the CloudEvent that is used here; unknown fields are ignored, since fields may be added."""

    id: str
    type: Literal["task.created", "task.updated", "task.completed", "task.deleted", "reminder.due", "recurring.trigger"]
    data: Event


app = FastAPI()
DaprApp(app)  # daprd asks for subscriptions made in code: there are none, ours are declared in tasks.yaml

# In memory, to be short. A real service keeps these three in its database and changes them in one transaction.
seen: dict[str, Any] = {}  # every event by its id, in the order in which they came
tasks: dict[str, dict[str, Any]] = {}  # the newest state of each task; a deleted one stays, with no task in it
rung: dict[str, int] = {}  # for each reminder the highest sequence that has rung


@app.post("/events/{kind}")
async def receive(request: Request) -> Any:
    """Answer one of Dapr's three words; the body is parsed here, because daprd would retry FastAPI's own 422."""
    given, wanted = request.headers.get("dapr-api-token", ""), os.environ.get("APP_API_TOKEN", "")
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        return Response(status_code=401)
    try:
        envelope = Envelope.model_validate_json(await request.body())
    except ValidationError:
        return {"status": "DROP"}  # it will never be readable: to the dead letters
    try:
        take(envelope, await request.json())
    except Exception:  # noqa: BLE001  # our own failure, such as a database that is away: deliver the event again
        return {"status": "RETRY"}
    return {"status": "SUCCESS"}


def take(envelope: Envelope, event: dict[str, Any]) -> None:
    """Take an event once: at least once means sometimes twice, on both ways and over both."""
    if envelope.id not in seen:
        apply(envelope.type, envelope.data.task_id, envelope.data.data)
        seen[envelope.id] = event


def apply(kind: str, task_id: str, change: Change) -> None:
    """Apply a state if it is newer than the known one: over several topics, states come in any order and with gaps."""
    if kind == "reminder.due" and change.reminder:
        rung[change.reminder.id] = max(change.reminder.sequence, rung.get(change.reminder.id, 0))
    elif kind.startswith("task.") and change.version > tasks.get(task_id, {"version": 0})["version"]:
        tasks[task_id] = {"version": change.version, "task": None if kind == "task.deleted" else change.task}


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answer daprd's health check; daprd delivers nothing to an unhealthy service."""
    return {"status": "ok"}


@app.get("/seen")
async def show() -> dict[str, Any]:
    """Show the received events in order, and the projection made of them."""
    return {"events": list(seen.values()), "tasks": tasks, "rung": rung}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("APP_PORT", "8001")), log_level="warning")
