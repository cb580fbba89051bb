"""The news of resources: what the activity feed tells goes to those who listen over MCP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcp.server.subscriptions import ResourceUpdated, SubscriptionBus
from sqlalchemy import func, select

from app.database import Database
from events.tables import table_of
from todo.errors import StorageUnavailable
from todo.models import Activity
from tools.resources import tell_changed

if TYPE_CHECKING:
    from app.main import Service

_A = table_of(Activity)
_NEWEST = select(func.coalesce(func.max(_A.c.seq), 0))
_AFTER = select(_A.c.seq, _A.c.task_id).order_by(_A.c.seq).limit(500)


@dataclass(slots=True)
class News:
    """Follows the activity feed of all users and publishes each task that it names; `wake` when there may be more."""

    database: Database
    bus: SubscriptionBus
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Look for news now."""
        self._more.set()

    async def follow(self) -> None:
        """Publish what comes from now on, until cancelled."""
        last = int(await self.database.read(lambda connection: connection.execute(_NEWEST).scalar_one()))
        while True:
            await self._more.wait()
            self._more.clear()
            with contextlib.suppress(StorageUnavailable):
                last = await self._tell_after(last)

    async def _tell_after(self, last: int) -> int:
        rows = await self.database.read(
            lambda connection: [tuple(row) for row in connection.execute(_AFTER.where(_A.c.seq > last))]
        )
        await tell_changed(self._publish, list(dict.fromkeys(task_id for _, task_id in rows)))
        return int(rows[-1][0]) if rows else last

    async def _publish(self, uri: str) -> None:
        await self.bus.publish(ResourceUpdated(uri=uri))


@asynccontextmanager
async def tell_news(service: "Service") -> AsyncIterator[None]:
    """Tell those who listen of what happens, in this process or another, while the context lasts."""
    news = News(service.database, service.bus)
    service.watchers.listeners.append(news.wake)
    following = asyncio.create_task(news.follow(), name="news")
    try:
        yield
    finally:
        service.watchers.listeners.remove(news.wake)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
