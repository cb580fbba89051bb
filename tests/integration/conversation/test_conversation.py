"""The conversation over HTTP with a scripted model: loop, limits, journal, agreement, export."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json

from agent.messages import Finished, ModelFailed, ModelRequest, TextPiece, ToolCall
from app.testing.scripted_model import last_result
from tests.integration.conversation.talking import names_of, open_talk, say, stream

PROMISES = ("honest-agent",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]


async def test_a_message_becomes_calls_and_an_answer(tmp_path: Path) -> None:
    lines = ([("create_task", {"title": "Call mum", "due": "2026-11-27T17:00"})], lambda r: last_result(r)["message"])
    async with open_talk(tmp_path, *lines) as (world, model):
        events = await stream(world, "remind me to call mum")

        assert names_of(events) == ["conversation", "tool_started", "tool_finished", "text", "done"]
        finished = dict(events)["tool_finished"]
        assert finished["ok"]
        assert finished["result"]["task"]["due_local"] == "2026-11-27T17:00"
        assert "Call mum" in dict(events)["done"]["text"]
        assert "Monday 23 November 2026, 10:00 (Europe/Berlin)" in model.asked[0].system
        assert all("request_id" not in tool.schema["properties"] for tool in model.asked[0].tools)
        assert len(model.asked[0].tools) == 16
        (event,) = await world.events()
        assert event["data"]["data"]["actor"] == {"kind": "agent", "surface": "chat", "client": "python-httpx2"}
        conversation = dict(events)["conversation"]["conversation_id"]
        view = (await world.rest.get(f"/conversations/{conversation}")).json()
        assert [each["role"] for each in view["messages"]] == ["user", "assistant"]
        assert view["messages"][1]["calls"][0]["ok"] is True
        assert view["messages"][1]["usage"] == {"input_tokens": 20, "output_tokens": 7}
        assert view["title"] == "remind me to call mum"


async def test_the_next_message_knows_what_was_said(tmp_path: Path) -> None:
    async with open_talk(tmp_path, [("find_tasks", {})], "Nothing.", "Still nothing.") as (world, model):
        first = await say(world, "what is there?")
        await say(world, "and now?", first["conversation_id"])
        said = [(each.role, each.text or each.calls[0].name) for each in model.asked[-1].messages]
        assert said[0] == ("user", "what is there?")
        assert said[1] == ("assistant", "find_tasks")
        assert said[2][0] == "tool"
        assert said[3:] == [("assistant", "Nothing."), ("user", "and now?")]
        ids = [call.call_id for each in model.asked[-1].messages for call in each.calls]
        assert ids[0] != "call_1", "a server's own ids repeat"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (("no_such_tool", {}), "unknown_tool"),
        (("create_task", '{"title": "Ha'), "invalid_arguments"),
        (("create_task", '["title"]'), "invalid_arguments"),
        (("create_task", {"titel": "Milk"}), "invalid_arguments"),
        (("complete_task", {"task_id": "01930000-0000-7000-8000-0000000000ff"}), "task_not_found"),
    ],
)
async def test_a_bad_call_goes_back_to_the_model(tmp_path: Path, call: Any, code: str) -> None:
    async with open_talk(tmp_path, [call], "Done!") as (world, model):
        answer = await say(world, "do it")
        assert answer["calls"][0]["ok"] is False
        assert answer["calls"][0]["result"]["code"] == code
        assert model.asked[1].messages[-1].failed
        assert await world.events() == []
        # The model says "Done!"; the answer also names the failed call.
        assert ("Not done: " in answer["text"]) == (call[0] != "no_such_tool")


async def test_what_was_made_good_is_not_told_as_failed(tmp_path: Path) -> None:
    lines = ([("create_task", {"title": ""})], [("create_task", {"title": "Milk"})], "Added.")
    async with open_talk(tmp_path, *lines) as (world, _):
        answer = await say(world, "add milk")
        assert answer["text"] == "Added."
        assert [call["ok"] for call in answer["calls"]] == [False, True]


@pytest.mark.parametrize("reason", [None, "length"])
async def test_half_an_answer_carries_nothing_out(tmp_path: Path, reason: Any) -> None:
    call = ToolCall("1", "create_task", '{"title": "Half"}')
    cut: list[Any] = [TextPiece("I will")]
    if reason:
        cut.append(Finished((call,), reason))
    lines = ([("create_task", {"title": "Whole"})], lambda _: iter(cut), "Here again.")
    async with open_talk(tmp_path, *lines) as (world, _):
        response = await world.rest.post("/chat", json={"message": "two things"})
        assert (response.status_code, response.json()["code"]) == (502, "model_truncated")
        assert "Done before that: " in response.json()["detail"]
        assert "Whole" in response.json()["detail"]
        titles = [event["data"]["data"]["task"]["title"] for event in await world.events()]
        assert titles == ["Whole"]
        conversation = response.json()["conversation_id"]
        view = (await world.rest.get(f"/conversations/{conversation}")).json()
        assert view["messages"][1]["state"] == "failed"
        assert view["messages"][1]["text"] == "I will"
        assert (await say(world, "again", conversation))["text"] == "Here again."


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ModelFailed("model_rate_limited", "Too often.", "Wait.", 7.0), 429),
        (ModelFailed("model_unavailable", "Away.", "Check it."), 503),
        (ModelFailed("model_stalled", "Silent.", "Again."), 504),
        (RuntimeError("a secret of the inside"), 500),
    ],
)
async def test_a_model_that_fails_is_told_and_the_conversation_goes_on(
    tmp_path: Path, error: Exception, status: int
) -> None:
    async with open_talk(tmp_path, error, "Well again.") as (world, _):
        response = await world.rest.post("/chat", json={"message": "hello"})
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers.get("retry-after") == {429: "7", 503: "1"}.get(status)
        assert "secret" not in response.text
        answer = await say(world, "hello?", response.json()["conversation_id"])
        assert answer["text"] == "Well again."


async def test_bounds_end_a_turn_that_would_not(tmp_path: Path) -> None:
    endless = [[("find_tasks", {"text": f"word{n}"})] for n in range(20)]
    async with open_talk(tmp_path, *endless, turn_steps=4) as (world, model):
        events = await stream(world, "search")
        assert dict(events)["error"]["code"] == "turn_limit"
        # One last request, without tools, to tell what was done.
        assert [bool(request.tools) for request in model.asked] == [True] * 4 + [False]
    same = [[("find_tasks", {"text": "word"})] for _ in range(20)]
    async with open_talk(tmp_path / "same", *same) as (world, model):
        assert dict(await stream(world, "search"))["error"]["code"] == "turn_limit"
        assert len(model.asked) == 4
    many = [[("create_task", {"title": f"Task {n}"}) for n in range(30)]]
    async with open_talk(tmp_path / "many", *many) as (world, _):
        assert dict(await stream(world, "thirty"))["error"]["code"] == "turn_limit"
        assert len(await world.events()) == 20


async def test_a_slow_model_meets_the_time_limit(tmp_path: Path) -> None:
    forever = asyncio.Event()

    async def wait(_: Any) -> str:
        await forever.wait()
        return "never"

    async with open_talk(tmp_path, wait, turn_seconds=1.0) as (world, _):
        response = await world.rest.post("/chat", json={"message": "hello"})
        assert (response.status_code, response.json()["code"]) == (504, "turn_limit")


async def test_the_same_message_again_has_no_second_effect(tmp_path: Path) -> None:
    async with open_talk(tmp_path, [("create_task", {"title": "Milk"})], "Added milk.") as (world, model):
        first = await say(world, "add milk", key="m1")
        again = await say(world, "add milk", first["conversation_id"], key="m1")
        assert again == first | {"calls": again["calls"], "usage": first["usage"]} or again["text"] == first["text"]
        assert again["turn_id"] == first["turn_id"]
        assert again["calls"] == first["calls"]
        assert len(await world.events()) == 1
        assert len(model.asked) == 2
        other = await world.rest.post(
            "/chat",
            json={"message": "add bread", "conversation_id": first["conversation_id"]},
            headers={"Idempotency-Key": "m1"},
        )
        assert other.status_code == 422


DELETE = (
    [("plan_changes", {"filter": {"text": "old"}, "change": {"delete": True}})],
    lambda request: [("apply_plan", {"plan_id": last_result(request)["plan_id"]})],
)


async def fill(world: Any, count: int = 12) -> None:
    for n in range(count):
        response = await world.rest.post("/tasks", json={"title": f"Old {n}"})
        assert response.status_code == 201


async def test_a_plain_yes_agrees_to_what_was_just_asked(tmp_path: Path) -> None:
    async with open_talk(tmp_path, *DELETE, "All gone.") as (world, model):
        await fill(world)
        events = await stream(world, "delete the old ones")
        assert names_of(events)[-3:] == ["confirmation", "text", "done"]
        assert dict(events)["done"]["finish"] == "waiting"
        assert "Old" in dict(events)["confirmation"]["summary"]
        conversation = dict(events)["conversation"]["conversation_id"]
        answer = await say(world, "Yes, please!", conversation)
        assert answer["calls"][0]["ok"], answer
        assert answer["text"] == "All gone."
        assert (await world.rest.get("/tasks")).json()["tasks"] == []
        assert len(model.asked) == 3


async def test_the_button_agrees_and_yes_goes_on(tmp_path: Path) -> None:
    async with open_talk(tmp_path, *DELETE, "All gone.") as (world, _):
        await fill(world)
        asked = await say(world, "delete the old ones")
        question = asked["confirmation"]["confirmation_id"]
        decided = await world.rest.post(f"/confirmations/{question}", json={"decision": "accept"})
        assert decided.status_code == 200
        assert (await say(world, "yes", asked["conversation_id"]))["text"] == "All gone."
        assert (await world.rest.get("/tasks")).json()["tasks"] == []


@pytest.mark.parametrize("word", ["no", "No thanks.", "rejected by the button"])
async def test_a_no_leaves_everything(tmp_path: Path, word: str) -> None:
    async with open_talk(tmp_path, *DELETE, "Never asked.") as (world, model):
        await fill(world)
        asked = await say(world, "delete the old ones")
        if word.startswith("rejected"):
            question = asked["confirmation"]["confirmation_id"]
            await world.rest.post(f"/confirmations/{question}", json={"decision": "reject"})
            word = "yes"
        answer = await say(world, word, asked["conversation_id"])
        assert "othing was done" in answer["text"]
        assert (await world.rest.get("/tasks")).json()["total"] == 12
        assert len(model.asked) == 2


async def test_a_yes_that_comes_later_or_elsewhere_agrees_to_nothing(tmp_path: Path) -> None:
    async with open_talk(tmp_path, *DELETE, "Hello.", "Yes to what?", "Yes to what?") as (world, _):
        await fill(world)
        asked = await say(world, "delete the old ones")
        assert (await say(world, "yes"))["text"] == "Hello."
        assert (await say(world, "hm, what else?", asked["conversation_id"]))["text"] == "Yes to what?"
        assert (await say(world, "yes", asked["conversation_id"]))["text"] == "Yes to what?"
        assert (await world.rest.get("/tasks")).json()["total"] == 12


async def test_an_old_question_is_no_longer_answered(tmp_path: Path) -> None:
    async with open_talk(tmp_path, *DELETE) as (world, _):
        await fill(world)
        asked = await say(world, "delete the old ones")
        world.clock.move(minutes=11)
        answer = await say(world, "yes", asked["conversation_id"])
        assert "Nothing was done." in answer["text"]
        assert (await world.rest.get("/tasks")).json()["total"] == 12


async def test_a_question_outlives_the_process(tmp_path: Path) -> None:
    async with open_talk(tmp_path, *DELETE) as (world, _):
        await fill(world)
        asked = await say(world, "delete the old ones")
    async with open_talk(tmp_path, "Gone.") as (world, _):
        world.ids.count = 100_000
        assert (await say(world, "yes", asked["conversation_id"]))["text"] == "Gone."
        assert (await world.rest.get("/tasks")).json()["tasks"] == []


async def test_conversations_are_listed_exported_and_deleted(tmp_path: Path) -> None:
    async with open_talk(tmp_path, "One.", [("create_task", {"title": "Milk"})], "Two.") as (world, _):
        first = await say(world, "one")
        world.clock.move(seconds=1)
        second = await say(world, "two")
        listed = (await world.rest.get("/conversations?limit=1")).json()
        assert [each["title"] for each in listed["conversations"]] == ["two"]
        rest = (await world.rest.get("/conversations", params={"cursor": listed["next_cursor"]})).json()
        assert [each["id"] for each in rest["conversations"]] == [first["conversation_id"]]
        gone = await world.rest.delete(f"/conversations/{second['conversation_id']}")
        assert gone.status_code == 204
        assert (await world.rest.get(f"/conversations/{second['conversation_id']}")).status_code == 404
        assert (await world.rest.delete(f"/conversations/{second['conversation_id']}")).status_code == 404
        assert await world.query("SELECT * FROM pending_call") == []
        [(turn,)] = await world.query("SELECT id FROM turn")
        assert await world.query("SELECT DISTINCT turn_id FROM turn_step") == [(turn,)]
        assert (await world.rest.get("/tasks")).json()["total"] == 1, "the tasks stay"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"message": ""}, 422),
        ({"message": "  \n "}, 422),
        ({"message": 7}, 422),
        ({"message": "a\0b"}, 422),
        ({"message": "x" * 20_001}, 422),
        ({"message": "hi", "user_id": "somebody"}, 422),
        ({"message": "hi", "conversation_id": "01930000-0000-7000-8000-0000000000ff"}, 404),
        ({"message": "hi", "conversation_id": "' OR 1=1"}, 404),
        ({"message": "hi", "conversation_id": "\0"}, 404),
        ({"message": "hi", "model": "gpt-9"}, 404),
    ],
)
async def test_bad_input_is_refused_and_stores_nothing(tmp_path: Path, body: dict[str, Any], status: int) -> None:
    async with open_talk(tmp_path, "Fine.") as (world, model):
        response = await world.rest.post("/chat", json=body, headers={"Accept": "text/event-stream"})
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        assert len(response.text) < 500
        assert await world.query("SELECT id FROM conversation") == []
        assert model.asked == []
        assert (await say(world, "hello"))["text"] == "Fine."


async def test_another_persons_conversation_looks_like_none(tmp_path: Path) -> None:
    async with open_talk(tmp_path, "Mine.") as (world, _):
        mine = await say(world, "hello")
        await world.service.database.write(
            lambda connection: connection.exec_driver_sql("UPDATE conversation SET user_id = 'somebody'").rowcount
        )
        for response in (
            await world.rest.post("/chat", json={"message": "hi", "conversation_id": mine["conversation_id"]}),
            await world.rest.get(f"/conversations/{mine['conversation_id']}"),
            await world.rest.delete(f"/conversations/{mine['conversation_id']}"),
        ):
            assert (response.status_code, response.json()["code"]) == (404, "conversation_not_found")
        assert (await world.rest.get("/conversations")).json() == {"conversations": []}


async def test_a_long_history_is_cut_at_whole_turns(tmp_path: Path) -> None:
    lines: list[Any] = []
    for n in range(12):
        lines += [[("create_task", {"title": f"Task {n}", "notes": "word " * 300})], f"Added {n}."]
    async with open_talk(tmp_path, *lines, history_tokens=3_000) as (world, model):
        conversation = None
        for n in range(12):
            conversation = (await say(world, f"add {n}", conversation))["conversation_id"]
        for request in model.asked:
            assert request.messages[0].role == "user"
            called = {call.call_id for each in request.messages for call in each.calls}
            assert called == {each.call_id for each in request.messages if each.role == "tool"}
        assert len(model.asked[-1].messages) < 20
        assert from_json(model.asked[-1].messages[1].calls[0].arguments)["title"] != "Task 0"


async def test_conversations_at_the_same_time_keep_their_own_undo(tmp_path: Path) -> None:
    def add(request: Any) -> Any:
        word = request.messages[-1].text if request.messages[-1].role == "user" else ""
        if word.startswith("add"):
            return [("create_task", {"title": word[4:]})]
        return [("undo", {})] if word == "undo" else "Done."

    async with open_talk(tmp_path, *[add] * 400) as (world, _):
        begun = await asyncio.gather(*(say(world, f"add {n}") for n in range(40)))
        ids = [answer["conversation_id"] for answer in begun]
        await asyncio.gather(*(say(world, "undo", each) for each in ids[::2]))
        left = (await world.rest.get("/tasks", params={"limit": 50})).json()["tasks"]
        assert sorted(int(task["title"]) for task in left) == list(range(1, 40, 2))
        # A conversation that changed nothing has nothing to undo.
        answer = await say(world, "undo")
        assert answer["calls"][0]["ok"] is False


def listed(request: ModelRequest) -> list[dict[str, Any]]:
    """Return the list in the last result that the model received."""
    for message in reversed(request.messages):
        if message.role == "tool" and '"tasks"' in message.text:
            tasks: list[dict[str, Any]] = from_json(message.text)["tasks"]
            return tasks
    raise AssertionError("no list was shown")


async def test_the_requests_of_the_first_specification_in_one_conversation(tmp_path: Path) -> None:
    said: list[tuple[str, list[Any]]] = [
        ("Add a task to buy groceries", [[("create_task", {"title": "Buy groceries"})], "Added."]),
        ("Show me all my tasks", [[("find_tasks", {"status": "all"})], "Here they are."]),
        ("What's pending?", [[("find_tasks", {"status": "open"})], "Three of them."]),
        ("Mark task 3 as complete", [lambda r: [("complete_task", {"task_id": listed(r)[2]["id"]})], "Completed."]),
        (
            "Delete the meeting task",
            [
                [("find_tasks", {"text": "meeting"})],
                lambda r: [("delete_task", {"task_id": listed(r)[0]["id"]})],
                "Deleted.",
            ],
        ),
        (
            "Change task 1 to 'Call mom tonight'",
            [
                [("find_tasks", {})],
                lambda r: [("update_task", {"task_id": listed(r)[0]["id"], "title": "Call mom tonight"})],
                "Changed.",
            ],
        ),
        ("I need to remember to pay bills", [[("create_task", {"title": "Pay bills"})], "Added."]),
        ("What have I completed?", [[("find_tasks", {"status": "completed"})], lambda r: listed(r)[0]["title"]]),
    ]
    async with open_talk(tmp_path, *(line for _, lines in said for line in lines)) as (world, _):
        for title, due in (("Meeting with Ann", "2026-11-24T10:00"), ("Call mom", "2026-11-23T20:00")):
            await world.rest.post("/tasks", json={"title": title, "due": due})
        conversation = None
        for message, _ in said:
            answer = await say(world, message, conversation)
            conversation = answer["conversation_id"]
            assert all(call["ok"] for call in answer["calls"]), answer
        assert answer["text"] == "Buy groceries"
        tasks = (await world.rest.get("/tasks", params={"status": "all"})).json()["tasks"]
        assert {(task["title"], task["status"]) for task in tasks} == {
            ("Call mom tonight", "open"),
            ("Buy groceries", "completed"),
            ("Pay bills", "open"),
        }
