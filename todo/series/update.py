"""The use case that revises a series: its rule and pace, its pauses and skips, and what all its instances share."""

from datetime import date, timedelta
from itertools import count

from pydantic_core import from_json, to_json

from events.catalog import EventType
from events.instants import read_instant
from todo.errors import InvalidArguments
from todo.record.answers import answer_nothing, answer_write
from todo.record.changes import Touched, check_version, record_change
from todo.record.queries import Row, find_made_last, load_open_instances, load_taken
from todo.record.rows import show_task, update_task_row
from todo.record.views import View, say_rule, view_recurrence
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
from todo.requests.fields import read_edits
from todo.requests.schemas import UpdateRecurringTask
from todo.series.create import reach_instance, read_befores
from todo.series.draft import SeriesDraft, pause, pause_until, resume, skip
from todo.series.reschedule import set_end, set_schedule
from todo.series.series import (
    Advance,
    Series,
    delete_row,
    find_step,
    load_series,
    make_instances,
    save_series,
    tell_next,
)
from todo.text import when
from todo.text.display import quote_title

MOST_LEFT = 1_000


def update_recurring_task(work: Work, request: UpdateRecurringTask) -> View:
    """Revise a series; the answer's `task` is the series, `next_occurrence` what comes next.

    An instance's id means its series. Emits `task.updated` for the series if it looks different now, and the events
    of the instances that follow it: changed, taken back, skipped, made. Raises the rule's refusals, `InvalidTime`
    and `InvalidArguments`.
    """
    series = load_series(work, request.task_id)
    check_version(work, series.task, request.expected_version)
    _refuse_contradictions(series, request)
    plan = SeriesDraft(work, series, load_open_instances(work, series.task["id"]))
    plan.shared = {
        name: value for name, value in read_edits(series.task, request).items() if value != series.task[name]
    }
    if series.task["status"] == "completed" and (request.rule or request.first_due or request.ends):
        plan.shared |= {"status": "open", "completed_at": None}
    if request.reminders is not None:
        plan.values["reminders"] = to_json(read_befores(request.reminders)).decode()
    set_schedule(plan, request)
    if request.ends is not None:
        set_end(plan, request.ends)
    if request.paused is not None:
        pause(plan) if request.paused else resume(plan)
    if request.pause_until is not None:
        pause_until(plan, request.pause_until)
    if request.skip is not None:
        skip(plan, request.skip)
    return _carry_out(plan, request)


def _refuse_contradictions(series: Series, request: UpdateRecurringTask) -> None:
    given = [name for name in ("paused", "pause_until", "skip") if getattr(request, name) is not None]
    if len(given) > 1:
        raise InvalidArguments(f"{given[0]} and {given[1]} exclude each other.", "Give one of them at a time.")
    dated = [name for name in ("rule", "first_due", "zone", "ends") if getattr(request, name) is not None]
    if given and dated:
        raise InvalidArguments(f"{given[0]} and {dated[0]} do not go into one call.", "Change the dates first.")
    if given and series.task["status"] == "completed":
        raise InvalidArguments(
            f"The recurring task {quote_title(series.task['title'])} is completed.",
            "Let it go on with ends, rule or first_due.",
        )


def _find_steps(plan: SeriesDraft) -> list[NextDate] | None:
    """Return what is to be made now; nothing at all (None) if the series has no date left."""
    series, now = plan.revised, plan.work.now
    if not plan.stirred or not series.is_live:
        return []
    newest, zone = series.row["newest"], series.course.zone
    if series.course.mode == "every_occurrence":
        held_up = plan.floor is not None and newest is not None and str(day_of(newest, zone)) <= plan.floor
        if newest is not None and starts_at(newest, zone) > now and _has_instance(plan, newest) and not held_up:
            return []
    elif plan.staying and not plan.skips_last:
        return []
    if series.course.mode == "after_completion":
        step = _find_after_gone(plan, series)
    else:
        after = newest
        if plan.floor is not None and (newest is None or str(day_of(newest, zone)) <= plan.floor):
            after = plan.floor
        step = next_on_rule(series.course, after, now, plan.load_taken(after), since=newest)
    if step is None:
        return [] if plan.staying and not plan.skips_last else None
    return [step]


def _has_instance(plan: SeriesDraft, nominal: str) -> bool:
    """Return whether a date will have a living instance: one that was taken back or skipped has none."""
    if nominal in plan.moved.values():
        return True
    gone = {each["occurrence"] for each in plan.gone}
    return nominal in load_taken(plan.work, plan.series.task["id"], just_before(nominal)) - gone


def _find_after_gone(plan: SeriesDraft, series: Series) -> NextDate | None:
    """Return the next date of a series that counts from doing, when nothing of it is open."""
    zone, now, most = series.course.zone, plan.work.now, series.course.rule.count
    if most is not None and series.row["made"] >= most:
        return None
    due, floor = series.row["awaits"], plan.floor
    if due is None and floor is not None:
        day = date.fromisoformat(floor) + timedelta(days=1)
    elif plan.gone and floor is None:
        return find_step(plan.work, series, plan.gone[-1]["occurrence"], done=False)
    else:
        due = _find_last_due(plan, series) if due is None else due
        if due is None:
            return None
        day = when.local_day(now, zone) if is_over(due, zone, now) else day_of(due, zone)
    taken = plan.load_taken(None)
    if due is None or is_over(due, zone, now) or due in taken:
        days = (at_series_time(series.course, day + timedelta(days=ahead)) for ahead in count())
        due = next(due for due in days if due not in taken and not is_over(due, zone, now))
    return NextDate(due, 0) if rules.is_within(series.course.rule, due, zone) else None


def _find_last_due(plan: SeriesDraft, series: Series) -> str | None:
    """Return the date an interval after the last one was done or skipped; nothing past the end of the series."""
    work, course = plan.work, series.course
    last = find_made_last(work, series.task["id"])
    if last is None or last["completed_at"] is not None or last["deleted_at"] is None:
        from_ = read_instant((last and last["completed_at"]) or work.at)
    else:
        from_ = max(read_instant(last["deleted_at"]), starts_at(last["occurrence"], course.zone))
    step = next_after_completion(course, from_, series.row["made"], plan.load_taken(None))
    return None if step is None else step.due


def _carry_out(plan: SeriesDraft, request: UpdateRecurringTask) -> View:
    work, task = plan.work, plan.series.task
    plan.values = {name: value for name, value in plan.values.items() if value != plan.series.row[name]}
    steps = _find_steps(plan)
    plan.moved = {row["id"]: plan.moved[row["id"]] for row in plan.open_ones if _is_moved(plan, row)}
    if steps is None:
        plan.shared |= {"status": "completed", "completed_at": work.at}
    if not (plan.values or plan.shared or plan.moved or plan.gone or steps):
        return {
            **answer_nothing(
                work,
                task,
                f"{quote_title(task['title'])} recurs like that already; nothing was changed.",
                plan.warnings,
            ),
            "recurring_id": task["id"],
        }
    before = show_task(work, task)
    looked, looks = (view_recurrence(each.row, work.zone) for each in (plan.series, plan.revised))
    looks_new = bool(plan.shared) or looks != looked
    row = update_task_row(work, task, plan.shared) if looks_new else task
    series = save_series(work, Series(row, plan.series.row, plan.series.course), plan.values)
    after = show_task(work, row)
    touched = []
    if looks_new:
        kind = EventType.TASK_COMPLETED if steps is None else EventType.TASK_UPDATED
        touched.append(Touched(kind, before, after))
    touched += [delete_row(work, each) for each in plan.gone]
    touched += [each for row in _order_moves(plan) if (each := _bring_along(plan, row, series)) is not None]
    outcome = Advance(next=tell_next(work, series, load_open_instances(work, task["id"])), ended=steps is None)
    if steps:
        _, outcome = make_instances(work, series, steps, {})
    recorded = record_change(work, "update_recurring_task", [*touched, *outcome.touched], request.request_id)
    said = " ".join(
        [f"The recurring task {quote_title(after['title'])} is changed: {say_rule(series.row, work.zone)}.", *plan.said]
    )
    warnings = [*plan.warnings, *outcome.warnings]
    answer = answer_write(work, after, recorded, f"{said}{outcome.tell()}", warnings, outcome.next)
    return {**answer, "recurring_id": task["id"]}


def _is_moved(plan: SeriesDraft, instance: Row) -> bool:
    nominal = plan.moved.get(instance["id"])
    return nominal is not None and (nominal != instance["occurrence"] or nominal != instance["due"])


def _order_moves(plan: SeriesDraft) -> list[Row]:
    """Return the open instances that stay, each one before another that takes its date."""
    ordered = [each for each in plan.staying if each["id"] not in plan.moved]
    waiting = [each for each in plan.staying if each["id"] in plan.moved]
    while waiting:
        held = {each["occurrence"]: each for each in waiting}
        free = (each for each in waiting if held.get(plan.moved[each["id"]], each) is each)
        ordered.append(next(free, waiting[0]))
        waiting.remove(ordered[-1])
    return ordered


def _bring_along(plan: SeriesDraft, instance: Row, series: Series) -> Touched | None:
    """Write what the revision means for an instance that stays; return its part in the change, or nothing."""
    work = plan.work
    values = reach_instance(instance, plan.series.task, plan.shared)
    nominal = plan.moved.get(instance["id"])
    if nominal is not None:
        own = [name for name in instance["edited"].split() if name not in ("due", "zone")]
        zone = None if when.is_date(nominal) else series.course.zone.key
        values |= {"due": nominal, "occurrence": nominal, "zone": zone, "edited": " ".join(own)}
    rings_anew = "reminders" in plan.values and "reminders" not in instance["edited"].split()
    if not values and not rings_anew:
        return None
    before = show_task(work, instance)
    row = update_task_row(work, instance, values)
    if rings_anew:
        plan.warnings += replace_reminders(work, row, from_json(series.row["reminders"]))
    elif "due" in values:
        plan.warnings += follow_due(work, row)
    return Touched(EventType.TASK_UPDATED, before, show_task(work, row))
