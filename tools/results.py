"""Results of tools: compact JSON text and the same as structured content; refusals with their code."""

from typing import Any

from mcp.types import CallToolResult, TextContent
from pydantic_core import to_json

from todo.errors import TodoError
from todo.record.shapes import Answer


def show_answer(answer: Answer) -> CallToolResult:
    """Return an answer as text and structure, equal to each other."""
    return CallToolResult(
        content=[TextContent(type="text", text=to_json(answer).decode())], structured_content=dict(answer)
    )


def show_refusal(error: TodoError) -> CallToolResult:
    """Return a refusal: `code: Sentence. What to do next.`, and the code for programs."""
    structured: dict[str, Any] = {**error.details, "code": error.code, "message": error.text}
    if error.next_step:
        structured["hint"] = error.next_step
    return CallToolResult(
        content=[TextContent(type="text", text=str(error))], structured_content=structured, is_error=True
    )
