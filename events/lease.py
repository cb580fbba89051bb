"""A lease: of several processes on one database, the one that does the background work."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.dialects.sqlite import insert
from sqlmodel import Field, SQLModel

from events.tables import table_of


class LeaseRow(SQLModel, table=True):
    """Who holds a lease, until when (milliseconds since 1970 by the database's clock); `epoch` counts the holders."""

    __tablename__ = "lease"

    name: str = Field(primary_key=True)
    holder: str
    epoch: int
    expires_ms: int


_T = table_of(LeaseRow)
# The database's clock, so that processes whose clocks disagree still agree on expiry.
_CLOCK = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
_NOW_MS = text(f"SELECT {_CLOCK}")
_SELECT = select(_T.c.holder, _T.c.epoch, _T.c.expires_ms).where(_T.c.name == bindparam("key"))
_EXTEND = text(
    f"UPDATE lease SET expires_ms = {_CLOCK} + :ttl WHERE name = :key AND holder = :who AND expires_ms > {_CLOCK}"  # noqa: S608  # no part of it comes from outside
)
_RENEW = (
    update(_T)
    .where(_T.c.name == bindparam("key"))
    .values(holder=bindparam("who"), epoch=bindparam("next_epoch"), expires_ms=bindparam("until"))
)


@dataclass(frozen=True, slots=True)
class Lease:
    """One process's claim on the background work; `ttl_ms` bounds how long a dead holder keeps others waiting."""

    holder: str
    name: str = "background"
    ttl_ms: int = 1_300

    def is_free(self, connection: Connection) -> bool:
        """Return whether this holder could have the lease now; reads only."""
        row = connection.execute(_SELECT, {"key": self.name}).one_or_none()
        return row is None or row.holder == self.holder or row.expires_ms <= _read_clock(connection)

    def is_held(self, connection: Connection) -> bool:
        """Return whether anybody holds the lease now."""
        row = connection.execute(_SELECT, {"key": self.name}).one_or_none()
        return row is not None and row.expires_ms > _read_clock(connection)

    def acquire(self, connection: Connection) -> bool:
        """Take or renew the lease; return whether this holder has it now."""
        if connection.execute(_EXTEND, {"key": self.name, "who": self.holder, "ttl": self.ttl_ms}).rowcount == 1:
            return True
        row = connection.execute(_SELECT, {"key": self.name}).one_or_none()
        now = _read_clock(connection)
        if row is None:
            connection.execute(
                insert(_T).on_conflict_do_nothing(),
                {"name": self.name, "holder": self.holder, "epoch": 1, "expires_ms": now + self.ttl_ms},
            )
            return True
        if row.holder != self.holder and row.expires_ms > now:
            return False
        epoch = row.epoch if row.holder == self.holder else row.epoch + 1
        connection.execute(
            _RENEW, {"key": self.name, "who": self.holder, "next_epoch": epoch, "until": now + self.ttl_ms}
        )
        return True

    def release(self, connection: Connection) -> None:
        """Give the lease up at once, if this holder has it."""
        connection.execute(update(_T).where(_T.c.name == self.name, _T.c.holder == self.holder).values(expires_ms=0))


def _read_clock(connection: Connection) -> int:
    return int(connection.execute(_NOW_MS).scalar_one())
