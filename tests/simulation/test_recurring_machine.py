"""Series against a small model: any order of completions, skips, moves, changes, pauses, ticks, subtasks and undo."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.identity import SCHEDULER
from app.service import open_service
from tests.clock import CountedIds, MovableClock
from tests.long import LONG
from tests.simulation.recurring_model import Model
from tests.simulation.recurring_plan import Plan, list_days
from tests.simulation.recurring_trees import STEPS, TreeHarness
from tests.world import make_settings
from todo.requests import schemas
from todo.scheduler import step
from todo.series import create as recurring
from todo.series import update as revising
from todo.tasks import tasks

PROMISES = ("occurrence-once",)

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu")

DAYS = st.sampled_from(range(7))
UNTIL = st.integers(-2, 60)
ENDS = st.one_of(
    st.none(), st.none(), st.tuples(st.just("count"), st.integers(1, 6)), st.tuples(st.just("until"), UNTIL)
)
PLANS = st.one_of(
    st.builds(Plan, st.just("DAILY"), st.integers(1, 3)),
    st.builds(
        Plan, st.just("DAILY"), st.integers(1, 2), st.lists(DAYS, min_size=2, max_size=5, unique=True).map(tuple)
    ),
    st.builds(Plan, st.just("WEEKLY"), st.integers(1, 2), st.lists(DAYS, max_size=3, unique=True).map(tuple)),
    st.builds(
        Plan,
        st.just("MONTHLY"),
        st.integers(1, 2),
        st.just(()),
        st.lists(st.sampled_from([1, 15, 28, 30, 31, -1, -2]), max_size=2, unique=True).map(tuple),
    ),
)
TIMES = st.sampled_from([None, time(2, 30), time(12), time(23, 45)])
OFFSETS = st.integers(-10, 20)
PICK = st.integers(0, 9)


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as opened:
        yield opened


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, portal: BlockingPortal) -> Path:
    """A folder with an empty database that each run copies."""
    folder = tmp_path_factory.mktemp("template")
    with portal.wrap_async_context_manager(open_service(make_settings(folder), MovableClock(), CountedIds())):
        pass
    return folder


class Machine(TreeHarness):
    """Plays calls on one or two series of one person, on the service and on the model."""

    @initialize(
        plan=PLANS, ends=ENDS, offset=OFFSETS, at=TIMES, zone=st.sampled_from(ZONES),
        mode=st.sampled_from(["one_at_a_time", "every_occurrence", "after_completion"]),
        catch_up=st.sampled_from(["latest", "all", "none"]), steps=STEPS,
    )  # fmt: skip
    def begin(self, **given: Any) -> None:
        self.create(**given)

    def create(
        self, plan: Plan, ends: Any, offset: int, at: time | None, zone: str, mode: str, catch_up: str,
        steps: tuple[str, ...],
    ) -> None:  # fmt: skip
        if mode == "after_completion":
            plan = replace(plan, byday=(), bymonthday=())
        now = self.clock.now()
        model = Model(plan, now.date(), at, ZoneInfo(zone), mode, catch_up, "T", now, steps=steps)
        model.plan = self.end(plan, ends, model.today)
        first = model.today + timedelta(offset)
        request = schemas.CreateRecurringTask(
            title="T",
            rule=model.plan.text,
            first_due=self.write_due(first, at),
            zone=zone,
            subtasks=list(steps),
            mode=mode,  # type: ignore[arg-type]  # one of the three
            catch_up=catch_up if mode == "every_occurrence" else None,  # type: ignore[arg-type]  # one of the three
        )
        starts = list(model_days(model, first))
        if starts:
            model.first = starts[0]
        if not starts or not model.is_within(model.due_on(starts[0])) or not model.start():
            self.refuse(recurring.create_recurring_task, request, "rule_never_occurs", "rule_invalid")
            return
        answer = self.call(recurring.create_recurring_task, request)
        self.series[answer["recurring_id"]] = model
        assert answer["task"]["due"] == model.instances[0].nominal

    @precondition(lambda self: len(self.series) < 2)
    @rule(
        plan=PLANS, ends=ENDS, offset=OFFSETS, at=TIMES, zone=st.sampled_from(ZONES),
        mode=st.sampled_from(["one_at_a_time", "every_occurrence", "after_completion"]),
        catch_up=st.sampled_from(["latest", "all", "none"]), steps=STEPS,
    )  # fmt: skip
    def add_another(self, **given: Any) -> None:
        self.create(**given)

    @precondition(lambda self: self.series)
    @rule(number=PICK)
    def complete(self, number: int) -> None:
        if (picked := self.pick_instance(number, "open")) is None:
            return
        series_id, model, instance = picked
        was = len(model.instances)
        model.complete(instance)
        answer = self.call(tasks.complete_task, schemas.CompleteTask(task_id=instance.id))
        told = answer.get("next_occurrence", {}).get("due")
        if len(model.instances) > was:
            assert told == model.instances[-1].due
        elif series_id in self.deleted or not (model.open or model.live):
            assert told is None
        elif model.open:
            assert told == model.open[0].at
        else:
            assert told == next(iter(model.coming()), None)

    @precondition(lambda self: self.series)
    @rule(number=PICK)
    def complete_again(self, number: int) -> None:
        if (picked := self.pick_instance(number, "completed")) is not None:
            assert self.call(tasks.complete_task, schemas.CompleteTask(task_id=picked[2].id))["events"] == []

    @precondition(lambda self: self.series)
    @rule(number=PICK)
    def reopen(self, number: int) -> None:
        if (picked := self.pick_instance(number, "completed")) is not None:
            picked[2].status, picked[2].reopened = "open", True
            self.call(tasks.reopen_task, schemas.ReopenTask(task_id=picked[2].id))

    @precondition(lambda self: self.series)
    @rule(number=PICK, status=st.sampled_from(["open", "open", "completed"]))
    def delete(self, number: int, status: str) -> None:
        if (picked := self.pick_instance(number, status)) is not None:
            picked[1].delete(picked[2])
            self.call(tasks.delete_task, schemas.DeleteTask(task_id=picked[2].id))

    @precondition(lambda self: self.series)
    @rule(number=PICK, offset=st.integers(-20, 30))
    def move(self, number: int, offset: int) -> None:
        if (picked := self.pick_instance(number, "open")) is not None:
            _, model, instance = picked
            day = model.today + timedelta(offset)
            instance.due = model.due_on(day)
            self.call(tasks.update_task, schemas.UpdateTask(task_id=instance.id, due=instance.due))

    @precondition(lambda self: self.series)
    @rule(number=PICK)
    def clear_due(self, number: int) -> None:
        if (picked := self.pick_instance(number, "open")) is not None:
            picked[2].due = None
            self.call(tasks.update_task, schemas.UpdateTask(task_id=picked[2].id, clear=["due"]))

    @precondition(lambda self: self.series)
    @rule(number=PICK, title=st.sampled_from("ABC"))
    def edit_instance(self, number: int, title: str) -> None:
        if (picked := self.pick_instance(number, "open")) is not None:
            instance = picked[2]
            instance.own_title |= instance.title != title
            instance.title = title
            self.call(tasks.update_task, schemas.UpdateTask(task_id=instance.id, title=title))

    @precondition(lambda self: self.series)
    @rule(number=PICK, title=st.sampled_from("ABC"), tool=st.booleans())
    def edit_template(self, number: int, title: str, tool: bool) -> None:
        series_id, model = self.pick(number)
        if series_id in self.deleted:
            return
        if title != model.title:
            model.title = title
            for each in model.open:
                each.title = each.title if each.own_title else title
        if tool:
            self.revise(series_id, title=title)
        else:
            self.call(tasks.update_task, schemas.UpdateTask(task_id=series_id, title=title))

    @precondition(lambda self: self.series)
    @rule(number=PICK, change=st.sampled_from(["pause", "resume", "until"]), ahead=st.integers(0, 40))
    def pause(self, number: int, change: str, ahead: int) -> None:
        series_id, model = self.pick(number)
        day = model.today + timedelta(ahead)
        forms: dict[str, dict[str, Any]] = {
            "pause": {"paused": True},
            "resume": {"paused": False},
            "until": {"pause_until": str(day)},
        }
        arguments = forms[change]
        if series_id in self.deleted or model.status == "completed" or (change == "until" and not ahead):
            request = schemas.UpdateRecurringTask(task_id=series_id, **arguments)
            self.refuse(revising.update_recurring_task, request, "invalid_arguments", "task_not_found")
            return
        if change == "until":
            model.pause_until(day)
        else:
            {"pause": model.pause, "resume": model.resume}[change]()
        self.revise(series_id, **arguments)

    @precondition(lambda self: self.series)
    @rule(number=PICK, count=st.integers(1, 5), by_date=st.booleans())
    def skip(self, number: int, count: int, by_date: bool) -> None:
        series_id, model = self.pick(number)
        coming = model.coming()
        day = model.today + timedelta(count)
        if by_date:
            gone = [each for each in model.open if model.day_of(each.nominal) == day]
            ahead = [due for due in coming if model.day_of(due) == day]
        else:
            gone = model.open[:count]
            ahead = coming[: count - len(gone)]
        bad = series_id in self.deleted or model.status == "completed"
        bad |= not by_date and model.mode == "after_completion" and count > len(gone)
        request = schemas.UpdateRecurringTask(task_id=series_id, skip=str(day) if by_date else str(count))
        if bad or (by_date and not gone and not ahead):
            self.refuse(revising.update_recurring_task, request, "invalid_arguments", "task_not_found")
        elif gone or ahead:
            model.skip(gone, ahead)
            self.call(revising.update_recurring_task, request)

    @precondition(lambda self: self.series)
    @rule(number=PICK, value=st.integers(1, 6), by_date=st.booleans())
    def end_series(self, number: int, value: int, by_date: bool) -> None:
        series_id, model = self.pick(number)
        if series_id in self.deleted:
            return
        if by_date:
            day = model.today + timedelta(value * 5)
            model.end(replace(model.plan, count=None, until=day))
            self.revise(series_id, ends=str(day))
            return
        if model.mode == "after_completion":
            model.end(replace(model.plan, until=None, count=model.made - len(model.open) + value))
        else:
            left = [*[each.nominal for each in model.open], *model.coming()][:value]
            if len(left) < value:
                return
            last = left[-1]
            at = model.day_of(last)
            if model.wall_time is not None:
                at = datetime.fromisoformat(last).astimezone(model.zone).replace(tzinfo=None)
            model.end(replace(model.plan, count=None, until=at))
        self.revise(series_id, ends=str(value))

    @precondition(lambda self: self.series)
    @rule(number=PICK, plan=PLANS, ends=ENDS, first=st.one_of(st.none(), OFFSETS), at=TIMES)
    def change_rule(self, number: int, plan: Plan, ends: Any, first: int | None, at: time | None) -> None:
        series_id, model = self.pick(number)
        if series_id in self.deleted:
            return
        if model.mode == "after_completion":
            plan = replace(plan, byday=(), bymonthday=())
        plan = self.end(plan, ends, model.today)
        day = None if first is None else model.today + timedelta(first)
        at = model.wall_time if day is None else at
        due: dict[str, Any] = {} if day is None else {"first_due": self.write_due(day, at)}
        request = schemas.UpdateRecurringTask(task_id=series_id, rule=plan.text, **due)
        if model.change_rule(plan, day, at):
            self.call(revising.update_recurring_task, request)
        else:
            self.refuse(revising.update_recurring_task, request, "rule_never_occurs", "rule_invalid")

    @precondition(lambda self: self.series)
    @rule(number=PICK, zone=st.sampled_from(ZONES))
    def change_zone(self, number: int, zone: str) -> None:
        series_id, model = self.pick(number)
        if series_id not in self.deleted and model.zone.key != zone and model.status == "open":
            model.change_zone(ZoneInfo(zone))
            self.revise(series_id, zone=zone)

    @precondition(lambda self: self.series)
    @rule(
        number=PICK,
        mode=st.sampled_from(["one_at_a_time", "every_occurrence", "after_completion"]),
        catch_up=st.sampled_from([None, "latest", "all", "none"]),
    )
    def change_mode(self, number: int, mode: str, catch_up: str | None) -> None:
        series_id, model = self.pick(number)
        if series_id in self.deleted:
            return
        catch_up = catch_up if mode == "every_occurrence" else None
        if model.change_mode(mode, catch_up):
            self.revise(series_id, mode=mode, catch_up=catch_up)
        else:
            request = schemas.UpdateRecurringTask(task_id=series_id, mode=mode)  # type: ignore[arg-type]  # of three
            self.refuse(revising.update_recurring_task, request, "rule_invalid")

    @precondition(lambda self: self.series)
    @rule(number=st.integers(0, 40))
    def delete_series(self, number: int) -> None:
        if number < len(self.series) and (picked := self.pick(number))[0] not in self.deleted:
            series_id, model = picked
            self.deleted.add(series_id)
            for each in model.open:
                each.status = "gone"
            model.paused = True
            self.call(tasks.delete_task, schemas.DeleteTask(task_id=series_id))

    @rule(hours=st.sampled_from([1, 5, 13, 24, 25, 24 * 7, 24 * 33, 24 * 200]), both=st.booleans())
    def pass_time(self, hours: int, both: bool) -> None:
        self.clock.move(hours=hours)
        for model in self.series.values():
            model.now = self.clock.now()
            model.tick()

        async def tick() -> None:
            while await self.service.store.write(SCHEDULER, step):
                pass

        async def tick_twice() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(tick)
                group.start_soon(tick)

        self.portal.call(tick_twice if both else tick)


def model_days(model: Model, first: date) -> Iterator[date]:
    plan = model.plan
    yield from islice(list_days(plan.freq, plan.interval, plan.byday, plan.bymonthday, first), 1)


def test_series_do_what_the_model_says(portal: BlockingPortal, template: Path) -> None:
    Machine.portal, Machine.template = portal, template
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=1_500 if LONG else 40,
            stateful_step_count=60 if LONG else 30,
            deadline=None,
            database=None,
            derandomize=not LONG,
            phases=(Phase.generate, Phase.shrink) if LONG else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
