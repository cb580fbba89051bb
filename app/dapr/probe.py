"""The probe of the round trip through the broker: published and received like an event, without any effect."""
# It travels on a dead-letter topic, to which only the product subscribes: no other consumer receives it, or could drop
# it into its own dead letters.

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, delete, select

from events.catalog import SOURCE
from events.inbox import InboxEntry, find_new
from events.sql import table_of

CONSUMER = "doctor"
TYPE = "self.test"
_T = table_of(InboxEntry)
_OURS = _T.c.consumer == CONSUMER


def write_probe(probe_id: str, at: str) -> str:
    """Return a probe as a CloudEvent whose type belongs to none of the events."""
    envelope = {"specversion": "1.0", "id": probe_id, "source": SOURCE, "type": TYPE, "time": at, "data": {}}
    return to_json(envelope).decode()


def read_probe(body: bytes) -> str | None:
    """Return the id of a probe; None for any other body."""
    if TYPE.encode() not in body or len(body) > 4_096:
        return None
    try:
        envelope = from_json(body)
        if (envelope["source"], envelope["type"]) != (SOURCE, TYPE):
            return None
        return str(envelope["id"])[:64]
    except (ValueError, LookupError, TypeError):
        return None


def note_probe(connection: Connection, probe_id: str, now: str) -> None:
    """Record the arrival of a probe."""
    find_new(connection, CONSUMER, [probe_id], now)


def has_arrived(connection: Connection, probe_id: str) -> bool:
    """Return whether a probe has arrived."""
    return connection.execute(select(_T.c.event_id).where(_OURS, _T.c.event_id == probe_id)).first() is not None


def forget_probe(connection: Connection, probe_id: str) -> None:
    """Delete the record of a probe."""
    connection.execute(delete(_T).where(_OURS, _T.c.event_id == probe_id))
