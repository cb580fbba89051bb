"""The pytest plugin: a service in the test's own process, with clock, surfaces, events, lost answers and scripts."""

import asyncio
import socket
import time
from typing import Any

import httpx2
import pytest
from mcp import MCPError

from app.testing.scripted_model import last_result
from app.testing.service import AnswerLost, CallRefused, Revision, Todo, judge
from tests.architecture.ours import ROOT

PROMISES = ("pytest-plugin",)


@pytest.fixture
def no_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where something sleeps, or connects to anything."""

    def refuse(*_: Any) -> None:
        raise AssertionError("a test waits or connects")

    monkeypatch.setattr(time, "sleep", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


PAGE = (ROOT / "docs/testing.md").read_text("utf-8")
EXAMPLES: dict[str, Any] = {}
exec(compile(PAGE.partition("```python\n")[2].partition("```")[0], "docs/testing.md", "exec"), EXAMPLES)  # noqa: S102  # ours


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name.startswith("test_") and name != "test_my_client"])
def test_the_examples_of_the_page_hold(todo: Todo, name: str) -> None:
    EXAMPLES[name](todo)


def types_of(todo: Todo) -> list[str]:
    return [each["type"] for each in todo.events]


@pytest.mark.usefixtures("no_outside")
def test_what_is_due_happens_when_the_clock_moves(todo: Todo) -> None:
    task = todo.call("create_task", title="Water the plants", due="2026-11-24T09:00")["task"]
    todo.call("set_reminder", task_id=task["id"], at="2026-11-24T08:00")
    todo.clock.move(hours=22)
    assert types_of(todo) == ["task.created", "task.updated"]
    todo.clock.move(days=3)
    assert types_of(todo) == ["task.created", "task.updated", "reminder.due"]
    assert todo.events[-1]["time"] == "2026-11-24T08:00:00.000000Z"
    (rung,) = todo.rest.get("/notifications").json()["notifications"]
    assert rung["late_by_seconds"] == 0, "it rang on its way"


def test_a_jump_of_the_clock_is_a_time_in_which_the_service_did_not_run(todo: Todo) -> None:
    task = todo.call("create_task", title="Water the plants")["task"]
    todo.call("set_reminder", task_id=task["id"], at="2026-11-24T08:00")
    todo.clock.jump(days=1)
    assert todo.events[-1]["data"]["data"]["late_by_seconds"] == 3600


@pytest.mark.anyio
@pytest.mark.usefixtures("no_outside")
@pytest.mark.parametrize("revision", ["2026-07-28", "2025-11-25"])
async def test_clients_of_both_revisions_in_the_tests_own_loop(todo: Todo, revision: Revision) -> None:
    async with todo.connect(revision) as client:
        assert client.protocol_version == revision
        made = await client.call_tool("create_task", {"title": "Milk", "request_id": "one"})
        assert not made.is_error
        todo.lose_next_answer()
        with pytest.raises(MCPError):
            await client.call_tool("create_task", {"title": "Bread", "request_id": "two"})
        again = await client.call_tool("create_task", {"title": "Bread", "request_id": "two"})
        assert not again.is_error
    assert types_of(todo) == ["task.created"] * 2, "done once, although it was asked for twice"


def test_lost_answers_and_refusals_of_plain_calls(todo: Todo) -> None:
    for call in (
        lambda: todo.call("create_task", title="Milk", request_id="one"),
        lambda: todo.rest.post("/tasks", json={"title": "Bread"}, headers={"Idempotency-Key": "two"}),
    ):
        todo.lose_next_answer()
        assert todo.rest.get("/tasks").is_success, "what reads is not a call that loses"
        with pytest.raises(AnswerLost):
            call()
        call()
    assert types_of(todo) == ["task.created"] * 2
    with pytest.raises(CallRefused, match="empty") as refused:
        todo.call("create_task", title="")
    assert refused.value.code == refused.value.answer["code"] == "invalid_arguments"


def test_a_scripted_model_says_and_calls_what_is_written(todo: Todo) -> None:
    before = todo.say("add milk")
    assert before["calls"], "without a script the built-in commands answer"
    model = todo.script([[("create_task", {"title": "Bread"})], lambda request: last_result(request)["message"]])
    answer = todo.say("and bread")
    assert [call["ok"] for call in answer["calls"]] == [True]
    assert "Bread" in answer["text"]
    assert model.asked[0].messages[-1].text == "and bread"
    with pytest.raises(CallRefused, match="no further line"):
        todo.say("one more")
    todo.script(["Two tasks."])
    assert todo.say("how many?")["text"] == "Two tasks."
    assert [each["data"]["data"]["actor"]["surface"] for each in todo.events] == ["chat", "chat"]


def test_clients_of_ones_own_in_any_loop(todo: Todo) -> None:
    async def ask() -> int:
        async with httpx2.AsyncClient(transport=todo.transport, base_url=todo.url) as client:
            answers = await asyncio.gather(*(client.post("/api/tasks", json={"title": str(n)}) for n in range(5)))
            return sum(each.is_success for each in answers)

    assert asyncio.run(ask()) == asyncio.run(ask()) == 5
    assert len(todo.events) == 10


@pytest.mark.parametrize("todo_settings", [{"zone": "Asia/Tokyo"}])
def test_settings_are_those_that_the_test_gives(todo: Todo) -> None:
    assert todo.rest.get("/me").json()["zone"] == "Asia/Tokyo"


def test_nothing_of_the_machine_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("TODO_DATABASE_URL", "postgresql://production/todo")
    monkeypatch.setenv("TODO_ZONE", "Mars/Olympus")
    from app.testing.service import open_todo

    with open_todo(tmp_path) as todo:
        assert todo.rest.get("/me").json()["zone"] == "UTC"
        assert (tmp_path / "todo.db").exists()


def test_an_event_that_breaks_its_schema_fails_the_test(todo: Todo) -> None:
    todo.call("create_task", title="Milk")
    (event,) = todo.events
    with pytest.raises(AssertionError, match=r"task\.created .* is not of type"):
        judge({**event, "taskversion": "one"})


def test_beside_packages_of_the_same_names_it_says_what_to_do(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evolution_todo.find_clashes", lambda _home: ["app"])
    with pytest.raises(pytest.fail.Exception, match="other packages named app: give its tests an environment"):
        request.getfixturevalue("todo")
