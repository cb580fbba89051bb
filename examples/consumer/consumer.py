# /// script
# requires-python = ">=3.11"
# dependencies = ["dapr[fastapi]>=1.19"]
# ///
"""A downstream team's service: it follows the task events through a daprd of its own and keeps what they say."""

import hmac
import os
from typing import Any

import uvicorn
from dapr.ext.fastapi import DaprApp
from fastapi import FastAPI, Request, Response

STATES = {"task.created", "task.updated", "task.completed", "task.deleted"}
OTHERS = {"reminder.due", "recurring.trigger"}
app = FastAPI()
DaprApp(app)  # daprd asks for subscriptions made in code: there are none, ours are declared in tasks.yaml

# In memory, to be short. A real service keeps these three in its database and changes them in one transaction.
seen: dict[str, dict[str, Any]] = {}  # every event by its id, in the order in which they came
tasks: dict[str, dict[str, Any]] = {}  # the newest state of each task; a deleted one stays, with no task in it
rung: dict[str, int] = {}  # for each reminder the highest sequence that has rung


@app.post("/events/{kind}")
async def receive(request: Request) -> Any:
    """Answer one of Dapr's three words; the body is read by hand, for FastAPI's own 422 would be retried for ever."""
    given, wanted = request.headers.get("dapr-api-token", ""), os.environ.get("APP_API_TOKEN", "")
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        return Response(status_code=401)
    try:
        event = await request.json()
        event_id, kind, task_id, data = event["id"], event["type"], event["data"]["task_id"], event["data"]["data"]
        change = {"version": int(data["version"]), "task": dict(data["task"])}
        if kind not in STATES | OTHERS:
            raise ValueError(kind)
    except (ValueError, KeyError, TypeError):
        return {"status": "DROP"}  # it will not be readable the next time either: to the dead letters
    try:
        if event_id not in seen:  # at least once means: sometimes twice
            apply(kind, task_id, change, data)
            seen[event_id] = event
    except Exception:  # noqa: BLE001  # our own trouble, a database that is away: the same event again, please
        return {"status": "RETRY"}
    return {"status": "SUCCESS"}


def apply(kind: str, task_id: str, change: dict[str, Any], data: dict[str, Any]) -> None:
    """Take a state if it is newer than what is known: across topics they come in any order, and gaps are normal."""
    if kind in STATES and change["version"] > tasks.get(task_id, {"version": 0})["version"]:
        tasks[task_id] = change if kind != "task.deleted" else {"version": change["version"], "task": None}
    if kind == "reminder.due":
        rung[data["reminder"]["id"]] = max(data["reminder"]["sequence"], rung.get(data["reminder"]["id"], 0))


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Let daprd see that we live: while we do not, it delivers nothing."""
    return {"status": "ok"}


@app.get("/seen")
async def show() -> dict[str, Any]:
    """Show what came, in order, and what we make of it."""
    return {"events": list(seen.values()), "tasks": tasks, "rung": rung}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ.get("APP_PORT", "8001")), log_level="warning")
