"""What went to channels is forgotten some time after it ended."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, select

from events.instants import write_instant
from events.sql import table_of
from todo.channels.models import WAITING, ChannelDelivery

KEPT_FOR = timedelta(days=30)
"""How long a delivery that has ended can be looked at."""

_D = table_of(ChannelDelivery)
_OLDEST = select(_D.c.number).order_by(_D.c.number).limit(bindparam("limit")).subquery()
_FORGET = delete(_D).where(
    _D.c.number.in_(select(_OLDEST.c.number)), _D.c.state != WAITING, _D.c.made_at < bindparam("before")
)


def forget_old(connection: Connection, now: datetime, limit: int) -> int:
    """Remove those that ended long ago of the oldest deliveries, at most `limit`; return how many."""
    return connection.execute(_FORGET, {"before": write_instant(now - KEPT_FOR), "limit": limit}).rowcount
