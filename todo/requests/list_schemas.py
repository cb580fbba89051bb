"""The request models of lists."""

from typing import Annotated, Literal

from pydantic import Field

from todo.requests.parts import Id, ListName, WriteRequest
from todo.requests.request import Request

MOST_POSITION = 200


class ReadLists(Request):
    """Which lists are wanted."""

    archived: Annotated[bool | None, Field(description="Archived ones too")] = None


class CreateList(WriteRequest):
    """Arguments of `create_list`."""

    name: Annotated[ListName, Field(description="1-64 characters; case and accents do not tell two lists apart")]
    position: Annotated[int | None, Field(ge=1, le=MOST_POSITION, description="From 1; default the last")] = None


class UpdateList(WriteRequest):
    """Arguments of `update_list`."""

    list_id: Id
    name: ListName | None = None
    position: Annotated[int | None, Field(ge=1, le=MOST_POSITION, description="From 1; the others move up")] = None
    archived: Annotated[bool | None, Field(description="Its tasks are shown only where it is named")] = None


class DeleteList(WriteRequest):
    """Arguments of `delete_list`."""

    list_id: Id
    tasks: Annotated[Literal["keep", "delete"], Field(description="keep: they go to the inbox")] = "keep"
