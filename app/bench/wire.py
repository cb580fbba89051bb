"""Requests prepared as bytes, so that the load generator only sends them."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

from pydantic_core import to_json

REVISION = "2026-07-28"
_META = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_VERBS = ("Call", "Buy", "Write", "Fix", "Plan", "Read", "Clean", "Bring")
_THINGS = ("the report", "milk and bread", "a letter to the bank", "the bicycle", "the summer trip", "chapter nine")


def write_request(path: str, body: bytes, headers: Sequence[str] = ()) -> bytes:
    """Return a complete keep-alive POST request."""
    head = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1:8000",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def call_tool(name: str, arguments: dict[str, Any]) -> bytes:
    """Return a `tools/call` request of the newest revision."""
    body = to_json(make_call(1, name, arguments))
    return write_request(
        "/mcp", body, (f"MCP-Protocol-Version: {REVISION}", "Mcp-Method: tools/call", f"Mcp-Name: {name}")
    )


def make_call(number: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON-RPC message of a call of a tool, of the newest revision."""
    params = {"name": name, "arguments": arguments, "_meta": _META}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def make_titles(count: int = 480) -> list[str]:
    """Return titles of typical length."""
    return [
        f"{_VERBS[index % len(_VERBS)]} {_THINGS[index % len(_THINGS)]} no. {100_000 + index}" for index in range(count)
    ]


def repeat_tool(name: str, **more: Any) -> Iterator[bytes]:
    """Yield calls of a tool that takes a title, without end."""
    return cycle([call_tool(name, {"title": title, **more}) for title in make_titles()])


def repeat_post(path: str) -> Iterator[bytes]:
    """Yield REST posts of a title, without end."""
    return cycle([write_request(path, to_json({"title": title})) for title in make_titles()])
