"""The rows of a page of results, and what tells rows with the same title apart."""

from collections import Counter
from typing import NotRequired, cast

from todo.record.queries import load_recurrences_of, load_reminders_of
from todo.record.shapes import TaskRow, TaskShape
from todo.record.views import say_rule, view_task
from todo.record.work import Work
from todo.text import when

NOTES_SHOWN = 300
_LEFT_OUT = ("created_at", "updated_at")
"""Fields that get_task shows and a page does without, so that twenty rows stay below 2,200 tokens."""


class FoundTask(TaskShape):
    """A task in a page of results: with its rule in words, long notes cut, and without `created_at` and `updated_at`.

    `created_text` stands where several rows have the same title.
    """

    rule_text: NotRequired[str]
    notes_cut: NotRequired[bool]
    created_text: NotRequired[str]


def view_rows(work: Work, rows: list[TaskRow]) -> list[FoundTask]:
    """Return the views of the tasks of a page."""
    reminders = load_reminders_of(work, [row["id"] for row in rows])
    series_ids = {row["recurring_id"] or row["id"] for row in rows if row["recurring_id"] or row["kind"] != "task"}
    recurrences = load_recurrences_of(work, sorted(series_ids))
    titles = Counter(row["title_key"] for row in rows)
    views = []
    for row in rows:
        whole = view_task(row, reminders.get(row["id"], []), work.zone, recurrences.get(row["id"]))
        view = cast("FoundTask", {name: value for name, value in whole.items() if name not in _LEFT_OUT})
        if (recurrence := recurrences.get(row["recurring_id"] or row["id"])) is not None:
            view["rule_text"] = say_rule(recurrence, work.zone)
        if len(view.get("notes", "")) > NOTES_SHOWN:
            view["notes"] = f"{view['notes'][:NOTES_SHOWN]}…"
            view["notes_cut"] = True
        if titles[row["title_key"]] > 1:
            view["created_text"] = when.say_short(row["created_at"], work.zone)
        views.append(view)
    return views
