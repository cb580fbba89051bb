"""What a person reads beside tasks: notifications, activity, statistics, settings."""

from collections.abc import Sequence
from typing import Any, TypedDict

from sqlalchemy import Connection, Table, bindparam, func, select, update

from events.outbox import OutboxEntry
from events.positions import MAY_COME_LATE, Position, advance, find_end
from events.sql import is_sqlite, table_of
from todo.errors import InvalidArguments, TaskNotFound
from todo.record.models import NO_DEADLINE, Activity, Notification, TaskTag, User
from todo.record.queries import TASK
from todo.record.work import Work
from todo.requests import paging
from todo.requests.settings import UpdateMe
from todo.rings import stop_rings
from todo.text import when

_N = table_of(Notification)
_A = table_of(Activity)
_U = table_of(User)
_TAG = table_of(TaskTag)

_CHOSEN = ("quiet_from", "quiet_until", "nag_minutes", "history_days")
_ME = select(_U).where(_U.c.id == bindparam("user"))
_NUMBERED = (table_of(OutboxEntry), _N, _A)
_NEWEST_ROWS = select(*(select(func.max(table.c.seq)).scalar_subquery() for table in _NUMBERED))
# A row that is committed late under a lower number changes only the count.
_NEWEST_COUNTS = select(
    *(
        select(func.count())
        .where(table.c.seq > select(func.max(table.c.seq)).scalar_subquery() - MAY_COME_LATE)
        .scalar_subquery()
        for table in _NUMBERED
    )
)
# One step along the index for each person, however many tasks they have.
_NEXT_DEADLINE = select(
    func.min(
        select(func.min(TASK.c.deadline))
        .where(
            *(TASK.c.user_id == _U.c.id, TASK.c.kind == "task", TASK.c.status == "open", TASK.c.deleted_at.is_(None)),
            *(TASK.c.deadline >= bindparam("since"), TASK.c.deadline < NO_DEADLINE),
        )
        .correlate(_U)
        .scalar_subquery()
    )
).select_from(_U)


class NotificationView(TypedDict):
    """A reminder that rang, as the person sees it."""

    id: str
    event_id: str
    task_id: str
    title: str
    text: str
    remind_at: str
    late_by_seconds: int
    read: bool


class ActivityEntry(TypedDict):
    """One line of the activity feed."""

    event_id: str
    type: str
    task_id: str
    version: int
    timestamp: str
    text: str


def list_notifications(work: Work, limit: int = 50, unread: bool = False) -> dict[str, Any]:
    """Return `{notifications: […]}`, newest first; with `unread` only those that are not read."""
    listed = select(_N).where(_N.c.user_id == work.who.user_id)
    if unread:
        listed = listed.where(_N.c.read.is_(False))
    rows = work.connection.execute(listed.order_by(_N.c.seq.desc()).limit(limit))
    return {"notifications": [_view_notification(row._asdict()) for row in rows]}


def read_notification(work: Work, notification_id: str) -> NotificationView:
    """Mark one notification as read, so that its reminder does not ring again, and return it.

    Raises `TaskNotFound` for an unknown id.
    """
    owned = (_N.c.id == notification_id) & (_N.c.user_id == work.who.user_id)
    work.connection.execute(update(_N).where(owned).values(read=True))
    row = work.connection.execute(select(_N).where(owned)).one_or_none()
    if row is None:
        raise TaskNotFound("There is no notification with this id.", "GET /api/notifications lists them.")
    stop_rings(work, row.task_id)
    return _view_notification(row._asdict())


def list_activity(work: Work, limit: int = 50, cursor: str | None = None) -> dict[str, Any]:
    """Return `{entries: […], next_cursor?}`, newest first."""
    statement = select(_A).where(_A.c.user_id == work.who.user_id)
    if cursor is not None:
        statement = statement.where(_A.c.seq < paging.read_number(cursor))
    rows = work.connection.execute(statement.order_by(_A.c.seq.desc()).limit(limit + 1)).all()
    page, next_cursor = paging.cut_page(rows, limit, lambda row: str(row.seq))
    view: dict[str, Any] = {"entries": [_view_activity(row._asdict()) for row in page]}
    return view if next_cursor is None else {**view, "next_cursor": next_cursor}


def get_me(work: Work) -> dict[str, Any]:
    """Return `{user_id, zone, day_start, quiet_from?, quiet_until?, nag_minutes?, history_days?, now,
    instant}`.

    `now` is in words, `instant` the same as an instant.
    """
    row = work.connection.execute(_ME, {"user": work.who.user_id}).one()
    given = {name: getattr(row, name) for name in _CHOSEN if getattr(row, name) is not None}
    return {
        "user_id": row.id,
        "zone": row.zone,
        "day_start": row.day_start,
        **given,
        "now": when.say_now(work.now, when.read_zone(row.zone)),
        "instant": work.at,
    }


def update_me(work: Work, request: UpdateMe) -> dict[str, Any]:
    """Change the person's zone, start of day, quiet hours, nagging or history, and explain the effect on dues."""
    values: dict[str, Any] = {} if request.day_start is None else {"day_start": request.day_start}
    values |= _read_chosen(work, request)
    if request.zone is not None:
        values["zone"] = when.read_zone(request.zone).key
    if values:
        work.connection.execute(update(_U).where(_U.c.id == work.who.user_id).values(**values))
        work.people.pop(work.who.user_id, None)
    view = get_me(work)
    if "zone" in values:
        _move_deadlines(work, values["zone"])
        view["message"] = (
            f"Times are shown in {values['zone']} from now on. Tasks with a time keep their instant; tasks with only "
            "a date keep their date and end with that day here. Recurring tasks keep their own zone; "
            "update_recurring_task with zone moves one. Reminders that are set already keep their instant."
        )
    return view


def _read_chosen(work: Work, request: UpdateMe) -> dict[str, Any]:
    """Return what a call changes of what may be left out; raises `InvalidArguments` for half of the quiet hours."""
    values: dict[str, Any] = dict.fromkeys(request.clear or ())
    values |= {name: value for name in _CHOSEN if (value := getattr(request, name)) is not None}
    if not {"quiet_from", "quiet_until"} & values.keys():
        return values
    row = work.connection.execute(_ME, {"user": work.who.user_id}).one()
    begin, end = (values.get(name, getattr(row, name)) for name in ("quiet_from", "quiet_until"))
    if (begin is None) != (end is None) or (begin is not None and begin == end):
        raise InvalidArguments(
            "Quiet hours have a beginning and an end.", 'Give both, such as "22:00" and "07:00", or null for both.'
        )
    return values


def next_deadline(connection: Connection, since: str) -> str | None:
    """Return the first deadline at or after `since` of any user's open task; None if there is none."""
    deadline: str | None = connection.execute(_NEXT_DEADLINE, {"since": since}).scalar_one()
    return deadline


def newest_rows(connection: Connection) -> Sequence[int | None]:
    """Return numbers of the newest events, notifications and activity over all users; each commit changes one."""
    newest = tuple(connection.execute(_NEWEST_ROWS).one())
    return newest if is_sqlite(connection) else (*newest, *connection.execute(_NEWEST_COUNTS).one())


def newest_positions(work: Work) -> tuple[Position, Position]:
    """Return the positions after all notifications and all activity."""
    return find_end(work.connection, _N.c.seq), find_end(work.connection, _A.c.seq)


def feed_after(
    work: Work, rang: Position, happened: Position
) -> tuple[list[tuple[Position, NotificationView]], list[tuple[Position, ActivityEntry]]]:
    """Return notifications and activity after two positions as `[(position, view)]`, oldest first, at most 200 each.

    Each comes with the position after it, so that a reader who leaves there and comes back meets each row once.
    """
    return (
        [(position, _view_notification(row)) for position, row in _rows_after(work, _N, rang)],
        [(position, _view_activity(row)) for position, row in _rows_after(work, _A, happened)],
    )


def _rows_after(work: Work, table: Table, position: Position) -> list[tuple[Position, dict[str, Any]]]:
    number = table.c.seq
    statement = select(table).where(table.c.user_id == work.who.user_id, position.ahead(number))
    rows = []
    for row in work.connection.execute(statement.order_by(number).limit(200)).all():
        position = advance(work.connection, number, position, [row.seq])
        rows.append((position, row._asdict()))
    return rows


def _move_deadlines(work: Work, zone_name: str) -> None:
    """Move the deadlines of date-only tasks to the end of their day in the new zone, one statement per date.

    A start that is a date moves to the beginning of its day.
    """
    zone = when.read_zone(zone_name)
    mine = (TASK.c.user_id == work.who.user_id) & TASK.c.deleted_at.is_(None)
    dated = mine & (TASK.c.zone.is_(None)) & (TASK.c.deadline != NO_DEADLINE)
    for (due,) in work.connection.execute(select(TASK.c.due).where(dated).distinct()).all():
        deadline = when.deadline_of(due, zone)
        same = mine & (TASK.c.due == due)
        work.connection.execute(
            update(_TAG).where(_TAG.c.task_id.in_(select(TASK.c.id).where(same))).values(deadline=deadline)
        )
        work.connection.execute(update(TASK).where(same).values(deadline=deadline))
    begun = mine & TASK.c.start.is_not(None) & (func.length(TASK.c.start) == len("2026-11-27"))
    for (start,) in work.connection.execute(select(TASK.c.start).where(begun).distinct()).all():
        same = mine & (TASK.c.start == start)
        work.connection.execute(update(TASK).where(same).values(starts_at=when.begins_at(start, zone)))


def _view_notification(row: dict[str, Any]) -> NotificationView:
    return {
        "id": row["id"],
        "event_id": row["id"],
        "task_id": row["task_id"],
        "title": row["title"],
        "text": row["text"],
        "remind_at": row["remind_at"],
        "late_by_seconds": row["late_by_seconds"],
        "read": bool(row["read"]),
    }


def _view_activity(row: dict[str, Any]) -> ActivityEntry:
    return {
        "event_id": row["event_id"],
        "type": row["type"],
        "task_id": row["task_id"],
        "version": row["version"],
        "timestamp": row["timestamp"],
        "text": row["text"],
    }
