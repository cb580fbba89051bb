"""Undo as a property: changes are undone in reverse and redone, and consumers follow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.service import open_service
from tests.clock import CountedIds, MovableClock
from tests.long import LONG
from tests.simulation.undo_harness import MINE, THEIRS, Stage, assert_same
from tests.world import make_settings
from todo.errors import UndoConflict

RUNS = settings(
    max_examples=1_500 if LONG else 25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=list(Phase) if LONG else [Phase.explicit, Phase.generate, Phase.shrink],
    derandomize=not LONG,
    database=None,
    print_blob=False,
)

TIMES = st.sampled_from(["2026-11-23", "2026-11-23T12:00", "2026-11-27T17:00", "2026-12-01", "2027-02-01T08:00"])
AHEAD = st.sampled_from(["0m", "30m", "2h", "1d"])
RULES = st.sampled_from(
    [
        "FREQ=DAILY", "FREQ=DAILY;BYHOUR=12", "FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=DAILY;COUNT=2", "FREQ=MONTHLY",
        "FREQ=HOURLY;INTERVAL=6", "FREQ=DAILY;COUNT=1",
    ]
)  # fmt: skip
MODES = st.sampled_from(["one_at_a_time", "every_occurrence", "after_completion"])
PICK = st.integers(0, 9)


def some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


EDITS = {
    "notes": st.sampled_from(["long", "short"]),
    "priority": st.sampled_from(["low", "high"]),
    "tags": st.lists(st.sampled_from(["a", "B", "c"]), max_size=3, unique=True),
}
LISTS = st.sampled_from(["Home", "home", "Work", "inbox"])
STARTS = st.sampled_from(["2026-11-20", "2026-11-23T09:00", "1d", "2026-12-24"])
BELOW = st.lists(st.sampled_from(["Cake", "Music"]), max_size=2)
# A number stands for one of the tasks that are there then.
ABOVE = st.integers(0, 9)
WHERE = {"list": LISTS, "start": STARTS, "parent_id": ABOVE}
NEW = st.fixed_dictionaries(
    {"title": st.sampled_from(["Milk", "Rent"])},
    optional={**EDITS, **WHERE, "due": TIMES, "reminders": st.lists(AHEAD, max_size=2), "subtasks": BELOW},
)
TITLES = st.sampled_from(["One", "Two"])
SERIES = {"rule": RULES, "mode": MODES}
ARGUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "create_task": NEW,
    "update_task": st.one_of(
        some(title=TITLES, **EDITS, due=TIMES),
        some(**WHERE),
        st.builds(lambda above: {"parent_id": above}, ABOVE),
        st.sampled_from([{"clear": ["parent_id"]}, {"clear": ["list"]}, {"clear": ["start"]}, {"list": "Home"}]),
        st.sampled_from([{"clear": ["due", "tags"]}, {"clear": ["notes", "priority"]}, {"append_notes": "more"}]),
        st.sampled_from([{"shift": "1d"}, {"shift": "-2h"}, {"add_tags": ["d"]}, {"remove_tags": ["a"]}]),
    ),
    "complete_task": st.just({}),
    "reopen_task": st.just({}),
    "delete_task": st.just({}),
    "set_reminder": st.one_of(st.builds(lambda at: {"at": at}, TIMES), st.builds(lambda by: {"before": by}, AHEAD)),
    "snooze_reminder": st.just({"duration": "1h"}),
    "cancel_reminder": st.just({}),
    "create_recurring_task": st.one_of(
        st.fixed_dictionaries(
            {"title": st.just("Plants"), **SERIES},
            optional={
                "reminders": st.lists(AHEAD, max_size=2),
                "subtasks": BELOW,
                "list": LISTS,
                "start": st.sampled_from(["1d", "2h"]),
            },
        ),
        st.fixed_dictionaries(SERIES),
    ),
    "update_recurring_task": st.one_of(
        some(title=TITLES, **EDITS),
        st.builds(lambda rule: {"rule": rule}, RULES),
        st.builds(lambda mode: {"mode": mode}, MODES),
        st.sampled_from([{"paused": True}, {"paused": False}, {"skip": "1"}, {"skip": "2"}, {"ends": "1"}]),
        st.sampled_from([{"pause_until": "2026-12-10"}, {"reminders": ["30m"]}, {"reminders": []}, {"ends": "never"}]),
        st.sampled_from([{"subtasks": ["Cake", "Candles"]}, {"subtasks": []}, {"list": "Work"}, {"start": "2d"}]),
        st.sampled_from([{"zone": "America/New_York"}, {"first_due": "2026-11-30T10:00"}, {"clear": ["notes"]}]),
    ),
}
MORE_OFTEN = ("complete_task", "update_recurring_task", "create_recurring_task", "create_task", "update_task")


def step_of(tool: str) -> st.SearchStrategy[tuple[str, int, dict[str, Any]]]:
    return st.tuples(st.just(tool), PICK, ARGUMENTS[tool])


CALLS = st.sampled_from([*ARGUMENTS, *MORE_OFTEN]).flatmap(step_of)
PLANS = st.tuples(
    st.just("plan_changes"),
    PICK,
    st.lists(CALLS.map(lambda each: (each[0], each[2])), min_size=1, max_size=4).map(lambda many: {"steps": many}),
)
SHELVES = st.one_of(
    st.tuples(
        st.just("update_list"),
        PICK,
        st.sampled_from(
            [{"name": "Garden"}, {"name": "Work"}, {"position": 1}, {"archived": True}, {"archived": False}]
        ),
    ),
    st.tuples(st.just("delete_list"), PICK, st.sampled_from([{"tasks": "keep"}, {"tasks": "delete"}])),
)
WAITS = st.tuples(st.just("wait"), PICK, st.sampled_from([{"minutes": m} for m in (1, 45, 600, 1_440, 5_000)]))
STEPS = st.lists(st.one_of(CALLS, CALLS, CALLS, PLANS, WAITS, SHELVES), min_size=1, max_size=12)
FIRST = st.lists(st.one_of(step_of("create_task"), step_of("create_recurring_task"), CALLS), min_size=1, max_size=4)


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


def scheduler_moved(stage: Stage) -> bool:
    return bool(stage.query("SELECT 1 FROM change WHERE kind = 'make_instances'"))


@RUNS
@given(first=FIRST, steps=STEPS)
def test_all_changes_are_undone_and_redone(
    portal: BlockingPortal, template: Path, first: list[Any], steps: list[Any]
) -> None:
    with Stage(portal, template) as stage:
        stage.play(THEIRS, first)
        before = stage.look()
        changes = stage.play(MINE, steps)
        done = stage.look()
        undone = []
        for change_id in reversed(changes):
            state = stage.look()
            try:
                answer = stage.call(MINE, "undo")
            except UndoConflict:
                assert scheduler_moved(stage), "nobody else changed anything"
                assert stage.look() == state
                stage.check_events()
                return
            [mark] = stage.query("SELECT undone_by FROM change WHERE id = :id", id=change_id)
            assert mark["undone_by"] == answer["change_id"], "the newest one goes first"
            undone.append(answer["change_id"])
            stage.check_events()
        if not scheduler_moved(stage):
            assert_same(stage, stage.look(), before)
        for change_id in reversed(undone):
            stage.call(MINE, "undo", change_ids=[change_id])
            stage.check_events()
        assert_same(stage, stage.look(), done)


@RUNS
@given(first=FIRST, steps=STEPS, others=STEPS)
def test_undo_keeps_the_changes_of_others_or_is_refused(
    portal: BlockingPortal, template: Path, first: list[Any], steps: list[Any], others: list[Any]
) -> None:
    with Stage(portal, template) as stage:
        stage.play(THEIRS, first)
        changes = stage.play(MINE, steps)
        stage.play(THEIRS, others)
        for change_id in reversed(changes):
            state = stage.look()
            events = stage.query("SELECT count(*) AS n FROM outbox_entry")
            refusal = None
            try:
                answer = stage.call(MINE, "undo", change_ids=[change_id])
            except UndoConflict as error:
                refusal = error
            if refusal is not None:
                assert refusal.details["fields"]
                assert stage.look() == state
                assert stage.query("SELECT count(*) AS n FROM outbox_entry") == events
                continue
            stage.check_events()
            done = stage.look()
            again = stage.call(MINE, "undo", change_ids=[answer["change_id"]])
            assert_same(stage, stage.look(), state)
            stage.call(MINE, "undo", change_ids=[again["change_id"]])
            assert_same(stage, stage.look(), done)
            stage.check_events()
