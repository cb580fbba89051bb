"""The use case that revises a series: its rule and pace, its pauses and skips, and what all its instances share."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count, islice
from zoneinfo import ZoneInfo

from pydantic_core import from_json, to_json

from events.catalog import EventType
from events.instants import read_instant, shorten_instant, write_instant
from todo import rules, when
from todo.answers import answer_nothing, answer_write
from todo.changes import Touched, check_version, record_change
from todo.course import (
    Course,
    Mode,
    Step,
    at_series_time,
    dates_ahead,
    day_of,
    is_over,
    just_after,
    just_before,
    next_after_doing,
    next_on_rule,
    starts_at,
)
from todo.editing import read_edits
from todo.errors import InvalidArguments, RuleNeverOccurs
from todo.queries import Row, find_made_last, load_open_instances, load_taken
from todo.recurring import check_mode, describe_course, reach_instance, read_befores, read_schedule
from todo.reminders import follow_due, replace_reminders
from todo.revision import Revision, pause, pause_until, resume, skip, take_back
from todo.rules import Rule
from todo.saving import show_task, update_task_row
from todo.schemas import UpdateRecurringTask
from todo.series import (
    Outcome,
    Series,
    delete_row,
    find_step,
    load_series,
    make_instances,
    save_series,
    tell_next,
)
from todo.views import View, say_rule, view_recurrence
from todo.work import Work

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
    plan = Revision(work, series, load_open_instances(work, series.task["id"]))
    plan.shared = {
        name: value for name, value in read_edits(series.task, request).items() if value != series.task[name]
    }
    if series.task["status"] == "completed" and (request.rule or request.first_due or request.ends):
        plan.shared |= {"status": "open", "completed_at": None}
    if request.reminders is not None:
        plan.values["reminders"] = to_json(read_befores(request.reminders)).decode()
    _set_schedule(plan, request)
    if request.ends is not None:
        _set_end(plan, request.ends)
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
            f'The recurring task "{series.task["title"]}" is completed.', "Let it go on with ends, rule or first_due."
        )


def _set_schedule(plan: Revision, request: UpdateRecurringTask) -> None:
    """Take over rule, first due, zone, mode and catch_up, and move the open instance to the first new date."""
    course = plan.series.course
    zone = course.zone if request.zone is None else when.read_zone(request.zone)
    mode: Mode = request.mode or course.mode
    if request.rule is not None or request.first_due is not None:
        rule, first = _redate(plan, request, zone, mode)
        plan.values |= {"rule": rule.text, "first": first, "zone": zone.key, "skipped": "[]"}
    elif zone.key != course.zone.key:
        rule = course.rule
        skipped = [_rezone(due, course.zone, zone) for due in sorted(course.skipped)]
        plan.values |= {"first": _rezone(course.first, course.zone, zone), "zone": zone.key}
        plan.values["skipped"] = to_json(skipped).decode()
    else:
        rule = course.rule
    check_mode(rule, mode, request.catch_up)
    redated = "first" in plan.values
    if mode != course.mode:
        plan.values |= {"mode": mode, "catch_up": "latest"}
    if request.catch_up is not None:
        plan.values["catch_up"] = request.catch_up
    if redated or mode != course.mode:
        plan.values["rule_text"] = describe_course(plan.revised.course)
        plan.stirred = True
    if redated:
        _move_open(plan, request)


def _redate(plan: Revision, request: UpdateRecurringTask, zone: ZoneInfo, mode: Mode) -> tuple[Rule, str]:
    work, course = plan.work, plan.series.course
    rule_text = request.rule or course.rule.text
    if request.first_due is not None:
        first_due = request.first_due
    elif mode == "after_completion":
        first_due = _rezone(course.first, course.zone, zone)
    else:
        first_due = _restart(rules.parse(rule_text), replace(course, zone=zone), course.zone, work.now)
    schedule = read_schedule(work, rule_text, first_due, zone)
    if next_on_rule(Course(schedule.rule, schedule.first, zone, mode), None, work.now) is None:
        raise RuleNeverOccurs("This rule has no date after now.", "Give a later UNTIL or first_due, or more COUNT.")
    plan.warnings += schedule.warnings
    return schedule.rule, schedule.first


def _restart(rule: Rule, course: Course, old_zone: ZoneInfo, now: datetime) -> str:
    """Return the first date of a new rule from now on; without hours of its own it keeps the series' time."""
    if when.is_date(course.first) or rule.byhour:
        return rules.default_first(rule, course.zone, now)
    wall = read_instant(course.first).astimezone(old_zone)
    if rule.freq in rules.SUB_DAILY:
        today = replace(course, first=_rezone(course.first, old_zone, course.zone))
        return at_series_time(today, when.local_day(now, course.zone))
    timed = replace(rule, byhour=(wall.hour,), byminute=rule.byminute or (wall.minute,), bysecond=(wall.second,))
    return rules.default_first(timed, course.zone, now)


def _rezone(due: str, old: ZoneInfo, new: ZoneInfo) -> str:
    """Return the due with the same wall time in another zone."""
    if when.is_date(due):
        return due
    wall = read_instant(due).astimezone(old).replace(tzinfo=None)
    return shorten_instant(write_instant(when.resolve_local(wall, new)))


def _move_open(plan: Revision, request: UpdateRecurringTask) -> None:
    work, course = plan.work, plan.revised.course
    if request.rule is None and request.first_due is None:
        _rezone_open(plan, course)
        return
    if not plan.open_ones or (course.mode == "after_completion" and request.first_due is None):
        return
    last = max(plan.open_ones, key=lambda each: int(each["number"]))
    if is_over(last["due"] or last["occurrence"], course.zone, work.now):
        return
    if request.first_due is not None and day_of(last["occurrence"], course.zone) < day_of(course.first, course.zone):
        return
    taken = load_taken(work, plan.series.task["id"], None) - {last["occurrence"]}
    if (step := next_on_rule(course, None, work.now, taken)) is not None:
        plan.moved[last["id"]] = plan.values["newest"] = step.due


def _rezone_open(plan: Revision, course: Course) -> None:
    """Keep the wall time of the open instances not yet past; one that would be past by it goes to the next date."""
    work, old = plan.work, plan.series.course.zone
    moving = [
        each
        for each in plan.open_ones
        if not when.is_date(each["occurrence"]) and not is_over(each["due"] or each["occurrence"], old, work.now)
    ]
    newest, last = plan.series.row["newest"], find_made_last(work, plan.series.task["id"])
    stays = last is not None and last["occurrence"] == newest and last not in moving
    if newest is not None and not (stays and course.mode == "after_completion"):
        plan.values["newest"] = _rezone(newest, old, course.zone)
    taken = load_taken(work, plan.series.task["id"], None) - {each["occurrence"] for each in moving}
    for each in moving:
        due = _rezone(each["occurrence"], old, course.zone)
        if due in taken or (is_over(due, course.zone, work.now) and course.mode != "after_completion"):
            step = next_on_rule(course, None, work.now, taken)
            if step is None:
                continue
            due = step.due
            plan.values["newest"] = max(plan.values.get("newest") or due, due)
        taken |= {due}
        plan.moved[each["id"]] = due


def _set_end(plan: Revision, text: str) -> None:
    """Let the series end on a date, or after so many occurrences more, the open ones included."""
    course, zone = plan.revised.course, plan.revised.course.zone
    rule = course.rule
    if text.isascii() and text.isdigit() and len(text) < 5:
        left = int(text)
        if not 1 <= left <= MOST_LEFT:
            raise InvalidArguments(
                f"ends is a date, or a number of occurrences left from 1 to {MOST_LEFT}.", "To end it now, delete it."
            )
        if course.mode == "after_completion":
            made = plan.series.row["made"] - len(plan.open_ones)
            rule = replace(rule, until=None, count=made + left)
        else:
            dues: list[str] = [plan.moved.get(each["id"]) or each["occurrence"] for each in plan.open_ones]
            newest = plan.values.get("newest", plan.series.row["newest"])
            dues += islice(
                dates_ahead(course, newest, plan.work.now, plan.load_taken(newest)), max(left - len(dues), 0)
            )
            if len(dues) < left:
                plan.warnings.append(f"The rule has only {len(dues)} occurrences left; its end stays.")
                return
            last = dues[left - 1]
            # As local time, so that it reads as the series does and stays with it in another zone.
            wall = read_instant(last).astimezone(zone).replace(tzinfo=None) if not when.is_date(last) else None
            until = wall or date.fromisoformat(last)
            rule = replace(rule, count=None, until=until)
    elif text.casefold() == "never":
        rule = replace(rule, count=None, until=None)
    else:
        due = when.read_time(text, zone, plan.work.now).due
        day = day_of(due, zone)
        if day < when.local_day(plan.work.now, zone):
            raise InvalidArguments("ends is past already.", "To end it now, delete the series.")
        rule = replace(rule, count=None, until=day)
    plan.values["rule"] = rule.text
    plan.values["rule_text"] = describe_course(plan.revised.course)
    plan.stirred = True
    beyond = []
    for each in plan.open_ones:
        nominal = plan.moved.get(each["id"]) or each["occurrence"]
        if not rules.is_within(rule, nominal, zone) and not is_over(nominal, zone, plan.work.now):
            beyond.append(each)
    take_back(plan, beyond)


def _find_steps(plan: Revision) -> list[Step] | None:
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


def _has_instance(plan: Revision, nominal: str) -> bool:
    """Return whether a date will have a living instance: one that was taken back or skipped has none."""
    if nominal in plan.moved.values():
        return True
    gone = {each["occurrence"] for each in plan.gone}
    return nominal in load_taken(plan.work, plan.series.task["id"], just_before(nominal)) - gone


def _find_after_gone(plan: Revision, series: Series) -> Step | None:
    """Return the next date of a series that counts from doing, when nothing of it is open."""
    zone, most = series.course.zone, series.course.rule.count
    if most is not None and series.row["made"] >= most:
        return None
    if plan.gone and plan.floor is None:
        return find_step(plan.work, series, plan.gone[-1]["occurrence"], done=False)
    taken = plan.load_taken(None)
    if plan.floor is None:
        last_due, day = _find_last_due(plan, series, taken), when.local_day(plan.work.now, zone)
        if last_due is None or not is_over(last_due, zone, plan.work.now):
            return None if last_due is None else Step(last_due, 0)
    else:
        day = date.fromisoformat(plan.floor) + timedelta(days=1)
    days = (at_series_time(series.course, day + timedelta(days=ahead)) for ahead in count())
    due = next(due for due in days if due not in taken and not is_over(due, zone, plan.work.now))
    return Step(due, 0) if rules.is_within(series.course.rule, due, zone) else None


def _find_last_due(plan: Revision, series: Series, taken: frozenset[str]) -> str | None:
    """Return when a series that counts from doing was to be done when it was paused or ended.

    That is the date that was taken back, or an interval after the last one was done or skipped; nothing past its end.
    """
    work, course, newest = plan.work, series.course, series.row["newest"]
    last = find_made_last(work, series.task["id"])
    if last is None or last["completed_at"] is not None or last["deleted_at"] is None:
        from_ = read_instant((last and last["completed_at"]) or work.at)
    elif last["occurrence"] != newest:
        due = just_after(newest)
        return due if rules.is_within(course.rule, due, course.zone) else None
    else:
        from_ = max(read_instant(last["deleted_at"]), starts_at(newest, course.zone))
    step = next_after_doing(course, from_, series.row["made"], taken)
    return None if step is None else step.due


def _carry_out(plan: Revision, request: UpdateRecurringTask) -> View:
    work, task = plan.work, plan.series.task
    plan.values = {name: value for name, value in plan.values.items() if value != plan.series.row[name]}
    steps = _find_steps(plan)
    plan.moved = {row["id"]: plan.moved[row["id"]] for row in plan.open_ones if _is_moved(plan, row)}
    if steps is None:
        plan.shared |= {"status": "completed", "completed_at": work.at}
    if not (plan.values or plan.shared or plan.moved or plan.gone or steps):
        return {
            **answer_nothing(
                work, task, f'"{task["title"]}" recurs like that already; nothing was changed.', plan.warnings
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
    outcome = Outcome(next=tell_next(work, series, load_open_instances(work, task["id"])), ended=steps is None)
    if steps:
        _, outcome = make_instances(work, series, steps, {})
    recorded = record_change(work, "update_recurring_task", [*touched, *outcome.touched], request.request_id)
    said = " ".join(
        [f'The recurring task "{after["title"]}" is changed: {say_rule(series.row, work.zone)}.', *plan.said]
    )
    warnings = [*plan.warnings, *outcome.warnings]
    answer = answer_write(work, after, recorded, f"{said}{outcome.tell()}", warnings, outcome.next)
    return {**answer, "recurring_id": task["id"]}


def _is_moved(plan: Revision, instance: Row) -> bool:
    nominal = plan.moved.get(instance["id"])
    return nominal is not None and (nominal != instance["occurrence"] or nominal != instance["due"])


def _order_moves(plan: Revision) -> list[Row]:
    """Return the open instances that stay, each one before another that takes its date."""
    ordered = [each for each in plan.staying if each["id"] not in plan.moved]
    waiting = [each for each in plan.staying if each["id"] in plan.moved]
    while waiting:
        held = {each["occurrence"]: each for each in waiting}
        free = (each for each in waiting if held.get(plan.moved[each["id"]], each) is each)
        ordered.append(next(free, waiting[0]))
        waiting.remove(ordered[-1])
    return ordered


def _bring_along(plan: Revision, instance: Row, series: Series) -> Touched | None:
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
