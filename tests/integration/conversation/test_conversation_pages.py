"""The list of conversations in pages: complete and without repetitions, even at equal times."""

from pathlib import Path

import pytest

from tests.integration.conversation.talking import open_talk, say
from tests.world import World

pytestmark = pytest.mark.anyio


async def read_pages(world: World, limit: int) -> list[str]:
    """Return the titles of all pages, one after another."""
    titles: list[str] = []
    query: dict[str, str] = {"limit": str(limit)}
    while True:
        page = (await world.rest.get("/conversations", params=query)).json()
        titles += [each["title"] for each in page["conversations"]]
        if "next_cursor" not in page:
            return titles
        assert len(page["conversations"]) == limit
        query["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("limit", [1, 2, 3, 6])
async def test_conversations_of_one_instant_are_all_listed(tmp_path: Path, limit: int) -> None:
    async with open_talk(tmp_path, *["Hello."] * 6) as (world, _):
        for number in range(6):
            if number == 5:
                world.clock.move(seconds=1)
            await say(world, f"number {number}")
        assert await read_pages(world, limit) == [f"number {number}" for number in (5, 4, 3, 2, 1, 0)]


async def test_a_cursor_of_the_older_form_is_still_read(tmp_path: Path) -> None:
    async with open_talk(tmp_path, "One.", "Two.") as (world, _):
        await say(world, "one")
        world.clock.move(seconds=1)
        await say(world, "two")
        newest = (await world.rest.get("/conversations?limit=1")).json()["conversations"][0]["updated_at"]
        rest = (await world.rest.get("/conversations", params={"cursor": newest})).json()
        assert [each["title"] for each in rest["conversations"]] == ["one"]


@pytest.mark.parametrize("cursor", ["x", "2026", "W10", "W1syXSwxXQ", "WyIyMDI2LTExLTIzVDA4OjAwOjAwWiIsMV0"])
async def test_a_cursor_of_no_form_is_refused(tmp_path: Path, cursor: str) -> None:
    async with open_talk(tmp_path) as (world, _):
        response = await world.rest.get("/conversations", params={"cursor": cursor})
        assert response.status_code == 422
        assert "not valid here" in response.text
