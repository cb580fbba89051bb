"""The tools on recurrence."""

from todo.requests import schemas
from todo.series import create as recurring
from todo.series import update as revising
from tools.results import PREVIEW_SCHEMA, WRITE_SCHEMA
from tools.tool import ToolSpec

RECURRING_TOOLS = (
    ToolSpec(
        "create_recurring_task",
        "Create recurring task",
        "Add a task that comes again by a rule; the answer's task is its first occurrence. Modes: one_at_a_time (the "
        "next comes when this one is done), every_occurrence (on each date, done or not), after_completion (an "
        "interval after doing).",
        schemas.CreateRecurringTask,
        recurring.create_recurring_task,
        WRITE_SCHEMA,
    ),
    ToolSpec(
        "update_recurring_task",
        "Update recurring task",
        "Change, pause, skip or end all occurrences from now on. One occurrence alone: update_task with its id.",
        schemas.UpdateRecurringTask,
        revising.update_recurring_task,
        WRITE_SCHEMA,
    ),
    ToolSpec(
        "preview_occurrences",
        "Preview occurrences",
        "Show the next dates of a recurrence rule, in words. Exactly one of task_id and rule.",
        schemas.PreviewOccurrences,
        recurring.preview_occurrences,
        PREVIEW_SCHEMA,
        writes=False,
    ),
)
