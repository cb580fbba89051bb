"""What the OpenAPI description says of all operations alike: who may call, and which refusals come from the door."""

from typing import Any

from fastapi import FastAPI

from app.problems import CONTENT_TYPE, WIRE

TEXT = {"type": "string"}
_OPEN = ("/api/session", "/api/session/link", "/healthz", "/readyz")
"""What is served without a credential."""
_DOOR = {
    "401": "No credential was shown, or one that does not hold.",
    "403": "The credential may not do this, or a page of another site calls.",
    "421": "This host name is not served here.",
    "429": "Too many calls, or too many streams; Retry-After says for how long.",
}
_OF_WIRE = {
    "400": "The request cannot be read.",
    "404": "There is no such model.",
    "409": "The conversation is busy.",
    "413": "The body is too large.",
    "422": "The request cannot be answered.",
    "502": "The model gave no answer that can be used.",
    "503": "The model or the database cannot be reached now.",
    "504": "The model took too long.",
}


_OF_TASK = (
    *("get_task", "update_task", "delete_task", "complete_task", "reopen_task", "set_reminder"),
    *("list_history", "erase_task"),
)
_OF_CONVERSATION = ("get_conversation", "stop_conversation", "delete_conversation")
_LEADS: dict[str, tuple[str, tuple[str, ...]]] = {
    "create_task": ("/task/id", _OF_TASK),
    "find_tasks": ("/tasks/0/id", _OF_TASK),
    "create_recurring_task": ("/task/recurring_id", ("update_recurring_task", "get_task", "delete_task")),
    "list_lists": ("/lists/0/id", ("update_list", "delete_list")),
    "create_list": ("/list/id", ("update_list", "delete_list")),
    "set_reminder": ("/task/reminders/0/id", ("snooze_reminder", "cancel_reminder")),
    "plan_changes": ("/plan_id", ("apply_plan",)),
    "chat": ("/conversation_id", _OF_CONVERSATION),
    "list_conversations": ("/conversations/0/id", _OF_CONVERSATION),
    "list_confirmations": ("/confirmations/0/id", ("decide_confirmation",)),
    "create_token": ("/id", ("revoke_token",)),
    "list_connections": ("/connections/0/id", ("end_connection",)),
}
"""Where an answer holds an id (RFC 6901), and the operations that take it."""


class DescribedApp(FastAPI):
    """An application whose description also says what the door does; `asks_who` is whether callers sign in."""

    asks_who = False

    def openapi(self) -> dict[str, Any]:
        """Return the description (OpenAPI 3.1)."""
        if self.openapi_schema is None:
            _complete(super().openapi(), asks_who=self.asks_who)
        return super().openapi()


def _complete(described: dict[str, Any], *, asks_who: bool) -> None:
    for path, methods in described["paths"].items():
        of_wire = path.startswith(f"{WIRE}/")
        kind = "application/json" if of_wire else CONTENT_TYPE
        for operation in methods.values():
            for status, text in (_OF_WIRE | _DOOR if of_wire else _DOOR).items():
                content = {kind: {"schema": {"type": "object"}}}
                operation["responses"].setdefault(status, {"description": text, "content": content})
            if asks_who and path in _OPEN:
                operation["security"] = []
    _add_links(described)
    if asks_who:
        bearer = {"type": "http", "scheme": "bearer", "description": "A personal token, or an access token."}
        described.setdefault("components", {})["securitySchemes"] = {"token": bearer}
        described["security"] = [{"token": []}]


def _add_links(described: dict[str, Any]) -> None:
    """Say which operations take an id that an answer holds (OpenAPI 3.1, section 4.8.20)."""
    operations = {each["operationId"]: each for methods in described["paths"].values() for each in methods.values()}
    for name, (pointer, targets) in _LEADS.items():
        if name not in operations:  # the role `worker` has none of them
            continue
        [answer] = [each for status, each in operations[name]["responses"].items() if status.startswith("2")]
        answer["links"] = {
            target: {"operationId": target, "parameters": {_find_id(operations[target]): f"$response.body#{pointer}"}}
            for target in targets
        }


def _find_id(operation: dict[str, Any]) -> str:
    """Return the name of the one parameter in an operation's path."""
    [name] = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
    return str(name)


def describe_body(
    properties: dict[str, Any], *required: str, also: tuple[str, ...] = (), is_open: bool = False
) -> dict[str, Any]:
    """Return the description of a JSON body; `also` are further content types, an open one takes more properties."""
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": is_open}
    kinds = ("application/json", *also)
    return {"requestBody": {"required": bool(required), "content": {kind: {"schema": schema} for kind in kinds}}}
