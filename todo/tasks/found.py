"""The rows of a page of results, and what tells rows with the same title apart."""

from collections import Counter
from typing import NotRequired, cast

from todo.record.places import load_places
from todo.record.queries import load_recurrences_of, load_reminders_of
from todo.record.shapes import ReminderShape, TaskRow, TaskShape
from todo.record.views import say_rule, view_task
from todo.record.work import Work
from todo.text import when

NOTES_SHOWN = 300


class FoundTask(TaskShape):
    """A task in a page of results: with its rule in words, and long notes cut.

    It has no `updated_at`, and a relative reminder has no `remind_text`, so that twenty rows stay below 2,200 tokens;
    get_task shows both. `created_text` stands where several rows have the same title.
    """

    rule_text: NotRequired[str]
    notes_cut: NotRequired[bool]
    created_text: NotRequired[str]


def view_rows(work: Work, rows: list[TaskRow]) -> list[FoundTask]:
    """Return the views of the tasks of a page."""
    reminders = load_reminders_of(work, [row["id"] for row in rows])
    series_ids = {row["recurring_id"] or row["id"] for row in rows if row["recurring_id"] or row["kind"] != "task"}
    recurrences = load_recurrences_of(work, sorted(series_ids))
    places = load_places(work, rows)
    titles = Counter(row["title_key"] for row in rows)
    views = []
    for row in rows:
        shown = view_task(row, reminders.get(row["id"], []), work.zone, recurrences.get(row["id"]), places[row["id"]])
        view = _shorten(shown)
        if (recurrence := recurrences.get(row["recurring_id"] or row["id"])) is not None:
            view["rule_text"] = say_rule(recurrence, work.zone)
        if len(view.get("notes", "")) > NOTES_SHOWN:
            view["notes"] = f"{view['notes'][:NOTES_SHOWN]}…"
            view["notes_cut"] = True
        if titles[row["title_key"]] > 1:
            view["created_text"] = when.say_short(row["created_at"], work.zone)
        views.append(view)
    return views


def _shorten(task: TaskShape) -> FoundTask:
    view = cast("FoundTask", {name: value for name, value in task.items() if name != "updated_at"})
    if "reminders" in view:
        view["reminders"] = [
            cast("ReminderShape", {name: value for name, value in each.items() if name != "remind_text"})
            if "before" in each
            else each
            for each in view["reminders"]
        ]
    return view
