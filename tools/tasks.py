"""The tools on tasks."""

from todo.requests import schemas
from todo.tasks import search as finding
from todo.tasks import tasks
from tools.results import FIND_SCHEMA, GET_SCHEMA, WRITE_SCHEMA
from tools.tool import ToolSpec

TASK_TOOLS = (
    ToolSpec(
        "create_task",
        "Create task",
        "Add one task to the person's list. Reminders can be set in the same call.",
        schemas.CreateTask,
        tasks.create_task,
        WRITE_SCHEMA,
    ),
    ToolSpec(
        "find_tasks",
        "Find tasks",
        "List or search tasks by words, status, dates, tags or priority. Answers a page; pass next_cursor as cursor "
        "for more.",
        schemas.FindTasks,
        finding.find_tasks,
        FIND_SCHEMA,
        writes=False,
    ),
    ToolSpec(
        "get_task",
        "Get task",
        "Show one task in full, with its reminders and version.",
        schemas.GetTask,
        tasks.get_task,
        GET_SCHEMA,
        writes=False,
    ),
    ToolSpec(
        "update_task",
        "Update task",
        "Change a task's title, notes, due, priority or tags. What is not given stays.",
        schemas.UpdateTask,
        tasks.update_task,
        WRITE_SCHEMA,
    ),
    ToolSpec(
        "complete_task",
        "Complete task",
        "Mark a task as done. Waiting reminders are cancelled.",
        schemas.CompleteTask,
        tasks.complete_task,
        WRITE_SCHEMA,
        idempotent=True,
    ),
    ToolSpec(
        "reopen_task",
        "Reopen task",
        "Mark a completed task as open again. Reminders still ahead are armed again.",
        schemas.ReopenTask,
        tasks.reopen_task,
        WRITE_SCHEMA,
        idempotent=True,
    ),
    ToolSpec(
        "delete_task",
        "Delete task",
        "Remove a task from the list. To mark it done use complete_task.",
        schemas.DeleteTask,
        tasks.delete_task,
        WRITE_SCHEMA,
        destructive=True,
        idempotent=True,
    ),
)
