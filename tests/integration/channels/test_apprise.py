"""Apprise as an operator installs it: targets of theirs alone, chosen by name, and one that hangs delays itself."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json

from app.channels.apprise import MOST_OF_TARGET, AppriseCarrier
from tests.integration.channels.receivers import make, ring
from tests.world import World, open_world

PROMISES = ("channels-safe", "channels-deliver")

# A plugin of Apprise, which loads them all, takes a module that Python is about to drop.
pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")]

SECRET = "word-of-the-target"  # noqa: S105  # of a receiver of the test


@dataclass
class Receiver:
    """What a `json://` target leads to; below `/moved` it redirects."""

    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = int(head.lower().partition("content-length:")[2].split()[0])
            path = head.split()[1]
            self.got.append((path, from_json(await reader.readexactly(length))))
            status = "302 Found\r\nlocation: /elsewhere" if path.startswith("/moved") else "200 OK"
            writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
        writer.close()


@asynccontextmanager
async def open_targets(folder: Path) -> AsyncIterator[tuple[World, Receiver]]:
    """Open a world whose operator has set two targets, both of them the test's own receiver."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    root = f"json://anna:{SECRET}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        async with open_world(folder, apprise_targets=f"family={root}/in\n  office={root}/moved") as world:
            yield world, receiver
    finally:
        server.close()
        await server.wait_closed()


async def test_a_reminder_goes_to_a_target_that_was_chosen_by_name_and_its_address_shows_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_targets(tmp_path) as (world, receiver):
        listed = (await world.rest.get("/channels")).json()
        assert "apprise" in listed["kinds"]
        assert listed["targets"] == ["family", "office"]
        made = await make(world, kind="apprise", address="family")
        assert (made["name"], made["address"], made["events"]) == ("family", "family", ["reminder.due"])
        await ring(world, "Buy milk\u2028X-Evil: 1")
        ((path, message),) = receiver.got
        assert path.rstrip("/") == "/in"
        assert message["title"] == "Buy milk⟨U+2028⟩X-Evil: 1"
        assert "Reminder:" in message["message"]
        assert "http://127.0.0.1:8000/act/" in message["message"]
        deliveries = await world.rest.get(f"/channels/{made['id']}/deliveries")
        assert [each["state"] for each in deliveries.json()["deliveries"]] == ["sent"]

        moved = await make(world, kind="apprise", address="office")
        tried = await world.rest.post(f"/channels/{moved['id']}/test")
        assert tried.json() == {"ok": False, "message": "Nothing arrived: the receiver does not take the message."}
        assert [each.partition("/")[2].split("/")[0] for each, _ in receiver.got] == ["in", "moved"], "no redirect"
        texts = [(await world.rest.get("/channels")).text, deliveries.text, tried.text, caplog.text]
        assert not [text for text in texts if SECRET in text or "json://" in text]


@pytest.mark.parametrize("address", ["json://127.0.0.1:9/", "syslog://", "Family", "fam ily", "https://x.example/", ""])
async def test_what_is_none_of_the_operators_names_is_refused(tmp_path: Path, address: str) -> None:
    async with open_world(tmp_path, apprise_targets="family=json://127.0.0.1:9/") as world:
        refused = await world.rest.post("/channels", json={"kind": "apprise", "address": address})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_arguments")
        made = await make(world, kind="apprise", address="family")
        changed = await world.rest.patch(f"/channels/{made['id']}", json={"address": address or "json://127.0.0.1:9/"})
        assert changed.status_code == 422
        assert await world.query("SELECT address FROM channel") == [("family",)]


async def test_without_the_extra_or_without_targets_a_sentence_says_what_the_operator_does(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"kind": "apprise", "address": "family"}
    assert "TODO_APPRISE_TARGETS" in (await world.rest.post("/channels", json=body)).json()["detail"]
    monkeypatch.setattr("app.channels.outfit.is_installed", lambda: False)
    async with open_world(tmp_path / "other", apprise_targets="family=json://127.0.0.1:9/") as other:
        assert "apprise" not in (await other.rest.get("/channels")).json()["kinds"]
        refused = await other.rest.post("/channels", json=body)
        assert refused.status_code == 422
        assert "evolution-todo[apprise]" in refused.json()["detail"]


async def test_a_target_that_hangs_is_left_after_its_time_and_takes_no_more_than_its_own_threads(
    tmp_path: Path,
) -> None:
    release, begun = threading.Event(), []

    def notify(url: str, title: str, text: str) -> bool:
        begun.append(url)
        if "slow" in url:
            release.wait(20)
        if "broken" in url:
            raise RuntimeError(url)
        return True

    targets = {"slow": "json://slow", "fast": "json://fast", "broken": f"json://broken/{SECRET}"}
    named = " ".join(f"{name}={url}" for name, url in targets.items())
    async with open_world(tmp_path, apprise_targets=named) as world:
        carrier = AppriseCarrier(targets, notify, lambda: None, seconds=0.05)
        world.service.outfit._made["apprise"] = carrier
        made = {name: await make(world, kind="apprise", address=name) for name in targets}

        async def test(name: str) -> str:
            return str((await world.rest.post(f"/channels/{made[name]['id']}/test")).json()["message"])

        try:
            for _ in range(MOST_OF_TARGET):
                assert await test("slow") == "Nothing arrived: the receiver does not answer within 0.05 s."
            assert "earlier messages still wait" in await test("slow")
            assert begun.count("json://slow") == MOST_OF_TARGET
            assert await test("fast") == "The test was taken by the receiver."
            assert await test("broken") == "Nothing arrived: the receiver does not take the message."
        finally:
            release.set()
        async with asyncio.timeout(5):
            while carrier._under_way["slow"]:
                await asyncio.sleep(0.01)
        assert await test("slow") == "The test was taken by the receiver."


async def test_a_target_that_the_operator_has_removed_is_tried_again_later(tmp_path: Path) -> None:
    async with open_world(tmp_path, apprise_targets="family=json://127.0.0.1:9/ office=json://127.0.0.1:9/") as world:
        made = await make(world, kind="apprise", address="office")
    async with open_world(tmp_path, apprise_targets="family=json://127.0.0.1:9/") as world:
        await ring(world)
        channel = (await world.rest.get(f"/channels/{made['id']}")).json()
        assert channel["enabled"]
        assert "the operator has removed this target" in channel["problem"]
        assert (await world.rest.get(f"/channels/{made['id']}/deliveries")).json()["waiting"] == 1
