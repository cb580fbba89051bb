"""A turn that is cut off at any point is resumed or reported, and no tool takes effect twice."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from agent import journal
from agent.messages import ModelRequest, TextPiece
from agent.turn_events import Begun, CallStarted, Done, Text
from app.assistant import build_conversation
from app.identity import LOCAL
from app.storage.postgres import PostgresDatabase
from app.storage.sqlite_writer import SqliteDatabase
from tests.integration.conversation.talking import open_talk, say
from todo.errors import StorageUnavailable

PROMISES = ("turn-journal",)

pytestmark = [pytest.mark.anyio, pytest.mark.on_both_databases(long="postgresql")]

TALKER = LOCAL.make_who("person", "chat", "test")


class Death:
    """Let this many more commits succeed and refuse every later write, as if the process had died there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        # A heartbeat of a slow machine would count as one of the commits.
        monkeypatch.setattr(journal, "HEARTBEAT_SECONDS", 3_600)
        for kind in (SqliteDatabase, PostgresDatabase):
            monkeypatch.setattr(kind, "write", self._count(kind.write))

    def _count(self, write: Callable[..., Any]) -> Callable[..., Any]:
        async def count(database: Any, use_case: Callable[[Connection], Any], *person: str | None) -> Any:
            if self.left is None:
                return await write(database, use_case, *person)
            if self.left == 0:
                raise StorageUnavailable("Gone.", "It is over.")
            self.left -= 1
            return await write(database, use_case, *person)

        return count


@pytest.fixture
def death(monkeypatch: pytest.MonkeyPatch) -> Death:
    return Death(monkeypatch)


def add_both(request: ModelRequest) -> Any:
    """Answer with two calls, then a third, then words, depending on the results so far, as a model would."""
    done = [each for each in request.messages if each.role == "tool"]
    if not done:
        return [("create_task", {"title": "Milk"}), ("create_task", {"title": "Bread"})]
    return [("create_task", {"title": "Jam"})] if len(done) == 2 else "Added all three."


COMMITS = 9
"""Commits of a turn: its begin, two answers with calls, three calls, their results, the last answer, its end."""


@pytest.mark.parametrize("commits", range(COMMITS + 2))
async def test_the_same_message_goes_on_where_the_process_died(tmp_path: Path, death: Death, commits: int) -> None:
    async with open_talk(tmp_path, *[add_both] * 5) as (world, _):
        death.left = commits
        first = await world.rest.post("/chat", json={"message": "add three"}, headers={"Idempotency-Key": "m"})
        death.left = None
        assert (first.status_code == 200) == (commits >= COMMITS + 1), first.text
    async with open_talk(tmp_path, *[add_both] * 5) as (world, _):
        world.ids.count = 100_000
        world.clock.move(seconds=10)
        found = (await world.rest.get("/conversations")).json()["conversations"]
        conversation = found[0]["id"] if found else None
        answer = await say(world, "add three", conversation, key="m")
        assert answer["text"] == "Added all three."
        assert [call["arguments"]["title"] for call in answer["calls"]] == ["Milk", "Bread", "Jam"]
        titles = sorted(event["data"]["data"]["task"]["title"] for event in await world.events())
        assert titles == ["Bread", "Jam", "Milk"]
        view = (await world.rest.get(f"/conversations/{answer['conversation_id']}")).json()
        assert view["messages"][1]["state"] == "done"
        assert [call["ok"] for call in view["messages"][1]["calls"]] == [True, True, True]


@pytest.mark.parametrize("commits", range(1, COMMITS + 1))
async def test_another_message_is_told_what_became_of_the_one_before(
    tmp_path: Path, death: Death, commits: int
) -> None:
    async with open_talk(tmp_path, *[add_both] * 5) as (world, _):
        death.left = commits
        await world.rest.post("/chat", json={"message": "add three"})
        death.left = None
    async with open_talk(tmp_path, "Good morning.") as (world, model):
        world.ids.count = 100_000
        world.clock.move(seconds=10)
        (found,) = (await world.rest.get("/conversations")).json()["conversations"]
        before = {event["id"] for event in await world.events()}
        answer = await say(world, "good morning", found["id"])
        assert {event["id"] for event in await world.events()} == before, "settling carries nothing out"
        saved = {event["data"]["data"]["task"]["title"] for event in await world.events()}
        told = answer["text"]
        assert told.startswith("The message before was cut off")
        assert told.endswith("Good morning.")
        for title in ("Milk", "Bread", "Jam"):
            assert (f'"{title}"' in told) == (title in saved), told
        view = (await world.rest.get(f"/conversations/{found['id']}")).json()
        assert view["messages"][1]["state"] == "interrupted"
        done = [call["arguments"]["title"] for call in view["messages"][1]["calls"] if call["ok"]] if saved else []
        assert set(done) == saved
        # The model knows it too: its history has a call with a result for each saved effect.
        (request,) = model.asked
        results = [each for each in request.messages if each.role == "tool"]
        assert sum(not each.failed for each in results) == len(saved)
        assert {call.call_id for each in request.messages for call in each.calls} == {each.call_id for each in results}


async def test_while_a_turn_runs_a_second_message_is_refused(tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: ModelRequest) -> str:
        begun.set()
        await go_on.wait()
        return "At last."

    async with open_talk(tmp_path, "Hello.", wait) as (world, _):
        first = await say(world, "hello")
        slow = asyncio.create_task(say(world, "slowly", first["conversation_id"]))
        await begun.wait()
        body = {"message": "quick", "conversation_id": first["conversation_id"]}
        refused = await world.rest.post("/chat", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "conversation_busy")
        go_on.set()
        assert (await slow)["text"] == "At last."
        view = (await world.rest.get(f"/conversations/{first['conversation_id']}")).json()
        assert [each["text"] for each in view["messages"]] == ["hello", "Hello.", "slowly", "At last."]


async def test_whoever_stops_listening_stops_the_turn_after_its_call(tmp_path: Path) -> None:
    lines = ([("create_task", {"title": "Milk"})], [("create_task", {"title": "Bread"})])
    async with open_talk(tmp_path, *lines) as (world, model):
        conversation = build_conversation(world.service, {model.name: model})
        events = conversation.reply(TALKER, "add two")
        async for said in events:
            if isinstance(said, CallStarted):
                break
        await events.aclose()  # type: ignore[attr-defined]  # it is a generator
        await conversation.close()
        assert [event["data"]["data"]["task"]["title"] for event in await world.events()] == ["Milk"]
        (found,) = (await world.rest.get("/conversations")).json()["conversations"]
        view = (await world.rest.get(f"/conversations/{found['id']}")).json()
        assert view["messages"][1]["state"] == "stopped"
        assert [call["ok"] for call in view["messages"][1]["calls"]] == [True]
        assert len(model.asked) == 1


async def test_a_stop_cuts_the_models_words_and_the_next_message_is_welcome(tmp_path: Path) -> None:
    async def chatter(_: ModelRequest) -> Any:
        return talk_on()

    def talk_on() -> Any:
        for n in range(1_000_000):
            yield TextPiece(f"{n} ")

    async with open_talk(tmp_path, chatter, "Hello.") as (world, model):
        conversation = build_conversation(world.service, {model.name: model})
        who = TALKER
        ended = None
        events = conversation.reply(who, "talk")
        async for said in events:
            if isinstance(said, Begun):
                begun = said
            elif isinstance(said, Text):
                assert conversation.stop(begun.turn_id)
            elif isinstance(said, Done):
                ended = said
        assert ended is not None
        assert ended.finish == "stopped"
        assert ended.text.startswith("0 ")
        after = [said async for said in conversation.reply(who, "hello", conversation_id=begun.conversation_id)]
        assert isinstance(after[-1], Done)
        assert after[-1].text == "Hello."
        assert not conversation.stop(begun.turn_id)
