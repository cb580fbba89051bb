"""One run of the properties of undo: a service, calls by name, its state and the projection of its events."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from anyio.from_thread import BlockingPortal
from pydantic_core import from_json
from sqlalchemy import text

from app.identity import LOCAL_USER, SCHEDULER
from app.service import Service, open_service
from events.instants import write_instant
from tests.clock import CountedIds, MovableClock
from tests.world import make_settings
from todo.errors import TodoError
from todo.operations import OPERATIONS
from todo.record.queries import load_any_tasks
from todo.record.rows import show_task
from todo.record.scopes import EVERYTHING
from todo.record.work import Who, Work
from todo.requests.arguments import read_arguments
from todo.scheduler import step

MINE = Who(LOCAL_USER, "person", "mcp", "mine", "mcp:mine", scopes=EVERYTHING)
THEIRS = Who(LOCAL_USER, "person", "rest", "theirs", "rest:theirs", scopes=EVERYTHING)
STATE = ("task.created", "task.updated", "task.completed", "task.deleted")
EVENTS = """SELECT payload, kind FROM outbox_entry o LEFT JOIN change c
ON c.id = json_extract(o.payload, '$.data.data.change_id') ORDER BY o.seq"""
COURSE = (
    *("rule", "rule_text", "first", "zone", "mode", "catch_up", "paused", "reminders", "skipped"),
    *("newest", "made", "passed", "next_due", "next_at", "start", "subtasks"),
)
LEFT_OUT = ("version", "updated_at", "created_at", "reminders")
"""Fields left out of a state; reminders are compared on their own."""

Step = tuple[str, int, dict[str, Any]]
State = dict[str, dict[str, Any]]


class Stage:
    """A service in its own folder, driven step by step."""

    def __init__(self, portal: BlockingPortal, template: Path) -> None:
        self.portal = portal
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copytree(template, folder, dirs_exist_ok=True)
        self.clock = MovableClock()
        opening = portal.wrap_async_context_manager(open_service(make_settings(folder), self.clock, CountedIds()))
        self.service: Service = self.stack.enter_context(opening)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def call(self, who: Who, tool: str, **arguments: Any) -> dict[str, Any]:
        use_case = OPERATIONS[tool].use_case
        request = read_arguments(OPERATIONS[tool].request, arguments).request
        write = self.service.store.write
        return dict(self.portal.call(lambda: write(who, lambda work: use_case(work, request))))

    def query(self, statement: str, **parameters: Any) -> list[Any]:
        run = self.service.database.read
        return self.portal.call(
            run, lambda connection: list(connection.execute(text(statement), parameters).mappings())
        )

    def tick(self, minutes: int) -> None:
        self.clock.move(minutes=minutes)
        while self.portal.call(self.service.store.write, SCHEDULER, step):
            pass

    def play(self, who: Who, steps: Sequence[Step]) -> list[str]:
        """Play steps, including refused ones, and return the ids of the resulting changes, oldest first."""
        changes = []
        for tool, pick, arguments in steps:
            self.clock.move(seconds=1)
            if tool == "wait":
                self.tick(arguments["minutes"])
                continue
            filled = self.aim(tool, pick, arguments)
            if filled is None:
                continue
            try:
                answer = self.call(who, tool, **filled)
                if tool == "plan_changes":
                    answer = self.call(who, "apply_plan", plan_id=answer["plan_id"])
            except TodoError:
                continue
            if answer.get("change_id"):
                changes.append(answer["change_id"])
        return changes

    def aim(self, tool: str, pick: int, arguments: dict[str, Any]) -> dict[str, Any] | None:
        """Return a step's arguments with its task, picked by number among the possible ones; None if there is none."""
        if tool == "plan_changes":
            filled = [(each, self.aim(each, pick + n, more)) for n, (each, more) in enumerate(arguments["steps"])]
            return {"changes": [{"tool": each, "arguments": more} for each, more in filled if more is not None]}
        if isinstance(above := arguments.get("parent_id"), int):
            alive = "SELECT id FROM task WHERE deleted_at IS NULL AND kind = 'task' ORDER BY number"
            tasks = [row["id"] for row in self.query(alive)]
            arguments = {**arguments, "parent_id": tasks[above % len(tasks)]} if tasks else {"title": "Alone"}
        if tool in ("update_list", "delete_list"):
            lists = self.query("SELECT id FROM task_list WHERE deleted_at IS NULL ORDER BY id")
            return {**arguments, "list_id": lists[pick % len(lists)]["id"]} if lists else None
        if tool == "create_task" or ("title" in arguments and tool == "create_recurring_task"):
            return arguments
        kind = "recurring" if tool == "update_recurring_task" else "task"
        wanted = "AND kind = :kind" if tool != "delete_task" else "AND (kind = 'task' OR :kind = 'task')"
        if tool == "update_task":
            wanted = "AND :kind = 'task'"
        if tool == "create_recurring_task":
            wanted += " AND recurring_id IS NULL"
        ids = self.query(f"SELECT id FROM task WHERE deleted_at IS NULL {wanted} ORDER BY number", kind=kind)  # noqa: S608  # ours
        return {**arguments, "task_id": ids[pick % len(ids)]["id"]} if ids else None

    def look(self) -> State:
        """Return the state: each living task as shown, its reminders by id, and the progress of its series."""
        state: State = {}
        for task_id, view in self.portal.call(self.service.store.read, MINE, show_all).items():
            state[task_id] = {name: value for name, value in view.items() if name not in LEFT_OUT}
            state[task_id]["rings"] = {
                each["id"]: (each["remind_at"], each.get("before"), each["status"])
                for each in view.get("reminders", [])
            }
        for row in self.query("SELECT * FROM task_list WHERE deleted_at IS NULL"):
            state[row["id"]] = {"name": row["name"], "archived": row["archived"], "place": row["position"], "rings": {}}
        for row in self.query("SELECT * FROM recurrence"):
            if row["task_id"] in state:
                state[row["task_id"]]["course"] = {name: row[name] for name in COURSE}
        return state

    def replay(self) -> dict[str, dict[str, Any]]:
        """Return the projection of a consumer that applies state events by version and fired reminders by sequence."""
        versions: dict[str, int] = {}
        views: dict[str, dict[str, Any] | None] = {}
        rung: dict[str, int] = {}
        for row in self.query(EVENTS):
            event = from_json(row["payload"])["data"]
            data, task_id = event["data"], event["task_id"]
            if event["event_type"] in STATE:
                rise = data["version"] - versions.get(task_id, 0)
                # Several steps of a plan on one task make one event, at the version of the last step.
                assert rise == 1 or (rise > 1 and row["kind"] == "apply_plan"), "versions rise by one"
                came = event["event_type"] == "task.created"
                assert came == (views.get(task_id) is None), f"{event['event_type']} of what was there or not"
                assert came or "restored" not in data
                assert not came or data.get("restored", False) == (task_id in versions)
                versions[task_id] = data["version"]
                views[task_id] = None if event["event_type"] == "task.deleted" else data["task"]
            elif event["event_type"] == "reminder.due":
                rung[data["reminder"]["id"]] = data["reminder"]["sequence"]
        known = {task_id: view for task_id, view in views.items() if view is not None}
        for view in known.values():
            for each in view.get("reminders", []):
                if each["status"] == "scheduled" and rung.get(each["id"]) == each["sequence"]:
                    each["status"] = "fired"
        return known

    def check_events(self) -> None:
        """Compare a consumer's projection with the database."""
        shown = self.portal.call(self.service.store.read, MINE, show_all)
        known = self.replay()
        assert {key: by_ids(view) for key, view in known.items()} == {key: by_ids(view) for key, view in shown.items()}
        below = Counter(view["parent"]["id"] for view in known.values() if "parent" in view)
        counted = {key: view["subtasks"]["total"] for key, view in shown.items() if "subtasks" in view}
        assert counted == below, "a consumer that counts by the parents' ids knows as much"
        self.check_trees(shown)
        for view in shown.values():
            waits = any(each["status"] == "scheduled" for each in view.get("reminders", []))
            assert not (waits and view["status"] == "completed"), "what is completed waits for no reminder"

    def check_trees(self, shown: dict[str, dict[str, Any]]) -> None:
        """Every subtask stands below a task that is there, in its list, and at most three levels down."""
        for view in shown.values():
            level, at = 1, view
            while "parent" in at:
                above = shown[at["parent"]["id"]]
                assert above.get("list") == at.get("list"), "a subtask lives in the list of its parent"
                assert above["title"] == at["parent"]["title"]
                level, at = level + 1, above
                assert level <= 4


def by_ids(view: dict[str, Any]) -> dict[str, Any]:
    """Return a view without what only counts or names others: consumers go by ids."""
    named: dict[str, Any] = {name: view[name]["id"] for name in ("list", "parent") if name in view}
    return {**{name: value for name, value in view.items() if name != "subtasks"}, **named}


def show_all(work: Work) -> dict[str, dict[str, Any]]:
    rows = load_any_tasks(work, list(work.connection.execute(text("SELECT id FROM task")).scalars()))
    return {task_id: dict(show_task(work, row)) for task_id, row in rows.items() if row["deleted_at"] is None}


def assert_same(stage: Stage, now: State, before: State) -> None:
    """Compare two states; a reminder whose time has passed may be fired or cancelled."""
    assert now.keys() == before.keys()
    for task_id, was in before.items():
        given = now[task_id]
        assert {**given, "rings": None} == {**was, "rings": None}
        assert given["rings"].keys() == was["rings"].keys()
        for key, (at, ahead, status) in was["rings"].items():
            assert given["rings"][key][:2] == (at, ahead)
            over = at <= write_instant(stage.clock.now())
            allowed = {"fired", "cancelled"} if status == "scheduled" and over else {status}
            assert given["rings"][key][2] in allowed, (key, at, status, given["rings"][key])
