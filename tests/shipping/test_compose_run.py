"""The Compose file at work: its services run as it says on stand-in images, a person signs in, and the page talks."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.judge.composition import COMPOSE, load_composition
from infra.live.cache import Say
from tests.shipping.conftest import needing_tools
from tests.shipping.containers import Container, draw_port, read_log
from tests.shipping.player import Player, build_postgres, play

PROMISES = ("compose",)

pytestmark = pytest.mark.skipif(not os.environ.get("TODO_TEST_LONG"), reason="--long alone: it builds and runs images")


def load(folder: Path, say: Say, **settings: str) -> dict[str, Any]:
    """Return the project of the Compose file in a folder of its own, with the secrets that its script makes."""
    (folder / "compose").mkdir(parents=True)
    for name in ("compose.yaml", "compose/secrets.sh"):
        (folder / name).write_bytes((COMPOSE.parent / name).read_bytes())
    subprocess.run(["bash", folder / "compose/secrets.sh"], check=True, capture_output=True)
    with needing_tools():
        return load_composition(folder / "compose.yaml", (), settings, say)


def find_product(player: Player, port: int) -> Container:
    return Container(player.names["todo"], port)


def test_up_signs_in_keeps_and_talks(image: str, tmp_path: Path, say: Say) -> None:
    port = draw_port()
    with needing_tools():
        postgres = build_postgres(say)
    project = load(tmp_path / "infra", say, TODO_PORT=str(port), TODO_IMAGE=image)
    with play(project, {image: image, "docker.io/library/postgres:17": postgres}, 100 + port % 100) as player:
        player.up()
        todo = find_product(player, port)
        took = todo.wait_ready(60)
        say(f"compose: ready {took:.1f} s after its start")
        token = todo.sign_up()
        assert todo.ask("GET", "/api/tasks")[0] == 401, "it asks who calls"
        assert todo.ask("POST", "/api/tasks", {"title": "Buy milk", "due": "2030-01-01"}, token)[0] == 201
        status, said = todo.ask("POST", "/api/chat", {"message": "what is open?"}, token)
        assert status == 200
        assert "Buy milk" in said["text"]
        assert player.run("todo", "evolution-todo", "health") == 0
        assert player.run("todo", "evolution-todo", "doctor") == 0, read_log(todo.name)
        assert player.run("postgres", "pg_isready", "-h", "postgres") == 0
        assert (
            player.run("postgres", "pg_dump", "--username=todo", "--format=custom", "--file=/tmp/todo.dump", "todo")
            == 0
        )
        assert player.run("todo", "touch", "/opt/evolution-todo/a") != 0, "its root is read-only"

        player.down()
        player.up()
        todo = find_product(player, port)
        todo.wait_ready(60)
        status, found = todo.ask("GET", "/api/tasks", token=token)
        assert [each["title"] for each in found["tasks"]] == ["Buy milk"], "the volume outlives the containers"
