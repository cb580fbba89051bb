"""The removal of a person: every row that is theirs, in every table."""

from sqlalchemy import Connection, Select, Table, delete, select, text

from agent.models import ChatConversation, PendingCall, Turn, TurnStep
from app.access.models import Credential, OAuthStep, OutsideLogin, RateEntry
from app.access.people import find_person
from events.dead_letters import DeadLetter
from events.embedded import Delivery
from events.inbox import InboxEntry
from events.outbox import OutboxEntry
from events.sql import is_sqlite, table_of
from todo.record.models import (
    Activity,
    Change,
    ChangeItem,
    ChangeSeries,
    Confirmation,
    CountedTask,
    DayCount,
    Notification,
    Plan,
    Recurrence,
    Reminder,
    RequestEntry,
    Task,
    TaskTag,
    User,
)

_TASK, _CHANGE, _OUTBOX = table_of(Task), table_of(Change), table_of(OutboxEntry)
_CHAT, _TURN = table_of(ChatConversation), table_of(Turn)
_DEAD = table_of(DeadLetter)

OWNED = tuple(
    table_of(model)
    for model in (
        Activity,
        Change,
        ChatConversation,
        Confirmation,
        Credential,
        DayCount,
        Notification,
        OAuthStep,
        OutboxEntry,
        OutsideLogin,
        PendingCall,
        Plan,
        Recurrence,
        Reminder,
        RequestEntry,
        Task,
        TaskTag,
    )
)
"""The tables whose rows name their person."""
BELONGING = tuple(
    table_of(model) for model in (ChangeItem, ChangeSeries, CountedTask, Delivery, InboxEntry, Turn, TurnStep)
)
"""The tables whose rows belong to a row of those."""
BELONGING = tuple(
    table_of(model) for model in (ChangeItem, ChangeSeries, CountedTask, Delivery, InboxEntry, Turn, TurnStep)
)
"""The tables whose rows belong to a row of those."""


def remove_person(connection: Connection, name: str) -> int:
    """Erase a person and every row of theirs; return how many tasks went.

    Events that were published stay with those who consumed them; those that were not published yet are never sent.
    Raises `PersonNotFound`.
    """
    user_id = str(find_person(connection, name).id)
    tasks = select(_TASK.c.id).where(_TASK.c.user_id == user_id)
    events = select(_OUTBOX.c.event_id).where(_OUTBOX.c.user_id == user_id)
    changes = select(_CHANGE.c.id).where(_CHANGE.c.user_id == user_id)
    turns = select(_TURN.c.id).where(_TURN.c.conversation_id.in_(select(_CHAT.c.id).where(_CHAT.c.user_id == user_id)))
    _delete_where(connection, table_of(ChangeItem), "change_id", changes)
    _delete_where(connection, table_of(ChangeSeries), "change_id", changes)
    _delete_where(connection, table_of(CountedTask), "task_id", tasks)
    _delete_where(connection, table_of(Delivery), "event_id", events)
    _delete_where(connection, table_of(InboxEntry), "event_id", events)
    _delete_where(connection, table_of(TurnStep), "turn_id", turns)
    _delete_where(connection, _TURN, "id", turns)
    connection.execute(delete(table_of(RateEntry)).where(table_of(RateEntry).c.key.startswith(f"person:{user_id}:")))
    connection.execute(delete(_DEAD).where(_DEAD.c.payload.contains(f'"{user_id}"', autoescape=True)))
    if is_sqlite(connection):
        numbers = "SELECT number FROM task WHERE user_id = :user"
        connection.execute(text(f"DELETE FROM task_search WHERE rowid IN ({numbers})"), {"user": user_id})  # noqa: S608  # no input in it
    removed = 0
    for table in OWNED:
        count = connection.execute(delete(table).where(table.c.user_id == user_id)).rowcount
        removed = count if table is _TASK else removed
    person = table_of(User)
    connection.execute(delete(person).where(person.c.id == user_id))
    return removed


def _delete_where(connection: Connection, table: Table, column: str, keys: Select[tuple[str]]) -> None:
    connection.execute(delete(table).where(table.c[column].in_(keys)))
