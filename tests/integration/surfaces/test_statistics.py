"""Statistics: each day counts, each list adds up to the whole, and terminal and REST say the same."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from app.cli.stats import read_stats, show_stats
from tests.world import World, open_world

PROMISES = ("statistics",)

pytestmark = pytest.mark.anyio


async def fill(world: World) -> None:
    """Make tasks of three lists over three days, one of them done, one late, one deleted."""
    lists = {
        name: (await world.rest.post("/lists", json={"name": name})).json()["list"]["id"] for name in ("Home", "Old")
    }
    for title, fields in {
        "late": {"list": "Home", "due": "2026-11-23"},
        "done": {"list": "Home"},
        "archived": {"list": "Old"},
        "gone": {},
        "loose": {},
    }.items():
        made = await world.rest.post("/tasks", json={"title": title, **fields})
        if title == "gone":
            await world.rest.delete(f"/tasks/{made.json()['task']['id']}")
        await world.tick(hours=12)
        if title == "done":
            await world.rest.post(f"/tasks/{made.json()['task']['id']}/complete")
    await world.rest.patch(f"/lists/{lists['Old']}", json={"archived": True})
    await world.rest.post(
        "/recurring-tasks", json={"title": "series", "rule": "FREQ=DAILY", "first_due": "2027-01-01", "list": "Home"}
    )
    await world.settle()


@pytest.mark.on_both_databases
async def test_lists_add_up_to_the_whole_and_the_days_count_what_happened(world: World) -> None:
    await fill(world)
    told = (await world.rest.get("/statistics?lists=true")).json()
    shown = [(each["name"], each["open"], each["overdue"], each["completed"]) for each in told["lists"]]
    assert shown == [("Inbox", 1, 0, 0), ("Home", 2, 1, 1), ("Old", 1, 0, 0)]
    assert [each.get("archived") for each in told["lists"]] == [None, None, True]
    assert (sum(each[1] for each in shown), sum(each[2] for each in shown)) == (told["open"], told["overdue"])
    assert [(day["created"], day["completed"]) for day in told["days"][-3:]] == [(2, 0), (2, 1), (2, 0)]
    assert "lists" not in (await world.rest.get("/statistics")).json(), "only where they are asked for"
    refused = await world.rest.get("/statistics?lists=yes")
    assert (refused.status_code, refused.json()["detail"]) == (422, "lists is true or false.")


async def test_the_terminal_shows_the_same(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        await fill(world)
        told = (await world.rest.get("/statistics?lists=true&from=2026-11-23")).json()
        settings, clock = world.service.settings, world.clock
        found = await read_stats(settings, len(told["days"]), clock)
    assert found == told
    page = io.StringIO()
    show_stats(found, Console(file=page, width=80, highlight=False, markup=False))
    lines = page.getvalue().splitlines()
    assert lines[0] == f"Last {len(told['days'])} days: 6 added, 1 done. Now 4 open, 1 overdue."
    assert [line.split()[-4:] for line in lines[-3:]] == [
        ["Inbox", "1", "0", "0"],
        ["Home", "2", "1", "1"],
        ["(archived)", "1", "0", "0"],
    ]
    assert [line.split() for line in lines if "Tue 24 Nov 2026" in line] == [
        ["Tue", "24", "Nov", "2026", "█" * 24, "2", "█" * 12, "1"]
    ]
