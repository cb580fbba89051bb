"""Whether a delivery still goes, now: not what was answered or read already, and not in quiet hours what can wait."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, select

from events.catalog import TaskEvent
from events.instants import read_instant, write_instant
from events.sql import table_of
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
_PERSON = (
    select(_U.c.zone, _U.c.quiet_from, _U.c.quiet_until, _U.c.disabled_at, _P.c.seen_until)
    .outerjoin(_P, _P.c.user_id == _U.c.id)
    .where(_U.c.id == bindparam("user"))
)
_STATE = (
    select(_R.c.sequence, _R.c.status, _R.c.rings, _T.c.status.label("task_status"), _T.c.deleted_at, _N.c.read)
    .join(_T, _T.c.id == _R.c.task_id)
    .outerjoin(_N, (_N.c.id == bindparam("event")) & (_N.c.user_id == bindparam("user")))
    .where(_R.c.id == bindparam("reminder"), _R.c.user_id == bindparam("user"), _T.c.user_id == bindparam("user"))
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery: it goes, with `text` in words; it goes `later`; or it is `dropped`, with a reason."""

    state: Literal["goes", "later", "dropped"]
    text: str = ""
    at: str = ""


@dataclass(slots=True)
class Judge:
    """Looks at deliveries within one transaction; a person's settings are read once."""

    connection: Connection
    now: datetime
    at: str = field(init=False)
    _people: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.at = write_instant(self.now)

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
            self._people[user_id] = self.connection.execute(_PERSON, {"user": user_id}).one_or_none()
        return self._people[user_id]

    def _find_answer(self, row: Any, event: TaskEvent) -> str:
        """Return why a ring is not needed any more, or ""."""
        state = self.connection.execute(
            _STATE, {"reminder": row.reminder_id, "user": row.user_id, "event": row.event_id}
        ).one_or_none()
        if state is None or state.deleted_at is not None:
            return "the task or the reminder is deleted"
        if state.task_status == "completed":
            return "the task is completed"
        if state.sequence != row.sequence or state.status != "fired":
            return "the reminder was moved or cancelled"
        if state.rings > event.data.get("ring", 1):
            return "it has rung again since"
        if state.read:
            return "it was read on the page"
        return ""
