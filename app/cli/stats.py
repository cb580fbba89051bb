"""`stats`: what was added and done on each day, and what each list holds, in the terminal."""

from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from app.access.door import admit_program
from app.service import open_service
from app.settings import Settings
from events.ports import Clock
from todo.activity.statistics import read_statistics
from todo.record.work import Work
from todo.text.when import local_day, read_zone, say_short

WIDTH = 24
"""Characters of the longest bar."""


async def read_stats(settings: Settings, days: int, clock: Clock | None = None) -> dict[str, Any]:
    """Return the person's statistics of the last days; raises `TodoError`."""
    async with open_service(settings, clock) as service:
        caller = await admit_program(service.door, settings.token)
        who = caller.make_who("person", "mcp", "shell", "shell")

        def read(work: Work) -> dict[str, Any]:
            first = local_day(work.now, work.zone) - timedelta(days=days - 1)
            return read_statistics(work, str(first), by_list=True)

        return await service.store.read(who, read)


def show_stats(found: dict[str, Any], console: Console) -> None:
    """Print the statistics for people."""
    days = found["days"]
    added, done = (sum(day[name] for day in days) for name in ("created", "completed"))
    span = "Today" if len(days) == 1 else f"Last {len(days)} days"
    console.print(f"{span}: {added} added, {done} done. Now {found['open']} open, {found['overdue']} overdue.")
    zone = read_zone("UTC")  # a date is the same everywhere
    most = max(1, *(day[name] for day in days for name in ("created", "completed")))
    table = _make_table("day", "added", "done")
    for day in days:
        table.add_row(say_short(day["day"], zone), _draw(day["created"], most), _draw(day["completed"], most))
    console.print(table)
    table = _make_table("list", "open", "overdue", "done")
    for each in found["lists"]:
        name = f"{each['name']} (archived)" if each.get("archived") else each["name"]
        table.add_row(name, *(str(each[column]) for column in ("open", "overdue", "completed")))
    console.print(table)


def _make_table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name)
    return table


def _draw(count: int, most: int) -> str:
    return f"{'█' * max(round(count / most * WIDTH), 1)} {count}" if count else "0"
