"""The use case that changes a series: rule and mode, pauses and skips, and the fields that its instances share."""

from datetime import date, timedelta
from itertools import count
from typing import cast

from pydantic_core import from_json, to_json

from events.instants import read_instant
from todo.errors import InvalidArguments
from todo.record.changes import Change, answer_nothing, finish_answer
from todo.record.conflicts import check_version
from todo.record.queries import find_made_last, load_open_instances, load_taken, nominal_of
from todo.record.rows import pick_changed, show_task
from todo.record.shapes import DateShape, RecurrenceColumns, TaskColumns, TaskRow, WriteAnswer
from todo.record.views import say_rule, view_recurrence
from todo.record.work import Work
from todo.recurrence import expansion as rules
from todo.recurrence.schedule import (
    NextDate,
    at_series_time,
    day_of,
    is_over,
    just_before,
    next_after_completion,
    next_on_rule,
    starts_at,
)
from todo.reminders import follow_due, replace_reminders
from todo.requests.confirmations import require_person
from todo.requests.fields import choose_list, read_edits
from todo.requests.operation import Operation
from todo.requests.schemas import UpdateRecurringTask
from todo.requests.starts import read_ahead, start_of
from todo.series.create import inherit_edits, read_befores
from todo.series.draft import SeriesDraft, pause, pause_until, resume, skip
from todo.series.preview import list_ahead
from todo.series.reschedule import set_end, set_schedule
from todo.series.series import (
    Advance,
    Series,
    find_next,
    list_missed,
    load_series,
    make_instances,
    save_series,
    tell_next,
)
from todo.subtasks.branches import delete_branch, follow_list, read_templates, replace_templates, write_templates
from todo.text import when
from todo.text.display import quote_title

_DATES = ("rule", "rule_text", "first", "zone", "mode")
"""The columns of a recurrence that decide its dates."""


def update_recurring_task(work: Work, request: UpdateRecurringTask) -> WriteAnswer:
    """Change a series; the answer's `task` is the series, `next_occurrence` its next date.

    An instance's id stands for its series. Emits `task.updated` for the series if its view has changed, then the
    events of the instances that are changed, deleted, skipped or made. Raises the rule's refusals, `InvalidTime`
    and `InvalidArguments`.
    """
    series = load_series(work, request.task_id)
    check_version(work, series.task, request.expected_version)
    _refuse_completed(series, request)
    plan = SeriesDraft(work, series, load_open_instances(work, series.task["id"]))
    change = Change(work, "update_recurring_task", request.request_id)
    chosen = choose_list(change, request.list, plan.warnings)
    edits = read_edits(series.task, request) | chosen
    if "start" in edits:
        # The start of a series is a duration; its task has none.
        plan.values["start"] = edits.pop("start")
    plan.shared = pick_changed(series.task, edits)
    if series.task["status"] == "completed" and (request.rule or request.first_due or request.ends):
        plan.shared |= {"status": "open", "completed_at": None}
    if request.reminders is not None:
        plan.values["reminders"] = to_json(read_befores(request.reminders)).decode()
    set_schedule(plan, request)
    if request.subtasks is not None:
        plan.values["subtasks"] = write_templates(request.subtasks)
    if request.start is not None:
        plan.values["start"] = read_ahead(request.start, plan.revised.row["first"])
    if request.ends is not None:
        set_end(plan, request.ends)
    if request.paused is not None:
        pause(plan) if request.paused else resume(plan)
    if request.pause_until is not None:
        pause_until(plan, request.pause_until)
    if request.skip is not None:
        skip(plan, request.skip)
    return _carry_out(plan, request, change)


def _refuse_completed(series: Series, request: UpdateRecurringTask) -> None:
    paces = (request.paused, request.pause_until, request.skip)
    if series.task["status"] == "completed" and any(each is not None for each in paces):
        raise InvalidArguments(
            f"The recurring task {quote_title(series.task['title'])} is completed.",
            "Let it go on with ends, rule or first_due.",
        )


def _find_dates(plan: SeriesDraft) -> list[NextDate] | None:
    """Return the dates whose instances are to be made now; None if the series has no date left."""
    series, now = plan.revised, plan.work.now
    if not plan.stirred or not series.is_live:
        return []
    newest, zone = series.row["newest"], series.schedule.zone
    if series.schedule.mode == "every_occurrence":
        held_up = plan.floor is not None and newest is not None and str(day_of(newest, zone)) <= plan.floor
        if newest is not None and starts_at(newest, zone) > now and _has_instance(plan, newest) and not held_up:
            return []
    elif plan.staying and not plan.skips_last:
        return []
    if series.schedule.mode == "after_completion":
        date = _find_after_gone(plan, series)
    else:
        after = newest
        if plan.floor is not None and (newest is None or str(day_of(newest, zone)) <= plan.floor):
            after = plan.floor
        date = next_on_rule(series.schedule, after, now, plan.load_taken(after), since=newest)
    if date is None:
        return [] if plan.staying and not plan.skips_last else None
    return [date]


def _has_instance(plan: SeriesDraft, nominal: str) -> bool:
    """Return whether a date will have a living instance after the change."""
    if nominal in plan.moved.values():
        return True
    gone = {each["occurrence"] for each in plan.gone}
    return nominal in load_taken(plan.work, plan.series.task["id"], just_before(nominal)) - gone


def _find_after_gone(plan: SeriesDraft, series: Series) -> NextDate | None:
    """Return the next date in the mode after_completion when no instance is open."""
    zone, now, most = series.schedule.zone, plan.work.now, series.schedule.rule.count
    if most is not None and series.row["made"] >= most:
        return None
    due, floor = series.row["awaits"], plan.floor
    if due is None and floor is not None:
        day = date.fromisoformat(floor) + timedelta(days=1)
    elif plan.gone and floor is None:
        return find_next(plan.work, series, plan.gone[-1]["occurrence"], done=False)
    else:
        due = _find_last_due(plan, series) if due is None else due
        if due is None:
            return None
        day = when.local_day(now, zone) if is_over(due, zone, now) else day_of(due, zone)
    taken = plan.load_taken(None)
    if due is None or is_over(due, zone, now) or due in taken:
        days = (at_series_time(series.schedule, day + timedelta(days=ahead)) for ahead in count())
        due = next(due for due in days if due not in taken and not is_over(due, zone, now))
    return NextDate(due, 0) if rules.is_within(series.schedule.rule, due, zone) else None


def _find_last_due(plan: SeriesDraft, series: Series) -> str | None:
    """Return the date one interval after the last instance was done or skipped; None past the end of the series."""
    work, schedule = plan.work, series.schedule
    last = find_made_last(work, series.task["id"])
    if last is None or last["completed_at"] is not None or last["deleted_at"] is None:
        from_ = read_instant((last and last["completed_at"]) or work.at)
    else:
        from_ = max(read_instant(last["deleted_at"]), starts_at(nominal_of(last), schedule.zone))
    step = next_after_completion(schedule, from_, series.row["made"], plan.load_taken(None))
    return None if step is None else step.due


def _carry_out(plan: SeriesDraft, request: UpdateRecurringTask, change: Change) -> WriteAnswer:
    work, task = plan.work, plan.series.task
    plan.values = cast(
        "RecurrenceColumns",
        {name: value for name, value in plan.values.items() if value != plan.series.row[name]},  # type: ignore[literal-required]  # a column's name
    )
    dates = _find_dates(plan)
    plan.moved = {row["id"]: plan.moved[row["id"]] for row in plan.open_ones if _is_moved(plan, row)}
    if dates is None:
        plan.shared |= {"status": "completed", "completed_at": work.at}
    if not (plan.values or plan.shared or plan.moved or plan.gone or dates):
        sentence = f"{quote_title(task['title'])} recurs like that already; nothing was changed."
        return {**answer_nothing(work, task, sentence, plan.warnings), "recurring_id": task["id"]}
    before, after = (view_recurrence(each.row, work.zone) for each in (plan.series, plan.revised))
    looks_new = bool(plan.shared) or before != after
    row = change.update(task, plan.shared) if looks_new else task
    was_next = tell_next(work, plan.series, plan.open_ones)
    series = save_series(change, Series(row, plan.series.row, plan.series.schedule), plan.values)
    for each in plan.gone:
        delete_branch(change, each)
    for each in _order_moves(plan):
        _bring_along(change, plan, each, series)
    advance = Advance(next=tell_next(work, series, load_open_instances(work, task["id"])), ended=dates is None)
    if dates:
        missed = list_missed(work, series, dates[0].due) if request.paused is False else []
        series, advance = make_instances(change, series, dates, {})
        advance.note_missed(missed, work.zone)
    require_person(change, task["id"])
    recorded = change.record()
    sentence = " ".join(
        [f"The recurring task {quote_title(row['title'])} is changed: {say_rule(series.row, work.zone)}.", *plan.said]
    )
    answer: WriteAnswer = {
        "task": change.view(row) if looks_new else show_task(work, row),
        "change_id": recorded.change_id,
        "events": recorded.events,
    }
    if advance.next is not None:
        answer["next_occurrence"] = advance.next
    if warnings := [*plan.warnings, *advance.warnings]:
        answer["warnings"] = warnings
    is_redated = not plan.values.keys().isdisjoint(_DATES)
    ahead = _tell_ahead(plan, series, advance, was_next) if is_redated else advance.tell(work.zone)
    return {**finish_answer(work, answer, f"{sentence}{ahead}"), "recurring_id": task["id"]}


def _tell_ahead(plan: SeriesDraft, series: Series, advance: Advance, was_next: DateShape | None) -> str:
    """Return the next dates of a series with new dates as a sentence; says whether the first one is as it was."""
    work, coming = plan.work, advance.next
    if advance.ended or coming is None:
        return advance.tell(work.zone)
    same = " (as before)" if was_next is not None and was_next["due"] == coming["due"] else ""
    later = [] if series.schedule.mode == "after_completion" else list_ahead(work, series, None, 3)
    then = " and ".join([when.say_due(each["due"], work.zone) for each in later if each["due"] > coming["due"]][:2])
    return f" Next: {coming['due_text']}{same}{f', then {then}' if then else ''}.{advance.tell_missed(work.zone)}"


OPERATIONS = (Operation("update_recurring_task", UpdateRecurringTask, update_recurring_task),)


def _is_moved(plan: SeriesDraft, instance: TaskRow) -> bool:
    nominal = plan.moved.get(instance["id"])
    return nominal is not None and (nominal != instance["occurrence"] or nominal != instance["due"])


def _order_moves(plan: SeriesDraft) -> list[TaskRow]:
    """Return the open instances that stay, each one before another that takes its date."""
    ordered = [each for each in plan.staying if each["id"] not in plan.moved]
    waiting = [each for each in plan.staying if each["id"] in plan.moved]
    while waiting:
        held = {each["occurrence"]: each for each in waiting}
        free = (each for each in waiting if held.get(plan.moved[each["id"]], each) is each)
        ordered.append(next(free, waiting[0]))
        waiting.remove(ordered[-1])
    return ordered


def _bring_along(change: Change, plan: SeriesDraft, instance: TaskRow, series: Series) -> None:
    """Apply the change to an instance that stays."""
    work = plan.work
    values = inherit_edits(instance, plan.series.task, plan.shared)
    own_edits = instance["edited"].split()
    nominal = plan.moved.get(instance["id"])
    if nominal is not None:
        own = [name for name in instance["edited"].split() if name not in ("due", "zone")]
        zone = None if when.is_date(nominal) else series.schedule.zone.key
        moved: TaskColumns = {"due": nominal, "occurrence": nominal, "zone": zone, "edited": " ".join(own)}
        values |= moved
    due = values.get("due", instance["due"])
    restarts = "start" in plan.values or nominal is not None
    if restarts and due is not None and "start" not in own_edits:
        values |= pick_changed(instance, {"start": start_of(due, series.row["start"], series.schedule.zone)})
    new_reminders = "reminders" in plan.values and "reminders" not in instance["edited"].split()
    if "subtasks" in plan.values:
        was, titles = (read_templates(each["subtasks"]) for each in (plan.series.row, series.row))
        plan.warnings += replace_templates(change, instance, was, titles)
    if not values and not new_reminders:
        return
    row = change.update(instance, values)
    if "list_id" in values:
        follow_list(change, row)
    if new_reminders:
        plan.warnings += replace_reminders(work, row, from_json(series.row["reminders"]))
    elif "due" in values:
        plan.warnings += follow_due(work, row)
