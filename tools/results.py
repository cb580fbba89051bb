"""Results of tools: compact JSON text and the same as structured content; refusals with their code."""

from typing import Any

from mcp.types import CallToolResult, TextContent
from pydantic_core import to_json

from todo.errors import TodoError
from todo.record.shapes import Answer

WRITE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "task": {"type": "object"},
        "tasks": {"type": "array", "items": {"type": "object"}},
        "recurring_id": {"type": "string"},
        "change_id": {"type": "string"},
        "events": {"type": "array", "items": {"type": "object"}},
        "next_occurrence": {"type": "object"},
        "warnings": {"type": "array", "items": {"type": "string"}},
        "replayed": {"type": "boolean"},
        "message": {"type": "string"},
        "now": {"type": "string"},
    },
}
"""One output schema for all writes, with `task` an open object: its full shape is in `docs/tools.md`."""

FIND_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "tasks": {"type": "array", "items": {"type": "object"}},
        "upcoming": {"type": "array", "items": {"type": "object"}},
        "next_cursor": {"type": "string"},
        "total": {"type": "integer"},
        "now": {"type": "string"},
    },
}
PREVIEW_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "occurrences": {"type": "array", "items": {"type": "object"}},
        "rule_text": {"type": "string"},
        "warnings": {"type": "array", "items": {"type": "string"}},
        "now": {"type": "string"},
    },
}
GET_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "task": {"type": "object"},
        "occurrences": {"type": "array", "items": {"type": "object"}},
        "history": {"type": "array", "items": {"type": "object"}},
        "now": {"type": "string"},
    },
}


def show_answer(answer: Answer) -> CallToolResult:
    """Return an answer as text and structure, equal to each other."""
    return CallToolResult(
        content=[TextContent(type="text", text=to_json(answer).decode())], structured_content=dict(answer)
    )


def show_refusal(error: TodoError) -> CallToolResult:
    """Return a refusal: `code: Sentence. What to do next.`, and the code for programs."""
    structured = {**error.details, "code": error.code, "message": error.text}
    if error.next_step:
        structured["hint"] = error.next_step
    return CallToolResult(
        content=[TextContent(type="text", text=str(error))], structured_content=structured, is_error=True
    )
