"""The configuration snippet of each known MCP client."""

import json
import os
import shlex
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from app.settings import REPOSITORY

NAME = "evolution-todo"
PLACES = ("TODO_DATA_DIR", "TODO_DATABASE_URL", "TODO_DATABASE_URL_FILE", "TODO_TOKEN_FILE")
TOKEN = "etp_YOUR_TOKEN"  # noqa: S105  # stands where a person puts theirs
NOTE = "Put a token of yours instead of etp_YOUR_TOKEN: from the page under me, or `token create --user NAME`."


def stdio_command() -> tuple[str, list[str]]:
    """Return the command and arguments that start the stdio server on this machine."""
    run = REPOSITORY / "run.py"
    if run.exists():
        # Programs that start us have another PATH than this shell, or another `python3`.
        return sys.executable, [str(run), "mcp"]
    return str(Path(sys.executable).with_name("evolution-todo")), ["mcp"]


def write_config(client: str, url: str, *, http: bool = False, with_token: bool = False) -> str:
    """Return the text for a client's configuration: over stdio, or over HTTP to a running `serve`.

    `with_token` leaves a place for a personal token, as `TODO_AUTH=token` needs it. Raises `KeyError` for an unknown
    client.
    """
    where, write = _CLIENTS[client]
    command, arguments = stdio_command()
    given = list_given_settings()
    if with_token:
        given |= {"TODO_AUTH": "token"} | ({} if "TODO_TOKEN_FILE" in given else {"TODO_TOKEN": TOKEN})
    local: dict[str, Any] = {"command": command, "args": arguments, **({"env": given} if given else {})}
    remote: dict[str, Any] = {"url": f"{url}/mcp"}
    if with_token:
        remote["headers"] = {"Authorization": f"Bearer {TOKEN}"}
    snippet = write(local, remote if http else None)
    parts = [where, snippet]
    # A token cannot be put into a link.
    if client in _LINKS and TOKEN not in snippet:
        parts.append(f"Or in one click: {_LINKS[client]({'type': 'http', **remote} if http else local)}")
    if TOKEN in snippet:
        parts.append(NOTE)
    return "\n\n".join(parts)


def list_given_settings() -> dict[str, str]:
    """Return the settings of this shell that choose the database, which a program that starts us does not have."""
    return {name: os.environ[name] for name in PLACES if os.environ.get(name)}


def known_clients() -> list[str]:
    """Return the names of the known clients."""
    return list(_CLIENTS)


def _servers(key: str, url_key: str = "url", **extra: Any) -> Callable[[dict[str, Any], dict[str, Any] | None], str]:
    def write(local: dict[str, Any], remote: dict[str, Any] | None) -> str:
        if remote is None:
            return json.dumps({key: {NAME: local}}, indent=2)
        named = {url_key if name == "url" else name: value for name, value in remote.items()}
        return json.dumps({key: {NAME: {**extra, **named}}}, indent=2)

    return write


def _codex(local: dict[str, Any], remote: dict[str, Any] | None) -> str:
    head = f"[mcp_servers.{NAME}]"
    if remote is not None:
        # Codex takes a token from its environment only.
        token = '\nbearer_token_env_var = "TODO_TOKEN"' if "headers" in remote else ""
        return f"{head}\nurl = {json.dumps(remote['url'])}{token}"
    lines = [head, f"command = {json.dumps(local['command'])}", f"args = {json.dumps(local['args'])}"]
    if "env" in local:
        pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in local["env"].items())
        lines.append(f"env = {{ {pairs} }}")
    return "\n".join(lines)


def _claude_code(local: dict[str, Any], remote: dict[str, Any] | None) -> str:
    if remote is not None:
        headers = [
            word for name, value in remote.get("headers", {}).items() for word in ("--header", f"{name}: {value}")
        ]
        return shlex.join(["claude", "mcp", "add", "--transport", "http", NAME, remote["url"], *headers])
    given = [word for name, value in local.get("env", {}).items() for word in ("--env", f"{name}={value}")]
    return shlex.join(["claude", "mcp", "add", NAME, *given, "--", local["command"], *local["args"]])


def _link_vscode(server: dict[str, Any]) -> str:
    return f"vscode:mcp/install?{quote(json.dumps({'name': NAME, **server}), safe='')}"


def _link_encoded(start: str) -> Callable[[dict[str, Any]], str]:
    def write(server: dict[str, Any]) -> str:
        # LM Studio and Cursor take the form without a type.
        plain = {name: value for name, value in server.items() if name != "type"}
        return f"{start}?name={NAME}&config={quote(b64encode(json.dumps(plain).encode()).decode(), safe='')}"

    return write


_LINKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "vscode": _link_vscode,
    "cursor": _link_encoded("cursor://anysphere.cursor-deeplink/mcp/install"),
    "lmstudio": _link_encoded("lmstudio://add_mcp"),
}
"""The addresses by which a click adds the server to a client."""
_CLIENTS: dict[str, tuple[str, Callable[[dict[str, Any], dict[str, Any] | None], str]]] = {
    "claude": ("Claude Desktop: claude_desktop_config.json", _servers("mcpServers")),
    "claude-code": ("Claude Code: run", _claude_code),
    "vscode": ("VS Code: .vscode/mcp.json", _servers("servers", type="http")),
    "cursor": ("Cursor: .cursor/mcp.json", _servers("mcpServers")),
    "codex": ("Codex: ~/.codex/config.toml", _codex),
    "gemini": ("Gemini CLI: ~/.gemini/settings.json", _servers("mcpServers", "httpUrl")),
    "windsurf": ("Windsurf: ~/.codeium/windsurf/mcp_config.json", _servers("mcpServers", "serverUrl")),
    "zed": ("Zed: settings.json", _servers("context_servers")),
    "lmstudio": ("LM Studio: mcp.json", _servers("mcpServers")),
    "json": ("Any client", _servers("mcpServers")),
}
