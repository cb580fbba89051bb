"""The service's own keys: made once, kept in the database that all its processes share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, select

from app.storage.port import Database
from events.sql import HotInsert, table_of
from todo.channels.models import ServiceKey

_T = table_of(ServiceKey)
_FIND = select(_T.c.value).where(_T.c.name == bindparam("key"))
_INSERT = HotInsert(lambda insert: insert(_T).on_conflict_do_nothing())


@dataclass(slots=True)
class ServiceKeys:
    """Finds keys by name and remembers them; a missing one is made."""

    database: Database
    _known: dict[str, str] = field(default_factory=dict)

    async def find(self, name: str, make: Callable[[], str]) -> str:
        """Return a key; of two processes that make it at once, one makes it for both."""
        if name not in self._known:
            found: str | None = await self.database.read(
                lambda connection: connection.execute(_FIND, {"key": name}).scalar_one_or_none()
            )
            if found is None:
                made = make()
                found = await self.database.write(lambda connection: _keep(connection, name, made))
            self._known[name] = found
        return self._known[name]


def _keep(connection: Connection, name: str, made: str) -> str:
    _INSERT.run(connection, {"name": name, "value": made})
    kept: str = connection.execute(_FIND, {"key": name}).scalar_one()
    return kept
