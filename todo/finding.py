"""The use case that finds tasks: filters, order, stable pages, and search by words."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import ColumnElement, Select, and_, func, literal, select, text, tuple_

from events.instants import write_instant
from events.tables import table_of
from todo import when
from todo.errors import InvalidArguments
from todo.folding import TITLE_END, fold_tag, fold_words
from todo.models import NO_DEADLINE, TaskTag
from todo.queries import REMINDER, TASK, load_reminders_of
from todo.schemas import FindTasks
from todo.views import PRIORITIES, View, view_task
from todo.work import Work

COUNTED = 1_000
"""`total` is exact up to here; beyond, it is a minimum."""
NOTES_SHOWN = 300
FEW_HITS = 2_000
"""Up to so many hits the index leads and the hits are sorted; beyond, the order leads and each row is checked."""

_TAG = table_of(TaskTag)
_HITS = text("SELECT rowid FROM task_search WHERE task_search MATCH :match LIMIT :limit")
_UNINDEXED = select(TASK.c.number).where(TASK.c.unindexed == 1)

Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class _Order:
    """A sort: its key columns, all ascending or all descending, ending in a unique one."""

    columns: tuple[ColumnElement[Any], ...]
    descending: bool = False

    def after(self, keys: Sequence[Any]) -> Condition:
        """Return the condition that a row comes after the one with these keys."""
        row, seen = tuple_(*self.columns), tuple_(*(literal(key) for key in keys))
        return row < seen if self.descending else row > seen

    def apply(self, statement: Select[Any]) -> Select[Any]:
        """Return the statement in this order."""
        return statement.order_by(*(column.desc() if self.descending else column for column in self.columns))


_DATED_FIRST = TASK.c.deadline != NO_DEADLINE
_ORDERS: dict[str, _Order] = {
    "due": _Order((TASK.c.deadline, TASK.c.id)),
    "-due": _Order((_DATED_FIRST, TASK.c.deadline, TASK.c.id), descending=True),
    "priority": _Order((TASK.c.priority, TASK.c.id), descending=True),
    "created": _Order((TASK.c.created_at, TASK.c.id), descending=True),
    "completed": _Order((func.coalesce(TASK.c.completed_at, ""), TASK.c.id), descending=True),
    "title": _Order((TASK.c.title_key, TASK.c.id)),
}


def find_tasks(work: Work, request: FindTasks) -> View:
    """Return `{tasks, also_completed?, also_completed_titles?, next_cursor?, total, total_is_minimum?, now}`.

    Rows carry their reminders; long notes are cut and marked with `notes_cut`. Raises `InvalidTime` and
    `InvalidArguments`.
    """
    words = fold_words(request.text) if request.text else []
    if request.text and not words:
        raise InvalidArguments("text holds no letter or digit to search for.", "Give at least one word.")
    base = _filters(work, request)
    reach = _reach(work, words) if words else None
    if reach is not None:
        base.append(reach)
    rows, next_cursor = _read_page(work, request, base, words)
    total = _count(work, base)
    reminders = load_reminders_of(work, [row["id"] for row in rows])
    view: View = {"tasks": [_view_row(row, reminders.get(row["id"], []), work) for row in rows]}
    if words and (request.status or "open") in ("open", "overdue") and (hidden := _hidden(work, reach)):
        view["also_completed"], view["also_completed_titles"] = hidden
    if next_cursor is not None:
        view["next_cursor"] = next_cursor
    view["total"] = min(total, COUNTED)
    if total > COUNTED:
        view["total_is_minimum"] = True
    view["now"] = when.say_now(work.now, work.zone)
    return view


def _filters(work: Work, request: FindTasks) -> list[Condition]:
    conditions: list[Condition] = [TASK.c.user_id == work.who.user_id, TASK.c.deleted_at.is_(None)]
    conditions += _status_filter(work, request)
    conditions += _window_filters(work, request)
    if request.kind == "recurring":
        conditions.append(literal(False))
    if request.priority is not None:
        conditions.append(TASK.c.priority == PRIORITIES.index(request.priority))
    if request.has_reminder is not None:
        waiting = (
            select(REMINDER.c.id)
            .where(REMINDER.c.task_id == TASK.c.id, REMINDER.c.status == "scheduled")
            .correlate(TASK)
            .exists()
        )
        conditions.append(waiting if request.has_reminder else ~waiting)
    for tag in request.tags or []:
        conditions.append(
            TASK.c.id.in_(
                select(_TAG.c.task_id).where(_TAG.c.user_id == work.who.user_id, _TAG.c.folded == fold_tag(tag))
            )
        )
    return conditions


def _status_filter(work: Work, request: FindTasks) -> list[Condition]:
    completed_window = request.completed_from or request.completed_until
    status = request.status or ("completed" if completed_window else "open")
    if status == "overdue":
        return [TASK.c.status == "open", TASK.c.deadline < work.at]
    return [] if status == "all" else [TASK.c.status == status]


def _window_filters(work: Work, request: FindTasks) -> list[Condition]:
    conditions: list[Condition] = []
    if request.due_from:
        conditions.append(TASK.c.deadline >= _edge(work, request.due_from, last=False))
    if request.due_until:
        conditions.append(TASK.c.deadline <= _edge(work, request.due_until, last=True))
    elif request.due_from:
        conditions.append(TASK.c.deadline < NO_DEADLINE)
    if request.completed_from:
        conditions.append(TASK.c.completed_at >= _edge(work, request.completed_from, last=False))
    if request.completed_until:
        conditions.append(TASK.c.completed_at <= _edge(work, request.completed_until, last=True))
    return conditions


def _edge(work: Work, given: str, *, last: bool) -> str:
    """Return the first or last instant that an inclusive bound means: of its day, if it is a date."""
    reading = when.read_time(given, work.zone, work.now)
    if not when.is_date(reading.due):
        return when.deadline_of(reading.due, work.zone)
    if last:
        return when.deadline_of(reading.due, work.zone)
    return write_instant(when.day_bounds(date.fromisoformat(reading.due), work.zone)[0])


def _reach(work: Work, words: list[str]) -> Condition:
    """Return the condition that a row holds all words, each at a word's beginning, in its newest text."""
    match = " AND ".join(f'"{word}"*' for word in words)
    holds = and_(*(func.instr(TASK.c.words, f" {word}") > 0 for word in words))
    hits = [row[0] for row in work.connection.execute(_HITS, {"match": match, "limit": FEW_HITS + 1})]
    if len(hits) > FEW_HITS:
        return holds
    hits += [row[0] for row in work.connection.execute(_UNINDEXED)]
    return and_(TASK.c.number.in_(hits), holds)


def _read_page(
    work: Work, request: FindTasks, base: list[Condition], words: list[str]
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the page's rows and the next cursor; with words, tasks with exactly that title come first."""
    order = _ORDERS[request.sort]
    exact = TASK.c.title_key == " ".join(words)
    phases: list[list[Condition]] = [[exact], [~exact]] if words else [[]]
    phase, keys = _read_cursor(request, len(phases), len(order.columns))
    found: list[tuple[int, dict[str, Any], list[Any]]] = []
    while phase < len(phases) and len(found) <= request.limit:
        labelled = [column.label(f"key_{index}") for index, column in enumerate(order.columns)]
        statement = select(TASK, *labelled).where(*base, *phases[phase])
        if keys is not None:
            statement = statement.where(order.after(keys))
        for row in work.connection.execute(order.apply(statement).limit(request.limit + 1 - len(found))):
            values = row._asdict()
            found.append((phase, values, [values.pop(f"key_{index}") for index in range(len(labelled))]))
        phase, keys = phase + 1, None
    rows = [values for _, values, _ in found[: request.limit]]
    if len(found) <= request.limit:
        return rows, None
    last_phase, _, last_keys = found[request.limit - 1]
    cursor = to_json([request.sort, last_phase, last_keys])
    return rows, base64.urlsafe_b64encode(cursor).decode().rstrip("=")


def _read_cursor(request: FindTasks, phases: int, width: int) -> tuple[int, list[Any] | None]:
    if request.cursor is None:
        return 0, None
    try:
        padded = request.cursor + "=" * (-len(request.cursor) % 4)
        sort, phase, keys = from_json(base64.b64decode(padded, altchars=b"-_", validate=True))
        fits = (
            sort == request.sort
            and isinstance(phase, int)
            and 0 <= phase < phases
            and len(keys) == width
            and all(isinstance(key, str | int) for key in keys)
        )
    except (ValueError, TypeError, binascii.Error):
        fits = False
    if not fits:
        raise InvalidArguments(
            "cursor does not belong to this search.", "Repeat the search with the same arguments and without cursor."
        )
    return phase, keys


def _count(work: Work, base: list[Condition]) -> int:
    bounded = select(literal(1)).select_from(TASK).where(*base).limit(COUNTED + 1).subquery()
    return int(work.connection.execute(select(func.count()).select_from(bounded)).scalar_one())


def _hidden(work: Work, reach: Condition | None) -> tuple[int, list[View]] | None:
    """Return how many completed tasks hold the words, and up to three `{task_id, title}` of them; or nothing."""
    base = [TASK.c.user_id == work.who.user_id, TASK.c.deleted_at.is_(None), TASK.c.status == "completed"]
    if reach is not None:
        base.append(reach)
    count = _count(work, base)
    if not count:
        return None
    rows = work.connection.execute(
        select(TASK.c.id, TASK.c.title).where(*base).order_by(TASK.c.deadline, TASK.c.id).limit(3)
    )
    return min(count, COUNTED), [{"task_id": row.id, "title": row.title} for row in rows]


def _view_row(row: dict[str, Any], reminders: list[dict[str, Any]], work: Work) -> View:
    view = view_task(row, reminders, work.zone)
    if len(view.get("notes", "")) > NOTES_SHOWN:
        view["notes"] = f"{view['notes'][:NOTES_SHOWN]}…"
        view["notes_cut"] = True
    return view


def index_step(work: Work, limit: int = 400) -> int:
    """Bring the search index up to date with up to `limit` tasks; return how many.

    Outside the use cases on purpose: the index flushes at every savepoint, which would double the cost of a create.
    """
    rows = work.connection.execute(
        select(TASK.c.number, TASK.c.words, TASK.c.deleted_at).where(TASK.c.unindexed == 1).limit(limit)
    ).all()
    if not rows:
        return 0
    numbers = [{"number": row.number} for row in rows]
    work.connection.execute(text("DELETE FROM task_search WHERE rowid = :number"), numbers)
    alive = [
        {"number": row.number, "words": row.words.replace(TITLE_END, " ")} for row in rows if row.deleted_at is None
    ]
    if alive:
        work.connection.execute(text("INSERT INTO task_search(rowid, words) VALUES (:number, :words)"), alive)
    work.connection.execute(text("UPDATE task SET unindexed = 0 WHERE number = :number"), numbers)
    return len(rows)
