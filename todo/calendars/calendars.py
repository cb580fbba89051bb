"""The calendar feeds of a person: made, listed, ended, and found by their secret address."""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field
from pydantic_core import from_json, to_json
from sqlalchemy import Connection, bindparam, delete, func, insert, select
from typing_extensions import TypedDict

from events.sql import table_of
from todo.calendars.feed import Filter
from todo.errors import InvalidArguments
from todo.record.lists import find_list, name_lists
from todo.record.models import Calendar, User
from todo.record.shapes import ListRef, Texts
from todo.record.work import Work
from todo.requests.parts import ListName, Tags
from todo.requests.request import Request
from todo.text.display import quote_title
from todo.text.search_words import fold_tag

MOST = 20
"""Feeds of one person."""
_C, _P = table_of(Calendar), table_of(User)
_OWN = _C.c.user_id == bindparam("user")
_LIST = select(_C).where(_OWN).order_by(_C.c.id)
_COUNT = select(func.count()).select_from(_C).where(_OWN)
_DELETE = delete(_C).where(_C.c.id == bindparam("key"), _OWN)
_FIND = (
    select(_C.c.id, _C.c.user_id, _C.c.name, _C.c.tags, _C.c.done, _C.c.list_id)
    .join(_P, _P.c.id == _C.c.user_id)
    .where(_C.c.digest == bindparam("digest"), _P.c.disabled_at.is_(None))
)


class CreateCalendar(Request):
    """What a new feed shows."""

    name: Annotated[str, Field(min_length=1, max_length=64)] = "Tasks"
    tags: Annotated[Tags | None, Field(description="Only tasks with all of these")] = None
    list: Annotated[ListName | None, Field(description="Only tasks of this list, by its name")] = None
    done: Annotated[bool, Field(description="Completed tasks of the last 90 days too")] = False


class CalendarView(TypedDict):
    """A feed as its person sees it; `url` stands only in the answer that made it."""

    id: str
    name: str
    tags: Texts
    list: NotRequired[ListRef]
    done: bool
    created_at: str
    url: NotRequired[str]


class FoundCalendar(TypedDict):
    """A feed that an address leads to."""

    id: str
    user_id: str
    name: str
    filter: Filter


def create_calendar(work: Work, request: CreateCalendar, digest: str) -> CalendarView:
    """Make a feed whose secret has this SHA-256; raises `InvalidArguments` if there are too many."""
    if work.connection.execute(_COUNT, {"user": work.who.user_id}).scalar_one() >= MOST:
        raise InvalidArguments(f"There are {MOST} calendars already.", "End one that is not used any more.")
    row: dict[str, Any] = {
        "id": work.ids.new(),
        "user_id": work.who.user_id,
        "name": request.name,
        "digest": digest,
        "tags": to_json(sorted({fold_tag(tag) for tag in request.tags or []})).decode(),
        "done": request.done,
        "created_at": work.at,
        "list_id": _choose_list(work, request.list),
    }
    work.connection.execute(insert(_C), row)
    return _view(work, row)


def list_calendars(work: Work) -> list[CalendarView]:
    """Return the caller's feeds, oldest first."""
    rows = work.connection.execute(_LIST, {"user": work.who.user_id})
    return [_view(work, row._asdict()) for row in rows]


def delete_calendar(work: Work, calendar_id: str) -> bool:
    """End a feed; return whether there was one."""
    return work.connection.execute(_DELETE, {"key": calendar_id, "user": work.who.user_id}).rowcount > 0


def find_calendar(connection: Connection, digest: str) -> FoundCalendar | None:
    """Return the feed whose secret has this SHA-256, if its person may still use the service."""
    row = connection.execute(_FIND, {"digest": digest}).one_or_none()
    if row is None:
        return None
    wanted = Filter(frozenset(from_json(row.tags)), bool(row.done), row.list_id)
    return {"id": row.id, "user_id": row.user_id, "name": row.name, "filter": wanted}


def _choose_list(work: Work, name: str | None) -> str | None:
    """Return the id of the list that a feed is limited to; raises `InvalidArguments` for a name that no list has."""
    if name is None:
        return None
    row = find_list(work, name)
    if row is None:
        raise InvalidArguments(f"There is no list {quote_title(name)}.", "GET /api/lists shows all lists.")
    return row["id"]


def _view(work: Work, row: Mapping[str, Any]) -> CalendarView:
    made = f"{row['created_at'][:19]}Z"
    done, tags = bool(row["done"]), from_json(row["tags"])
    view: CalendarView = {"id": row["id"], "name": row["name"], "tags": tags, "done": done, "created_at": made}
    if row["list_id"] is not None:
        view["list"] = {"id": row["list_id"], "name": name_lists(work, [row["list_id"]])[row["list_id"]]}
    return view
