"""An entry of a calendar feed, before it is written as an event or as a to-do."""

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from todo.recurrence.rule import Rule


@dataclass(frozen=True, slots=True)
class Alarm:
    """When an entry rings: at an instant, or so many seconds after its start (negative: before)."""

    at: str | None = None
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Recurring:
    """How an entry recurs: by a rule that ends at `until`, or on the further dates of a list, and not on `left_out`."""

    rule: Rule | None = None
    until: str | None = None
    further: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One event or to-do.

    `due` is a date or an instant, None only for a to-do; `zone` is the zone in which its local time is written, None
    for UTC. `instead_of` is the date of a series that this entry stands for (RECURRENCE-ID). `wall` is the local time
    that `due` was to have, if a clock change skipped it. `start` is of the same kind as `due` (RFC 5545, section
    3.8.2.3), `parent` the entry above; only to-dos have them.
    """

    uid: str
    title: str
    due: str | None
    sequence: int
    changed_at: str
    created_at: str
    status: Literal["open", "completed"] = "open"
    completed_at: str | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    priority: int = 0
    zone: ZoneInfo | None = None
    alarms: tuple[Alarm, ...] = ()
    recurring: Recurring | None = None
    instead_of: str | None = None
    wall: str | None = None
    start: str | None = None
    parent: str | None = None
