"""Lists on the way back: what undo makes of them, and when something else stands against it."""

from dataclasses import dataclass, field
from typing import Any, cast

from pydantic_core import from_json

from todo.record.changes import Change
from todo.record.list_rows import ListColumns, ListRow
from todo.record.lists import find_list, find_list_row, hold_lists, load_list_parts
from todo.record.queries import TASK
from todo.record.work import Work
from todo.text.display import quote_title

_STATE = ("name", "position", "archived", "deleted_at")


@dataclass(slots=True)
class ListsBack:
    """Lists as they are and as they are to be, by id; and conflicts in words."""

    rows: dict[str, ListRow] = field(default_factory=dict)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    conflicts: list[str] = field(default_factory=list)

    def step_back(self, work: Work, change_id: str) -> None:
        """Go back over one change."""
        for part in load_list_parts(work, [change_id]):
            self._step(work, part)

    def _step(self, work: Work, part: Any) -> None:
        key = part.list_id
        if key not in self.rows:
            hold_lists(work)
            row = find_list_row(work, key)
            if row is None:
                return
            self.rows[key] = row
            self.targets[key] = {name: cast("dict[str, Any]", row)[name] for name in _STATE}
        now, after = self.targets[key], from_json(part.after)
        before = from_json(part.before) if part.before else {**after, "deleted_at": part.change_id}
        if part.before is None:
            self.made.add(key)
        for name in _STATE:
            same = bool(before[name]) == bool(after[name]) if name == "deleted_at" else before[name] == after[name]
            if same:
                continue
            if name != "position" and not _is_same(name, after[name], now[name]):
                said = "list" if name == "deleted_at" else f"{name} of the list"
                self.conflicts.append(f"the {said} {quote_title(self.rows[key]['name'])}")
            now[name] = before[name]

    def restore_living(self, change: Change) -> None:
        """Bring lists back and give them their names, before tasks return to them."""
        for key, target in self.targets.items():
            if target["deleted_at"] is not None:
                continue
            row = self.rows[key]
            taken = find_list(change.work, target["name"])
            if taken is not None and taken["id"] != key and self.targets.get(taken["id"], target) is target:
                self.conflicts.append(f"the name of the list {quote_title(target['name'])}, which another list has")
                continue
            values = {name: value for name, value in target.items() if value != cast("dict[str, Any]", row)[name]}
            if values:
                change.update_list(row, cast("ListColumns", values))

    def remove_others(self, change: Change) -> list[str]:
        """Delete the lists that were not there, after their tasks have left; return warnings about those that stay."""
        warnings = []
        for key, target in self.targets.items():
            row = self.rows[key]
            if target["deleted_at"] is None or row["deleted_at"] is not None:
                continue
            if key in self.made and _holds_any(change.work, key):
                warnings.append(f"The list {quote_title(row['name'])} stays: there are tasks in it.")
            else:
                change.update_list(row, {"deleted_at": change.work.at})
        return warnings


def _is_same(name: str, then: Any, now: Any) -> bool:
    return bool(then) == bool(now) if name == "deleted_at" else bool(then == now)


def _holds_any(work: Work, list_id: str) -> bool:
    held = (TASK.c.user_id == work.who.user_id) & TASK.c.kind.in_(["task", "recurring"]) & (TASK.c.list_id == list_id)
    return work.connection.execute(TASK.select().where(held, TASK.c.deleted_at.is_(None)).limit(1)).first() is not None
