"""Version conflicts: whether a task is still the one that the caller saw, and who has changed it since."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json
from sqlalchemy import bindparam, select

from events.sql import table_of
from todo.errors import VersionConflict
from todo.record.differences import describe_differences, list_fields, tell_differences
from todo.record.models import Change, ChangeItem
from todo.record.shapes import TaskRow
from todo.record.work import Work
from todo.text.display import quote_title, say_actor
from todo.text.when import say_instant

_C = table_of(Change)
_I = table_of(ChangeItem)
_SINCE = (
    select(_I.c.before, _I.c.after, _C.c.actor, _C.c.at)
    .join(_C, _C.c.id == _I.c.change_id)
    .where(_I.c.task_id == bindparam("task_id"), _I.c.version > bindparam("version"), _C.c.user_id == bindparam("user"))
    .order_by(_I.c.version)
)


@dataclass(frozen=True, slots=True)
class Since:
    """One change of a task since some version: its differences (see `tell_differences`), who made it, and when."""

    changes: dict[str, list[Any]]
    who: str
    at: str

    @property
    def fields(self) -> list[str]:
        """The names of the fields that changed."""
        return list_fields(self.changes)


def check_version(work: Work, task: TaskRow, expected: int | None) -> None:
    """Refuse with `version_conflict` if the caller saw another version, with what has changed since and by whom."""
    if expected is None or expected == task["version"]:
        return
    since = list_since(work, task["id"], expected)
    parts = [describe_change(work, each) for each in since]
    more = f" and {len(parts) - 3} earlier changes" if len(parts) > 3 else ""
    changed = f" Since then: {'; '.join(parts[-3:])}{more}." if parts else ""
    raise VersionConflict(
        f"{quote_title(task['title'])} is at version {task['version']}, not {expected}.{changed}",
        "Read it with get_task, and ask the person before changing what somebody else has changed.",
        version=task["version"],
        fields={name: each.who for each in since for name in each.fields},
        changes={name: values for each in since for name, values in each.changes.items()},
    )


def list_since(work: Work, task_id: str, version: int) -> list[Since]:
    """Return the changes of a task of the caller's after a version, oldest first; long texts are cut."""
    key = {"task_id": task_id, "version": version, "user": work.who.user_id}
    found = []
    for before, after, actor, at in work.connection.execute(_SINCE, key):
        was, now = (None if view is None else from_json(view) for view in (before, after))
        changed = tell_differences(work.see_view(was), now, work.zone)
        found.append(Since(changed, say_actor(from_json(actor)), at))
    return found


def describe_change(work: Work, since: Since) -> str:
    """Return a change in words: fields with old and new values, who, and the local time."""
    fields = describe_differences(since.changes)
    return f"{fields or 'nothing visible'} by {since.who}, {say_instant(since.at, work.zone)}"
