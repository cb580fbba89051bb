"""The books on what the topics hold: per task what is missing, doubled, out of order or foreign."""
# A payload is hashed and forgotten: an event costs some 300 bytes here, whatever its size.

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from events.catalog import STATE_EVENTS, TaskEvent, TopicStyle, name_topic
from events.cloudevent import Unreadable, decode_event

MOST_TOLD = 1_000
"""Findings of one kind that are told one by one; the rest is only counted."""
MOST_VERSIONS = 1_000_000
"""Of one task; what says more is none of ours."""
_ADDED = ("topic", "pubsubname", "traceid", "traceparent", "tracestate", "expiration")
"""What Dapr adds to an envelope on its way, anew with each attempt."""


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """One record of a topic; `timestamp` is in milliseconds since 1970."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0

    @property
    def place(self) -> str:
        """Where it lies, as people read it."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `kind` is missing, changed, order, key, foreign or unknown."""

    kind: str
    detail: str
    task_id: str | None = None

    def write(self) -> dict[str, Any]:
        """Return it as JSON shows it."""
        shown = {"kind": self.kind, "task_id": self.task_id, "detail": self.detail}
        return {name: value for name, value in shown.items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Known:
    digest: bytes
    task_id: str
    version: int
    kind: str
    timestamp: int


@dataclass(slots=True)
class TopicAudit:
    """Takes records in the order of their offsets, then an outbox or none, and tells what is wrong.

    `_versions` holds a bit for each version of a task that a state event has brought, `_newest` the highest version
    of a topic, task and kind of event.
    """

    style: TopicStyle
    records: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _known: dict[str, _Known] = field(default_factory=dict)
    _versions: dict[str, int] = field(default_factory=dict)
    _newest: dict[tuple[str, str, str], int] = field(default_factory=dict)
    _partitions: dict[tuple[str, str], int] = field(default_factory=dict)

    def enter(self, record: TopicRecord) -> None:
        """Take one record in."""
        self.records[record.topic] = self.records.get(record.topic, 0) + 1
        try:
            event = decode_event(record.value or b"")
            digest = digest_event(record.value or b"")
        except (Unreadable, ValueError) as error:
            reason = error if isinstance(error, Unreadable) else "numbers that nobody can read"
            self._find("foreign", f"{record.place}: {reason}")
            return
        if not 0 < event.version <= MOST_VERSIONS:
            self._find("foreign", f"{record.place}: version {str(event.version)[:20]}")
            return
        own = name_topic(event.event_type, self.style)
        if own != record.topic:
            self._find("foreign", f"{record.place}: {event.event_type} belongs on {own}", event.task_id)
            return
        self._check_key(record, event)
        before = self._known.get(event.event_id)
        if before is not None:
            self.duplicates[record.topic] = self.duplicates.get(record.topic, 0) + 1
            if before.digest != digest:
                detail = f"{record.place}: event {event.event_id} came before with other content"
                self._find("changed", detail, event.task_id)
            return
        self.events[record.topic] = self.events.get(record.topic, 0) + 1
        self._known[event.event_id] = _Known(
            digest, event.task_id, event.version, event.event_type.value, record.timestamp
        )
        self._check_order(record, event)

    def _check_key(self, record: TopicRecord, event: TaskEvent) -> None:
        if record.key != event.task_id.encode():
            self._find("key", f"{record.place}: the key is not the task's id", event.task_id)
        place = (record.topic, event.task_id)
        first = self._partitions.setdefault(place, record.partition)
        if first != record.partition:
            self._find("key", f"{record.place}: the task's other events are in partition {first}", event.task_id)

    def _check_order(self, record: TopicRecord, event: TaskEvent) -> None:
        # What changes nothing carries the version that it saw, which another event may have left behind meanwhile.
        state = event.event_type in STATE_EVENTS
        place = (record.topic, event.task_id, "" if state else event.event_type.value)
        newest = self._newest.get(place, 0)
        if event.version < newest:
            self._find("order", f"{record.place}: version {event.version} comes after {newest}", event.task_id)
        self._newest[place] = max(newest, event.version)
        if state:
            versions, bit = self._versions.get(event.task_id, 0), 1 << event.version
            if versions & bit:
                detail = f"{record.place}: version {event.version} comes a second time, as another event"
                self._find("order", detail, event.task_id)
            self._versions[event.task_id] = versions | bit

    def compare(self, row: Any, *, published: bool) -> None:
        """Take in one row of the outbox; what is published must be in a topic, as it was recorded.

        `row` has `event_id`, `event_type`, `task_id`, `version` and `payload`.
        """
        seen = self._known.pop(row.event_id, None)
        if seen is None:
            if published:
                detail = f"{row.event_type} version {row.version}, event {row.event_id}"
                self._find("missing", detail, row.task_id)
        elif seen.digest != digest_event(row.payload.encode()):
            self._find("changed", f"event {row.event_id} was recorded with other content", row.task_id)

    def tell_unknown(self, since: int) -> int:
        """Find fault with events that the outbox did not have, if they came after `since` (ms); return the others."""
        older = 0
        for event_id, each in self._known.items():
            if each.timestamp < since:
                older += 1
            else:
                detail = f"{each.kind} version {each.version}, event {event_id} is not in the outbox"
                self._find("unknown", detail, each.task_id)
        self._known.clear()
        return older

    def tell_gaps(self) -> None:
        """Find the versions that no topic has: each change of a task is one version and one event."""
        newest = {task_id: versions.bit_length() - 1 for task_id, versions in self._versions.items()}
        for (_, task_id, _), version in self._newest.items():
            newest[task_id] = max(newest.get(task_id, 0), version)
        for task_id, last in sorted(newest.items()):
            seen = self._versions.get(task_id, 0)
            if last - seen.bit_count() > MOST_TOLD:
                self._find("missing", f"{last - seen.bit_count()} of the versions up to {last}", task_id)
                continue
            for version in range(1, last + 1):
                if not seen >> version & 1:
                    self._find("missing", f"version {version}", task_id)

    def _find(self, kind: str, detail: str, task_id: str | None = None) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= MOST_TOLD:
            self.findings.append(Finding(kind, detail, task_id))

    @property
    def tasks(self) -> Iterator[tuple[str, list[Finding]]]:
        """The findings task by task, those that belong to none apart."""
        by_task: dict[str, list[Finding]] = {}
        for each in self.findings:
            if each.task_id is not None:
                by_task.setdefault(each.task_id, []).append(each)
        yield from sorted(by_task.items())


def digest_event(value: bytes) -> bytes:
    """Return a hash of an envelope that stays the same on its way through Dapr.

    Dapr writes the envelope anew: fields in another order, whole numbers as floats, its own fields added.
    """
    envelope = json.loads(value, parse_float=_read_number)
    for name in _ADDED:
        envelope.pop(name, None)
    return blake2b(json.dumps(envelope, sort_keys=True).encode(), digest_size=16).digest()


def _read_number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number
