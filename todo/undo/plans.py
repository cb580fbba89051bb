"""The use cases that plan many changes, show them, and apply them as one."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import bindparam, insert, select, update

from events.catalog import EventType
from events.consumer import savepoint
from events.instants import read_instant, write_instant
from events.sql import table_of
from todo import reminders
from todo.errors import ConfirmationRequired, InvalidArguments, PlanExpired, TodoError, VersionConflict
from todo.record.changes import Touched, list_since, record_change
from todo.record.models import Plan
from todo.record.queries import load_any_tasks
from todo.record.views import View, diff_views
from todo.record.work import Work
from todo.requests import schemas
from todo.requests.arguments import Request, read_arguments
from todo.requests.confirmations import require_agreement, require_person
from todo.requests.schemas import ApplyPlan, FindTasks, PlanChange, PlanChanges, PlanFilter
from todo.series import create as recurring
from todo.series import update as revising
from todo.tasks import search as finding
from todo.tasks import tasks
from todo.text import when
from todo.text.display import quote_title

KEPT = timedelta(hours=1)
MOST = 100
_SHOWN = 5

UseCase = Callable[[Work, Any], View]
PLANNABLE: dict[str, tuple[type[Request], UseCase]] = {
    "create_task": (schemas.CreateTask, tasks.create_task),
    "update_task": (schemas.UpdateTask, tasks.update_task),
    "complete_task": (schemas.CompleteTask, tasks.complete_task),
    "reopen_task": (schemas.ReopenTask, tasks.reopen_task),
    "delete_task": (schemas.DeleteTask, tasks.delete_task),
    "set_reminder": (schemas.SetReminder, reminders.set_reminder),
    "snooze_reminder": (schemas.SnoozeReminder, reminders.snooze_reminder),
    "cancel_reminder": (schemas.CancelReminder, reminders.cancel_reminder),
    "create_recurring_task": (schemas.CreateRecurringTask, recurring.create_recurring_task),
    "update_recurring_task": (schemas.UpdateRecurringTask, revising.update_recurring_task),
}
"""Every write but plans and undo."""

_P = table_of(Plan)
_INSERT = insert(_P)
_BY_ID = select(_P).where(
    _P.c.id == bindparam("key"), _P.c.user_id == bindparam("user"), _P.c.origin == bindparam("origin")
)
_APPLIED = update(_P).where(_P.c.id == bindparam("key")).values(answer=bindparam("given"))

Call = dict[str, Any]
Seen = dict[str, Any]
"""The version at which the plan saw a task, and the numbers of the steps that mean it: `{version, numbers}`."""


class _TakenBack(Exception):
    """Ends a rehearsal: everything that it wrote is rolled back."""


def plan_changes(work: Work, request: PlanChanges) -> View:
    """Rehearse changes and store them as a plan; return `{plan_id, diff, warnings?, expires_at, message, now}`.

    `diff` is `[{number, tool, task_id, title, changes?, text}]`; nothing is changed. With `apply` the plan is applied
    at once, unless the person has to agree first. Raises whatever a step raises, with its number, and
    `InvalidArguments` above 100 steps.
    """
    calls = _list_calls(work, request)
    if len(calls) > MOST:
        raise InvalidArguments(f"{len(calls)} tasks are meant; a plan has at most {MOST}.", "Narrow the filter.")
    if not calls:
        raise InvalidArguments("No task matches, so there is nothing to plan.", "Check the filter with find_tasks.")
    diff, seen, warnings = _rehearse(work, calls)
    plan_id = work.ids.new()
    row = {
        "id": plan_id,
        "user_id": work.who.user_id,
        "origin": work.who.origin,
        "calls": to_json(calls).decode(),
        "seen": to_json(seen).decode(),
        "made_at": work.at,
        "answer": None,
    }
    work.connection.execute(_INSERT, row)
    view: View = {"plan_id": plan_id, "diff": diff}
    if request.apply:
        try:
            with savepoint(work.connection):
                return {**apply_plan(work, ApplyPlan(plan_id=plan_id)), **view}
        except ConfirmationRequired as error:
            view["needs_confirmation"] = error.details["summary"]
    if warnings:
        view["warnings"] = warnings
    view["expires_at"] = write_instant(work.now + KEPT)
    many = "1 change" if len(diff) == 1 else f"{len(diff)} changes"
    view["message"] = f"{many} planned, nothing is changed yet. apply_plan does them all; except leaves numbers out."
    view["now"] = when.say_now(work.now, work.zone)
    return view


def apply_plan(work: Work, request: ApplyPlan) -> View:
    """Apply a plan as one change, all or nothing; return `{tasks, change_id, events, warnings?, message, now}`.

    Applying it twice has one effect. Raises `PlanExpired`, `VersionConflict` if a task has changed since the plan saw
    it, and `ConfirmationRequired`.
    """
    key = {"key": request.plan_id, "user": work.who.user_id, "origin": work.who.origin}
    row = work.connection.execute(_BY_ID.with_for_update(), key).one_or_none()
    if row is None or read_instant(row.made_at) + KEPT < work.now:
        raise PlanExpired("There is no such plan any more: a plan is kept for an hour.", "Make it again: plan_changes.")
    if row.answer is not None:
        answer: View = from_json(row.answer)
        return {**answer, "replayed": True, "message": "This plan was applied already; nothing new was saved."}
    calls = _leave_out(from_json(row.calls), request.except_ or [])
    _check_seen(work, from_json(row.seen), calls)
    if work.who.kind == "agent" and (guarded := sorted({call["tool"] for _, call in calls} & work.guarded)):
        means = [str(call["arguments"]["task_id"]) for _, call in calls if call["arguments"].get("task_id")]
        arguments = {"plan_id": request.plan_id, "steps": len(calls), "with": guarded}
        require_agreement(work, "apply_plan", arguments, means)
    touched, warnings = _perform(work, calls)
    gone = [each.after for each in touched if each.event_type is EventType.TASK_DELETED]
    if gone:
        require_person(work, "apply_plan", request.plan_id, gone)
    answer = {
        "tasks": [each.after for each in touched],
        "events": [],
        "message": "All was so already: nothing changed.",
    }
    if touched or work.kept:
        recorded = record_change(work, "apply_plan", touched, request.request_id)
        many = "1 task is" if len(touched) == 1 else f"{len(touched)} tasks are"
        answer |= {"change_id": recorded.change_id, "events": recorded.events}
        answer["message"] = f"{many} changed in one go; undo takes all of it back."
    answer |= {**({"warnings": warnings} if warnings else {}), "now": when.say_now(work.now, work.zone)}
    work.connection.execute(_APPLIED, {"key": request.plan_id, "given": to_json(answer).decode()})
    return answer


def _list_calls(work: Work, request: PlanChanges) -> list[Call]:
    if (request.changes is None) == (request.filter is None):
        raise InvalidArguments("Exactly one of changes and filter is wanted.", "Give changes, or a filter with change.")
    if (request.filter is None) != (request.change is None):
        raise InvalidArguments("filter and change go together.", "Give both: which tasks, and what to do with each.")
    if request.changes is not None:
        return [{"tool": each.tool, "arguments": each.arguments} for each in request.changes]
    which = read_arguments(PlanFilter, request.filter).request
    wanted = FindTasks(**which.model_dump(), limit=50)
    found = finding.find_tasks(work, wanted)
    if found["total"] > MOST or found.get("total_is_minimum"):
        raise InvalidArguments(f"The filter hits {found['total']} tasks; a plan has at most {MOST}.", "Narrow it.")
    rows = list(found["tasks"])
    while "next_cursor" in found:
        found = finding.find_tasks(work, wanted.model_copy(update={"cursor": found["next_cursor"]}))
        rows += found["tasks"]
    fields = read_arguments(PlanChange, request.change).request.model_dump(exclude_none=True)
    complete, gone = fields.pop("complete", False), fields.pop("delete", False)
    if bool(fields) + bool(complete) + bool(gone) != 1:
        raise InvalidArguments("change is one thing: fields, complete or delete.", "Give one of the three.")
    tool = "complete_task" if complete else "delete_task" if gone else "update_task"
    return [{"tool": tool, "arguments": {"task_id": row["id"], **fields}} for row in rows]


def _rehearse(work: Work, calls: Sequence[Call]) -> tuple[list[View], dict[str, Seen], list[str]]:
    """Do everything and take it back; return the diff, the versions that were seen, and the warnings."""
    diff: list[View] = []
    seen: dict[str, Seen] = {}
    made: set[str] = set()
    warnings: list[str] = []
    try:
        with savepoint(work.connection):
            for number, call in enumerate(calls, 1):
                answer, touched = _run(work, number, call)
                warnings += [f"{number}: {warning}" for warning in answer.get("warnings", [])]
                diff.append(_tell(number, call, answer, touched))
                made |= {each.after["id"] for each in touched if each.before is None}
                views = [each.before or each.after for each in touched] or [answer["task"]]
                for view in views:
                    if view["id"] not in made:
                        seen.setdefault(view["id"], {"version": view["version"], "numbers": []})["numbers"] += [number]
            raise _TakenBack
    except _TakenBack:
        work.kept.clear()
    return diff, seen, warnings


def _run(work: Work, number: int, call: Call) -> tuple[View, list[Touched]]:
    tool = call["tool"]
    if tool not in PLANNABLE:
        raise InvalidArguments(f"{number}: {str(tool)[:40]!r} cannot be planned.", f"Use: {', '.join(PLANNABLE)}.")
    model, use_case = PLANNABLE[tool]
    work.gathered = []
    try:
        given = read_arguments(model, call["arguments"])
        answer = use_case(work, given.request)
        return answer, work.gathered
    except TodoError as error:
        error.sentence = f"{number} ({tool}): {error.sentence}"
        raise
    finally:
        work.gathered = None


def _tell(number: int, call: Call, answer: View, touched: Sequence[Touched]) -> View:
    view: View = {"number": number, "tool": call["tool"]}
    task = touched[0].after if touched else answer.get("task", {})
    if call["tool"] not in ("create_task", "create_recurring_task"):
        view["task_id"] = task.get("id")
    view["title"] = task.get("title")
    if touched and touched[0].before is not None and touched[0].event_type is not EventType.TASK_DELETED:
        view["changes"] = diff_views(touched[0].before, touched[0].after)
    return {**view, "text": answer["message"]}


def _leave_out(calls: list[Call], numbers: Sequence[int]) -> list[tuple[int, Call]]:
    unknown = [number for number in numbers if not 1 <= number <= len(calls)]
    if unknown:
        raise InvalidArguments(f"The plan has no number {unknown[0]}.", f"Its numbers are 1 to {len(calls)}.")
    kept = [(number, call) for number, call in enumerate(calls, 1) if number not in numbers]
    if not kept:
        raise InvalidArguments("That leaves nothing of the plan.", "Leave fewer numbers out.")
    return kept


def _check_seen(work: Work, seen: dict[str, Seen], calls: Sequence[tuple[int, Call]]) -> None:
    """Refuse if a task that one of these steps means is no longer at the version that the plan saw."""
    numbers = {number for number, _ in calls}
    meant = {task_id: each["version"] for task_id, each in seen.items() if numbers & set(each["numbers"])}
    rows = load_any_tasks(work, sorted(meant))
    moved = []
    for task_id, version in meant.items():
        row = rows.get(task_id)
        if row is not None and row["version"] == version and row["deleted_at"] is None:
            continue
        title = quote_title(row["title"]) if row is not None else "a task"
        since = list_since(work, task_id, version)
        who = f" ({', '.join(since[-1].fields)} by {since[-1].who})" if since else ""
        moved.append(f"{title}{who}")
    if moved:
        raise VersionConflict(
            f"Nothing was applied: changed since the plan: {'; '.join(moved[:_SHOWN])}.", "Plan it again: plan_changes."
        )


def _perform(work: Work, calls: Sequence[tuple[int, Call]]) -> tuple[list[Touched], list[str]]:
    merged: dict[str, Touched] = {}
    warnings: list[str] = []
    for number, call in calls:
        answer, touched = _run(work, number, call)
        warnings += [f"{number}: {warning}" for warning in answer.get("warnings", [])]
        for each in touched:
            known = merged.get(each.after["id"])
            merged[each.after["id"]] = each if known is None else _merge(known, each)
    return [each for each in merged.values() if not _came_and_went(each)], warnings


def _merge(first: Touched, then: Touched) -> Touched:
    """Return two parts of one change of a task as one."""
    kind = then.event_type
    if kind is not EventType.TASK_DELETED:
        if first.before is None:
            kind = EventType.TASK_CREATED
        elif then.after["status"] == "completed" and first.before["status"] == "open":
            kind = EventType.TASK_COMPLETED
        else:
            kind = EventType.TASK_UPDATED
    return Touched(kind, first.before, then.after, first.trigger or then.trigger, first.restored)


def _came_and_went(touched: Touched) -> bool:
    return touched.event_type is EventType.TASK_DELETED and touched.before is None
