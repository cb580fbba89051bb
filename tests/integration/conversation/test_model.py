"""The language model behind a scripted server on a socket: whole turns, and every fault of the wire."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic_core import from_json, to_json

from agent.model import OpenAIModel
from infra.live.ports import find_free_port
from tests.integration.conversation.talking import open_talk_with, say
from tests.integration.processes.test_processes import read_holder, running_serve
from tests.scripted_server import DONE, HEAD, Part, ScriptedServer, call, chunk, open_server, refuse
from tests.scripted_server import say as words
from tests.world import World, lay_out_settings

PROMISES = ("honest-agent",)

pytestmark = pytest.mark.anyio

CREATE = ("create_task", '{"title": "Milk", "tags": ["shop"]}')


@asynccontextmanager
async def talk(folder: Path, *replies: Sequence[Part]) -> AsyncIterator[tuple[World, ScriptedServer]]:
    async with open_server(*replies) as server:
        model = OpenAIModel("tasks-agent", "qwen3", server.url, None, stall_seconds=0.5)
        try:
            async with open_talk_with(folder, model) as world:
                yield world, server
        finally:
            await model.close()


async def test_a_whole_turn_over_the_wire(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    counted = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":%s}\n\n'
    said = [chunk({"role": "assistant", "content": "Added"}), chunk({"content": " milk."}), chunk({}, "stop")]
    last = [HEAD, *said, counted % to_json(usage)]
    async with talk(tmp_path, call(*CREATE), [*last, DONE]) as (world, server):
        answer = await say(world, "add milk")
        assert answer["text"] == "Added milk."
        assert answer["usage"] == {"input_tokens": 100, "output_tokens": 7}
        first, second = server.requests
        assert first["model"] == "qwen3"
        assert first["stream"] is True
        assert first["messages"][0]["role"] == "system"
        assert first["messages"][1] == {"role": "user", "content": "add milk"}
        assert first["tools"][0]["function"]["name"] == "create_task"
        assert "tool_choice" not in first
        called, result = second["messages"][2:]
        assert called["tool_calls"][0]["function"] == {"name": CREATE[0], "arguments": CREATE[1]}
        assert result["role"] == "tool"
        assert result["tool_call_id"] == called["tool_calls"][0]["id"]
        assert len(result["tool_call_id"]) <= 40, "the longest id that OpenAI takes"
        assert isinstance(result["content"], str)
        assert from_json(result["content"])["task"]["title"] == "Milk"


@pytest.mark.parametrize(
    ("replies", "code", "status"),
    [
        ([[HEAD, chunk({"content": "I wi"})]], "model_truncated", 502),
        ([call(*CREATE, finish=None)], "model_truncated", 502),
        ([call(*CREATE, finish="length")], "model_truncated", 502),
        ([[HEAD, chunk({"content": "a"}), b"data: {nonsense\n\n"]], "model_nonsense", 502),
        ([[HEAD, b'data: {"error": {"message": "a word of the server"}}\n\n']], "model_nonsense", 502),
        ([[b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>a word of the server"]], "model_truncated", 502),
        ([[HEAD, chunk({"content": "a"}), None]], "model_stalled", 504),
        ([[None], [None]], "model_stalled", 504),
        ([[], []], "model_unavailable", 503),
        (
            [refuse("429 Too Many", "retry-after: 0.01"), refuse("429 Too Many", "retry-after: 9")],
            "model_rate_limited",
            429,
        ),
        ([refuse("500 Broken"), refuse("500 Broken")], "model_unavailable", 503),
        ([refuse("401 Who")], "model_refused_key", 502),
        ([refuse("404 None")], "model_unknown", 502),
        ([refuse("400 Bad")], "model_refused", 502),
    ],
)
async def test_a_fault_on_the_way_is_one_clear_problem(
    tmp_path: Path, replies: list[Any], code: str, status: int
) -> None:
    async with talk(tmp_path, call(*CREATE), *replies, words("Here ", "again.")) as (world, server):
        response = await world.rest.post("/chat", json={"message": "add milk"})
        assert (response.status_code, response.json()["code"]) == (status, code), response.text
        assert "a word of the server" not in response.text
        assert response.headers.get("retry-after") == {429: "9", 503: "1"}.get(status)
        assert len(await world.events()) == 1, "the first step was done, and only once"
        assert "Milk" in response.json()["detail"]
        assert server.replies == [words("Here ", "again.")], "no more than one repeat, before the first byte"
        assert (await say(world, "again", response.json()["conversation_id"]))["text"] == "Here again."


async def test_a_busy_server_is_asked_once_more(tmp_path: Path) -> None:
    async with talk(tmp_path, refuse("429 Too Many", "retry-after: 0.01"), words("Hello.")) as (world, _):
        assert (await say(world, "hello"))["text"] == "Hello."


async def test_several_calls_under_one_index_are_told_apart(tmp_path: Path) -> None:
    deltas = [
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "create_task", "arguments": '{"title":"A"}'}}]},
        {"tool_calls": [{"index": 0, "id": "b", "function": {"name": "create_task", "arguments": '{"title":"B"}'}}]},
    ]
    both = [HEAD, *map(chunk, deltas), chunk({}, "stop"), DONE]
    async with talk(tmp_path, both, words("Added.")) as (world, _):
        answer = await say(world, "add two")
        assert [call["arguments"] for call in answer["calls"]] == [{"title": "A"}, {"title": "B"}]
        assert len(await world.events()) == 2


async def test_a_name_that_is_said_with_each_piece_is_one_name(tmp_path: Path) -> None:
    functions = [{"name": "create_task", "arguments": piece} for piece in ('{"title"', ':"A"}')]
    deltas = [{"tool_calls": [{"index": 0, "id": "a", "function": function}]} for function in functions]
    async with talk(tmp_path, [HEAD, *map(chunk, deltas), chunk({}, "stop"), DONE], words("Added.")) as (world, _):
        answer = await say(world, "add one")
        assert [(call["name"], call["ok"]) for call in answer["calls"]] == [("create_task", True)]


async def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    model = OpenAIModel("tasks-agent", "qwen3", "http://127.0.0.1:9/v1", None)
    try:
        async with open_talk_with(tmp_path, model) as world:
            response = await world.rest.post("/chat", json={"message": "hello"})
            assert (response.status_code, response.json()["code"]) == (503, "model_unavailable")
            streamed = await world.rest.post(
                "/chat", json={"message": "hello"}, headers={"Accept": "text/event-stream"}
            )
            assert "event: error" in streamed.text
            assert '"code":"model_unavailable"' in streamed.text
    finally:
        await model.close()


async def test_a_server_killed_in_the_middle_of_a_turn_goes_on_with_it(tmp_path: Path) -> None:
    port = find_free_port()
    await lay_out_settings(tmp_path)

    def kill() -> None:
        holder = read_holder(tmp_path)
        os.kill(int(holder.partition(":")[0]), signal.SIGKILL)

    async with (
        open_server(call(*CREATE), [kill, None], words("Added milk.")) as model,
        running_serve(tmp_path, port, TODO_MODEL="qwen3", OPENAI_BASE_URL=model.url),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}/api", timeout=30) as rest,
    ):
        body: dict[str, str] = {"message": "add milk"}
        with pytest.raises(httpx2.TransportError):
            await rest.post("/chat", json=body, headers={"Idempotency-Key": "m"})
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(httpx2.TransportError):
                    (found,) = (await rest.get("/conversations")).json()["conversations"]
                    body["conversation_id"] = found["id"]
                    answer = await rest.post("/chat", json=body, headers={"Idempotency-Key": "m"})
                    if answer.status_code == 200:
                        break
                    assert answer.json()["code"] == "conversation_busy"
                await asyncio.sleep(0.1)
        assert answer.json()["text"] == "Added milk."
        assert [one["ok"] for one in answer.json()["calls"]] == [True]
        tasks = (await rest.get("/tasks")).json()["tasks"]
        assert [task["title"] for task in tasks] == ["Milk"]
        told = model.requests[-1]["messages"]
        assert [each["role"] for each in told] == ["system", "user", "assistant", "tool"], "it goes on from there"
