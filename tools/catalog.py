"""The tools in their fixed order: what models read of each operation."""

from todo.operations import OPERATIONS
from todo.record.shapes import WriteAnswer
from todo.series.preview import PreviewAnswer
from todo.tasks.search import FindAnswer
from todo.tasks.tasks import TaskAnswer
from tools.tool import ToolSpec


def _describe(name: str, description: str, answer: type = WriteAnswer) -> ToolSpec:
    return ToolSpec(OPERATIONS[name], name.replace("_", " ").capitalize(), description, answer)


TOOLS = (
    _describe(
        "create_task",
        "Add one task, with its subtasks if it has some. Reminders can be set in the same call.",
    ),
    _describe(
        "find_tasks",
        "List or search tasks by words, status, dates, list, tags or priority. With due_until also upcoming dates of "
        "series, which total does not count. Answers a page; pass next_cursor as cursor for more.",
        FindAnswer,
    ),
    _describe(
        "get_task",
        "Show one task in full, with its reminders and version.",
        TaskAnswer,
    ),
    _describe(
        "update_task",
        "Change a task's title, notes, due, start, list, parent, priority or tags. What is not given stays.",
    ),
    _describe(
        "complete_task",
        "Mark a task as done, with its open subtasks. Waiting reminders are cancelled.",
    ),
    _describe(
        "reopen_task",
        "Mark a completed task as open again. Reminders still ahead are armed again.",
    ),
    _describe(
        "delete_task",
        "Remove a task with its subtasks. To mark it done use complete_task.",
    ),
    _describe(
        "set_reminder",
        "Remind the person of a task at times, or some time before its due. Exactly one of at and before.",
    ),
    _describe(
        "snooze_reminder",
        "Let a reminder ring again later. Exactly one of reminder_id and task_id, and one of until and duration.",
    ),
    _describe(
        "cancel_reminder",
        "Stop a reminder from ringing, or all of a task's. Exactly one of reminder_id and task_id.",
    ),
    _describe(
        "create_recurring_task",
        "Add a task that comes again by a rule; the answer's task is its first occurrence. Modes: one_at_a_time "
        "(chores: the next comes when this one is done), every_occurrence (appointments, medicine: on each date, done "
        "or not), after_completion (an interval after doing).",
    ),
    _describe(
        "update_recurring_task",
        "Change, pause, skip or end all occurrences from now on, by the id of the series or of any occurrence. One "
        "occurrence alone: update_task with its id.",
    ),
    _describe(
        "preview_occurrences",
        "Show the next dates of a recurrence rule, in words. Exactly one of task_id and rule.",
        PreviewAnswer,
    ),
    _describe(
        "plan_changes",
        "Make many changes in one call: with apply true at once, as one change that undo takes back; else only a "
        "numbered diff is shown. Either changes, or one change for every task that a filter hits, occurrences of "
        "series too. Ten deletions or overwritten texts, or four ended series, wait for the person.",
    ),
    _describe(
        "apply_plan",
        "Do what a plan showed, all or nothing, as one change that undo takes back.",
    ),
    _describe(
        "undo",
        "Take back the newest change made from here, or changes by their change_id; an undo's own change_id redoes.",
    ),
)
"""Every tool, in the order in which `tools/list` shows them."""
