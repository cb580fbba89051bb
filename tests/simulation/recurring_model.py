"""A small model of series: section 6 of the contract on enumerated days, without the product's code."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from tests.simulation.recurring_instance import Instance, Step
from tests.simulation.recurring_plan import Plan, just_before, list_days, read, resolve

MOST_COUNTED = 1_000
"""Most skipped dates that are counted when an instance is completed very late (decision 0007)."""


@dataclass
class Model:
    """One series; each method is a call or tick and adds the expected instances to `came`, as (nominal, skipped)."""

    plan: Plan
    first: date
    wall_time: time | None
    zone: ZoneInfo
    mode: str
    catch_up: str
    title: str
    now: datetime
    paused: bool = False
    status: str = "open"
    skipped: set[str] = field(default_factory=set)
    instances: list[Instance] = field(default_factory=list)
    newest: str = ""
    made: int = 0
    passed: int = 0
    awaits: str = ""
    came: list[tuple[str, int]] = field(default_factory=list)
    mixed: bool = False
    steps: tuple[str, ...] = ()

    # Reading

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    @property
    def live(self) -> bool:
        return self.status == "open" and not self.paused

    @property
    def open(self) -> list[Instance]:
        return sorted((each for each in self.instances if each.status == "open"), key=lambda each: each.nominal)

    @property
    def living(self) -> set[str]:
        return {each.nominal for each in self.instances if each.status != "gone"}

    def due_on(self, day: date) -> str:
        return str(day) if self.wall_time is None else resolve(datetime.combine(day, self.wall_time), self.zone)

    def is_later(self, due: str, after: str) -> bool:
        if not after or (len(due) > 10 and len(after) > 10):
            return due > after
        return self.day_of(due) > self.day_of(after)

    def day_of(self, due: str) -> date:
        return date.fromisoformat(due) if len(due) == 10 else read(due).astimezone(self.zone).date()

    def is_over(self, due: str) -> bool:
        return date.fromisoformat(due) < self.today if len(due) == 10 else read(due) <= self.now

    def is_reached(self, due: str) -> bool:
        return date.fromisoformat(due) <= self.today if len(due) == 10 else read(due) <= self.now

    def is_within(self, due: str) -> bool:
        until = self.plan.until
        if until is None:
            return True
        if not isinstance(until, datetime):
            return self.day_of(due) <= until
        return due <= (str(until.date()) if len(due) == 10 else resolve(until, self.zone))

    def dates(self, after: str) -> Iterator[str]:
        """All dates of the rule after one, including those that are skipped or taken."""
        plan = self.plan
        near = self.day_of(after) - timedelta(2) if after else date.min
        for day in islice(list_days(plan.freq, plan.interval, plan.byday, plan.bymonthday, self.first), plan.count):
            if day < near:
                continue
            due = self.due_on(day)
            if not self.is_within(due):
                return
            if self.is_later(due, after):
                yield due

    def free(self, after: str) -> Iterator[str]:
        """Dates that can still come."""
        for due in self.dates(after):
            if not self.is_over(due) and self._is_free(due):
                yield due

    def _is_free(self, due: str) -> bool:
        return due not in self.skipped and due not in self.living

    # Making

    def make(self, due: str, passed: int) -> None:
        self.instances.append(Instance(due, due, self.title, steps=[Step(title) for title in self.steps]))
        self.came.append((due, passed))
        self.newest, self.awaits = due, ""
        self.made += 1
        self.passed = 0

    def _make_within(self, due: str) -> bool:
        """Make the instance unless the series has ended before it."""
        if not self.is_within(due):
            return False
        self.make(due, 0)
        return True

    def start(self) -> bool:
        due = next(self.free(""), None)
        if due is not None:
            self.make(due, 0)
        return due is not None

    def go_on(self, after: str) -> bool:
        due = next(self.free(after), None)
        if due is None:
            return False
        passed = takewhile(lambda each: each < due, self.dates(min(after, self.newest)))
        self.make(due, len(list(islice(passed, MOST_COUNTED))))
        return True

    def go_on_doing(self, day: date) -> bool:
        plan = self.plan
        if plan.count is not None and self.made >= plan.count:
            return False
        awaits = self.awaits
        if awaits and not self.is_over(awaits) and awaits not in self.living and self.is_within(awaits):
            self.make(awaits, 0)
            return True
        amount = plan.interval
        while (due := self.due_on(self.plan.add(day, amount))) in self.living:
            amount += plan.interval
        return self._make_within(due)

    def _end(self) -> None:
        self.status = "completed"

    def _revive(self, floor: date | None = None, gone: Instance | None = None, skips_last: bool = False) -> None:
        """Look for the next instance after a call on the series; complete it if there is none and nothing is open."""
        if not self.live:
            return
        if self.mode == "every_occurrence":
            has_one = not self.is_reached(self.newest) and self.newest in self.living
            if has_one and (floor is None or self.day_of(self.newest) >= floor):
                return
        elif self.open and not skips_last:
            return
        if self.mode == "after_completion":
            found = self._revive_doing(floor, gone)
        else:
            after = self.newest
            if floor is not None and self.day_of(after) < floor:
                last_second = datetime.combine(floor - timedelta(1), time(23, 59, 59))
                after = str(floor - timedelta(1)) if self.wall_time is None else resolve(last_second, self.zone)
            found = self.go_on(after)
        if not found and (skips_last or not self.open):
            self._end()

    def _revive_doing(self, floor: date | None, gone: Instance | None) -> bool:
        plan = self.plan
        if plan.count is not None and self.made >= plan.count:
            return False
        due = self.awaits
        if not due and floor is not None:
            day = floor
        elif floor is None and gone is not None:
            return self.go_on_doing(max(self.today, self.day_of(gone.nominal)))
        else:
            due = due or self._last_due()
            day = self.today if self.is_over(due) else self.day_of(due)
        if not due or self.is_over(due) or due in self.living:
            while self.is_over(due := self.due_on(day)) or due in self.living:
                day += timedelta(1)
        return self._make_within(due)

    def _last_due(self) -> str:
        """Return the due one interval after the last instance was completed or skipped."""
        last = self.instances[-1]
        amount = self.plan.interval
        day = last.ended_at.astimezone(self.zone).date()
        day = max(day, self.day_of(last.nominal)) if last.skipped else day
        while (due := self.due_on(self.plan.add(day, amount))) in self.living:
            amount += self.plan.interval
        return due

    # Calls

    def complete(self, instance: Instance) -> None:
        if instance.status == "open":
            instance.complete(self.now)
            self._follow(instance, self.today)

    def delete(self, instance: Instance) -> None:
        was_open, instance.status = instance.status == "open", "gone"
        if not was_open:
            return
        self._skip([instance])
        if self.mode != "every_occurrence":
            self._follow(instance, max(self.today, self.day_of(instance.nominal)))
        elif self.live and not self.is_reached(self.newest) and not self.is_reached(instance.nominal):
            is_last = instance.nominal == self.newest or not self._has_open_after(instance)
            if is_last and self.newest not in self.living and not self.go_on(self.newest):
                self._end()

    def _skip(self, instances: list[Instance]) -> bool:
        """Skip open instances; return whether the newest of them was the last open one."""
        for each in instances:
            each.status, each.ended_at, each.skipped = "gone", self.now, True
        last = max(map(self.instances.index, instances), default=None)
        return last is not None and not self._has_open_after(self.instances[last])

    def _has_open_after(self, instance: Instance) -> bool:
        """Return whether a later instance is open: then this one already has its successor."""
        return any(each.status == "open" for each in self.instances[self.instances.index(instance) + 1 :])

    def _follow(self, instance: Instance, day: date) -> None:
        if not self.live or self.mode == "every_occurrence" or self._has_open_after(instance):
            return
        if not (self.go_on_doing(day) if self.mode == "after_completion" else self.go_on(self.newest)):
            self._end()

    def tick(self) -> None:
        if not self.live or self.mode != "every_occurrence" or not self.is_reached(self.newest):
            return
        reached, ahead = [], None
        for due in self.dates(self.newest):
            if not self.is_reached(due) and self._is_free(due):
                ahead = due
                break
            reached.append(due)
        missed = [due for due in reached if self.is_reached(due) and self._is_free(due)]
        made = {
            "all": missed,
            "latest": missed[-1:],
            "none": [due for due in missed if not self.is_over(due)],
        }[self.catch_up]
        for due in reached:
            if due in made:
                self.make(due, self.passed)
            else:
                self.passed += 1
        if ahead is not None:
            self.make(ahead, self.passed)
            return
        self.newest = reached[-1] if reached else self.newest
        self._end()

    def _take_back(self, instances: list[Instance]) -> None:
        for each in instances:
            each.status, each.ended_at, each.skipped = "gone", self.now, True
            self.made -= 1
        if instances:
            self.awaits = instances[0].nominal
            self.newest = min(self.newest, just_before(self.awaits))

    def pause(self) -> None:
        if not self.paused:
            self.paused = True
            self._take_back([each for each in self.open if not self.is_over(each.at)])

    def resume(self) -> None:
        if self.paused:
            self.paused = False
            self._revive()

    def pause_until(self, day: date) -> None:
        self.paused = False
        if self.awaits and self.day_of(self.awaits) < day:
            self.awaits = ""
        gone = [each for each in self.open if self.day_of(each.nominal) < day]
        self._revive(day, None, self._skip(gone))

    def skip(self, gone: list[Instance], ahead: list[str]) -> None:
        if self.awaits in ahead:
            self.awaits = next((due for due in self.free(self.newest) if due not in ahead), "")
        self.skipped |= set(ahead)
        self._revive(None, gone[-1] if gone else None, self._skip(gone))

    def coming(self) -> list[str]:
        return [] if self.mode == "after_completion" else list(islice(self.free(self.newest), 10))

    def end(self, plan: Plan) -> None:
        self.plan = plan
        self.status = "open"
        beyond = [each for each in self.open if not self.is_within(each.nominal) and not self.is_over(each.nominal)]
        self._take_back(beyond)
        self._revive(None, beyond[-1] if beyond else None)

    def change_rule(self, plan: Plan, first: date | None, at: time | None) -> bool:
        """Return False, and change nothing, if the new rule has no date after now."""
        new = replace(self, plan=plan, wall_time=at, skipped=set(), instances=self.instances, came=self.came)
        keeps = self.mode == "after_completion" and first is None
        start = self.first if keeps else first or self.today
        every = plan if first or keeps else replace(plan, interval=1)
        days = list_days(every.freq, every.interval, every.byday, every.bymonthday, start)
        dues = (day for day in days if first or keeps or (new.due_on(day) >= self.instant if at else day >= self.today))
        new.first = next(dues)
        if not new.is_within(new.due_on(new.first)):
            return False
        others = self.instances
        new.instances = []
        if next(new.free(""), None) is None:
            return False
        was_live = self.live
        self.plan, self.wall_time, self.first, self.skipped, self.status = plan, new.wall_time, new.first, set(), "open"
        self.instances = others
        if first and (not was_live or self.mode == "after_completion"):
            self.awaits = next(self.free(""), "")
        elif self.awaits and self.mode != "after_completion":
            self.awaits = next(self.free(self.newest), "")
        if keeps:
            self._revive()
            return True
        last = next((each for each in reversed(self.instances) if each.status == "open"), None)
        if last and not self.is_over(last.at) and not (first and self.day_of(last.nominal) < self.first):
            last.status = "gone"
            due = next(self.free(""), None)
            last.status = "open"
            if due is not None:
                last.nominal = last.due = self.newest = due
                self.awaits = ""
        self._revive()
        return True

    def change_mode(self, mode: str, catch_up: str | None) -> bool:
        """Return False if the rule does not fit the mode."""
        if mode == "after_completion" and (self.plan.byday or self.plan.bymonthday):
            return False
        self.catch_up = catch_up or ("latest" if mode != self.mode else self.catch_up)
        if mode != self.mode:
            self.mode, self.mixed = mode, True
            self._revive()
        return True

    def _can_move(self, due: str, taken: set[str]) -> bool:
        return not self.is_over(due) and due not in self.skipped and due not in taken

    @property
    def instant(self) -> str:
        return f"{self.now.replace(tzinfo=None).isoformat()}Z"

    def change_zone(self, zone: ZoneInfo) -> None:
        old, past = self.zone, [each for each in self.open if self.is_over(each.at)]

        def move(due: str) -> str:
            if len(due) <= 10:
                return due
            wall = read(due).astimezone(old).replace(tzinfo=None)
            if self.wall_time is not None and due == resolve(datetime.combine(wall.date(), self.wall_time), old):
                wall = datetime.combine(wall.date(), self.wall_time)
            return resolve(wall, zone)

        ahead = [each for each in self.open if each not in past and len(each.nominal) > 10]
        last = self.instances[-1]
        stays = self.mode == "after_completion" and last.nominal == self.newest and last not in ahead
        if self.awaits and self.newest == just_before(self.awaits):
            self.newest = just_before(move(self.awaits))
        else:
            self.newest = self.newest if stays else move(self.newest)
        self.zone, self.skipped, self.awaits = zone, {move(due) for due in self.skipped}, move(self.awaits)
        taken = self.living - {each.nominal for each in ahead}
        for each in ahead:
            due = move(each.nominal)
            if due in taken or (self.is_over(due) and self.mode != "after_completion"):
                due = next((date for date in self.dates("") if self._can_move(date, taken)), "")
                self.newest = max(self.newest, due)
            taken.add(due)
            each.nominal, each.due = (due, due) if due else (each.nominal, each.due)
        self._revive()
