"""The rules on subtasks of the state machine on series: each instance's own, and what is taken back with them."""

from copy import copy
from dataclasses import fields
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.simulation.recurring_harness import OTHER, WHO, Harness
from tests.simulation.recurring_instance import Instance, Step
from tests.simulation.recurring_model import Model
from todo.requests import schemas
from todo.requests.plan_schemas import Undo
from todo.tasks import tasks
from todo.undo.undo import undo

PICK = st.integers(0, 9)
STEPS = st.lists(st.sampled_from("XYZ"), max_size=2, unique=True).map(tuple)


class TreeHarness(Harness):
    """Plays calls on the subtasks of instances and series, and takes changes back."""

    def pick_step(self, number: int) -> tuple[Instance, Step] | None:
        found = self.pick_instance(number, "open")
        if found is None or not found[2].steps:
            return None
        instance = found[2]
        # Ids are looked up when they are needed: each title stands once below an instance, and its own ones are last.
        rows = self.query(
            "SELECT id, title FROM task WHERE parent_id = :id AND deleted_at IS NULL ORDER BY number", id=instance.id
        )
        step = instance.steps[number % len(instance.steps)]
        step.id = next(row["id"] for row in rows if row["title"] == step.title)
        return instance, step

    @precondition(lambda self: self.series)
    @rule(number=PICK, titles=STEPS)
    def give_steps(self, number: int, titles: tuple[str, ...]) -> None:
        series_id, model = self.pick(number)
        if series_id in self.deleted:
            return
        if titles != model.steps:
            model.steps = titles
            for each in model.open:
                each.take_steps(titles)
        self.revise(series_id, subtasks=list(titles))

    @precondition(lambda self: self.series)
    @rule(number=PICK)
    def tick_step(self, number: int) -> None:
        if (picked := self.pick_step(number)) is None:
            return
        instance, step = picked
        instance.own_steps = True
        if step.status == "open":
            step.status = "completed"
            self.call(tasks.complete_task, schemas.CompleteTask(task_id=step.id), OTHER)
        else:
            step.status = "open"
            self.call(tasks.reopen_task, schemas.ReopenTask(task_id=step.id))

    @precondition(lambda self: self.series)
    @rule(number=PICK)
    def add_step(self, number: int) -> None:
        picked = self.pick_instance(number, "open")
        if picked is None or any(each.title == "Own" for each in picked[2].steps):
            return
        instance = picked[2]
        instance.own_steps = True
        instance.steps.append(Step("Own"))
        self.call(tasks.create_task, schemas.CreateTask(title="Own", parent_id=instance.id))

    @precondition(lambda self: self.series)
    @rule(number=PICK, step_first=st.booleans(), by_other=st.booleans())
    def complete_and_take_back(self, number: int, step_first: bool, by_other: bool) -> None:
        """Complete an instance with all below it, and take that back: everything is as it was, with its subtasks."""
        if (picked := self.pick_instance(number, "open")) is None:
            return
        if step_first:
            self.tick_step(number)
        _, model, instance = picked
        before, steps = self.keep(model), [each.status for each in instance.steps]
        own, made = instance.own_steps, len(model.instances)
        model.complete(instance)
        done = self.call(tasks.complete_task, schemas.CompleteTask(task_id=instance.id))
        assert ("subtask" in done["message"]) == ("open" in steps)
        request = Undo(change_ids=[done["change_id"]])
        self.call(undo, request, OTHER if by_other else WHO)
        self.put_back(model, before)
        instance.status, instance.own_steps = "open", own or bool(steps)
        for step, status in zip(instance.steps, steps, strict=True):
            step.status = status
        for each in model.instances[made:]:
            each.status, each.ended_at, each.skipped = "gone", model.now, True

    def keep(self, model: Model) -> dict[str, Any]:
        """Return how far a series is, its instances left out."""
        return {each.name: copy(getattr(model, each.name)) for each in fields(model) if each.name not in KEPT_OUT}

    def put_back(self, model: Model, kept: dict[str, Any]) -> None:
        for name, value in kept.items():
            setattr(model, name, value)


KEPT_OUT = ("instances", "came")
"""What a change has made was there, even if it is taken back: its row and its events stay."""
