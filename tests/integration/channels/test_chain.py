"""Channels behind a broker of others: what Dapr brings is planned once, and the sender is woken."""

from pathlib import Path

import httpx2
import pytest

from tests.integration.channels.receivers import Web, make
from tests.integration.event_path.dapr_worlds import SUCCESS, deliver, make_event, open_dapr

PROMISES = ("channels-deliver",)

pytestmark = pytest.mark.anyio


@pytest.mark.on_both_databases
async def test_an_event_that_dapr_brings_twice_goes_to_a_channel_once(tmp_path: Path, storage: str) -> None:
    async with open_dapr(tmp_path) as world:
        web = Web(world)
        web.install()
        await make(world, kind="webhook", address="https://hooks.example/x")
        route, event = await make_event(world)
        woken: list[bool] = []
        world.service.sender.wake = lambda: woken.append(True)
        for _ in range(2):
            assert await deliver(world, route, event) == SUCCESS
        assert woken
        await world.send()
        assert [body["id"] for body in web.bodies("hooks.example")] == [event["id"]]


@pytest.mark.on_both_databases
async def test_a_receiver_that_takes_and_loses_the_answer_is_asked_again_under_the_same_id(
    tmp_path: Path, storage: str
) -> None:
    async with open_dapr(tmp_path) as world:
        web = Web(world)
        web.install()
        await make(world, kind="webhook", address="https://hooks.example/x")

        def lose(request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ReadError("the connection is gone", request=request)

        web.replies["hooks.example"] = lose
        route, event = await make_event(world)
        await deliver(world, route, event)
        await world.send()
        web.replies.clear()
        world.clock.move(minutes=1)
        await world.send()
        world.clock.move(hours=1)
        await world.send()
        assert [each.headers["webhook-id"] for each in web.asked] == [event["id"]] * 2
