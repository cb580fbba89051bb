"""The use cases on reminders: set, snooze, cancel; and how reminders follow their task."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Delete, Update, bindparam, case, delete, insert, update

from events.instants import write_instant
from todo.channels.where import say_where
from todo.errors import InvalidArguments, ReminderInPast, TaskNotFound
from todo.record.changes import Change, answer_nothing, hint_series
from todo.record.conflicts import check_version
from todo.record.queries import (
    REMINDER,
    load_reminder,
    load_reminders,
    load_single_task,
    load_task,
)
from todo.record.rows import note_edited
from todo.record.shapes import ReminderRow, TaskRow, WriteAnswer
from todo.record.work import Work
from todo.requests.operation import Effect, Operation
from todo.requests.parts import ReminderSpec
from todo.requests.schemas import CancelReminder, SetReminder, SnoozeReminder
from todo.text import when
from todo.text.display import quote_title
from todo.text.manner import Manner, split_manner

MOST_PER_TASK = 20

_INSERT = insert(REMINDER)
_OWN = (REMINDER.c.id == bindparam("key"), REMINDER.c.user_id == bindparam("owner"))
_UPDATE = update(REMINDER).where(*_OWN)
_ARM = _UPDATE.values(
    remind_at=bindparam("at"),
    status="scheduled",
    sequence=REMINDER.c.sequence + 1,
    cancelled_by=None,
    rings=0,
    ring_at=None,
)
_WAITS = REMINDER.c.status == "scheduled"
# One that has fired stays so and rings no more.
_CANCEL = (
    update(REMINDER)
    .where(
        REMINDER.c.task_id == bindparam("key"),
        REMINDER.c.user_id == bindparam("owner"),
        _WAITS | REMINDER.c.ring_at.is_not(None),
    )
    .values(
        status=case((_WAITS, "cancelled"), else_=REMINDER.c.status),
        cancelled_by=case((_WAITS, bindparam("why")), else_=REMINDER.c.cancelled_by),
        ring_at=None,
    )
)
_SET_MANNER = _UPDATE.values(urgent=bindparam("urgent_is"), nag=bindparam("nag_is"))
_REMOVE = delete(REMINDER).where(*_OWN)
_CANCEL_ONE = _UPDATE.values(status="cancelled", cancelled_by=bindparam("why"), ring_at=None)


def set_reminder(work: Work, request: SetReminder) -> WriteAnswer:
    """Add reminders at times or before the due; what is set already stays. Emits `task.updated`."""
    task = load_single_task(work, request.task_id)
    check_version(work, task, request.expected_version)
    if task["status"] == "completed":
        raise InvalidArguments(f"{quote_title(task['title'])} is completed.", "Reopen it with reopen_task first.")
    wanted, warnings = _resolve_all(work, task, request)
    manner = Manner.read(request.urgent, request.nag)
    present = {each["remind_at"]: each for each in load_reminders(work, task["id"]) if each["status"] == "scheduled"}
    fresh = {at: ahead for at, ahead in wanted.items() if at not in present}
    others = [present[at] for at in wanted if at in present and _differs(present[at], request, manner)]
    if not fresh and not others:
        one = "A reminder is" if len(wanted) == 1 else "Reminders are"
        said = _say_times(work, dict.fromkeys(wanted))
        return answer_nothing(work, task, f"{one} set for {said} already; nothing was changed.", warnings)
    change = Change(work, "set_reminder", request.request_id)
    row = change.update(task, note_edited(task, "reminders"))
    _refuse_too_many(work, task, len(fresh))
    for remind_at, ahead in fresh.items():
        _insert_reminder(work, row, remind_at, ahead, manner)
    for each in others:
        _set_manner(work, each, request, manner)
    changed = {each["remind_at"] for each in others}
    new = {at: ahead for at, ahead in wanted.items() if at in fresh or at in changed}
    sentence = f"You will be reminded of {quote_title(task['title'])} on {_say_times(work, new)}{manner.say()}."
    return change.answer(row, sentence, warnings, hint=hint_series(task), where=say_where(work))


def _resolve_all(work: Work, task: TaskRow, request: SetReminder) -> tuple[dict[str, str | None], list[str]]:
    """Return each wanted instant, in order, with its duration before the due if it has one; and warnings."""
    wanted: dict[str, str | None] = {}
    warnings: list[str] = []
    given: list[tuple[str | None, str | None]] = [(at, None) for at in request.at or ()]
    given += [(None, before) for before in request.before or ()]
    for at, before in given:
        remind_at, ahead, more = resolve_time(work, task, at, before)
        wanted.setdefault(remind_at, ahead)
        warnings += more
    return dict(sorted(wanted.items())), warnings


def _differs(reminder: ReminderRow, request: SetReminder, manner: Manner) -> bool:
    """Return whether a call gives a reminder that is there already another manner."""
    urgent, nag = request.urgent is not None, request.nag is not None
    return (urgent and bool(reminder["urgent"]) != manner.urgent) or (nag and reminder["nag"] != manner.nag)


def _set_manner(work: Work, reminder: ReminderRow, request: SetReminder, manner: Manner) -> None:
    urgent = bool(reminder["urgent"]) if request.urgent is None else manner.urgent
    nag = reminder["nag"] if request.nag is None else manner.nag
    own = {"key": reminder["id"], "owner": work.who.user_id}
    work.connection.execute(_SET_MANNER, {**own, "urgent_is": urgent, "nag_is": nag})


def _say_times(work: Work, times: dict[str, str | None]) -> str:
    """Return instants in words, each with its distance from the due if it has one: `… (1h before the due) and …`."""
    said = [
        f"{when.say_instant(at, work.zone)}{f' ({ahead} before the due)' if ahead and ahead != '0m' else ''}"
        for at, ahead in times.items()
    ]
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else said[0]


def snooze_reminder(work: Work, request: SnoozeReminder) -> WriteAnswer:
    """Ring a reminder again later, under the next `sequence`; emits `task.updated`."""
    task, reminder = _pick_reminder(work, request.reminder_id, request.task_id)
    check_version(work, task, request.expected_version)
    if task["status"] == "completed":
        raise InvalidArguments(f"{quote_title(task['title'])} is completed.", "Reopen it with reopen_task first.")
    warnings: list[str] = []
    if request.until is not None:
        reading = when.read_time(request.until, work.zone, work.now)
        warnings.extend(reading.warnings)
        remind_at = write_instant(when.instant_of(reading.due, work.zone, work.day_start))
    else:
        by = when.read_duration(request.duration or "")
        remind_at = write_instant(when.add(work.now.replace(microsecond=0), by, work.zone))
    _refuse_past(work, remind_at)
    change = Change(work, "snooze_reminder", request.request_id)
    row = change.update(task, note_edited(task, "reminders"))
    _write(work, _ARM, reminder["id"], at=remind_at)
    text = when.say_instant(remind_at, work.zone)
    sentence = f"{quote_title(task['title'])} will ring again on {text}."
    return change.answer(row, sentence, warnings, hint=hint_series(task))


def cancel_reminder(work: Work, request: CancelReminder) -> WriteAnswer:
    """Cancel one reminder, or all that wait on a task; emits `task.updated`."""
    if request.reminder_id is not None:
        reminder = _load_reminder(work, request.reminder_id)
        task = load_task(work, reminder["task_id"])
        waiting = [reminder] if _waits(reminder) else []
    else:
        task = load_single_task(work, request.task_id or "")
        waiting = [each for each in load_reminders(work, task["id"]) if _waits(each)]
    check_version(work, task, request.expected_version)
    if not waiting:
        return answer_nothing(work, task, f"No reminder of {quote_title(task['title'])} waits; nothing was changed.")
    change = Change(work, "cancel_reminder", request.request_id)
    row = change.update(task, note_edited(task, "reminders"))
    for each in waiting:
        _write(work, _CANCEL_ONE, each["id"], why="person")
    count = "The reminder" if len(waiting) == 1 else f"All {len(waiting)} reminders"
    verb = "is" if len(waiting) == 1 else "are"
    sentence = f"{count} of {quote_title(task['title'])} {verb} cancelled."
    return change.answer(row, sentence, hint=hint_series(task))


OPERATIONS = (
    Operation("set_reminder", SetReminder, set_reminder, Effect(idempotent=True)),
    Operation("snooze_reminder", SnoozeReminder, snooze_reminder),
    Operation("cancel_reminder", CancelReminder, cancel_reminder, Effect(destructive=True, idempotent=True)),
)


def _waits(reminder: ReminderRow) -> bool:
    """Return whether a reminder will ring, for the first time or again."""
    return reminder["status"] == "scheduled" or reminder["ring_at"] is not None


def add_reminder(work: Work, task: TaskRow, spec: ReminderSpec) -> ReminderRow:
    """Write one reminder of a task that was just written; the same time twice is one reminder."""
    at, before = spec.at, spec.before
    if (at is None) == (before is None):
        raise InvalidArguments("A reminder has exactly one of at and before.", "Give a time or a duration.")
    remind_at, ahead, _ = resolve_time(work, task, at, before)
    for each in load_reminders(work, task["id"]):
        if each["status"] == "scheduled" and each["remind_at"] == remind_at:
            return each
    _refuse_too_many(work, task, 1)
    return _insert_reminder(work, task, remind_at, ahead, Manner.read(spec.urgent, spec.nag))


def _refuse_too_many(work: Work, task: TaskRow, more: int) -> None:
    """Refuse if a task would have more reminders than it may."""
    if sum(each["cancelled_by"] != "series" for each in load_reminders(work, task["id"])) + more > MOST_PER_TASK:
        raise InvalidArguments(f"A task has at most {MOST_PER_TASK} reminders.", "Snooze one of them instead.")


def _insert_reminder(
    work: Work, task: TaskRow, remind_at: str, before: str | None, manner: Manner, cancelled_by: str | None = None
) -> ReminderRow:
    row: ReminderRow = {
        "id": work.ids.new(),
        "user_id": work.who.user_id,
        "task_id": task["id"],
        "remind_at": remind_at,
        "before": before,
        "status": "scheduled" if cancelled_by is None else "cancelled",
        "sequence": 1,
        "cancelled_by": cancelled_by,
        "fired_at": None,
        "urgent": manner.urgent,
        "nag": manner.nag,
        "rings": 0,
        "ring_at": None,
    }
    work.connection.execute(_INSERT, dict(row))
    return row


def resolve_time(work: Work, task: TaskRow, at: str | None, before: str | None) -> tuple[str, str | None, list[str]]:
    """Return (instant, canonical duration before the due or None, warnings) of a requested reminder.

    Raises `ReminderInPast`, `InvalidTime`, or `InvalidArguments` for `before` without a due.
    """
    if at is not None:
        reading = when.read_time(at, work.zone, work.now)
        remind_at = write_instant(when.instant_of(reading.due, work.zone, work.day_start))
        _refuse_past(work, remind_at)
        return remind_at, None, list(reading.warnings)
    ahead = when.read_duration(before or "")
    if task["due"] is None:
        raise InvalidArguments(
            f"{quote_title(task['title'])} has no due from which a reminder could count.",
            "Give the reminder a time with at.",
        )
    remind_at = _relative(work, task, ahead)
    _refuse_past(work, remind_at)
    return remind_at, when.write_duration(ahead), []


def follow_due(work: Work, task: TaskRow) -> list[str]:
    """Move the relative reminders of a task whose due has moved; return warnings in words.

    Those whose new time is ahead are armed again, also fired ones; those whose time is past are cancelled. Without
    a due all relative ones are cancelled until one returns.
    """
    warnings = []
    for each in load_reminders(work, task["id"]):
        if each["before"] is None or each["cancelled_by"] in ("person", "series") or task["status"] == "completed":
            continue
        if task["due"] is None:
            if each["status"] == "scheduled":
                _write(work, _CANCEL_ONE, each["id"], why="no due")
                warnings.append(f"The reminder {each['before']} before the due waits until there is a due again.")
            continue
        remind_at = _relative(work, task, when.read_duration(each["before"]))
        if remind_at > work.at:
            _write(work, _ARM, each["id"], at=remind_at)
        elif each["status"] == "scheduled":
            _write(work, _CANCEL_ONE, each["id"], why="past")
            warnings.append(f"The reminder {each['before']} before the due is cancelled: its time is past.")
    return warnings


def cancel_scheduled(work: Work, task_id: str, why: str) -> int:
    """Cancel all scheduled reminders of a task and return how many; `why` decides whether reopening re-arms them."""
    return _write(work, _CANCEL, task_id, why=why)


def rearm_cancelled(work: Work, task: TaskRow, why: str) -> list[str]:
    """Re-arm reminders that were cancelled for this reason and are still ahead; warn about those that have passed."""
    warnings = []
    for each in load_reminders(work, task["id"]):
        if each["status"] != "cancelled" or each["cancelled_by"] != why:
            continue
        remind_at = each["remind_at"]
        if each["before"] is not None and task["due"] is not None:
            remind_at = _relative(work, task, when.read_duration(each["before"]))
        if remind_at > work.at:
            _write(work, _ARM, each["id"], at=remind_at)
        else:
            text = when.say_instant(remind_at, work.zone)
            warnings.append(f"The reminder of {text} has passed and stays cancelled.")
    return warnings


def carry_reminders(work: Work, task: TaskRow, befores: list[str], since: str | None = None) -> list[str]:
    """Add a series' reminders to one of its instances; return warnings about those whose time has passed.

    A reminder whose time has passed is stored as cancelled. One between `since` and now rings late instead, because
    the instance could not exist earlier.
    """
    warnings = []
    for text in befores:
        ahead, urgent, nag = split_manner(text)
        remind_at = _relative(work, task, when.read_duration(ahead))
        over = remind_at <= work.at and (since is None or remind_at < since)
        if over:
            warnings.append(f"The reminder {ahead} before {when.say_due(task['due'], work.zone)} is past already.")
        manner = Manner.read(urgent, nag)
        _insert_reminder(work, task, remind_at, ahead, manner, cancelled_by="past" if over else None)
    return warnings


def replace_reminders(work: Work, task: TaskRow, befores: list[str]) -> list[str]:
    """Replace an instance's scheduled reminders by the series' new ones; return warnings."""
    cancel_scheduled(work, task["id"], "series")
    return carry_reminders(work, task, befores) if task["due"] is not None else []


def _write(work: Work, statement: Update | Delete, key: str, **values: str) -> int:
    """Run a write on the caller's own reminders; return how many rows it touched."""
    return work.connection.execute(statement, {"key": key, "owner": work.who.user_id, **values}).rowcount


def remove_reminder(work: Work, reminder_id: str) -> None:
    """Delete a reminder as if it had never been set."""
    _write(work, _REMOVE, reminder_id)


def put_back(
    work: Work,
    task: TaskRow,
    reminder_id: str,
    at: str,
    status: str,
    wanted: Mapping[str, Any],
) -> None:
    """Restore a reminder to a view of it, at an instant and with a status.

    A re-armed one gets a `sequence` that it has not had before.

    The status `passed` means a scheduled reminder whose time has passed since: it stays cancelled.
    """
    why = "completed" if task["status"] == "completed" else "person"
    known = load_reminder(work, reminder_id)
    sequence = int(wanted["sequence"])
    last = sequence if known is None else max(sequence, known["sequence"])
    row = {
        "remind_at": at,
        "before": wanted.get("before"),
        "urgent": wanted.get("urgent", False),
        "nag": wanted.get("nag"),
        "rings": 0,
        "ring_at": None,
        "status": status,
        "sequence": last + 1 if status == "scheduled" else last,
        "cancelled_by": None,
    }
    if status == "passed":
        row |= {"status": "cancelled", "cancelled_by": "past"}
    elif status == "cancelled":
        row["cancelled_by"] = why if known is None else known["cancelled_by"] or why
    if known is None:
        work.connection.execute(_INSERT, {**row, "id": reminder_id, "user_id": work.who.user_id, "task_id": task["id"]})
    else:
        _write(work, _UPDATE.values(**row), reminder_id)


def _relative(work: Work, task: TaskRow, ahead: when.Duration) -> str:
    """Return the instant that lies `ahead` of the due of a task that has one."""
    if task["due"] is None:
        raise ValueError("a relative reminder needs a due")
    zone = work.zone if task["zone"] is None else when.read_zone(task["zone"])
    return write_instant(when.before(task["due"], ahead, zone, work.day_start))


def _refuse_past(work: Work, remind_at: str) -> None:
    if remind_at <= work.at:
        raise ReminderInPast(
            f"{when.say_instant(remind_at, work.zone)} has passed; now is {when.say_now(work.now, work.zone)}.",
            "Give a later time.",
        )


def _pick_reminder(work: Work, reminder_id: str | None, task_id: str | None) -> tuple[TaskRow, ReminderRow]:
    if reminder_id is not None:
        reminder = _load_reminder(work, reminder_id)
        return load_task(work, reminder["task_id"]), reminder
    task = load_single_task(work, task_id or "")
    rung = [each for each in load_reminders(work, task["id"]) if each["fired_at"] is not None]
    if not rung:
        raise InvalidArguments(
            f"No reminder of {quote_title(task['title'])} has rung yet.", "Name the one to move with reminder_id."
        )
    return task, max(rung, key=lambda each: str(each["fired_at"]))


def _load_reminder(work: Work, reminder_id: str) -> ReminderRow:
    reminder = load_reminder(work, reminder_id)
    if reminder is None:
        raise TaskNotFound("There is no reminder with this id.", "get_task shows a task's reminders and their ids.")
    return reminder
