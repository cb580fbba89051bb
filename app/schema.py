"""All tables of the product in one place, for migrations and their test."""

from sqlmodel import SQLModel

from agent.models import ChatConversation, PendingCall, Turn, TurnStep
from events.dead import DeadLetter
from events.inbox import InboxEntry
from events.lease import LeaseRow
from events.memory import Delivery
from events.outbox import OutboxEntry
from events.tables import table_of
from todo.models import (
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

_MODELS: tuple[type[SQLModel], ...] = (
    Activity,
    Change,
    ChangeItem,
    ChangeSeries,
    ChatConversation,
    Confirmation,
    CountedTask,
    DayCount,
    DeadLetter,
    Delivery,
    InboxEntry,
    LeaseRow,
    Notification,
    OutboxEntry,
    PendingCall,
    Plan,
    Recurrence,
    Reminder,
    RequestEntry,
    Task,
    TaskTag,
    Turn,
    TurnStep,
    User,
)
TABLES = tuple(table_of(model) for model in _MODELS)
"""Every table; the search index is made by its migration, since it is SQLite's own kind of table."""
