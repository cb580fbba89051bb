"""The oracle: compares acknowledged and committed changes with the topics' records and the consumers' effects."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from app.faults.ledger import Committed, Effects
from events.catalog import STATE_EVENTS, EventType, TopicStyle, name_topic

_OF_THE_SIDECAR = {"topic", "pubsubname", "traceid", "traceparent", "tracestate"}
"""Attributes that daprd writes into an envelope, different with each attempt."""


class Record(Protocol):
    """One record of a topic, in the shape of any Kafka client."""

    @property
    def topic(self) -> str:
        """Its topic."""
        ...

    @property
    def key(self) -> bytes | None:
        """Its key."""
        ...

    @property
    def value(self) -> bytes | None:
        """Its bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One change acknowledged to a client: the task, its version after the change, and the ids of its events."""

    task_id: str
    version: int
    event_ids: tuple[str, ...]


@dataclass(slots=True)
class Findings:
    """The violations by invariant, in words, and the number of duplicate records, which are allowed."""

    lost: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    inverted: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    duplicates: int = 0

    @property
    def problems(self) -> list[str]:
        """All violations."""
        lists = [getattr(self, each.name) for each in fields(self) if each.name != "duplicates"]
        return [problem for each in lists for problem in each]


def examine(
    acknowledged: Iterable[Acknowledged],
    committed: Sequence[Committed],
    records: Sequence[Record],
    effects: Effects,
    style: TopicStyle = "type",
) -> Findings:
    """Check invariants I1 to I5; `records` holds each partition in order, from its first record."""
    found = Findings()
    known = {each.event_id: each for each in committed}
    sent = _check_records(known, records, style, found)
    found.duplicates = len(records) - len(sent)
    for each in acknowledged:
        missing = [event_id for event_id in each.event_ids if event_id not in known]
        found.lost += [f"acknowledged and not committed: {event_id} of task {each.task_id}" for event_id in missing]
    found.lost += [
        f"committed and not in its topic: {each.event_type} {each.event_id} of task {each.task_id}"
        for each in committed
        if each.event_id not in sent
    ]
    _check_effects(committed, effects, found)
    return found


def _check_records(
    known: Mapping[str, Committed], records: Sequence[Record], style: TopicStyle, found: Findings
) -> set[str]:
    """Check I2 to I4 and return the ids of the events in the topics."""
    sent: dict[str, Any] = {}
    newest: dict[tuple[str, bytes | None], Committed] = {}
    for record in records:
        try:
            envelope = {
                name: value for name, value in json.loads(record.value or b"").items() if name not in _OF_THE_SIDECAR
            }
            event_id = str(envelope["id"])
        except (ValueError, KeyError, AttributeError):
            found.foreign.append(f"unreadable in {record.topic}: {record.value!r:.80}")
            continue
        event = known.get(event_id)
        if event is None:
            found.foreign.append(f"in {record.topic} and not committed: {event_id}")
        elif event_id in sent:
            if envelope != sent[event_id]:
                found.altered.append(f"sent twice with different data: {event_id}")
        else:
            sent[event_id] = envelope
            place = (record.topic, record.key)
            if envelope != _plain(json.loads(event.payload)):
                found.altered.append(f"not as it was recorded: {event_id}")
            if place != (name_topic(EventType(event.event_type), style), event.task_id.encode()):
                found.altered.append(f"in another place than its own: {event_id} in {place}")
            last = newest.get(place)
            if last is not None and (event.seq < last.seq or event.version < last.version):
                found.inverted.append(f"version {event.version} of task {event.task_id} after {last.version}")
            newest[place] = event
    return set(sent)


def _plain(envelope: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in envelope.items() if name not in _OF_THE_SIDECAR}


def _check_effects(committed: Sequence[Committed], effects: Effects, found: Findings) -> None:
    """Check I5: each consumer reacted once to each event, and the counts match the newest versions."""
    wanted = {
        "activity": (Counter(each.event_id for each in committed), effects.activity),
        "notification": (
            Counter(each.event_id for each in committed if each.event_type == EventType.REMINDER_DUE),
            effects.notifications,
        ),
    }
    for name, (events, done) in wanted.items():
        for event_id in events.keys() | done.keys():
            if events[event_id] != done[event_id]:
                found.effects.append(f"{name} of {event_id}: {done[event_id]} times, not {events[event_id]}")
    days = count_days(committed)
    if days != {day: counts for day, counts in effects.days.items() if counts != (0, 0)}:
        found.effects.append(f"counted {effects.days}, not {days}")


def count_days(committed: Sequence[Committed]) -> dict[str, tuple[int, int]]:
    """Return (created, completed) by day in UTC, reckoned from the events alone."""
    tasks: dict[str, Committed] = {}
    for each in committed:
        if each.event_type in STATE_EVENTS and each.version >= getattr(tasks.get(each.task_id), "version", 0):
            tasks[each.task_id] = each
    days: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for each in tasks.values():
        task = json.loads(each.payload)["data"]["data"]["task"]
        if task.get("kind") == "recurring":
            continue
        days[task["created_at"][:10]][0] += 1
        if "completed_at" in task:
            days[task["completed_at"][:10]][1] += 1
    return {day: (created, completed) for day, (created, completed) in days.items()}
