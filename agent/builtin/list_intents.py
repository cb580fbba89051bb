"""The intents that list tasks: each function completes the draft that the language file gives."""

from dataclasses import replace
from datetime import date, timedelta

from agent.builtin.intent import Intent
from agent.builtin.reader import Reader


def search(reader: Reader, draft: Intent) -> Intent:
    """List the tasks that contain some words, completed ones included; a day is not looked for as a word."""
    text = draft.slots["text"]
    if _read_span(reader, text, past=False):
        due = replace(draft, name="list_due", heading="list_due", slots={"span": text})
        return list_due(reader, due)
    split = reader.split(text)
    if split.when is not None or split.doubt:
        return reader.refuse("search_or_add", text=reader.restore(reader.sentence))
    return replace(draft, args={"text": reader.read_target(draft.slots["text"]).text, "status": "all"})


def show(reader: Reader, draft: Intent) -> Intent:
    """Show one task, or what is due if a span of days is named instead: "show me next week"."""
    if _read_span(reader, draft.slots["target"], past=False) is None:
        return draft
    span = replace(draft, name="list_due", heading="list_due", tool="find_tasks", scope={}, target=None)
    return list_due(reader, replace(span, slots={"span": draft.slots["target"]}))


def list_tagged(reader: Reader, draft: Intent) -> Intent:
    """List the tasks with a tag."""
    return replace(draft, args={"tags": [reader.restore(draft.slots["tag"]).lstrip("#")]})


def list_named(reader: Reader, draft: Intent) -> Intent:
    """List the open tasks of a list."""
    return replace(draft, args={"list": reader.restore(draft.slots["list"])})


def list_priority(reader: Reader, draft: Intent) -> Intent:
    """List the tasks of a priority, `high` if no level is named."""
    level = reader.read_level(draft.slots.get("level", "high"))
    return replace(draft, args={"priority": level}) if level else reader.refuse("bad_level")


def list_sorted(reader: Reader, draft: Intent) -> Intent:
    """List the open tasks in an order."""
    order = reader.language.reading["orders"].get(draft.slots["order"].lower())
    return replace(draft, args={"sort": order}) if order else reader.refuse("bad_order")


def complete_many(reader: Reader, draft: Intent) -> Intent:
    """Plan to complete all that is due within a span of days."""
    span = _read_span(reader, draft.slots["span"], past=False)
    if span is None:
        return reader.refuse_time(draft.slots["span"])
    return replace(draft, args={"filter": _write_span(span), "change": {"complete": True}})


def move_many(reader: Reader, draft: Intent) -> Intent:
    """Plan to move all that is due on a day; each task keeps its time of day."""
    span = _read_span(reader, draft.slots["span"], past=False)
    if span is None:
        return reader.refuse_time(draft.slots["span"])
    if "lead" in draft.slots:
        shift = reader.read_duration(draft.slots["lead"])
        return (
            replace(draft, args={"filter": _write_span(span), "change": {"shift": shift}})
            if shift
            else reader.refuse("bad_lead")
        )
    day = reader.read_day(draft.slots["when"])
    if not day:
        return reader.refuse_time(draft.slots["when"])
    days = (date.fromisoformat(day) - span[0]).days
    is_one_day = span[0] == span[1]
    if not days:
        return reader.refuse_time(draft.slots["when"])
    change = {"shift": f"{days}d"} if is_one_day else {"due": day}
    return replace(draft, args={"filter": _write_span(span), "change": change})


def _write_span(span: tuple[date, date]) -> dict[str, str]:
    return {"due_from": str(span[0]), "due_until": str(span[1])}


def list_completed(reader: Reader, draft: Intent) -> Intent:
    """List what was completed, within a span of days if one is named."""
    if "span" not in draft.slots:
        return draft
    span = _read_span(reader, draft.slots["span"], past=True)
    if span is None:
        return reader.refuse("bad_time", text=draft.slots["span"])
    return replace(draft, args={**draft.args, "completed_from": str(span[0]), "completed_until": str(span[1])})


def list_due(reader: Reader, draft: Intent) -> Intent:
    """List what is due within a span of days; without a slot, the whole sentence names the span."""
    text = draft.slots.get("span", reader.sentence)
    span = _read_span(reader, text, past=False)
    if span is None:
        return reader.refuse_time(text)
    return replace(draft, args={"due_from": str(span[0]), "due_until": str(span[1])})


def list_due_by(reader: Reader, draft: Intent) -> Intent:
    """List what is due until a time."""
    when = reader.read_time(draft.slots["when"])
    if when is None or not when.due:
        return reader.refuse_time(draft.slots["when"])
    return replace(draft, args={"due_until": when.due})


def _read_span(reader: Reader, text: str, *, past: bool) -> tuple[date, date] | None:
    """Return the first and last day of a span of days, or None if the text names none.

    With `past`, "this week" and "this month" end today instead of beginning today.
    """
    today, low = reader.now.date(), text.lower()
    monday = today - timedelta(days=today.weekday())
    next_month = (today.replace(day=28) + timedelta(days=4)).replace(day=1)
    spans = {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1),) * 2,
        "tomorrow": (today + timedelta(days=1),) * 2,
        "week": (monday, today) if past else (today, monday + timedelta(days=6)),
        "month": (today.replace(day=1), today) if past else (today, next_month - timedelta(days=1)),
        "next week": (monday + timedelta(days=7), monday + timedelta(days=13)),
        "weekend": (max(today, monday + timedelta(days=5)), monday + timedelta(days=6)),
        "next weekend": (monday + timedelta(days=12), monday + timedelta(days=13)),
        "seven": (today, today + timedelta(days=7)),
    }
    names = reader.language.reading["spans"]
    if low in names:
        return spans[names[low]]
    period = "" if past else low.removeprefix("in ").removeprefix("on ")
    if period and (end := reader.read_day(f"end of {period}")):
        # Of a month that has begun, the rest is meant.
        start = reader.read_day(f"start of {period}")
        return date.fromisoformat(start) if "" < start <= end else today, date.fromisoformat(end)
    day = "" if past else reader.read_day(text) or reader.read_day(f"on {text}")
    if not day:
        return None
    return date.fromisoformat(day), date.fromisoformat(day)
