"""A change: what one call did to which tasks, recorded beside it with its events, so that it can be told and undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import bindparam, insert, select

from events.catalog import EventType, TaskEvent
from events.outbox import record_event
from events.sql import HotInsert, table_of
from todo.errors import InvalidArguments, VersionConflict
from todo.record.models import Change, ChangeItem, ChangeSeries, Recurrence
from todo.record.views import View, diff_views
from todo.record.work import Work
from todo.text.display import quote_title, show_text

_C = table_of(Change)
_I = table_of(ChangeItem)
_INSERT_CHANGE = HotInsert(insert(_C))
_INSERT_ITEM = HotInsert(insert(_I))
_INSERT_SERIES = HotInsert(insert(table_of(ChangeSeries)))
_R = table_of(Recurrence)
_RECURRENCE = select(_R).where(_R.c.task_id == bindparam("key"))
_SINCE = (
    select(_I.c.before, _I.c.after, _C.c.actor, _C.c.at)
    .join(_C, _C.c.id == _I.c.change_id)
    .where(_I.c.task_id == bindparam("task_id"), _I.c.version > bindparam("version"), _C.c.user_id == bindparam("user"))
    .order_by(_I.c.version)
)


@dataclass(frozen=True, slots=True)
class Touched:
    """One task's part in a change; `before` is absent for a task that came into being.

    `trigger` is there for an instance that came round: `{recurring_id, occurrence, skipped}`. `restored` marks a task
    that is back: no consumer counts it as new.
    """

    event_type: EventType
    before: View | None
    after: View
    trigger: View | None = None
    restored: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """The change's id and its events, `[{id, type}]`, as answers show them."""

    change_id: str
    events: list[dict[str, str]]


def record_change(
    work: Work,
    kind: str,
    touched: Sequence[Touched],
    request_id: str | None = None,
    undoes: Sequence[str] = (),
) -> Recorded:
    """Write the change, its items and its events, after the tasks' own rows and in the same transaction."""
    if work.gathered is not None:
        work.gathered.extend(touched)
        return Recorded("", [])
    change_id = work.ids.new()
    write_history(work, change_id, kind, touched, undoes)
    actor = work.who.actor()
    events = []
    for each in touched:
        data: dict[str, Any] = {"version": each.after["version"], "task": each.after}
        if each.before is not None and each.event_type is not EventType.TASK_DELETED:
            data["changes"] = diff_views(each.before, each.after)
        if each.restored:
            data["restored"] = True
        data["actor"] = actor
        data["change_id"] = change_id
        if request_id is not None:
            data["request_id"] = request_id
        events.append(emit(work, each.event_type, each.after["id"], data))
        if each.trigger is not None:
            came = {"version": each.after["version"], "task": each.after, "actor": actor, **each.trigger}
            events.append(emit(work, EventType.RECURRING_TRIGGER, each.after["id"], came))
    return Recorded(change_id, events)


def write_history(
    work: Work, change_id: str, kind: str, touched: Sequence[Touched], undoes: Sequence[str] = ()
) -> None:
    """Write what history and undo need of a change: who and when, each task before and after, how far series were."""
    _INSERT_CHANGE.run(
        work.connection,
        {
            "id": change_id,
            "user_id": work.who.user_id,
            "origin": work.who.origin,
            "actor": to_json(work.who.actor()).decode(),
            "kind": kind,
            "at": work.at,
            "undoes": to_json(list(undoes)).decode() if undoes else None,
        },
    )
    if work.kept:
        _keep_series(work, change_id)
    for each in touched:
        gone = each.event_type is EventType.TASK_DELETED
        _INSERT_ITEM.run(
            work.connection,
            {
                "change_id": change_id,
                "task_id": each.after["id"],
                "version": each.after["version"],
                "before": to_json(each.before).decode() if each.before is not None else None,
                "after": None if gone else to_json(each.after).decode(),
            },
        )


def _keep_series(work: Work, change_id: str) -> None:
    """Write how far the series were before and after, of those that this change has moved on."""
    for series_id, before in work.kept.items():
        after = work.connection.execute(_RECURRENCE, {"key": series_id}).one()._asdict()
        _INSERT_SERIES.run(
            work.connection,
            {
                "change_id": change_id,
                "series_id": series_id,
                "before": to_json(before).decode(),
                "after": to_json(after).decode(),
            },
        )
    work.kept.clear()


def emit(work: Work, event_type: EventType, task_id: str, data: dict[str, Any]) -> dict[str, str]:
    """Record one event of the caller's and return it as answers show it, `{id, type}`.

    Raises `InvalidArguments` when the task has grown over what an event may carry.
    """
    event = TaskEvent(
        event_id=work.ids.new(),
        event_type=event_type,
        timestamp=work.at,
        user_id=work.who.user_id,
        task_id=task_id,
        data=data,
    )
    try:
        record_event(work.connection, event)
    except ValueError:
        raise InvalidArguments("The task is too large to be announced.", "Shorten its notes or tags.") from None
    return {"id": event.event_id, "type": event_type.value}


def check_version(work: Work, task: dict[str, Any], expected: int | None) -> None:
    """Refuse with `version_conflict` if the caller saw another version, naming the fields and who changed them."""
    if expected is None or expected == task["version"]:
        return
    since = list_since(work, task["id"], expected)
    parts = [f"{', '.join(each.fields) or 'nothing'} by {each.who} at {each.at[:16]}Z" for each in since]
    told = f" Changed since: {'; '.join(parts[-3:])}." if parts else ""
    raise VersionConflict(
        f"{quote_title(task['title'])} is at version {task['version']}, not {expected}.{told}",
        "Read it with get_task and repeat the change with the version that you see there.",
        version=task["version"],
        fields={name: each.client for each in since for name in each.fields},
    )


@dataclass(frozen=True, slots=True)
class Since:
    """One change of a task since some version: which fields, by whom (`client` alone, `who` with the kind), when."""

    fields: list[str]
    client: str
    who: str
    at: str


def list_since(work: Work, task_id: str, version: int) -> list[Since]:
    """Return the changes of a task of the caller's after a version, oldest first."""
    key = {"task_id": task_id, "version": version, "user": work.who.user_id}
    found = []
    for before, after, actor, at in work.connection.execute(_SINCE, key):
        who = from_json(actor)
        client = show_text(who.get("client") or who["surface"])
        changed = diff_views(from_json(before) if before else {}, from_json(after) if after else {})
        found.append(Since(list(changed), client, f"{client} ({who['kind']})", at))
    return found
