"""The rows of an export of ours, checked and written again with what they were."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from events.consumer import savepoint
from events.sql import table_of
from todo.errors import InvalidTime, TodoError
from todo.record.changes import Change
from todo.record.lists import find_list, find_list_row, hold_lists, load_lists
from todo.record.models import Reminder
from todo.record.queries import find_task
from todo.record.shapes import INSTANT, UUID, NewTask, RecurrenceColumns
from todo.record.touched import Collected
from todo.record.work import Work
from todo.recurrence.expansion import parse
from todo.requests.fields import refuse_many_lists
from todo.requests.parts import ListName, Notes, Tags, Title
from todo.series.series import insert_series
from todo.subtasks.tree import MOST_CHILDREN, MOST_LEVELS
from todo.text.when import read_duration, read_zone
from todo.transfer.draft import Remark
from todo.transfer.intake import KIND, Intake, choose_ids, draw_id, look_up
from todo.transfer.own import Rows
from todo.transfer.parents import find_levels

_INSERT_REMINDER = insert(table_of(Reminder))
_DUE = rf"^(\d{{4}}-\d\d-\d\d|{INSTANT[1:-1]})$"


def _check_zone(name: str) -> str:
    try:
        return read_zone(name).key
    except InvalidTime as error:
        raise ValueError(error.sentence) from None


def _check_rule(text: str) -> str:
    try:
        return parse(text).text
    except TodoError as error:
        raise ValueError(error.sentence) from None


def _check_duration(text: str) -> str:
    try:
        read_duration(text)
    except TodoError as error:
        raise ValueError(error.sentence) from None
    return text


def _check_titles(text: str) -> str:
    try:
        _TITLES.validate_python(from_json(text))
    except ValueError:
        raise ValueError("its titles cannot be read") from None
    return text


Key = Annotated[str, Field(pattern=UUID)]
At = Annotated[str, Field(pattern=INSTANT)]
Due = Annotated[str, Field(pattern=_DUE)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_check_zone)]
T = TypeVar("T", bound=BaseModel)
_TAGS: TypeAdapter[list[str]] = TypeAdapter(Tags)
_TITLES: TypeAdapter[list[str]] = TypeAdapter(list[Title])
TextList = Annotated[str, Field(max_length=20_000)]


class _Row(BaseModel):
    """A row; columns that this version does not know are left out."""

    model_config = ConfigDict(extra="ignore", strict=True)


class KeptList(_Row):
    """A row of `task_list`."""

    id: Key
    name: ListName
    position: Annotated[int, Field(ge=0, lt=1 << 31)] = 0
    archived: bool = False
    deleted_at: At | None = None


class KeptTask(_Row):
    """A row of `task`."""

    id: Key
    kind: Literal["task", "recurring"] = "task"
    title: Title
    notes: Notes = ""
    status: Literal["open", "completed"]
    due: Due | None = None
    zone: Zone | None = None
    start: Due | None = None
    list_id: Key | None = None
    parent_id: Key | None = None
    has_subtasks: Annotated[int, Field(ge=0, le=1)] = 0
    priority: Annotated[int, Field(ge=0, le=3)] = 0
    tags: TextList = "[]"
    recurring_id: Key | None = None
    occurrence: Due | None = None
    edited: Annotated[str, Field(pattern=r"^[a-z ]*$", max_length=200)] = ""
    version: Annotated[int, Field(ge=1, lt=1 << 53)]
    created_at: At
    updated_at: At
    completed_at: At | None = None
    deleted_at: At | None = None


class KeptRecurrence(_Row):
    """A row of `recurrence`."""

    task_id: Key
    rule: Annotated[str, Field(max_length=1_000), AfterValidator(_check_rule)]
    rule_text: Annotated[str, Field(max_length=1_000)]
    first: Due
    wall: Annotated[str, Field(max_length=40)] | None = None
    zone: Zone
    mode: Literal["one_at_a_time", "every_occurrence", "after_completion"]
    catch_up: Literal["latest", "all", "none"]
    paused: bool = False
    start: Annotated[str, Field(max_length=64), AfterValidator(_check_duration)] | None = None
    subtasks: Annotated[str, Field(max_length=30_000), AfterValidator(_check_titles)] | None = None
    reminders: TextList = "[]"
    skipped: TextList = "[]"
    newest: Due | None = None
    awaits: Due | None = None
    made: Annotated[int, Field(ge=0, lt=1 << 31)] = 0
    passed: Annotated[int, Field(ge=0, lt=1 << 31)] = 0
    next_due: Due | None = None
    next_at: At | None = None
    revision: Annotated[int, Field(ge=1, lt=1 << 31)] = 1


class KeptReminder(_Row):
    """A row of `reminder`."""

    id: Key
    task_id: Key
    remind_at: At
    before: Annotated[str, Field(max_length=64)] | None = None
    status: Literal["scheduled", "fired", "cancelled"]
    sequence: Annotated[int, Field(ge=1, lt=1 << 31)] = 1
    cancelled_by: Annotated[str, Field(max_length=20)] | None = None
    fired_at: At | None = None
    urgent: bool = False
    nag: Annotated[str, Field(max_length=64)] | None = None
    rings: Annotated[int, Field(ge=0, lt=1_000)] = 0
    ring_at: At | None = None


@dataclass(slots=True)
class Unit:
    """A task with everything that belongs to it, under the id that it gets."""

    line: int
    task: KeptTask
    task_id: str
    recurrence: KeptRecurrence | None = None
    reminders: list[KeptReminder] = field(default_factory=list)
    series_id: str | None = None
    list_name: str | None = None
    parent_id: str | None = None


@dataclass(slots=True)
class Return:
    """What is to come back, series first and parents before their subtasks; `intake` holds what is said of it."""

    lists: list[KeptList]
    person: str
    units: list[Unit]
    intake: Intake


@dataclass(slots=True)
class Checked:
    """The tasks of a file that are as they may be, each with its line."""

    rows: Rows
    tasks: list[tuple[int, KeptTask]]
    intake: Intake


def check_tasks(rows: Rows) -> Checked:
    """Check the tasks of a file."""
    intake = Intake()
    tasks = [(line, row) for line, row in _check(rows, "task", KeptTask, intake) if row.deleted_at is None]
    return Checked(rows, tasks, intake)


def find_ids(work: Work, checked: Checked) -> dict[str, tuple[str, bool]]:
    """Return for each task of a file the id that it gets, and whether it is here; those of others get new ones."""
    keeps_own = checked.rows.person == work.who.user_id
    return choose_ids(work, [row.id for _, row in checked.tasks], keeps_own=keeps_own)


def plan_return(checked: Checked, ids: Mapping[str, tuple[str, bool]]) -> Return:
    """Return what an export of ours would bring; nothing is read or written."""
    rows, tasks, intake = checked.rows, checked.tasks, checked.intake
    recurrences = {row.task_id: row for _, row in _check(rows, "recurrence", KeptRecurrence, intake)}
    reminders: dict[str, list[KeptReminder]] = {}
    for _, reminder in _check(rows, "reminder", KeptReminder, intake):
        reminders.setdefault(reminder.task_id, []).append(reminder)
    kept = [row for _, row in _check(rows, "task_list", KeptList, intake) if row.deleted_at is None]
    kept.sort(key=lambda each: (each.position, each.id))
    names = {row.id: row.name for row in kept}
    parents, levels = _find_parents(tasks, intake)
    units = []
    for line, task in tasks:
        task_id, is_here = ids[task.id]
        recurrence = recurrences.get(task.id) if task.kind == "recurring" else None
        if is_here:
            intake.here += 1
        elif task.kind == "recurring" and recurrence is None:
            intake.refused.append(Remark(line, "It recurs, and its rule is not in the file."))
        else:
            series_id = ids.get(task.recurring_id or "", (None, False))[0]
            is_open = task.status == "open"
            intake.sorts["recurring" if task.kind == "recurring" else "task" if is_open else "done"] += 1
            unit = Unit(line, task, task_id, recurrence, reminders.get(task.id, []), series_id)
            unit.list_name = names.get(task.list_id or "")
            unit.parent_id = ids[parents[task.id]][0] if task.id in parents else None
            units.append(unit)
    units.sort(key=lambda unit: (unit.task.kind != "recurring", levels.get(unit.task.id) or 0))
    return Return(kept, rows.person, units, intake)


def _find_parents(
    tasks: Sequence[tuple[int, KeptTask]], intake: Intake
) -> tuple[dict[str, str], dict[str, int | None]]:
    """Return the parent of each subtask that may stand there, and how far below it is; the others are remarked."""
    alive = {task.id for _, task in tasks if task.kind == "task"}
    given = {task.id: task.parent_id or "" for _, task in tasks if task.id in alive and task.parent_id in alive}
    levels = find_levels({key: given.get(key, "") for key in alive})
    count: Counter[str] = Counter()
    parents: dict[str, str] = {}
    for line, task in tasks:
        level = levels.get(task.id)
        if task.id not in given:
            continue
        count[given[task.id]] += 1
        if level is None or level >= MOST_LEVELS or count[given[task.id]] > MOST_CHILDREN:
            intake.remarks.append(Remark(line, "It stands below itself, too deep, or beside too many; it comes alone."))
        else:
            parents[task.id] = given[task.id]
    return parents, levels


def bring_lists(
    work: Work, lists: Sequence[KeptList], person: str, into: str | None
) -> tuple[str | None, list[Remark]]:
    """Make the lists that are not here, in their order, as a part of one change; return its id, and what was refused.

    A person's own lists keep their ids; those of somebody else, and what was deleted since, get others.
    """
    change, refused = Change(work, KIND), []
    if lists:
        hold_lists(work)
    for each in lists:
        if find_list(work, each.name) is not None:
            continue
        own = person == work.who.user_id and find_list_row(work, each.id) is None
        try:
            refuse_many_lists(len(load_lists(work)))
            with savepoint(work.connection):
                row = change.create_list(each.name, each.id if own else work.ids.new())
        except (IntegrityError, TodoError) as error:
            text = error.sentence if isinstance(error, TodoError) else "An id of it is in use already."
            refused.append(Remark(0, f"The list {each.name}: {text}"))
            continue
        if each.archived:
            change.update_list(row, {"archived": True})
    return (into if change.is_empty else change.record(into).change_id), refused


def bring_back(work: Work, units: Sequence[Unit], into: str | None) -> tuple[str | None, list[Remark]]:
    """Write some tasks again as a part of one change; return its id, and what was refused."""
    change, refused = Change(work, KIND), []
    here = look_up(work, [unit.task_id for unit in units])
    for unit in units:
        if unit.task_id in here:
            continue
        collected = Collected()
        part = Change(work.in_plan(collected, work.ids), KIND)
        try:
            with savepoint(work.connection):
                _write(part, unit)
                part.record()
        except (IntegrityError, TodoError) as error:
            text = error.sentence if isinstance(error, TodoError) else "An id or a date of it is in use already."
            refused.append(Remark(unit.line, text))
            continue
        change.add(collected)
    return (into if change.is_empty else change.record(into).change_id), refused


def _write(change: Change, unit: Unit) -> None:
    work, task = change.work, unit.task
    tags = from_json(task.tags)
    values: NewTask = {
        "title": task.title,
        "tags": tags,
        "kind": task.kind,
        "notes": task.notes,
        "due": task.due,
        "zone": task.zone,
        "priority": task.priority,
        "start": task.start,
        "has_subtasks": task.has_subtasks,
    }
    if unit.list_name is not None and (listed := find_list(work, unit.list_name)) is not None:
        values["list_id"] = listed["id"]
    if unit.parent_id is not None and (parent := find_task(work, unit.parent_id)) is not None:
        values["parent_id"] = parent["id"]
    if unit.series_id is not None and task.occurrence is not None:
        values |= {"recurring_id": unit.series_id, "occurrence": task.occurrence}
    kept = ("status", "edited", "version", "created_at", "updated_at", "completed_at")
    row = change.create(values, {"id": unit.task_id, **{name: getattr(task, name) for name in kept}})
    if unit.recurrence is not None:
        columns = unit.recurrence.model_dump(exclude={"task_id"})
        change.keep_series(insert_series(work, row, cast("RecurrenceColumns", columns)).row)
    is_same = unit.task_id == task.id
    for each in unit.reminders:
        key = each.id if is_same else draw_id(unit.task_id, each.id)
        columns = each.model_dump() | {"id": key, "task_id": unit.task_id, "user_id": work.who.user_id}
        if each.status == "scheduled" and task.status == "completed":
            columns |= {"status": "cancelled", "cancelled_by": "completed"}
        elif each.status == "scheduled" and each.remind_at <= work.at:
            # It rang there, or its time went by: it does not ring now, all at once with the others.
            columns |= {"status": "cancelled", "cancelled_by": "past"}
        work.connection.execute(_INSERT_REMINDER, {**columns, "ring_at": None})


def _check(rows: Rows, table: str, model: type[T], intake: Intake) -> Iterator[tuple[int, T]]:
    """Yield the rows of a table that are as they may be; the others are refused by line."""
    for line, given in rows.tables.get(table, []):
        try:
            row = model.model_validate(given)
            if isinstance(row, KeptTask):
                _TAGS.validate_python(from_json(row.tags))
        except (ValidationError, ValueError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": ("tags",), "msg": "unreadable"}
            where = ".".join(str(part) for part in first["loc"])
            intake.refused.append(Remark(line, f"{table}.{where} cannot be used: {first['msg'][:100]}."))
            continue
        yield line, row
