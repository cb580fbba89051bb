"""What the OpenAPI description says of all operations alike: who may call, and which refusals come from the door."""

from typing import Any

from fastapi import FastAPI

from app.problems import CONTENT_TYPE, WIRE

TEXT = {"type": "string"}
_OPEN = ("/api/session", "/healthz", "/readyz")
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
    if asks_who:
        bearer = {"type": "http", "scheme": "bearer", "description": "A personal token, or an access token."}
        described.setdefault("components", {})["securitySchemes"] = {"token": bearer}
        described["security"] = [{"token": []}]


def describe_body(
    properties: dict[str, Any], *required: str, also: tuple[str, ...] = (), is_open: bool = False
) -> dict[str, Any]:
    """Return the description of a JSON body; `also` are further content types, an open one takes more properties."""
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": is_open}
    kinds = ("application/json", *also)
    return {"requestBody": {"required": bool(required), "content": {kind: {"schema": schema} for kind in kinds}}}
