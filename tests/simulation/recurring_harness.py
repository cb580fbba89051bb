"""One run of the state machine on series: a service, its models, and their comparison."""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest
from anyio.from_thread import BlockingPortal
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
)
from pydantic_core import from_json
from sqlalchemy import text

from app.identity import LOCAL_PERSON
from app.service import Service, open_service
from tests.clock import CountedIds, MovableClock
from tests.simulation.recurring_instance import Instance
from tests.simulation.recurring_model import Model
from tests.simulation.recurring_plan import Plan
from tests.world import make_settings
from todo.errors import TodoError
from todo.record.work import Who
from todo.requests import schemas
from todo.series import update as revising

WHO = LOCAL_PERSON
OTHER = replace(LOCAL_PERSON, surface="mcp", client="other", origin="mcp:other")
"""Another caller of the same person."""
STATE = ("task.created", "task.updated", "task.completed", "task.deleted")

WAITING_IN_VAIN = (
    "SELECT r.id FROM reminder r JOIN task t ON t.id = r.task_id "
    "WHERE r.status = 'scheduled' AND (t.status = 'completed' OR t.deleted_at IS NOT NULL)"
)
"""Reminders that would ring although there is nothing left to do."""


class Harness(RuleBasedStateMachine):
    """A service in its own folder, the models of its series, and the invariants after every call."""

    portal: ClassVar[BlockingPortal]
    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copytree(self.template, folder, dirs_exist_ok=True)
        self.clock = MovableClock()
        opening = self.portal.wrap_async_context_manager(open_service(make_settings(folder), self.clock, CountedIds()))
        self.service: Service = self.stack.enter_context(opening)
        self.series: dict[str, Model] = {}
        self.deleted: set[str] = set()
        self.seen = 0
        self.views: dict[str, dict[str, Any] | None] = {}
        self.versions: dict[str, int] = {}
        self.triggered: set[str] = set()

    def teardown(self) -> None:
        self.stack.close()

    # Calls

    def call(self, use_case: Callable[..., Any], request: Any, who: Who = WHO) -> Any:
        return self.portal.call(self.service.store.write, who, lambda work: use_case(work, request))

    def refuse(self, use_case: Callable[..., Any], request: Any, *codes: str) -> None:
        with pytest.raises(TodoError) as caught:
            self.call(use_case, request)
        assert caught.value.code in codes, caught.value

    def revise(self, series_id: str, **changes: Any) -> Any:
        return self.call(revising.update_recurring_task, schemas.UpdateRecurringTask(task_id=series_id, **changes))

    def query(self, statement: str, **parameters: Any) -> list[Any]:
        run = self.service.database.read
        return self.portal.call(
            run, lambda connection: list(connection.execute(text(statement), parameters).mappings())
        )

    def pick(self, number: int) -> tuple[str, Model]:
        series_id = list(self.series)[number % len(self.series)]
        return series_id, self.series[series_id]

    def pick_instance(self, number: int, status: str) -> tuple[str, Model, Instance] | None:
        found = [
            (series_id, model, each)
            for series_id, model in self.series.items()
            for each in model.instances
            if each.status == status
        ]
        return found[number % len(found)] if found else None

    def write_due(self, day: date, at: time | None) -> str:
        return str(day) if at is None else datetime.combine(day, at).isoformat()

    def end(self, plan: Plan, ends: tuple[str, int] | None, today: date) -> Plan:
        if ends is None:
            return plan
        return replace(plan, count=ends[1]) if ends[0] == "count" else replace(plan, until=today + timedelta(ends[1]))

    # Invariants

    @invariant()
    def the_database_is_as_the_model_says(self) -> None:
        came = self.read_events()
        below: dict[str, list[tuple[str, str]]] = {}
        for row in self.query("SELECT parent_id, title, status FROM task WHERE parent_id > '' AND deleted_at IS NULL"):
            below.setdefault(row["parent_id"], []).append((row["title"], row["status"]))
        for series_id, model in self.series.items():
            [row] = self.query(
                "SELECT r.*, t.status, t.title, t.deleted_at FROM recurrence r JOIN task t ON t.id = r.task_id "
                "WHERE t.id = :id",
                id=series_id,
            )
            assert (row["deleted_at"] is not None) == (series_id in self.deleted)
            assert came.get(series_id, []) == model.came
            model.came.clear()
            rows = self.query("SELECT * FROM task WHERE recurring_id = :id ORDER BY number", id=series_id)
            assert len(rows) == len(model.instances)
            for instance, found in zip(model.instances, rows, strict=True):
                instance.id = found["id"]
                status = "gone" if found["deleted_at"] is not None else found["status"]
                assert (found["occurrence"], found["due"], status, found["title"]) == (
                    instance.nominal, instance.due, instance.status, instance.title,
                )  # fmt: skip
                assert sorted(below.pop(instance.id, [])) == instance.living_steps
            living = [each.nominal for each in model.instances if each.status != "gone"]
            assert len(living) == len(set(living)), "one living instance per nominal date"
            if series_id in self.deleted:
                assert (row["next_due"], row["next_at"]) == (None, None)
                continue
            assert (row["status"], bool(row["paused"]), row["title"]) == (model.status, model.paused, model.title)
            self.check_columns(row, model)
            if model.mode == "one_at_a_time" and not model.mixed:
                assert sum(not each.reopened for each in model.open) <= 1
        assert not below, "every subtask stands below an instance that is there"
        assert not self.query(WAITING_IN_VAIN), "what is completed or gone waits for no reminder"

    def check_columns(self, row: Any, model: Model) -> None:
        if not model.live or model.mode == "after_completion":
            assert (row["next_due"], row["next_at"]) == (None, None)
            return
        assert row["next_due"] == next((due for due in model.dates(model.newest) if due not in model.skipped), None)
        assert (row["next_at"] is not None) == (model.mode == "every_occurrence")
        if row["next_at"] is not None:
            assert (row["next_at"] <= self.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")) == model.is_reached(
                model.newest
            )

    def read_events(self) -> dict[str, list[tuple[str, int]]]:
        """Apply the new events as a projection does; return the new (occurrence, skipped) pairs by series."""
        rows = self.query("SELECT seq, payload FROM outbox_entry WHERE seq > :seen ORDER BY seq", seen=self.seen)
        events = [from_json(row["payload"])["data"] for row in rows]
        came: dict[str, list[tuple[str, int]]] = {}
        for event in events:
            data, task_id = event["data"], event["task_id"]
            if event["event_type"] in STATE:
                assert data["version"] == self.versions.get(task_id, 0) + 1, "versions rise by one"
                self.versions[task_id] = data["version"]
                self.views[task_id] = None if event["event_type"] == "task.deleted" else data["task"]
            elif event["event_type"] == "recurring.trigger":
                assert data["task"]["id"] not in self.triggered
                self.triggered.add(data["task"]["id"])
                came.setdefault(data["recurring_id"], []).append((data["occurrence"], data["skipped"]))
        for sooner, later in pairwise(events):
            assert (later["event_type"] == "recurring.trigger") == (
                sooner["event_type"] == "task.created" and "recurring_id" in sooner["data"]["task"]
            )
            if later["event_type"] == "recurring.trigger":
                assert sooner["task_id"] == later["task_id"]
        if rows:
            self.seen = rows[-1]["seq"]
            state = self.query("SELECT id, status, title, due, version, deleted_at FROM task")
            assert {row["id"] for row in state} == self.views.keys()
            for row in state:
                view = self.views[row["id"]]
                assert (view is None) == (row["deleted_at"] is not None)
                assert self.versions[row["id"]] == row["version"]
                if view is not None:
                    assert (view["status"], view["title"], view.get("due")) == (row["status"], row["title"], row["due"])
        return came
