"""Version conflicts: whether a task is still the one that the caller saw, and who has changed it since."""

from dataclasses import dataclass

from pydantic_core import from_json
from sqlalchemy import bindparam, select

from events.sql import table_of
from todo.errors import VersionConflict
from todo.record.models import Change, ChangeItem
from todo.record.shapes import TaskRow
from todo.record.views import diff_views
from todo.record.work import Work
from todo.text.display import quote_title, show_text

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
    """One change of a task since some version: which fields, by whom (`client` alone, `who` with the kind), when."""

    fields: list[str]
    client: str
    who: str
    at: str


def check_version(work: Work, task: TaskRow, expected: int | None) -> None:
    """Refuse with `version_conflict` if the caller saw another version, naming the fields and who changed them."""
    if expected is None or expected == task["version"]:
        return
    since = list_since(work, task["id"], expected)
    parts = [f"{', '.join(each.fields) or 'nothing'} by {each.who} at {each.at[:16]}Z" for each in since]
    changed = f" Changed since: {'; '.join(parts[-3:])}." if parts else ""
    raise VersionConflict(
        f"{quote_title(task['title'])} is at version {task['version']}, not {expected}.{changed}",
        "Read it with get_task and repeat the change with the version that you see there.",
        version=task["version"],
        fields={name: each.client for each in since for name in each.fields},
    )


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
