"""The tools on recurrence."""

from todo import recurring, schemas
from tools.results import PREVIEW_SCHEMA
from tools.tool import ToolSpec

RECURRING_TOOLS = (
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
