"""The request models of plans and undo."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from todo.requests.arguments import describe_model
from todo.requests.parts import Id, WriteRequest
from todo.requests.request import Combination, ExactlyOne, Together
from todo.requests.schemas import (
    CancelReminder,
    CompleteTask,
    CreateRecurringTask,
    CreateTask,
    DeleteTask,
    ReopenTask,
    SetReminder,
    SnoozeReminder,
    TaskEdits,
    TaskFilter,
    UpdateRecurringTask,
    UpdateTask,
)


class Undo(WriteRequest):
    """Arguments of `undo`."""

    change_ids: Annotated[
        list[Id] | None,
        Field(min_length=1, max_length=100, description="Default: the newest change from here not yet undone"),
    ] = None

    @property
    def means_the_same_again(self) -> bool:
        """False without `change_ids`: each call then undoes one more change, so a second call is not a retry."""
        return self.change_ids is not None


STEPS: tuple[type[WriteRequest], ...] = (
    *(CreateTask, UpdateTask, CompleteTask, ReopenTask, DeleteTask),
    *(SetReminder, SnoozeReminder, CancelReminder),
    *(CreateRecurringTask, UpdateRecurringTask),
)
"""The arguments that a step of a plan may have: those of every write except plans and undo."""


def _name_step_arguments(schema: dict[str, Any]) -> None:
    """Name the arguments of all steps in one schema; of a list with different choices the first has them all."""
    described = [describe_model(model)["properties"] for model in STEPS]
    schema["properties"] = {
        name: each for properties in described[::-1] for name, each in properties.items() if name != "request_id"
    }


class PlannedCall(BaseModel):
    """One step of a plan: a writing tool and its arguments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict, json_schema_extra=_name_step_arguments)


_EXCLUDED = {
    "type": "object",
    "description": "But not those",
    "properties": {"text": {"type": "string"}},
}
"""What is published of the filter inside a filter: the whole again would cost as much as a tool."""


class PlanFilter(TaskFilter):
    """Which tasks a plan means."""

    not_: Annotated[TaskFilter | None, Field(alias="not"), WithJsonSchema(_EXCLUDED)] = None


class PlanChange(TaskEdits):
    """What to do with each task that a plan's filter hits: fields as in `update_task`, or complete, or delete."""

    complete: bool | None = None
    delete: bool | None = None


class PlanChanges(WriteRequest):
    """Arguments of `plan_changes`."""

    combinations: ClassVar[tuple[Combination, ...]] = (
        ExactlyOne("changes", "filter", "Give changes, or a filter with change."),
        Together("filter", "change", "Give both: which tasks, and what to do with each."),
    )

    changes: Annotated[list[PlannedCall] | None, Field(max_length=100, description="Writes, in order")] = None
    filter: Annotated[PlanFilter | None, Field(description="Filters of find_tasks, and not")] = None
    change: Annotated[
        PlanChange | None,
        Field(description='For each: fields of update_task, or {"complete": true}, or {"delete": true}'),
    ] = None
    apply: Annotated[bool | None, Field(description="Apply at once if nothing needs the person")] = None


class ApplyPlan(WriteRequest):
    """Arguments of `apply_plan`."""

    plan_id: Id
    except_: Annotated[
        list[int] | None, Field(alias="except", max_length=100, description="Numbers of the diff to leave out")
    ] = None
