"""The list of all tables of the product, for migrations and their test."""

from sqlmodel import SQLModel

from agent.models import ChatConversation, PendingCall, Turn, TurnStep
from app.access.models import Credential, OAuthClient, OAuthStep, OutsideLogin, RateEntry
from events.dead_letters import DeadLetter
from events.embedded import Delivery
from events.inbox import InboxEntry
from events.lease import LeaseRow
from events.outbox import OutboxEntry
from events.sql import table_of
from todo.channels.models import Channel, ChannelDelivery, Presence, ServiceKey
from todo.record.list_models import ChangeList, TaskList
from todo.record.models import (
    Activity,
    Calendar,
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
    Calendar,
    Change,
    ChangeItem,
    ChangeList,
    ChangeSeries,
    Channel,
    ChannelDelivery,
    ChatConversation,
    Confirmation,
    CountedTask,
    Credential,
    DayCount,
    DeadLetter,
    Delivery,
    InboxEntry,
    LeaseRow,
    Notification,
    OAuthClient,
    OAuthStep,
    OutboxEntry,
    OutsideLogin,
    PendingCall,
    Plan,
    Presence,
    RateEntry,
    Recurrence,
    Reminder,
    RequestEntry,
    ServiceKey,
    Task,
    TaskList,
    TaskTag,
    Turn,
    TurnStep,
    User,
)
TABLES = tuple(table_of(model) for model in _MODELS)
"""Every table except the search index, a virtual table of SQLite that its migration creates."""
