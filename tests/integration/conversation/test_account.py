"""What a turn says of itself: failures, limits, questions and claims, over HTTP with a scripted model."""

from pathlib import Path
from typing import Any

import pytest

from agent.messages import Finished, ModelFailed, TextPiece
from app.testing.scripted_model import last_result
from app.testing.service import Todo
from tests.integration.conversation.talking import open_talk, say
from tests.integration.conversation.test_conversation import DELETE, fill

PROMISES = ("honest-agent",)

UNKNOWN = "01930000-0000-7000-8000-0000000000ff"


def found(request: Any) -> list[str]:
    return [task["id"] for task in last_result(request)["tasks"]]


def mark_high(*ids: str) -> list[Any]:
    return [("update_task", {"task_id": each, "priority": "high"}) for each in ids]


@pytest.mark.anyio
async def test_a2_a_failure_beside_successes_of_its_tool_is_told(tmp_path: Path) -> None:
    lines: tuple[Any, ...] = (
        [("find_tasks", {})],
        lambda r: mark_high(
            *(task["id"] for task in last_result(r)["tasks"][:2]), UNKNOWN, last_result(r)["tasks"][2]["id"]
        ),
        "All four are high priority now.",
    )
    async with open_talk(tmp_path, *lines) as (world, _):
        await fill(world, 3)
        answer = await say(world, "all four to high")
        assert [call["ok"] for call in answer["calls"]] == [True, True, True, False, True]
        assert answer["text"].endswith("\n\nNot done: changing a task (it was not found).")
        # A3: no names of tools, no codes, no ids.
        assert "_" not in answer["text"]


@pytest.mark.anyio
async def test_a2_only_the_same_target_repairs(tmp_path: Path) -> None:
    lines: tuple[Any, ...] = (
        mark_high(UNKNOWN),
        [("create_task", {"title": "Milk", "due": "soon"}), ("create_task", {"title": "Bread"})],
        [("create_task", {"title": "Milk", "due": "2026-11-27"})],
        [("find_tasks", {"text": "old"})],
        lambda r: mark_high(last_result(r)["tasks"][0]["id"]),
        "All done.",
    )
    async with open_talk(tmp_path, *lines) as (world, _):
        await fill(world, 1)
        # The id was looked up, and the milk was added with a date: both failures are repaired.
        assert (await say(world, "old to high, add milk and bread"))["text"] == "All done."
    lines = ([("create_task", {"title": "Milk", "due": "soon"})], [("create_task", {"title": "Bread"})], "All done.")
    async with open_talk(tmp_path / "other", *lines) as (world, _):
        text = (await say(world, "add milk and bread"))["text"]
        assert "Not done: adding “Milk” (" in text
        assert "Give a date" not in text, "advice for programs"


@pytest.mark.anyio
async def test_a2_a_call_of_the_same_answer_repairs_nothing(tmp_path: Path) -> None:
    # The model had not seen the failure yet when it wanted the second call.
    lines = ([("create_task", {"title": ""}), ("create_task", {"title": "Bread"})], "Both are added.")
    async with open_talk(tmp_path, *lines) as (world, _):
        assert (await say(world, "add both"))["text"].endswith('Not done: adding a task ("title" is empty).')


@pytest.mark.anyio
@pytest.mark.parametrize("ends", ["text", "calls", "error"])
async def test_a4_the_last_step_is_without_tools_and_the_account_is_true(tmp_path: Path, ends: str) -> None:
    steps: list[Any] = [[("create_task", {"title": f"Task {n}"})] for n in range(4)]
    last: Any = {"text": "Four are added.", "calls": [("create_task", {"title": "More"})], "error": RuntimeError()}[
        ends
    ]
    async with open_talk(tmp_path, *steps, last, turn_steps=4) as (world, model):
        response = await world.rest.post("/chat", json={"message": "add many"})
        assert len(model.asked) == 5
        assert model.asked[-1].tools == []
        assert "no more calls" in model.asked[-1].system
        assert all(request.tools for request in model.asked[:-1])
        assert (await world.rest.get("/tasks")).json()["total"] == 4
        if ends == "text":
            assert response.status_code == 200
            assert response.json()["text"].startswith("Four are added.\n\n(The model wanted more than 4 steps.")
        else:
            assert (response.status_code, response.json()["code"]) == (504, "turn_limit")
            assert "Nothing was changed" not in response.json()["detail"]
            assert all(f'"Task {n}" is saved.' in response.json()["detail"] for n in range(4))


@pytest.mark.anyio
async def test_a4_a_problem_carries_what_was_said(tmp_path: Path) -> None:
    async with open_talk(tmp_path, lambda _: iter([TextPiece("I will look")])) as (world, _):
        response = await world.rest.post("/chat", json={"message": "look"})
        assert response.status_code == 502
        assert response.json()["text"] == "I will look"


@pytest.mark.anyio
async def test_a6_the_model_is_told_that_history_was_cut(tmp_path: Path) -> None:
    async with open_talk(tmp_path, "word " * 3_000, "Two.", history_tokens=1_000) as (world, model):
        first = await say(world, "one")
        await say(world, "two", first["conversation_id"])
        assert "not shown to you any more" not in model.asked[0].system
        assert "not shown to you any more" in model.asked[1].system


@pytest.mark.anyio
@pytest.mark.parametrize(("reason", "code"), [("stop", "model_empty"), ("content_filter", "model_filtered")])
async def test_x11_an_empty_answer_is_an_error(tmp_path: Path, reason: Any, code: str) -> None:
    async with open_talk(tmp_path, lambda _: iter([TextPiece(" \n"), Finished((), reason)])) as (world, _):
        response = await world.rest.post("/chat", json={"message": "hello"})
        assert (response.status_code, response.json()["code"]) == (502, code)


@pytest.mark.anyio
async def test_a9_a_plan_that_was_not_applied_is_not_told_as_done(tmp_path: Path) -> None:
    plan = ("plan_changes", {"filter": {"text": "old"}, "change": {"complete": True}})
    async with open_talk(tmp_path, [plan], ModelFailed("model_stalled", "Silent.", "Again.")) as (world, _):
        await fill(world, 3)
        response = await world.rest.post("/chat", json={"message": "complete the old ones"})
        assert response.json()["detail"] == "Silent. Again. Nothing was changed."
    async with open_talk(tmp_path / "claimed", [plan], "All three are completed.") as (world, _):
        await fill(world, 3)
        text = (await say(world, "complete the old ones"))["text"]
        assert text == "All three are completed.\n\nNothing was changed."


@pytest.fixture
def todo_settings() -> dict[str, Any]:
    return {"zone": "Europe/Berlin"}


def fill_up(todo: Todo, count: int = 12) -> None:
    for n in range(count):
        todo.call("create_task", title=f"Old {n}")


def test_a5_a6_one_instruction_and_the_total(todo: Todo) -> None:
    model = todo.script([*DELETE, "Fine."])
    fill_up(todo)
    asked = todo.say("delete the old ones")
    assert "(12 tasks in all): do you agree?" in asked["text"]
    todo.say("what else is there?", asked["conversation_id"])
    kept = next(each for each in model.asked[-1].messages if each.text.startswith("confirmation_required"))
    assert "link" not in kept.text
    assert "repeat this very call" not in kept.text
    assert "asks the person" in kept.text


def test_a1_agreement_in_other_words_goes_on(todo: Todo) -> None:
    todo.script([*DELETE, "All gone."])
    fill_up(todo)
    asked = todo.say("delete the old ones")
    assert (todo.say("yes please delete them", asked["conversation_id"]))["text"] == "All gone."
    assert todo.rest.get("/tasks").json()["tasks"] == []


def test_a7_what_changes_stands_last(todo: Todo) -> None:
    model = todo.script(["One.", "Two."])
    todo.say("one")
    todo.clock.move(days=1, minutes=7)
    todo.say("two")
    first, second = (request.system.rpartition("\n") for request in model.asked)
    assert first[0] == second[0]
    assert first[2] == "Now is Monday 23 November 2026, 10:00 (Europe/Berlin)."
    assert second[2] == "Now is Tuesday 24 November 2026, 10:07 (Europe/Berlin)."


@pytest.mark.parametrize(
    ("message", "text", "added"),
    [
        ("delete the milk", "Done, deleted!", True),
        ("delete the milk", "I've deleted the milk for you.", True),
        ("can you delete it?", "The task has been removed.", True),
        ("delete the milk", "Your task “Milk” is now deleted.", True),
        ("lösche die Milch", "Die Aufgabe wurde gelöscht.", True),
        ("what is done?", "You completed three tasks; “Milk” was deleted.", False),
        ("did you delete it?", "Yes, I deleted it.", False),
        ("hello", "Hello! Which task should be deleted?", False),
        ("show them", "1. Deleted scenes, due today", False),
    ],
)
def test_x11_a_claim_without_a_change_is_corrected(todo: Todo, message: str, text: str, added: bool) -> None:
    todo.script([text])
    answer = todo.say(message)
    assert answer["text"] == text + ("\n\nNothing was changed." if added else "")


def test_x11_an_empty_answer_after_a_change_tells_the_change(todo: Todo) -> None:
    lines = ([("create_task", {"title": "Milk"})], lambda _: iter([Finished()]))
    todo.script([*lines])
    assert (todo.say("add milk"))["text"] == '"Milk" is saved.'


def test_a8_what_was_asked_in_plain_words_is_done_at_once_and_undone_at_once(todo: Todo) -> None:
    change = {"filter": {"text": "old"}, "change": {"add_tags": ["urgent"]}, "apply": True}
    lines: tuple[Any, ...] = (
        [("plan_changes", change)],
        "Tagged; undo brings it back.",
        [("undo", {})],
        "Taken back.",
    )
    model = todo.script([*lines])
    fill_up(todo, 3)
    done = todo.say("tag the old ones urgent")
    assert done["text"] == "Tagged; undo brings it back."
    assert "plan_changes with apply true" in model.asked[0].system
    assert "do not ask whether you should" in model.asked[0].system
    assert todo.rest.get("/tasks", params={"tags": "urgent"}).json()["total"] == 3
    todo.say("undo", done["conversation_id"])
    assert todo.rest.get("/tasks", params={"tags": "urgent"}).json()["total"] == 0
