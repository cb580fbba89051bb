"""Rescheduling of a series: a new rule, first due, zone, mode or end."""

from dataclasses import replace
from datetime import date, datetime, time
from itertools import islice
from zoneinfo import ZoneInfo

from pydantic_core import to_json

from events.instants import read_instant, shorten_instant, write_instant
from todo.errors import InvalidArguments, RuleNeverOccurs
from todo.record.queries import find_made_last, load_taken, nominal_of, open_due
from todo.recurrence import expansion as rules
from todo.recurrence.expansion import Rule
from todo.recurrence.schedule import Mode, Schedule, dates_ahead, day_of, is_over, just_before, next_on_rule
from todo.requests.schemas import UpdateRecurringTask
from todo.series.draft import SeriesDraft, take_back
from todo.series.parsed_rule import ParsedRule, check_mode, describe_schedule, read_schedule
from todo.text import when
from todo.text.when import resolve_local

MOST_LEFT = 1_000


def set_schedule(plan: SeriesDraft, request: UpdateRecurringTask) -> None:
    """Apply rule, first due, zone, mode and catch_up, and move the open instance to the first new date."""
    schedule = plan.series.schedule
    zone = schedule.zone if request.zone is None else when.read_zone(request.zone)
    mode: Mode = request.mode or schedule.mode
    if request.rule is not None or request.first_due is not None:
        parsed = _redate(plan, request, zone, mode)
        rule = parsed.rule
        plan.values |= {"rule": rule.text, "first": parsed.first, "wall": parsed.wall}
        plan.values |= {"zone": zone.key, "skipped": "[]"}
    elif zone.key != schedule.zone.key:
        rule = schedule.rule
        plan.values |= {"zone": zone.key, "first": schedule.first}
        if not when.is_date(schedule.first):
            first = resolve_local(schedule.start, zone)
            plan.values["first"] = _write(first)
            plan.values["wall"] = _name_wall(schedule.start, first, zone)
        plan.values["skipped"] = to_json([_rezone(schedule, due, zone) for due in sorted(schedule.skipped)]).decode()
    else:
        rule = schedule.rule
    check_mode(rule, mode, request.catch_up)
    redated = "first" in plan.values
    if mode != schedule.mode:
        plan.values |= {"mode": mode, "catch_up": "latest"}
    if request.catch_up is not None:
        plan.values["catch_up"] = request.catch_up
    if redated or mode != schedule.mode:
        plan.values["rule_text"] = describe_schedule(plan.revised.schedule)
        plan.stirred = True
    if redated:
        _move_open(plan, request)


def _redate(plan: SeriesDraft, request: UpdateRecurringTask, zone: ZoneInfo, mode: Mode) -> ParsedRule:
    work, schedule = plan.work, plan.series.schedule
    rule_text = request.rule or schedule.rule.text
    if request.first_due is not None:
        first_due = request.first_due
    elif mode == "after_completion":
        first_due = _tell_start(schedule.start, zone) if not when.is_date(schedule.first) else schedule.first
    else:
        first_due = _restart(rules.parse(rule_text), schedule, zone, work.now)
    parsed = read_schedule(work, rule_text, first_due, zone)
    if next_on_rule(Schedule(parsed.rule, parsed.first, zone, mode, wall=parsed.wall), None, work.now) is None:
        raise RuleNeverOccurs("This rule has no date after now.", "Give a later UNTIL or first_due, or more COUNT.")
    plan.warnings += parsed.warnings
    return parsed


def _restart(rule: Rule, schedule: Schedule, zone: ZoneInfo, now: datetime) -> str:
    """Return the first date of a new rule from now on; a rule without hours keeps the series' time.

    A time that the clocks skip on that day is returned as a local time, so that it is kept.
    """
    at = schedule.start.time()
    if not when.is_date(schedule.first) and rule.freq in rules.SUB_DAILY and not rule.byhour:
        return _write(resolve_local(datetime.combine(when.local_day(now, zone), at), zone))
    if not when.is_date(schedule.first) and not rule.byhour:
        rule = replace(rule, byhour=(at.hour,), byminute=rule.byminute or (at.minute,), bysecond=(at.second,))
    first = rules.default_first(rule, zone, now)
    return rules.find_wall(rule, datetime.combine(day_of(first, zone), time()), zone, first) or first


def _tell_start(wall: datetime, zone: ZoneInfo) -> str:
    first = resolve_local(wall, zone)
    return _name_wall(wall, first, zone) or _write(first)


def _name_wall(wall: datetime, at: datetime, zone: ZoneInfo) -> str | None:
    """Return the local time if a clock change skips it, else None."""
    return None if at.astimezone(zone).replace(tzinfo=None) == wall else wall.isoformat()


def _write(at: datetime) -> str:
    return shorten_instant(write_instant(at))


def _rezone(schedule: Schedule, due: str, zone: ZoneInfo) -> str:
    """Return a date of a series with the same wall time in another zone; a skipped wall time is kept as intended."""
    if when.is_date(due):
        return due
    wall = rules.find_wall(schedule.rule, schedule.start, schedule.zone, due)
    return _write(resolve_local(rules.local_start(due, schedule.zone, wall), zone))


def _move_open(plan: SeriesDraft, request: UpdateRecurringTask) -> None:
    work, schedule = plan.work, plan.revised.schedule
    if request.rule is None and request.first_due is None:
        _rezone_open(plan, schedule)
        return
    _set_awaited(plan, request)
    if not plan.open_ones or (schedule.mode == "after_completion" and request.first_due is None):
        return
    last = max(plan.open_ones, key=lambda each: int(each["number"]))
    if is_over(open_due(last), schedule.zone, work.now):
        return
    if request.first_due is not None and day_of(nominal_of(last), schedule.zone) < day_of(
        schedule.first, schedule.zone
    ):
        return
    taken = load_taken(work, plan.series.task["id"], None) - {nominal_of(last)}
    if (step := next_on_rule(schedule, None, work.now, taken)) is not None:
        plan.moved[last["id"]] = plan.values["newest"] = step.due
        plan.values["awaits"] = None


def _set_awaited(plan: SeriesDraft, request: UpdateRecurringTask) -> None:
    """Make the date with which a resting series continues one of the new dates."""
    work, schedule, newest = plan.work, plan.revised.schedule, plan.series.row["newest"]
    counts = schedule.mode == "after_completion"
    if request.first_due is not None and (counts or not plan.series.is_live):
        newest = None
    elif plan.series.row["awaits"] is None or counts:
        return
    taken = load_taken(work, plan.series.task["id"], None)
    step = next_on_rule(schedule, newest, work.now, taken)
    plan.values["awaits"] = None if step is None else step.due


def _rezone_open(plan: SeriesDraft, schedule: Schedule) -> None:
    """Keep the wall time of open instances not yet past; one that would then be past moves to the next date."""
    work, was, old = plan.work, plan.series.schedule, plan.series.schedule.zone
    moving = [
        each
        for each in plan.open_ones
        if not when.is_date(nominal_of(each)) and not is_over(open_due(each), old, work.now)
    ]
    newest, awaits = plan.series.row["newest"], plan.series.row["awaits"]
    last = find_made_last(work, plan.series.task["id"])
    moved_awaits = None if awaits is None else _rezone(was, awaits, schedule.zone)
    if moved_awaits is not None:
        plan.values["awaits"] = moved_awaits
    stays = last is not None and nominal_of(last) == newest and last not in moving
    if newest is not None and awaits is not None and moved_awaits is not None and newest == just_before(awaits):
        # Moving the second before it instead fails where the clocks jump to the date itself.
        plan.values["newest"] = just_before(moved_awaits)
    elif newest is not None and not (stays and schedule.mode == "after_completion"):
        plan.values["newest"] = _rezone(was, newest, schedule.zone)
    taken = load_taken(work, plan.series.task["id"], None) - {nominal_of(each) for each in moving}
    for each in moving:
        due = _rezone(was, nominal_of(each), schedule.zone)
        if due in taken or (is_over(due, schedule.zone, work.now) and schedule.mode != "after_completion"):
            step = next_on_rule(schedule, None, work.now, taken)
            if step is None:
                continue
            due = step.due
            plan.values["newest"] = max(plan.values.get("newest") or due, due)
        taken |= {due}
        plan.moved[each["id"]] = due


def set_end(plan: SeriesDraft, text: str) -> None:
    """End the series on a date, or after a number of further occurrences, open ones included."""
    schedule, zone = plan.revised.schedule, plan.revised.schedule.zone
    rule = schedule.rule
    if text.isascii() and text.isdigit() and len(text) < 5:
        left = int(text)
        if not 1 <= left <= MOST_LEFT:
            raise InvalidArguments(
                f"ends is a date, or a number of occurrences left from 1 to {MOST_LEFT}.", "To end it now, delete it."
            )
        if schedule.mode == "after_completion":
            made = plan.series.row["made"] - len(plan.open_ones)
            rule = replace(rule, until=None, count=made + left)
        else:
            dues: list[str] = [plan.moved.get(each["id"]) or nominal_of(each) for each in plan.open_ones]
            newest = plan.values.get("newest", plan.series.row["newest"])
            dues += islice(
                dates_ahead(schedule, newest, plan.work.now, plan.load_taken(newest)), max(left - len(dues), 0)
            )
            if len(dues) < left:
                plan.warnings.append(f"The rule has only {len(dues)} occurrences left; its end stays.")
                return
            last = dues[left - 1]
            # Local time, so that it reads like the series and keeps its meaning in another zone.
            wall = read_instant(last).astimezone(zone).replace(tzinfo=None) if not when.is_date(last) else None
            until = wall or date.fromisoformat(last)
            rule = replace(rule, count=None, until=until)
    elif text.casefold() == "never":
        rule = replace(rule, count=None, until=None)
    else:
        due = when.read_time(text, zone, plan.work.now).due
        day = day_of(due, zone)
        if day < when.local_day(plan.work.now, zone):
            raise InvalidArguments("ends is in the past.", "To end it now, delete the series.")
        rule = replace(rule, count=None, until=day)
    plan.values["rule"] = rule.text
    plan.values["rule_text"] = describe_schedule(plan.revised.schedule)
    plan.stirred = True
    beyond = []
    for each in plan.open_ones:
        nominal = plan.moved.get(each["id"]) or nominal_of(each)
        if not rules.is_within(rule, nominal, zone) and not is_over(nominal, zone, plan.work.now):
            beyond.append(each)
    take_back(plan, beyond)
