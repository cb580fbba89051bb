"""The tools on reminders."""

from todo import reminders
from todo.requests import schemas
from tools.results import WRITE_SCHEMA
from tools.tool import ToolSpec

REMINDER_TOOLS = (
    ToolSpec(
        "set_reminder",
        "Set reminder",
        "Remind the person of a task at a time, or some time before its due. Exactly one of at and before.",
        schemas.SetReminder,
        reminders.set_reminder,
        WRITE_SCHEMA,
        idempotent=True,
    ),
    ToolSpec(
        "snooze_reminder",
        "Snooze reminder",
        "Let a reminder ring again later. Exactly one of reminder_id and task_id, and one of until and duration.",
        schemas.SnoozeReminder,
        reminders.snooze_reminder,
        WRITE_SCHEMA,
    ),
    ToolSpec(
        "cancel_reminder",
        "Cancel reminder",
        "Stop a reminder from ringing, or all of a task's. Exactly one of reminder_id and task_id.",
        schemas.CancelReminder,
        reminders.cancel_reminder,
        WRITE_SCHEMA,
        destructive=True,
        idempotent=True,
    ),
)
