"""What a write answers: what is now true, in data and in one sentence."""

from todo import when
from todo.changes import Recorded
from todo.queries import Row
from todo.saving import show_task
from todo.views import View
from todo.work import Work


def answer_write(work: Work, task: View, recorded: Recorded, message: str, warnings: list[str] | None = None) -> View:
    """Return the answer of a write: what is now true, in data and in one sentence."""
    answer: View = {"task": task, "change_id": recorded.change_id, "events": recorded.events}
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
