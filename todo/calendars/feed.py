"""What a calendar feed holds: the tasks of one person as entries, read in one snapshot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import takewhile
from typing import Any, cast
from zoneinfo import ZoneInfo

from pydantic_core import from_json
from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, true

from events.instants import read_instant, write_instant
from todo.calendars.entry import Alarm, Entry, Recurring
from todo.record.lists import list_archived
from todo.record.queries import RECURRENCE, REMINDER, TASK, load_recurrences_of, load_taken_ahead
from todo.record.shapes import RecurrenceRow, TaskRow
from todo.record.work import Work
from todo.recurrence.expansion import SUB_DAILY, find_wall, last_moment
from todo.recurrence.schedule import just_before
from todo.series.series import Series, read_series
from todo.text import when
from todo.text.search_words import fold_tag

DONE_DAYS = 90
"""How long completed tasks stay in a feed that shows them."""
MOST_LEFT_OUT = 400
"""Dates between an old open instance and the next date; beyond, the instance stands apart from its series."""
MOST_FURTHER = 100
"""Dates of an HOURLY or MINUTELY series, which goes by elapsed time and not by RFC 5545: they are listed."""
FORM = 2
"""Raise it when the same tasks are written differently: feeds that are known count as changed."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tasks a feed holds: those with all of the folded `tags`, with `done` the completed ones too.

    With `list_id` only those of that list; else those of archived lists are left out.
    """

    tags: frozenset[str] = frozenset()
    done: bool = False
    list_id: str | None = None


def read_stamp(work: Work) -> str:
    """Return a text that changes with everything that a feed of this person can show, read without building one."""
    user = work.who.user_id
    tasks = select(func.count(), func.sum(TASK.c.version), func.max(TASK.c.updated_at)).where(TASK.c.user_id == user)
    series = select(func.count(), func.sum(RECURRENCE.c.revision)).where(RECURRENCE.c.user_id == user)
    waiting = select(func.count(), func.sum(REMINDER.c.sequence), func.max(REMINDER.c.remind_at)).where(
        REMINDER.c.user_id == user, REMINDER.c.status == "scheduled"
    )
    archived = " ".join(sorted(list_archived(work)))
    parts = [value for query in (tasks, series, waiting) for value in work.connection.execute(query).one()]
    today = when.local_day(work.now, work.zone)
    return " ".join(map(str, (FORM, *parts, archived, work.zone.key, work.day_start, today)))


def load_entries(work: Work, wanted: Filter, *, as_todos: bool) -> Iterator[Entry]:
    """Yield the entries of a feed; without `as_todos` tasks without a due are left out, and series are expanded."""
    alarms = _load_alarms(work)
    instances: dict[str, list[TaskRow]] = {}
    series: list[TaskRow] = []
    rows = [row for row in _load_tasks(work, wanted) if _has_tags(row, wanted)]
    # A reference to what is not in the feed leads nowhere.
    ids = {row["id"] for row in rows} if as_todos else set()
    for row in rows:
        if row["kind"] == "recurring":
            series.append(row)
        elif row["recurring_id"] is not None and row["status"] == "open" and not as_todos:
            instances.setdefault(row["recurring_id"], []).append(row)
        elif as_todos:
            parent = row["parent_id"] if row["parent_id"] in ids else None
            yield _enter_task(row, alarms, start=_match_start(work, row), parent=parent)
        elif row["due"] is not None:
            yield _enter_task(row, alarms)
    if as_todos:
        return
    keys = [row["id"] for row in series]
    recurrences, taken = load_recurrences_of(work, keys), load_taken_ahead(work, keys)
    for row in series:
        expansion = _Expansion(work, read_series(row, recurrences[row["id"]]), instances.pop(row["id"], []))
        yield from expansion.enter(taken.get(row["id"], set()), alarms)
    for rest in instances.values():
        yield from (_enter_task(row, alarms) for row in rest if row["due"] is not None)


def _has_tags(row: TaskRow, wanted: Filter) -> bool:
    return not wanted.tags or wanted.tags <= {fold_tag(tag) for tag in from_json(row["tags"])}


def _match_start(work: Work, row: TaskRow) -> str | None:
    """Return when a task begins, as a date where its due is one and as an instant where its due has a time."""
    start, due = row["start"], row["due"]
    if start is None or due is None or when.is_date(start) == when.is_date(due):
        return start
    if when.is_date(start):
        return write_instant(when.day_bounds(date.fromisoformat(start), work.zone)[0])
    return str(when.local_day(read_instant(start), work.zone))


def _load_tasks(work: Work, wanted: Filter) -> Iterator[TaskRow]:
    shown: ColumnElement[bool] = TASK.c.status == "open"
    if wanted.done:
        since = write_instant(work.now - timedelta(days=DONE_DAYS))
        shown = or_(shown, and_(TASK.c.status == "completed", TASK.c.kind == "task", TASK.c.completed_at >= since))
    statement = (
        select(TASK)
        .where(TASK.c.user_id == work.who.user_id, TASK.c.deleted_at.is_(None), shown, _is_listed(work, wanted))
        .order_by(TASK.c.number)
    )
    for row in work.connection.execute(statement):
        yield cast("TaskRow", row._asdict())


def _is_listed(work: Work, wanted: Filter) -> ColumnElement[bool]:
    if wanted.list_id is not None:
        return and_(TASK.c.kind.in_(["task", "recurring"]), TASK.c.list_id == wanted.list_id)
    archived = list_archived(work)
    return or_(TASK.c.list_id.is_(None), TASK.c.list_id.not_in(archived)) if archived else true()


_WAITING = (
    select(REMINDER.c.task_id, REMINDER.c.remind_at)
    .where(REMINDER.c.user_id == bindparam("user"), REMINDER.c.status == "scheduled")
    .order_by(REMINDER.c.remind_at, REMINDER.c.id)
)


def _load_alarms(work: Work) -> Mapping[str, list[Alarm]]:
    found: dict[str, list[Alarm]] = {}
    for row in work.connection.execute(_WAITING, {"user": work.who.user_id}):
        found.setdefault(row.task_id, []).append(Alarm(row.remind_at))
    return found


def _enter_task(row: TaskRow, waiting: Mapping[str, list[Alarm]], **more: Any) -> Entry:
    """Return the entry of a task that stands for itself, in UTC."""
    values = {
        "uid": row["id"],
        "title": row["title"],
        "due": row["due"],
        "sequence": row["version"] - 1,
        "changed_at": row["updated_at"],
        "created_at": row["created_at"],
        "status": row["status"],
        "completed_at": row["completed_at"],
        "notes": row["notes"],
        "tags": tuple(from_json(row["tags"])) if row["tags"] != "[]" else (),
        "priority": row["priority"],
        "alarms": tuple(waiting.get(row["id"], ())),
    }
    return Entry(**{**values, **more})


class _Expansion:
    """One open series as entries: a recurring one for its dates ahead, and one for each open instance.

    An instance on the rule stands for its date (RECURRENCE-ID); one that the rule does not know stands for itself.
    """

    def __init__(self, work: Work, series: Series, instances: Sequence[TaskRow]) -> None:
        self._work = work
        self._series = series
        self._row: RecurrenceRow = series.row
        self._schedule = series.schedule
        zone = series.schedule.zone
        self._zone: ZoneInfo | None = None if zone.key == "UTC" else zone
        self._instances = sorted(instances, key=lambda row: row["occurrence"] or "")

    def enter(self, taken: set[str], alarms: Mapping[str, list[Alarm]]) -> Iterator[Entry]:
        """Yield the entries; `taken` are dates ahead that have their instance already, open or not."""
        dates = self._list_dates()
        recurring = self._find_recurring(dates, taken)
        on_rule = set(dates) if recurring is not None else set()
        if recurring is not None:
            yield self._enter_series(dates[0], recurring)
        for row in self._instances:
            due, occurrence = row["due"], row["occurrence"]
            if due is None:
                continue
            if occurrence in on_rule:
                uid = {"uid": self._series.task["id"], "zone": self._zone, "instead_of": occurrence}
                yield _enter_task(row, alarms, **uid, sequence=self._count_changes() + row["version"])
            else:
                yield _enter_task(row, alarms)

    def _list_dates(self) -> list[str]:
        """Return the dates on the rule from the first open instance to the first one ahead that has no instance yet.

        Empty if the series makes no instances by its rule: it is paused, over, or counts from completions.
        """
        if not self._series.is_live or self._schedule.mode == "after_completion":
            return []
        next_due = self._row["next_due"]
        ahead = None if next_due is None else self._find_ahead(next_due)
        firsts = [row["occurrence"] for row in self._instances if row["occurrence"] is not None]
        last = ahead or (firsts[-1] if firsts else None)
        if last is None:
            return []
        begin = min([*firsts, last])
        dates: list[str] = []
        for each in takewhile(lambda each: each <= last, self._schedule.walk(just_before(begin))):
            dates.append(each)
            if len(dates) > MOST_LEFT_OUT:
                return [] if ahead is None else [ahead]
        # From the first date that is shown: an instance, or what comes.
        shown = {*firsts, ahead}
        return dates[next((index for index, date in enumerate(dates) if date in shown), len(dates)) :]

    def _find_ahead(self, next_due: str) -> str | None:
        """Return the first date from the next one on that does not lie before today."""
        zone = self._schedule.zone
        today = when.local_day(self._work.now, zone)
        begin = str(today) if when.is_date(next_due) else write_instant(when.day_bounds(today, zone)[0])
        floor = just_before(max(next_due, begin))
        return next((date for date in self._schedule.walk(floor) if date not in self._schedule.skipped), None)

    def _find_recurring(self, dates: list[str], taken: set[str]) -> Recurring | None:
        if not dates:
            return None
        own = {row["occurrence"] for row in self._instances if row["due"] is not None}
        passed = {date for date in dates[:-1] if date not in own}
        if self._row["next_due"] is None and dates[-1] not in own:
            passed.add(dates[-1])
        ahead = {date for date in (*self._schedule.skipped, *taken) if date > dates[-1] and date not in own}
        left_out = tuple(sorted(passed | ahead))
        rule = self._schedule.rule
        if rule.freq in SUB_DAILY:
            further = self._list_further(dates)
            return Recurring(further=tuple(each for each in further if each not in left_out))
        return Recurring(rule, self._find_end(dates), left_out=left_out)

    def _list_further(self, dates: list[str]) -> list[str]:
        further = dates[1:]
        if self._row["next_due"] is not None:
            walk = self._schedule.walk(dates[-1])
            further += [date for date, _ in zip(walk, range(MOST_FURTHER), strict=False)]
        return further

    def _find_end(self, dates: list[str]) -> str | None:
        """Return the last date of the series, if it has one: COUNT would count from the entry's own start."""
        if self._row["next_due"] is None:
            return dates[-1]
        rule = self._schedule.rule
        if rule.count is not None:
            *_, last = self._schedule.walk(just_before(dates[0]))
            return last
        return last_moment(rule, self._row["first"], self._schedule.zone)

    def _enter_series(self, first: str, recurring: Recurring) -> Entry:
        rule, start = self._schedule.rule, self._schedule.start
        # Dates in a list are instants; dates of a rule follow the local clock of the series' zone.
        zone = None if rule.freq in SUB_DAILY or when.is_date(first) else self._zone
        wall = None if zone is None else find_wall(rule, start, self._schedule.zone, first)
        rings = tuple(self._ring(each, first) for each in from_json(self._row["reminders"]))
        more = {"due": first, "zone": zone, "wall": wall, "recurring": recurring}
        return _enter_task(self._series.task, {}, alarms=rings, sequence=self._count_changes(), **more)

    def _count_changes(self) -> int:
        return self._series.task["version"] + self._row["revision"]

    def _ring(self, ahead: str, first: str) -> Alarm:
        """Return a reminder of the series relative to the start of each event; a day starts at midnight there."""
        duration = when.read_duration(ahead)
        seconds = -(duration.days * 86_400 + duration.seconds)
        if when.is_date(first):
            hours, minutes = self._work.day_start.split(":")
            seconds += int(hours) * 3_600 + int(minutes) * 60
        return Alarm(seconds=seconds)
