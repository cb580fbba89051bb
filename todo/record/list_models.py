"""The tables of lists and of their part in changes."""

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from events.sql import only_where


class TaskList(SQLModel, table=True):
    """A person's list of tasks; a task in none is in the inbox.

    `name_key` is the name without case and accents, unique among a person's living lists. Lists are shown by
    `position`, from 1. Tasks of an archived one are shown only where it is named.
    """

    __tablename__ = "task_list"
    __table_args__ = (
        Index("ux_task_list_name", "user_id", "name_key", unique=True, **only_where("deleted_at IS NULL")),
    )

    id: str = Field(primary_key=True)
    user_id: str
    name: str
    name_key: str
    position: int
    archived: bool = False
    created_at: str
    deleted_at: str | None = None


class ChangeList(SQLModel, table=True):
    """One list's part in a change: its row before and after, as JSON; no `before` = made by it."""

    __tablename__ = "change_list"

    change_id: str = Field(primary_key=True)
    list_id: str = Field(primary_key=True)
    user_id: str
    before: str | None = None
    after: str
