"""The tools that plan, apply and take back."""

from todo.requests import schemas
from todo.undo import plans, undo
from tools.results import WRITE_SCHEMA
from tools.tool import ToolSpec

SAFETY_TOOLS = (
    ToolSpec(
        "plan_changes",
        "Plan changes",
        "Rehearse many changes and show what they would do, as a numbered diff; nothing is changed. Either changes, or "
        "one change for every task that a filter hits.",
        schemas.PlanChanges,
        plans.plan_changes,
        WRITE_SCHEMA,
    ),
    ToolSpec(
        "apply_plan",
        "Apply plan",
        "Do what a plan showed, all or nothing, as one change that undo takes back.",
        schemas.ApplyPlan,
        plans.apply_plan,
        WRITE_SCHEMA,
        destructive=True,
        idempotent=True,
    ),
    ToolSpec(
        "undo",
        "Undo",
        "Take back the newest change made from here, or changes by their change_id; an undo's own change_id redoes.",
        schemas.Undo,
        undo.undo,
        WRITE_SCHEMA,
        destructive=True,
    ),
)
