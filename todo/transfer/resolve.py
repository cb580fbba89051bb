"""A draft as a call of ours: what fits is an argument, what does not is kept in the notes and remarked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from events.instants import write_instant
from todo.errors import InvalidArguments, InvalidTime, TodoError
from todo.record.work import Work
from todo.recurrence.schedule import Schedule, next_on_rule
from todo.requests.arguments import read_arguments
from todo.requests.schemas import CreateRecurringTask, CreateTask
from todo.series.parsed_rule import check_mode, read_schedule
from todo.text import when
from todo.text.list_names import INBOX, LONGEST, fold_name, write_name
from todo.transfer.draft import Draft, Reading
from todo.transfer.parents import RECURS, Parent

ReadWords = Callable[[str, datetime], tuple[str, str, str] | None]
"""Reads a time in words: (due, rule, first due), the last two empty for a single time; None if it is none."""
MOST_TITLE, MOST_NOTES, MOST_TAGS, MOST_TAG = 200, 20_000, 50, 64


@dataclass(frozen=True, slots=True)
class Call:
    """A draft that fits: the request that makes it, and when it was done."""

    draft: Draft
    request: CreateTask | CreateRecurringTask
    completed_at: str | None


def resolve(work: Work, draft: Draft, parent: Parent | None, reading: Reading, read_words: ReadWords) -> Call | None:
    """Return the call that a draft is; None if it is refused. What is kept otherwise is remarked in `reading`."""

    def remark(text: str) -> None:
        reading.remark(draft.line, text)

    draft = _fit_texts(draft, remark)
    if not draft.title:
        reading.refuse(draft.line, "It has no title.")
        return None
    draft = _fit_due(work, _read_repeat(work, draft, remark, read_words), remark)
    done = _read_done(work, draft, remark)
    series = _fit_rule(work, draft, remark) if draft.rule and done is None else None
    if draft.rule and done is None and series is None:
        draft = draft.with_note(f"Repeats: {draft.rule}")
    why = "" if parent is None else parent.why or (RECURS if series else "")
    if parent is not None and why:
        remark(f"{why} Its notes name what it is a part of.")
        draft, parent = draft.with_note(f"Part of: {parent.title}"), None
    arguments: dict[str, Any] = {
        "title": draft.title,
        "notes": draft.notes or None,
        "priority": draft.priority,
        "tags": list(draft.tags) or None,
        "list": None if parent is not None else _fit_list(draft.list_name, remark),
        "reminders": None if done else _fit_reminders(work, draft, remark) or None,
    }
    arguments = {name: value for name, value in arguments.items() if value is not None}
    try:
        if series is not None:
            return Call(draft, read_arguments(CreateRecurringTask, {**arguments, **series}).request, None)
        if draft.due:
            arguments |= {"due": draft.due, "zone": draft.zone or None}
        if parent is not None:
            arguments["parent_id"] = parent.task_id
        return Call(draft, read_arguments(CreateTask, arguments).request, done)
    except TodoError as error:
        reading.refuse(draft.line, error.sentence)
        return None


def _fit_texts(draft: Draft, remark: Callable[[str], None]) -> Draft:
    title = " ".join(draft.title.replace("\0", "").split())
    tags = list(dict.fromkeys(draft.tags))
    kept = [tag.strip()[:MOST_TAG] for tag in tags if tag.strip()][:MOST_TAGS]
    if len(tags) > len(kept):
        remark(f"Only {MOST_TAGS} tags are kept.")
    notes = draft.notes.replace("\0", "")
    if (title, tuple(kept), notes) != (draft.title, draft.tags, draft.notes):
        draft = replace(draft, title=title, tags=tuple(kept), notes=notes)
    if len(title) > MOST_TITLE:
        remark("Its title is longer than 200 characters; the whole of it is in the notes.")
        draft = replace(draft.with_note(title), title=title[: MOST_TITLE - 1].rstrip() + "…")
    if len(draft.notes) > MOST_NOTES:
        remark("Its notes are longer than 20,000 characters; the end is left out.")
        draft = replace(draft, notes=draft.notes[:MOST_NOTES])
    return draft


def _fit_list(given: str, remark: Callable[[str], None]) -> str | None:
    """Return the name of a draft's list; None for the inbox."""
    name = write_name(given.replace("\0", ""))
    if len(name) > LONGEST:
        remark(f"The name of its list is longer than {LONGEST} characters; the end is left out.")
        name = name[:LONGEST].rstrip()
    return name if fold_name(name) not in ("", INBOX) else None


def _read_repeat(work: Work, draft: Draft, remark: Callable[[str], None], read_words: ReadWords) -> Draft:
    """Read a time in words, such as `every! 3rd friday`; one that cannot be read goes into the notes."""
    words = draft.repeat.strip()
    if not words:
        return draft
    after = "!" in words.partition(" ")[0]
    found = read_words(words.replace("!", "", 1) if after else words, work.now.astimezone(work.zone))
    if found is None:
        remark(f'"{words[:60]}" could not be read as a time; it is kept in the notes.')
        return draft.with_note(f"When: {words[:200]}")
    due, rule, first = found
    return replace(draft, due=first or draft.due or due, rule=rule, after_completion=after and bool(rule))


def _fit_due(work: Work, draft: Draft, remark: Callable[[str], None]) -> Draft:
    if not draft.due:
        return draft
    try:
        zone = when.read_zone(draft.zone) if draft.zone else work.zone
    except InvalidTime:
        remark(f"The time zone {draft.zone[:40]!r} is unknown; yours is taken.")
        draft, zone = replace(draft, zone=""), work.zone
    try:
        due = when.read_time(draft.due, zone, work.now).due
    except InvalidTime:
        remark(f'"{draft.due[:60]}" is no date that exists; it is kept in the notes.')
        return replace(draft.with_note(f"Due: {draft.due[:60]}"), due="", zone="")
    return replace(draft, zone="") if when.is_date(due) else draft


def _read_done(work: Work, draft: Draft, remark: Callable[[str], None]) -> str | None:
    """Return when a draft was done; None for an open one."""
    if not draft.is_done and not draft.completed_at:
        return None
    if not draft.completed_at:
        return work.at
    try:
        at = when.read_time(draft.completed_at, work.zone, work.now).due
        instant = when.instant_of(at, work.zone)
    except InvalidTime:
        remark("When it was done cannot be read; now is taken.")
        return work.at
    return min(write_instant(instant), work.at)


def _fit_reminders(work: Work, draft: Draft, remark: Callable[[str], None]) -> list[str]:
    kept = []
    for text in draft.reminders[:20]:
        try:
            if text[:4].isdigit() and "-" in text:
                at = when.instant_of(when.read_time(text, work.zone, work.now).due, work.zone, work.day_start)
            elif draft.rule:
                kept.append(text)
                continue
            elif draft.due:
                zone = when.read_zone(draft.zone) if draft.zone else work.zone
                due = when.read_time(draft.due, zone, work.now).due
                at = when.before(due, when.read_duration(text), zone, work.day_start)
            else:
                remark("A reminder needs a due; it is left out.")
                continue
        except (InvalidTime, InvalidArguments):
            remark("A reminder of it cannot be read; it is left out.")
            continue
        if at > work.now:
            kept.append(text)
    return list(dict.fromkeys(kept))


def _fit_rule(work: Work, draft: Draft, remark: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the arguments of a series; None, with a remark, for a rule that cannot be kept."""
    mode: Any = "after_completion" if draft.after_completion else "one_at_a_time"
    try:
        zone = when.read_zone(draft.zone) if draft.zone else work.zone
        parsed = read_schedule(work, draft.rule, draft.due or None, zone)
        check_mode(parsed.rule, mode, None)
        if next_on_rule(Schedule(parsed.rule, parsed.first, zone, mode, wall=parsed.wall), None, work.now) is None:
            remark("Its repetition has no date after now; it is kept in the notes.")
            return None
    except TodoError as error:
        remark(f"Its repetition is kept in the notes: {error.sentence}")
        return None
    return {"rule": draft.rule, "first_due": draft.due or None, "zone": draft.zone or None, "mode": mode}
