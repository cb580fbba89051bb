"""The log as JSON: allowed fields, no words of people, and one line for each kind of refusal and minute."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.log_lines import JsonLines
from app.settings import Settings
from tests.world import make_settings, open_world

PROMISES = ("logs",)

pytestmark = pytest.mark.anyio

TRACE = "0af7651916cd43dd8448eb211c80319c"
FIELDS = {"time", "level", "logger", "message", "trace_id", "status", "surface", "count", "error", "at"}


class Collected(logging.Handler):
    """Collects lines as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line, which is one JSON object."""
        line = self.format(record)
        assert "\n" not in line
        self.lines.append(json.loads(line))


@pytest.fixture
def log() -> Iterator[Collected]:
    """Everything that is logged from here on."""
    collected = Collected()
    logging.getLogger().addHandler(collected)
    yield collected
    logging.getLogger().removeHandler(collected)


async def test_refusals_are_one_line_for_each_kind_and_minute_with_the_trace(tmp_path: Path, log: Collected) -> None:
    async with open_world(tmp_path, log="json") as world:
        traced = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        for _ in range(3):
            await world.rest.post("/tasks", json={"title": ""}, headers=traced)
        await world.http.post("/mcp", json=[], headers={**traced, "host": "evil.example"})
        await world.rest.get("/tasks?limit=x", headers={"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"})
        lines = [line for line in log.lines if line["logger"] == "app.watch.refusals"]
        assert [(line["surface"], line["status"], line["count"], line["trace_id"]) for line in lines] == [
            ("rest", 422, 1, TRACE),
            ("mcp", 421, 1, TRACE),
        ]
        assert lines[0]["message"] == "requests were refused"
        world.clock.move(seconds=61)
        await world.rest.post("/tasks", json={"title": ""})
        last = log.lines[-1]
        assert (last["count"], "trace_id" in last) == (4, False)
        assert {name for line in log.lines for name in line} <= FIELDS


async def test_without_json_nothing_is_said_of_refusals(tmp_path: Path, log: Collected) -> None:
    async with open_world(tmp_path) as world:
        await world.rest.post("/tasks", json={"title": ""})
    assert not [line for line in log.lines if line["logger"] == "app.watch.refusals"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_serve_and_worker_write_the_form_that_is_set(
    form: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers: list[logging.Handler] = []

    async def serve(_settings: Settings) -> None:
        """Serve nothing."""

    monkeypatch.setattr("app.http.server.serve", serve)
    monkeypatch.setattr(logging, "basicConfig", lambda **given: handlers.extend(given["handlers"]))
    main._serve(make_settings(tmp_path, log=form))
    (handler,) = handlers
    assert isinstance(handler.formatter, JsonLines) == (form == "json")


def test_words_of_people_and_of_libraries_are_left_out(log: Collected) -> None:
    ours, library = logging.getLogger("app.dapr.routes"), logging.getLogger("sqlalchemy.engine")
    ours.warning("reaction %s to %s failed: %r at %d%%", "activity", "0193-1", ValueError("Buy milk"), 12)
    ours.warning("a dead letter of %s: %s", "task.created", "Buy milk")
    library.warning("INSERT INTO task VALUES (%s)", "Buy milk")
    logging.getLogger("events.relay").warning("the broker does not take events: %s", "connection refused by kafka")
    try:
        raise RuntimeError("Buy milk")
    except RuntimeError:
        ours.exception("a turn failed")
    said = [line["message"] for line in log.lines]
    assert said[:2] == [
        "reaction activity to 0193-1 failed: ValueError at 12%",
        "a dead letter of task.created: …",
    ]
    assert said[3:] == ["the broker does not take events: connection refused by kafka", "a turn failed"]
    assert log.lines[-1]["error"] == "RuntimeError"
    assert log.lines[-1]["at"][-1].startswith("test_logs.py:")
    assert "milk" not in json.dumps(log.lines)
