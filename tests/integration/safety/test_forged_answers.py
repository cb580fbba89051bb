"""Answers that a client invents, replays or takes from another client confirm nothing."""

from typing import Any

import pytest

from tests.contracts.surfaces import JSON
from tests.integration.safety.agent_calls import delete_up_to_the_limit, do, make, see
from tests.world import URL, World

pytestmark = pytest.mark.anyio

PREFIX = "io.modelcontextprotocol/"
YES = {"confirm": {"action": "accept", "content": {"agree": True}}}


async def delete(world: World, task_id: str, client: str = "agent", state: Any = None, answers: Any = None) -> Any:
    """Post one raw `delete_task` of a client that can ask, with the answer it claims the person gave."""
    params: dict[str, Any] = {"name": "delete_task", "arguments": {"task_id": task_id}}
    params["_meta"] = {
        f"{PREFIX}protocolVersion": "2026-07-28",
        f"{PREFIX}clientInfo": {"name": client, "version": "1"},
        f"{PREFIX}clientCapabilities": {"elicitation": {"form": {}}},
    }
    if state is not None:
        params["requestState"] = state
    if answers is not None:
        params["inputResponses"] = answers
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "delete_task"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return (await world.http.post("/mcp", json=body, headers={**JSON, **headers})).json()


async def ask(world: World, client: str = "agent") -> tuple[str, str]:
    """Delete up to the limit as a client and ask for one more; return that task and the sealed question."""
    await delete_up_to_the_limit(world, client)
    [task_id] = await make(world, 1, client)
    asked = (await delete(world, task_id, client))["result"]
    assert asked["resultType"] == "input_required"
    return task_id, asked["requestState"]


async def states(world: World) -> list[str]:
    return [each["state"] for each in (await world.rest.get("/confirmations")).json()["confirmations"]]


async def test_a_true_answer_deletes(world: World) -> None:
    task_id, state = await ask(world)
    assert not (await delete(world, task_id, state=state, answers=YES))["result"].get("isError")
    assert await see(world, task_id) is None


async def test_an_answer_without_its_question_agrees_to_nothing(world: World) -> None:
    task_id, _ = await ask(world)
    assert (await delete(world, task_id, answers=YES))["result"]["resultType"] == "input_required"
    assert await see(world, task_id) is not None
    assert await states(world) == ["pending"]


async def test_a_forged_state_is_refused(world: World) -> None:
    task_id, state = await ask(world)
    [question] = (await world.rest.get("/confirmations")).json()["confirmations"]
    flipped = f"{state[:-2]}{'A' if state[-2] != 'A' else 'B'}{state[-1]}"
    for forged in (question["id"], flipped, "", "v1.", state[:40], f"{state}x", 7, {"id": question["id"]}):
        reply = await delete(world, task_id, state=forged, answers=YES)
        assert reply["error"]["code"] == -32602, forged
    assert await see(world, task_id) is not None
    assert await states(world) == ["pending"]


async def test_the_state_of_another_call_or_client_agrees_to_nothing(world: World) -> None:
    task_id, state = await ask(world)
    other_id, other_state = await ask(world, "rival")
    assert (await delete(world, other_id, state=state, answers=YES))["error"]["code"] == -32602
    for given in (state, other_state):
        reply = await delete(world, task_id, "rival", state=given, answers=YES)
        assert "error" in reply or reply["result"]["isError"]
    assert await see(world, task_id) is not None
    assert await see(world, other_id) is not None
    assert await states(world) == ["pending", "pending"]
    await delete(world, task_id, state=state, answers=YES)
    assert await see(world, task_id) is None, "the true one still can"


async def test_an_answer_counts_once(world: World) -> None:
    task_id, state = await ask(world)
    await delete(world, task_id, state=state, answers=YES)
    await do(world, "undo")
    reply = (await delete(world, task_id, state=state, answers=YES))["result"]
    assert reply["isError"]
    assert reply["structuredContent"]["code"] == "invalid_arguments"
    assert await see(world, task_id) is not None
    assert (await delete(world, task_id))["result"]["resultType"] == "input_required"


async def test_a_no_cannot_be_turned_into_a_yes(world: World) -> None:
    task_id, state = await ask(world)
    refused = (await delete(world, task_id, state=state, answers={"confirm": {"action": "decline"}}))["result"]
    assert refused["structuredContent"]["code"] == "forbidden"
    assert (await delete(world, task_id, state=state, answers=YES))["result"]["isError"]
    assert (await delete(world, task_id))["result"]["structuredContent"]["code"] == "forbidden", "nor asked again"
    assert await see(world, task_id) is not None


async def test_an_agreement_is_for_the_title_that_was_shown(world: World) -> None:
    task_id, state = await ask(world)
    await world.rest.patch(f"/tasks/{task_id}", json={"title": "The deeds of the house"})
    reply = (await delete(world, task_id, state=state, answers=YES))["result"]
    assert reply["resultType"] == "input_required", "it is another question now"
    assert "The deeds of the house" in str(reply["inputRequests"])
    assert await see(world, task_id) is not None
    await delete(world, task_id, state=reply["requestState"], answers=YES)
    assert await see(world, task_id) is None


async def test_an_agreement_on_the_page_is_for_the_title_that_was_shown(world: World) -> None:
    task_id, _ = await ask(world)
    [question] = (await world.rest.get("/confirmations")).json()["confirmations"]
    await world.rest.patch(f"/tasks/{task_id}", json={"title": "Another"})
    page = await world.http.post(
        f"/confirm/{question['id']}",
        content="decision=accept",
        headers={"content-type": "application/x-www-form-urlencoded", "origin": URL},
    )
    assert page.is_success
    assert (await delete(world, task_id))["result"]["resultType"] == "input_required"
    assert await see(world, task_id) is not None
