"""A draft of changes to a series, before anything is written; and its pauses and skips."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice, takewhile

from pydantic_core import to_json

from todo.errors import InvalidArguments
from todo.record.queries import load_taken, nominal_of, open_due
from todo.record.shapes import RecurrenceColumns, TaskColumns, TaskRow
from todo.record.work import Work
from todo.recurrence.schedule import day_of, is_over, just_before
from todo.series.series import Series, list_free, read_series
from todo.text import when

MOST_SKIPPED = 100
KEPT_SKIPPED = 1_000


@dataclass(slots=True)
class SeriesDraft:
    """Planned changes of a series and its open instances.

    `shared` are columns of the series' task, `values` columns of its recurrence. `moved` gives instances a new nominal
    date; `gone` are instances to delete. No occurrence may fall on `floor` or earlier. `stirred`: the next instance has
    to be looked for. `skips_last`: the newest instance is skipped, and the next one takes its place.
    """

    work: Work
    series: Series
    open_ones: list[TaskRow]
    shared: TaskColumns = field(default_factory=TaskColumns)
    values: RecurrenceColumns = field(default_factory=RecurrenceColumns)
    moved: dict[str, str] = field(default_factory=dict)
    gone: list[TaskRow] = field(default_factory=list)
    floor: str | None = None
    stirred: bool = False
    skips_last: bool = False
    warnings: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def revised(self) -> Series:
        """The series as it will be."""
        return read_series({**self.series.task, **self.shared}, {**self.series.row, **self.values})

    @property
    def staying(self) -> list[TaskRow]:
        """The open instances that remain, by nominal date."""
        return [each for each in self.open_ones if each not in self.gone]

    def load_taken(self, after: str | None) -> frozenset[str]:
        """Return the nominal dates later than `after` that will have a living instance."""
        left = {nominal_of(each) for each in self.open_ones if each in self.gone or each["id"] in self.moved}
        return (load_taken(self.work, self.series.task["id"], after) - left).union(self.moved.values())


def pause(plan: SeriesDraft) -> None:
    """Pause the series: make no more occurrences, and delete open ones that are not over."""
    if plan.series.row["paused"]:
        return
    plan.values["paused"] = True
    zone = plan.series.schedule.zone
    take_back(plan, [each for each in plan.open_ones if not is_over(open_due(each), zone, plan.work.now)])
    plan.said.append("It is paused: no occurrence comes before it is resumed.")


def take_back(plan: SeriesDraft, instances: list[TaskRow]) -> None:
    """Delete instances as if they had never come: their dates may come again, but no earlier ones."""
    plan.gone += instances
    if instances:
        plan.values["made"] = plan.series.row["made"] - len(instances)
        plan.values["awaits"] = nominal_of(instances[0])
        newest, before = plan.revised.row["newest"], just_before(nominal_of(instances[0]))
        # An instance completed early and reopened may lie far ahead: earlier dates are still to come.
        plan.values["newest"] = before if newest is None else min(newest, before)


def resume(plan: SeriesDraft) -> None:
    """Continue a paused series with its next date."""
    if not plan.series.row["paused"]:
        return
    plan.values["paused"] = False
    plan.stirred = True
    plan.said.append("It continues; missed occurrences are not made up.")


def pause_until(plan: SeriesDraft, text: str) -> None:
    """Skip everything before a local date, the open instances included. Raises `InvalidTime`, `InvalidArguments`."""
    zone = plan.series.schedule.zone
    due = when.read_time(text, zone, plan.work.now).due
    if not when.is_date(due) or day_of(due, zone) <= when.local_day(plan.work.now, zone):
        raise InvalidArguments(
            "pause_until must be a date after today: the first on which the series may come again.",
            f"Today is {when.local_day(plan.work.now, zone)}.",
        )
    resume(plan)
    plan.said.clear()
    _skip_open(plan, [each for each in plan.open_ones if day_of(nominal_of(each), zone) < day_of(due, zone)])
    awaits = plan.series.row["awaits"]
    if awaits is not None and day_of(awaits, zone) < day_of(due, zone):
        plan.values["awaits"] = None
    plan.floor = str(day_of(due, zone) - timedelta(days=1))
    plan.stirred = True
    plan.said.append(f"What comes before {when.say_due(due, zone)} is skipped.")


def skip(plan: SeriesDraft, text: str) -> None:
    """Skip a number of occurrences from the oldest open one on, or those of a date.

    Raises `InvalidTime`, and `InvalidArguments` with the nearest dates if there is none on that one.
    """
    zone, now = plan.series.schedule.zone, plan.work.now
    if text.isascii() and text.isdigit() and len(text) < 5:
        number = int(text)
        if not 1 <= number <= MOST_SKIPPED:
            raise InvalidArguments(f"skip is a number from 1 to {MOST_SKIPPED}, or a date.", "Give one of the two.")
        _skip_open(plan, plan.open_ones[:number])
        ahead = list(islice(list_after_open(plan), number - len(plan.gone)))
        if plan.series.schedule.mode == "after_completion" and number > len(plan.gone):
            raise InvalidArguments("Only the open occurrence has a date that can be skipped.", "Give skip=1.")
    else:
        day = day_of(when.read_time(text, zone, now).due, zone)
        _skip_open(plan, [each for each in plan.open_ones if day_of(nominal_of(each), zone) == day])
        until = takewhile(lambda due: day_of(due, zone) <= day, islice(list_after_open(plan), 5_000))
        ahead = [due for due in until if day_of(due, zone) == day]
        if not plan.gone and not ahead:
            _refuse_skip(plan, day)
    if ahead:
        # Skips of past dates stay: a later search from an earlier date must not find them again.
        plan.values["skipped"] = to_json(sorted({*plan.series.schedule.skipped, *ahead})[-KEPT_SKIPPED:]).decode()
        if plan.series.row["awaits"] in ahead:
            plan.values["awaits"] = next((due for due in list_after_open(plan) if due not in ahead), None)
    plan.stirred = True
    skipped = [nominal_of(each) for each in plan.gone] + ahead
    more = f" and {len(skipped) - 5} more" if len(skipped) > 5 else ""
    plan.said.append(f"Skipped: {'; '.join(when.say_due(due, zone) for due in skipped[:5])}{more}.")


def _skip_open(plan: SeriesDraft, instances: list[TaskRow]) -> None:
    plan.gone += instances
    plan.skips_last = bool(instances) and max(plan.open_ones, key=lambda each: int(each["number"])) in instances


def list_after_open(plan: SeriesDraft) -> Iterator[str]:
    """Yield the dates that have no instance yet; nothing in the mode after_completion."""
    return iter(()) if plan.series.schedule.mode == "after_completion" else list_free(plan.work, plan.series)


def _refuse_skip(plan: SeriesDraft, day: date) -> None:
    zone = plan.series.schedule.zone
    dues = [nominal_of(each) for each in plan.open_ones] + list(islice(list_after_open(plan), 200))
    near = sorted(sorted(dues, key=lambda due: abs((day_of(due, zone) - day).days))[:3])
    named = "; ".join(f"{day_of(due, zone)} ({when.say_due(due, zone)})" for due in near)
    raise InvalidArguments(
        f"There is no occurrence on {when.say_due(str(day), zone)} to skip.",
        f"The nearest are {named}." if near else "preview_occurrences shows what comes.",
    )
