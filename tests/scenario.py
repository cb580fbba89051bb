"""A scenario of tool calls that is played through any surface, in a world or on real processes."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import httpx2

Call = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]
Scenario = tuple[tuple[float, str, dict[str, Any]], ...]
"""Steps of (seconds that pass first, tool, arguments)."""
FOR_AGENTS = " Reminders ring nowhere but on the page; more ways can be added there, under me."
"""What an agent hears once in a conversation; people see it on the page (tests/integration/channels/test_where.py)."""


class Stage(Protocol):
    """The target of a scenario; `tick` lets seconds pass or, without seconds, waits until all has settled."""

    rest: httpx2.AsyncClient
    http: httpx2.AsyncClient
    clock: Any

    async def tick(self, *, seconds: float = ...) -> None: ...

    async def events(self) -> list[dict[str, Any]]: ...


def call_rest(world: Stage) -> Call:
    """Return a function that makes a tool call as its REST request."""

    async def call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        body = dict(arguments)
        headers = {"Idempotency-Key": body.pop("request_id")} if "request_id" in body else {}
        task_id, reminder_id = body.pop("task_id", None), body.pop("reminder_id", None)
        if tool == "cancel_reminder" and reminder_id is None:
            reminder_id = await only_waiting_reminder(world, task_id)
        if tool == "snooze_reminder" and reminder_id is None:
            reminder_id = await last_rung_reminder(world, task_id)
        for name in body.pop("clear", []):
            body[name] = None
        method, path = {
            "create_task": ("POST", "/tasks"),
            "update_task": ("PATCH", f"/tasks/{task_id}"),
            "complete_task": ("POST", f"/tasks/{task_id}/complete"),
            "reopen_task": ("POST", f"/tasks/{task_id}/reopen"),
            "delete_task": ("DELETE", f"/tasks/{task_id}"),
            "set_reminder": ("POST", f"/tasks/{task_id}/reminders"),
            "snooze_reminder": ("POST", f"/reminders/{reminder_id}/snooze"),
            "cancel_reminder": ("DELETE", f"/reminders/{reminder_id}"),
            "create_recurring_task": ("POST", "/recurring-tasks"),
            "update_recurring_task": ("PATCH", f"/recurring-tasks/{task_id}"),
            "preview_occurrences": ("POST", "/recurring-tasks/preview"),
            "plan_changes": ("POST", "/plans"),
            "apply_plan": ("POST", f"/plans/{body.pop('plan_id', None)}/apply"),
            "undo": ("POST", "/undo"),
        }[tool]
        if method == "POST" and path.startswith("/recurring-tasks") and task_id is not None:
            body["task_id"] = task_id
        response = await world.rest.request(method, path, json=body, headers=headers)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer

    return call


def fill(value: Any, names: dict[str, str]) -> Any:
    """Replace the placeholders by the ids they stand for, at any depth."""
    if isinstance(value, dict):
        return {name: fill(each, names) for name, each in value.items()}
    if isinstance(value, list):
        return [fill(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


async def only_waiting_reminder(world: Stage, task_id: str) -> str:
    task = (await world.rest.get(f"/tasks/{task_id}")).json()
    [waiting] = [each["id"] for each in task["reminders"] if each["status"] == "scheduled"]
    return str(waiting)


async def last_rung_reminder(world: Stage, task_id: str) -> str:
    notifications = (await world.rest.get("/notifications")).json()["notifications"]
    remind_at = next(each["remind_at"] for each in notifications if each["task_id"] == task_id)
    task = (await world.rest.get(f"/tasks/{task_id}")).json()
    return str(next(each["id"] for each in task["reminders"] if each["remind_at"] == remind_at))


async def play(world: Stage, call: Call, scenario: Scenario) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Play a scenario and return (answers, events, effects), each without the parts that name the surface."""
    made: list[dict[str, Any]] = []
    following = ""
    answers = []
    for passing, tool, arguments in scenario:
        if tool == "binding":
            world.clock.move(seconds=passing)
            answers.append((await world.http.post("/bindings/recurring-scheduler")).json())
            continue
        await world.tick(seconds=passing)
        names = {f"{{{index}}}": task["id"] for index, task in enumerate(made)}
        names |= {f"{{r{index}}}": task["reminders"][0]["id"] for index, task in enumerate(made) if "reminders" in task}
        names |= {f"{{s{index}}}": task["recurring_id"] for index, task in enumerate(made) if "recurring_id" in task}
        names["{next}"] = following
        names["{plan}"] = next((each["plan_id"] for each in reversed(answers) if "plan_id" in each), "")
        names["{change}"] = next((each["change_id"] for each in reversed(answers) if "change_id" in each), "")
        filled = fill(arguments, names)
        answer = await call(tool, filled)
        if "message" in answer:
            answer["message"] = answer["message"].replace(FOR_AGENTS, "")
        if tool.startswith("create") and "replayed" not in answer:
            made.append(answer["task"])
        following = answer.get("next_occurrence", {}).get("task_id", following)
        answers.append(answer)
    await world.tick()
    effects = {
        path: (await world.rest.get(path)).json()
        for path in ("/notifications", "/activity", "/statistics?until=2026-11-27")
    }
    for entry in effects["/activity"]["entries"]:
        entry["text"] = entry["text"].partition(" by ")[0]
    events = await world.events()
    for event in events:
        event.pop("traceparent", None)
        event.pop("traceid", None)
        assert event["data"]["data"].pop("actor")["kind"] in ("person", "agent", "scheduler")
        event["data"]["data"].pop("request_id", None)
    return answers, events, effects
