"""The snippets of `mcp config` start this very program on this very database."""

import json
import shlex
import sys
import tomllib
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from app.cli import clients
from app.cli.clients import known_clients, write_config


def read_local(client: str) -> dict[str, Any]:
    """Return the command, its arguments and its environment, as the client will read them."""
    return parse(client, write_config(client, "http://127.0.0.1:8000"))


def parse(client: str, config: str) -> dict[str, Any]:
    """Return what a client reads of a snippet."""
    text = config.split("\n\n")[1]
    if client == "claude-code":
        words = shlex.split(text)
        begin = words.index("--")
        given = [words[n + 1] for n, word in enumerate(words[:begin]) if word == "--env"]
        env = dict(each.split("=", 1) for each in given)
        return {"command": words[begin + 1], "args": words[begin + 2 :], **({"env": env} if env else {})}
    read = tomllib.loads(text) if client == "codex" else json.loads(text)
    [servers] = read.values()
    local: dict[str, Any] = servers[clients.NAME]
    return local


@pytest.mark.parametrize("client", known_clients())
def test_f9_a_snippet_starts_this_python_from_any_folder_on_this_database(
    client: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "O'Neil's \"own\" files"
    folder.mkdir()
    (folder / "run.py").touch()
    monkeypatch.setattr(clients, "REPOSITORY", folder)
    for name in clients.PLACES:
        monkeypatch.delenv(name, raising=False)
    expected: dict[str, Any] = {"command": sys.executable, "args": [str(folder / "run.py"), "mcp"]}
    assert read_local(client) == expected
    monkeypatch.setenv("TODO_DATA_DIR", str(folder))
    assert read_local(client) == {**expected, "env": {"TODO_DATA_DIR": str(folder)}}


@pytest.mark.parametrize("client", known_clients())
def test_a_snippet_for_several_people_has_a_place_for_a_token(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in clients.PLACES:
        monkeypatch.delenv(name, raising=False)
    local = write_config(client, "https://todo.example", with_token=True)
    assert parse(client, local)["env"] == {"TODO_AUTH": "token", "TODO_TOKEN": clients.TOKEN}
    assert local.endswith(clients.NOTE)
    remote = write_config(client, "https://todo.example", http=True, with_token=True)
    snippet = remote.split("\n\n")[1]
    assert "https://todo.example/mcp" in snippet
    assert f"Bearer {clients.TOKEN}" in snippet or 'bearer_token_env_var = "TODO_TOKEN"' in snippet
    monkeypatch.setenv("TODO_TOKEN_FILE", "/run/secrets/todo")
    kept = write_config(client, "https://todo.example", with_token=True)
    assert parse(client, kept)["env"] == {"TODO_AUTH": "token", "TODO_TOKEN_FILE": "/run/secrets/todo"}
    assert clients.TOKEN not in kept


def read_link(link: str) -> dict[str, Any]:
    """Return the server that a client reads of a link."""
    query = urlsplit(link).query
    if link.startswith("vscode:mcp/install?"):
        read: dict[str, Any] = json.loads(unquote(query))
        assert read.pop("name") == clients.NAME
        return read
    given = dict(parse_qsl(query))
    assert given["name"] == clients.NAME
    decoded: dict[str, Any] = json.loads(b64decode(given["config"], validate=True))
    return decoded


@pytest.mark.parametrize("client", ["vscode", "cursor", "lmstudio"])
def test_a_link_adds_the_same_server_by_one_click(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in clients.PLACES:
        monkeypatch.delenv(name, raising=False)
    link = write_config(client, "http://127.0.0.1:8000").split("Or in one click: ")[1]
    assert read_link(link) == read_local(client)
    link = write_config(client, "http://127.0.0.1:8000", http=True).split("Or in one click: ")[1]
    assert read_link(link)["url"] == "http://127.0.0.1:8000/mcp"


@pytest.mark.parametrize("client", ["vscode", "cursor", "lmstudio"])
def test_there_is_no_link_where_a_token_is_needed(client: str) -> None:
    assert "one click" not in write_config(client, "https://todo.example", http=True, with_token=True)
