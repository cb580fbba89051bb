"""The audit of the topics: per task the events that are missing, doubled, out of order or foreign."""
# Payloads are hashed and dropped: an event of any size costs some 300 bytes.

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from events.catalog import STATE_EVENTS, TaskEvent, TopicStyle, name_topic
from events.cloudevent import Unreadable, decode_event

MOST_LISTED = 1_000
"""Findings of one kind that are listed; the rest is only counted."""
MOST_VERSIONS = 1_000_000
"""Most versions of one task; a record with a higher version counts as foreign."""
_ADDED = ("topic", "pubsubname", "traceid", "traceparent", "tracestate", "expiration")
"""Attributes that Dapr adds to an envelope, different with each attempt."""


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
        """The record's position, for people to read."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation: `kind` is missing, changed, order, key, foreign or unknown."""

    kind: str
    detail: str
    task_id: str | None = None

    def write(self) -> dict[str, Any]:
        """Return the JSON form."""
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
    """Takes records in the order of their offsets, then optionally the outbox, and collects findings.

    `_versions` holds a bit for each version of a task that a state event has brought, `_newest` the highest version
    by topic, task and kind of event.
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
        """Audit one record."""
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
        # An event that changes nothing carries the version that it read, which a later change may have passed already.
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
        """Compare one outbox row: a published event must be in its topic, with the recorded content.

        `row` has `event_id`, `event_type`, `task_id`, `version` and `payload`.
        """
        seen = self._known.pop(row.event_id, None)
        if seen is None:
            if published:
                detail = f"{row.event_type} version {row.version}, event {row.event_id}"
                self._find("missing", detail, row.task_id)
        elif seen.digest != digest_event(row.payload.encode()):
            self._find("changed", f"event {row.event_id} was recorded with other content", row.task_id)

    def find_unknown(self, since: int) -> int:
        """Report events after `since` (ms) that are not in the outbox; return how many older ones there are."""
        older = 0
        for event_id, each in self._known.items():
            if each.timestamp < since:
                older += 1
            else:
                detail = f"{each.kind} version {each.version}, event {event_id} is not in the outbox"
                self._find("unknown", detail, each.task_id)
        self._known.clear()
        return older

    def find_gaps(self) -> None:
        """Report the versions that no topic holds: each change of a task makes one version and one event."""
        newest = {task_id: versions.bit_length() - 1 for task_id, versions in self._versions.items()}
        for (_, task_id, _), version in self._newest.items():
            newest[task_id] = max(newest.get(task_id, 0), version)
        for task_id, last in sorted(newest.items()):
            seen = self._versions.get(task_id, 0)
            if last - seen.bit_count() > MOST_LISTED:
                self._find("missing", f"{last - seen.bit_count()} of the versions up to {last}", task_id)
                continue
            for version in range(1, last + 1):
                if not seen >> version & 1:
                    self._find("missing", f"version {version}", task_id)

    def _find(self, kind: str, detail: str, task_id: str | None = None) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= MOST_LISTED:
            self.findings.append(Finding(kind, detail, task_id))

    @property
    def tasks(self) -> Iterator[tuple[str, list[Finding]]]:
        """The findings by task, without those that belong to no task."""
        by_task: dict[str, list[Finding]] = {}
        for each in self.findings:
            if each.task_id is not None:
                by_task.setdefault(each.task_id, []).append(each)
        yield from sorted(by_task.items())


def digest_event(value: bytes) -> bytes:
    """Return a hash of an envelope that survives the way through Dapr.

    Dapr rewrites the envelope: it reorders fields, writes integers as floats and adds fields of its own.
    """
    envelope = json.loads(value, parse_float=_read_number)
    for name in _ADDED:
        envelope.pop(name, None)
    return blake2b(json.dumps(envelope, sort_keys=True).encode(), digest_size=16).digest()


def _read_number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number
