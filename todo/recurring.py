"""The use cases on recurrence: what a rule would mean."""

from todo import rules, when
from todo.errors import InvalidArguments
from todo.queries import load_task
from todo.schemas import PreviewOccurrences
from todo.views import View
from todo.work import Work


def preview_occurrences(work: Work, request: PreviewOccurrences) -> View:
    """Return `{occurrences: [{due, due_local, due_text}], rule_text, warnings?, now}`; stores nothing.

    A rule that lies wholly in the past is shown as well. Raises `RuleInvalid`, `RuleTooFrequent`, `RuleNeverOccurs`,
    `InvalidTime`, and `InvalidArguments` unless exactly one of `task_id` and `rule` is given.
    """
    if (request.task_id is None) == (request.rule is None):
        raise InvalidArguments("Exactly one of task_id and rule is wanted.", "Give a rule: FREQ=WEEKLY;BYDAY=MO.")
    if request.rule is None:
        task = load_task(work, request.task_id or "")
        raise InvalidArguments(f'"{task["title"]}" is not a recurring task.', "Give a rule to see its dates.")
    zone = work.zone if request.zone is None else when.read_zone(request.zone)
    rule = rules.parse(request.rule)
    warnings: list[str] = []
    if request.first_due is None:
        first = rules.default_first(rule, zone, work.now)
    else:
        reading = when.read_time(request.first_due, zone, work.now)
        warnings.extend(reading.warnings)
        first, moved = rules.snap(rule, reading.due, zone)
        warnings += [moved] if moved else []
    warnings += rules.check(rule, first, zone)
    after = None if request.after is None else when.read_time(request.after, zone, work.now).due
    dues = rules.occurrences(rule, first, zone, after, request.count)
    view: View = {
        "occurrences": [
            {"due": due, "due_local": when.local_form(due, zone), "due_text": when.say_due(due, zone)} for due in dues
        ],
        "rule_text": rules.describe(rule, first, zone),
    }
    if warnings:
        view["warnings"] = warnings
    view["now"] = when.say_now(work.now, work.zone)
    return view
