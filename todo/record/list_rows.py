"""The shapes of lists as rows."""

from typing_extensions import TypedDict  # typing has one that pydantic reads from Python 3.12 on


class ListColumns(TypedDict, total=False):
    """The columns of a list that change."""

    name: str
    name_key: str
    position: int
    archived: bool
    deleted_at: str | None


class ListRow(TypedDict):
    """A row of `task_list`."""

    id: str
    user_id: str
    name: str
    name_key: str
    position: int
    archived: bool
    created_at: str
    deleted_at: str | None
