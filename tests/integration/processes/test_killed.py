"""A process killed inside a large change leaves all of it or none, and its call can be repeated."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_json

from tests.integration.processes.test_processes import environment
from tests.integration.recurrence.series_calls import send
from tests.long import also_long
from tests.world import World, open_world

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

MANY = 100
POINTS = also_long(["300", "answered"], ["90"], "the same at another moment")


def run_and_kill(folder: Path, path: str, key: str, at: str, body: dict[str, Any]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.integration.processes.killed_process", path, key, at, to_json(body).decode()],
        env=environment(folder),
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, (ended.stdout, ended.stderr)
    assert bool(ended.stdout) == (at == "answered"), ended.stdout


async def make_plan(world: World) -> str:
    """Create a hundred tasks and a plan with a different change for each third of them; return the plan's id."""
    made = [(await send(world, "POST", "/tasks", title=f"Task {n}", tags=["x"]))["task"]["id"] for n in range(MANY)]
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("update_task", {"title": "Planned", "due": "2026-12-01"}),
        ("complete_task", {}),
        ("delete_task", {}),
    ]
    steps = [{"tool": kinds[n % 3][0], "arguments": {"task_id": key, **kinds[n % 3][1]}} for n, key in enumerate(made)]
    return str((await send(world, "POST", "/plans", changes=steps))["plan_id"])


async def look(world: World) -> list[Any]:
    """Return every task without its version, which rises when the task is restored, and which change undoes which."""
    return await world.query("SELECT id, title, status, due, deleted_at IS NULL FROM task ORDER BY id")


async def check_events(world: World) -> None:
    """Compare a consumer's projection with the database."""
    known: dict[str, tuple[int, bool]] = {}
    for event in await world.events():
        data = event["data"]["data"]
        known[event["data"]["task_id"]] = (data["version"], event["type"] != "task.deleted")
    rows = await world.query("SELECT id, version, deleted_at IS NULL FROM task")
    assert {row[0]: (row[1], bool(row[2])) for row in rows} == known


@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("what", ["apply_plan", "undo"])
async def test_a_process_killed_inside_a_big_change_leaves_all_or_nothing(tmp_path: Path, what: str, at: str) -> None:
    async with open_world(tmp_path) as world:
        path, body = f"/plans/{await make_plan(world)}/apply", {}
        if what == "undo":
            applied = await send(world, "POST", path)
            path, body = "/undo", {"change_ids": [applied["change_id"]]}
        before = await look(world)
    run_and_kill(tmp_path, path, "again", at, body)
    async with open_world(tmp_path) as world:
        world.ids.count = 2_000_000
        after = await look(world)
        assert (after == before) == (at != "answered")
        await check_events(world)
        stored = len(await world.events())
        answer = await send(world, "POST", path, headers={"Idempotency-Key": "again"}, **body)
        assert answer.get("replayed", False) == (at == "answered")
        done = await look(world)
        assert all(row not in before for row in done)
        assert done == after or at != "answered"
        await check_events(world)
        assert len(await world.events()) == stored + (0 if at == "answered" else MANY)
        assert await world.query("SELECT count(*) FROM change WHERE kind = :what", what=what) == [(1,)]
        assert (await send(world, "POST", path, headers={"Idempotency-Key": "again"}, **body))["replayed"]
        assert await look(world) == done
