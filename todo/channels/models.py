"""The tables of channels: where a person is reached, and what goes there."""

from sqlalchemy import ColumnElement, Index, literal_column
from sqlmodel import Field, SQLModel

from events.sql import RowNumber, only_where

AT_ONCE = "0001-01-01T00:00:00.000000Z"
"""The time of a delivery that was never attempted: due by any clock, since another may have been ahead."""
BEHIND = "9999-12-31T23:59:59.999999Z"
"""The time of a delivery that waits behind an earlier one of its task: it has none of its own until that one ends."""

WAITING: ColumnElement[str] = literal_column("'waiting'")
RING: ColumnElement[str] = literal_column("'ring'")
"""Written into the statement, since no database uses a partial index for a value that it learns later."""
_WAITING = "state = 'waiting'"


class Channel(SQLModel, table=True):
    """One way to reach a person: `webpush`, `ntfy`, `email`, `webhook` or `apprise`.

    `address` and `secrets` (JSON) are shown masked; `receiver` is what answers there. `events` is a JSON list of event
    types. `next_at` is when the channel has something to send, None if nothing waits. `failures` counts the attempts in
    a row that failed, since `failing_since`; after some of them the channel rests until `paused_until`. `ended` says in
    words why the service has switched the channel off. `confirmed_at` is when the owner of an e-mail address said that
    it is theirs; until then nothing but that question goes there.
    """

    __tablename__ = "channel"
    __table_args__ = (
        Index("ix_channel_user", "user_id"),
        Index("ix_channel_next", "next_at", "receiver", "id", **only_where("next_at IS NOT NULL")),
        Index("ix_channel_address", "address"),
    )

    id: str = Field(primary_key=True)
    user_id: str
    kind: str
    name: str
    enabled: bool = True
    events: str
    address: str
    secrets: str = "{}"
    created_at: str
    next_at: str | None = None
    failures: int = 0
    failing_since: str | None = None
    paused_until: str | None = None
    last_success_at: str | None = None
    last_failure_at: str | None = None
    last_failure: str | None = None
    ended: str | None = None
    confirmed_at: str | None = None
    receiver: str = ""


class ChannelDelivery(SQLModel, table=True):
    """One event on its way to one channel: `waiting`, then `sent`, `dropped` or `given_up`, with the reason in words.

    `what` is `ring` for a reminder that reaches a person, `event` for a program's copy of an event, `clear` to take
    back what was shown, `test` for a test. `next_at` is the next attempt, or the end of the lease of one that runs.
    After `expires_at` it is given up. `used` holds the actions whose buttons were used; `cleared` says that what was
    shown is taken back, or will be.
    """

    __tablename__ = "channel_delivery"
    __table_args__ = (
        Index("ux_channel_delivery", "channel_id", "event_id", "what", unique=True),
        Index("ix_channel_delivery_channel", "channel_id", "number"),
        Index("ix_channel_delivery_due", "channel_id", "next_at", **only_where(_WAITING)),
        Index("ix_channel_delivery_expires", "channel_id", "expires_at", **only_where(_WAITING)),
        Index("ix_channel_delivery_task", "channel_id", "task_id", "number", **only_where(_WAITING)),
        Index("ix_channel_delivery_rings", "user_id", "task_id", **only_where("what = 'ring'")),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=RowNumber)
    id: str = Field(unique=True)
    user_id: str
    channel_id: str
    what: str
    event_id: str
    event_type: str
    task_id: str
    reminder_id: str | None = None
    sequence: int | None = None
    urgent: bool = False
    made_at: str
    next_at: str
    expires_at: str
    state: str = "waiting"
    attempts: int = 0
    reason: str | None = None
    done_at: str | None = None
    used: str = ""
    cleared: bool = False


class Presence(SQLModel, table=True):
    """Until when a page of a person is taken to be in their sight."""

    __tablename__ = "presence"

    user_id: str = Field(primary_key=True)
    seen_until: str


class ServiceKey(SQLModel, table=True):
    """A key of the service itself, made once: all its processes need the same one."""

    __tablename__ = "service_key"

    name: str = Field(primary_key=True)
    value: str
