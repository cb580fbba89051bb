"""The events of a database, one line each, as they are recorded."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from app.service import open_database
from app.settings import Settings
from app.storage.port import Database
from events.outbox import find_newest, list_recorded
from todo.text.display import show_text

LOOK_SECONDS = 0.2
PAGE = 500
MAY_COME_LATE = 500
"""Row numbers that each step reads again: on PostgreSQL a lower one may be committed after a higher one."""


@dataclass(slots=True)
class Tail:
    """Reads from the last `count` events onwards; returns each event once."""

    database: Database
    count: int = 10
    _floor: int | None = None
    _last: int = 0
    _seen: deque[int] = field(default_factory=lambda: deque(maxlen=2 * MAY_COME_LATE))

    async def step(self) -> list[Any]:
        """Return up to a page of rows `(seq, payload, published_at, parked_at)` that were not returned before."""
        if self._floor is None:
            self._floor = self._last = max(await self.database.read(find_newest) - self.count, 0)
        begin = max(self._floor, self._last - MAY_COME_LATE)
        rows = await self.database.read(lambda connection: list_recorded(connection, begin, PAGE + MAY_COME_LATE))
        seen = set(self._seen)
        news = [row for row in rows if row.seq not in seen][:PAGE]
        self._seen.extend(row.seq for row in news)
        self._last = max([self._last, *(row.seq for row in news)])
        return news


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
