"""A change: what one call does to tasks and series, recorded with its events so that it can be shown and undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from sqlalchemy import bindparam, insert, select

from events.catalog import EventType, TaskEvent
from events.outbox import record_events
from events.sql import HotInsert, table_of
from todo.errors import InvalidArguments
from todo.record import models
from todo.record.bounds import refuse_outside
from todo.record.list_rows import ListColumns, ListRow
from todo.record.lists import insert_list, update_list_row, write_list_part
from todo.record.places import load_place
from todo.record.rows import insert_task, insert_tasks, mark_parent, show_task, update_task_row
from todo.record.scopes import WRITE
from todo.record.shapes import (
    DateShape,
    EventRef,
    NewTask,
    RecurrenceRow,
    TaskColumns,
    TaskRow,
    TaskShape,
    TriggerShape,
    WriteAnswer,
)
from todo.record.touched import Collected, Touched
from todo.record.views import diff_views, view_task
from todo.record.work import Work

_INSERT_CHANGE = HotInsert(insert(table_of(models.Change)))
_INSERT_ITEM = HotInsert(insert(table_of(models.ChangeItem)))
_INSERT_SERIES = HotInsert(insert(table_of(models.ChangeSeries)))
_R = table_of(models.Recurrence)
_RECURRENCE = select(_R).where(_R.c.task_id == bindparam("key"), _R.c.user_id == bindparam("user"))


@dataclass(frozen=True, slots=True)
class Recorded:
    """The change's id and its events, as answers show them; both empty for a step of a plan."""

    change_id: str
    events: list[EventRef]


class Change:
    """One change under way: tasks are written through it, and `answer` (or `record`) ends it.

    It keeps each task as it was when it was first touched, and derives the events from before and after. The order of
    the events is the order in which the tasks were first touched.
    """

    def __init__(self, work: Work, kind: str, request_id: str | None = None, undoes: Sequence[str] = ()) -> None:
        self.work = work
        self.kind = kind
        self._request_id = request_id
        self._undoes = undoes
        self._parts = Collected()

    @property
    def parts(self) -> Collected:
        """What was touched so far."""
        return self._parts

    @property
    def is_empty(self) -> bool:
        """Whether nothing was touched."""
        return not self._parts.list_touched() and not self._parts.series and not self._parts.lists

    def create(self, values: NewTask, kept: Mapping[str, Any] | None = None) -> TaskRow:
        """Insert a task of the caller's and return its row; `kept` are columns that it had elsewhere."""
        row = insert_task(self.work, values, kept)
        self._parts.tasks[row["id"]] = Touched(None, row)
        self._note_parents(row["parent_id"])
        return row

    def create_below(self, parent: TaskRow, many: Sequence[NewTask]) -> list[TaskRow]:
        """Insert subtasks of a task, in its list, and return their rows."""
        parent_id, list_id = parent["id"], parent["list_id"]
        rows = insert_tasks(self.work, [{**values, "parent_id": parent_id, "list_id": list_id} for values in many])
        self._parts.tasks |= {row["id"]: Touched(None, row) for row in rows}
        if rows:
            self._note_parents(parent_id)
        return rows

    def update(self, task: TaskRow, values: TaskColumns, before: TaskShape | None = None) -> TaskRow:
        """Write changed columns, with the version one higher; return the new row.

        `before` is the task's view before the change, for callers that have changed what belongs to it already. Raises
        `VersionConflict` if the row has changed since it was read.
        """
        part = self._parts.tasks.get(task["id"])
        if part is None:
            part = Touched(before or show_task(self.work, task, self._find_parent(task)), task)
        part.row = update_task_row(self.work, task, values)
        part.after = None
        self._parts.tasks[task["id"]] = part
        self._note_parents(task["parent_id"], part.row["parent_id"])
        return part.row

    def begin_with(self, task_id: str, values: TaskColumns) -> None:
        """Let a task that this change created begin with these columns too."""
        part = self._parts.tasks[task_id]
        part.row = update_task_row(self.work, part.row, values)
        part.after = None

    def restore(self, task: TaskRow, values: TaskColumns) -> TaskRow:
        """Bring a deleted task back with these columns and return its new row."""
        # The search index may have dropped it since.
        row = update_task_row(self.work, task, {**values, "deleted_at": None, "unindexed": 1})
        self._parts.tasks[task["id"]] = Touched(None, row, restored=True)
        self._note_parents(row["parent_id"])
        return row

    def _note_parents(self, *task_ids: str | None) -> None:
        """Let the views of parents be made when all is written: their subtasks have changed."""
        for task_id in task_ids:
            part = self._parts.tasks.get(task_id or "")
            if task_id is not None and (part is None or not part.row["has_subtasks"]):
                mark_parent(self.work, task_id)
            if part is not None:
                part.renew()

    def _find_parent(self, row: TaskRow) -> TaskRow | None:
        part = self._parts.tasks.get(row["parent_id"] or "")
        return None if part is None else part.row

    def has(self, task_id: str) -> bool:
        """Return whether a task is touched already."""
        return task_id in self._parts.tasks

    def trigger(self, row: TaskRow, trigger: TriggerShape) -> None:
        """Note that an instance has come due: `recurring.trigger` follows its own event."""
        self._parts.tasks[row["id"]].trigger = trigger

    def keep_series(self, row: RecurrenceRow) -> None:
        """Keep how far a series was before this change moves it on; raises as `refuse_split_series` does."""
        self.work.refuse_split_series(row["task_id"])
        self._parts.series.setdefault(row["task_id"], row)

    def create_list(self, name: str, list_id: str | None = None) -> ListRow:
        """Insert a list of the caller's and return its row; `list_id` is one that it had elsewhere."""
        row = insert_list(self.work, name, list_id)
        self._parts.lists[row["id"]] = (None, row)
        return row

    def update_list(self, row: ListRow, values: ListColumns) -> ListRow:
        """Write changed columns of a list and return its new row."""
        first = self._parts.lists.get(row["id"], (row, row))[0]
        changed = update_list_row(self.work, row, values)
        self._parts.lists[row["id"]] = (first, changed)
        return changed

    def add(self, parts: Collected) -> None:
        """Take in what the steps of a plan have touched."""
        self._parts.add(parts)

    def view(self, row: TaskRow, *, reminded: bool = True) -> TaskShape:
        """Return the view of a touched task, to be asked when all of it is written.

        `reminded=False` spares a query where the caller knows that the task has no reminders.
        """
        part = self._parts.tasks[row["id"]]
        if part.after is None:
            above = self._find_parent(part.row)
            part.after = show_task(self.work, part.row, above) if reminded else self._view_unreminded(part.row, above)
        return part.after

    def _view_unreminded(self, row: TaskRow, parent: TaskRow | None) -> TaskShape:
        return view_task(row, (), self.work.zone, place=load_place(self.work, row, parent))

    def was(self, row: TaskRow) -> Mapping[str, Any]:
        """Return the view of a touched task before the change; empty for a new one."""
        return self._parts.tasks[row["id"]].before or {}

    def was_reminded(self, row: TaskRow) -> bool:
        """Return whether a touched task had reminders before."""
        before = self._parts.tasks[row["id"]].before
        return before is not None and "reminders" in before

    def list_touched(self) -> list[Touched]:
        """Return what was touched, with the views after the change."""
        touched = self._parts.list_touched()
        for each in touched:
            self.view(each.row)
        return touched

    def list_lists(self) -> list[tuple[ListRow | None, ListRow]]:
        """Return the lists that were touched, each as it was (None for a new one) and as it is."""
        return list(self._parts.lists.values())

    def record(self, into: str | None = None) -> Recorded:
        """Write the change, its items and its events, after the tasks' own rows and in the same transaction.

        A step of a plan hands its parts to the plan instead. `into` is a change of the same caller's, recorded before,
        of which this is a further part.
        """
        touched = self.list_touched()
        self._refuse_outside(touched)
        if self.work.collected is not None:
            self.work.collected.add(self._parts)
            return Recorded("", [])
        work, change_id = self.work, into or self.work.ids.new()
        # The last wall: no caller changes tasks without the right to, even if a surface forgot to check.
        work.who.require(WRITE)
        if into is None:
            open_history(work, change_id, self.kind, self._undoes)
        write_history(work, change_id, touched, self._parts.series)
        for was, now in self._parts.lists.values():
            write_list_part(work, change_id, was, now)
        actor = work.who.actor()
        events = []
        for each in touched:
            view = each.view
            data: dict[str, Any] = {"version": view["version"], "task": view}
            if each.before is not None and not each.is_gone:
                data["changes"] = diff_views(each.before, view)
            if each.restored:
                data["restored"] = True
            data["actor"] = actor
            data["change_id"] = change_id
            if self._request_id is not None:
                data["request_id"] = self._request_id
            events.append(_make_event(work, each.event_type, view["id"], data))
            if each.trigger is not None:
                came = {"version": view["version"], "task": view, "actor": actor, **each.trigger}
                events.append(_make_event(work, EventType.RECURRING_TRIGGER, view["id"], came))
        return Recorded(change_id, _record(work, events))

    def _refuse_outside(self, touched: Sequence[Touched]) -> None:
        """Raise `Forbidden` if a token for lists would put a task elsewhere; those elsewhere it cannot even find."""
        bounds = self.work.who.bounds
        if bounds is not None and not all(bounds.hold(each.row["list_id"]) for each in touched):
            raise refuse_outside("This token may put no task outside its lists.")

    def answer(
        self,
        row: TaskRow,
        sentence: str,
        warnings: list[str] | None = None,
        next_occurrence: DateShape | None = None,
        hint: str = "",
        where: str = "",
    ) -> WriteAnswer:
        """Record the change and return its answer about one of its tasks.

        `sentence` is for people and followed by `where` their reminders ring, `hint` is the next step for a program.
        """
        task = self.view(row)
        recorded = self.record()
        answer: WriteAnswer = {"task": task, "change_id": recorded.change_id, "events": recorded.events}
        if "recurring_id" in task:
            answer["recurring_id"] = task["recurring_id"]
        if next_occurrence is not None:
            answer["next_occurrence"] = next_occurrence
        if warnings:
            answer["warnings"] = warnings
        return finish_answer(self.work, answer, f"{sentence} {where}" if where else sentence, hint)


def finish_answer(work: Work, answer: WriteAnswer, sentence: str, hint: str = "") -> WriteAnswer:
    """Return an answer with its sentence, the hint that ends it, and the present."""
    answer["message"] = f"{sentence} {hint}" if hint else sentence
    if hint:
        answer["hint"] = hint
    return work.stamp_briefly(answer)


def answer_nothing(work: Work, task: TaskRow, sentence: str, warnings: list[str] | None = None) -> WriteAnswer:
    """Return the answer of a call that changed nothing: no change id, no events, and a sentence that says so."""
    answer: WriteAnswer = {"task": show_task(work, task), "events": []}
    if warnings:
        answer["warnings"] = warnings
    return finish_answer(work, answer, sentence)


ONLY_THIS = "Only this occurrence; update_recurring_task changes all."


def hint_series(task: TaskRow) -> str:
    """Return the hint after a change of one instance of a series; empty for other tasks."""
    return "" if task["recurring_id"] is None else ONLY_THIS


def open_history(work: Work, change_id: str, kind: str, undoes: Sequence[str] = ()) -> None:
    """Write who made a change and when."""
    _INSERT_CHANGE.run(
        work.connection,
        {
            "id": change_id,
            "user_id": work.who.user_id,
            "origin": work.who.origin,
            "actor": work.who.write_actor(),
            "kind": kind,
            "at": work.at,
            "undoes": to_json(list(undoes)).decode() if undoes else None,
        },
    )


def write_history(work: Work, change_id: str, touched: Sequence[Touched], series: dict[str, RecurrenceRow]) -> None:
    """Write what history and undo need of a change's parts: each task before and after, how far series were."""
    for series_id, before in series.items():
        _write_series(work, change_id, series_id, before)
    items = [
        {
            "change_id": change_id,
            "task_id": each.row["id"],
            "version": each.row["version"],
            "before": to_json(each.before).decode() if each.before is not None else None,
            "after": None if each.is_gone else to_json(each.view).decode(),
        }
        for each in touched
    ]
    _INSERT_ITEM.run_many(work.connection, items)


def _write_series(work: Work, change_id: str, series_id: str, before: RecurrenceRow) -> None:
    """Write how far a series was before the change and after it."""
    after = work.connection.execute(_RECURRENCE, {"key": series_id, "user": work.who.user_id}).one()._asdict()
    _INSERT_SERIES.run(
        work.connection,
        {
            "change_id": change_id,
            "series_id": series_id,
            "before": to_json(before).decode(),
            "after": to_json(after).decode(),
        },
    )


def emit(work: Work, event_type: EventType, about: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Record events of the caller's, each about a task, with its data.

    Raises `InvalidArguments` when a task has grown over what an event may carry.
    """
    _record(work, [_make_event(work, event_type, task_id, data) for task_id, data in about])


def _make_event(work: Work, event_type: EventType, task_id: str, data: dict[str, Any]) -> TaskEvent:
    return TaskEvent(
        event_id=work.ids.new(),
        event_type=event_type,
        timestamp=work.at,
        user_id=work.who.user_id,
        task_id=task_id,
        data=data,
    )


def _record(work: Work, events: Sequence[TaskEvent]) -> list[EventRef]:
    try:
        record_events(work.connection, events, work.traceparent)
    except ValueError:
        raise InvalidArguments("The task is too large to be announced.", "Shorten its notes or tags.") from None
    return [{"id": event.event_id, "type": event.event_type.value} for event in events]
