"""The Compose file at work: its services run as it says on stand-in images, with every profile that can be had here."""

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from infra.judge.composition import load_composition
from infra.live.cache import Say
from tests.observe import load_rules
from tests.shipping.conftest import needing_tools
from tests.shipping.containers import Container, draw_port, read_log
from tests.shipping.player import Player, play
from tests.shipping.stand_ins import STANDS_FOR, build_stand_in

PROMISES = ("compose",)

pytestmark = pytest.mark.long("it builds and runs images")

Project = dict[str, Any]
SECONDS = 90.0
SEEN = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8001/seen').read().decode())"


def load(folder: Path, say: Say, *options: str, **settings: str) -> Project:
    """Return the project that docker compose sees with these options."""
    words = [str(folder / word) if word.startswith("infra/") else word for word in options]
    with needing_tools():
        return load_composition(["-f", folder / "infra/compose.yaml", *words], settings, say)


def choose_images(project: Project, product: str, say: Say) -> dict[str, str]:
    """Return what runs for each image of a project: the product's own image, and stand-ins for the others."""
    images = {each["image"] for each in project["services"].values()}
    with needing_tools():
        return {each: product if each == product else build_stand_in(each, say) for each in sorted(images)}


def find_product(player: Player, port: int) -> Container:
    return Container(player.names["todo"], port)


def wait_for(look: Callable[[], Any], what: str) -> Any:
    """Return what `look` finds, once it finds something."""
    until = time.monotonic() + SECONDS
    while not (found := look()):
        assert time.monotonic() < until, what
        time.sleep(0.2)
    return found


def test_up_signs_in_keeps_and_talks(image: str, composition: Path, say: Say) -> None:
    port = draw_port()
    project = load(composition, say, TODO_PORT=str(port), TODO_IMAGE=image)
    with play(project, choose_images(project, image, say)) as player:
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


async def create_by_mcp(todo: Container, token: str, title: str) -> str:
    """Create a task as an MCP client does; return its id."""
    async with (
        httpx2.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {token}"}, timeout=30) as http,
        Client(streamable_http_client(f"{todo.base}/mcp", http_client=http)) as client,
    ):
        made = await client.call_tool("create_task", {"title": title})
    assert not made.is_error, made.content
    assert made.structured_content is not None
    return str(made.structured_content["task"]["id"])


def test_with_kafka_tasks_reach_the_consumer_of_another_team(image: str, composition: Path, say: Say) -> None:
    port = draw_port()
    options = ("--env-file", "infra/compose/kafka.env", "--profile", "kafka", "--profile", "example")
    project = load(composition, say, *options, TODO_PORT=str(port), TODO_IMAGE=image)
    with play(project, choose_images(project, image, say)) as player:
        player.up()
        todo = find_product(player, port)
        token = todo.sign_up()
        made = [anyio.run(create_by_mcp, todo, token, "By MCP")]
        status, answer = todo.ask("POST", "/api/tasks", {"title": "By REST"}, token)
        assert status == 201, answer
        made.append(answer["task"]["id"])
        assert todo.ask("POST", f"/api/tasks/{made[0]}/complete", {}, token)[0] == 200

        def look() -> list[Any]:
            events = json.loads(player.read("consumer", "python", "-c", SEEN))["events"]
            return events if len(events) == 3 else []

        began = time.monotonic()
        events = wait_for(look, "three events at the consumer")
        say(f"compose: three events at the consumer {time.monotonic() - began:.1f} s after the last call")
        told = {(each["type"], each["data"]["task_id"]) for each in events}
        assert told == {("task.created", each) for each in made} | {("task.completed", made[0])}
        wait_for(lambda: player.check_health("consumer") == 0, "the consumer's own check")
        assert player.run("worker", "evolution-todo", "doctor") == 0, player.read("worker", "evolution-todo", "doctor")
        assert player.run("todo", "evolution-todo", "doctor") == 0
        wait_for(
            lambda: len(todo.ask("GET", "/api/activity", token=token)[1]["entries"]) == 3,
            "the product's own reactions, whose events come back over Kafka too",
        )


def ask_prometheus(port: int, path: str, **query: str) -> Any:
    url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=10) as answer:  # ours
        return json.loads(answer.read())["data"]


def test_with_watch_the_product_is_scraped_and_its_traces_arrive(image: str, composition: Path, say: Say) -> None:
    port, prometheus = draw_port(), draw_port()
    settings = {"TODO_PORT": str(port), "TODO_IMAGE": image, "PROMETHEUS_PORT": str(prometheus)}
    settings["OTEL_TRACES_SAMPLER_ARG"] = "1"
    project = load(composition, say, "--env-file", "infra/compose/watch.env", **settings)
    without = [
        name
        for name, each in project["services"].items()
        if each["image"] != image and each["image"].rpartition(":")[0] not in STANDS_FOR
    ]
    assert without == ["grafana"], "there is no Grafana to be had where no image can be pulled"
    project["services"].pop("grafana")
    with play(project, choose_images(project, image, say)) as player:
        player.up()
        todo = find_product(player, port)
        token = todo.sign_up()
        assert todo.ask("POST", "/api/tasks", {"title": "Buy milk"}, token)[0] == 201

        def scraped() -> Any:
            active = ask_prometheus(prometheus, "targets")["activeTargets"]
            return [each for each in active if each["health"] == "up"]

        wait_for(lambda: player.run("prometheus", "promtool", "--version") == 0, "Prometheus runs")
        (target,) = wait_for(scraped, "Prometheus finds the product by its name, and scrapes it")
        assert target["labels"]["job"] == "evolution-todo"
        query = 'sum(todo_calls_total{tool="create_task",outcome="ok"})'
        counted = wait_for(lambda: ask_prometheus(prometheus, "query", query=query)["result"], query)
        assert float(counted[0]["value"][1]) == 1
        (group,) = ask_prometheus(prometheus, "rules")["groups"]
        assert {each["name"] for each in group["rules"]} == load_rules().keys()
        wait_for(
            lambda: {each["health"] for each in ask_prometheus(prometheus, "rules")["groups"][0]["rules"]} == {"ok"},
            "each rule is evaluated",
        )
        wait_for(lambda: count_spans(read_log(player.names["collector"])) >= 3, "the collector counts spans")


def count_spans(log: str) -> int:
    """Return how many spans the collector's log counts."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return sum(int(each["spans"]) for each in lines if "spans" in each)
