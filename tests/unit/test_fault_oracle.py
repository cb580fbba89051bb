"""The oracle of the fault table: silent on a good run, and each kind of damage is reported."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from app.faults.ledger import Committed, Effects
from app.faults.oracle import Acknowledged, Findings, examine
from app.faults.receiver import Mood, Receiver


@dataclass(frozen=True)
class Record:
    topic: str
    key: bytes | None
    value: bytes | None


def make(seq: int, kind: str, task: str, version: int, **task_fields: str) -> Committed:
    view = {"created_at": "2026-01-02T03:04:05Z", **task_fields}
    payload = {"id": f"e{seq}", "type": kind, "data": {"data": {"version": version, "task": view}}}
    return Committed(seq, f"e{seq}", kind, task, version, json.dumps(payload))


def put(event: Committed, **changed: Any) -> Record:
    envelope = {**json.loads(event.payload), "pubsubname": "taskevents", "topic": event.event_type, **changed}
    return Record(event.event_type, event.task_id.encode(), json.dumps(envelope).encode())


COMMITTED = [
    make(1, "task.created", "a", 1),
    make(2, "task.updated", "a", 2),
    make(3, "task.updated", "a", 3),
    make(4, "task.completed", "a", 4, completed_at="2026-01-03T00:00:00Z"),
    make(5, "reminder.due", "a", 4),
]


@dataclass
class Run:
    """A run without violations, for a test to damage."""

    acknowledged: list[Acknowledged] = field(default_factory=lambda: [Acknowledged("a", 1, ("e1",))])
    records: list[Record] = field(default_factory=lambda: [put(each) for each in COMMITTED])
    effects: Effects = field(
        default_factory=lambda: Effects(
            Counter(each.event_id for each in COMMITTED),
            Counter(["e5"]),
            {"2026-01-02": (1, 0), "2026-01-03": (0, 1), "2026-01-04": (0, 0)},
        )
    )

    def examine(self) -> Findings:
        return examine(self.acknowledged, COMMITTED, self.records, self.effects)


def test_a_good_run_has_nothing_to_tell_and_a_record_sent_again_is_allowed() -> None:
    run = Run()
    run.records.insert(2, put(COMMITTED[1], traceid="another"))
    found = run.examine()
    assert (found.problems, found.duplicates) == ([], 1)


def drop(run: Run) -> None:
    del run.records[3]


def acknowledge_more(run: Run) -> None:
    run.acknowledged.append(Acknowledged("b", 1, ("e9",)))


def publish_more(run: Run) -> None:
    run.records.append(put(make(9, "task.created", "b", 1)))


def publish_nonsense(run: Run) -> None:
    run.records.append(Record("task.created", None, None))


def invert(run: Run) -> None:
    run.records[1], run.records[2] = run.records[2], run.records[1]


def alter(run: Run) -> None:
    run.records[1] = put(COMMITTED[1], data="other")


def alter_the_second(run: Run) -> None:
    run.records.append(put(COMMITTED[1], data="other"))


def misplace(run: Run) -> None:
    run.records[1] = replace(run.records[1], key=b"b")


def react_twice(run: Run) -> None:
    run.effects.activity["e2"] += 1


def forget_to_notify(run: Run) -> None:
    del run.effects.notifications["e5"]


def count_twice(run: Run) -> None:
    run.effects.days["2026-01-03"] = (0, 2)


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (drop, "lost"),
        (acknowledge_more, "lost"),
        (publish_more, "foreign"),
        (publish_nonsense, "foreign"),
        (invert, "inverted"),
        (alter, "altered"),
        (alter_the_second, "altered"),
        (misplace, "altered"),
        (react_twice, "effects"),
        (forget_to_notify, "effects"),
        (count_twice, "effects"),
    ],
)
def test_each_kind_of_damage_is_reported(spoil: Callable[[Run], None], where: str) -> None:
    run = Run()
    spoil(run)
    found = run.examine()
    assert len(getattr(found, where)) == 1
    assert found.problems == getattr(found, where)


def play(*moods: Mood) -> Receiver:
    """Return a receiver that the event `a` has met in each of these moods, one after the other."""
    receiver = Receiver()
    receiver._healed.set()
    for mood in moods:
        receiver.mood = mood
        receiver.meet("a")
    return receiver


@pytest.mark.parametrize(
    ("moods", "kills", "lost", "twice"),
    [
        (("fails", "hangs", "well"), 0, 0, 0),
        (("loses", "well"), 0, 0, 0),
        (("holds", "well"), 1, 0, 0),
        (("fails", "hangs"), 0, 1, 0),
        (("well", "well"), 0, 0, 1),
        (("loses", "well", "well"), 0, 0, 1),
        (("holds", "well", "well"), 1, 0, 1),
    ],
)
def test_what_a_channel_lost_or_got_twice_without_need_is_reported(
    moods: tuple[Mood, ...], kills: int, lost: int, twice: int
) -> None:
    found = play(*moods).judge(["a"], kills)
    assert tuple(len(each) for each in found) == (lost, twice)
