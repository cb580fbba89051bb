"""The use cases that plan many changes, show them, and apply them as one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NotRequired, TypedDict, cast

from pydantic_core import from_json, to_json
from sqlalchemy import bindparam, delete, insert, select, update

from events.consumer import savepoint
from events.instants import read_instant, write_instant
from events.sql import table_of
from todo import reminders
from todo.errors import ConfirmationRequired, InvalidArguments, PlanExpired, TodoError, VersionConflict
from todo.record.changes import ONLY_THIS, Change, answer_nothing, finish_answer
from todo.record.conflicts import describe_change, list_since
from todo.record.differences import tell_differences
from todo.record.models import Plan
from todo.record.queries import load_any_tasks
from todo.record.shapes import WriteAnswer
from todo.record.touched import Collected
from todo.record.views import view_briefly
from todo.record.work import Work
from todo.requests.arguments import read_arguments
from todo.requests.confirmations import require_agreement, require_person
from todo.requests.operation import WRITES, Effect, Operation
from todo.requests.plan_schemas import ApplyPlan, PlanChanges
from todo.requests.schemas import FindTasks
from todo.series import create as create_series
from todo.series import update as update_series
from todo.tasks import search, tasks
from todo.tasks.clashes import list_clashes
from todo.text.display import quote_title
from todo.text.when import say_short
from todo.undo.effects import count_effects
from todo.undo.kept_ids import KeptIds

KEPT = timedelta(hours=1)
MOST = 100
MOST_BYTES = 45_000
"""JSON of a diff; an answer is sent as text and as structure, together below 25,000 tokens."""
_SHOWN = 5

PLANNABLE = {
    operation.name: operation
    for room in (tasks, reminders, create_series, update_series)
    for operation in room.OPERATIONS
    if operation.effect.writes
}
"""The operations that may be steps of a plan: every write except plans and undo."""

_P = table_of(Plan)
_INSERT = insert(_P)
_BY_ID = select(_P).where(
    _P.c.id == bindparam("key"), _P.c.user_id == bindparam("user"), _P.c.origin == bindparam("origin")
)
_OLDER = select(_P.c.id, _P.c.seen).where(
    *(_P.c.user_id == bindparam("user"), _P.c.origin == bindparam("origin"), _P.c.id < bindparam("key")),
    *(_P.c.answer.is_(None), _P.c.made_at >= bindparam("since")),
)
_DROP = delete(_P).where(_P.c.user_id == bindparam("user"), _P.c.id.in_(bindparam("keys", expanding=True)))
_APPLIED = (
    update(_P).where(_P.c.id == bindparam("key"), _P.c.user_id == bindparam("user")).values(answer=bindparam("given"))
)


class Step(TypedDict):
    """One step of a plan, as it is stored: a writing operation, its raw arguments, and the ids of what it makes."""

    tool: str
    arguments: dict[str, Any]
    ids: NotRequired[list[str]]


class Seen(TypedDict):
    """The version at which the plan saw a task, and the numbers of the steps that mean it."""

    version: int
    numbers: list[int]


class DiffEntry(TypedDict):
    """What one step would do, and the task as it would be then; once a plan is applied, the number alone.

    `text` is for people, `hint` the next step for a program.
    """

    number: int
    tool: NotRequired[str]
    task_id: NotRequired[str]
    recurring_id: NotRequired[str]
    title: NotRequired[str]
    status: NotRequired[str]
    due: NotRequired[str]
    due_text: NotRequired[str]
    deleted: NotRequired[bool]
    changes: NotRequired[dict[str, list[Any]]]
    text: NotRequired[str]
    hint: NotRequired[str]


@dataclass(slots=True)
class _Rehearsal:
    """What a rehearsal found: the diff, the versions seen, warnings, and the effects in words."""

    diff: list[DiffEntry] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    effects: str = ""


class _TakenBack(Exception):
    """Ends a rehearsal: everything that it wrote is rolled back."""


def plan_changes(work: Work, request: PlanChanges) -> WriteAnswer:
    """Rehearse changes and store them as a plan; return `{plan_id, diff, warnings?, expires_at, message, now}`.

    Nothing is changed. With `apply` the plan is applied at once, unless the person has to agree first. Raises what a
    step raises, with its number, and `InvalidArguments` above 100 steps.
    """
    steps = _list_steps(work, request)
    if len(steps) > MOST:
        raise InvalidArguments(f"{len(steps)} tasks are meant; a plan has at most {MOST}.", "Narrow the filter.")
    if not steps:
        raise InvalidArguments("No task matches, so there is nothing to plan.", "Check the filter with find_tasks.")
    rehearsal = _rehearse(work, steps)
    plan_id = work.ids.new()
    row = {
        "id": plan_id,
        "user_id": work.who.user_id,
        "origin": work.who.origin,
        "calls": to_json(steps).decode(),
        "seen": to_json(rehearsal.seen).decode(),
        "made_at": work.at,
        "answer": None,
    }
    work.connection.execute(_INSERT, row)
    answer: WriteAnswer = {"plan_id": plan_id, "diff": cast("list[dict[str, Any]]", rehearsal.diff)}
    if request.apply:
        try:
            with savepoint(work.connection):
                applied = apply_plan(work, ApplyPlan(plan_id=plan_id))
                # The tasks say the rest.
                numbers: list[dict[str, Any]] = [{"number": each["number"]} for each in rehearsal.diff]
                return {**applied, "plan_id": plan_id, "diff": numbers}
        except ConfirmationRequired as error:
            work.list_names.clear()
            answer["needs_confirmation"] = error.details["summary"]
    if rehearsal.warnings:
        answer["warnings"] = rehearsal.warnings
    answer["expires_at"] = write_instant(work.now + KEPT)
    until = say_short(answer["expires_at"], work.zone).rpartition(", ")[2]
    hint = f"apply_plan does it all, until {until}; except leaves numbers out."
    return finish_answer(work, answer, f"Nothing is changed yet: {rehearsal.effects}.", hint)


def apply_plan(work: Work, request: ApplyPlan) -> WriteAnswer:
    """Apply a plan as one change or refuse it whole; return `{tasks, change_id, events, warnings?, message, now}`.

    Applying it twice has one effect. Raises `PlanExpired`, `VersionConflict` if a task has changed since the plan saw
    it, and `ConfirmationRequired`.
    """
    key = {"key": request.plan_id, "user": work.who.user_id, "origin": work.who.origin}
    row = work.connection.execute(_BY_ID.with_for_update(), key).one_or_none()
    if row is None or read_instant(row.made_at) + KEPT < work.now:
        raise PlanExpired(
            "There is no such plan any more: it is over an hour old, or a later one over its tasks was applied.",
            "Make it again: plan_changes.",
        )
    if row.answer is not None:
        known: WriteAnswer = from_json(row.answer)
        return {**known, "replayed": True, "message": "This plan was applied already; nothing new was saved."}
    steps = _leave_out(from_json(row.calls), request.except_ or [])
    _check_seen(work, from_json(row.seen), steps)
    if work.who.kind == "agent" and (guarded := sorted({step["tool"] for _, step in steps} & work.guarded)):
        means = [str(step["arguments"]["task_id"]) for _, step in steps if step["arguments"].get("task_id")]
        arguments = {"plan_id": request.plan_id, "steps": len(steps), "with": guarded}
        require_agreement(work, "apply_plan", arguments, means)
        work = work.with_agreement()
    change = Change(work, "apply_plan", request.request_id)
    warnings = []
    for number, step in steps:
        answer, collected = _run(work, number, step, KeptIds(work.ids, step.get("ids", ())), change.parts)
        warnings += [f"{number}: {warning}" for warning in answer.get("warnings", [])]
        change.add(collected)
    touched = change.list_touched()
    require_person(change, request.plan_id)
    warnings += list_clashes(work, touched)
    answer = {"tasks": [view_briefly(each.view, work.zone) for each in touched], "events": []}
    sentence = "All was so already: nothing changed."
    if not change.is_empty:
        recorded = change.record()
        answer |= {"change_id": recorded.change_id, "events": recorded.events}
        sentence = f"{count_effects(touched)} in one go; undo takes all of it back."
    if warnings:
        answer["warnings"] = warnings
    answer = finish_answer(work, answer, sentence)
    given = {"key": request.plan_id, "user": work.who.user_id, "given": to_json(answer).decode()}
    work.connection.execute(_APPLIED, given)
    _drop_older(work, request.plan_id, from_json(row.seen))
    return answer


OPERATIONS = (
    Operation("plan_changes", PlanChanges, plan_changes, WRITES),
    Operation("apply_plan", ApplyPlan, apply_plan, Effect(destructive=True, idempotent=True)),
)


def _list_steps(work: Work, request: PlanChanges) -> list[Step]:
    if request.changes is not None:
        return [{"tool": each.tool, "arguments": each.arguments} for each in request.changes]
    assert request.filter is not None  # noqa: S101  # one of the two is given
    assert request.change is not None  # noqa: S101  # it goes with the filter
    besides = request.filter.not_
    wanted = FindTasks(**request.filter.model_dump(exclude={"not_"}), limit=50)
    found = search.find_tasks(work, wanted, besides)
    if found["total"] > MOST or found.get("total_is_minimum"):
        raise InvalidArguments(f"The filter hits {found['total']} tasks; a plan has at most {MOST}.", "Narrow it.")
    rows = list(found["tasks"])
    while "next_cursor" in found:
        found = search.find_tasks(work, wanted.model_copy(update={"cursor": found["next_cursor"]}), besides)
        rows += found["tasks"]
    fields = request.change.model_dump(exclude_none=True)
    complete, gone = fields.pop("complete", False), fields.pop("delete", False)
    if bool(fields) + bool(complete) + bool(gone) != 1:
        raise InvalidArguments("change must be one thing: fields, complete or delete.", "Give one of the three.")
    tool = "complete_task" if complete else "delete_task" if gone else "update_task"
    return [{"tool": tool, "arguments": {"task_id": row["id"], **fields}} for row in rows]


def _rehearse(work: Work, steps: Sequence[Step]) -> _Rehearsal:
    """Run all steps and roll them back; each step keeps the ids that it drew."""
    found = _Rehearsal()
    whole = Collected()
    made: set[str] = set()
    try:
        with savepoint(work.connection):
            for number, step in enumerate(steps, 1):
                ids = KeptIds(work.ids)
                answer, collected = _run(work, number, step, ids, whole)
                step["ids"] = ids.drawn
                touched = list(collected.tasks.values())
                found.warnings += [f"{number}: {warning}" for warning in answer.get("warnings", [])]
                found.diff.append(_describe_step(work, number, step, answer, collected))
                made |= {each.row["id"] for each in touched if each.before is None}
                views = [each.before or each.view for each in touched] or [answer["task"]]
                for view in views:
                    if view["id"] not in made:
                        known = found.seen.setdefault(view["id"], {"version": view["version"], "numbers": []})
                        known["numbers"].append(number)
                whole.add(collected)
            found.warnings += list_clashes(work, whole.list_touched())
            found.effects = count_effects(whole.list_touched(), planned=True)
            raise _TakenBack
    except _TakenBack:
        # Lists that it made are gone again.
        work.list_names.clear()
    found.warnings += _shorten_diff(found.diff)
    return found


def _shorten_diff(diff: list[DiffEntry]) -> list[str]:
    """Leave out the differences that do not fit an answer; return a warning that says so, if there is one to give."""
    left = MOST_BYTES - sum(len(to_json({**entry, "changes": {}})) for entry in diff)
    cut: list[int] = []
    for entry in diff:
        left -= len(to_json(entry.get("changes", {})))
        if left < 0 and entry.pop("changes", None) is not None:
            cut.append(entry["number"])
    return [f"The differences from number {cut[0]} on are left out; the texts say what changes."] if cut else []


def _run(work: Work, number: int, step: Step, ids: KeptIds, before: Collected) -> tuple[WriteAnswer, Collected]:
    """Run one step; return its answer and what it touched, which it does not record itself.

    A subtask that an earlier step (in `before`) has deleted with its parent need not be deleted again.
    """
    tool = step["tool"]
    part = before.tasks.get(str(step["arguments"].get("task_id")))
    if tool == "delete_task" and part is not None and part.is_gone:
        sentence = f"{quote_title(part.row['title'])} goes with another task of the plan."
        return answer_nothing(work, part.row, sentence), Collected()
    if (operation := PLANNABLE.get(tool)) is None:
        raise InvalidArguments(f"{number}: {str(tool)[:40]!r} cannot be planned.", f"Use: {', '.join(PLANNABLE)}.")
    collected = Collected()
    try:
        work.who.require(operation.scope)
        given = read_arguments(operation.request, step["arguments"])
        answer = operation.use_case(work.in_plan(collected, ids), given.request)
    except TodoError as error:
        error.sentence = f"{number} ({tool}): {error.sentence}"
        raise
    return cast("WriteAnswer", answer), collected


def _describe_step(work: Work, number: int, step: Step, answer: WriteAnswer, collected: Collected) -> DiffEntry:
    brief = view_briefly(answer["task"], work.zone)
    entry: DiffEntry = {"number": number, "tool": step["tool"], "task_id": brief["id"]}
    if "recurring_id" in answer:
        entry["recurring_id"] = answer["recurring_id"]
    entry |= {"title": brief["title"], "status": answer["task"]["status"]}
    if "due" in brief:
        entry |= {"due": brief["due"], "due_text": brief["due_text"]}
    if "deleted" in brief:
        entry["deleted"] = True
    part = collected.tasks.get(brief["id"])
    if part is not None and part.before is not None and not part.is_gone:
        entry["changes"] = tell_differences(part.before, part.view, work.zone)
    hint = answer.get("hint", "")
    entry["text"] = answer["message"].removesuffix(hint).rstrip()
    if hint == ONLY_THIS:
        entry["text"] += " Only this occurrence."
    if hint:
        entry["hint"] = hint
    return entry


def _drop_older(work: Work, plan_id: str, seen: dict[str, Seen]) -> None:
    """Forget the older plans from the same origin over any of these tasks: what they show has changed."""
    since = write_instant(work.now - KEPT)
    key = {"key": plan_id, "user": work.who.user_id, "origin": work.who.origin, "since": since}
    void = [row.id for row in work.connection.execute(_OLDER, key) if seen.keys() & from_json(row.seen).keys()]
    if void:
        work.connection.execute(_DROP, {"user": work.who.user_id, "keys": void})


def _leave_out(steps: list[Step], numbers: Sequence[int]) -> list[tuple[int, Step]]:
    unknown = [number for number in numbers if not 1 <= number <= len(steps)]
    if unknown:
        raise InvalidArguments(f"The plan has no number {unknown[0]}.", f"Its numbers are 1 to {len(steps)}.")
    kept = [(number, step) for number, step in enumerate(steps, 1) if number not in numbers]
    if not kept:
        raise InvalidArguments("That leaves nothing of the plan.", "Leave fewer numbers out.")
    return kept


def _check_seen(work: Work, seen: dict[str, Seen], steps: Sequence[tuple[int, Step]]) -> None:
    """Refuse if a task of these steps has changed since the plan saw it."""
    numbers = {number for number, _ in steps}
    meant = {task_id: each["version"] for task_id, each in seen.items() if numbers & set(each["numbers"])}
    rows = load_any_tasks(work, sorted(meant))
    moved = []
    for task_id, version in meant.items():
        row = rows.get(task_id)
        if row is not None and row["version"] == version and row["deleted_at"] is None:
            continue
        title = quote_title(row["title"]) if row is not None else "a task"
        since = list_since(work, task_id, version)
        who = f" ({describe_change(work, since[-1])})" if since else ""
        moved.append(f"{title}{who}")
    if moved:
        raise VersionConflict(
            f"Nothing was applied: changed since the plan: {'; '.join(moved[:_SHOWN])}.", "Plan it again: plan_changes."
        )
