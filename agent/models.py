"""The tables of the conversations, their turns with their journals, and the calls that wait for agreement."""

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel


class ChatConversation(SQLModel, table=True):
    """A person's conversation; `key` is a chat client's own id of it.

    One that began with a token for lists has the token's id as `bound_to`: that token alone goes on with it.
    """

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
    bound_to: str | None = None


class Turn(SQLModel, table=True):
    """One message of the person and everything that followed it.

    `state` is `running`, then `done`, `waiting` (for the person's agreement), `stopped` (by the person), `failed` (by
    the model) or `interrupted` (its process died). While the turn runs, `held_until` is the end of its process's lease,
    and `stop_wanted` asks it to end after its running call. `key` is the client's own id of the message; the same key
    again means the same turn.
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
    """An entry of a turn's journal: a model's `answer` or the `result` of one call; `payload` is its JSON."""

    __tablename__ = "turn_step"

    turn_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    kind: str
    payload: str
    at: str


class PendingCall(SQLModel, table=True):
    """A call that waits for the person's agreement; outside of a conversation they repeat its `code`."""

    __tablename__ = "pending_call"

    confirmation_id: str = Field(primary_key=True)
    user_id: str
    conversation_id: str | None = None
    code: str
    name: str
    arguments: str
    summary: str
    asked_at: str
