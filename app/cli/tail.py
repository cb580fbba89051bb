"""The events of a database, one line each, as they are recorded."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from app.service import open_database
from app.settings import Settings
from app.storage.port import Database
from events.outbox import find_last, list_recorded
from events.positions import Position
from todo.text.display import show_text

LOOK_SECONDS = 0.2
PAGE = 500


@dataclass(slots=True)
class Tail:
    """Reads from the last `count` events onwards; returns each event once."""

    database: Database
    count: int = 10
    _position: Position | None = None

    async def step(self) -> list[Any]:
        """Return up to a page of rows `(seq, payload, published_at, parked_at)` that were not returned before."""
        position = self._position
        if position is None:
            position = await self.database.read(lambda connection: find_last(connection, self.count))
        self._position, rows = await self.database.read(lambda connection: list_recorded(connection, position, PAGE))
        return rows


async def tail_events(settings: Settings, count: int, *, follow: bool, as_json: bool) -> AsyncIterator[str]:
    """Yield the last `count` events of the configured database as lines; with `follow`, also new ones, without end."""
    database, _ = await open_database(settings)
    try:
        tail = Tail(database, count)
        while True:
            rows = await tail.step()
            for row in rows:
                yield row.payload if as_json else describe_row(row)
            if not rows:
                if not follow:
                    return
                await asyncio.sleep(LOOK_SECONDS)
    finally:
        await database.close()


def describe_row(row: Any) -> str:
    """Return an event as a line: time, type, task, version, actor, publication and title."""
    event = from_json(row.payload)
    data = event["data"]["data"]
    how = "parked" if row.parked_at else "published" if row.published_at else "waiting"
    who = f"{data['actor']['kind']}/{data['actor']['surface']}"
    words = show_text(str(data["task"].get("title", "")))
    what = f"{event['type']:<17} {event['data']['task_id']} v{data['version']:<4}"
    return f"{event['time']}  {what} {who:<19} {how:<9} {words}"
