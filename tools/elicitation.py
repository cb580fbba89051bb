"""A question to the person, through a client that can ask (elicitation, MCP 2026-07-28)."""

from typing import Any

from mcp.server.mcpserver import Context
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult

QUESTION = "confirm"
FIRST_VERSION = "2026-07-28"


def can_ask(context: Context[Any, Any]) -> bool:
    """Return whether the client shows forms to its person and repeats the call with the answer."""
    version, capabilities = context.protocol_version, context.client_capabilities
    if version is None or version < FIRST_VERSION or capabilities is None:
        return False
    elicitation = capabilities.elicitation
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def ask_form(message: str) -> ElicitRequest:
    """Return the form: one box to tick."""
    agree = {"type": "boolean", "title": "I agree", "default": False}
    schema: dict[str, Any] = {"type": "object", "properties": {"agree": agree}, "required": ["agree"]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def has_agreed(answer: object) -> bool:
    """Return whether the person sent the form with the box ticked."""
    return (
        isinstance(answer, ElicitResult)
        and answer.action == "accept"
        and answer.content is not None
        and answer.content.get("agree") is True
    )
