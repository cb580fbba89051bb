"""The configuration snippet of each known MCP client."""

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.settings import REPOSITORY

NAME = "evolution-todo"
PLACES = ("TODO_DATA_DIR", "TODO_DATABASE_URL", "TODO_DATABASE_URL_FILE")


def stdio_command() -> tuple[str, list[str]]:
    """Return the command and arguments that start the stdio server on this machine."""
    run = REPOSITORY / "run.py"
    if run.exists():
        # Programs that start us have another PATH than this shell, or another `python3`.
        return sys.executable, [str(run), "mcp"]
    return str(Path(sys.executable).with_name("evolution-todo")), ["mcp"]


def write_config(client: str, url: str, *, http: bool = False) -> str:
    """Return the text for a client's configuration: over stdio, or over HTTP to a running `serve`.

    Raises `KeyError` for an unknown client.
    """
    where, write = _CLIENTS[client]
    command, arguments = stdio_command()
    local: dict[str, Any] = {"command": command, "args": arguments}
    if given := list_given_settings():
        local["env"] = given
    return f"{where}\n\n{write(local, f'{url}/mcp' if http else None)}"


def list_given_settings() -> dict[str, str]:
    """Return the settings of this shell that choose the database, which a program that starts us does not have."""
    return {name: os.environ[name] for name in PLACES if os.environ.get(name)}


def known_clients() -> list[str]:
    """Return the names of the known clients."""
    return list(_CLIENTS)


def _servers(key: str, url_key: str = "url", **extra: Any) -> Callable[[dict[str, Any], str | None], str]:
    def write(local: dict[str, Any], url: str | None) -> str:
        return json.dumps({key: {NAME: local if url is None else {**extra, url_key: url}}}, indent=2)

    return write


def _codex(local: dict[str, Any], url: str | None) -> str:
    head = f"[mcp_servers.{NAME}]"
    if url is not None:
        return f"{head}\nurl = {json.dumps(url)}"
    lines = [head, f"command = {json.dumps(local['command'])}", f"args = {json.dumps(local['args'])}"]
    if "env" in local:
        pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in local["env"].items())
        lines.append(f"env = {{ {pairs} }}")
    return "\n".join(lines)


def _claude_code(local: dict[str, Any], url: str | None) -> str:
    if url is not None:
        return f"claude mcp add --transport http {NAME} {url}"
    given = [word for name, value in local.get("env", {}).items() for word in ("--env", f"{name}={value}")]
    return shlex.join(["claude", "mcp", "add", NAME, *given, "--", local["command"], *local["args"]])


_CLIENTS: dict[str, tuple[str, Callable[[dict[str, Any], str | None], str]]] = {
    "claude": ("Claude Desktop: claude_desktop_config.json", _servers("mcpServers")),
    "claude-code": ("Claude Code: run", _claude_code),
    "vscode": ("VS Code: .vscode/mcp.json", _servers("servers", type="http")),
    "cursor": ("Cursor: .cursor/mcp.json", _servers("mcpServers")),
    "codex": ("Codex: ~/.codex/config.toml", _codex),
    "gemini": ("Gemini CLI: ~/.gemini/settings.json", _servers("mcpServers", "httpUrl")),
    "windsurf": ("Windsurf: ~/.codeium/windsurf/mcp_config.json", _servers("mcpServers", "serverUrl")),
    "zed": ("Zed: settings.json", _servers("context_servers")),
    "json": ("Any client", _servers("mcpServers")),
}
