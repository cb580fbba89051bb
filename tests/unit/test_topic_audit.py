"""The audit of the topics finds every violation and nothing else."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest

from events.catalog import EventType, TaskEvent, TopicStyle, name_topic
from events.cloudevent import encode_event
from events.topic_audit import MOST_TOLD, TopicAudit, TopicRecord, digest_event


class Row(NamedTuple):
    event_id: str
    event_type: str
    task_id: str
    version: int
    payload: str


def make_row(
    task: str, version: int, kind: EventType = EventType.TASK_UPDATED, title: str = "Grüße", n: int = 0
) -> Row:
    event = TaskEvent(
        event_id=f"{task}-{kind}-{version}-{n}",
        event_type=kind,
        timestamp="2026-11-23T09:00:00.000000Z",
        user_id="local",
        task_id=task,
        data={"version": version, "task": {"title": title, "big": 12_345_678_901}, "actor": {}},
    )
    return Row(event.event_id, kind.value, task, version, encode_event(event))


CREATED, COMPLETED, DUE = EventType.TASK_CREATED, EventType.TASK_COMPLETED, EventType.REMINDER_DUE
HISTORY = [make_row("a", 1, CREATED), make_row("b", 1, CREATED), make_row("a", 2), make_row("a", 3), make_row("b", 2)]


def through_dapr(payload: str, trace: str = "00-1") -> bytes:
    """Return an envelope as daprd writes it."""
    added = {"topic": "t", "pubsubname": "taskevents", "traceid": trace, "traceparent": trace, "tracestate": ""}
    text = json.dumps(json.loads(payload) | added, sort_keys=True).replace("<", "\\u003c")
    return text.replace("12345678901", "1.2345678901e+10").encode()


def enter(ledger: TopicAudit, rows: Iterable[Row], **changes: Any) -> None:
    for offset, row in enumerate(rows):
        topic = name_topic(EventType(row.event_type), ledger.style)
        given = {"topic": topic, "partition": 0, "offset": offset, "key": row.task_id.encode()}
        ledger.enter(
            TopicRecord(**{**given, "value": through_dapr(row.payload, f"00-{offset}"), "timestamp": 5, **changes})
        )


def read(ledger: TopicAudit) -> list[tuple[str, str | None]]:
    return [(each.kind, each.task_id) for each in ledger.findings]


@pytest.mark.parametrize("style", ["type", "convention", "single"])
def test_a_good_history_has_no_findings(style: TopicStyle) -> None:
    for judge in ("outbox", "gaps"):
        ledger = TopicAudit(style)
        enter(ledger, [*HISTORY, *HISTORY])
        if judge == "outbox":
            for row in HISTORY:
                ledger.compare(row, published=True)
            assert ledger.tell_unknown(0) == 0
        else:
            ledger.tell_gaps()
        assert read(ledger) == []
        assert sum(ledger.events.values()) == sum(ledger.duplicates.values()) == len(HISTORY)


def test_what_is_missing_is_told_by_the_outbox_and_by_gaps() -> None:
    ledger = TopicAudit("type")
    enter(ledger, [row for row in HISTORY if row != HISTORY[2]])
    ledger.tell_gaps()
    assert read(ledger) == [("missing", "a")]
    assert ledger.findings[0].detail == "version 2"
    for row in HISTORY:
        ledger.compare(row, published=True)
    assert read(ledger) == [("missing", "a")] * 2
    assert HISTORY[2].event_id in ledger.findings[1].detail


def test_what_waits_is_not_missing() -> None:
    ledger = TopicAudit("type")
    enter(ledger, HISTORY[:2])
    for row in HISTORY:
        ledger.compare(row, published=row in HISTORY[:2])
    assert read(ledger) == []


def test_a_reminder_proves_the_version_that_it_saw() -> None:
    ledger = TopicAudit("type")
    enter(ledger, [make_row("a", 1, CREATED), make_row("a", 2, DUE)])
    ledger.tell_gaps()
    assert [each.detail for each in ledger.findings] == ["version 2"]


def test_a_duplicate_with_other_content_is_told_with_its_place() -> None:
    ledger = TopicAudit("type")
    enter(ledger, HISTORY)
    enter(ledger, [make_row("a", 2, title="Other")], offset=77)
    assert read(ledger) == [("changed", "a")]
    assert ledger.findings[0].detail.startswith("task.updated[0]@77")


def test_content_that_is_not_the_recorded_one_is_told() -> None:
    ledger = TopicAudit("type")
    enter(ledger, [make_row("a", 1, CREATED, "Other")])
    ledger.compare(HISTORY[0], published=True)
    assert read(ledger) == [("changed", "a")]


def test_an_inverted_order_is_told_within_a_topic_only() -> None:
    ledger = TopicAudit("type")
    enter(ledger, [HISTORY[3], HISTORY[2], HISTORY[0]])
    assert read(ledger) == [("order", "a")]
    single = TopicAudit("single")
    enter(single, [HISTORY[3], HISTORY[2], HISTORY[0]])
    assert read(single) == [("order", "a")] * 2


def test_a_late_duplicate_is_no_inversion() -> None:
    ledger = TopicAudit("single")
    enter(ledger, [HISTORY[0], HISTORY[2], HISTORY[3], HISTORY[0], HISTORY[2]])
    assert read(ledger) == []


def test_one_version_as_two_events_is_told() -> None:
    ledger = TopicAudit("type")
    enter(ledger, [make_row("a", 1, CREATED), make_row("a", 2), make_row("a", 2, COMPLETED)])
    assert read(ledger) == [("order", "a")]


def test_a_reminder_may_have_seen_an_older_version() -> None:
    ledger = TopicAudit("single")
    enter(ledger, [make_row("a", 1, CREATED), make_row("a", 2), make_row("a", 1, DUE), make_row("a", 1, DUE, n=1)])
    assert read(ledger) == []


@pytest.mark.parametrize(
    "value",
    [None, b"", b"\xff", b"{}", b"[]", HISTORY[0].payload.replace("evolution-todo", "else").encode()],
    ids=lambda value: repr(value)[:12],
)
def test_what_is_foreign_or_unreadable_is_told_with_its_place(value: bytes | None) -> None:
    ledger = TopicAudit("type")
    ledger.enter(TopicRecord("task.created", 2, 9, None, value))
    assert read(ledger) == [("foreign", None)]
    assert ledger.findings[0].detail.startswith("task.created[2]@9: ")


@pytest.mark.parametrize("version", [0, -1, 10**9])
def test_an_impossible_version_is_foreign(version: int) -> None:
    ledger = TopicAudit("type")
    enter(ledger, [make_row("a", version)])
    assert read(ledger) == [("foreign", None)]


def test_an_event_on_another_types_topic_is_foreign() -> None:
    ledger = TopicAudit("type")
    enter(ledger, [HISTORY[0]], topic="task.deleted")
    assert read(ledger) == [("foreign", "a")]


def test_a_wrong_key_and_a_second_partition_are_told() -> None:
    ledger = TopicAudit("type")
    enter(ledger, [HISTORY[0]], key=b"b")
    enter(ledger, [HISTORY[2]], partition=0)
    enter(ledger, [HISTORY[3]], partition=1)
    assert read(ledger) == [("key", "a"), ("key", "a")]


def test_what_the_outbox_never_had_is_unknown_unless_it_is_older() -> None:
    ledger = TopicAudit("type")
    enter(ledger, [HISTORY[0]], timestamp=4)
    enter(ledger, [HISTORY[1]], timestamp=6)
    assert ledger.tell_unknown(5) == 1
    assert read(ledger) == [("unknown", "b")]


def test_very_many_findings_are_counted_and_told_in_part() -> None:
    ledger = TopicAudit("type")
    for offset in range(MOST_TOLD + 5):
        ledger.enter(TopicRecord("task.created", 0, offset, None, b""))
    assert ledger.counts == {"foreign": MOST_TOLD + 5}
    assert len(ledger.findings) == MOST_TOLD
    gappy = TopicAudit("type")
    enter(gappy, [make_row("a", 10_000)])
    gappy.tell_gaps()
    assert [each.detail for each in gappy.findings] == ["9999 of the versions up to 10000"]


def test_the_way_through_dapr_leaves_the_hash_and_any_change_does_not() -> None:
    own = digest_event(HISTORY[0].payload.encode())
    assert digest_event(through_dapr(HISTORY[0].payload)) == own
    assert digest_event(through_dapr(HISTORY[0].payload.replace("Grüße", "Gruß"))) != own
    assert digest_event(through_dapr(HISTORY[0].payload.replace("12345678901", "12345678902"))) != own
