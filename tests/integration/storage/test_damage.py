"""A damaged file is noticed by the doctor, and by readiness as soon as a call has met it."""

import os
import random
from pathlib import Path

import pytest

from app.cli.doctor import examine
from tests.world import World, make_settings, open_world

pytestmark = [pytest.mark.anyio, pytest.mark.database("sqlite")]


async def fill(world: World) -> None:
    for number in range(200):
        made = await world.rest.post("/tasks", json={"title": f"Task {number}", "notes": "x" * 600})
        assert made.status_code == 201
    await world.settle()


def spoil(path: Path, offset: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(random.Random(1).randbytes(length))  # noqa: S311  # noise
        file.flush()
        os.fsync(file.fileno())


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
async def test_x7_the_doctor_finds_a_damaged_file(tmp_path: Path, share: float) -> None:
    async with open_world(tmp_path) as world:
        await fill(world)
    path = tmp_path / "todo.db"
    checks = {each["check"]: each for each in await examine(make_settings(tmp_path))}
    assert checks["database"]["ok"]
    spoil(path, int(path.stat().st_size * share), 40_000)
    checks = {each["check"]: each for each in await examine(make_settings(tmp_path))}
    assert not checks["database"]["ok"]
    assert "restore a backup" in checks["database"]["detail"].lower()


async def test_x7_readiness_names_the_last_call_that_was_refused(world: World, tmp_path: Path) -> None:
    ready = (await world.http.get("/readyz")).json()
    assert not any("refused at" in each for each in ready.get("degraded", []))
    (tmp_path / "todo.db").rename(tmp_path / "aside.db")
    assert (await world.rest.post("/tasks", json={"title": "Milk"})).status_code == 503
    (tmp_path / "aside.db").rename(tmp_path / "todo.db")
    ready = (await world.http.get("/readyz")).json()
    assert any("refused at 09:00:00Z: The database file was moved" in each for each in ready["degraded"])
    world.clock.move(minutes=2)
    ready = (await world.http.get("/readyz")).json()
    assert not any("refused at" in each for each in ready.get("degraded", []))
