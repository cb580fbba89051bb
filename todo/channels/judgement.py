"""Whether a delivery still goes, now: not what was answered or read already, and not in quiet hours what can wait."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, select

from events.catalog import TaskEvent
from events.instants import read_instant, write_instant
from events.sql import HotQuery, WithoutIndex, table_of
from todo.channels.models import Presence
from todo.channels.quiet import find_quiet_end
from todo.channels.words import say_ring
from todo.record.models import Notification, Reminder, Task, User
from todo.text import when

HELD_BACK = timedelta(seconds=20)
"""How long a ring waits for a person who has a page before them: they may see it there."""
_SAID_FROM = timedelta(seconds=90)
"""From this delay on a message says when its reminder rang."""

_U, _P, _R, _T, _N = (table_of(each) for each in (User, Presence, Reminder, Task, Notification))
_PERSON = HotQuery(
    select(_U.c.zone, _U.c.quiet_from, _U.c.quiet_until, _U.c.disabled_at, _P.c.seen_until)
    .outerjoin(_P, _P.c.user_id == _U.c.id)
    .where(_U.c.id == bindparam("user"))
)
_STATE = (
    select(_R.c.id, _R.c.sequence, _R.c.status, _R.c.rings, _T.c.status.label("task_status"), _T.c.deleted_at)
    .join(_T, _T.c.id == _R.c.task_id)
    .where(
        *(_R.c.id.in_(bindparam("reminders", expanding=True)), WithoutIndex(_R.c.user_id) == bindparam("user")),
        WithoutIndex(_T.c.user_id) == bindparam("user"),
    )
)
_READ = select(_N.c.id).where(
    _N.c.id.in_(bindparam("events", expanding=True)),
    *(WithoutIndex(_N.c.user_id) == bindparam("user"), _N.c.read.is_(True)),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery: it goes, with `text` in words; it goes `later`; or it is `dropped`, with a reason."""

    state: Literal["goes", "later", "dropped"]
    text: str = ""
    at: str = ""


@dataclass(slots=True)
class Judge:
    """Looks at deliveries within one transaction; what they have in common is read once."""

    connection: Connection
    now: datetime
    lease: timedelta
    at: str = field(init=False)
    leased_until: str = field(init=False)
    _people: dict[str, Any] = field(default_factory=dict)
    _reminders: dict[tuple[str, str], Any] = field(default_factory=dict)
    _read: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.at = write_instant(self.now)
        self.leased_until = write_instant(self.now + self.lease)

    def prepare(self, rows: Sequence[Any]) -> None:
        """Read at once how the reminders of some rings of one person stand; rings are looked at after this alone."""
        rings = [row for row in rows if row.what == "ring"]
        if not rings:
            return
        user = rings[0].user_id
        reminders = {"reminders": [row.reminder_id for row in rings], "user": user}
        for state in self.connection.execute(_STATE, reminders):
            self._reminders[user, state.id] = state
        events = {"events": [row.event_id for row in rings], "user": user}
        self._read |= {(user, event_id) for event_id in self.connection.execute(_READ, events).scalars()}

    def look(self, row: Any, event: TaskEvent) -> Verdict:
        """Judge one row of `channel_delivery`."""
        person = self._find_person(row.user_id)
        if person is None or person.disabled_at is not None:
            return Verdict("dropped", "the person may not use the service any more")
        if row.what != "ring":
            return Verdict("goes")
        if reason := self._find_answer(row, event):
            return Verdict("dropped", reason)
        zone = when.read_zone(person.zone)
        made_at = read_instant(row.made_at)
        if quiet := self._find_quiet(row, person):
            return quiet
        is_seen = person.seen_until is not None and person.seen_until > row.made_at
        if is_seen and row.attempts == 0 and self.now < made_at + HELD_BACK:
            return Verdict("later", at=write_instant(made_at + HELD_BACK))
        text = say_ring(event)
        if self.now - made_at >= _SAID_FROM:
            text += f". It rang on {when.say_instant(row.made_at, zone)}"
        return Verdict("goes", text)

    def look_at_notice(self, row: Any, text: str) -> Verdict:
        """Judge a notice, which has waited long enough to wait for the end of quiet hours too."""
        person = self._find_person(row.user_id)
        if person is None or person.disabled_at is not None:
            return Verdict("dropped", "the person may not use the service any more")
        if not text:
            return Verdict("dropped", "there is nothing to tell any more")
        return self._find_quiet(row, person) or Verdict("goes", text)

    def _find_quiet(self, row: Any, person: Any) -> Verdict | None:
        zone = when.read_zone(person.zone)
        end = find_quiet_end(self.now, person.quiet_from, person.quiet_until, zone)
        return None if row.urgent or end is None else Verdict("later", at=write_instant(end))

    def _find_person(self, user_id: str) -> Any:
        if user_id not in self._people:
            self._people[user_id] = _PERSON.first(self.connection, {"user": user_id})
        return self._people[user_id]

    def _find_answer(self, row: Any, event: TaskEvent) -> str:
        """Return why a ring is not needed any more, or ""."""
        state = self._reminders.get((row.user_id, row.reminder_id))
        if state is None or state.deleted_at is not None:
            return "the task or the reminder is deleted"
        if state.task_status == "completed":
            return "the task is completed"
        if state.sequence != row.sequence or state.status != "fired":
            return "the reminder was moved or cancelled"
        if state.rings > event.data.get("ring", 1):
            return "it has rung again since"
        if (row.user_id, row.event_id) in self._read:
            return "it was read on the page"
        return ""
