"""A service as its operator sees it: readiness, faults of the file, upgrades under way, the shell."""

import json
import re
import sqlite3
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from app.cli.clients import known_clients, write_config
from app.http.server import show_banner
from app.migrations import HEAD
from app.settings import BadSettings, load_settings
from app.storage.sqlite_writer import SqliteDatabase
from tests.integration.processes.test_processes import environment
from tests.integration.recurrence.series_calls import create, delete, revise
from tests.world import World, open_world
from tools.catalog import TOOLS

PROMISES = ("storage-faults",)


pytestmark = [pytest.mark.anyio, pytest.mark.database("sqlite")]
ROOT = Path(__file__).parents[3]


def run_cli(folder: Path, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evolution_todo", *words],
        env={**environment(folder), **extra},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_ready_service_says_so(world: World) -> None:
    response = await world.http.get("/readyz")
    assert response.status_code == 200
    assert response.json()["schema"] == HEAD
    assert (await world.http.get("/healthz")).json() == {"status": "ok"}


async def test_an_upgrade_by_another_process_stops_the_writing_and_not_the_reading(
    world: World, tmp_path: Path
) -> None:
    await world.rest.post("/tasks", json={"title": "Before"})
    other = sqlite3.connect(tmp_path / "todo.db")
    other.execute("UPDATE alembic_version SET version_num = '9999'")
    other.commit()
    for _ in range(2):
        response = await world.rest.post("/tasks", json={"title": "After"})
        assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
        assert "upgraded" in response.json()["detail"]
    assert (await world.rest.get("/tasks")).json()["total"] == 1
    other.execute("UPDATE alembic_version SET version_num = ?", (HEAD,))
    other.commit()
    other.close()
    assert (await world.rest.post("/tasks", json={"title": "Later"})).status_code == 201


async def test_a_lock_of_another_program_is_reported_and_nothing_is_stored(world: World, tmp_path: Path) -> None:
    assert isinstance(world.service.database, SqliteDatabase)
    world.service.database._wait_limit = 0.2
    other = sqlite3.connect(tmp_path / "todo.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    client = await world.connect()
    result = await client.call_tool("create_task", {"title": "Locked out"})
    assert result.is_error
    assert (result.structured_content or {})["code"] == "storage_unavailable"
    other.execute("ROLLBACK")
    other.close()
    assert (await world.rest.get("/tasks")).json()["total"] == 0
    await world.call(client, "create_task", title="Let in")


def test_the_demo_shows_every_step(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "demo", "--exit")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "steps were seen" in done.stdout
    assert list(tmp_path.iterdir()) == [], "the user's own data is never touched"


def test_a_tool_runs_from_the_shell_and_its_event_is_reacted_to(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "tool", "create_task", '{"title": "Buy milk", "priority": "P1"}')
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["task"]["priority"] == "high"
    assert "No reminder fires until `serve` runs." in done.stderr
    rows = sqlite3.connect(tmp_path / "todo.db").execute("SELECT text FROM activity").fetchall()
    assert rows == [('Created "Buy milk"',)]
    refused = run_cli(tmp_path, "tool", "create_task", '{"titel": "x"}')
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["code"] == "invalid_arguments"
    assert '"title"' in refused.stderr


def test_the_doctor_tells_what_it_sees(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "doctor", "--json")
    checks = {each["check"]: each for each in json.loads(done.stdout)}
    assert checks["database"]["ok"]
    assert not checks["background"]["ok"]
    assert done.returncode == 1


def test_a_corrupt_file_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "todo.db").write_bytes(b"no database at all" * 1000)
    done = run_cli(tmp_path, "serve")
    assert done.returncode == 1
    assert "storage_unavailable" in done.stderr
    assert "Restore a backup" in done.stderr
    assert "Traceback" not in done.stderr


def test_all_bad_settings_are_told_at_once(tmp_path: Path) -> None:
    bad = {"TODO_PORT": "x", "TODO_ZONE": "Europe/Berln", "TODO_BROKER": "carrier-pigeon"}
    done = run_cli(tmp_path, "serve", **bad)
    assert done.returncode == 1
    assert all(name in done.stderr for name in bad)
    assert "Europe/Berlin" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "override", [{"oidc_issuer": "https://id.example"}, {"host": "0.0.0.0"}, {"role": "worker"}, {"role": "api"}]  # noqa: S104  # refused, never bound
)  # fmt: skip
def test_unserved_settings_are_refused_at_start(tmp_path: Path, override: dict[str, Any]) -> None:
    with pytest.raises(BadSettings, match=f"TODO_{next(iter(override)).upper()}"):
        load_settings(data_dir=tmp_path, **override)


def test_an_entry_of_the_log_is_one_line_and_a_worker_shows_only_what_it_serves(tmp_path: Path) -> None:
    on_dapr = {"TODO_BROKER": "dapr", "TODO_DAPR_HTTP": "http://127.0.0.1:9"}
    run_cli(tmp_path, "tool", "create_task", '{"title": "Buy milk"}', **on_dapr)
    shown = []
    with subprocess.Popen(
        [sys.executable, "-m", "evolution_todo", "worker"],
        env={**environment(tmp_path), **on_dapr},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stderr is not None
        patience = threading.Timer(30, worker.kill)
        patience.start()
        for line in worker.stderr:
            shown.append(line)
            if "does not take" in line:
                break
        patience.cancel()
        worker.terminate()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]{12}Z WARNING events.relay: .*: ConnectError\n", shown[-1])
    assert "worker" in "".join(shown)
    assert "/mcp" not in "".join(shown)


async def test_lines_to_copy_from_the_banner_are_not_wrapped(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    show_banner(world.service.settings, world.service)
    url = world.service.settings.url
    assert f'{{"mcpServers": {{"evolution-todo": {{"url": "{url}/mcp"}}}}}}\n' in capsys.readouterr().err


def test_a_second_serve_on_the_port_ends_with_a_message(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_cli(tmp_path, "serve", TODO_PORT=str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert "is taken" in done.stderr


@pytest.mark.parametrize("client", known_clients())
def test_a_clients_snippet_can_be_read_back(client: str) -> None:
    for http in (False, True):
        text = write_config(client, "http://127.0.0.1:8000", http=http).split("\n\n")[1]
        if client == "claude-code":
            assert text.startswith("claude mcp add")
            continue
        [servers] = (tomllib.loads(text) if client == "codex" else json.loads(text)).values()
        server = servers["evolution-todo"]
        if http:
            assert "http://127.0.0.1:8000/mcp" in server.values()
        else:
            assert server["args"][-1] == "mcp"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_stdio_server_answers_both_revisions(tmp_path: Path, mode: str) -> None:
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "evolution_todo", "mcp"], env=environment(tmp_path), cwd=ROOT
    )
    async with Client(parameters, mode=mode) as client:
        result = await client.call_tool("create_task", {"title": "From an IDE"})
        assert not result.is_error
        assert len((await client.list_tools()).tools) == len(TOOLS)


@pytest.mark.parametrize(("first", "skips"), [("2026-11-30", False), ("2026-11-30T12:00", False), ("2026-11-30", True)])
async def test_an_older_file_keeps_what_a_pause_took_back(tmp_path: Path, first: str, skips: bool) -> None:
    async with open_world(tmp_path) as old:
        made = await create(old, "FREQ=DAILY;INTERVAL=5", first_due=first, mode="after_completion")
        if skips:
            old.clock.move(days=14)
        await revise(old, made["recurring_id"], paused=True)
        if skips:
            await delete(old, made["task"]["id"])
    file = sqlite3.connect(tmp_path / "todo.db")
    file.execute("DROP INDEX ix_confirmation_decided")
    file.execute("DROP INDEX ix_change_at")
    file.execute("DROP INDEX ix_task_list")
    file.execute("DROP INDEX ix_task_parent")
    for name in ("created", "priority", "completed"):
        file.execute(f"DROP INDEX ix_task_{name}")
    file.execute("DROP INDEX ix_task_due")
    file.execute("CREATE INDEX ix_task_due ON task (user_id, kind, status, deadline, id) WHERE deleted_at IS NULL")
    for table, column in (
        ("recurrence", "wall"),
        ("recurrence", "awaits"),
        ("confirmation", "about"),
        ("confirmation", "decided_at"),
        ("task", "list_id"),
        ("task", "start"),
        ("task", "starts_at"),
        ("task", "parent_id"),
        ("task", "has_subtasks"),
        ("recurrence", "start"),
        ("recurrence", "subtasks"),
    ):
        file.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    file.execute("DROP INDEX ux_person_name")
    for column in (
        "name",
        "name_key",
        "is_admin",
        "disabled_at",
        "quiet_from",
        "quiet_until",
        "nag_minutes",
        "history_days",
    ):
        file.execute(f"ALTER TABLE person DROP COLUMN {column}")
    file.execute("DROP INDEX ix_reminder_waiting")
    file.execute("DROP INDEX ix_reminder_ring")
    for column in ("urgent", "nag", "rings", "ring_at"):
        file.execute(f"ALTER TABLE reminder DROP COLUMN {column}")
    newer = ("conversation", "turn", "turn_step", "pending_call", "credential", "outside_login", "rate")
    connected = ("oauth_client", "oauth_step", "channel", "channel_delivery", "presence", "service_key", "calendar")
    for table in (*newer, *connected, "task_list", "change_list"):
        file.execute(f"DROP TABLE {table}")
    file.execute("DROP INDEX ix_outbox_published")
    file.execute("UPDATE alembic_version SET version_num = '0003'")
    file.commit()
    file.close()
    async with open_world(tmp_path) as new:
        new.ids.count = 1_000_000
        new.clock.move(days=14 if skips else 0)
        resumed = await revise(new, made["recurring_id"], paused=False)
        assert resumed["next_occurrence"]["due"][:10] == ("2026-12-12" if skips else "2026-11-30")
