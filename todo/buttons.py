"""The buttons of a reminder where it rings: done, in ten minutes, tomorrow."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, update

from events.instants import read_instant
from events.sql import table_of
from todo.channels.links import LinkOver
from todo.channels.models import ChannelDelivery
from todo.record.queries import find_task, load_reminder
from todo.record.shapes import TaskRow
from todo.record.work import Work
from todo.reminders import snooze_reminder
from todo.requests.schemas import CompleteTask, SnoozeReminder
from todo.tasks.tasks import complete_task
from todo.text import when
from todo.text.display import quote_title

LASTS = timedelta(days=7)
ACTIONS = ("done", "10m", "tomorrow")

_D = table_of(ChannelDelivery)
_OWN = (_D.c.number == bindparam("key")) & (_D.c.user_id == bindparam("user"))
_FIND = select(_D).where(_OWN)
_USE = update(_D).where(_OWN, _D.c.used == bindparam("before")).values(used=bindparam("after"))


@dataclass(frozen=True, slots=True)
class Ring:
    """What the page of a link shows: the task's title, and which buttons can still be used."""

    title: str
    actions: tuple[str, ...]


def read_ring(work: Work, number: int) -> Ring:
    """Return what a link is about; changes nothing. Raises `LinkOver`."""
    row, task = _load(work, number)
    used = row.used.split()
    return Ring(task["title"], tuple(each for each in ACTIONS if each not in used))


def press_button(work: Work, number: int, action: str) -> str:
    """Do what a button says, once, and return what happened in words; raises `LinkOver`."""
    row, task = _load(work, number)
    used = row.used.split()
    if action in used:
        raise LinkOver("This button was used already.", "Open the list to see how the task stands.")
    mine = {"key": number, "user": work.who.user_id}
    done = work.connection.execute(_USE, {**mine, "before": row.used, "after": " ".join([*used, action])})
    if done.rowcount == 0:
        raise LinkOver("This button was used at the same moment.", "Open the list to see how the task stands.")
    if action == "done":
        return str(complete_task(work, CompleteTask(task_id=task["id"]))["message"])
    later: dict[str, Any] = {"duration": "10m"}
    if action == "tomorrow":
        later = {"until": str(when.local_day(work.now, work.zone) + timedelta(days=1))}
    return str(snooze_reminder(work, SnoozeReminder(reminder_id=row.reminder_id, **later))["message"])


def _load(work: Work, number: int) -> tuple[Any, TaskRow]:
    """Return the delivery of a link and its task; raises `LinkOver` for one that is too old or was answered since."""
    row = work.connection.execute(_FIND, {"key": number, "user": work.who.user_id}).one()
    if read_instant(row.made_at) + LASTS <= work.now:
        raise LinkOver("This link is more than a week old.", "Open the list instead.")
    task = find_task(work, row.task_id)
    reminder = load_reminder(work, row.reminder_id)
    if task is None or reminder is None:
        raise LinkOver("The task of this link is deleted.", "Open the list instead.")
    if task["status"] == "completed":
        raise LinkOver(f"{quote_title(task['title'])} is completed already.", "Nothing was changed.")
    if reminder["sequence"] != row.sequence or reminder["status"] != "fired":
        raise LinkOver("This reminder has been moved since.", "Use the buttons of its next ring, or open the list.")
    return row, task
