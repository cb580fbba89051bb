"""The use case that previews the next dates of a rule or a series."""

from itertools import islice
from typing import NotRequired
from zoneinfo import ZoneInfo

from todo.record.queries import load_open_instances, open_due
from todo.record.shapes import DateShape, NowShape, TaskRow
from todo.record.views import say_rule
from todo.record.work import Work
from todo.recurrence import expansion as rules
from todo.recurrence.schedule import day_of, is_over, next_after_completion, noon_of
from todo.requests.operation import READS, Operation
from todo.requests.schemas import PreviewOccurrences
from todo.series.parsed_rule import describe_rule, read_schedule
from todo.series.series import Series, list_free, load_series
from todo.text import when


class PreviewAnswer(NowShape):
    """The next dates of a rule or a series, with the rule in words."""

    occurrences: list[DateShape]
    rule_text: str
    warnings: NotRequired[list[str]]


def preview_occurrences(work: Work, request: PreviewOccurrences) -> PreviewAnswer:
    """Return `{occurrences: [{due, due_local, due_text}], rule_text, warnings?, now}`; stores nothing.

    A rule entirely in the past is shown as well; a series is shown from now on, without skipped dates.
    Raises `RuleInvalid`, `RuleTooFrequent`, `RuleNeverOccurs`, `InvalidTime`, and `InvalidArguments` unless exactly
    one of `task_id` and `rule` is given.
    """
    if request.rule is None:
        return _preview_series(work, request)
    zone = work.zone if request.zone is None else when.read_zone(request.zone)
    parsed = read_schedule(work, request.rule, request.first_due, zone)
    after = None if request.after is None else when.read_time(request.after, zone, work.now).due
    dues = islice(rules.walk(parsed.rule, parsed.first, zone, after, parsed.wall), request.count)
    return _answer_preview(
        work,
        [_view_date(due, zone) for due in dues],
        describe_rule(parsed, zone),
        parsed.warnings,
    )


def _answer_preview(work: Work, dates: list[DateShape], rule_text: str, warnings: list[str]) -> PreviewAnswer:
    answer: PreviewAnswer = {"occurrences": dates, "rule_text": rule_text}
    if warnings:
        answer["warnings"] = warnings
    return work.stamp(answer)


def _preview_series(work: Work, request: PreviewOccurrences) -> PreviewAnswer:
    series = load_series(work, request.task_id or "")
    zone = series.schedule.zone
    after = None if request.after is None else when.read_time(request.after, zone, work.now).due
    warnings = []
    if series.row["paused"]:
        warnings.append("The series is paused: none of these comes before it is resumed.")
    elif not series.is_live:
        warnings.append("The series is completed; update_recurring_task with ends or rule lets it go on.")
    elif series.schedule.mode == "after_completion":
        warnings.append("These are the dates if each occurrence is done on its day; the interval counts from doing.")
    dates = list_ahead(work, series, after, request.count)
    return _answer_preview(work, dates, say_rule(series.row, work.zone), warnings)


def list_ahead(work: Work, series: Series, after: str | None, limit: int) -> list[DateShape]:
    """Return up to `limit` dates of a series that are not over, later than `after`, without skipped ones.

    Open instances come with the date to which they were moved, and with their `task_id`.
    """
    zone, schedule = series.schedule.zone, series.schedule
    found: list[DateShape] = []
    open_ones = load_open_instances(work, series.task["id"])
    for row in open_ones:
        due = open_due(row)
        if not is_over(due, zone, work.now) and (after is None or _is_later(due, after, zone)):
            found.append({"task_id": row["id"], **_view_date(due, zone)})
    if series.task["status"] == "open" and schedule.mode == "after_completion":
        found += _guess_ahead(work, series, open_ones, after, limit)
    elif series.task["status"] == "open":
        newest = series.row["newest"]
        floor = newest if after is None else after if newest is None or _is_later(after, newest, zone) else newest
        found += [_view_date(due, zone) for due in islice(list_free(work, series, floor), limit)]
    return found[:limit]


def _guess_ahead(
    work: Work, series: Series, open_ones: list[TaskRow], after: str | None, limit: int
) -> list[DateShape]:
    """Return the dates after the open instance if each is done on its day, or after today if none is open."""
    zone = series.schedule.zone
    done_at, made = work.now, series.row["made"]
    if open_ones:
        done_at = max(done_at, noon_of(open_due(open_ones[-1]), zone))
    found: list[DateShape] = []
    for _ in range(1_000):
        date = next_after_completion(series.schedule, done_at, made)
        if date is None or len(found) == limit:
            break
        if after is None or _is_later(date.due, after, zone):
            found.append(_view_date(date.due, zone))
        done_at, made = noon_of(date.due, zone), made + 1
    return found


OPERATIONS = (Operation("preview_occurrences", PreviewOccurrences, preview_occurrences, READS),)


def _is_later(due: str, than: str, zone: ZoneInfo) -> bool:
    if when.is_date(due) or when.is_date(than):
        return day_of(due, zone) > day_of(than, zone)
    return due > than


def _view_date(due: str, zone: ZoneInfo) -> DateShape:
    return {"due": due, "due_local": when.local_form(due, zone), "due_text": when.say_due(due, zone)}
