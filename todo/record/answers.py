"""What a write answers: what is now true, in data and in one sentence."""

from todo.record.changes import Recorded
from todo.record.queries import Row
from todo.record.rows import show_task
from todo.record.views import View
from todo.record.work import Work
from todo.text import when


def answer_write(
    work: Work,
    task: View,
    recorded: Recorded,
    message: str,
    warnings: list[str] | None = None,
    next_occurrence: View | None = None,
) -> View:
    """Return the answer of a write: what is now true, in data and in one sentence."""
    answer: View = {"task": task, "change_id": recorded.change_id, "events": recorded.events}
    if "recurring_id" in task:
        answer["recurring_id"] = task["recurring_id"]
    if next_occurrence is not None:
        answer["next_occurrence"] = next_occurrence
    if warnings:
        answer["warnings"] = warnings
    answer["message"] = message
    answer["now"] = when.say_now(work.now, work.zone)
    return answer


def answer_nothing(work: Work, task: Row, message: str, warnings: list[str] | None = None) -> View:
    """Return the answer of a call that changed nothing: no change id, no events, and a sentence that says so."""
    answer: View = {"task": show_task(work, task), "events": []}
    if warnings:
        answer["warnings"] = warnings
    answer["message"] = message
    answer["now"] = when.say_now(work.now, work.zone)
    return answer


def only_this(task: Row) -> str:
    """Return the sentence that a change of one instance ends with; nothing for other tasks."""
    return "" if task["recurring_id"] is None else " Only this occurrence; update_recurring_task changes all."
