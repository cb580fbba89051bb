"""The tables of the conversation: what was said, and the journal of each turn."""

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel


class ChatConversation(SQLModel, table=True):
    """A person's conversation; `key` is the id under which a chat client knows it."""

    __tablename__ = "conversation"
    __table_args__ = (
        UniqueConstraint("user_id", "key"),
        Index("ix_conversation_newest", "user_id", "updated_at", "id"),
    )

    id: str = Field(primary_key=True)
    user_id: str
    key: str | None = None
    title: str
    created_at: str
    updated_at: str


class Turn(SQLModel, table=True):
    """One message of the person and all that followed it.

    `state` is `running`, then `done`, `waiting` (for the person's agreement), `stopped` (by them), `failed` (by the
    model) or `interrupted` (its process ended). While it runs, `held_until` says until when its process is believed to
    live, and `stop_wanted` that it is to end after its present call. `key` is the client's own id of the message: the
    same one again is the same turn.
    """

    __tablename__ = "turn"
    __table_args__ = (
        UniqueConstraint("conversation_id", "number"),
        UniqueConstraint("conversation_id", "key"),
    )

    id: str = Field(primary_key=True)
    conversation_id: str
    number: int
    key: str | None = None
    model: str
    client: str
    message: str
    state: str
    text: str = ""
    problem: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    started_at: str
    ended_at: str | None = None
    held_until: str
    stop_wanted: bool = False


class TurnStep(SQLModel, table=True):
    """The journal of a turn: a model's `answer` (text and calls), or the `result` of one call; `payload` is JSON."""

    __tablename__ = "turn_step"

    turn_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    kind: str
    payload: str
    at: str


class PendingCall(SQLModel, table=True):
    """A call that waits for the person's agreement; without a conversation, `code` is what they repeat."""

    __tablename__ = "pending_call"

    confirmation_id: str = Field(primary_key=True)
    user_id: str
    conversation_id: str | None = None
    code: str
    name: str
    arguments: str
    summary: str
    asked_at: str
