"""The lease that lets one of several processes on a database do the background work."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, bindparam, case, func, select, update
from sqlmodel import Field, SQLModel

from events.sql import HotInsert, HotQuery, table_of


class LeaseRow(SQLModel, table=True):
    """A lease's holder and expiry (milliseconds since 1970 by the database's clock); `epoch` counts the holders."""

    __tablename__ = "lease"

    name: str = Field(primary_key=True)
    holder: str
    epoch: int
    expires_ms: int = Field(sa_type=BigInteger)


_T = table_of(LeaseRow)
# The database's clock, so that processes whose clocks disagree still agree on expiry.
_NOW = func.now_ms()
_SELECT = HotQuery(select(_T.c.holder, _T.c.expires_ms, _NOW.label("now")).where(_T.c.name == bindparam("key")))
# One statement tests and takes: of two processes that try at once, the second sees the row that the first wrote.
_TAKE = (
    update(_T)
    .where(_T.c.name == bindparam("key"), (_T.c.holder == bindparam("who")) | (_T.c.expires_ms <= _NOW))
    .values(
        holder=bindparam("who"),
        epoch=case((_T.c.holder == bindparam("who"), _T.c.epoch), else_=_T.c.epoch + 1),
        expires_ms=_NOW + bindparam("ttl", type_=BigInteger),
    )
)
_FIRST = HotInsert(lambda insert: insert(_T).on_conflict_do_nothing())


@dataclass(frozen=True, slots=True)
class Lease:
    """One process's claim on the background work; after `ttl_ms` without renewal others may take it."""

    holder: str
    name: str = "background"
    ttl_ms: int = 1_300

    def is_free(self, connection: Connection) -> bool:
        """Return whether this holder could take the lease now; reads only."""
        row = _SELECT.first(connection, {"key": self.name})
        return row is None or row.holder == self.holder or row.expires_ms <= row.now

    def is_held(self, connection: Connection) -> bool:
        """Return whether any process holds the lease now."""
        row = _SELECT.first(connection, {"key": self.name})
        return row is not None and row.expires_ms > row.now

    def acquire(self, connection: Connection) -> bool:
        """Take or renew the lease; return whether this holder has it now."""
        if self._take(connection):
            return True
        row = {"name": self.name, "holder": "", "epoch": 0, "expires_ms": 0}
        return _FIRST.run(connection, row) == 1 and self._take(connection)

    def release(self, connection: Connection) -> None:
        """Release the lease at once if this holder has it."""
        connection.execute(update(_T).where(_T.c.name == self.name, _T.c.holder == self.holder).values(expires_ms=0))

    def _take(self, connection: Connection) -> bool:
        key = {"key": self.name, "who": self.holder, "ttl": self.ttl_ms}
        return connection.execute(_TAKE, key).rowcount == 1
